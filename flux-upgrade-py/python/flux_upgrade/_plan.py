"""What a plan says, as values: frozen, comparable, hashable and picklable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._record import Record


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that holds a site; its kind is in Flux's spelling."""

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a site stays as it is: a kind such as `beyondRules`, and what belongs to it.

    `reason["newest"]` reads one of the `details`.
    """

    kind: str
    details: Record[Any] = field(default_factory=Record)

    def __getitem__(self, name: str) -> Any:
        return self.details[name]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a file that pins or constrains a version.

    `line` and `column` count from 1, `column` in code points; `field` is dotted from the object's root.
    `more` has what else the plan's JSON says of it.
    """

    id: str
    path: str
    line: int
    column: int
    owner: Owner
    field: str

    @property
    def at(self) -> str:
        """`path:line:column`."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Change(Site):
    """A site that moves, with its value before and after; `level` is how far."""

    from_: str
    to: str
    level: str | None = None
    more: Record[Any] = field(default_factory=Record)


@dataclass(frozen=True, slots=True)
class Held(Site):
    """A site that stays as it is, with its value and the reason."""

    written: str
    reason: Reason
    more: Record[Any] = field(default_factory=Record)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding about a file, which stops nothing.

    `severity` is `error`, `warning` or `note`; `line` and `column` count from 1.
    """

    code: str
    severity: str
    message: str
    help: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    more: Record[Any] = field(default_factory=Record)


@dataclass(frozen=True, slots=True)
class Step:
    """A move of Flux that is safe once the steps before it run in the cluster.

    `changes` are the ids of the changes of this plan that belong to it, none where it is held or comes later, and
    `group` is the group that has them. `migrations` are the objects that move with it, `preflight` what to look at
    before it, and `in_cluster` the commands to run against the cluster before it is merged.
    """

    from_: str
    to: str
    group: str | None
    changes: tuple[str, ...]
    migrations: tuple[Record[Any], ...]
    preflight: tuple[Diagnostic, ...]
    in_cluster: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """The steps of one place that installs Flux, the first of which is what the plan does; `id` is that of its site."""

    id: str
    path: str
    line: int
    column: int
    owner: Owner
    clusters: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """What one ImageUpdateAutomation would commit: its object, the message by `messageTemplate`, and ids of changes."""

    namespace: str | None
    name: str
    path: str
    line: int
    column: int
    message: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that are reviewed and merged together, by their ids.

    `level` is the highest of them, `delivery` how the rules want them: `pull-request`, `commit` or `inline`; `schedule`
    says when, in UTC, and is empty for at any time. `after` has the ids of the groups that are merged before it.
    """

    id: str
    title: str
    level: str
    delivery: str
    schedule: tuple[str, ...]
    changes: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with each site of some files: each is in `changes` or in `held`.

    `diagnostics` are findings about the files, `skipped` those about files whose names are no text,
    and `patched` has the new text of each changed file by its path. `series` has, for each place where Flux moves to
    another minor, its steps up to the newest release, as the plan's JSON says them. `groups` has what is delivered
    together, in the order in which it is to be merged; each change is in one. `commits` has what image automation
    would commit of them. Nothing is written by a plan.
    """

    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    diagnostics: tuple[Diagnostic, ...]
    summary: Record[Any]
    patched: Record[str]
    skipped: tuple[Diagnostic, ...]
    series: tuple[Series, ...]
    groups: tuple[Group, ...]
    commits: tuple[Commit, ...]
    _diff: str = field(repr=False)
    _markdown: str = field(repr=False)
    _json_patch: str = field(repr=False)
    _json: str = field(repr=False)

    def diff(self) -> str:
        """The changes as a unified diff; empty when there are none."""
        return self._diff

    def markdown(self) -> str:
        """The plan as the text of a pull request."""
        return self._markdown

    def json_patch(self) -> str:
        """JSON Patches (RFC 6902) of the documents that change, the text of `flux-upgrade plan --format json-patch`."""
        return self._json_patch

    def to_json(self) -> str:
        """The plan as JSON with a line end after it, the text of `flux-upgrade plan --format json`."""
        return self._json

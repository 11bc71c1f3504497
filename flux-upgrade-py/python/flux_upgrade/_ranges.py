"""What floats, the lock of it, the way back, and conversions, as values: frozen, comparable, hashable and picklable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import _files, _native
from ._errors import error_from
from ._plan import Diagnostic, Owner, Plan, Reason, Site
from ._record import Record, freeze
from ._request import StrPath, snapshot_of, to_json
from ._response import diagnostic_from, plan_of

Way: TypeAlias = Literal["pin", "range", "automation", "oci"]


@dataclass(frozen=True, slots=True)
class Flag:
    """What is wrong, or worth knowing, about a range: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Range(Site):
    """A range, floating tag or branch, and where it stands.

    `follows` is `range`, `tag`, `branch` or `policy`. Where nothing can be said of it `resolved` is None and `reason`
    says why.
    `newest` is what a range would resolve to without an upper bound.
    """

    follows: str
    written: str
    resolved: str | None
    digest: str | None
    published: str | None
    newest: str | None
    every: str | None
    flags: tuple[Flag, ...]
    reason: Reason | None
    more: Record[Any] = field(default_factory=Record)


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that floats in some files. `skipped` are files that could not be read as text."""

    ranges: tuple[Range, ...]
    diagnostics: tuple[Diagnostic, ...]
    skipped: tuple[Diagnostic, ...]
    _json: str = field(repr=False)

    def to_json(self) -> str:
        """The survey as JSON with a line end after it, the text of `flux-upgrade ranges --format json`."""
        return self._json


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between a lock and what is so.

    `kind` is `moved`, `rewritten`, `added`, `gone`, `kept` or `unlocked`; `before` and `after` are the entries of the
    lock, with `source`, `written`, `resolved` and, where they are known, `digest` and `published`.
    """

    kind: str
    file: str
    object: str
    field: str
    before: Record[Any] | None
    after: Record[Any] | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock brought up to date: its text, and what was different.

    `drift` says whether the lock that was given no longer says what is so; what nobody answered is no drift.
    """

    text: str
    drift: bool
    unchanged: int
    differences: tuple[Drift, ...]
    skipped: tuple[Diagnostic, ...]


def ranges(
    source: StrPath | Mapping[str, str | bytes],
    *,
    snapshot: StrPath | Mapping[str, Any] | None,
    flux_version: str | None = None,
    only: Sequence[str] | None = None,
    config: str | None = None,
) -> Survey:
    """Say what each range and floating tag resolves to, since when, and what is wrong with it.

    `source` is a folder or texts by path, `snapshot` has the answers; a source that it lacks is unanswered.

    Raises:
        FluxUpgradeError: the request cannot be read; its `code` says why.
        OSError: a file cannot be read.
    """
    options = {"fluxVersion": flux_version, "only": only and list(only), "config": config}
    response, skipped = _call("survey", source, snapshot, None, options)
    data = response["ranges"]
    return Survey(
        ranges=tuple(_range(dict(item)) for item in data["ranges"]),
        diagnostics=tuple(diagnostic_from(dict(item)) for item in data["diagnostics"]),
        skipped=skipped,
        _json=json.dumps(data, ensure_ascii=False, indent=2) + "\n",
    )


def lock(
    source: StrPath | Mapping[str, str | bytes],
    *,
    snapshot: StrPath | Mapping[str, Any] | None,
    old: str | None = None,
    flux_version: str | None = None,
    only: Sequence[str] | None = None,
    config: str | None = None,
) -> Lock:
    """Bring the text of a `flux-upgrade.lock` up to date. Nothing is written.

    `old` is the text of the lock as it is; entries that say what is so keep their bytes, and those whose source gives
    no answer stay. The other arguments are those of `ranges`.

    Raises:
        FluxUpgradeError: as `ranges`; for a damaged lock with its `line` and `column`.
        OSError: a file cannot be read.
    """
    options = {"fluxVersion": flux_version, "only": only and list(only), "config": config}
    response, skipped = _call("lock", source, snapshot, old, options)
    check = response["check"]
    return Lock(
        text=response["text"],
        drift=check["drift"],
        unchanged=check["unchanged"],
        differences=tuple(_drift(item) for item in check["differences"]),
        skipped=skipped,
    )


def rollback(
    source: StrPath | Mapping[str, str | bytes],
    lock: str,
    *,
    today: str | None = None,
    only: Sequence[str] | None = None,
) -> Plan:
    """Plan to pin everything where a lock, given as its text, says that it stood. Nothing is written.

    `today` is the text of the lock of today: it says how far the way back is. No answers are needed.

    Raises:
        FluxUpgradeError: a lock is damaged; its `line` and `column` say where.
        OSError: a file cannot be read.
    """
    response, skipped = _call("rollback", source, None, lock, {"today": today, "only": only and list(only)})
    return plan_of(response, skipped)


def convert(
    source: StrPath | Mapping[str, str | bytes],
    sites: str | Sequence[str],
    *,
    to: Way,
    snapshot: StrPath | Mapping[str, Any] | None,
    range: str | None = None,
    home: str | None = None,
    remove_orphans: bool = False,
    begin: bool = False,
    flux_version: str | None = None,
) -> Plan:
    """Plan to convert sites, where what runs stays the same. Nothing is written.

    `sites` are `PATH:LINE`, `Kind/namespace/name`, `Kind/name` or `all`. With `to="range"`, `range` is the text to
    write; with `to="oci"`, `home` is where a chart of an HTTP repository is published as an artifact, and
    `remove_orphans` removes HelmRepositories that nothing refers to after that. With `to="automation"`, `range` is what
    the policy elects from, and `begin` lets it elect something newer than what runs, as `flux-upgrade automate init`.

    Raises:
        FluxUpgradeError: a name or an option that cannot be read; its `code` says which.
        OSError: a file cannot be read.
    """
    options = {
        "sites": [sites] if isinstance(sites, str) else list(sites),
        "to": to,
        "range": range,
        "home": home,
        "removeOrphans": remove_orphans,
        "begin": begin,
        "fluxVersion": flux_version,
    }
    response, skipped = _call("convert", source, snapshot, None, options)
    return plan_of(response, skipped)


def _call(
    what: str,
    source: StrPath | Mapping[str, str | bytes],
    snapshot: StrPath | Mapping[str, Any] | None,
    text: str | None,
    options: Mapping[str, Any],
) -> tuple[Mapping[str, Any], tuple[Diagnostic, ...]]:
    files, skipped = (source, []) if isinstance(source, Mapping) else _files.read(Path(source))
    request: dict[str, Any] = {"do": what, "files": _files.for_request(files), "lock": text}
    request["options"] = {name: value for name, value in options.items() if value is not None}
    request["snapshot"] = snapshot_of(snapshot)
    response: dict[str, Any] = json.loads(_native.ranges(to_json(request)))
    if "error" in response:
        raise error_from(response["error"])
    return response, tuple(skipped)


def _range(item: dict[str, Any]) -> Range:
    owner = item.pop("owner")
    place = {name: item.pop(name) for name in ("id", "path", "line", "column", "field")}
    known = {name: item.pop(name, None) for name in ("resolved", "digest", "published", "newest", "every")}
    return Range(
        **place,
        owner=Owner(owner["kind"], owner.get("namespace"), owner["name"]),
        follows=item.pop("follows"),
        written=item.pop("written"),
        **known,
        flags=tuple(Flag(flag["code"], flag["message"]) for flag in item.pop("flags")),
        reason=_reason(item.pop("reason", None)),
        more=freeze(item),
    )


def _drift(item: Mapping[str, Any]) -> Drift:
    entry = {name: freeze(item[name]) if name in item else None for name in ("from", "to")}
    return Drift(
        kind=item["kind"],
        file=item["file"],
        object=item["object"],
        field=item["field"],
        before=entry["from"],
        after=entry["to"],
        reason=_reason(item.get("reason")),
    )


def _reason(found: Mapping[str, Any] | None) -> Reason | None:
    if found is None:
        return None
    reason = dict(found)
    return Reason(reason.pop("kind"), freeze(reason))

"""What a migration says, as values: frozen, comparable, hashable and picklable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._plan import Diagnostic
from ._record import Record
from ._response import diagnostic_from


@dataclass(frozen=True, slots=True)
class Migrated:
    """An object, or a reference to one, that changes.

    `line` and `column` count from 1, `column` in code points; `from_` and `to` are its `apiVersion` before and after,
    and `fields` says what happens to its fields.
    """

    path: str
    line: int
    column: int
    object: str
    from_: str
    to: str
    fields: tuple[str, ...]

    @property
    def at(self) -> str:
        """`path:line:column`."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Migration:
    """Manifests of Flux in the API versions of another release.

    `diagnostics` has what cannot be converted, `preflight` what else stands in the way of that release, `skipped` the
    files whose names are no text, and `patched` the new text of each changed file by its path.
    """

    to: str
    changes: tuple[Migrated, ...]
    diagnostics: tuple[Diagnostic, ...]
    preflight: tuple[Diagnostic, ...]
    patched: Record[str]
    skipped: tuple[Diagnostic, ...]
    _diff: str = field(repr=False)
    _json: str = field(repr=False)

    def diff(self) -> str:
        """The changes as a unified diff; empty when there are none."""
        return self._diff

    def to_json(self) -> str:
        """The migration as JSON with a line end after it."""
        return self._json


def migration_from(response: Mapping[str, Any], skipped: Iterable[Diagnostic]) -> Migration:
    """The migration of a response, with what was skipped while reading."""
    data = response["migration"]
    return Migration(
        to=data["to"],
        changes=tuple(_migrated(item) for item in data["changes"]),
        diagnostics=tuple(diagnostic_from(dict(item)) for item in data["diagnostics"]),
        preflight=tuple(diagnostic_from(dict(item)) for item in data["preflight"]),
        patched=Record(response["patched"]),
        skipped=tuple(skipped),
        _diff=response["diff"],
        _json=json.dumps(data, ensure_ascii=False, indent=2) + "\n",
    )


def _migrated(item: Mapping[str, Any]) -> Migrated:
    return Migrated(
        path=item["path"],
        line=item["line"],
        column=item["column"],
        object=item["object"],
        from_=item["from"],
        to=item["to"],
        fields=tuple(item["fields"]),
    )

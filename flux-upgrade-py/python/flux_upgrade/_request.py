"""From the arguments of a plan to the JSON of its request."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import _files
from ._plan import Diagnostic

StrPath: TypeAlias = str | os.PathLike[str]
Allow: TypeAlias = Literal["patch", "minor", "major", "none"]
Ranges: TypeAlias = Literal["keep", "move", "pin"]
Digests: TypeAlias = Literal["keep", "update", "pin"]


def build(
    source: StrPath | Mapping[str, str | bytes],
    *,
    live: bool,
    snapshot: StrPath | Mapping[str, Any] | None = None,
    allow: Allow | None = None,
    prerelease: bool | None = None,
    ranges: Ranges | None = None,
    digests: Digests | None = None,
    min_age: str | None = None,
    as_of: str | None = None,
    flux_version: str | None = None,
    only: Sequence[str] | None = None,
    config: str | None = None,
    marked: bool | None = None,
    renovate: bool | None = None,
    allow_hosts: Sequence[str] = (),
    max_index_bytes: int | None = None,
    concurrency: int | None = None,
    timeout: float | None = None,
    record: bool = False,
    use_repository_secrets: bool | None = None,
) -> tuple[str, list[Diagnostic]]:
    """The request, and the files whose names are no text."""
    files: Mapping[str, str | bytes]
    files, skipped = (source, []) if isinstance(source, Mapping) else _files.read(Path(source))
    options = {
        "allow": allow,
        "prerelease": prerelease,
        "ranges": ranges,
        "digests": digests,
        "minAge": min_age,
        "asOf": as_of,
        "now": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if live else None,
        "fluxVersion": flux_version,
        "only": None if only is None else list(only),
        "config": config,
        "marked": marked,
        "renovate": renovate,
    }
    request: dict[str, Any] = {"files": _files.for_request(files), "options": _given(options)}
    if live:
        request["sources"] = _given(
            {
                "allowHosts": list(allow_hosts),
                "maxIndexBytes": max_index_bytes,
                "concurrency": concurrency,
                "timeout": timeout,
                "record": record or None,
                "repositorySecrets": use_repository_secrets,
            }
        )
    else:
        request["snapshot"] = _snapshot(snapshot)
    return json.dumps(request, ensure_ascii=False), list(skipped)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _snapshot(source: StrPath | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if source is None:
        return None
    if isinstance(source, Mapping):
        return dict(source)
    parsed: dict[str, Any] = json.loads(Path(source).read_bytes())
    return parsed

"""From the arguments of a plan to the JSON of its request."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

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
        request["snapshot"] = snapshot_of(snapshot)
    return to_json(request), list(skipped)


def to_json(request: Mapping[str, Any]) -> str:
    """A request as JSON; mappings of every kind are objects."""
    return json.dumps(request, ensure_ascii=False, default=dict)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def snapshot_of(source: StrPath | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The snapshot, with the archives in it that lie beside its file."""
    if source is None or isinstance(source, Mapping):
        return source
    path = Path(source)
    parsed: Any = json.loads(path.read_bytes())
    releases = [*_list(parsed, "flux"), *_list(parsed, "fluxManifests")]
    for release in releases:
        place = release.get("manifests") if isinstance(release, dict) else None
        if isinstance(place, str) and not place.startswith("data:") and (path.parent / place).is_file():
            packed = base64.b64encode((path.parent / place).read_bytes()).decode()
            release["manifests"] = f"data:application/gzip;base64,{packed}"
    return cast(Mapping[str, Any], parsed)


def _list(parsed: Any, name: str) -> list[Any]:
    found = parsed.get(name) if isinstance(parsed, dict) else None
    return found if isinstance(found, list) else []

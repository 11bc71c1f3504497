"""Plans upgrades of Git repositories that Flux reconciles.

>>> import flux_upgrade as fu
>>> plan = fu.plan({"apps/settings.yaml": "kind: ConfigMap"}, allow="minor")
>>> for change in plan.changes:
...     print(f"{change.at}: {change.from_} -> {change.to} ({change.level})")
>>> plan.diff()
''
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import _files, _native
from ._errors import AnswerError, FluxUpgradeError, ManifestError, PatchError, RangeError, error_from
from ._native import __version__
from ._plan import Change, Diagnostic, Held, Owner, Plan, Reason, Site
from ._record import Record
from ._response import plan_from

__all__ = [
    "AnswerError",
    "Change",
    "Diagnostic",
    "FluxUpgradeError",
    "Held",
    "ManifestError",
    "Owner",
    "PatchError",
    "Plan",
    "RangeError",
    "Reason",
    "Record",
    "Site",
    "__version__",
    "plan",
    "render_flux",
]

StrPath: TypeAlias = str | os.PathLike[str]
Allow: TypeAlias = Literal["patch", "minor", "major", "none"]
Ranges: TypeAlias = Literal["keep", "move", "pin"]
Digests: TypeAlias = Literal["keep", "update", "pin"]
LogLevel: TypeAlias = Literal["debug", "info", "error"]


def plan(
    source: StrPath | Mapping[str, str],
    *,
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
) -> Plan:
    """Plan upgrades for a folder, or for texts given by path. Nothing is written.

    A folder's YAML files are read as UTF-8; those that are not are listed in `Plan.skipped`.

    `snapshot` has the answers of registries, as an object or as the path of its JSON file; a source that it lacks
    is held as unanswered. An option left out is what `.flux-upgrade.yaml` says, else the default of the command:

    - `allow`: the largest step, `patch`, `minor`, `major` or `none`
    - `prerelease`: whether pre-releases are candidates
    - `ranges`: whether a range stays, moves forward or is pinned to one version
    - `digests`: whether a digest stays, moves with its tag, or is added where there is none
    - `min_age`: how long a version must have been published, such as `3d`
    - `as_of`: the date or RFC 3339 time that counts as now; nothing published later is a candidate
    - `flux_version`: the version of Flux in the clusters, such as `2.9`
    - `only`: globs of the paths that may change
    - `config`: text of a `.flux-upgrade.yaml` to use in place of the one in `source`

    Raises:
        FluxUpgradeError: the request cannot be planned; its `code` says why. `ManifestError`, `RangeError` and
            `AnswerError` are the ones to expect, and are `ValueError`s too.
        OSError: a file cannot be read.
        ValueError: the snapshot's file is not JSON, or a text holds half of a surrogate pair.
    """
    files, skipped = (source, []) if isinstance(source, Mapping) else _files.read(Path(source))
    options = {
        "allow": allow,
        "prerelease": prerelease,
        "ranges": ranges,
        "digests": digests,
        "minAge": min_age,
        "asOf": as_of,
        "fluxVersion": flux_version,
        "only": None if only is None else list(only),
        "config": config,
    }
    request = {
        "files": dict(files),
        "snapshot": _snapshot(snapshot),
        "options": {name: value for name, value in options.items() if value is not None},
    }
    response = json.loads(_native.plan(json.dumps(request, ensure_ascii=False)))
    if "error" in response:
        raise error_from(response["error"])
    return plan_from(response, skipped)


def render_flux(
    archive: bytes,
    version: str,
    *,
    components: Sequence[str] | None = None,
    components_extra: Sequence[str] | None = None,
    namespace: str | None = None,
    registry: str | None = None,
    image_pull_secret: str | None = None,
    watch_all_namespaces: bool | None = None,
    network_policy: bool | None = None,
    log_level: LogLevel | None = None,
    cluster_domain: str | None = None,
    toleration_keys: Sequence[str] | None = None,
) -> str:
    """Render what `flux install --export` of a release writes, byte for byte.

    `archive` is the release's `manifests.tar.gz`; `version` is `v2.9.4` or `2.9.4`. An option left out has Flux's
    own default.

    Raises:
        FluxUpgradeError: the archive is no release, or an option has a value that Flux does not take; its `code`
            says which.
    """
    options = {
        "components": None if components is None else list(components),
        "componentsExtra": None if components_extra is None else list(components_extra),
        "namespace": namespace,
        "registry": registry,
        "imagePullSecret": image_pull_secret,
        "watchAllNamespaces": watch_all_namespaces,
        "networkPolicy": network_policy,
        "logLevel": log_level,
        "clusterDomain": cluster_domain,
        "tolerationKeys": None if toleration_keys is None else list(toleration_keys),
    }
    response = json.loads(_native.render_flux(archive, json.dumps({"version": version, "options": options})))
    if "error" in response:
        raise error_from(response["error"])
    text: str = response["text"]
    return text


def _snapshot(source: StrPath | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if source is None:
        return None
    if isinstance(source, Mapping):
        return dict(source)
    parsed: dict[str, Any] = json.loads(Path(source).read_bytes())
    return parsed

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import _files, _live, _native, _request
from ._errors import AnswerError, FluxUpgradeError, ManifestError, PatchError, RangeError, error_from
from ._live import Fetch, Request, Response
from ._migration import Migrated, Migration, migration_from
from ._native import __version__
from ._plan import Change, Commit, Diagnostic, Group, Held, Owner, Plan, Reason, Series, Site, Step
from ._ranges import Drift, Flag, Lock, Range, Survey, convert, lock, ranges, rollback
from ._record import Record
from ._request import Allow, Digests, Ranges, StrPath
from ._response import plan_of

__all__ = [
    "AnswerError",
    "Change",
    "Commit",
    "Diagnostic",
    "Drift",
    "Flag",
    "FluxUpgradeError",
    "Group",
    "Held",
    "Lock",
    "ManifestError",
    "Migrated",
    "Migration",
    "Owner",
    "PatchError",
    "Plan",
    "Range",
    "RangeError",
    "Reason",
    "Record",
    "Request",
    "Response",
    "Series",
    "Site",
    "Step",
    "Survey",
    "__version__",
    "automate",
    "convert",
    "lock",
    "migrate",
    "plan",
    "ranges",
    "render_flux",
    "rollback",
    "take_snapshot",
]

LogLevel: TypeAlias = Literal["debug", "info", "error"]


def plan(
    source: StrPath | Mapping[str, str | bytes],
    *,
    snapshot: StrPath | Mapping[str, Any] | None = None,
    offline: bool = False,
    fetch: Fetch | None = None,
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
    use_repository_secrets: bool | None = None,
) -> Plan:
    """Plan upgrades for a folder, or for texts given by path. Nothing is written.

    A folder's YAML files are read as UTF-8; for each that is not `Plan.diagnostics` has `yaml.not-utf8`.

    Sources are asked with the logins, proxies and certificates of this machine, and the interpreter is free
    meanwhile. A source that fails is held as unanswered; the others are planned. Instead of that

    - `snapshot` has the answers, as an object or as the path of its JSON file; a source that it lacks is unanswered
    - `offline` asks nothing
    - `fetch` carries every request, in place of this machine's client and logins: it gets a `Request` and gives a
      `Response`, from several threads at once. An `OSError` says that there was no response, any other exception comes
      out unchanged.

    How sources are asked:

    - `allow_hosts`: hosts and networks (`registry.internal`, `10.0.0.0/8`) that are asked although their addresses
      are private or of this machine
    - `max_index_bytes`: the largest chart index; 50 MiB if left out
    - `concurrency`: how many questions are asked at once; 32 if left out, 8 with `fetch`
    - `timeout`: seconds for one request; 60 if left out; `fetch` has its own
    - `use_repository_secrets`: whether the Secrets that sources refer to are logins where they stand unencrypted in
      `source`; without it they are not used

    An option left out is what `.flux-upgrade.yaml` says, else the default of the command:

    - `allow`: the largest step, `patch`, `minor`, `major` or `none`
    - `prerelease`: whether pre-releases are candidates
    - `ranges`: whether a range stays, moves forward or is pinned to one version
    - `digests`: whether a digest stays, moves with its tag, or is added where there is none
    - `min_age`: how long a version must have been published, such as `3d`
    - `as_of`: the date or RFC 3339 time that counts as now; nothing published later is a candidate
    - `flux_version`: the version of Flux in the clusters, such as `2.9`
    - `only`: globs of the paths that may change
    - `config`: text of a `.flux-upgrade.yaml` to use in place of the one in `source`
    - `marked`: whether to plan the fields with a `$imagepolicy` marker and no others, see `automate`
    - `renovate`: `False` leaves Renovate's configuration in `source` alone

    Raises:
        FluxUpgradeError: the request cannot be planned; its `code` says why. `ManifestError`, `RangeError` and
            `AnswerError` are the ones to expect, and are `ValueError`s too.
        OSError: a file cannot be read.
        ValueError: the snapshot's file is not JSON, a text holds half of a surrogate pair, or `fetch` stands beside
            `snapshot` or `offline`.
    """
    live = snapshot is None and not offline
    if fetch is not None and not live:
        raise ValueError("`fetch` asks the sources, `snapshot` and `offline` do not: pass one of them")
    request, skipped = _request.build(
        source,
        live=live,
        snapshot=snapshot,
        allow=allow,
        prerelease=prerelease,
        ranges=ranges,
        digests=digests,
        min_age=min_age,
        as_of=as_of,
        flux_version=flux_version,
        only=only,
        config=config,
        marked=marked,
        renovate=renovate,
        allow_hosts=allow_hosts,
        max_index_bytes=max_index_bytes,
        concurrency=concurrency,
        timeout=timeout,
        use_repository_secrets=use_repository_secrets,
    )
    if fetch is not None:
        return plan_of(_live.ask(request, fetch, concurrency or 8), skipped)
    text = _native.plan_live(request)[0] if live else _native.plan(request)
    return plan_of(json.loads(text), skipped)


def automate(source: StrPath | Mapping[str, str | bytes], **options: Any) -> Plan:
    """Plan what image policies elect for the fields with a `$imagepolicy` marker, and nothing else.

    Takes the options of `plan`; those about versions do not matter to a policy. Nothing is written, and it raises as
    `plan` does.

    >>> automate({"app.yaml": "kind: ConfigMap"}, offline=True).changes
    ()
    """
    return plan(source, marked=True, **options)


def take_snapshot(source: StrPath | Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
    """Ask what a plan with these options of `plan` needs, and `ranges`, `lock` and `convert`, as a registry snapshot.

    With it they all work without a network.

    Raises as `plan` does.
    """
    request, _ = _request.build(source, live=True, record=True, **options)
    answer, snapshot = _native.plan_live(request)
    if not snapshot:
        raise error_from(json.loads(answer)["error"])
    taken: dict[str, Any] = json.loads(snapshot)
    return taken


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


def migrate(
    source: StrPath | Mapping[str, str | bytes],
    *,
    to: str | None = None,
    from_: str | None = None,
    kubernetes: str | None = None,
) -> Migration:
    """Move manifests of Flux to the API versions of a release, for a folder or for texts given by path.

    Nothing is written; `Migration.patched` has the new texts.

    - `to`: the Flux release that the manifests shall be ready for, such as `2.9`; the newest known if left out
    - `from_`: move only to versions that this Flux serves as well, so that it can still apply them
    - `kubernetes`: the version of the clusters, to say whether it suffices

    Raises:
        FluxUpgradeError: an option has a value that it does not take; `code` says why.
        OSError: a file cannot be read.
    """
    files: Mapping[str, str | bytes]
    files, skipped = (source, []) if isinstance(source, Mapping) else _files.read(Path(source))
    options = {"to": to, "from": from_, "kubernetes": kubernetes}
    request = {
        "files": _files.for_request(files),
        "options": {name: value for name, value in options.items() if value is not None},
    }
    response = json.loads(_native.migrate(json.dumps(request, ensure_ascii=False)))
    if "error" in response:
        raise error_from(response["error"])
    return migration_from(response, skipped)

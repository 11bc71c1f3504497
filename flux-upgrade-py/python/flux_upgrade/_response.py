"""From the JSON of a response to the values of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import error_from
from ._plan import Change, Commit, Diagnostic, Group, Held, Owner, Plan, Reason, Series, Step
from ._record import Record, freeze


def plan_of(response: Mapping[str, Any], skipped: Iterable[Diagnostic]) -> Plan:
    """The plan of a response; raises the error where it is one."""
    if "error" in response:
        raise error_from(response["error"])
    return plan_from(response, skipped)


def plan_from(response: Mapping[str, Any], skipped: Iterable[Diagnostic]) -> Plan:
    """The plan of a response, with what was skipped while reading."""
    data = response["plan"]
    return Plan(
        changes=tuple(_change(dict(item)) for item in data["changes"]),
        held=tuple(_held(dict(item)) for item in data["held"]),
        diagnostics=tuple(diagnostic_from(dict(item)) for item in data["diagnostics"]),
        summary=freeze(data.get("summary", {})),
        patched=Record(response["patched"]),
        skipped=tuple(skipped),
        series=tuple(_series(item) for item in data["series"]),
        groups=tuple(_group(item) for item in data["groups"]),
        commits=tuple(_commit(item) for item in data.get("commits", ())),
        _diff=response["diff"],
        _markdown=response["markdown"],
        _json_patch=_text(response["jsonPatch"]),
        _json=_text(data),
    )


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


# Each takes what it knows out of `item`; the rest is kept as `more`.


def _change(item: dict[str, Any]) -> Change:
    return Change(
        **_site(item),
        from_=item.pop("from"),
        to=item.pop("to"),
        level=item.pop("level", None),
        more=freeze(item),
    )


def _held(item: dict[str, Any]) -> Held:
    reason = dict(item.pop("reason"))
    return Held(
        **_site(item),
        written=item.pop("written"),
        reason=Reason(reason.pop("kind"), freeze(reason)),
        more=freeze(item),
    )


def _series(item: Mapping[str, Any]) -> Series:
    place = {name: item[name] for name in ("id", "path", "line", "column")}
    return Series(
        **place,
        owner=_owner(item["owner"]),
        clusters=tuple(item["clusters"]),
        steps=tuple(_step(step) for step in item["steps"]),
    )


def _step(item: Mapping[str, Any]) -> Step:
    return Step(
        from_=item["from"],
        to=item["to"],
        group=item.get("group"),
        changes=tuple(item["changes"]),
        migrations=tuple(freeze(one) for one in item["migrations"]),
        preflight=tuple(diagnostic_from(dict(one)) for one in item["preflight"]),
        in_cluster=tuple(item["inCluster"]),
    )


def _commit(item: Mapping[str, Any]) -> Commit:
    place = {name: item[name] for name in ("name", "path", "line", "column", "message")}
    return Commit(namespace=item.get("namespace"), **place, changes=tuple(item["changes"]))


def _group(item: Mapping[str, Any]) -> Group:
    return Group(
        id=item["id"],
        title=item["title"],
        level=item["level"],
        delivery=item["delivery"],
        schedule=tuple(item.get("schedule", ())),
        changes=tuple(item["changes"]),
        after=tuple(item["after"]),
    )


def _owner(owner: Mapping[str, Any]) -> Owner:
    return Owner(owner["kind"], owner.get("namespace"), owner["name"])


def _site(item: dict[str, Any]) -> dict[str, Any]:
    owner = item.pop("owner")
    place = {name: item.pop(name) for name in ("id", "path", "line", "column", "field")}
    return place | {"owner": _owner(owner)}


def diagnostic_from(item: dict[str, Any]) -> Diagnostic:
    """A finding; what its fields do not know is in `more`."""
    place = {name: item.pop(name, None) for name in ("help", "path", "line", "column")}
    return Diagnostic(item.pop("code"), item.pop("severity"), item.pop("message"), **place, more=freeze(item))

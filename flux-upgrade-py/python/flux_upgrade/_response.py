"""From the JSON of a response to the values of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import error_from
from ._plan import Change, Diagnostic, Held, Owner, Plan, Reason
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


def _site(item: dict[str, Any]) -> dict[str, Any]:
    owner = item.pop("owner")
    place = {name: item.pop(name) for name in ("id", "path", "line", "column", "field")}
    return place | {"owner": Owner(owner["kind"], owner.get("namespace"), owner["name"])}


def diagnostic_from(item: dict[str, Any]) -> Diagnostic:
    """A finding; what its fields do not know is in `more`."""
    place = {name: item.pop(name, None) for name in ("help", "path", "line", "column")}
    return Diagnostic(item.pop("code"), item.pop("severity"), item.pop("message"), **place, more=freeze(item))

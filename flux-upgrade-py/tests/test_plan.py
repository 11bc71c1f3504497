from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flux_upgrade as fu
import pytest
from responses import CHANGE, DIAGNOSTIC, RESPONSE, SITE, Answer

NOTHING_TO_DO = {"settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"}


def test_files_without_sites_have_an_empty_plan() -> None:
    plan = fu.plan(NOTHING_TO_DO, allow="major", only=("apps/**",), prerelease=True)
    assert (plan.changes, plan.held, plan.diagnostics, plan.skipped) == ((), (), (), ())
    assert plan.patched == {}
    assert plan.diff() == ""
    assert json.loads(plan.to_json())["schema"] == "flux-upgrade/plan/v1"


def test_what_the_plan_says_is_read(answer: Answer) -> None:
    answer(RESPONSE)
    plan = fu.plan({})
    (change,), (held,), (diagnostic,) = plan.changes, plan.held, plan.diagnostics
    assert change == fu.Change(
        **SITE | {"owner": fu.Owner("OCIRepository", "apps", "podinfo")},
        from_="6.5.0",
        to="6.9.0",
        level="minor",
        more=fu.Record({"notes": ("a", fu.Record({"b": (1, None)}))}),
    )
    assert change.at == "apps/podinfo.yaml:8:12"
    assert [str(change.owner), str(held.owner)] == ["OCIRepository apps/podinfo", "GitRepository podinfo"]
    assert held.written == "6.5.0"
    assert held.reason == fu.Reason("beyondRules", fu.Record({"newest": "7.0.0", "level": "major"}))
    assert held.reason["newest"] == "7.0.0"
    assert held.more["clusters"] == ("production",)
    assert (diagnostic.code, diagnostic.line, diagnostic.help) == ("yaml.syntax", 3, None)
    assert plan.summary == {"changes": 1}
    (series,) = plan.series
    assert (series.owner.kind, series.clusters) == ("FluxInstance", ("clusters/a",))
    now, later = series.steps
    assert (now.from_, now.to, now.group, now.in_cluster) == ("v2.4.0", "v2.7.5", "flux", ("flux migrate",))
    assert (later.group, later.changes, later.migrations[0]["object"]) == (None, (), "Alert a")
    assert later.preflight[0].code == DIAGNOSTIC["code"]
    (group,) = plan.groups
    title = "Update podinfo to 6.9.0"
    assert group == fu.Group("podinfo", title, "minor", "commit", ("every weekend",), (change.id,), ())
    assert plan.patched == RESPONSE["patched"]
    assert (plan.diff(), plan.markdown()) == (RESPONSE["diff"], RESPONSE["markdown"])
    assert json.loads(plan.json_patch()) == RESPONSE["jsonPatch"]
    assert plan.to_json() == json.dumps(RESPONSE["plan"], ensure_ascii=False, indent=2) + "\n"


def test_a_level_may_be_absent(answer: Answer) -> None:
    change = {name: value for name, value in CHANGE.items() if name != "level"}
    answer(RESPONSE | {"plan": RESPONSE["plan"] | {"changes": [change]}})
    assert fu.plan({}).changes[0].level is None


def test_options_go_under_the_names_of_the_wire(answer: Answer, tmp_path: Path) -> None:
    requests = answer(RESPONSE)
    git = {"url": "https://git.example.com/a"}
    snapshot = {"schema": "flux-upgrade/registry-snapshot/v1", "git": [git]}
    file = tmp_path / "registry.json"
    file.write_text(json.dumps(snapshot), encoding="utf-8")
    fu.plan({"a.yaml": "ä: 😀\r\n"}, offline=True)
    fu.plan({}, snapshot=fu.Record(snapshot | {"git": [fu.Record(git)]}), prerelease=False, only=[])
    fu.plan(
        {},
        snapshot=file,
        allow="none",
        ranges="move",
        digests="pin",
        min_age="3d",
        as_of="2026-08-01",
        flux_version="2.9",
        only=("apps/**",),
        config="rules: {}",
    )
    assert requests == [
        {"files": {"a.yaml": "ä: 😀\r\n"}, "snapshot": None, "options": {}},
        {"files": {}, "snapshot": snapshot, "options": {"prerelease": False, "only": []}},
        {
            "files": {},
            "snapshot": snapshot,
            "options": {
                "allow": "none",
                "ranges": "move",
                "digests": "pin",
                "minAge": "3d",
                "asOf": "2026-08-01",
                "fluxVersion": "2.9",
                "only": ["apps/**"],
                "config": "rules: {}",
            },
        },
    ]


def test_plans_are_values(answer: Answer) -> None:
    answer(RESPONSE)
    plan = fu.plan({})
    assert plan == fu.plan({})
    assert hash(plan) == hash(fu.plan({}))
    for twin in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
        assert twin == plan
        assert (twin.diff(), twin.to_json()) == (plan.diff(), plan.to_json())
    assert plan != dataclasses.replace(plan, changes=())
    assert len({plan.changes[0], plan.held[0], plan.diagnostics[0], plan.held[0].reason}) == 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.changes = ()  # type: ignore[misc]
    for value in (plan.changes[0], plan.held[0], plan.diagnostics[0]):
        assert eval(repr(value), vars(fu)) == value


def test_a_change_can_be_matched(answer: Answer) -> None:
    answer(RESPONSE)
    match fu.plan({}).held[0]:
        case fu.Held(owner=fu.Owner("GitRepository"), reason=fu.Reason("beyondRules", {"newest": newest})):
            assert newest == "7.0.0"
        case other:
            pytest.fail(repr(other))


def test_threads_plan_at_the_same_time() -> None:
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(fu.plan, [NOTHING_TO_DO] * 16))
    assert all(plan == plans[0] for plan in plans)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError):
        fu.plan({"a.yaml": "\ud800"})


@pytest.mark.parametrize("arguments", [{"alow": "minor"}, {"allow": object()}])
def test_wrong_arguments_are_type_errors(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        fu.plan({}, **arguments)

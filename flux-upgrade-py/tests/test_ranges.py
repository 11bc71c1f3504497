"""The folders of ranges of the core: the same files and answers give the same bytes here."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import flux_upgrade as fu
import pytest

FOLDER = Path(__file__).parents[2] / "flux-upgrade-core" / "tests" / "ranges"
CASES = sorted(path.parent for path in FOLDER.glob("*/in"))


def run(folder: Path) -> dict[str, Any]:
    """The answer of a folder, through the public functions."""
    request = json.loads((folder / "request.json").read_bytes())
    options = request.get("options", {})
    lock = (folder / "lock.txt").read_text(encoding="utf-8") if (folder / "lock.txt").exists() else None
    snapshot = folder / "registry.json"
    try:
        match request["do"]:
            case "survey":
                return {"ranges": json.loads(fu.ranges(folder / "in", snapshot=snapshot).to_json())}
            case "lock":
                found = fu.lock(folder / "in", snapshot=snapshot, old=lock)
                return {"text": found.text, "kinds": [drift.kind for drift in found.differences], "drift": found.drift}
            case "rollback":
                assert lock is not None
                plan = fu.rollback(folder / "in", lock)
            case _:
                plan = fu.convert(
                    folder / "in",
                    options["sites"],
                    to=options["to"],
                    snapshot=snapshot,
                    range=options.get("range"),
                    remove_orphans=options.get("removeOrphans", False),
                    begin=options.get("begin", False),
                )
    except fu.FluxUpgradeError as error:
        return {"error": {"code": error.code, "line": error.line, "column": error.column}}
    return {
        "plan": json.loads(plan.to_json()),
        "diff": plan.diff(),
        "markdown": plan.markdown(),
        "jsonPatch": json.loads(plan.json_patch()),
        "patched": dict(plan.patched),
    }


@pytest.mark.skipif(not CASES, reason="there are no folders of ranges")
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_folder(case: Path) -> None:
    answer = json.loads((case / "answer.json").read_bytes())
    if "check" in answer:
        check = answer.pop("check")
        answer["kinds"] = [item["kind"] for item in check["differences"]]
        answer["drift"] = check["drift"]
    if "error" in answer:
        answer["error"] = {name: answer["error"][name] for name in ("code", "line", "column")}
    assert run(case) == answer


def test_what_floats_is_a_value() -> None:
    text = (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: a}\n"
        "spec: {url: 'oci://registry.example.com/a', ref: {semver: 1.2.3}}\n"
    )
    survey = fu.ranges({"a.yaml": text}, snapshot=None)
    assert [flag.code for flag in survey.ranges[0].flags] == ["exact-version"]
    assert survey.ranges[0].reason is not None
    assert survey.ranges[0].reason.kind == "unanswered"
    assert pickle.loads(pickle.dumps(survey)) == survey


def test_a_damaged_lock_says_where() -> None:
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.rollback({}, "schema: flux-upgrade/lock/v1\nsites:\n- file: a\n")
    assert (caught.value.code, caught.value.line, caught.value.column) == ("lock.shape", 3, 3)

"""The case folders of the core: the same files and answers give the same plan here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import flux_upgrade as fu
import pytest

FOLDER = Path(__file__).parents[2] / "flux-upgrade-core" / "tests" / "cases"
CASES = sorted(path.parent for path in FOLDER.glob("*/in"))


def run(case: Path) -> fu.Plan:
    options: dict[str, Any] = {}
    if (file := case / "options.json").exists():
        options = json.loads(file.read_bytes())
    names = {name: re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", name) for name in options}
    return fu.plan(
        case / "in",
        snapshot=case / "registry.json",
        **{names[name]: value for name, value in options.items()},
    )


def lines(case: Path) -> tuple[list[str], dict[str, str]]:
    """The lines of `expect.txt` that the run gives, and the texts that it changes."""
    try:
        plan = run(case)
    except fu.FluxUpgradeError as error:
        return [f"! {error.path}:{error.line}:{error.column} {error.code}"], {}
    if (file := case / "plan.json").exists():
        assert json.loads(plan.to_json()) == json.loads(file.read_bytes())
    return [
        *(f"{c.path}:{c.line} {c.field} {quoted(c.from_)} -> {quoted(c.to)} {c.level}" for c in plan.changes),
        *(f"{h.path}:{h.line} {h.field} {quoted(h.written)} = {h.reason.kind}" for h in plan.held),
        *(f"! {d.path}:{d.line}:{d.column} {d.code}" for d in (*plan.diagnostics, *plan.skipped)),
    ], dict(plan.patched)


def quoted(value: str) -> str:
    return f'"{value}"' if value == "" or " " in value else value


@pytest.mark.skipif(not CASES, reason="there are no case folders")
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_case(case: Path) -> None:
    found, patched = lines(case)
    if (file := case / "expect.txt").exists():
        assert sorted(found) == sorted(file.read_text(encoding="utf-8").splitlines())
    out = case / "out"
    texts = {path.relative_to(out).as_posix(): path.read_bytes().decode() for path in out.rglob("*") if path.is_file()}
    assert patched == texts

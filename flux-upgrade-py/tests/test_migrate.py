"""The migration folders of the core: the same files give the same texts here."""

from __future__ import annotations

import json
from pathlib import Path

import flux_upgrade as fu
import pytest

FOLDER = Path(__file__).parents[2] / "flux-upgrade-core" / "tests" / "migrate"
CASES = sorted(path.parent for path in FOLDER.glob("*/in"))


def lines(migration: fu.Migration) -> list[str]:
    """The lines of `expect.txt`."""
    return [
        *(
            f"{c.path}:{c.line} {c.object}: {c.from_} -> {c.to}{''.join(f'; {field}' for field in c.fields)}"
            for c in migration.changes
        ),
        *(f"! {d.path}:{d.line}:{d.column} {d.code}" for d in migration.diagnostics),
    ]


@pytest.mark.skipif(not CASES, reason="there are no migration folders")
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_folder(case: Path) -> None:
    file = case / "options.json"
    options = json.loads(file.read_bytes()) if file.exists() else {}
    migration = fu.migrate(case / "in", to=options.get("to"), from_=options.get("from"))
    assert lines(migration) == (case / "expect.txt").read_text(encoding="utf-8").splitlines()
    out = case / "out"
    texts = {path.relative_to(out).as_posix(): path.read_bytes().decode() for path in out.rglob("*") if path.is_file()}
    assert migration.patched == texts
    assert (migration.diff() == "") == (texts == {})


def test_a_migration_is_a_value() -> None:
    text = "apiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImagePolicy\n"
    one, other = (fu.migrate({"a.yaml": text}, to="v2.9.4") for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one.changes[0].at == "a.yaml:1:13"
    assert json.loads(one.to_json())["schema"] == "flux-upgrade/migration/v1"


def test_what_stands_in_the_way_is_told() -> None:
    text = "apiVersion: notification.toolkit.fluxcd.io/v1\nkind: Receiver\nspec: {type: gcr}\n"
    found = fu.migrate({"a.yaml": text}, from_="2.8").preflight
    assert [finding.code for finding in found] == ["behaviour.gcr-receiver"]


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.migrate({}, to="3.7")
    assert caught.value.code == "options.value"

"""Flux's own manifests: the option sets of the shared data, byte for byte, and archives that are none."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import flux_upgrade as fu
import pytest

SHARED = Path(os.environ.get("FLUX_UPGRADE_SHARED", Path(__file__).parents[3] / "shared"))


def options(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def archive(version: str) -> bytes:
    return (SHARED / "flux-releases" / version / "manifests.tar.gz").read_bytes()


@pytest.mark.skipif(not (SHARED / "flux-install-cases").is_dir(), reason="no ../shared/flux-install-cases")
def test_option_sets() -> None:
    folder = SHARED / "flux-install-cases"
    cases = json.loads((folder / "cases.json").read_bytes())
    assert len(cases) >= 11
    for case in cases:
        version = case["version"]
        text = fu.render_flux(archive(version), version, components=case["components"], **options(case["options"]))
        assert text.encode() == gzip.decompress((folder / case["expected"]).read_bytes()), case["expected"]


@pytest.mark.skipif(not (SHARED / "vectors/flux_install").is_dir(), reason="no ../shared/vectors/flux_install")
def test_vectors() -> None:
    cases = json.loads((SHARED / "vectors/flux_install/cases.json").read_bytes())["cases"]
    assert len(cases) >= 15
    for case in cases:
        version, given = case["input"]["version"], case["input"]["options"]
        text = fu.render_flux(archive(version), version, **options(given))
        assert hashlib.sha256(text.encode()).hexdigest() == case["expected"]["sha256"], given


@pytest.mark.parametrize(
    ("version", "given", "code"),
    [
        ("v2.9.4", {}, "archive.unreadable"),
        ("latest", {}, "archive.version"),
        ("v2.9.4", {"log_level": "loud"}, "install.option"),
    ],
)
def test_what_is_no_release_raises(version: str, given: dict[str, Any], code: str) -> None:
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.render_flux(b"", version, **given)
    assert caught.value.code == code


@pytest.mark.skipif(not (SHARED / "flux-releases").is_dir(), reason="no ../shared/flux-releases")
def test_the_manifests_beside_a_snapshot_are_read(tmp_path: Path) -> None:
    old, new = "v2.7.5", "v2.9.4"
    files = {"clusters/a/flux-system/gotk-components.yaml": fu.render_flux(archive(old), old, log_level="debug")}
    releases = [{"version": version, "manifests": f"archives/{version}.tar.gz"} for version in (old, new)]
    snapshot = {"schema": "flux-upgrade/registry-snapshot/v1", "flux": releases}
    (tmp_path / "archives").mkdir()
    for version in (old, new):
        (tmp_path / "archives" / f"{version}.tar.gz").write_bytes(archive(version))
    (tmp_path / "registry.json").write_text(json.dumps(snapshot))
    plan = fu.plan(files, snapshot=tmp_path / "registry.json")
    assert [(change.from_, change.to) for change in plan.changes] == [(old, new)]
    wanted = fu.render_flux(archive(new), new, log_level="debug")
    assert [text == wanted for text in plan.patched.values()] == [True]
    assert fu.plan(files, snapshot=snapshot).changes == ()

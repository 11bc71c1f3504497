from __future__ import annotations

import os
import sys
from pathlib import Path

import flux_upgrade as fu
import pytest
from responses import RESPONSE, Answer


def test_a_folder_is_read_as_the_repository_has_it(answer: Answer, tmp_path: Path) -> None:
    requests = answer(RESPONSE)
    texts = {
        ".flux-upgrade.yaml": "rules: {}\n",
        "Kustomization": "kind: Kustomization\n",
        "apps/a.yml": "\ufeffä: 1\r\n",
        "apps/b.yaml": "no end",
    }
    passed_over = [".git/config.yaml", "apps/.git/c.yaml", "README.md", "apps/a.yaml.orig"]
    for name in [*texts, *passed_over]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(texts.get(name, "x: y\n").encode())
    (tmp_path / "folder.yaml").mkdir()
    plan = fu.plan(tmp_path)
    assert requests[0]["files"] == texts
    assert list(requests[0]["files"]) == sorted(texts)
    assert plan.skipped == ()
    fu.plan(os.fspath(tmp_path / "apps" / "b.yaml"))
    assert requests[1]["files"] == {"b.yaml": "no end"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_passed_over(answer: Answer, tmp_path: Path) -> None:
    requests = answer(RESPONSE)
    (tmp_path / "outside.yaml").write_text("secret: 1", encoding="utf-8")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.yaml").symlink_to("../outside.yaml")
    (folder / "loop").symlink_to(".")
    fu.plan(folder)
    assert requests[0]["files"] == {}


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"\xff", 1, 1),
        ("ä: ".encode() + b"\xe4", 1, 4),
        ("\ufeffa".encode() + b"\xe4", 1, 2),
        (b"a\r\nb\rc\n\xc3", 4, 1),
    ],
)
def test_a_file_that_is_not_utf8_is_a_finding(tmp_path: Path, data: bytes, line: int, column: int) -> None:
    (tmp_path / "latin.yaml").write_bytes(data)
    for source in (tmp_path, {"latin.yaml": data}):
        (found,) = fu.plan(source, snapshot={"schema": "flux-upgrade/registry-snapshot/v1"}).diagnostics
        assert (found.code, found.severity, found.path) == ("yaml.not-utf8", "error", "latin.yaml")
        assert (found.line, found.column) == (line, column)
        (found,) = fu.migrate(source).diagnostics
        assert found.code == "yaml.not-utf8"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_skipped(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.yaml"), "wb"):
        pass
    (skipped,) = fu.plan(tmp_path).skipped
    assert (skipped.code, skipped.path) == ("path.not-utf8", "\\udcff.yaml")


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fu.plan(tmp_path / "nowhere")

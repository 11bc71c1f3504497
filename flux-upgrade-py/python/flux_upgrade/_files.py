"""Reading the manifests of a folder."""

from __future__ import annotations

import os
from pathlib import Path

from ._plan import Diagnostic

_SUFFIXES = (".yaml", ".yml", ".env", ".tf", ".tofu", ".tfvars")
_RENOVATE = ("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5")
_NAMES = ("Kustomization", "Chart.lock", ".tool-versions", ".terraform.lock.hcl", *_RENOVATE)


def read(source: Path) -> tuple[dict[str, str], list[Diagnostic]]:
    """Texts of the files below `source` that a plan reads, by their path, and a finding for each that is no text.

    A single file is read under its own name. `.git` and symbolic links are passed over: what a link inside the
    folder points to is read in its own place.
    """
    if not source.is_dir():
        return _texts(source.parent, [source])
    found: list[Path] = []
    for folder, folders, names in os.walk(source, onerror=_raise):
        folders[:] = [name for name in folders if name != ".git"]
        found += [Path(folder, name) for name in names if name.endswith(_SUFFIXES) or name in _NAMES]
    return _texts(source, sorted(path for path in found if path.is_file() and not path.is_symlink()))


def _raise(error: OSError) -> None:
    raise error


def _texts(root: Path, paths: list[Path]) -> tuple[dict[str, str], list[Diagnostic]]:
    texts: dict[str, str] = {}
    skipped: list[Diagnostic] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        if not _is_text(name):
            shown = name.encode(errors="backslashreplace").decode()
            skipped.append(Diagnostic("path.not-utf8", "warning", "the name of the file is not UTF-8", path=shown))
            continue
        data = path.read_bytes()
        try:
            texts[name] = data.decode()
        except UnicodeDecodeError as error:
            line, column = _position(data[: error.start].decode())
            message = f"the file is not UTF-8 at byte {error.start}: `0x{data[error.start]:02x}`"
            skipped.append(Diagnostic("yaml.not-utf8", "warning", message, path=name, line=line, column=column))
    return texts, skipped


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`."""
    lines = before.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1

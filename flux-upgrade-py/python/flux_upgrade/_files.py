"""Reading the manifests of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ._plan import Diagnostic

_SUFFIXES = (".yaml", ".yml", ".env", ".tf", ".tofu", ".tfvars")
_RENOVATE = ("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5")
_NAMES = ("Kustomization", "Chart.lock", ".tool-versions", ".terraform.lock.hcl", *_RENOVATE)


def read(source: Path) -> tuple[dict[str, bytes], list[Diagnostic]]:
    """Files below `source` that a plan reads, by their path, and a finding for each whose name is no text.

    A single file is read under its own name. `.git` and symbolic links are passed over: what a link inside the
    folder points to is read in its own place.
    """
    if not source.is_dir():
        return _contents(source.parent, [source])
    found: list[Path] = []
    for folder, folders, names in os.walk(source, onerror=_raise):
        folders[:] = [name for name in folders if name != ".git"]
        found += [Path(folder, name) for name in names if name.endswith(_SUFFIXES) or name in _NAMES]
    return _contents(source, sorted(path for path in found if path.is_file() and not path.is_symlink()))


def _raise(error: OSError) -> None:
    raise error


def for_request(files: Mapping[str, str | bytes]) -> dict[str, str | list[int]]:
    """Files as the native part takes them: texts, and of what is not UTF-8 the bytes up to where that shows."""
    return {path: content if isinstance(content, str) else _text_or_bytes(content) for path, content in files.items()}


def _text_or_bytes(data: bytes) -> str | list[int]:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return list(data[: error.start + 1])


def _contents(root: Path, paths: list[Path]) -> tuple[dict[str, bytes], list[Diagnostic]]:
    contents: dict[str, bytes] = {}
    skipped: list[Diagnostic] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        if _is_text(name):
            contents[name] = path.read_bytes()
        else:
            shown = name.encode(errors="backslashreplace").decode()
            skipped.append(Diagnostic("path.not-utf8", "warning", "the name of the file is not UTF-8", path=shown))
    return contents, skipped


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

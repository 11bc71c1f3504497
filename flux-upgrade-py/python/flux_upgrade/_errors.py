"""The exceptions of this package, told apart by the first word of their code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FluxUpgradeError(Exception):
    """A call that could not give its result.

    `code` is stable and never reworded; `line` and `column` count from 1, `column` in code points.
    """

    def __init__(
        self,
        code: str,
        message: str,
        help: str | None = None,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(code, message, help, path, line, column)
        self.code = code
        self.message = message
        self.help = help
        self.path = path
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        text = f"{self.message} [{self.code}]"
        if place:
            text = f"{place}: {text}"
        return f"{text}\n  help: {self.help}" if self.help else text


class ManifestError(FluxUpgradeError, ValueError):
    """A file that cannot be read at all; findings about single documents are in `Plan.diagnostics`."""


class RangeError(FluxUpgradeError, ValueError):
    """A version or a range of versions that cannot be read."""


class PatchError(FluxUpgradeError):
    """A file that cannot be patched, for instance because its text is not the one that was planned."""


class AnswerError(FluxUpgradeError, ValueError):
    """An answer of a registry, or a snapshot of answers, that cannot be used."""


_BY_PREFIX: Mapping[str, type[FluxUpgradeError]] = {
    "answer": AnswerError,
    "manifest": ManifestError,
    "patch": PatchError,
    "range": RangeError,
    "snapshot": AnswerError,
    "version": RangeError,
    "yaml": ManifestError,
}


def error_from(data: Mapping[str, Any]) -> FluxUpgradeError:
    """The exception for the `error` object of a response."""
    code: str = data["code"]
    kind = _BY_PREFIX.get(code.partition(".")[0], FluxUpgradeError)
    return kind(code, data["message"], data.get("help"), data.get("path"), data.get("line"), data.get("column"))

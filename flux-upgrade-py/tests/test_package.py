"""The package is what its manifests, stubs and docs say."""

from __future__ import annotations

import ast
import doctest
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import flux_upgrade as fu
import pytest
from flux_upgrade import _native, aio

CRATE = Path(__file__).parents[1]


def manifest(path: str) -> dict[str, Any]:
    return tomllib.loads((CRATE / path).read_text(encoding="utf-8"))


def test_the_version_is_the_workspaces() -> None:
    workspace = manifest("../Cargo.toml")["workspace"]["package"]["version"]
    assert fu.__version__ == _native.__version__ == version("flux-upgrade") == workspace


def test_both_manifests_name_the_same_oldest_python() -> None:
    requires = manifest("pyproject.toml")["project"]["requires-python"]
    features = manifest("Cargo.toml")["dependencies"]["pyo3"]["features"]
    assert [f"abi3-py{requires.removeprefix('>=').replace('.', '')}"] == features


def test_the_stub_is_the_module() -> None:
    stub = Path(inspect.getfile(fu)).with_name("_native.pyi")
    declared: dict[str, list[str] | None] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name, args=arguments):
                declared[name] = [argument.arg for argument in arguments.args]
            case ast.ClassDef(name=name, body=body):
                declared[name] = [method.name for method in body if isinstance(method, ast.FunctionDef)]
            case ast.AnnAssign(target=ast.Name(name)):
                declared[name] = None
    built: dict[str, list[str] | None] = {}
    for name, value in vars(_native).items():
        if isinstance(value, type):
            built[name] = [method for method in vars(value) if not method.startswith("__") or method == "__new__"]
        elif callable(value):
            built[name] = list(inspect.signature(value).parameters)
        elif not name.startswith("__") or name == "__version__":
            built[name] = None
    built.pop("__all__", None)
    assert {name: sorted(value or []) for name, value in built.items()} == {
        name: sorted(value or []) for name, value in declared.items()
    }


def test_the_package_is_marked_as_typed() -> None:
    assert Path(inspect.getfile(fu)).with_name("py.typed").is_file()


def test_each_public_name_is_there_and_says_what_it_is() -> None:
    assert sorted(fu.__all__) == fu.__all__
    for name in fu.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(fu, name)), name


def test_the_examples_run() -> None:
    for module in (fu, aio):
        failed, tried = doctest.testmod(module)
        assert failed == 0, module
        assert tried >= 4, module


def test_requests_that_are_no_request_are_answered() -> None:
    for request in ("", "[]", "{", "\0"):
        assert '"error"' in _native.plan(request), request
    with pytest.raises(TypeError):
        _native.plan(b"{}")  # type: ignore[arg-type]

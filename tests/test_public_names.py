"""The public names: each is in one table, exists, is documented, and is seen by type checkers."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import griffe
import pytest

import fibonacci
import fibonacci.definitions
import fibonacci.emulator
import fibonacci.errors
import fibonacci.integrations
import fibonacci.integrations.opentelemetry
import fibonacci.models
import fibonacci.testing
import fibonacci.transports
import fibonacci.types
from tests.kit.assertions import each_row
from tests.kit.public_api import foreign_packages, private_names, public_objects
from tests.tools import stubs
from tests.tools.markdown import ROOT

MODULES = [
    fibonacci,
    fibonacci.definitions,
    fibonacci.emulator,
    fibonacci.integrations,
    fibonacci.models,
    fibonacci.testing,
    fibonacci.transports,
    fibonacci.types,
]
NAMES = [(module, name) for module in MODULES for name in module.__all__]

EAGER = [fibonacci.errors, fibonacci.integrations.opentelemetry]
OTHERS = {"typing_extensions", "pydantic", "pandas", "polars", "opentelemetry"}
"""The packages beside the standard library whose types public signatures may name."""

each_module = each_row("module", MODULES)


def seen_by_type_checkers(module: ModuleType) -> dict[str, str]:
    """Return the names that the stub of a module imports, and from where."""
    assert module.__file__ is not None
    statements = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text("utf-8")).body
    imports = [each for each in statements if isinstance(each, ast.ImportFrom)]
    return {alias.name: str(each.module) for each in imports for alias in each.names}


@each_module
def test_the_names_of_a_module_are_those_of_its_stub(module: ModuleType) -> None:
    source = Path(str(module.__file__)).read_text("utf-8")
    seen = seen_by_type_checkers(module)
    modules = stubs.public_modules(source)
    names = sorted([*seen.keys() - {*modules}, *(["__version__"] if module is fibonacci else [])])
    assert sorted(module.__all__) == names
    assert sorted(dir(module)) == sorted([*names, *modules])
    assert {*modules} <= seen.keys()
    for name, home in seen.items():
        if name not in modules:
            assert getattr(importlib.import_module(home), name) is getattr(module, name)


@pytest.mark.slow
def test_every_public_module_says_what_is_public_and_what_public_signatures_name_is() -> None:
    """In one test, as reading the package takes seconds."""
    objects = public_objects(ROOT)
    check_public_modules(objects)
    assert sorted({*private_names(objects)}) == []
    known = {*sys.stdlib_module_names, *OTHERS}
    assert [(package, place) for package, place in foreign_packages(objects) if package not in known] == []


def check_public_modules(objects: Mapping[str, griffe.Object]) -> None:
    names = [f"fibonacci.{name}" for name in stubs.public_modules(Path(str(fibonacci.__file__)).read_text("utf-8"))]
    names += ["fibonacci", "fibonacci.integrations.opentelemetry"]
    assert sorted(names) == sorted(module.__name__ for module in [*MODULES, *EAGER])
    for name in names:
        module = importlib.import_module(name)
        public = {each.rpartition(".")[2] for each in objects if each.rpartition(".")[0] == name}
        assert {*module.__all__} - {"__version__"} == public
    lines = [f"assert {name} is sys.modules[{name!r}]" for name in sorted(names, reverse=True)]
    program = "\n".join(["import fibonacci, sys", *lines])
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@each_row("module", EAGER)
def test_a_module_that_is_not_lazy_lists_its_classes(module: ModuleType) -> None:
    own = [name for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__]
    assert sorted(module.__all__) == sorted(name for name in own if name[0].isupper())


def test_a_private_type_in_a_public_signature_is_found(tmp_path: Path) -> None:
    package = tmp_path / "fibonacci"
    package.mkdir()
    (package / "__init__.py").write_text('lazy_names(globals(), {"fibonacci._client": ["Fibonacci"]})')
    source = """
        import httpx
        from typing import TypeVar

        T = TypeVar("T")
        Alias = list["Secret"]
        class Secret: ...
        class _Base:
            def inherited(self) -> Secret: ...
        class Fibonacci(_Base):
            def __init__(self, given: Secret, _own: Secret) -> None:
                self.read: Secret = given
            def call(self, argument: list[Secret | None] | T) -> dict[str, Alias]: ...
            def send(self) -> httpx.Response: ...
            def _private(self) -> Secret: ...
    """
    (package / "_client.py").write_text(dedent(source))
    objects = public_objects(tmp_path)
    where = "fibonacci.Fibonacci"
    assert sorted(private_names(objects)) == [
        f"{where}.call: Alias",
        f"{where}.call: Secret",
        f"{where}.inherited: Secret",
        f"{where}.read: Secret",
        f"{where}: Secret",
    ]
    assert list(foreign_packages(objects)) == [("httpx", f"{where}.send")]


@each_row(("module", "name"), NAMES)
def test_each_name_is_there_and_is_documented(module: ModuleType, name: str) -> None:
    value = getattr(module, name)
    assert value is getattr(module, name)
    if isinstance(value, type):
        assert value.__name__ == name
        assert value.__doc__


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fibonacci' has no attribute 'Fibonaci'") as caught:
        _ = fibonacci.Fibonaci  # type: ignore[attr-defined]  # pyright: ignore
    assert caught.value.name == "Fibonaci"
    with pytest.raises(ImportError, match="Fibonaci"):
        from fibonacci import Fibonaci  # type: ignore[attr-defined]  # noqa: F401  # pyright: ignore


def test_values_can_get_further_fields() -> None:
    """Whoever unpacked a tuple, or passed a field by its position, would notice a new one."""
    classes = {each for module, name in NAMES if isinstance(each := getattr(module, name), type)}
    assert [each.__name__ for each in classes if issubclass(each, tuple)] == []
    values = [each for each in classes if dataclasses.is_dataclass(each)]
    assert len(values) > 10
    for each in values:
        assert vars(each)["__dataclass_params__"].frozen, each
        assert "__slots__" in vars(each), each
        assert [field.name for field in dataclasses.fields(each) if not field.kw_only] == [], each

"""What is deprecated works, and warns at the line of the program that uses it."""

from __future__ import annotations

import asyncio
import linecache
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from fibonacci._lazy import lazy_names
from fibonacci.models import Workflow
from tests.stubs import derive

MODULE = "fibonacci_example"
FLOW = (
    r"^`fibonacci_example\.Flow` is deprecated since fibonacci-sdk 1\.1\.0 and will be removed in 2\.0\.0: "
    r"use `fibonacci_example\.Workflow`$"
)
START = r"^`start` is deprecated since fibonacci-sdk 1\.1\.0 and will be removed in 2\.0\.0: use `run`$"
OLD_CALLS = """
from fibonacci._deprecations import warn_deprecated

def start():
    warn_deprecated("`start`", since="1.1.0", removal="2.0.0", instead="use `run`")
    return "started"

def nested():
    return [start() for _ in range(1)][0]

async def awaited():
    return start()

def generated():
    yield start()
"""


@pytest.fixture
def module() -> Iterator[Any]:
    """Return a module of lazy names with one that was renamed."""
    module = ModuleType(MODULE)
    lazy_names(vars(module), {"fibonacci.models": ["Workflow"]}, renamed={"Flow": ("Workflow", "1.1.0", "2.0.0")})
    sys.modules[MODULE] = module
    yield module
    del sys.modules[MODULE]


@pytest.fixture
def calls() -> dict[str, Any]:
    """Return deprecated functions of a module of the package."""
    names: dict[str, Any] = {"__name__": "fibonacci._example"}
    exec(compile(OLD_CALLS, "fibonacci/_example.py", "exec"), names)
    return names


def line_of(warning: warnings.WarningMessage) -> str:
    """Return the line of this file that a warning is about."""
    assert warning.filename == __file__
    return linecache.getline(__file__, warning.lineno).strip()


def test_a_renamed_name_works_and_warns(module: Any) -> None:
    with pytest.warns(DeprecationWarning, match=FLOW) as caught:
        found = module.Flow
    assert found is Workflow
    assert [line_of(warning) for warning in caught] == ["found = module.Flow"]


def test_importing_one_warns_once_in_the_program(module: Any) -> None:
    assert module
    names: dict[str, Any] = {}
    with pytest.warns(DeprecationWarning, match=FLOW) as caught:
        exec(compile(f"\nfrom {MODULE} import Flow", "program.py", "exec"), names)
    assert names["Flow"] is Workflow
    assert [(warning.filename, warning.lineno) for warning in caught] == [("program.py", 2)]


def test_every_use_of_one_warns(module: Any) -> None:
    with pytest.warns(DeprecationWarning, match=FLOW) as caught:
        assert module.Flow is module.Flow
    assert len(caught) == 2


def test_the_name_that_is_used_now_does_not_warn(module: Any) -> None:
    assert module.Workflow is Workflow


def test_a_renamed_name_is_not_listed(module: Any) -> None:
    assert module.__all__ == dir(module) == ["Workflow"]


def test_type_checkers_find_it_in_the_stub() -> None:
    source = 'lazy_names(globals(), {"a": ["New"]}, renamed={"Old": ("New", "1.1.0", "2.0.0")})'
    assert derive(source, "a.py").split("\n")[1:] == ["from a import New", "Old = New", "", "__all__ = ['New']", ""]


@pytest.mark.parametrize("name", ["start", "nested"])
def test_a_deprecated_function_works_and_the_warning_is_about_its_caller(calls: dict[str, Any], name: str) -> None:
    with pytest.warns(DeprecationWarning, match=START) as caught:
        found = calls[name]()
    assert found == "started"
    assert [line_of(warning) for warning in caught] == ["found = calls[name]()"]


def test_so_do_iterators(calls: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=START) as caught:
        found = next(calls["generated"]())
    assert found == "started"
    assert [line_of(warning) for warning in caught] == ['found = next(calls["generated"]())']


def test_so_do_awaited_calls(calls: dict[str, Any]) -> None:
    async def program() -> str:
        found: str = await calls["awaited"]()
        return found

    with pytest.warns(DeprecationWarning, match=START) as caught:
        assert asyncio.run(program()) == "started"
    assert [line_of(warning) for warning in caught] == ['found: str = await calls["awaited"]()']


def test_a_filter_for_a_module_of_the_program_finds_it(calls: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=__name__.replace(".", r"\."))
        assert calls["start"]() == "started"

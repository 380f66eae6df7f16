"""What is deprecated works, and warns at the line of the program that uses it."""

from __future__ import annotations

import asyncio
import linecache
import warnings
from typing import Any

import pytest

START = "`start` is deprecated: use `run`"
OLD_CALLS = """
from fibonacci._texts.migration import warn_of_deprecation

def start():
    warn_of_deprecation("`start` is deprecated: use `run`")
    return "started"

async def awaited():
    return start()
"""


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


def test_a_deprecated_function_works_and_the_warning_is_about_its_caller(calls: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=START) as caught:
        found = calls["start"]()
    assert found == "started"
    assert [line_of(warning) for warning in caught] == ['found = calls["start"]()']


def test_so_do_awaited_calls(calls: dict[str, Any]) -> None:
    async def program() -> str:
        found: str = await calls["awaited"]()
        return found

    with pytest.warns(DeprecationWarning, match=START) as caught:
        assert asyncio.run(program()) == "started"
    assert [line_of(warning) for warning in caught] == ['found: str = await calls["awaited"]()']

"""What tests assert in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

T = TypeVar("T")


def check_rows(rows: Iterable[tuple[str, T]], check: Callable[[T], None]) -> None:
    """Check every row of a table, and raise all failures together, each with the name of its row."""
    failures: list[Exception] = []
    for name, row in rows:
        try:
            check(row)
        except Exception as error:
            error.add_note(f"row: {name}")
            failures.append(error)
    if failures:
        raise ExceptionGroup("rows that fail", failures)


def refused(
    mode: Mode, server: ScriptedServer, expected: type[Exception], make: Callable[[], Any], *parts: str
) -> None:
    """Make a call that has to fail before anything is sent, with all of those words in its message."""
    with pytest.raises(expected) as caught:
        mode.run(make())
    text = str(caught.value)
    assert type(caught.value) is expected
    assert [part for part in parts if part not in text] == [], text
    assert server.requests == []
    assert server.api_key not in text


def appears(condition: Callable[[], bool]) -> bool:
    """Whether a condition holds within some seconds."""
    ends = time.monotonic() + 5
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True

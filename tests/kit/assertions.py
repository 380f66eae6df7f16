"""What tests assert in common."""

from __future__ import annotations

import inspect
import reprlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

import pytest

from tests.kit.mode import MODES, Mode
from tests.kit.server import ScriptedServer

T = TypeVar("T")


def check_rows(rows: Iterable[tuple[str, T]], check: Callable[[T], None], *, at_once: int = 1) -> None:
    """Check every row of a table, and raise all failures together, each with the name of its row.

    Args:
        rows: Names and rows.
        check: Fails for a row that is not as it should be.
        at_once: How many rows are checked side by side, in threads: rows that mostly wait can wait together.
    """
    failures: list[BaseException] = []

    def collect(named: tuple[str, T]) -> None:
        name, row = named
        try:
            check(row)
        except (Exception, pytest.fail.Exception) as error:  # the latter is no Exception: nothing was raised
            error.add_note(f"row: {name}")
            failures.append(error)

    if at_once == 1:
        for named in rows:
            collect(named)
    else:
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(collect, rows))
    if failures:
        raise BaseExceptionGroup("rows that fail", failures)


def check_each(rows: Iterable[T], check: Callable[[T], None]) -> None:
    """Check every row of a table, and raise all failures together, each with its row."""
    check_rows(((repr(row)[:200], row) for row in rows), check)


def all_modes_at_once(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test that mostly waits in every mode at the same time; its other fixtures are those of all three."""
    signature = inspect.signature(test)

    @wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        def check(mode: Mode) -> None:
            with mode:
                test(*args, mode=mode, **fixtures)

        check_rows([(name, Mode(name)) for name in MODES], check, at_once=len(MODES))

    others = [parameter for name, parameter in signature.parameters.items() if name != "mode"]
    vars(run)["__signature__"] = signature.replace(parameters=others)  # these are the fixtures that pytest passes
    return run


def enumerate_rows(rows: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Name each row by its place in the table and by the beginning of what it holds."""
    for number, row in enumerate(rows, 1):
        try:
            yield f"{number}: {reprlib.repr(row)}", row
        except ValueError:  # it holds a number of more digits than Python writes
            yield str(number), row


def each_row(
    names: str | tuple[str, ...], rows: Iterable[Any] | Callable[[], Iterable[Any]]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Check every row in one test, where `pytest.mark.parametrize` makes a case of each: the rows share its fixtures.

    Args:
        names: The parameters of the test that a row gives, or the one that it is.
        rows: The rows, or a function that returns them when the test runs.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def check_all(*args: Any, **fixtures: Any) -> None:
            all_rows = list(rows() if callable(rows) else rows)
            assert all_rows, "a table without rows checks nothing"
            named = [{names: row} if isinstance(names, str) else dict(zip(names, row, strict=True)) for row in all_rows]
            check_rows(enumerate_rows(named), lambda row: test(*args, **fixtures, **row))

        signature = inspect.signature(test)
        fixtures = [each for name, each in signature.parameters.items() if name not in (names, *names)]
        vars(check_all)["__signature__"] = signature.replace(parameters=fixtures)
        return check_all

    return decorate


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


def is_quick(act: Callable[[], object], seconds: float) -> bool:
    """Whether an act takes less than so many seconds, at its best: the machine may stand still."""
    for _ in range(20):
        began = time.monotonic()
        act()
        if time.monotonic() - began < seconds:
            return True
    return False


def appears(condition: Callable[[], bool]) -> bool:
    """Whether a condition holds within some seconds."""
    ends = time.monotonic() + 5
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True

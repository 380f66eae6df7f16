"""Rows of every kind: what is read of them, when, and which are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import anyio
import pytest
from pydantic import BaseModel, Field

from fibonacci import (
    Fibonacci,
    RunResult,
)
from fibonacci.emulator import Emulator
from tests.batch.workflows import inputs_of, named, run
from tests.kit.assertions import each_row
from tests.kit.mode import MODES, Mode
from tests.kit.nodes import llm


@dataclass
class PersonRecord:
    id: int
    name: str


class NamedRecord(NamedTuple):
    name: str


class TestRows:
    def test_they_are_read_as_they_are_needed(self, mode: Mode, any_client: Any, rester: str) -> None:
        read = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal read
            for _ in range(20):
                read += 1
                yield {"seconds": 0}

        ahead: list[int] = []
        seen = 0

        def visit(_: RunResult) -> None:
            nonlocal seen
            seen += 1
            ahead.append(read - seen)

        mode.each(any_client.workflows.run_many(rester, rows(), concurrency=3), visit)
        assert seen == 20
        assert max(ahead) <= 6

    def test_the_first_row_is_checked_before_any_is_started(
        self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str
    ) -> None:
        runs = any_client.workflows.run_many(greeter, [{"id": 1, "nam": "Ada"}, {"id": 2, "name": "Bob"}], key="id")
        text = (
            r"^row 0 does not fit the workflow's inputs, so no row is started: inputs.name: it is missing, but used by"
            r" node 'greet'; inputs.nam: there is no such input. Did you mean 'name'\?"
        )
        with pytest.raises(ValueError, match=text):
            mode.each(runs, lambda _: None)
        assert inputs_of(client, greeter) == []

    def test_a_row_of_the_journal_is_not_checked_again(
        self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str, tmp_path: Path
    ) -> None:
        def runs(*names: str) -> Any:
            rows, journal = named(*names), tmp_path / "runs.db"
            return any_client.workflows.run_many(greeter, rows, journal=journal, if_new_version="continue")

        run(mode, runs("Ada"))
        client.workflows.update(greeter, definition={"nodes": [llm("greet", "{{input.other}}")]})
        assert [result.succeeded for result in run(mode, runs("Ada"))] == [True]
        with pytest.raises(ValueError, match=r"^row 1 does not fit the workflow's inputs"):
            run(mode, runs("Ada", "Bob"))

    def test_what_may_be_meant_is_logged(
        self, mode: Mode, any_client: Any, greeter: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO", logger="fibonacci"):
            run(mode, any_client.workflows.run_many(greeter, [{"id": 1, "name": "Ada", "team": "x"}], key="id"))
        told = [record.getMessage() for record in caplog.records if "inputs" in record.getMessage()]
        assert told == ["row 0: inputs.team: there is no such input: the inputs are name"]

    def test_an_async_iterable(self, greeter: str, emulator: Emulator) -> None:
        async def rows() -> AsyncIterator[dict[str, Any]]:
            for number in range(6):
                await asyncio.sleep(0.001)
                yield {"name": number}

        for name in MODES[1:]:
            with Mode(name) as mode:
                client = mode.client_of(emulator)
                source = rows() if name == "asyncio" else _rows_of_trio()
                assert len(run(mode, client.workflows.run_many(greeter, source))) == 6

    def test_a_slow_async_iterable_holds_up_no_result(self, greeter: str, emulator: Emulator) -> None:
        async def main() -> None:
            arrived = asyncio.Event()

            async def rows() -> AsyncIterator[dict[str, Any]]:
                yield {"name": "first"}
                await arrived.wait()  # until its result is there
                yield {"name": "second"}

            from fibonacci import AsyncFibonacci

            async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
                seen = 0
                async for _ in client.workflows.run_many(greeter, rows()):
                    seen += 1
                    arrived.set()
                assert seen == 2

        asyncio.run(asyncio.wait_for(main(), 20))

    def test_an_error_of_the_iterable_is_raised_after_the_results(
        self, mode: Mode, any_client: Any, greeter: str
    ) -> None:
        def rows() -> Iterator[dict[str, Any]]:
            yield from named("Ada", "Bob")
            raise OSError("the file is gone")

        seen: list[RunResult] = []
        with pytest.raises(OSError, match="the file is gone") as caught:
            mode.each(any_client.workflows.run_many(greeter, rows()), seen.append)
        assert len(seen) == 2
        assert "2 succeeded" in caught.value.__notes__[0]

    def test_a_function_makes_the_inputs(self, mode: Mode, any_client: Any, greeter: str) -> None:
        def key(row: tuple[str, int]) -> str:
            return row[0]

        def inputs(row: tuple[str, int]) -> dict[str, int]:
            return {"name": 1 // row[1]}

        runs = any_client.workflows.run_many(greeter, [("Ada", 1), ("Bob", 0)], key=key, inputs=inputs)
        by_key = {result.key: result for result in run(mode, runs)}
        assert by_key["Ada"].inputs == {"name": 1}
        assert isinstance(by_key["Bob"].error, ZeroDivisionError)

    @pytest.mark.parametrize(("journal", "distance"), [(True, 30), (False, 1)])
    def test_two_rows_with_one_key(
        self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str, tmp_path: Path, journal: bool, distance: int
    ) -> None:
        rows = [{"name": number} for number in range(distance)] + [{"name": 0}]
        options = {"key": "name", "journal": tmp_path / "runs.db" if journal else None, "concurrency": 2}
        text = rf"rows 0 and {distance} have the same key 0"
        with pytest.raises(ValueError, match=text):
            mode.each(any_client.workflows.run_many(greeter, rows, **options), lambda _: None)
        assert inputs_of(client, greeter) == [], "a list is read before the first row is started"
        with pytest.raises(ValueError, match=text):
            mode.each(any_client.workflows.run_many(greeter, iter(rows), **options), lambda _: None)
        assert len(inputs_of(client, greeter)) == distance

    @each_row(
        ("row", "error", "text"),
        [
            ({"name": "Ada"}, ValueError, "row 0 has no column 'id', which key= names"),
            ({"id": None}, TypeError, "the key of row 0 must be a str or an int, not None"),
            ({"id": 1.5}, TypeError, r"the key of row 0 must be a str or an int, not float: pass key=.*str\(\)"),
            ({"id": "\ud800"}, ValueError, "the key of row 0 cannot be stored as text"),
            ({"id": 10**5000}, ValueError, "the key of row 0 cannot be stored as text"),
            (
                PersonRecord(1, "Ada"),
                ValueError,
                r"row 0 has no column 'id', which key= names. .* key=lambda row: row.id",
            ),
        ],
    )
    def test_a_row_without_a_key(
        self, mode: Mode, any_client: Any, greeter: str, row: Any, error: type[Exception], text: str
    ) -> None:
        with pytest.raises(error, match=text):
            run(mode, any_client.workflows.run_many(greeter, [row], key="id"))

    def test_a_length_that_fails_is_not_known(self, mode: Mode, any_client: Any, greeter: str) -> None:
        class Bar(list[Any]):
            def __len__(self) -> int:
                raise TypeError("a bar over a generator has no length")

        runs = any_client.workflows.run_many(greeter, Bar(named("Ada")))
        assert [result.status for result in run(mode, runs)] == ["completed"]

    def test_models_have_columns(self, mode: Mode, any_client: Any, greeter: str) -> None:
        class Person(BaseModel):
            id: int
            given: str = Field(default="Ada", alias="name")

        (result,) = run(mode, any_client.workflows.run_many(greeter, [Person(id=7)], key="id"))
        assert (result.key, result.inputs) == (7, {"id": 7, "name": "Ada"})
        assert result.succeeded

    @pytest.mark.parametrize(
        ("row", "remedy"),
        [
            (PersonRecord(1, "Ada"), "dataclasses.asdict"),
            (NamedRecord("Ada"), "_asdict()"),
            ("Ada", "pass inputs="),
        ],
    )
    def test_a_row_that_is_no_mapping_fails_with_the_remedy(
        self, mode: Mode, any_client: Any, greeter: str, row: Any, remedy: str
    ) -> None:
        (result,) = run(mode, any_client.workflows.run_many(greeter, [row]))
        assert remedy in str(result.error)

    @pytest.mark.parametrize("argument", ["key", "inputs"])
    def test_async_functions_are_refused(self, mode: Mode, any_client: Any, argument: str) -> None:
        async def function(row: Any) -> Any:
            return row

        with pytest.raises(TypeError, match=f"{argument} must be a plain function, not an async one"):
            any_client.workflows.run_many("wf-1", [], **{argument: function})


async def _rows_of_trio() -> AsyncIterator[dict[str, Any]]:
    import trio

    for number in range(6):
        await trio.sleep(0.001)
        yield {"name": number}


def test_a_note_says_resume_only_where_the_journal_has_rows(client: Fibonacci, greeter: str, tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"

    def note_of(rows: list[dict[str, str]]) -> str:
        with pytest.raises(ValueError, match="row 0") as caught:
            client.workflows.run_many(greeter, rows, journal=journal).results()
        return str(caught.value.__notes__[-1])

    assert note_of([{"nam": "Ada"}]).endswith("The journal has no rows, so the same call starts from the beginning.")
    client.workflows.run_many(greeter, [{"name": "Ada"}], journal=journal, resume=False).results()
    assert note_of([{"name": "Bob"}]).endswith(f"make the same call again with journal={str(journal)!r}, resume=True.")
    with pytest.raises(ValueError, match="resume needs a journal: pass journal="):
        client.workflows.run_many(greeter, [], resume=True)


def test_rows_are_iterated_once(mode: Mode, emulator: Emulator, greeter: str) -> None:
    run_many = mode.client_of(emulator).workflows.run_many
    begun, ended = (run_many(greeter, named("Ada")) for _ in range(2))
    iterator = aiter(begun)
    assert len(run(mode, ended)) == 1
    for runs in (begun, ended):
        with pytest.raises(RuntimeError, match=r"were already iterated. results\(\) has their results"):
            aiter(runs)
    del iterator
    assert len(mode.run(ended.results())) == 1


class _OneByOne:
    """An async iterable of rows that takes a moment for each, and counts how many are asked for at a time."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._asked = 0
        self.most = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        self._asked += 1
        self.most = max(self.most, self._asked)
        await anyio.sleep(0.01)
        self._asked -= 1
        self._left -= 1
        if self._left < 0:
            raise StopAsyncIteration
        return {"name": self._left}


def test_rows_that_have_to_be_waited_for_are_asked_for_one_after_the_other(
    mode: Mode, emulator: Emulator, greeter: str
) -> None:
    rows = _OneByOne(8)
    runs = mode.client_of(emulator).workflows.run_many(greeter, rows, concurrency=4)
    assert len(run(mode, runs)) == 8
    assert rows.most == 1

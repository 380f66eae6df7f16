"""Rows run, results come, and one row's trouble stays its own, on both clients."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from fibonacci import (
    ExecutionFailedError,
    Fibonacci,
    NotFoundError,
    RunResult,
    TooManyFailuresError,
    ValidationError,
    WaitTimeoutError,
)
from fibonacci.emulator import Emulator, ToolCall
from tests.emulator.api import tool
from tests.kit.mode import MODES, Mode

GREETER = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
RESTER = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}


@pytest.fixture
def greeter(client: Fibonacci) -> str:
    return client.workflows.create(name="greeter", definition=GREETER).id


@pytest.fixture
def rester(client: Fibonacci) -> str:
    return client.workflows.create(name="rester", definition=RESTER).id


@dataclass
class PersonRecord:
    id: int
    name: str


class NamedRecord(NamedTuple):
    name: str


def named(*names: Any) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


def run(mode: Mode, runs: Any) -> list[RunResult]:
    """Iterate, and return the results in the order in which they came."""
    found: list[RunResult] = []
    mode.each(runs, found.append)
    return found


def inputs_of(client: Fibonacci, workflow: str) -> list[dict[str, Any]]:
    """Return the inputs of the workflow's executions, the newest first."""
    return [(each.model_extra or {})["inputs"] for each in client.executions.list(workflow_id=workflow)]


def test_every_row_has_its_result(mode: Mode, any_client: Any, client: Fibonacci, greeter: str) -> None:
    names = [f"n{number}" for number in range(45)]
    runs = any_client.workflows.run_many(greeter, named(*names))
    assert str(runs.summary) == "0 done, 0 failed, 0 unknown, 45 left (0 from the journal)"
    results = run(mode, runs)
    assert sorted(result.index for result in results) == list(range(45))
    for result in results:
        assert (result.succeeded, result.status, result.error, result.is_final) == (True, "completed", None, True)
        assert result.key == str(result.index)
        assert result.inputs == {"name": names[result.index]}
        assert result.outputs["greet"].endswith(f"Greet {names[result.index]}")
    assert str(runs.summary) == "45 done, 0 failed, 0 unknown, 0 left (0 from the journal)"
    assert len(inputs_of(client, greeter)) == 45


@pytest.mark.slow
def test_results_come_as_they_end_or_in_order(mode: Mode, any_client: Any, rester: str) -> None:
    rows = [{"seconds": 1.2}, {"seconds": 0}, {"seconds": 0.4}]
    ended = [run(mode, any_client.workflows.run_many(rester, rows, ordered=ordered)) for ordered in (False, True)]
    assert [[result.index for result in results] for results in ended] == [[1, 2, 0], [0, 1, 2]]


@pytest.mark.parametrize("mode", ["trio"], indirect=True)
def test_on_trio(mode: Mode, any_client: Any, rester: str) -> None:
    rows = [{"seconds": 0.3 if number % 2 else 0} for number in range(12)]
    assert Counter(result.status for result in run(mode, any_client.workflows.run_many(rester, rows))) == {
        "completed": 12
    }


def test_no_rows(mode: Mode, any_client: Any, greeter: str) -> None:
    assert run(mode, any_client.workflows.run_many(greeter, [])) == []


def test_results_and_frame(mode: Mode, any_client: Any, greeter: str) -> None:
    runs = any_client.workflows.run_many(greeter, named("Ada", "Bob", "Eve"))
    results = mode.run(runs.results())
    assert [result.index for result in results] == [0, 1, 2]
    assert mode.run(runs.results()) == results, "of what was run; nothing is run again"
    frame = mode.run(runs.to_pandas(flatten=True))
    assert list(frame.columns) == [
        *("index", "key", "status", "inputs.name", "outputs.greet", "error", "execution_id", "duration_ms")
    ]
    assert list(frame["inputs.name"]) == ["Ada", "Bob", "Eve"]
    empty = mode.run(any_client.workflows.run_many(greeter, []).to_pandas())
    assert list(empty.columns)[:4] == ["index", "key", "status", "inputs"]


def test_it_is_iterated_once(mode: Mode, any_client: Any, greeter: str) -> None:
    runs = any_client.workflows.run_many(greeter, named("Ada"))
    assert len(run(mode, runs)) == 1
    with pytest.raises(RuntimeError, match="were iterated before: results"):
        run(mode, runs)


class TestFailures:
    def test_one_row_stops_no_other(self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str) -> None:
        rows: list[Any] = [
            *named("Ada"),
            {"nome": "Bob"},  # its node has no value, and fails
            {"name": {1, 2}},  # has no JSON form
            {"name": float("nan")},
            7,
            *named("Eve"),
        ]
        by_index = {result.index: result for result in run(mode, any_client.workflows.run_many(greeter, rows))}
        assert [by_index[index].status for index in range(6)] == ["completed", *["failed"] * 4, "completed"]
        failed = by_index[1].error
        assert isinstance(failed, ExecutionFailedError)
        assert "{{input.name}} has no value" in str(failed)
        assert failed.execution == by_index[1].execution
        assert "name is of type set, which has no JSON form; use sorted()" in str(by_index[2].error)
        assert isinstance(by_index[2].error, TypeError)
        assert isinstance(by_index[3].error, ValueError)
        assert "the inputs of row 4 must be a mapping of names to values, not int; pass" in str(by_index[4].error)
        assert len(inputs_of(client, greeter)) == 3, "nothing is sent for rows without a JSON form"

    def test_a_row_that_the_platform_refuses(self, mode: Mode, any_client: Any, client: Fibonacci) -> None:
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        workflow = client.workflows.create(name="strict", definition={**GREETER, "input_schema": schema})
        results = run(mode, any_client.workflows.run_many(workflow.id, named("Ada", 7)))
        refused = next(result for result in results if not result.succeeded)
        assert (refused.index, refused.status, refused.execution) == (1, "failed", None)
        assert isinstance(refused.error, ValidationError)

    def test_max_failures(self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str) -> None:
        rows = [{"nome": number} for number in range(50)]
        runs = any_client.workflows.run_many(greeter, rows, max_failures=2, concurrency=4)
        seen: list[RunResult] = []
        with pytest.raises(TooManyFailuresError, match="rows have failed, and max_failures is 2; the last: execution"):
            mode.each(runs, seen.append)
        assert 3 <= len(seen) <= 11, "at most what was under way"
        assert runs.summary.failed == len(seen) == len(inputs_of(client, greeter))
        assert runs.summary.left == 50 - len(seen)

    def test_max_failures_that_are_not_exceeded(self, mode: Mode, any_client: Any, greeter: str) -> None:
        rows = [{"nome": 1}, *named("Ada", "Bob")]
        assert len(run(mode, any_client.workflows.run_many(greeter, rows, max_failures=1))) == 3

    def test_what_every_row_would_meet_is_raised(self, mode: Mode, any_client: Any, client: Fibonacci) -> None:
        workflow = client.workflows.create(name="greeter", definition=GREETER).id

        def rows() -> Iterator[dict[str, Any]]:
            yield from named("Ada")
            client.workflows.delete(workflow)
            yield from named(*range(100))

        runs = any_client.workflows.run_many(workflow, rows(), concurrency=2)
        with pytest.raises(NotFoundError):
            run(mode, runs)
        assert runs.summary.done <= 1
        assert runs.summary.failed == 0

    @pytest.mark.slow
    def test_an_execution_that_takes_too_long(
        self, mode: Mode, any_client: Any, client: Fibonacci, rester: str, tmp_path: Path
    ) -> None:
        options = {"journal": tmp_path / "runs.db", "timeout": 0.7}
        rows = [{"seconds": 0}, {"seconds": 2}]
        runs = any_client.workflows.run_many(rester, rows, **options)
        late = next(result for result in run(mode, runs) if not result.succeeded)
        assert (late.index, late.status, late.is_final) == (1, "running", False)
        assert isinstance(late.error, WaitTimeoutError)
        assert late.execution is not None
        assert (runs.summary.done, runs.summary.failed, runs.summary.left) == (1, 0, 1)
        again = run(mode, any_client.workflows.run_many(rester, rows, **{**options, "timeout": 30}))
        assert [(each.status, each.execution and each.execution.id) for each in again if each.index == 1] == [
            ("completed", late.execution.id)
        ]
        assert len(inputs_of(client, rester)) == 2


class TestRows:
    def test_they_are_read_as_they_are_needed(self, mode: Mode, any_client: Any, rester: str) -> None:
        read = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal read
            for _ in range(200):
                read += 1
                yield {"seconds": 0}

        ahead: list[int] = []
        seen = 0

        def visit(_: RunResult) -> None:
            nonlocal seen
            seen += 1
            ahead.append(read - seen)

        mode.each(any_client.workflows.run_many(rester, rows(), concurrency=3), visit)
        assert seen == 200
        assert max(ahead) <= 6

    def test_an_async_iterable(self, greeter: str, emulator: Emulator) -> None:
        async def rows() -> AsyncIterator[dict[str, Any]]:
            for number in range(30):
                await asyncio.sleep(0.001)
                yield {"name": number}

        for name in MODES[1:]:
            with Mode(name) as mode:
                client = mode.client_of(emulator)
                source = rows() if name == "asyncio" else _rows_of_trio()
                assert len(run(mode, client.workflows.run_many(greeter, source))) == 30

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
        assert "2 done" in caught.value.__notes__[0]

    def test_a_function_makes_the_inputs(self, mode: Mode, any_client: Any, greeter: str) -> None:
        def key(row: tuple[str, int]) -> str:
            return row[0]

        def inputs(row: tuple[str, int]) -> dict[str, int]:
            return {"name": 1 // row[1]}

        runs = any_client.workflows.run_many(greeter, [("Ada", 1), ("Bob", 0)], key=key, inputs=inputs)
        by_key = {result.key: result for result in run(mode, runs)}
        assert by_key["Ada"].inputs == {"name": 1}
        assert isinstance(by_key["Bob"].error, ZeroDivisionError)

    @pytest.mark.parametrize("journal", [True, False])
    @pytest.mark.parametrize("distance", [1, 150])
    def test_two_rows_with_one_key(
        self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str, tmp_path: Path, journal: bool, distance: int
    ) -> None:
        rows = [{"name": number} for number in range(distance)] + [{"name": 0}]
        path = tmp_path / "runs.db" if journal else None
        runs = any_client.workflows.run_many(greeter, rows, key="name", journal=path)
        with pytest.raises(ValueError, match=rf"rows 0 and {distance} have the same key '0'"):
            mode.each(runs, lambda _: None)
        assert len(inputs_of(client, greeter)) == distance

    @pytest.mark.parametrize(
        ("row", "error", "text"),
        [
            ({"name": "Ada"}, ValueError, "row 0 has no column 'id', which key= names"),
            ({"id": None}, TypeError, "the key of row 0 must be a str or an int, not None"),
            ({"id": 1.5}, TypeError, r"the key of row 0 must be a str or an int, not float; pass key=.*str\(\)"),
            ({"id": "\ud800"}, ValueError, "the key of row 0 is no text that can be stored"),
            ({"id": 10**5000}, ValueError, "the key of row 0 is no text that can be stored"),
            (
                PersonRecord(1, "Ada"),
                ValueError,
                "row 0 has no column 'id', which key= names; .* key=lambda row: row.id",
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
            name: str

        (result,) = run(mode, any_client.workflows.run_many(greeter, [Person(id=7, name="Ada")], key="id"))
        assert (result.key, result.inputs) == ("7", {"id": 7, "name": "Ada"})

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

    @pytest.mark.parametrize(("attribute", "remedy"), [("iloc", "to_dict"), ("to_dicts", "to_dicts")])
    def test_data_frames_are_refused_with_the_remedy(self, any_client: Any, attribute: str, remedy: str) -> None:
        frame = type("DataFrame", (list,), {"columns": ["name"], attribute: None})()
        with pytest.raises(TypeError, match=rf"of a data frame pass df\.{remedy}\("):
            any_client.workflows.run_many("wf-1", frame)


async def _rows_of_trio() -> AsyncIterator[dict[str, Any]]:
    import trio

    for number in range(30):
        await trio.sleep(0.001)
        yield {"name": number}


class TestLeaving:
    """A loop that is left starts no further row; executions that were started are known to the journal."""

    @pytest.mark.parametrize("close", [True, False])
    def test_a_loop_that_is_left(
        self, mode: Mode, any_client: Any, client: Fibonacci, rester: str, tmp_path: Path, close: bool
    ) -> None:
        path = tmp_path / "runs.db"
        rows = [{"seconds": 0, "n": number} for number in range(200)]

        def leave(runs: Any) -> Any:
            if not mode.is_async:
                for _ in runs:
                    break
                return runs.close() if close else None

            async def left() -> None:
                async for _ in runs:
                    break
                if close:
                    await runs.aclose()

            return left()

        runs = any_client.workflows.run_many(rester, rows, journal=path, concurrency=5)
        mode.run(leave(runs))
        before = len(inputs_of(client, rester))
        assert before <= 12
        if close:
            assert run(mode, any_client.workflows.run_many(rester, rows, journal=path))
            assert len(inputs_of(client, rester)) == 200

    def test_as_a_context_manager(self, mode: Mode, any_client: Any, greeter: str, tmp_path: Path) -> None:
        runs = any_client.workflows.run_many(greeter, named("Ada", "Bob"), journal=tmp_path / "runs.db")

        def use() -> Any:
            if not mode.is_async:
                with runs as entered:
                    return next(iter(entered))

            async def used() -> Any:
                async with runs as entered:
                    return await anext(aiter(entered))

            return used()

        assert mode.run(use()).succeeded
        assert (
            len(run(mode, any_client.workflows.run_many(greeter, named("Ada", "Bob"), journal=tmp_path / "runs.db")))
            == 2
        )


def test_on_result_sees_each_before_it_is_yielded(mode: Mode, any_client: Any, greeter: str) -> None:
    seen: list[str] = []

    async def note_later(result: RunResult) -> None:
        seen.append(f"callback {result.index}")

    def note(result: RunResult) -> None:
        seen.append(f"callback {result.index}")

    runs = any_client.workflows.run_many(greeter, named("Ada"), on_result=note_later if mode.is_async else note)
    mode.each(runs, lambda result: seen.append(f"loop {result.index}"))
    assert seen == ["callback 0", "loop 0"]


def test_long_outputs_and_many_results_are_the_platforms_own(mode: Mode, client: Fibonacci, emulator: Emulator) -> None:
    @emulator.tool("echo")
    def echo(call: ToolCall) -> Any:
        return call.params["value"]

    workflow = client.workflows.create(name="echo", definition={"nodes": [tool("say", "echo", {"value": "{{input}}"})]})
    values = [{"a": "x" * 70_000}, {"a": [1.5, None, True]}, {"é": "\U0001f600"}]
    results = run(mode, mode.client_of(emulator).workflows.run_many(workflow.id, values, ordered=True))
    for value, result in zip(values, results, strict=True):
        assert result.inputs == value
        assert result.outputs == {"say": value}

"""Rows run, results come, and one row's trouble stays its own, on both clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
from tests.batch.limited_platform import EXECUTE, platform
from tests.batch.workflows import GREETER, inputs_of, named, run
from tests.kit.mode import Mode
from tests.kit.nodes import tool


def test_every_row_has_its_result(mode: Mode, any_client: Any, client: Fibonacci, greeter: str) -> None:
    names = [f"n{number}" for number in range(9)]
    runs = any_client.workflows.run_many(greeter, named(*names))
    assert str(runs.summary) == "0 succeeded, 0 failed, 0 unknown, 9 left (0 from the journal)"
    results = run(mode, runs)
    assert sorted(result.index for result in results) == list(range(9))
    for result in results:
        assert (result.succeeded, result.status, result.error, result.is_final) == (True, "completed", None, True)
        assert result.key == result.index
        assert result.inputs == {"name": names[result.index]}
        assert result.outputs["greet"].endswith(f"Greet {names[result.index]}")
    assert str(runs.summary) == "9 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)"
    assert len(inputs_of(client, greeter)) == 9


def test_results_come_as_they_end_or_in_order(mode: Mode) -> None:
    here = platform(mode, time="manual")
    ended = [here.run(here.runs([12.0, 0.0, 4.0], ordered=ordered)) for ordered in (False, True)]
    assert [[result.index for result in results] for results in ended] == [[1, 2, 0], [0, 1, 2]]


def test_no_rows_are_no_results(mode: Mode, any_client: Any, greeter: str) -> None:
    assert run(mode, any_client.workflows.run_many(greeter, [])) == []


def test_results_are_in_the_order_of_the_rows_and_run_nothing_again(mode: Mode, any_client: Any, greeter: str) -> None:
    runs = any_client.workflows.run_many(greeter, named("Ada", "Bob", "Eve"))
    results = mode.run(runs.results())
    assert [result.index for result in results] == [0, 1, 2]
    assert mode.run(runs.results()) == results, "of what was run; nothing is run again"


class TestFailures:
    def test_one_row_stops_no_other(self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str) -> None:
        rows: list[Any] = [
            *named("Ada"),
            {"nome": "Bob"},  # its node has no value, and fails
            {"name": {1, 2}},  # has no JSON form
            {"name": float("inf")},
            7,
            *named("Eve"),
        ]
        by_index = {result.index: result for result in run(mode, any_client.workflows.run_many(greeter, rows))}
        assert [by_index[index].status for index in range(6)] == ["completed", *["failed"] * 4, "completed"]
        failed = by_index[1].error
        assert isinstance(failed, ExecutionFailedError)
        assert "{{input.name}} has no value" in str(failed)
        assert failed.execution == by_index[1].execution
        assert "name is of type set, which has no JSON form: use sorted()" in str(by_index[2].error)
        assert isinstance(by_index[2].error, TypeError)
        assert isinstance(by_index[3].error, ValueError)
        assert "the inputs of row 4 must be a mapping of names to values, not int: pass" in str(by_index[4].error)
        assert len(inputs_of(client, greeter)) == 3, "nothing is sent for rows without a JSON form"

    def test_a_row_that_the_platform_refuses(self, mode: Mode, any_client: Any, client: Fibonacci) -> None:
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        workflow = client.workflows.create(name="strict", definition={**GREETER, "input_schema": schema})
        results = run(mode, any_client.workflows.run_many(workflow.id, named("Ada", 7)))
        refused = next(result for result in results if not result.succeeded)
        assert (refused.index, refused.status, refused.execution) == (1, "failed", None)
        assert isinstance(refused.error, ValidationError)

    def test_a_batch_ends_after_more_failures_than_allowed(
        self, mode: Mode, any_client: Any, client: Fibonacci, greeter: str
    ) -> None:
        rows = [*named("Ada"), *({"nome": number} for number in range(20))]
        runs = any_client.workflows.run_many(greeter, rows, max_failures=2, concurrency=4)
        seen: list[RunResult] = []
        with pytest.raises(
            TooManyFailuresError,
            match=r"rows did not succeed \(3 failed\), and max_failures is 2\. The last error: execution",
        ):
            mode.each(runs, seen.append)
        assert 3 <= runs.summary.failed <= 11, "at most what was under way"
        assert runs.summary.failed + 1 == len(seen) == len(inputs_of(client, greeter))
        assert runs.summary.left == 21 - len(seen)

    def test_max_failures_that_are_not_exceeded(self, mode: Mode, any_client: Any, greeter: str) -> None:
        rows = [*named("Ada"), {"nome": 1}, *named("Bob")]
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
        assert runs.summary.succeeded <= 1
        assert runs.summary.failed == 0

    def test_an_execution_that_takes_too_long(self, mode: Mode, tmp_path: Path) -> None:
        here, journal = platform(mode, time="manual"), tmp_path / "runs.db"
        runs = here.runs([0.0, 20.0], journal=journal, timeout=7.0)
        late = next(result for result in here.run(runs) if not result.succeeded)
        assert (late.index, late.status, late.is_final) == (1, "running", False)
        assert isinstance(late.error, WaitTimeoutError)
        assert late.execution is not None
        assert (runs.summary.succeeded, runs.summary.failed, runs.summary.left) == (1, 0, 1)
        again = here.run(here.runs([0.0, 20.0], journal=journal))
        assert [(each.status, each.execution and each.execution.id) for each in again if each.index == 1] == [
            ("completed", late.execution.id)
        ]
        assert here.count(EXECUTE) == 2


class TestLeaving:
    """A loop that is left starts no further row; executions that were started are known to the journal."""

    @pytest.mark.parametrize("close", [True, False])
    def test_a_loop_that_is_left(
        self, mode: Mode, any_client: Any, client: Fibonacci, rester: str, tmp_path: Path, close: bool
    ) -> None:
        path = tmp_path / "runs.db"
        rows = [{"seconds": 0, "n": number} for number in range(20)]

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
            assert len(inputs_of(client, rester)) == 20

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


def test_long_outputs_and_many_results_are_the_platforms_own(
    mode: Mode, any_client: Any, client: Fibonacci, emulator: Emulator
) -> None:
    @emulator.tool("echo")
    def echo(call: ToolCall) -> Any:
        return call.params["value"]

    workflow = client.workflows.create(name="echo", definition={"nodes": [tool("say", "echo", {"value": "{{input}}"})]})
    values = [{"a": "x" * 70_000}, {"a": [1.5, None, True]}, {"é": "\U0001f600"}]
    results = run(mode, any_client.workflows.run_many(workflow.id, values, ordered=True))
    for value, result in zip(values, results, strict=True):
        assert result.inputs == value
        assert result.outputs == {"say": value}

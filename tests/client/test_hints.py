"""Slips are explained: misspelled attributes and statuses, words of the other mode."""

from __future__ import annotations

import asyncio
import copy
from functools import partial
from typing import Any

import pytest

import fibonacci.models.executions as executions
from fibonacci import AsyncFibonacci, Fibonacci, RunResult, WorkflowBuilder
from fibonacci._texts.suggestions import did_you_mean, missing_attribute, nearest
from fibonacci.emulator import Emulator
from fibonacci.models import Execution, Page
from tests.kit.assertions import each_row, refused
from tests.kit.mode import Mode
from tests.kit.responses import info
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json

RESULT = RunResult(index=0, key=0, inputs={}, execution=None, error=None, status="failed")


class TestAttributes:
    @each_row(
        ("name", "meant"),
        [("output", "outputs"), ("statu", "status"), ("succeded", "succeeded"), ("extra_thin", "extra_thing")],
    )
    def test_the_nearest_one_is_named(self, name: str, meant: str) -> None:
        made = Execution.model_validate({"id": "e", "status": "completed", "extra_thing": 1})
        with pytest.raises(AttributeError) as caught:
            getattr(made, name)
        assert str(caught.value) == f"Execution has no attribute {name!r}. Did you mean {meant!r}?"
        assert caught.value.name == name

    def test_without_a_near_one_all_are_named_once(self) -> None:
        made: Any = Execution.model_validate({"execution_id": "e", "created_at": None, "inputs": {}, "extra": 1})
        with pytest.raises(AttributeError) as caught:
            _ = made.zzz
        text, _, names = str(caught.value).partition(". It has ")
        assert text == "Execution has no attribute 'zzz'"
        listed = names.split(", ")
        assert len(listed) == len(set(listed))
        assert {"id", "created_at", "inputs", "extra"} <= set(listed)
        assert "execution_id" not in listed

    @each_row(
        ("place", "meant"),
        [
            ("workflows.runs", ". Did you mean 'run'?"),
            ("workflows.list().items", ". It has first, pages, take, to_arrow, to_pandas, to_polars"),
            ("workflows.run_many('w', []).result", ". Did you mean 'results'?"),
        ],
    )
    def test_lists_and_calls(self, place: str, meant: str) -> None:
        for client in (Fibonacci("key"), AsyncFibonacci("key")):
            with pytest.raises(AttributeError) as caught:
                eval(f"client.{place}", {"client": client})
            assert str(caught.value).endswith(f" has no attribute {place.rpartition('.')[2]!r}{meant}")

    @each_row(
        ("made", "name", "meant"),
        [
            (WorkflowBuilder("w"), "lmm", "WorkflowBuilder has no attribute 'lmm'. Did you mean 'llm'?"),
            (WorkflowBuilder("w"), "run", "client.workflows.run(client.workflows.ensure(flow))"),
            (WorkflowBuilder("w"), "svg", "svg(flow)"),
            (Emulator(), "mock", "use script(...). To call your function, use @emulator.llm or @emulator.tool"),
            (Emulator(), "clients", "Did you mean 'client'?"),
            (Page(items=[], response=info()), "item", "Page has no attribute 'item'. Did you mean 'items'?"),
            (RESULT, "output", "RunResult has no attribute 'output'. Did you mean 'outputs'?"),
        ],
    )
    def test_other_objects(self, made: Any, name: str, meant: str) -> None:
        with pytest.raises(AttributeError) as caught:
            getattr(made, name)
        assert meant in str(caught.value)
        copied: Any = copy.copy(made)
        assert type(copied) is type(made)


class TestStatus:
    @each_row(("status", "near"), [("complete", "completed"), ("Failed", "failed"), ("canceled", "cancelled")])
    def test_one_that_looks_misspelled_is_refused(
        self, mode: Mode, server: ScriptedServer, caller: Any, status: str, near: str
    ) -> None:
        call = partial(caller.executions.list, status=status)
        refused(mode, server, ValueError, call, f"status {status!r} looks misspelled: did you mean {near!r}?")

    @each_row("status", [*executions.KNOWN_STATUSES, "paused", "done", "timed_out"])
    def test_any_other_is_sent(self, mode: Mode, status: str) -> None:
        with ScriptedServer(respond_json({"data": []})) as server:
            assert mode.run(mode.client_of(server).executions.list(status=status)) == []
        assert server.last.query == f"status={status}"


class TestIndexes:
    @each_row(
        ("place", "meant"), [("list()", "call take(n) for a list"), ("run_many('w', [])", "call results() for a list")]
    )
    def test_a_list_that_is_read_in_a_loop_has_none(self, place: str, meant: str) -> None:
        for client in (Fibonacci("key"), AsyncFibonacci("key")):
            rows: Any = eval(f"client.workflows.{place}", {"client": client})
            with pytest.raises(TypeError) as caught:
                _ = rows[0]
            assert str(caught.value) == f"{type(rows).__name__} has no index: loop over it, or {meant}"


@pytest.mark.parametrize("client", [Fibonacci("key"), AsyncFibonacci("key")], ids=["sync", "async"])
def test_fastapi_reads_no_client_from_a_list_that_a_route_returns(client: Any) -> None:
    with pytest.raises(TypeError):
        vars(client.workflows.list())


class TestOtherMode:
    def test_an_async_list_in_a_plain_loop(self) -> None:
        client: Any = AsyncFibonacci("key")
        for each in (client.tools.list(), client.tools.list().pages()):
            with pytest.raises(TypeError, match=r"is asynchronous: write `async for`, not `for`$"):
                list(each)

    def test_an_async_list_that_is_awaited(self) -> None:
        async def main() -> None:
            client: Any = AsyncFibonacci("key")
            await client.tools.list()

        text = (
            r"^AsyncPager cannot be awaited: write `async for item in \.\.\.` for every item, or"
            r" `await \.\.\.\.take\(n\)`"
        )
        with pytest.raises(TypeError, match=text):
            asyncio.run(main())


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("clasify", ["draft", "classify", "class"]) == "classify"
    assert did_you_mean("clasify", ["draft", "classify"]) == ". Did you mean 'classify'?"


def test_nothing_is_suggested_without_a_similar_name() -> None:
    assert nearest("clasify", ["draft", "page"]) is None
    assert did_you_mean("clasify", []) == ""


def test_large_sets_are_not_searched() -> None:
    """Each candidate is compared letter by letter: a definition of 100,000 nodes must not take minutes."""
    names = [f"node-{number}" for number in range(301)]
    assert nearest("node-0", names[:300]) == "node-0"
    assert nearest("node-0", names) is None


def test_a_missing_attribute_names_those_that_exist() -> None:
    class Ticket:
        mail = ""

    assert str(missing_attribute(Ticket(), "mial")) == "Ticket has no attribute 'mial'. Did you mean 'mail'?"
    assert str(missing_attribute(Ticket(), "x")) == "Ticket has no attribute 'x'. It has mail"
    assert "Did you mean 'team'?" in str(missing_attribute(Ticket(), "taem", lambda: ["team", "_hidden"]))

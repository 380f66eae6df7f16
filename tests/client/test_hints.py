"""Slips are explained: misspelled attributes and statuses, words of the other mode; Python explains the others."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import traceback
from collections.abc import AsyncIterable, Awaitable, Iterable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

import fibonacci.models.executions as executions
from fibonacci import AsyncFibonacci, Fibonacci, RunResult, WorkflowBuilder
from fibonacci.emulator import Emulator
from fibonacci.models import Execution, Model, Page, Workflow
from tests.endpoints.table import ROWS
from tests.kit.assertions import each_row, refused
from tests.kit.mode import Mode
from tests.kit.responses import info
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json
from tests.models.test_models import LEAST, each_model


class TestArgumentsByPosition:
    """Python explains them itself: the methods are real functions, with nothing around them."""

    @each_row(
        ("name", "arguments"),
        [
            ("workflows.run", ("w", {"a": 1})),
            ("workflows.execute", ("w", {"a": 1})),
            ("workflows.create", ("n", {"nodes": 1})),
            ("workflows.list", (5,)),
            ("executions.wait", ("e", 60)),
            ("memory.set", ("k", 1, "user")),
            ("organizations.tool_policies.update", ("o", "t", True, ["owner"])),
        ],
    )
    def test_nothing_is_sent(
        self, mode: Mode, server: ScriptedServer, caller: Any, name: str, arguments: tuple[Any, ...]
    ) -> None:
        method = attrgetter(name)(caller)
        given = f"but {len(arguments) + 1} were given"
        refused(mode, server, TypeError, partial(method, *arguments), f"{method.__qualname__}() takes", given)

    @each_row("client_type", [Fibonacci, AsyncFibonacci])
    def test_the_error_is_raised_where_the_user_looks(self, client_type: Any) -> None:
        with pytest.raises(TypeError) as caught:
            client_type("key").workflows.run("w", {"a": 1})
        assert len(traceback.extract_tb(caught.value.__traceback__)) == 1

    def test_an_error_comes_from_the_method_that_was_called(self) -> None:
        with pytest.raises(ValueError, match="workflow_id") as caught:
            Fibonacci("key").workflows.update("", name="x")
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert [frame.name for frame in frames][1:3] == ["update", "update_workflow"]

    @each_row("client_type", [Fibonacci, AsyncFibonacci])
    def test_methods_show_their_true_code(self, client_type: Any) -> None:
        for name in [row.call for row in ROWS] + ["workflows.run", "workflows.run_many", "executions.wait"]:
            method: Any = attrgetter(name)(client_type("key"))
            code = method.__code__
            half = "_async" if client_type is AsyncFibonacci else "_sync"
            assert (code.co_name, Path(code.co_filename).parent.name) == (method.__name__, half)
            assert method.__qualname__.endswith(f".{name.rpartition('.')[2]}")
            assert inspect.getdoc(method)

    def test_methods_keep_their_signature_and_kind(self) -> None:
        client = AsyncFibonacci("key")
        assert list(inspect.signature(client.workflows.run, follow_wrapped=False).parameters) == [
            *("workflow_id", "inputs", "idempotency_key", "timeout", "on_update", "cancel_on_exit", "progress")
        ]
        for row in ROWS:
            assert inspect.iscoroutinefunction(attrgetter(row.call)(client)) is not row.is_list

    @each_row(
        ("method", "name"),
        [
            (Fibonacci("key").workflows.create, "Workflows.create"),
            (Fibonacci("key").workflows.run, "Workflows.run"),
            (Emulator().fail, "Emulator.fail"),
            (Emulator().script, "Emulator.script"),
        ],
    )
    def test_a_misspelt_one_comes_with_the_class_that_was_called(self, method: Any, name: str) -> None:
        with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'nam'"):
            method(nam=1)


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

    def test_python_does_not_add_its_own_suggestion(self) -> None:
        """It does where an error has both a name and an object."""
        made: Any = Execution.model_validate({"id": "e"})
        with pytest.raises(AttributeError) as caught:
            _ = made.output
        assert caught.value.obj is None
        assert "".join(traceback.format_exception_only(caught.value)).count("outputs") == 1

    def test_an_error_that_is_discarded_has_made_no_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Libraries of data frames ask every object for attributes."""
        made = Execution.model_validate({"id": "e"})

        def completions(self: Execution) -> list[str]:
            raise AssertionError("the names were listed")

        monkeypatch.setattr(Execution, "__dir__", completions)
        assert not hasattr(made, "shape")

    def test_an_object_that_is_not_complete_yet(self) -> None:
        """Copying and unpickling make one, and ask it for attributes."""
        made: Any = Execution.__new__(Execution)
        with pytest.raises(AttributeError, match=r"Execution has no attribute 'output'\. Did you mean 'outputs'"):
            _ = made.output

    def test_the_error_can_be_pickled(self) -> None:
        made: Any = Workflow(id="wf-1")
        with pytest.raises(AttributeError) as caught:
            _ = made.nmae
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        assert repr(caught.value) == f"AttributeError({str(caught.value)!r})"

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

    @each_model
    def test_absent_attributes_are_absent(self, model: type[Model]) -> None:
        made = model.model_validate(LEAST[model])
        for name in ("zzz", "__zzz__", "_zzz", "response"):
            assert not hasattr(made, name)
            assert getattr(made, name, 5) == 5

    def test_an_error_within_a_property_is_not_replaced(self) -> None:
        with pytest.raises(AttributeError, match="did not come in a response"):
            _ = Workflow(id="wf-1").response


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

    def test_that_of_an_execution_is_a_plain_string(self) -> None:
        made = Execution.model_validate({"id": "e", "status": "paused"})
        assert type(made.status) is str
        assert not made.is_terminal

    def test_the_terminal_ones_are_known(self) -> None:
        assert set(executions.KNOWN_STATUSES) > executions.TERMINAL_STATUSES


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

    def test_a_sync_list_does_not_pass_for_an_async_one(self) -> None:
        items = Fibonacci("key").tools.list()
        assert isinstance(items, Iterable)
        assert not isinstance(items, AsyncIterable | Awaitable)

    def test_an_async_list_is_still_asynchronous(self) -> None:
        items = AsyncFibonacci("key").tools.list()
        assert isinstance(items, AsyncIterable)

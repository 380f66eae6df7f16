"""Whatever a handler raises ends its node with an error that can be stored; the emulator works on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from fibonacci.emulator import Emulator, LLMCall
from fibonacci.emulator.engine.user_handlers import MAX_ERROR
from tests.emulator.handling import create, no_handler_works
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


class WithoutTextError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class EndingError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class TextOfAnotherTypeError(Exception):
    def __str__(self) -> Any:
        return 7


class Stop(BaseException):  # no Exception
    pass


def cyclic() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__ = first
    return first


EXCEPTIONS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "str raises": (WithoutTextError, "WithoutTextError, which has no text: its __str__ raised RuntimeError"),
    "str ends": (EndingError, "EndingError, which has no text: its __str__ raised SystemExit"),
    "str of another type": (
        TextOfAnotherTypeError,
        "TextOfAnotherTypeError, which has no text: its __str__ raised TypeError",
    ),
    "no text": (ValueError, "ValueError"),
    "SystemExit": (lambda: SystemExit(2), "SystemExit: 2"),
    "KeyboardInterrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "GeneratorExit": (GeneratorExit, "GeneratorExit"),
    "CancelledError": (asyncio.CancelledError, "CancelledError"),
    "StopIteration": (lambda: StopIteration("over"), "over"),
    "a custom one": (lambda: Stop("enough"), "Stop: enough"),
    "huge": (lambda: ValueError("x" * (MAX_ERROR + 1)), f"{'x' * MAX_ERROR}... (cut after 10,000 characters)"),
    "half of a character": (
        lambda: ValueError("\ud83d!"),
        "\\ud83d! (the text of the ValueError is not valid Unicode)",
    ),
    "control characters": (lambda: ValueError("a\x00\x1b[2J\r\nb"), "a\x00\x1b[2J\r\nb"),
    "a group": (
        lambda: BaseExceptionGroup("two", [BaseExceptionGroup("one", [Stop("a")]), ValueError("b")]),
        "two (2 sub-exceptions), the first of which is BaseExceptionGroup: "
        "one (1 sub-exception), the first of which is Stop: a",
    ),
    "a cycle": (cyclic, "first"),
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    yield Emulator()
    assert no_handler_works()


def test_each_exception_ends_its_node(emulator: Emulator) -> None:
    def fail(call: LLMCall) -> NoReturn:
        raise EXCEPTIONS[call.instruction][0]()

    async def fail_later(call: LLMCall) -> NoReturn:
        await asyncio.sleep(0)
        raise EXCEPTIONS[call.instruction][0]()

    emulator.llm(lambda call: fail_later(call) if call.node_id.startswith("async") else fail(call))
    nodes = [llm(f"{kind}{index}", name) for kind in ("async", "sync") for index, name in enumerate(EXCEPTIONS)]
    with emulator.client() as client:
        execution = client.executions.wait(client.workflows.execute(create(client, *nodes)).id, timeout=50)
        assert execution.status == "failed"
        errors = {node["id"]: node["error"] for node in execution.model_dump()["nodes"]}
        for node in nodes:
            name = node["instruction"]
            expected = EXCEPTIONS[name][1]
            if node["id"].startswith("async") and name == "StopIteration":
                expected = "coroutine raised StopIteration"  # as Python has it
            assert errors[node["id"]] == expected
        emulator.llm(lambda call: "well")  # later runs work
        assert client.workflows.run(create(client, llm("a"))).outputs == {"a": "well"}


def test_an_answer_that_raises_while_it_is_read_ends_its_node(emulator: Emulator) -> None:
    class Raising(dict[str, Any]):
        def items(self) -> Any:
            raise SystemExit(5)

    emulator.llm(lambda call: Raising(a=1))
    with emulator.client() as client:
        execution = client.executions.wait(client.workflows.execute(create(client, llm("a"))).id, timeout=20)
        assert "the handler returned a value that is not JSON: SystemExit: 5" in str(execution.error)


SLOW = "^(a+)+$"  # takes years with a machine that goes back
TEXT = "a" * 60 + "!"


@each_row(
    ("node", "workflow", "place"),
    [
        (llm("a", output_schema={"pattern": SLOW}), {}, "answer: "),
        (llm("a"), {"output_schema": {"properties": {"a": {"pattern": SLOW}}}}, "outputs.a: "),
    ],
)
def test_no_pattern_hangs_a_node(node: dict[str, Any], workflow: dict[str, Any], place: str) -> None:
    emulator = Emulator()
    emulator.llm(lambda call: json.dumps(TEXT))
    client = emulator.client()
    execution = client.executions.wait(client.workflows.execute(create(client, node, **workflow)).id, timeout=20)
    assert (execution.status, place in str(execution.error)) == ("failed", True)

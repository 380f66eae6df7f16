"""Whatever a handler raises ends its node with an error that can be stored; the emulator works on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import pytest

from fibonacci.emulator import Emulator, LLMCall
from fibonacci.emulator.engine.user_handlers import MAX_ERROR
from tests.emulator.handling import create, no_handler_works, node_of, wait_until
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


class EndlessMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise KeyboardInterrupt

    def __iter__(self) -> Iterator[str]:
        raise SystemExit(4)

    def __len__(self) -> int:
        return 1


def cyclic() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__ = first
    return first


HUGE = "x" * 100_000_000
EXCEPTIONS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "str raises": (WithoutTextError, "WithoutTextError, which has no text: its __str__ raised RuntimeError"),
    "str ends": (EndingError, "EndingError, which has no text: its __str__ raised SystemExit"),
    "str of another type": (
        TextOfAnotherTypeError,
        "TextOfAnotherTypeError, which has no text: its __str__ raised TypeError",
    ),
    "no text": (ValueError, "ValueError"),
    "SystemExit": (lambda: SystemExit(2), "2"),
    "KeyboardInterrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "GeneratorExit": (GeneratorExit, "GeneratorExit"),
    "CancelledError": (asyncio.CancelledError, "CancelledError"),
    "StopIteration": (lambda: StopIteration("over"), "over"),
    "a custom one": (lambda: Stop("enough"), "enough"),
    "huge": (lambda: ValueError(HUGE), f"{'x' * MAX_ERROR}... (cut after 10,000 characters)"),
    "half of a character": (
        lambda: ValueError("\ud83d!"),
        "\\ud83d! (the text of the ValueError is not valid Unicode)",
    ),
    "control characters": (lambda: ValueError("a\x00\x1b[2J\r\nb"), "a\x00\x1b[2J\r\nb"),
    "a group": (lambda: BaseExceptionGroup("two", [ValueError("a"), Stop("b")]), "two (2 sub-exceptions)"),
    "a cycle": (cyclic, "first"),
}
NO_STOP_ITERATION = "coroutine raised StopIteration"  # as Python has it


@pytest.fixture(scope="module", params=[False, True], ids=["in process", "over sockets"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    emulator = Emulator()
    if request.param:
        with emulator:
            yield emulator
    else:
        yield emulator
    assert no_handler_works()


def error_of(emulator: Emulator, handler: Callable[[LLMCall], Any]) -> str:
    emulator.llm(handler)
    with emulator.client() as client:
        execution = client.executions.wait(client.workflows.execute(create(client, llm("a"))).id, timeout=20)
        assert execution.status == "failed"
        emulator.llm(lambda call: "well")  # later runs work
        assert client.workflows.run(create(client, llm("a"))).outputs == {"a": "well"}
    wait_until(no_handler_works)
    return str(node_of(execution.model_dump(), "a")["error"])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_ends_its_node(emulator: Emulator, name: str, *, is_async: bool) -> None:
    new, error = EXCEPTIONS[name]

    def fail(call: LLMCall) -> NoReturn:
        raise new()

    async def fail_later(call: LLMCall) -> NoReturn:
        await asyncio.sleep(0)
        raise new()

    expected = NO_STOP_ITERATION if is_async and name == "StopIteration" else error
    assert error_of(emulator, fail_later if is_async else fail) == expected


def test_an_answer_that_raises_while_it_is_read_ends_its_node(emulator: Emulator) -> None:
    class Raising(dict[str, Any]):
        def items(self) -> Any:
            raise SystemExit(5)

    assert error_of(emulator, lambda call: Raising(a=1)) == "the handler returned what is not JSON: 5"
    assert error_of(emulator, lambda call: EndlessMapping()) == (
        "the handler returned what is not JSON: Object of type EndlessMapping is not JSON serializable"
    )


def test_a_run_goes_on_with_a_fallback(emulator: Emulator) -> None:
    def fail(call: LLMCall) -> str:
        if call.node_id == "a":
            raise WithoutTextError
        return "instead"

    emulator.llm(fail)
    client = emulator.client()
    workflow_id = create(client, llm("a", fallback="b"), llm("b"), llm("c", "{{a}}"))
    assert client.workflows.run(workflow_id).outputs["b"] == "instead"
    client.close()


SLOW = "^(a+)+$"  # takes years with a machine that goes back
TEXT = "a" * 60 + "!"
GATE = {"id": "gate", "type": "conditional", "left_value": "{{a}}", "operator": "contains", "right_value": SLOW}
JUDGE = {"id": "judge", "type": "critic", "target_node": "a"}


@pytest.mark.parametrize(
    ("nodes", "workflow", "place"),
    [
        ([llm("a", output_schema={"pattern": SLOW})], {}, "answer: "),
        ([llm("a")], {"output_schema": {"properties": {"a": {"pattern": SLOW}}}}, "outputs.a: "),
        (
            [llm("a"), JUDGE],
            {"output_schema": {"properties": {"judge": {"properties": {"comment": {"pattern": SLOW}}}}}},
            "outputs.judge.comment: ",
        ),
        (
            [llm("a"), GATE],
            {"output_schema": {"properties": {"gate": {"patternProperties": {SLOW: False}}, "a": {"pattern": SLOW}}}},
            "outputs.a: ",
        ),
    ],
    ids=["a node", "a workflow", "a critic", "a conditional"],
)
def test_no_pattern_hangs_a_node(nodes: list[dict[str, Any]], workflow: dict[str, Any], place: str) -> None:
    emulator = Emulator()
    emulator.llm(lambda call: json.dumps(TEXT))
    emulator.critic(lambda call: {"overall_score": 9, "comment": TEXT})
    client = emulator.client()
    execution = client.executions.wait(client.workflows.execute(create(client, *nodes, **workflow)).id, timeout=20)
    assert execution.status == "failed"
    assert place in str(execution.error)

"""User handlers: your functions that replace the default nodes, what they receive and report, and their threads.

A state may name calls of a process that was killed, or calls from before it was restored. Those run nowhere, so the
scheduler has to find and fail them. The ID of a call begins with the name of its owner.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import math
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel

from fibonacci._texts.logging import log
from fibonacci._texts.text import is_unicode, printable
from fibonacci.definitions.json_types import is_number
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.json_encoding import SURROGATE, unicode_fault
from fibonacci.emulator.state.owners import Owners
from fibonacci.emulator.state.records import NodeUsage
from fibonacci.emulator.state.store import Store

if TYPE_CHECKING:
    from fibonacci.emulator.engine.cassettes import CallCassette


def usage_sum(one: NodeUsage | None, other: NodeUsage | None) -> NodeUsage | None:
    """Return the sums of two usages, each of which may be `None`."""
    if not one or not other:
        return one or other
    return one | {name: one.get(name, 0) + value for name, value in other.items()}


def _check_usage(name: str, value: object) -> None:
    if not is_number(value) or (isinstance(value, float) and name != "cost"):
        kind = "a number" if name == "cost" else "a whole number"
        raise TypeError(f"{name} is {kind}, not of type {type(value).__name__}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite, not {value!r}")


_log: Final = logging.getLogger("fibonacci.emulator")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCall:
    """The call of a node.

    Attributes:
        node_id: The ID of the node in the definition.
        execution_id: The ID of the execution, such as `exec_abc123`.
        workflow_id: The ID of the workflow, such as `wf-abc123`.
        attempt: The number of the attempt, from 1. The first retry is attempt 2.
        iteration: The number of the iteration: 1, or higher if a critic has asked for an improvement. Attempts are
            counted separately in each iteration.
    """

    node_id: str
    execution_id: str
    workflow_id: str
    attempt: int
    iteration: int = 1
    _reports: list[NodeUsage] = field(default_factory=list[NodeUsage], init=False, repr=False, compare=False)

    def report_usage(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None, cost: float | None = None
    ) -> None:
        """Report the tokens and the cost of this call for the trace, which adds up all reports and attempts.

        Args:
            input_tokens: How many tokens the model has read.
            output_tokens: How many tokens it has written.
            cost: The cost, in a currency of your choice.

        Raises:
            TypeError: If a number of tokens isn't a whole number, or the cost isn't a number.
            ValueError: If one of them is negative or not finite.

        Example:
            >>> from fibonacci.emulator import Emulator, LLMCall
            >>> emulator = Emulator()
            >>> @emulator.llm
            ... def reply(call: LLMCall) -> str:
            ...     call.report_usage(input_tokens=812, output_tokens=64, cost=0.0031)
            ...     return "Hello"
            >>> client = emulator.client()
            >>> definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet"}]}
            >>> workflow = client.workflows.create(name="Greeter", definition=definition)
            >>> execution = client.workflows.run(workflow.id)
            >>> client.executions.get(execution.id).trace[0].usage
            {'input_tokens': 812, 'output_tokens': 64, 'cost': 0.0031}
        """
        given = {"input_tokens": input_tokens, "output_tokens": output_tokens, "cost": cost}
        report = {name: value for name, value in given.items() if value is not None}
        for name, value in report.items():
            _check_usage(name, value)
        self._reports.append(report)

    @property
    def usage(self) -> dict[str, Any] | None:
        """The sum of what this call has reported, by name, or `None` if it has reported nothing.

        The names are `input_tokens`, `output_tokens` and `cost`.
        """
        return reduce(usage_sum, self._reports, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall(NodeCall):
    """A call of a language model, as your handler for `emulator.llm` receives it.

    Attributes:
        instruction: The instruction with its values filled in. If a critic has asked for an improvement, its request is
            appended.
        model: The name of the node's model, or `None`.
        max_tokens: The maximum number of tokens that the node allows, or `None`.
        temperature: The sampling temperature of the node, from 0 to 2, or `None`.
        system_prompt: The system prompt with its values filled in, or `None`.
        output_format: The format of the answer, such as `json`, or `None`.
        output_schema: The JSON Schema of the answer, or `None`. With a schema, or with the format `json`, a text that
            you return is parsed.
        memory: The values that the node reads from memory, by key. A key that has no value is `None`.

    Example:
        >>> from fibonacci.emulator import Emulator, LLMCall
        >>> emulator = Emulator()
        >>> @emulator.llm
        ... def reply(call: LLMCall) -> str:
        ...     return f"{call.node_id}, attempt {call.attempt}: {call.instruction}"
        >>> definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet"}]}
        >>> workflow = emulator.client().workflows.create(name="Greeter", definition=definition)
        >>> emulator.client().workflows.run(workflow.id).outputs
        {'greet': 'greet, attempt 1: Greet'}
    """

    instruction: str
    model: str | None
    max_tokens: int | None
    temperature: float | None
    system_prompt: str | None = None
    output_format: str | None = None
    output_schema: Mapping[str, Any] | None = None
    memory: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(NodeCall):
    """A call of a tool, as your handler for `emulator.tool` receives it.

    Attributes:
        tool_name: The name of the tool, spelled as in the definition.
        params: Its parameters by name, with their values filled in.

    Example:
        >>> from fibonacci.emulator import Emulator, ToolCall
        >>> emulator = Emulator()
        >>> @emulator.tool("web_search")
        ... def search(call: ToolCall) -> list[dict[str, str]]:
        ...     return [{"title": f"All about {call.params['query']}"}]
        >>> node = {"id": "find", "type": "tool", "tool": "web_search", "params": {"query": "tides"}}
        >>> workflow = emulator.client().workflows.create(name="Search", definition={"nodes": [node]})
        >>> emulator.client().workflows.run(workflow.id).outputs
        {'find': [{'title': 'All about tides'}]}
    """

    tool_name: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticCall(NodeCall):
    """A call of a critic, as your handler for `emulator.critic` receives it.

    Attributes:
        target_node: The ID of the node to assess.
        output: The output of that node, any JSON.
        criteria: The criteria to assess it by, in the order of the definition. Templates in them are filled in.
        model: The name of the node's model, or `None`.
        min_score: The lowest score that passes, from 1 to 10.

    Example:
        >>> from fibonacci.emulator import CriticCall, Emulator
        >>> emulator = Emulator()
        >>> @emulator.critic
        ... def assess(call: CriticCall) -> float:
        ...     return 9.0 if "tides" in call.output else 2.0
        >>> nodes = [{"id": "draft", "type": "llm", "instruction": "Write about tides"}]
        >>> nodes += [{"id": "judge", "type": "critic", "target_node": "draft"}]
        >>> workflow = emulator.client().workflows.create(name="Writer", definition={"nodes": nodes})
        >>> emulator.client().workflows.run(workflow.id).outputs["judge"]["passed"]
        True
    """

    target_node: str
    output: Any
    criteria: Sequence[str]
    model: str | None = None
    min_score: float = 7


MAX_ERROR: Final = 10_000
"""How many characters of an error are kept."""

LLMHandler = Callable[[LLMCall], Any]
ToolHandler = Callable[[ToolCall], Any]
CriticHandler = Callable[[CriticCall], Any]
"""A handler returns the output of its node, any JSON or a Pydantic model, or a coroutine of it. An exception fails the
node.

That of a critic returns a score from 0 to 10, or an object with `overall_score` or `criteria_scores`.
"""


@dataclass(frozen=True, slots=True)
class HandlerOutcome:
    """The outcome of a call: an output or an error, and what was used."""

    output: Any = None
    error: str | None = None
    usage: NodeUsage | None = None


@dataclass(slots=True)
class UserHandlers:
    """The handlers of one emulator. Where there is none, the default node is used.

    Attributes:
        llm: The handler of all language models.
        critic: The handler of all critics.
        tools: The handlers of tools, by the underscore spelling of their names.
        cassette: What records or replays their calls.
        cassettes: All cassettes that were in use.
        assertions: The `AssertionError`s that they raised, for the test to fail with.
    """

    llm: LLMHandler | None = None
    critic: CriticHandler | None = None
    tools: dict[str, ToolHandler] = field(default_factory=dict[str, ToolHandler])
    cassette: CallCassette | None = None
    cassettes: list[CallCassette] = field(default_factory=list["CallCassette"])
    assertions: list[AssertionError] = field(default_factory=list[AssertionError])

    def tool(self, name: str) -> ToolHandler | None:
        """Return the handler of a tool, by either spelling of its name."""
        return self.tools.get(canonical_tool(name))

    def set_tool(self, name: str, handler: ToolHandler) -> None:
        """Use a handler for a tool."""
        self.tools[canonical_tool(name)] = handler

    def use(self, cassette: CallCassette) -> None:
        """Use a cassette from now on."""
        self.cassette = cassette
        self.cassettes.append(cassette)

    def release(self, cassette: object) -> None:
        """Stop using a cassette, if it is in use."""
        if self.cassette is cassette:
            self.cassette = None

    def copy(self) -> UserHandlers:
        """Return a copy of the handlers."""
        return UserHandlers(self.llm, self.critic, dict(self.tools))

    def replace_by(self, others: UserHandlers) -> None:
        """Use only these handlers."""
        self.llm, self.critic, self.tools = others.llm, others.critic, dict(others.tools)


def call_handler(handler: Callable[[Any], Any], call: NodeCall, assertions: list[AssertionError]) -> HandlerOutcome:
    """Call a handler, an async one in its own event loop. An exception is an outcome too.

    Args:
        handler: The handler.
        call: What it is called with.
        assertions: Gets the exception if it is an `AssertionError`.
    """
    outcome = _outcome(partial(handler, call), f"outputs.{call.node_id}", assertions)
    return outcome if call.usage is None else replace(outcome, usage=call.usage)


def _outcome(work: Callable[[], Any], place: str, assertions: list[AssertionError]) -> HandlerOutcome:
    try:
        output = work()
        if inspect.isawaitable(output):
            output = asyncio.run(_finish(output))
    except BaseException as error:  # also SystemExit: it ends the handler, not the emulator
        log(_log, logging.DEBUG, "a handler failed", with_exception=True)
        if isinstance(error, AssertionError):
            assertions.append(error)
        return HandlerOutcome(error=error_text(error))
    try:
        text = json.dumps(output, allow_nan=False, check_circular=False, default=_dumped)
        copy = json.loads(text)  # the handler may change its own later
        fault = unicode_fault(copy, place) if SURROGATE in text else None
    except BaseException as error:  # a mapping of the handler's own may raise anything
        return HandlerOutcome(error=f"the handler returned a value that is not JSON: {error_text(error)}")
    return HandlerOutcome(copy) if fault is None else HandlerOutcome(error=" ".join(fault))


def _dumped(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def bounded(error: str) -> str:
    """Return the error of a node, cut if it is very long."""
    return error if len(error) <= MAX_ERROR else f"{error[:MAX_ERROR]}... (cut after {MAX_ERROR:,} characters)"


def error_text(error: BaseException) -> str:
    """Return the text of an exception as the error of a node: never empty, never too long, always valid Unicode."""
    name = type(error).__name__
    try:
        text = bounded(str(error)) or name
        if isinstance(error, BaseExceptionGroup):  # its own text only says how many there are
            first = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
            kind = f"{type(first).__name__}: " * isinstance(first, Exception | BaseExceptionGroup)
            text = bounded(f"{text}, the first of which is {kind}{error_text(first)}")
        elif not isinstance(error, Exception) and text != name:
            text = f"{name}: {text}"  # the 3 of a SystemExit alone says nothing
    except BaseException as failure:
        return f"{name}, which has no text: its __str__ raised {type(failure).__name__}"
    return text if is_unicode(text) else f"{printable(text)} (the text of the {name} is not valid Unicode)"


async def _finish(output: Awaitable[Any]) -> Any:
    return await output


_STARTED: Final[dict[str, float]] = {}  # ids are unique, so that emulators in one process do not collide


def register(owners: Owners) -> str:
    """Return the ID of a new call in this process."""
    call = f"{owners.own()}-{secrets.token_hex(8)}"
    _STARTED[call] = time.monotonic()
    return call


def finish(call: str) -> None:
    """Remove a call that has ended and reported."""
    _STARTED.pop(call, None)


def age(call: str) -> float:
    """Return for how many real seconds a call has been running in this process, or infinity if it is not."""
    return time.monotonic() - _STARTED.get(call, -math.inf)


def is_running(call: str, owners: Owners) -> bool:
    """Return whether a call may still report: it is running here, or another owner of it is alive."""
    return call in _STARTED or owners.is_alive(call.partition("-")[0])


Report = Callable[[str, str, HandlerOutcome], None]
"""Stores the outcome of a call: given the ID of its execution, the ID of the call and the outcome. In a transaction."""


class HandlerThreads:
    """Calls handlers in threads, and wakes whoever waits for them to end.

    Args:
        store: Where the outcomes are stored.
        clock: The emulator's clock.
        report: Stores the outcome of a call.
    """

    def __init__(self, store: Store, clock: VirtualClock, report: Report) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._waiters: dict[str, list[threading.Event]] = {}  # by execution: a report wakes only those it concerns
        self._lock = threading.Lock()

    def launch(self, execution_id: str, work: Callable[[], HandlerOutcome]) -> str:
        """Start the call of a handler, and return the ID of the call."""
        call = register(self._store.owners)
        # It cannot report before this transaction ends. If that fails, the report finds no execution and is dropped.
        arguments = (execution_id, call, work)
        threading.Thread(
            target=self._run_handler, args=arguments, name="fibonacci-emulator-handler", daemon=True
        ).start()
        return call

    @contextmanager
    def reports_of(self, execution_id: str) -> Generator[threading.Event]:
        """Yield an event that is set whenever a handler of the execution has ended.

        With a clock that skips waits, it is set whenever any handler has ended: then a wait of the execution may end.
        """
        reported = threading.Event()
        with self._lock:
            self._waiters.setdefault(execution_id, []).append(reported)
        try:
            yield reported
        finally:
            with self._lock:
                self._waiters[execution_id].remove(reported)
                if not self._waiters[execution_id]:
                    del self._waiters[execution_id]

    def _run_handler(self, execution_id: str, call: str, work: Callable[[], HandlerOutcome]) -> None:
        try:
            outcome = work()
        except Exception as error:  # recording it failed
            outcome = HandlerOutcome(error=error_text(error))
        try:
            if not self._store.is_closed:  # else the next process finds a call whose owner is gone
                with self._store.transaction():
                    self._report(execution_id, call, outcome)
        except Exception:  # the file is gone or full: the next refresh finds a call that ended without a report
            text = "the outcome of a handler could not be stored"
            log(_log, logging.ERROR, text, with_exception=True, execution_id=execution_id)
        finally:
            finish(call)
        with self._lock:
            ids = list(self._waiters) if self._clock.mode == "skip" else [execution_id]
            for reported in (waiter for name in ids for waiter in self._waiters.get(name, ())):
                reported.set()

"""User handlers: the user's functions in place of the default nodes, and their arguments."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from fibonacci._log_records import log
from fibonacci.definitions.tool_names import canonical_tool
from fibonacci.emulator.state.json_encoding import to_json

_log: Final = logging.getLogger("fibonacci.emulator")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCall:
    """The call of a node.

    Attributes:
        node_id: The id of the node.
        execution_id: The id of the execution.
        workflow_id: The id of the workflow.
        attempt: The attempt, from 1; 2 is the first retry.
        iteration: 2 or more if a critic has asked for an improvement, else 1. Attempts count anew in each.
    """

    node_id: str
    execution_id: str
    workflow_id: str
    attempt: int
    iteration: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall(NodeCall):
    """A call of a language model.

    Attributes:
        instruction: The instruction, rendered; after it, what a critic asks to improve.
        model: The model of the node, or `None`.
        max_tokens: The largest number of tokens that the node allows, or `None`.
        temperature: The temperature of the node, or `None`.
        system_prompt: The system prompt, rendered, or `None`.
        output_format: The format of the answer, such as `json`, or `None`.
        output_schema: The JSON Schema of the answer, or `None`. With it, or with the format `json`, a text that is
            returned is parsed.
        memory: The values that the node reads from memory; `None` for a key that has none.
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
    """A call of a tool.

    Attributes:
        tool: The name of the tool.
        params: Its parameters, rendered.
    """

    tool: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticCall(NodeCall):
    """A call of a critic.

    Attributes:
        target_node: The id of the node to assess.
        output: The output of that node.
        criteria: The criteria, rendered.
        model: The model of the node, or `None`.
        min_score: The score that passes.
    """

    target_node: str
    output: Any
    criteria: Sequence[str]
    model: str | None = None
    min_score: float = 7


LLMHandler = Callable[[LLMCall], Any]
ToolHandler = Callable[[ToolCall], Any]
CriticHandler = Callable[[CriticCall], Any]
"""A handler returns the output of its node, any JSON, or a coroutine of it. An exception fails the node.

A critic's returns a score from 0 to 10, or an object with `overall_score` or `criteria_scores`.
"""


@dataclass(frozen=True, slots=True)
class HandlerOutcome:
    """The outcome of a call: an output, or an error."""

    output: Any = None
    error: str | None = None


class CallRecording(Protocol):
    """Answers calls of handlers from what was recorded, or records them: a cassette."""

    def answer(
        self, handler: Callable[[Any], Any] | None, call: LLMCall | ToolCall | CriticCall
    ) -> HandlerOutcome | Callable[[], Any] | None:
        """Return the recorded outcome of a call, or the work that calls its handler; `None` for the default node."""
        ...


@dataclass(slots=True)
class UserHandlers:
    """The handlers of one emulator; the default nodes are used where there is none.

    Attributes:
        llm: The handler of all language models.
        critic: The handler of all critics.
        tools: The handlers of tools, by the underscore spelling of their names.
        cassette: What records or replays their calls.
    """

    llm: LLMHandler | None = None
    critic: CriticHandler | None = None
    tools: dict[str, ToolHandler] = field(default_factory=dict[str, ToolHandler])
    cassette: CallRecording | None = None

    def tool(self, name: str) -> ToolHandler | None:
        """Return the handler of a tool, by either spelling of its name."""
        return self.tools.get(canonical_tool(name))

    def set_tool(self, name: str, handler: ToolHandler) -> None:
        """Use a handler for a tool."""
        self.tools[canonical_tool(name)] = handler

    def copy(self) -> UserHandlers:
        """Return the present handlers."""
        return UserHandlers(self.llm, self.critic, dict(self.tools))

    def replace_by(self, others: UserHandlers) -> None:
        """Use these handlers, and no others."""
        self.llm, self.critic, self.tools = others.llm, others.critic, dict(others.tools)


def call_handler(work: Callable[[], Any]) -> HandlerOutcome:
    """Call a handler, an async one in an event loop of its own; an exception is an outcome too."""
    try:
        output = work()
        if inspect.isawaitable(output):
            output = asyncio.run(_finish(output))
    except BaseException as error:  # also SystemExit: it ends the handler, not the emulator
        log(_log, logging.DEBUG, "a handler failed", with_exception=True)
        return HandlerOutcome(error=str(error) or type(error).__name__)
    try:
        return HandlerOutcome(json.loads(to_json(output)))  # a copy: the handler may change its own later
    except (TypeError, ValueError, RecursionError) as error:
        return HandlerOutcome(error=f"the handler returned what is not JSON: {error}")


async def _finish(output: Awaitable[Any]) -> Any:
    return await output

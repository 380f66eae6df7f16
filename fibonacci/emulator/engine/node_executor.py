"""Execution of nodes: the default node computes its result at once, a user handler has to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from fibonacci.definitions import (
    ConditionalNode,
    CriticNode,
    LLMNode,
    Node,
    Reference,
    TemplateError,
    ToolNode,
    evaluate,
    render,
)
from fibonacci.definitions.templates import ABSENT, INPUT, as_text, follow
from fibonacci.emulator.engine.default_nodes import (
    WAIT,
    NodeError,
    default_critic_output,
    default_llm_output,
    default_tool_output,
    seconds_of,
    texts,
)
from fibonacci.emulator.engine.memory import MemoryToolSet, find_value, owner_of, set_value
from fibonacci.emulator.engine.trace import input_of
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall, UserHandlers
from fibonacci.emulator.http.bodies import is_deeper_than
from fibonacci.emulator.state.json_encoding import to_json
from fibonacci.emulator.state.store import Record, Store

MAX_OUTPUT = 1024 * 1024
"""The largest output of a node in bytes of JSON: templates that contain each other grow exponentially."""

MAX_OUTPUT_DEPTH = 200


@dataclass(frozen=True, slots=True)
class NodeResult:
    """The result of a node, known at once, although the node may end later.

    Attributes:
        output: The output.
        seconds: The duration of the node on the emulator's clock.
        error: Why the node fails at its end; `None` if it completes.
    """

    output: Any
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a user handler, not started yet.

    Attributes:
        work: Calls the handler.
        timeout: Its time limit in seconds; `None` for no limit.
    """

    work: Callable[[], Any]
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Environment:
    """What the workflows of an emulator can reach.

    Attributes:
        store: The store, for memory.
        env: The values of `{{env.NAME}}`.
        secrets: The values of `{{secrets.NAME}}`.
        handlers: The user handlers.
    """

    store: Store
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    handlers: UserHandlers = field(default_factory=UserHandlers)


class NodeExecutor:
    """Executes nodes of one execution at one time.

    Args:
        environment: What workflows can reach.
        execution: The record of the execution.
        nodes: The records of its nodes by id.
        now: The time in Unix seconds.
    """

    def __init__(self, environment: Environment, execution: Record, nodes: Mapping[str, Record], now: float) -> None:
        self._environment = environment
        self._execution = execution
        self._nodes = nodes
        self._now = now

    def execute(self, node: Node, attempt: int) -> NodeResult | HandlerCall:
        """Return the result of a node, or the call of its handler.

        Raises:
            TemplateError: If a template has no value.
            OperatorError: If a conditional has operands that cannot be compared.
            NodeError: If a default node cannot compute its result.
        """
        match node:
            case LLMNode():
                return self._llm(node, attempt)
            case ToolNode():
                return self._tool(node, attempt)
            case CriticNode():
                return self._critic(node, attempt)
            case ConditionalNode():
                return NodeResult(self._decide(node))

    def render(self, value: Any) -> Any:
        """Return a value with its templates rendered; the limits of outputs apply."""
        return checked(render(value, self._resolve))

    def shown_input(self, node: Node) -> Any:
        """Return what a node is given, for the trace.

        Templates of secrets and of the environment stay as they are written, and so do those without a value.
        """
        try:
            return checked(input_of(node, self._resolve_shown))
        except NodeError as error:
            return f"(not shown: {error})"

    def _llm(self, node: LLMNode, attempt: int) -> NodeResult | HandlerCall:
        instruction = as_text(render(node.instruction, self._resolve))
        handler = self._environment.handlers.llm
        if handler is None:
            return NodeResult(default_llm_output(node, instruction))
        call = LLMCall(
            **self._origin(node, attempt),
            instruction=instruction,
            model=node.model,
            max_tokens=node.max_tokens,
            temperature=node.temperature,
        )
        return HandlerCall(partial(handler, call), None)

    def _tool(self, node: ToolNode, attempt: int) -> NodeResult | HandlerCall:
        params = render(node.params, self._resolve)
        handler = self._environment.handlers.tools.get(node.tool)
        if handler is not None:
            call = ToolCall(**self._origin(node, attempt), tool=node.tool, params=params)
            return HandlerCall(partial(handler, call), node.timeout)
        seconds = seconds_of(node.tool, params)
        output = default_tool_output(node.tool, params, self._set_memory)
        # The default timeout of tools is shorter than many waits: only an explicit one limits `wait`.
        if node.tool == WAIT and "timeout" in node.model_fields_set and seconds > node.timeout:
            return NodeResult(None, node.timeout, timeout_error(node.timeout))
        return NodeResult(output, seconds)

    def _critic(self, node: CriticNode, attempt: int) -> NodeResult | HandlerCall:
        criteria = texts(render(node.criteria, self._resolve))
        handler = self._environment.handlers.critic
        if handler is None:
            return NodeResult(default_critic_output(node, criteria))
        output = self._nodes[node.target_node]["output"]
        origin = self._origin(node, attempt)
        call = CriticCall(**origin, target_node=node.target_node, output=output, criteria=criteria)
        return HandlerCall(partial(handler, call), None)

    def _decide(self, node: ConditionalNode) -> dict[str, Any]:
        resolve = self._resolve_or_nothing if node.operator in ("is_empty", "is_not_empty") else self._resolve
        result = evaluate(node.operator, render(node.left_value, resolve), render(node.right_value, resolve))
        return {"result": result, "branch": node.true_branch if result else node.false_branch}

    def _origin(self, node: Node, attempt: int) -> dict[str, Any]:
        execution = self._execution
        return {
            "node_id": node.id,
            "execution_id": execution["id"],
            "workflow_id": execution["workflow_id"],
            "attempt": attempt,
        }

    def _set_memory(self, params: Mapping[str, Any]) -> None:
        try:
            body = MemoryToolSet.model_validate(params)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise NodeError(f"the tool memory_set: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        if body.scope == "user" and body.user_id is None:
            raise NodeError("the tool memory_set: user_id is required with the scope user")
        owner = owner_of(body.scope, body.user_id, body.workflow_id or self._execution["workflow_id"])
        set_value(self._environment.store, (body.scope, owner, body.key), body, self._now)

    def _resolve(self, reference: Reference) -> Any:
        if reference.is_node:
            node = self._nodes[reference.source]
            return follow(ABSENT if node["status"] == "skipped" else node["output"], reference, reference.path)
        if reference.source != "memory":
            sources = {
                INPUT: self._execution["inputs"],
                "env": self._environment.env,
                "secrets": self._environment.secrets,
            }
            return follow(sources[reference.source], reference, reference.path)
        key, *path = reference.path
        found, value = find_value(self._environment.store, self._execution["workflow_id"], key, self._now)
        if not found:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no memory {key!r}")
        return follow(value, reference, tuple(path))

    def _resolve_shown(self, reference: Reference) -> Any:
        """Resolve a reference for the trace; what must not or cannot be shown is the expression itself."""
        try:
            if reference.source not in ("secrets", "env"):
                return self._resolve(reference)
        except TemplateError:
            pass
        return f"{{{{{reference.text}}}}}"

    def _resolve_or_nothing(self, reference: Reference) -> Any:
        """Resolve a reference for `is_empty` and `is_not_empty`: a missing value is empty and no error."""
        try:
            return self._resolve(reference)
        except TemplateError:
            return None


def checked(output: Any) -> Any:
    """Return an output, checked for size and depth.

    Raises:
        NodeError: If it is too large or nested too deep.
    """
    text = to_json(output)
    if len(text) > MAX_OUTPUT:
        raise NodeError(f"the output is larger than {MAX_OUTPUT} bytes")
    if text.count(b"{") + text.count(b"[") > MAX_OUTPUT_DEPTH and is_deeper_than(output, MAX_OUTPUT_DEPTH):
        raise NodeError(f"the output is nested deeper than {MAX_OUTPUT_DEPTH} levels")
    return output


def timeout_error(seconds: float) -> str:
    """Return the error of a node that exceeds its timeout."""
    return f"it took longer than its timeout of {seconds:g} seconds"

"""Execution of nodes: a default node computes its result at once, and a user handler is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from fibonacci.definitions import Condition, ConditionalNode, CriticNode, LLMNode, Node, OpenNode, ToolNode
from fibonacci.definitions.flow import UNMET
from fibonacci.definitions.operators import UNARY, evaluate
from fibonacci.definitions.templates import (
    ABSENT,
    INPUT,
    Absent,
    Reference,
    Resolver,
    TemplateError,
    as_json,
    as_text,
    follow,
    render,
)
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.answer_sources import Answer, find_answer, parsed_answer, verdict
from fibonacci.emulator.engine.default_nodes import (
    NodeError,
    cannot_run,
    default_critic_output,
    default_llm_output,
    default_tool_output,
    seconds_of,
    texts,
)
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.fitting import Fitting, readers_of
from fibonacci.emulator.engine.memory import MemorySet, MemoryToolSet, find_value, has_owner, owner_of, set_value
from fibonacci.emulator.engine.node_states import NodeStates, iteration_of
from fibonacci.emulator.engine.scripts import NodeFailure
from fibonacci.emulator.engine.tool_catalog import missing_parameters
from fibonacci.emulator.engine.trace import input_of
from fibonacci.emulator.engine.user_handlers import CriticCall, HandlerOutcome, LLMCall, ToolCall
from fibonacci.emulator.http.bodies import is_deeper_than
from fibonacci.emulator.state.json_encoding import JSON, SURROGATE, JSONObject, to_text, unicode_fault
from fibonacci.emulator.state.records import NodeUsage, StoredExecution
from fibonacci.emulator.state.store import Store


class NodeResult(NamedTuple):
    """The result of a node, known at once, although the node may end later.

    Attributes:
        output: The output.
        seconds: The duration of the node on the emulator's clock.
        error: Why the attempt fails at its end, or `None` if the node completes.
        usage: What the call of a handler has used, or `None` if it was not reported.
    """

    output: JSON
    seconds: float = 0.0
    error: str | None = None
    usage: NodeUsage | None = None


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a user handler, not started yet.

    Attributes:
        work: Calls the handler. Returns its outcome, and raises nothing.
        timeout: Its time limit in seconds, or `None` for no limit.
    """

    work: Callable[[], HandlerOutcome]
    timeout: float | None


MADE_UP: Final = "made_up_answer"
"""The code of the warning that a default node has chosen its answer."""

MAX_OUTPUT = 1024 * 1024
"""The largest output of a node in bytes of JSON: templates that contain each other grow exponentially."""

MAX_OUTPUT_DEPTH = 200


def checked(output: JSON, name: str = "the value") -> JSON:
    """Return an output, checked for size, depth and valid texts.

    Args:
        output: The output.
        name: What it is, for the error.

    Raises:
        NodeError: If it is too large or nested too deep, or has a text that is not valid Unicode.
    """
    text = to_text(output)
    if len(text) > MAX_OUTPUT:
        raise NodeError(f"the output is larger than {MAX_OUTPUT} bytes")
    if text.count("{") + text.count("[") > MAX_OUTPUT_DEPTH and is_deeper_than(output, MAX_OUTPUT_DEPTH):
        raise NodeError(f"the output is nested deeper than {MAX_OUTPUT_DEPTH} levels")
    if SURROGATE in text and (fault := unicode_fault(output, name)) is not None:
        raise NodeError(" ".join(fault))
    return output


def timeout_error(seconds: float) -> str:
    """Return the error of a node that exceeds its timeout."""
    return f"it took longer than its timeout of {seconds:g} seconds"


def retry_delay(node: Node, tries: int) -> float | None:
    """Return the seconds before the next attempt after a number of attempts, or `None` if there is none."""
    if isinstance(node, OpenNode) or not node.enable_retry or tries > node.max_retries:
        return None
    match node.retry.backoff if node.retry is not None else None:
        case "linear":
            return node.retry_delay * tries
        case "exponential":
            return node.retry_delay * 2.0 ** min(tries - 1, 100)
        case _:
            return node.retry_delay


class TemplateValues:
    """The values of the templates of one execution at one time.

    Args:
        environment: What workflows can reach.
        execution: The record of the execution.
        nodes: Its nodes.
        now: The time in Unix seconds.

    Attributes:
        without_value: The expressions that were resolved and had no value, each with the reason.
    """

    def __init__(self, environment: Environment, execution: StoredExecution, nodes: NodeStates, now: float) -> None:
        self._environment = environment
        self._execution = execution
        self._nodes = nodes
        self._now = now
        self.without_value: dict[str, str] = {}

    def resolve(self, reference: Reference) -> Any:
        """Return the value of a reference, and note in `without_value` if a node or an input has none.

        Raises:
            TemplateError: If it has none.
        """
        try:
            value = self._value_of(reference)
        except TemplateError as error:
            if reference.is_node or reference.source == INPUT:
                self.without_value[reference.text] = str(error)
            raise
        if isinstance(value, Absent):
            how = "failed" if self._nodes[reference.source]["status"] == "failed" else "was skipped"
            self.without_value[reference.text] = f"{{{{{reference.text}}}}} has no value: {reference.source!r} {how}"
        return value

    def _value_of(self, reference: Reference) -> Any:
        match reference.source:
            case "input":
                return follow(self._execution["inputs"], reference, reference.path)
            case "memory":
                return self._of_memory(reference)
            case "env":
                return follow(self._environment.env, reference, reference.path)
            case "secrets":
                return follow(self._environment.secrets, reference, reference.path)
            case node_id:
                return follow(self._nodes.output_of(node_id), reference, reference.path)

    def resolve_plain(self, reference: Reference) -> Any:
        """Return the value of a reference if it can be shown, and there is nothing to note of it.

        Raises:
            TemplateError: If it must not be shown, or there is none.
        """
        value = ABSENT if reference.source in ("secrets", "env") else self._value_of(reference)
        if isinstance(value, Absent):
            raise TemplateError(f"{{{{{reference.text}}}}} cannot be shown, or has no value")
        return value

    def resolve_shown(self, reference: Reference) -> Any:
        """Return the value of a reference for the trace, or the expression itself if the value can't be shown."""
        try:
            if reference.source not in ("secrets", "env"):
                return self._value_of(reference)
        except TemplateError:
            pass
        return f"{{{{{reference.text}}}}}"

    def resolve_fixed(self, reference: Reference) -> Any:
        """Return the value of an input or of `env`, which is the same in the whole run.

        Raises:
            TemplateError: If it has none, or the reference is of anything else.
        """
        if reference.source not in (INPUT, "env"):
            raise TemplateError(f"{{{{{reference.text}}}}} may change in a run")
        return self._value_of(reference)

    def resolve_or_nothing(self, reference: Reference) -> Any:
        """Return the value of a reference for `is_empty` and `is_not_empty`: a missing value is empty and no error."""
        try:
            return self._value_of(reference)
        except TemplateError:
            return None

    def _of_memory(self, reference: Reference) -> Any:
        key, *path = reference.path
        is_set, value = find_value(self._environment.store, self._execution["workflow_id"], key, self._now)
        if not is_set:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no memory {key!r}")
        return follow(value, reference, tuple(path))


class NodeMemory:
    """The memory of one workflow at one time, as its nodes read and write it.

    Args:
        store: The store.
        workflow_id: The ID of the workflow.
        now: The time in Unix seconds.
    """

    def __init__(self, store: Store, workflow_id: str, now: float) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._now = now

    def read(self, keys: Iterable[str]) -> JSONObject:
        """Return values by key, or `None` for a key that has none."""
        return {key: find_value(self._store, self._workflow_id, key, self._now)[1] for key in keys}

    def write(self, key: str, value: JSON) -> None:
        """Write what a node keeps for its workflow.

        Raises:
            NodeError: If the workflow was deleted.
        """
        self._set(self._workflow_id, key, MemorySet(value=value, workflow_id=self._workflow_id))

    def set_by_tool(self, params: Mapping[str, Any]) -> None:
        """Write a value by the parameters of the tool `memory_set`.

        Raises:
            NodeError: If the parameters are not valid, or the workflow doesn't exist.
        """
        try:
            body = MemoryToolSet.model_validate(params)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise NodeError(f"the tool memory_set: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        if body.scope == "user" and body.user_id is None:
            raise NodeError("the tool memory_set: user_id is required with the scope user")
        owner = owner_of(body.scope, body.user_id, body.workflow_id or self._workflow_id)
        self._set(owner, body.key, body)

    def _set(self, owner: str, key: str, body: MemorySet) -> None:
        if not has_owner(self._store, body.scope, owner):
            raise NodeError(f"there is no workflow {owner!r} to keep memory for: it may have been deleted")
        set_value(self._store, (body.scope, owner, key), body, self._now)


class NodeExecutor:
    """Executes nodes of one execution at one time.

    Args:
        environment: What workflows can reach.
        execution: The record of the execution.
        nodes: Its nodes.
        now: The time in Unix seconds.
    """

    def __init__(self, environment: Environment, execution: StoredExecution, nodes: NodeStates, now: float) -> None:
        self._environment = environment
        self._execution = execution
        self._nodes = nodes
        self._values = TemplateValues(environment, execution, nodes, now)
        self._memory = NodeMemory(environment.store, execution["workflow_id"], now)
        self._remarks: dict[str, str] = {}

    def execute(self, node: Node, attempt: int, given: Mapping[str, Any] | None) -> NodeResult | HandlerCall:
        """Return the result of a node, or the call of its handler.

        Args:
            node: The node.
            attempt: The number of the attempt.
            given: Its fields with templates, rendered, if `input_for` has returned them.

        Raises:
            TemplateError: If a template has no value.
            OperatorError: If a conditional has operands that cannot be compared.
            NodeError: If a default node cannot compute its result, or the type of the node is not known.
        """
        match node:
            case LLMNode():
                return self._llm(node, attempt, given or self._rendered(node, self._values.resolve))
            case ToolNode():
                return self._tool(node, attempt, given)
            case CriticNode():
                return self._critic(node, attempt)
            case ConditionalNode():
                return NodeResult(self._decide(node))
            case OpenNode():
                raise NodeError(cannot_run(node.type))

    def render(self, value: Any) -> Any:
        """Return a value with its templates rendered, within the limits of outputs."""
        return checked(render(value, self._values.resolve))

    def take_remarks(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what there is to say of the answers since the last call, by code, and the expressions without a value.

        Each expression comes with the reason.
        """
        remarks, without_value = self._remarks, self._values.without_value
        self._remarks, self._values.without_value = {}, {}
        return remarks, without_value

    def input_for(self, node: Node) -> tuple[JSON, dict[str, Any] | None]:
        """Return what the trace shows of what a node is given, and what it is given if that is the same.

        In the trace, templates of secrets and of the environment stay as they are written, and so do those without a
        value.

        Returns:
            The input as the trace shows it, and the fields of the node with templates, rendered, or `None` if the trace
            shows one of them differently.

        Raises:
            TemplateError: If a template is malformed, or the values are too long.
        """
        given: dict[str, Any] | None = None
        try:
            shown = given = self._rendered(node, self._values.resolve_plain)
        except TemplateError:
            shown = self._rendered(node, self._values.resolve_shown)
        if isinstance(node, LLMNode) and node.memory_read:
            shown = {**shown, "memory": self._memory.read(node.memory_read)}
        try:
            return checked(shown), given
        except NodeError as error:
            return f"(not shown: {error})", given

    def _rendered(self, node: Node, resolve: Resolver) -> dict[str, Any]:
        """Return the fields of a node with templates, rendered, and with what a critic asks it to improve."""
        rendered = input_of(node, resolve)
        if isinstance(node, LLMNode) and (prompt := self._nodes[node.id].get("improvement")):
            rendered["instruction"] = f"{rendered['instruction']}\n\n{prompt}"
        return rendered

    def unmet_condition(self, node: Node) -> str | None:
        """Return why the condition of a node keeps it from running, or `None` if it holds or there is none.

        Raises:
            TemplateError: If a template has no value.
            OperatorError: If the operands cannot be compared.
        """
        condition = node.condition if isinstance(node, LLMNode | ToolNode) else None
        if condition is None or self._compare(condition):
            return None
        left = as_text(render(condition.field, self._values.resolve_shown))
        right = as_text(render(condition.value, self._values.resolve_shown))
        return f"{UNMET}: {left[:100]!r} {condition.operator} {right[:100]!r}"

    def result_of(self, node: Node, answer: JSON) -> JSON:
        """Return the output of a node from the answer of its handler.

        Raises:
            NodeError: If the answer is not what the node asks for.
        """
        if isinstance(node, LLMNode):
            output, remark = parsed_answer(node, answer)
            if remark is not None:
                self._remarks["other_text"] = remark
            return output
        if isinstance(node, CriticNode):
            return verdict(node, answer, self._criteria(node, self._values.resolve))
        return answer

    def write_memory(self, node: Node) -> None:
        """Write what a node that has completed keeps in the memory of its workflow.

        Raises:
            TemplateError: If a template has no value.
            NodeError: If a value is too large.
        """
        for key, value in node.memory_write.items() if isinstance(node, LLMNode) else ():
            self._memory.write(key, self.render(value))

    def improvement_prompt(self, node: CriticNode, verdict: Mapping[str, Any]) -> str:
        """Return what the target of a critic is told when it runs again.

        Raises:
            TemplateError: If a template has no value.
        """
        if node.improvement_prompt is not None:
            return as_text(self.render(node.improvement_prompt))
        return f"Improve the answer: its score is {verdict['overall_score']:g}, and {node.min_score:g} passes."

    def _llm(self, node: LLMNode, attempt: int, given: Mapping[str, Any]) -> NodeResult | HandlerCall:
        def call(given: Mapping[str, Any]) -> LLMCall:  # with copies, which a handler may change
            return LLMCall(
                **self._origin(node, attempt),
                instruction=given["instruction"],
                model=node.model,
                max_tokens=node.max_tokens,
                temperature=node.temperature,
                system_prompt=given.get("system_prompt"),
                output_format=node.output_format,
                output_schema=deepcopy(node.output_schema),
                memory=deepcopy(self._memory.read(node.memory_read)),
            )

        environment = self._environment
        answer = find_answer(
            environment,
            node.id,
            node.model,
            environment.handlers.llm,
            lambda: call(given),
            self._execution["inputs"],
        )
        if answer is None:
            instruction = given["instruction"]
            fitting = self._fitting(node.id, instruction)
            output = default_llm_output(node, instruction, fitting)
            self._remark_choice(node.id, fitting)
            return NodeResult(output)
        return self._answered(node, answer)

    def _fitting(self, node_id: str, asked: JSON) -> Fitting:
        """Return what makes a default answer fit its readers."""
        readers = readers_of(self._nodes.workflow.text)[node_id]
        return Fitting(readers, [node_id, asked], self._execution["inputs"], self._values.resolve_fixed)

    def _remark_choice(self, node_id: str, fitting: Fitting) -> None:
        """Remark that a default answer is made up if there was a choice."""
        if fitting.has_chosen:
            self._remarks[MADE_UP] = (
                "the answer is made up: the emulator chose a value that fits the nodes that read it. To set the "
                f"answers yourself, use a script for {node_id!r} or your own function"
            )

    def _tool(self, node: ToolNode, attempt: int, given: Mapping[str, Any] | None) -> NodeResult | HandlerCall:
        refusal = self._environment.refusal_of(canonical_tool(node.tool), self._execution.get("role", "owner"))
        if refusal is not None:  # by a policy that has changed since the run was requested
            raise NodeError(refusal)
        params: dict[str, Any] = (given or self._rendered(node, self._values.resolve))["params"]
        missing = missing_parameters(node.tool, params)
        if missing:
            raise NodeError(f"the tool {node.tool} needs {' and '.join(map(repr, missing))}")

        def call() -> ToolCall:  # with a copy, which a handler may change
            return ToolCall(**self._origin(node, attempt), tool_name=node.tool, params=deepcopy(params))

        environment = self._environment
        handler = environment.handlers.tool(node.tool)
        answer = find_answer(
            environment,
            node.id,
            node.tool,
            handler,
            call,
            self._execution["inputs"],
        )
        if answer is not None:
            return self._answered(node, answer)
        seconds = seconds_of(node.tool, params)
        fitting = self._fitting(node.id, params)
        output = default_tool_output(node.tool, params, self._memory.set_by_tool, fitting)
        self._remark_choice(node.id, fitting)
        # The default timeout of tools is shorter than many waits: only an explicit one limits `wait`.
        if seconds > node.timeout and "timeout" in node.model_fields_set:
            return NodeResult(None, node.timeout, timeout_error(node.timeout))
        return NodeResult(output, seconds)

    def _critic(self, node: CriticNode, attempt: int) -> NodeResult | HandlerCall:
        criteria = self._criteria(node, self._values.resolve)
        output = self._values.resolve(Reference(node.target_node, node.target_node, ()))

        def call(criteria: list[str]) -> CriticCall:  # with copies, which a handler may change
            return CriticCall(
                **self._origin(node, attempt),
                target_node=node.target_node,
                output=deepcopy(as_json(output)),
                criteria=criteria,
                model=node.model,
                min_score=node.min_score,
            )

        environment = self._environment
        answer = find_answer(
            environment,
            node.id,
            node.model,
            environment.handlers.critic,
            lambda: call(criteria),
            self._execution["inputs"],
        )
        return NodeResult(default_critic_output(criteria)) if answer is None else self._answered(node, answer)

    def _answered(self, node: LLMNode | ToolNode | CriticNode, answer: Answer) -> NodeResult | HandlerCall:
        if isinstance(answer, NodeFailure):
            return self._timed_out(node)
        if not isinstance(answer, HandlerOutcome):
            return HandlerCall(answer, node.timeout)
        if answer.error is not None:
            return NodeResult(None, error=answer.error, usage=answer.usage)
        try:
            return NodeResult(self.result_of(node, answer.output), usage=answer.usage)
        except NodeError as error:
            return NodeResult(None, error=str(error), usage=answer.usage)

    def _timed_out(self, node: LLMNode | ToolNode | CriticNode) -> NodeResult:
        if node.timeout is not None:
            return NodeResult(None, node.timeout, timeout_error(node.timeout))
        if self._nodes.workflow.timeout is None:
            raise NodeError(
                "its script has a timeout here, but neither the node nor its workflow has one: set one of them"
            )
        return NodeResult(None, math.inf, "its workflow has no time left")  # it ends with the workflow

    def _criteria(self, node: CriticNode, resolve: Resolver) -> list[str]:
        return texts(render(node.criteria, resolve))

    def _decide(self, node: ConditionalNode) -> JSONObject:
        if self._environment.scripts.is_active and self._environment.scripts.has(node.id):
            raise NodeError("this conditional has a script, but its operands decide: script those instead")
        result = self._compare(Condition(field=node.left_value, operator=node.operator, value=node.right_value))
        return {"result": result, "branch": [*(node.true_branch if result else node.false_branch)]}

    def _compare(self, condition: Condition) -> bool:
        values, may_be_missing = self._values, condition.operator in UNARY
        resolve = values.resolve_or_nothing if may_be_missing else values.resolve
        return evaluate(condition.operator, render(condition.field, resolve), render(condition.value, resolve))

    def _origin(self, node: Node, attempt: int) -> dict[str, Any]:
        execution = self._execution
        return {
            "node_id": node.id,
            "execution_id": execution["id"],
            "workflow_id": execution["workflow_id"],
            "attempt": attempt,
            "iteration": iteration_of(self._nodes[node.id]),
        }

"""Execution of nodes: what a node is given, what answers it, and what it makes of the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from fibonacci.definitions import ConditionalNode, CriticNode, LLMNode, Node, OpenNode, ToolNode
from fibonacci.definitions.flow import UNMET
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.json_types import is_number, is_object
from fibonacci.definitions.operators import UNARY, evaluate
from fibonacci.definitions.templates import INPUT, Absent, Reference, TemplateError, as_text, follow, render
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.default_nodes import (
    Fitting,
    default_critic_output,
    default_llm_output,
    default_tool_output,
    readers_of,
    seconds_of,
)
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.engine.memory import NodeMemory
from fibonacci.emulator.engine.node_states import NodeStates, iteration_of
from fibonacci.emulator.engine.scripts import NodeFailure
from fibonacci.emulator.engine.tool_catalog import missing_parameters
from fibonacci.emulator.engine.user_handlers import CriticCall, HandlerOutcome, LLMCall, ToolCall, call_handler
from fibonacci.emulator.http.messages import is_deeper_than
from fibonacci.emulator.state.json_encoding import JSON, SURROGATE, JSONObject, parse_json, to_text, unicode_fault
from fibonacci.emulator.state.records import NodeUsage, StoredExecution


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


class HandlerCall(NamedTuple):
    """A call of a user handler, not started yet.

    Attributes:
        work: Calls the handler. Returns its outcome, and raises nothing.
        timeout: Its time limit in seconds, or `None` for no limit.
    """

    work: Callable[[], HandlerOutcome]
    timeout: float | None


@dataclass(slots=True)
class Rendered:
    """Templates with their values filled in.

    Attributes:
        value: The result.
        shown: What the trace shows of it: templates of secrets, of the environment, and without a value stay as
            written.
        fault: Why the first template without a value has none, or `None` if each has one.
    """

    value: Any
    shown: Any
    fault: TemplateError | None = None


MADE_UP: Final = "made_up_answer"
"""The code of the warning that a default node has chosen its answer."""

MAX_OUTPUT = 1024 * 1024
"""The largest output of a node in bytes of JSON: templates that contain each other grow exponentially."""

MAX_OUTPUT_DEPTH = 200

HIGHEST_SCORE: Final = 10.0
_FENCE: Final = "```"
_SHOWN: Final = 100


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

    @property
    def memory(self) -> NodeMemory:
        """The memory of the workflow."""
        return NodeMemory(self._environment.store, self._execution["workflow_id"], self._now)

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

    def resolve_fixed(self, reference: Reference) -> Any:
        """Return the value of an input or of `env`, which is the same in the whole run.

        Raises:
            TemplateError: If it has none, or it is a reference to anything else.
        """
        if reference.source not in (INPUT, "env"):
            raise TemplateError(f"{{{{{reference.text}}}}} may change in a run")
        return self._value_of(reference)

    def rendered(self, value: Any, *, may_be_missing: bool = False) -> Rendered:
        """Return a value with its templates filled in, and what may be shown of it.

        Args:
            value: The value, with templates.
            may_be_missing: Whether a template without a value is null instead of a fault.

        Raises:
            TemplateError: If a template is malformed, or the values are too long.
        """
        as_written: set[str] = set()
        fault: TemplateError | None = None

        def resolve(reference: Reference) -> Any:
            nonlocal fault
            if reference.source in ("secrets", "env"):
                as_written.add(reference.text)
            try:
                return self._value_of(reference) if may_be_missing else self.resolve(reference)
            except TemplateError as error:
                as_written.add(reference.text)
                if not may_be_missing:
                    fault = fault or error
                return None

        def show(reference: Reference) -> Any:
            text = reference.text
            return f"{{{{{text}}}}}" if text in as_written else self._value_of(reference)

        filled = render(value, resolve)
        return Rendered(filled, render(value, show) if as_written else filled, fault)

    def _value_of(self, reference: Reference) -> Any:
        match reference.source:
            case "input":
                value: Any = self._execution["inputs"]
            case "memory":
                return self.memory.resolve(reference)
            case "env":
                value = self._environment.env
            case "secrets":
                value = self._environment.secrets
            case node_id:
                value = self._nodes.output_of(node_id)
        return follow(value, reference, reference.path)


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
        self._remarks: dict[str, str] = {}

    def render(self, value: Any) -> Any:
        """Return a value with its templates rendered, within the limits of outputs.

        Raises:
            TemplateError: If a template has no value.
            NodeError: If the value is too large.
        """
        return checked(render(value, self._values.resolve))

    def take_remarks(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the remarks about answers since the last call, by code, and the expressions without a value.

        Each expression comes with the reason.
        """
        remarks, without_value = self._remarks, self._values.without_value
        self._remarks, self._values.without_value = {}, {}
        return remarks, without_value

    def unmet_condition(self, node: Node) -> str | None:
        """Return why the `condition` of a node is false, or `None` if it is true or there is none.

        Raises:
            TemplateError: If a template has no value.
            OperatorError: If the operands cannot be compared.
        """
        condition = node.condition if isinstance(node, LLMNode | ToolNode) else None
        if condition is None:
            return None
        operands = [condition.field, condition.value]
        compared = self._values.rendered(operands, may_be_missing=condition.operator in UNARY)
        if compared.fault is not None:
            raise compared.fault
        if evaluate(condition.operator, *compared.value):
            return None
        left, right = (as_text(shown)[:100] for shown in compared.shown)
        return f"{UNMET}: {left!r} {condition.operator} {right!r}"

    def input_for(self, node: Node) -> Rendered:
        """Return what a node is given, by the names of its fields with templates, and what the trace shows of it.

        Raises:
            TemplateError: If a template is malformed, or the values are too long.
        """
        match node:
            case LLMNode():
                texts = {"instruction": node.instruction, "system_prompt": node.system_prompt}
                given = self._values.rendered({name: text for name, text in texts.items() if text is not None})
                memory: JSONObject = {"memory": self._values.memory.read(node.memory_read)} if node.memory_read else {}
                improvement = self._nodes[node.id].get("improvement")
                given.value = _as_texts(given.value, improvement) | memory
                given.shown = _as_texts(given.shown, improvement) | memory
            case ToolNode():
                given = self._values.rendered({"params": node.params})
            case CriticNode():
                given = self._values.rendered({"output": f"{{{{{node.target_node}}}}}", "criteria": node.criteria})
            case ConditionalNode():
                operands = {"left_value": node.left_value, "right_value": node.right_value}
                given = self._values.rendered(operands, may_be_missing=node.operator in UNARY)
            case OpenNode():  # it fails, and nobody knows which of its fields are templates
                given = Rendered({}, dict(node.model_extra or {}))
        try:
            checked(given.shown)
        except NodeError as error:
            given.shown = f"(not shown: {error})"
        return given

    def execute(self, node: Node, attempt: int, given: Mapping[str, Any]) -> NodeResult | HandlerCall:
        """Return the result of a node, or the call of its handler.

        Args:
            node: The node.
            attempt: The number of the attempt.
            given: What it is given, as `input_for` returns it.

        Raises:
            OperatorError: If a conditional has operands that cannot be compared.
            NodeError: If a default node cannot compute its result, or the type of the node is not known.
        """
        scripts, handlers = self._environment.scripts, self._environment.handlers
        handler: Callable[[Any], Any] | None
        match node:
            case LLMNode():
                name, handler = node.model, handlers.llm
            case ToolNode():
                self._check_call(node, given["params"])
                name, handler = node.tool, handlers.tool(node.tool)
            case CriticNode():
                name, handler = node.model, handlers.critic
            case ConditionalNode():
                return NodeResult(self._decision(node, given))
            case OpenNode():
                raise NodeError(
                    f"the emulator cannot run nodes of type {node.type!r}: this version of the SDK does not know it"
                )
        if scripts.is_active and (taken := scripts.take(node.id, name)) is not None:
            return self._scripted(node, taken[0])
        if handlers.cassette is not None:
            call = self._call(node, attempt, given)
            answer = handlers.cassette.answer(handler, call, self._execution["inputs"])
            if isinstance(answer, HandlerOutcome):
                return self._answered(node, answer)
            return self._default(node, given) if answer is None else HandlerCall(answer, node.timeout)
        if handler is None:
            return self._default(node, given)
        work = partial(call_handler, handler, self._call(node, attempt, given), handlers.assertions)
        return HandlerCall(work, node.timeout)

    def result_of(self, node: Node, answer: JSON) -> JSON:
        """Return the output of a node from the answer of its handler.

        Raises:
            TemplateError: If a criterion has no value.
            NodeError: If the answer is not what the node asks for.
        """
        if isinstance(node, LLMNode) and (node.output_format == "json" or node.output_schema is not None):
            return self._parsed(node, answer)
        if isinstance(node, CriticNode):
            return _verdict(node, answer, [*map(as_text, render(node.criteria, self._values.resolve))])
        return answer

    def write_memory(self, node: Node) -> None:
        """Write what a node that has completed keeps in the memory of its workflow.

        Raises:
            TemplateError: If a template has no value.
            NodeError: If a value is too large.
        """
        for key, value in node.memory_write.items() if isinstance(node, LLMNode) else ():
            self._values.memory.write(key, self.render(value))

    def improvement_prompt(self, node: CriticNode, verdict: Mapping[str, Any]) -> str:
        """Return what the target of a critic is told when it runs again.

        Raises:
            TemplateError: If a template has no value.
        """
        if node.improvement_prompt is not None:
            return as_text(self.render(node.improvement_prompt))
        return f"Improve the answer: its score is {verdict['overall_score']:g}, and {node.min_score:g} passes."

    def _call(
        self, node: LLMNode | ToolNode | CriticNode, attempt: int, given: Mapping[str, Any]
    ) -> LLMCall | ToolCall | CriticCall:
        """Return what a handler is given: copies, which it may change."""
        execution, fields = self._execution, deepcopy(dict(given))
        origin: dict[str, Any] = {
            "node_id": node.id,
            "execution_id": execution["id"],
            "workflow_id": execution["workflow_id"],
            "attempt": attempt,
            "iteration": iteration_of(self._nodes[node.id]),
        }
        match node:
            case LLMNode():
                return LLMCall(
                    **origin,
                    **fields,
                    model=node.model,
                    max_tokens=node.max_tokens,
                    temperature=node.temperature,
                    output_format=node.output_format,
                    output_schema=deepcopy(node.output_schema),
                )
            case ToolNode():
                return ToolCall(**origin, **fields, tool_name=node.tool)
            case CriticNode():
                fields["criteria"] = [*map(as_text, fields["criteria"])]
                return CriticCall(
                    **origin, **fields, target_node=node.target_node, model=node.model, min_score=node.min_score
                )

    def _check_call(self, node: ToolNode, params: Mapping[str, Any]) -> None:
        refusal = self._environment.refusal_of(canonical_tool(node.tool), self._execution.get("role", "owner"))
        if refusal is not None:  # by a policy that has changed since the run was requested
            raise NodeError(refusal)
        missing = missing_parameters(node.tool, params)
        if missing:
            raise NodeError(f"the tool {node.tool} needs {' and '.join(map(repr, missing))}")

    def _default(self, node: LLMNode | ToolNode | CriticNode, given: Mapping[str, Any]) -> NodeResult:
        if isinstance(node, CriticNode):
            return NodeResult(default_critic_output([*map(as_text, given["criteria"])]))
        asked = given["instruction"] if isinstance(node, LLMNode) else given["params"]
        readers = readers_of(self._nodes.workflow.text)[node.id]
        fitting = Fitting(readers, [node.id, asked], self._execution["inputs"], self._values.resolve_fixed)
        seconds = 0.0
        if isinstance(node, LLMNode):
            output = default_llm_output(node, asked, fitting)
        else:
            seconds = seconds_of(node.tool, asked)
            output = default_tool_output(node.tool, asked, self._values.memory.set_by_tool, fitting)
            # The default timeout of tools is shorter than many waits: only an explicit one limits `wait`.
            if seconds > node.timeout and "timeout" in node.model_fields_set:
                return NodeResult(None, node.timeout, timeout_error(node.timeout))
        if fitting.has_chosen:
            self._remarks[MADE_UP] = (
                "the answer is made up: the emulator chose a value that fits the nodes that read it. To set the "
                f"answers yourself, use a script for {node.id!r} or your own function"
            )
        return NodeResult(output, seconds)

    def _scripted(self, node: LLMNode | ToolNode | CriticNode, answer: Any) -> NodeResult:
        if not isinstance(answer, NodeFailure):
            return self._answered(node, HandlerOutcome(deepcopy(answer)))  # it may be taken again
        if answer.kind == "error":
            return NodeResult(None, error="a scripted error" if answer.message is None else answer.message)
        if node.timeout is not None:
            return NodeResult(None, node.timeout, timeout_error(node.timeout))
        if self._nodes.workflow.timeout is None:
            raise NodeError(
                "its script has a timeout here, but neither the node nor its workflow has one: set one of them"
            )
        return NodeResult(None, math.inf, "its workflow has no time left")  # it ends with the workflow

    def _answered(self, node: LLMNode | ToolNode | CriticNode, outcome: HandlerOutcome) -> NodeResult:
        if outcome.error is not None:
            return NodeResult(None, error=outcome.error, usage=outcome.usage)
        try:
            return NodeResult(self.result_of(node, outcome.output), usage=outcome.usage)
        except NodeError as error:
            return NodeResult(None, error=str(error), usage=outcome.usage)

    def _decision(self, node: ConditionalNode, given: Mapping[str, Any]) -> JSONObject:
        if self._environment.scripts.has(node.id):
            raise NodeError("this conditional has a script, but its operands decide: script those instead")
        result = evaluate(node.operator, given["left_value"], given["right_value"])
        return {"result": result, "branch": [*(node.true_branch if result else node.false_branch)]}

    def _parsed(self, node: LLMNode, answer: JSON) -> JSON:
        """Parse and check the answer of a language model, with a remark about any text that was dropped."""
        if isinstance(answer, str):
            answer, dropped = _json_in(answer)
            if dropped:
                self._remarks["other_text"] = dropped
        fault = None if node.output_schema is None else first_fault(node.output_schema, answer, "answer")
        if fault is not None:
            raise NodeError(f"the answer does not fit output_schema: {fault}")
        return answer


def _as_texts(given: Mapping[str, Any], improvement: str | None) -> dict[str, Any]:
    """Return the fields of a language model as texts, the instruction with what a critic asks it to improve."""
    texts = {name: as_text(value) for name, value in given.items()}
    return texts | {"instruction": f"{texts['instruction']}\n\n{improvement}"} if improvement else texts


def _json_in(text: str) -> tuple[JSON, str]:
    """Parse a text as JSON, or its part in a fence or in braces: many models add text around their answer.

    Returns:
        The value, and what was dropped, empty if nothing was.
    """
    try:
        return parse_json(text), ""
    except (ValueError, RecursionError) as error:
        fault = str(error)
    fenced = text[text.find(_FENCE) + len(_FENCE) : text.rfind(_FENCE)].strip()
    fenced = fenced[4:] if fenced[:4].lower() == "json" else fenced
    first = min((place for place in map(text.find, "{[") if place >= 0), default=0)
    for inside in (fenced, text[first : max(map(text.rfind, "}]")) + 1]):
        with suppress(ValueError, RecursionError):
            value = parse_json(inside)
            before, _, after = text.partition(inside)
            before, after = before.strip()[-_SHOWN:], after.strip()[:_SHOWN]
            return value, f"the JSON was in other text: {before!r} before it and {after!r} after it were dropped"
    raise NodeError(f"the answer is not JSON: {fault}")


def _verdict(node: CriticNode, answer: Any, criteria: Sequence[str]) -> JSONObject:
    """Return the verdict of a critic as documented, where `min_score` decides whether it passes.

    Args:
        node: The critic.
        answer: A score, or an object with `overall_score` or `criteria_scores`. Other fields are kept.
        criteria: The criteria, rendered.

    Raises:
        NodeError: If the answer is neither.
    """
    given = answer if is_object(answer) else {"overall_score": answer}
    scores, overall = given.get("criteria_scores"), given.get("overall_score")
    are_scores = is_object(scores) and all(map(_is_score, scores.values()))
    if overall is None and are_scores and scores:
        overall = sum(scores.values()) / len(scores)
    if overall is None or not _is_score(overall) or not (scores is None or are_scores):
        raise NodeError(
            "a critic must return a score from 0 to 10, or an object with overall_score or criteria_scores from 0 to 10"
        )
    documented: JSONObject = {
        "passed": overall >= node.min_score,
        "overall_score": overall,
        "criteria_scores": dict.fromkeys(criteria, overall) if scores is None else dict(scores),
    }
    return {**documented, **given, **documented}


def _is_score(value: Any) -> bool:
    return is_number(value) and 0 <= value <= HIGHEST_SCORE

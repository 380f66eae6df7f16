"""Runs a workflow definition.

Nothing here takes time: a run is worked out at once, and each node notes when it starts and ends on a time line that
begins at 0. Reading an execution later compares that time line with the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fibonacci.definitions import (
    ConditionalNode,
    CriticNode,
    LLMNode,
    Node,
    OperatorError,
    Reference,
    TemplateError,
    ToolNode,
    WorkflowDefinition,
    dependencies,
    evaluate,
    execution_order,
    render,
)
from fibonacci.definitions.templates import ABSENT, INPUT, follow
from fibonacci.emulator.body import is_deeper_than
from fibonacci.emulator.envelope import to_json
from fibonacci.emulator.stand_ins import NodeError, critic_verdict, llm_answer, seconds_of, tool_result

MAX_OUTPUT: Final = 1024 * 1024
"""The largest output of a node, in bytes of JSON: templates that repeat each other grow exponentially."""

MAX_OUTPUT_DEPTH: Final = 200

Recall = Callable[[str], tuple[bool, Any]]
"""Finds a value in memory: whether there is one, and the value."""


@dataclass(frozen=True, slots=True)
class NodeRun:
    """What became of one node; `started` and `ended` in seconds after the start of the run."""

    id: str
    type: str
    status: Literal["completed", "failed", "skipped"]
    started: float
    ended: float
    output: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a whole workflow."""

    status: Literal["completed", "failed"]
    outputs: Mapping[str, Any]
    nodes: Sequence[NodeRun] = ()
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long the run takes."""
        return max((node.ended for node in self.nodes), default=0.0)


class Engine:
    """Runs definitions with a given environment and given secrets."""

    def __init__(self, env: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._env = env
        self._secrets = secrets

    def run(self, definition: WorkflowDefinition, inputs: Mapping[str, Any], recall: Recall) -> Run:
        """Run a definition without faults.

        Args:
            definition: The workflow.
            inputs: What `{{input...}}` means.
            recall: What `{{memory...}}` means.

        Returns:
            The outcome; a failing node is a part of it, not an exception.
        """
        return _Running(definition, inputs, recall, self._env, self._secrets).finish()


class _Running:
    def __init__(
        self,
        definition: WorkflowDefinition,
        inputs: Mapping[str, Any],
        recall: Recall,
        env: Mapping[str, str],
        secrets: Mapping[str, str],
    ) -> None:
        self._definition = definition
        self._sources = {INPUT: inputs, "env": env, "secrets": secrets}
        self._recall = recall
        self._waits_for = dependencies(definition)
        self._runs: dict[str, NodeRun] = {}
        self._stopped: set[str] = set()  # failed nodes, and those that will never run because of them
        self._chosen: dict[str, bool] = {}  # nodes in branches: whether a conditional took one

    def finish(self) -> Run:
        nodes = {node.id: node for node in self._definition.nodes}
        for node_id in execution_order(self._definition):
            self._runs[node_id] = self._run_node(nodes[node_id])
        runs = list(self._runs.values())
        values = {run.id: run.output for run in runs if run.status == "completed"}
        failed = next((run for run in runs if run.status == "failed"), None)
        if failed is not None:
            return Run("failed", values, runs, f"node {failed.id!r}: {failed.error}")
        try:
            outputs = self._definition.outputs
            return Run("completed", values if outputs is None else self._checked(render(outputs, self._resolve)), runs)
        except (TemplateError, NodeError) as error:
            return Run("failed", values, runs, f"outputs: {error}")

    def _run_node(self, node: Node) -> NodeRun:
        needed = self._waits_for[node.id]
        start = max((self._runs[other].ended for other in needed), default=0.0)
        if not self._stopped.isdisjoint(needed):
            self._stopped.add(node.id)
            return NodeRun(node.id, node.type, "skipped", start, start)
        all_skipped = bool(needed) and all(self._runs[other].status == "skipped" for other in needed)
        if all_skipped or not self._chosen.get(node.id, True):
            return NodeRun(node.id, node.type, "skipped", start, start)
        try:
            output, seconds = self._perform(node)
            return NodeRun(node.id, node.type, "completed", start, start + seconds, self._checked(output))
        except (TemplateError, OperatorError, NodeError) as error:
            self._stopped.add(node.id)
            return NodeRun(node.id, node.type, "failed", start, start, error=str(error))

    def _perform(self, node: Node) -> tuple[Any, float]:
        """Return the output of a node, and how long it takes in seconds."""
        match node:
            case LLMNode():
                return llm_answer(node, render(node.instruction, self._resolve)), 0.0
            case ToolNode():
                params = render(node.params, self._resolve)
                return tool_result(node.tool, params), seconds_of(node.tool, params)
            case CriticNode():
                return critic_verdict(node, render(node.criteria, self._resolve)), 0.0
            case ConditionalNode():
                return self._decide(node), 0.0

    def _decide(self, node: ConditionalNode) -> dict[str, Any]:
        resolve = self._resolve_or_nothing if node.operator in ("is_empty", "is_not_empty") else self._resolve
        result = evaluate(node.operator, render(node.left_value, resolve), render(node.right_value, resolve))
        taken, left = (node.true_branch, node.false_branch)[:: 1 if result else -1]
        for node_id in left:
            self._chosen.setdefault(node_id, False)
        for node_id in taken:
            self._chosen[node_id] = True
        return {"result": result, "branch": taken}

    def _resolve(self, reference: Reference) -> Any:
        if reference.is_node:
            run = self._runs[reference.source]
            return follow(ABSENT if run.status == "skipped" else run.output, reference, reference.path)
        if reference.source != "memory":
            return follow(self._sources[reference.source], reference, reference.path)
        key, *path = reference.path
        found, value = self._recall(key)
        if not found:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no memory {key!r}")
        return follow(value, reference, tuple(path))

    def _resolve_or_nothing(self, reference: Reference) -> Any:
        """Resolve for the question whether something is empty: what is missing is empty, not a fault."""
        try:
            return self._resolve(reference)
        except TemplateError:
            return None

    def _checked(self, output: Any) -> Any:
        text = to_json(output)
        if len(text) > MAX_OUTPUT:
            raise NodeError(f"the output is larger than {MAX_OUTPUT} bytes")
        if text.count(b"{") + text.count(b"[") > MAX_OUTPUT_DEPTH and is_deeper_than(output, MAX_OUTPUT_DEPTH):
            raise NodeError(f"the output is nested deeper than {MAX_OUTPUT_DEPTH} levels")
        return output

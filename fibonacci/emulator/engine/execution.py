"""A running execution as a state machine, which advances from event to event.

Nothing here waits. Whatever takes time is stored with the time at which it is due. `advance` processes every due event
at its own time. So the result is exact even if the clock jumps, and no thread waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from fibonacci.definitions import CriticNode, Node, OpenNode
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.operators import OperatorError
from fibonacci.definitions.templates import TemplateError
from fibonacci.emulator.engine.compiled import CompiledWorkflow, by_node, missing_values
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, place_in
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.engine.node_executor import (
    MADE_UP,
    HandlerCall,
    NodeExecutor,
    NodeResult,
    checked,
    timeout_error,
)
from fibonacci.emulator.engine.node_states import NodeStates, iteration_of, tries_of
from fibonacci.emulator.engine.user_handlers import HandlerOutcome, bounded, usage_sum
from fibonacci.emulator.state.clock import later
from fibonacci.emulator.state.json_encoding import JSON
from fibonacci.emulator.state.records import NodeUsage, StoredExecution, StoredNode, StoredTrace, calls_of

Launch = Callable[[Callable[[], HandlerOutcome]], str]
"""Calls a handler in a new thread. Returns the ID of the call."""


class RunningExecution:
    """An execution that has not ended.

    In addition to its public fields, a node has a `phase` while it runs: `wait` until its result is due, `call` while
    its handler runs, `retry` until the next attempt. `until` is when the phase ends by itself: in success, or with its
    `error`.

    Args:
        environment: What workflows can reach.
        workflow: The workflow.
        execution: The record of the execution.
        launch: Starts the call of a handler.

    Attributes:
        workflow: The workflow.
        has_launched: Whether it has called a handler since it was read.
        notes: What is new for the trace, by node: its `input`, its `warnings`, the templates that were `without_value`,
            `remarks` about its answer, or the `reason` why it was skipped.
    """

    def __init__(
        self,
        environment: Environment,
        workflow: CompiledWorkflow,
        execution: StoredExecution,
        launch: Launch,
    ) -> None:
        self._environment = environment
        self._execution: StoredExecution = execution
        self.workflow: Final = workflow
        self._nodes = NodeStates(workflow, execution["nodes"])
        self._launch = launch
        self._latest: tuple[float, NodeExecutor] | None = None
        self.has_launched: bool = False
        self.notes: dict[str, StoredTrace] = {}

    @property
    def has_ended(self) -> bool:
        """Whether the execution has ended."""
        return self._execution["ended"] is not None

    @property
    def calls(self) -> list[str]:
        """The IDs of the running handler calls."""
        return calls_of(self._nodes.all())

    @property
    def due(self) -> float | None:
        """The time of the next event in Unix seconds, or `None` if only handlers can cause one."""
        if self.has_ended:
            return None
        node = self._nodes.first_due()
        times = [time for time in (self._deadline, None if node is None else node["until"]) if time is not None]
        return min(times, default=None)

    @property
    def execution(self) -> StoredExecution:
        """The record of the execution."""
        return {**self._execution, "nodes": self._nodes.all()}

    def start_ready_nodes(self, now: float) -> None:
        """Start every node that is ready, and end the execution if all nodes have ended."""
        while (node_id := self._nodes.take_ready()) is not None:
            self._start(self.workflow.nodes[node_id], self._nodes[node_id], now)
            self._report(node_id)
        if not self.has_ended and self._nodes.have_all_ended():
            self._finish(now)

    def advance(self, now: float) -> None:
        """Process all events due by now, in order of time."""
        deadline = self._deadline
        limit = min(now, deadline or now)
        while (state := self._nodes.first_due()) is not None and (due := state["until"]) is not None and due <= limit:
            self._end_phase(state, due)
            self._report(state["id"])
            self.start_ready_nodes(due)
        if deadline is not None and deadline <= now and not self.has_ended:
            self._expire(deadline)

    def complete_call(self, call: str, outcome: HandlerOutcome, now: float) -> None:
        """Take the outcome of a handler call, unless it has timed out before."""
        self.advance(now)
        for state in self._nodes.all():
            if state["phase"] == "call" and state["call"] == call:
                self._apply_outcome(state, outcome, now)
                self._report(state["id"])
                self.start_ready_nodes(now)
                self.advance(now)

    def _apply_outcome(self, state: StoredNode, outcome: HandlerOutcome, now: float) -> None:
        _add_usage(state, outcome.usage)
        if outcome.error is not None:
            self._fail_or_retry(state, outcome.error, now)
            return
        try:
            output = self._executor(now).result_of(self.workflow.nodes[state["id"]], outcome.output)
        except (TemplateError, NodeError) as error:
            self._fail_or_retry(state, str(error), now)
        else:
            self._complete(state, output, now)

    @property
    def _deadline(self) -> float | None:
        """The time at which the timeout of the workflow ends the execution."""
        timeout = self.workflow.timeout
        return None if timeout is None else later(self._execution["started"], timeout)

    def _executor(self, now: float) -> NodeExecutor:
        if self._latest is None or self._latest[0] != now:
            self._latest = now, NodeExecutor(self._environment, self._execution, self._nodes, now)
        return self._latest[1]

    def note(self, node_id: str, note: StoredTrace) -> None:
        """Add something to the trace of a node."""
        self.notes[node_id] = self.notes.get(node_id, {}) | note

    @cached_property
    def _indexes(self) -> Mapping[str, int]:
        """The index of each node in the definition, cached because any node of a run may lack a value."""
        return {node_id: index for index, node_id in enumerate(self.workflow.nodes)}

    def _report(self, node_id: str | None) -> None:
        """Note the remarks about a node's last step, or the outputs, and warn of its templates without a value."""
        if self._latest is None:
            return
        remarks, missing = self._latest[1].take_remarks()
        if not remarks and not missing:
            return
        index = None if node_id is None else self._indexes[node_id]
        if node_id is not None and remarks:
            self.note(node_id, {"remarks": [*remarks.values()]})
        if MADE_UP in remarks:
            self._warn(MADE_UP, f"nodes[{index}]", remarks[MADE_UP])
        if missing:
            missing_ones = list(missing_values(self.workflow.definition or {}, index, missing))
            for value in missing_ones:
                self._warn(value.code, value.location, value.message)
            node_ids = {} if index is None or node_id is None else {index: node_id}
            for noted_id, messages in by_node(missing_ones, node_ids).items():
                self.note(noted_id, {"without_value": messages})

    def _warn(self, code: str, place: str, message: str) -> None:
        location = place_in(self._execution["workflow_id"], place)
        self._environment.warnings.note([EmulatorWarning(code=code, location=location, message=message)])

    def _start(self, node: Node, state: StoredNode, now: float) -> None:
        """Start or skip a node that doesn't wait for others."""
        try:
            step = self._nodes.step(node.id, lambda: self._executor(now).unmet_condition(node))
        except (TemplateError, OperatorError) as error:
            state["started"] = now
            self._fail(state, f"condition: {error}", now)
            return
        state["started"] = now
        if step.action == "run":
            self._attempt(node, state, now)
        else:
            self._nodes.skip(node.id, now, stopped=step.stopped)
            self.note(node.id, {"reason": step.reason})

    def _attempt(self, node: Node, state: StoredNode, now: float) -> None:
        state["attempts"] += 1
        executor = self._executor(now)
        try:
            given = executor.input_for(node)
            self.note(node.id, {"input": given.shown})
            if state["attempts"] > 1:
                self.note(node.id, {"remarks": []})  # an earlier attempt's are outdated
            if given.fault is not None:
                raise given.fault
            step = executor.execute(node, tries_of(state), given.value)
        except (TemplateError, OperatorError, NodeError) as error:
            self._fail(state, str(error), now)  # a retry would fail in the same way
            return
        if isinstance(step, NodeResult):
            _add_usage(state, step.usage)
        if isinstance(step, HandlerCall):
            until = None if step.timeout is None else later(now, step.timeout)
            reason = None if step.timeout is None else timeout_error(step.timeout)
            call = self._launch(step.work)
            self.has_launched = True
            self._nodes.call(node.id, call, until, reason)
        elif step.seconds > 0:
            self._nodes.wait(node.id, later(now, step.seconds), step.output, step.error)
        elif step.error is not None:
            self._fail_or_retry(state, step.error, now)
        else:
            self._complete(state, step.output, now)

    def _end_phase(self, state: StoredNode, now: float) -> None:
        node = self.workflow.nodes[state["id"]]
        match state["phase"]:
            case "retry":
                self._attempt(node, state, now)
            case "wait" | "call" if state["error"] is not None:
                self._fail_or_retry(state, state["error"], now)
            case "wait" | "call":
                self._complete(state, state["output"], now)
            case None:
                raise TypeError(f"node {node.id!r} is in no phase that ends")

    def _complete(self, state: StoredNode, output: JSON, now: float) -> None:
        node = self.workflow.nodes[state["id"]]
        try:
            self._nodes.complete(node.id, checked(output, f"outputs.{node.id}"), now)
            self._executor(now).write_memory(node)
            if isinstance(node, CriticNode):
                self._improve(node, state, now)
        except (TemplateError, NodeError) as error:
            self._fail(state, str(error), now)

    def _improve(self, critic: CriticNode, state: StoredNode, now: float) -> None:
        """If a target doesn't pass its critic and may run again, do so with what the critic wants improved."""
        verdict = state["output"]
        if not isinstance(verdict, dict):
            raise TypeError("the output of a critic is not an object")
        if verdict["passed"] or iteration_of(state) > critic.max_iterations:
            return
        prompt = self._executor(now).improvement_prompt(critic, verdict)
        self._nodes[critic.target_node]["improvement"] = prompt
        self._nodes.run_again(self.workflow.between(critic.target_node, critic.id))

    def _fail_or_retry(self, state: StoredNode, error: str, now: float) -> None:
        node = self.workflow.nodes[state["id"]]
        delay = _retry_delay(node, tries_of(state))
        if delay is None:
            self._fail(state, error, now)
        else:
            self._nodes.retry(node.id, later(now, delay), bounded(error))

    def _fail(self, state: StoredNode, error: str, now: float) -> None:
        self._nodes.fail(state["id"], bounded(error), now)

    def _expire(self, now: float) -> None:
        """End the execution at the timeout of its workflow: running nodes fail, the others are skipped."""
        error = timeout_error(self.workflow.timeout or 0)
        for state in self._nodes.all():
            if state["ended"] is None and state["started"] is not None:
                self._fail(state, f"the workflow: {error}", now)
            elif state["ended"] is None:
                state["started"] = now
                self._nodes.skip(state["id"], now, stopped=True)
                self.note(state["id"], {"reason": f"the workflow: {error}"})
        self._end(f"the workflow: {error}", now)

    def _finish(self, now: float) -> None:
        failed = self._nodes.failed()
        if failed is not None:
            self._end(f"node {failed['id']!r}: {failed['error']}", now)
            return
        outputs = self._nodes.outputs()
        try:
            if self.workflow.outputs is not None:
                outputs = self._executor(now).render(self.workflow.outputs)
            schema = self.workflow.output_schema
            misfit = None if schema is None else first_fault(schema, outputs, "outputs")
            fault = None if misfit is None else str(misfit)
        except (TemplateError, NodeError) as error:
            fault = f"outputs: {error}"
        self._report(None)
        if fault is None:
            self._execution = {**self._execution, "status": "completed", "outputs": outputs, "ended": now}
        else:
            self._end(fault, now)

    def _end(self, error: str, now: float) -> None:
        """End the execution as failed, with outputs only if its workflow allows partial results."""
        outputs = self._nodes.outputs() if self.workflow.allow_partial_results else {}
        self._execution = {**self._execution, "status": "failed", "outputs": outputs, "error": error, "ended": now}


def _add_usage(state: StoredNode, usage: NodeUsage | None) -> None:
    """Add what an attempt has used to the node, even if it failed."""
    if usage is not None:
        state["usage"] = usage_sum(state.get("usage"), usage)


def _retry_delay(node: Node, tries: int) -> float | None:
    """Return how many seconds to wait after this many attempts, or `None` if none is left."""
    if isinstance(node, OpenNode) or not node.enable_retry or tries > node.max_retries:
        return None
    match node.retry.backoff if node.retry is not None else None:
        case "linear":
            return node.retry_delay * tries
        case "exponential":
            return node.retry_delay * 2.0 ** min(tries - 1, 100)
        case _:
            return node.retry_delay

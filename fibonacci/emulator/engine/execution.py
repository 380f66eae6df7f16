"""A running execution as a state machine, which advances from event to event.

Nothing here waits. Whatever takes time is stored with the time at which it is due, and `advance` processes all that is
due, each event at its own time: a clock that jumps is followed exactly, and no thread waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fibonacci.definitions import ConditionalNode, Node, OperatorError, TemplateError
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.node_executor import (
    Environment,
    HandlerCall,
    NodeExecutor,
    checked,
    timeout_error,
)
from fibonacci.emulator.engine.user_handlers import HandlerOutcome
from fibonacci.emulator.state.clock import LAST
from fibonacci.emulator.state.store import Record

Launch = Callable[[Callable[[], Any]], str]
"""Calls a handler in a thread of its own; returns the id of the call."""


class RunningExecution:
    """An execution that has not ended.

    Beside its public fields, a node has a `phase` while it runs: `wait` until its result is due, `call` while its
    handler runs, `retry` until the next attempt. `until` is when the phase ends by itself: in success, or with its
    `error`.

    Args:
        environment: What workflows can reach.
        execution: The record of the execution.
        run: The definition, and the branches taken.
        launch: Starts the call of a handler.

    Attributes:
        notes: What is new for the trace, by node: its `input`, or the `reason` why it was skipped.
    """

    def __init__(self, environment: Environment, execution: Record, run: Record, launch: Launch) -> None:
        self._environment = environment
        self._execution = execution
        self._workflow = compiled(run["definition"])
        self._run = run
        self._chosen: dict[str, bool] = dict(run["chosen"])  # nodes in branches: whether a conditional took the branch
        self._nodes: dict[str, Record] = {node["id"]: dict(node) for node in execution["nodes"]}
        self._launch = launch
        self.notes: dict[str, Record] = {}

    @property
    def has_ended(self) -> bool:
        """Whether the execution has ended."""
        return self._execution["ended"] is not None

    @property
    def calls(self) -> list[str]:
        """The ids of the running handler calls."""
        return [node["call"] for node in self._nodes.values() if node["phase"] == "call"]

    @property
    def due(self) -> float | None:
        """The time of the next event in Unix seconds; `None` if there is none without a handler."""
        node = self._next()
        return None if node is None else float(node["until"])

    @property
    def execution(self) -> Record:
        """The record of the execution."""
        return self._execution | {"nodes": list(self._nodes.values())}

    @property
    def run(self) -> Record:
        """What is stored beside the record until the execution has ended."""
        return self._run | {"chosen": self._chosen}

    def start_ready_nodes(self, now: float) -> None:
        """Start every node that is ready; end the execution if all nodes have ended."""
        for node_id in self._workflow.order:
            state = self._nodes[node_id]
            if state["status"] == "pending" and self._is_ready(node_id):
                self._start(self._workflow.nodes[node_id], state, now)
        if all(node["ended"] is not None for node in self._nodes.values()):
            self._finish(now)

    def advance(self, now: float) -> None:
        """Process all events due by now, in order of time."""
        while (state := self._next()) is not None and state["until"] <= now:
            due = state["until"]
            self._end_phase(state, due)
            self.start_ready_nodes(due)

    def complete_call(self, call: str, outcome: HandlerOutcome, now: float) -> None:
        """Take the outcome of a handler call, unless it has timed out before."""
        self.advance(now)
        for state in self._nodes.values():
            if state["phase"] == "call" and state["call"] == call:
                if outcome.error is None:
                    self._complete(state, outcome.output, now)
                else:
                    self._fail_or_retry(state, outcome.error, now)
                self.start_ready_nodes(now)
                self.advance(now)

    def _executor(self, now: float) -> NodeExecutor:
        return NodeExecutor(self._environment, self._execution, self._nodes, now)

    def _next(self) -> Record | None:
        timed = [node for node in self._nodes.values() if node["until"] is not None]
        return min(timed, key=_due, default=None)

    def _is_ready(self, node_id: str) -> bool:
        return all(self._nodes[other]["ended"] is not None for other in self._workflow.waits_for[node_id])

    def _start(self, node: Node, state: Record, now: float) -> None:
        state["started"] = now
        needed = [self._nodes[other] for other in self._workflow.waits_for[node.id]]
        # A failed node stops those that depend on it; so does a node skipped because of a failed one.
        rescued = self._workflow.rescues.get(node.id, frozenset())
        state["stopped"] = any(other["stopped"] for other in needed if other["id"] not in rescued)
        all_skipped = bool(needed) and all(other["status"] == "skipped" for other in needed)
        unneeded = bool(rescued) and all(self._nodes[other]["status"] != "failed" for other in rescued)
        if state["stopped"] or all_skipped or unneeded or not self._chosen.get(node.id, True):
            state.update(status="skipped", ended=now)
            self.notes[node.id] = {"reason": self._why_skipped(node.id, needed)}
        else:
            self._attempt(node, state, now)

    def _why_skipped(self, node_id: str, needed: list[Record]) -> str:
        for other in needed:
            if other["stopped"]:
                return (
                    f"it depends on {other['id']!r}, which {'failed' if other['status'] == 'failed' else 'did not run'}"
                )
        if all(other["status"] == "skipped" for other in needed):
            return f"all nodes that it depends on were skipped: {', '.join(other['id'] for other in needed)}"
        gates = [other["id"] for other in needed if self._leads_to(other["id"], node_id)]
        return f"it is not in the branch taken by {', '.join(map(repr, gates))}"

    def _leads_to(self, gate_id: str, node_id: str) -> bool:
        """Whether a node is a conditional with another in one of its branches."""
        gate = self._workflow.nodes[gate_id]
        return isinstance(gate, ConditionalNode) and node_id in (*gate.true_branch, *gate.false_branch)

    def _attempt(self, node: Node, state: Record, now: float) -> None:
        state["attempts"] += 1
        executor = self._executor(now)
        try:
            self.notes[node.id] = {"input": executor.shown_input(node)}
            step = executor.execute(node, state["attempts"])
        except (TemplateError, OperatorError, NodeError) as error:
            self._fail(state, str(error), now)  # a retry would fail alike
            return
        if isinstance(step, HandlerCall):
            until = None if step.timeout is None else _after(now, step.timeout)
            reason = None if step.timeout is None else timeout_error(step.timeout)
            call = self._launch(step.work)
            state.update(status="running", phase="call", until=until, call=call, error=reason)
        elif step.seconds > 0:
            until = _after(now, step.seconds)
            state.update(status="running", phase="wait", until=until, output=step.output, error=step.error)
        else:
            self._complete(state, step.output, now)

    def _end_phase(self, state: Record, now: float) -> None:
        node = self._workflow.nodes[state["id"]]
        if state["phase"] == "retry":
            self._attempt(node, state, now)
        elif state["error"] is not None:
            self._fail_or_retry(state, state["error"], now)
        else:
            self._complete(state, state["output"], now)

    def _complete(self, state: Record, output: Any, now: float) -> None:
        try:
            state.update(_NO_PHASE, status="completed", output=checked(output), error=None, ended=now)
        except NodeError as error:
            self._fail(state, str(error), now)
            return
        node = self._workflow.nodes[state["id"]]
        if isinstance(node, ConditionalNode):
            taken, left = (node.true_branch, node.false_branch)[:: 1 if output["result"] else -1]
            for node_id in left:
                self._chosen.setdefault(node_id, False)
            self._chosen.update(dict.fromkeys(taken, True))

    def _fail_or_retry(self, state: Record, error: str, now: float) -> None:
        node = self._workflow.nodes[state["id"]]
        if not node.enable_retry or state["attempts"] > node.max_retries:
            self._fail(state, error, now)
        else:
            state.update(_NO_PHASE, phase="retry", until=_after(now, node.retry_delay), output=None, error=error)

    def _fail(self, state: Record, error: str, now: float) -> None:
        state.update(_NO_PHASE, status="failed", stopped=True, output=None, error=error, ended=now)

    def _finish(self, now: float) -> None:
        nodes = self._nodes.values()
        values = {node["id"]: node["output"] for node in nodes if node["status"] == "completed"}
        failed = next((node for node in nodes if node["status"] == "failed"), None)
        status, outputs, reason = "completed", values, None
        if failed is not None:
            status, reason = "failed", f"node {failed['id']!r}: {failed['error']}"
        elif self._workflow.outputs is not None:
            try:
                outputs = self._executor(now).render(self._workflow.outputs)
            except (TemplateError, NodeError) as fault:
                status, reason = "failed", f"outputs: {fault}"
        self._execution = self._execution | {"status": status, "outputs": outputs, "error": reason, "ended": now}


_NO_PHASE: Final[Record] = {"phase": None, "until": None, "call": None}


def new_node(node: Node) -> Record:
    """Return the record of a node that has not started."""
    public = {"id": node.id, "type": node.type, "status": "pending", "output": None, "error": None}
    return public | {"started": None, "ended": None, "attempts": 0, "stopped": False} | _NO_PHASE


def _after(now: float, seconds: float) -> float:
    return min(now + seconds, LAST)


def _due(node: Record) -> float:
    return float(node["until"])

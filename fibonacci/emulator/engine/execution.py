"""One execution going through its graph, from one moment at which something happens to the next.

Nothing here waits. What takes time is noted with the moment at which it ends, and `carry_on` does all that is due by
now, each thing at its own moment: so a clock that jumps is followed exactly, and no thread is kept for waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fibonacci.definitions import ConditionalNode, Node, OperatorError, TemplateError
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.node_executor import Environment, NodeExecutor, NodeResult, checked, timed_out
from fibonacci.emulator.engine.user_handlers import HandlerOutcome
from fibonacci.emulator.state.clock import LAST
from fibonacci.emulator.state.store import Record

Launch = Callable[[Callable[[], Any]], str]
"""Calls a handler in a thread of its own, and returns the id of the call."""


class RunningExecution:
    """An execution that has not ended.

    A node has, beside what is shown of it, a `phase` while it runs: `wait` until its result is due, `call` while its
    handler works, `retry` until the next attempt. `until` is when that ends by itself: well, or with its `error`.
    """

    def __init__(self, world: Environment, execution: Record, run: Record, launch: Launch) -> None:
        self._world = world
        self._execution = execution
        self._plan = compiled(run["definition"])
        self._run = run
        self._chosen: dict[str, bool] = dict(run["chosen"])  # nodes in branches: whether a conditional took one
        self._nodes: dict[str, Record] = {node["id"]: dict(node) for node in execution["nodes"]}
        self._launch = launch

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self._execution["ended"] is not None

    @property
    def calls(self) -> list[str]:
        """The ids of the calls whose handlers work now."""
        return [node["call"] for node in self._nodes.values() if node["phase"] == "call"]

    @property
    def due(self) -> float | None:
        """When something happens next by itself, in Unix seconds; `None` when nothing does."""
        node = self._next()
        return None if node is None else float(node["until"])

    @property
    def execution(self) -> Record:
        """The record of the execution as it now is."""
        return self._execution | {"nodes": list(self._nodes.values())}

    @property
    def run(self) -> Record:
        """What has to be kept until the execution has ended."""
        return self._run | {"chosen": self._chosen}

    def begin(self, now: float) -> None:
        """Start every node that is ready, and end the execution when none is left."""
        for node_id in self._plan.order:
            state = self._nodes[node_id]
            if state["status"] == "pending" and self._is_ready(node_id):
                self._start(self._plan.nodes[node_id], state, now)
        if all(node["ended"] is not None for node in self._nodes.values()):
            self._finish(now)

    def carry_on(self, now: float) -> None:
        """Do all that is due by now, in the order of time."""
        while (state := self._next()) is not None and state["until"] <= now:
            moment = state["until"]
            self._happen(state, moment)
            self.begin(moment)

    def report(self, call: str, outcome: HandlerOutcome, now: float) -> None:
        """Take what a handler returned, unless its time was up before."""
        self.carry_on(now)
        for state in self._nodes.values():
            if state["phase"] == "call" and state["call"] == call:
                if outcome.error is None:
                    self._end(state, outcome.output, now)
                else:
                    self._fail_or_retry(state, outcome.error, now)
                self.begin(now)
                self.carry_on(now)

    def _next(self) -> Record | None:
        timed = [node for node in self._nodes.values() if node["until"] is not None]
        return min(timed, key=_until, default=None)

    def _is_ready(self, node_id: str) -> bool:
        return all(self._nodes[other]["ended"] is not None for other in self._plan.waits_for[node_id])

    def _start(self, node: Node, state: Record, now: float) -> None:
        state["started"] = now
        needed = [self._nodes[other] for other in self._plan.waits_for[node.id]]
        # A failed node stops what waits for it; so does one that was skipped because of a failed one.
        state["stopped"] = any(other["stopped"] for other in needed)
        all_skipped = bool(needed) and all(other["status"] == "skipped" for other in needed)
        if state["stopped"] or all_skipped or not self._chosen.get(node.id, True):
            state.update(status="skipped", ended=now)
        else:
            self._attempt(node, state, now)

    def _attempt(self, node: Node, state: Record, now: float) -> None:
        state["attempts"] += 1
        try:
            work = NodeExecutor(self._world, self._execution, self._nodes, now).perform(node, state["attempts"])
        except (TemplateError, OperatorError, NodeError) as error:
            self._fail(state, str(error), now)  # it would fail again in the same way
            return
        if not isinstance(work, NodeResult):
            until = None if work.timeout is None else _after(now, work.timeout)
            reason = None if work.timeout is None else timed_out(work.timeout)
            call = self._launch(work.work)
            state.update(status="running", phase="call", until=until, call=call, error=reason)
        elif work.seconds > 0:
            until = _after(now, work.seconds)
            state.update(status="running", phase="wait", until=until, output=work.output, error=work.error)
        else:
            self._end(state, work.output, now)

    def _happen(self, state: Record, moment: float) -> None:
        node = self._plan.nodes[state["id"]]
        if state["phase"] == "retry":
            self._attempt(node, state, moment)
        elif state["error"] is not None:
            self._fail_or_retry(state, state["error"], moment)
        else:
            self._end(state, state["output"], moment)

    def _end(self, state: Record, output: Any, now: float) -> None:
        try:
            state.update(_AT_REST, status="completed", output=checked(output), error=None, ended=now)
        except NodeError as error:
            self._fail(state, str(error), now)
            return
        node = self._plan.nodes[state["id"]]
        if isinstance(node, ConditionalNode):
            taken, left = (node.true_branch, node.false_branch)[:: 1 if output["result"] else -1]
            for node_id in left:
                self._chosen.setdefault(node_id, False)
            self._chosen.update(dict.fromkeys(taken, True))

    def _fail_or_retry(self, state: Record, error: str, now: float) -> None:
        node = self._plan.nodes[state["id"]]
        if not node.enable_retry or state["attempts"] > node.max_retries:
            self._fail(state, error, now)
        else:
            state.update(_AT_REST, phase="retry", until=_after(now, node.retry_delay), output=None, error=error)

    def _fail(self, state: Record, error: str, now: float) -> None:
        state.update(_AT_REST, status="failed", stopped=True, output=None, error=error, ended=now)

    def _finish(self, now: float) -> None:
        nodes = self._nodes.values()
        values = {node["id"]: node["output"] for node in nodes if node["status"] == "completed"}
        failed = next((node for node in nodes if node["status"] == "failed"), None)
        status, outputs, reason = "completed", values, None
        if failed is not None:
            status, reason = "failed", f"node {failed['id']!r}: {failed['error']}"
        elif self._plan.outputs is not None:
            try:
                outputs = NodeExecutor(self._world, self._execution, self._nodes, now).render(self._plan.outputs)
            except (TemplateError, NodeError) as fault:
                status, reason = "failed", f"outputs: {fault}"
        self._execution = self._execution | {"status": status, "outputs": outputs, "error": reason, "ended": now}


_AT_REST: Final[Record] = {"phase": None, "until": None, "call": None}


def new_node(node: Node) -> Record:
    """Return the record of a node that has not begun."""
    shown = {"id": node.id, "type": node.type, "status": "pending", "output": None, "error": None}
    return shown | {"started": None, "ended": None, "attempts": 0, "stopped": False} | _AT_REST


def _after(now: float, seconds: float) -> float:
    return min(now + seconds, LAST)


def _until(node: Record) -> float:
    return float(node["until"])

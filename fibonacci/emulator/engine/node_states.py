"""The nodes of one execution: their records, what each does next, and which output counts for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heappop, heappush
from typing import Final

from fibonacci.definitions.flow import PENDING, Fate, FlowStep, Unmet
from fibonacci.definitions.templates import ABSENT, Absent
from fibonacci.emulator.engine.compiled import CompiledWorkflow
from fibonacci.emulator.state.json_encoding import JSON, JSONObject
from fibonacci.emulator.state.records import EndStatus, StoredNode, is_decision


def iteration_of(node: StoredNode) -> int:
    """Return the number of a node's current iteration: a critic may ask for another one."""
    return node.get("iteration", 1)


def tries_of(node: StoredNode) -> int:
    """Return how many attempts a node has made in its current iteration."""
    return node["attempts"] - node.get("earlier_attempts", 0)


class NodeStates:
    """The records of the nodes of one execution.

    Args:
        workflow: The compiled definition.
        records: The records.
    """

    def __init__(self, workflow: CompiledWorkflow, records: Iterable[StoredNode]) -> None:
        self.workflow: Final = workflow
        self._flow: Final = workflow.flow
        self._records: Final[dict[str, StoredNode]] = {record["id"]: record.copy() for record in records}
        # The ends of phases. One that no longer matches its record is dropped when it comes first.
        self._timed: Final[list[tuple[float, int, str]]] = []
        self._progress: _Progress | None = None  # made on first use: most readers of a run need none
        for node_id, record in self._records.items():
            if record["until"] is not None:
                self._add_time(node_id, record["until"])

    def __getitem__(self, node_id: str) -> StoredNode:
        return self._records[node_id]

    def all(self) -> list[StoredNode]:
        """Return all records."""
        return list(self._records.values())

    def wait(self, node_id: str, until: float, output: JSON, error: str | None) -> None:
        """Have a node wait for its end, in success or with an error."""
        record = self._records[node_id]
        record["status"], record["phase"], record["until"] = "running", "wait", until
        record["output"], record["error"] = output, error
        self._add_time(node_id, until)

    def call(self, node_id: str, call: str, until: float | None, error: str | None) -> None:
        """Have a node wait for its handler, until its timeout if it has one, which is the error."""
        record = self._records[node_id]
        record["status"], record["phase"], record["until"] = "running", "call", until
        record["call"], record["error"] = call, error
        self._add_time(node_id, until)

    def retry(self, node_id: str, until: float, error: str) -> None:
        """Have a node wait for its next attempt, after an error."""
        record = self._records[node_id]
        record["status"], record["phase"], record["until"] = "running", "retry", until
        record["call"], record["output"], record["error"] = None, None, error
        self._add_time(node_id, until)

    def complete(self, node_id: str, output: JSON, now: float) -> None:
        """End a node with its output."""
        record = self._records[node_id]
        record["output"], record["error"] = output, None
        self._end(record, "completed", now)

    def fail(self, node_id: str, error: str, now: float) -> None:
        """End a node with an error, even if it had completed."""
        record = self._records[node_id]
        record["output"], record["error"], record["stopped"] = None, error, True
        self._end(record, "failed", now)

    def skip(self, node_id: str, now: float, *, stopped: bool) -> None:
        """End a node that does not run."""
        record = self._records[node_id]
        record["stopped"] = stopped
        self._end(record, "skipped", now)

    def _end(self, record: StoredNode, status: EndStatus, now: float) -> None:
        had_ended = record["ended"] is not None
        record["status"], record["ended"] = status, now
        record["phase"] = record["until"] = record["call"] = None
        if self._progress is not None and not had_ended:
            self._progress.count(record["id"], has_ended=True)

    def first_due(self) -> StoredNode | None:
        """Return the node whose phase ends first, or `None`. A tie goes to the first in the definition."""
        while self._timed:
            until, _, node_id = self._timed[0]
            if self._records[node_id]["until"] == until:
                return self._records[node_id]
            heappop(self._timed)
        return None

    def take_ready(self) -> str | None:
        """Return the next node that can start, and count it as started, or return `None` if there is none.

        Nodes come in the order of the workflow. Those that a critic resets come after the others, in the same order.
        """
        return self._known_progress().take_ready()

    def have_all_ended(self) -> bool:
        """Return whether all nodes have ended."""
        return self._known_progress().open == 0

    def step(self, node_id: str, unmet: Unmet) -> FlowStep:
        """Return what a node that has not started does next, using `unmet` to compare its `condition`."""
        return self._flow.step(node_id, self._fate_of, unmet)

    def output_of(self, node_id: str) -> JSON | Absent:
        """Return the output of a node, or of what replaces it, or `ABSENT` if it was skipped or failed."""
        record = self._standing(node_id)
        return ABSENT if record["status"] in ("failed", "skipped") else record["output"]

    def outputs(self) -> JSONObject:
        """Return the outputs of all nodes that have one, by ID."""
        return {
            node_id: record["output"]
            for node_id in self._records
            if (record := self._standing(node_id))["status"] == "completed"
        }

    def failed(self) -> StoredNode | None:
        """Return the first node that failed and has no replacement, or `None` if there is none."""
        for node_id, record in self._records.items():
            if record["status"] == "failed" and self._flow.is_stopped(node_id, self._fate_of):
                return record
        return None

    def run_again(self, node_ids: Collection[str]) -> None:
        """Reset nodes, so that they can start another iteration."""
        for node_id in node_ids:
            record = self._records[node_id]
            had_ended, attempts, iteration = record["ended"] is not None, record["attempts"], iteration_of(record) + 1
            record |= self.workflow.unstarted[node_id]
            record |= {"attempts": attempts, "earlier_attempts": attempts, "iteration": iteration}
            if self._progress is not None and had_ended:
                self._progress.count(node_id, has_ended=False)
        if self._progress is not None:
            for node_id in node_ids:
                self._progress.add_if_ready(node_id)

    def _fate_of(self, node_id: str) -> Fate:
        record = self._records[node_id]
        status = record["status"]
        match status:
            case "completed" | "failed" | "skipped":
                if record["ended"] is None:
                    return PENDING
                decided = record["type"] == "conditional" and status == "completed"
                return Fate(status, record["stopped"], _decision(record["output"]) if decided else None)
            case "pending" | "running" | "cancelled":
                return PENDING

    def _standing(self, node_id: str) -> StoredNode:
        return self._records[self._flow.output_source(node_id, self._fate_of)]

    def _add_time(self, node_id: str, until: float | None) -> None:
        if until is not None:
            heappush(self._timed, (until, self.workflow.places[node_id], node_id))

    def _known_progress(self) -> _Progress:
        if self._progress is None:
            self._progress = _Progress(self.workflow, self._records)
        return self._progress


def _decision(output: JSON) -> bool:
    if not is_decision(output):
        raise TypeError("the output of a conditional has no result")
    return bool(output["result"])


class _Progress:
    """The nodes that can start, updated as nodes end: checking all nodes after each end would take quadratic time.

    Args:
        workflow: The compiled definition.
        records: The records of its nodes.

    Attributes:
        open: How many nodes have not ended.
    """

    def __init__(self, workflow: CompiledWorkflow, records: Mapping[str, StoredNode]) -> None:
        self.open: int = len(records)
        self._workflow = workflow
        self._records = records
        # How many nodes each one is still waiting for:
        self._missing = {node_id: len(others) for node_id, others in workflow.flow.starts_after.items()}
        self._turn = (0, -1)  # how often the order has started over, and the place in it
        self._ready: list[tuple[int, int]] = []
        for node_id in workflow.order:
            self.add_if_ready(node_id)
        for node_id, record in records.items():
            if record["ended"] is not None:
                self.count(node_id, has_ended=True)

    def count(self, node_id: str, *, has_ended: bool) -> None:
        """Take note that a node has ended, or was reset."""
        change = -1 if has_ended else 1
        self.open += change
        for follower in self._workflow.followers[node_id]:
            self._missing[follower] += change
            if has_ended:
                self.add_if_ready(follower)

    def add_if_ready(self, node_id: str) -> None:
        """Add a node to the ready ones if it can start."""
        if self._is_ready(node_id):
            turn, last = self._turn
            place = self._workflow.places[node_id]
            heappush(self._ready, (turn if place > last else turn + 1, place))

    def take_ready(self) -> str | None:
        """Return the next node that can start, or `None` once there is none."""
        while self._ready:
            self._turn = heappop(self._ready)
            node_id = self._workflow.order[self._turn[1]]
            if self._is_ready(node_id):  # otherwise it has started, or a critic has reset a node before it
                return node_id
        self._turn = (0, -1)
        return None

    def _is_ready(self, node_id: str) -> bool:
        return self._missing[node_id] == 0 and self._records[node_id]["started"] is None

"""The nodes of one execution: their records, what each does next, and which output counts for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fibonacci.definitions import Node
from fibonacci.definitions.flow import PENDING, Fate, FlowStep, Unmet
from fibonacci.definitions.templates import ABSENT
from fibonacci.emulator.engine.compiled import CompiledWorkflow
from fibonacci.emulator.state.tables import Record

NO_PHASE: Final[Record] = {"phase": None, "until": None, "call": None}


def new_node(node: Node) -> Record:
    """Return the record of a node that has not started."""
    public = {"id": node.id, "type": node.type, "status": "pending", "output": None, "error": None}
    return public | {"started": None, "ended": None, "attempts": 0, "stopped": False} | NO_PHASE


class NodeStates:
    """The records of the nodes of one execution.

    Args:
        workflow: The compiled definition.
        records: The records.
    """

    def __init__(self, workflow: CompiledWorkflow, records: Iterable[Record]) -> None:
        self.workflow: Final = workflow
        self._flow: Final = workflow.flow
        self._records: Final[dict[str, Record]] = {record["id"]: dict(record) for record in records}

    def __getitem__(self, node_id: str) -> Record:
        return self._records[node_id]

    def all(self) -> list[Record]:
        """Return all records."""
        return list(self._records.values())

    def step(self, node_id: str, unmet: Unmet) -> FlowStep:
        """Return what a node that has not started does next; `unmet` compares its `condition`."""
        return self._flow.step(node_id, self._fate_of, unmet)

    def output_of(self, node_id: str) -> Any:
        """Return the output of a node, or of what stands in for it; `ABSENT` if it was skipped."""
        record = self._standing(node_id)
        return ABSENT if record["status"] == "skipped" else record["output"]

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of all nodes that have one, by id."""
        return {
            node_id: record["output"]
            for node_id in self._records
            if (record := self._standing(node_id))["status"] == "completed"
        }

    def failed(self) -> Record | None:
        """Return the first node that failed with nothing to stand in for it; `None` if there is none."""
        failed = (record for record in self.all() if record["status"] == "failed")
        return next((record for record in failed if self._flow.is_stopped(record["id"], self._fate_of)), None)

    def run_again(self, node_ids: Iterable[str]) -> None:
        """Take nodes back to where they have not started, for another iteration."""
        for node_id in node_ids:
            record = self._records[node_id]
            record.update(NO_PHASE, status="pending", output=None, error=None, started=None, ended=None, stopped=False)
            record.update(iteration=record.get("iteration", 1) + 1, earlier_attempts=record["attempts"])

    def _fate_of(self, node_id: str) -> Fate:
        record = self._records[node_id]
        if record["ended"] is None:
            return PENDING
        decided = record["type"] == "conditional" and record["status"] == "completed"
        return Fate(record["status"], record["stopped"], record["output"]["result"] if decided else None)

    def _standing(self, node_id: str) -> Record:
        return self._records[self._flow.standing(node_id, self._fate_of)]

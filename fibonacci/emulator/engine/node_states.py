"""The nodes of one execution: which are ready, which are skipped and why, and which output stands for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions import ConditionalNode, LLMNode, Node, ToolNode
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
        chosen: Which nodes in branches a conditional has taken, by id.
    """

    def __init__(self, workflow: CompiledWorkflow, records: Iterable[Record], chosen: Mapping[str, bool]) -> None:
        self.workflow: Final = workflow
        self.chosen: Final = dict(chosen)
        self._records: Final[dict[str, Record]] = {record["id"]: dict(record) for record in records}

    def __getitem__(self, node_id: str) -> Record:
        return self._records[node_id]

    def all(self) -> list[Record]:
        """Return all records."""
        return list(self._records.values())

    def is_ready(self, node_id: str) -> bool:
        """Return whether all that a node starts after has ended."""
        after = self.workflow.starts_after[node_id]
        return all(self._records[other]["ended"] is not None for other in after)

    def why_skipped(self, node_id: str) -> str | None:
        """Return why a node that is ready does not run; `None` if it runs."""
        needed = self.workflow.waits_for[node_id]
        rescued = self.workflow.rescues.get(node_id, frozenset())
        for other in needed:
            if other not in rescued and self.is_stopped(other):
                how = "failed" if self._records[other]["status"] == "failed" else "did not run"
                return f"it depends on {other!r}, which {how}"
        if needed and all(self._standing(other)["status"] == "skipped" for other in needed):
            return f"all nodes that it depends on were skipped: {', '.join(needed)}"
        if rescued and all(self._records[other]["status"] != "failed" for other in rescued):
            return f"it runs only if {' or '.join(repr(other) for other in sorted(rescued))} fails"
        if not self.chosen.get(node_id, True):
            gates = [other for other in needed if self._leads_to(other, node_id)]
            return f"it is not in the branch taken by {', '.join(map(repr, gates))}"
        return None

    def is_stopped(self, node_id: str) -> bool:
        """Return whether a node stops those that depend on it: it failed, or depends on one that did."""
        return bool(self._records[node_id]["stopped"]) and self._standing(node_id)["status"] != "completed"

    def depends_on_stopped(self, node_id: str) -> bool:
        """Return whether a node is skipped because another failed."""
        rescued = self.workflow.rescues.get(node_id, frozenset())
        return any(self.is_stopped(other) for other in self.workflow.waits_for[node_id] if other not in rescued)

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
        return next((r for r in self.all() if r["status"] == "failed" and self.is_stopped(r["id"])), None)

    def take_branch(self, node: ConditionalNode, *, result: bool) -> None:
        """Choose the nodes of one branch of a conditional."""
        taken, left = (node.true_branch, node.false_branch)[:: 1 if result else -1]
        for node_id in left:
            self.chosen.setdefault(node_id, False)
        self.chosen.update(dict.fromkeys(taken, True))

    def run_again(self, node_ids: Iterable[str]) -> None:
        """Take nodes back to where they have not started, for another iteration."""
        for node_id in node_ids:
            record, node = self._records[node_id], self.workflow.nodes[node_id]
            record.update(NO_PHASE, status="pending", output=None, error=None, started=None, ended=None, stopped=False)
            record.update(iteration=record.get("iteration", 1) + 1, earlier_attempts=record["attempts"])
            if isinstance(node, ConditionalNode):
                for target in (*node.true_branch, *node.false_branch):
                    self.chosen.pop(target, None)

    def _standing(self, node_id: str) -> Record:
        """Return the node whose output counts: the node itself, or if it failed, a fallback that completed."""
        standing = self._records[node_id]
        for _ in self._records:  # a fallback may have a fallback
            node = self.workflow.nodes[standing["id"]]
            if standing["status"] != "failed" or not isinstance(node, LLMNode | ToolNode) or node.fallback is None:
                break
            standing = self._records[node.fallback]
        return standing if standing["status"] == "completed" else self._records[node_id]

    def _leads_to(self, gate_id: str, node_id: str) -> bool:
        """Whether a node is a conditional with another in one of its branches."""
        gate = self.workflow.nodes[gate_id]
        branches: Sequence[str] = ()
        if isinstance(gate, ConditionalNode):
            branches = (*gate.true_branch, *gate.false_branch)
        return node_id in branches

"""Coverage: which nodes and branches its executions have reached, counted as coverage.py counts a program.

A node corresponds to a statement. A branch is something that a node may or may not do: the two results of a
conditional, and whatever happens only sometimes. That is a `condition` that doesn't hold, a retry, a `fallback`, an
`on_error`, and a critic that sends its target back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, Self

from fibonacci.definitions.comparison import definition_digest
from fibonacci.definitions.diagrams.contents import DiagramContents, DiagramEdge, DiagramNode, NodeState
from fibonacci.definitions.flow import UNMET, Flow, reachable
from fibonacci.definitions.graph import inverted, nodes_of
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.nodes import (
    ConditionalNode,
    CriticNode,
    LLMNode,
    Node,
    OpenNode,
    ToolNode,
    WorkflowDefinition,
    with_default_retry,
)

Branch = Literal["true", "false", "condition", "retry", "fallback", "on_error", "critic"]
"""A branch of a node. `condition` is taken if the condition keeps the node from running, and `critic` if the critic
doesn't pass its target."""


class CoverageTarget(NamedTuple):
    """What an execution may reach: a node, or one of its branches."""

    node: str
    """The ID of the node."""

    branch: Branch | None = None
    """The branch, or None for the node itself."""


class CoverageTally(NamedTuple):
    """The numbers of a coverage report, as in coverage.py."""

    runs: int = 0
    """The executions that have ended."""

    nodes: int = 0
    """The nodes, which correspond to statements."""

    missed: int = 0
    """The nodes that never ran."""

    branches: int = 0
    """The branches."""

    missed_branches: int = 0
    """The branches that were never taken."""

    partial: int = 0
    """The nodes that ran, and have a branch that was never taken."""

    @property
    def percent(self) -> float:
        """The percentage of nodes and branches that were reached. 100 if there are none."""
        whole = self.nodes + self.branches
        return 100 * (whole - self.missed - self.missed_branches) / whole if whole else 100.0

    @property
    def percent_text(self) -> str:
        """The percentage without decimals. It is 100 only if all were reached, and 0 only if none were."""
        return f"{self.percent if self.percent in (0, 100) else min(max(round(self.percent), 1), 99):.0f}%"

    def cells(self) -> list[str]:
        """Return the cells of a table row, one for each of `COLUMNS`."""
        numbers = (self.runs, self.nodes, self.missed, self.branches, self.partial)
        return [*map("{:,}".format, numbers), self.percent_text]


COLUMNS: Final = ("Runs", "Nodes", "Miss", "Branch", "BrPart", "Cover")
"""The headings of a table. Those of the numbers are the same as in coverage.py."""


def total(tallies: Iterable[CoverageTally]) -> CoverageTally:
    """Return the sum of tallies."""
    return CoverageTally(*map(sum, zip(CoverageTally(), *tallies, strict=True)))


class Coverage:
    """What the executions of one definition have reached.

    Args:
        name: The name of the workflow.
        definition: Its definition, valid and in plain JSON.
        runs: How many executions are counted.
        hits: In how many of them each target was reached.

    Example:
        >>> coverage = Coverage("Greeter", {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet"}]})
        >>> coverage.add([{"id": "greet", "status": "completed", "attempts": 1}])
        >>> coverage.tally.percent_text
        '100%'
    """

    def __init__(
        self, name: str, definition: Mapping[str, Any], runs: int = 0, hits: Mapping[CoverageTarget, int] | None = None
    ) -> None:
        self.name: Final = name
        self.definition: Final = definition
        self.runs: int = runs
        self.hits: Final = Counter(hits or {})

    @cached_property
    def digest(self) -> str:
        """A hash, which is equal for definitions with the same meaning."""
        return definition_digest(self.definition)

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by ID."""
        if not self.definition.get("nodes"):
            return {}
        definition = WorkflowDefinition.model_validate(self.definition)
        return {node.id: with_default_retry(node, definition.default_retry) for node in definition.nodes}

    @cached_property
    def targets(self) -> Sequence[CoverageTarget]:
        """What executions may reach."""
        return [
            CoverageTarget(node.id, branch)
            for node in self.nodes.values()
            for branch in (None, *_branches(node, self.nodes))
        ]

    def missing(self) -> list[CoverageTarget]:
        """Return the targets that were never reached, without the branches of nodes that never ran."""
        return [target for target in self.targets if not self.hits[target] and (not target.branch or self.ran(target))]

    def ran(self, target: CoverageTarget) -> int:
        """Return in how many executions the node of a target ran."""
        return self.hits[CoverageTarget(target.node)]

    @property
    def tally(self) -> CoverageTally:
        """The numbers."""
        missed = [target for target in self.targets if not self.hits[target]]
        nodes, missed_nodes = (sum(target.branch is None for target in part) for part in (self.targets, missed))
        partial = {target.node for target in missed if target.branch and self.ran(target)}
        return CoverageTally(
            self.runs, nodes, missed_nodes, len(self.targets) - nodes, len(missed) - missed_nodes, len(partial)
        )

    def add(self, trace: Iterable[Mapping[str, Any]]) -> None:
        """Count an execution by its trace (as in `Execution.trace`) in plain JSON."""
        traced = {entry["id"]: entry for entry in trace if entry["id"] in self.nodes}
        self.runs += 1
        self.hits.update({*self._reached(traced)}.intersection(self.targets))

    def __add__(self, other: Self) -> Self:
        """Return the combined coverage of two objects for the same definition."""
        return type(self)(self.name, self.definition, self.runs + other.runs, self.hits + other.hits)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON, which `from_plain` reads."""
        nodes: dict[str, dict[str, Any]] = {}
        for target in self.targets:
            node = nodes.setdefault(target.node, {"id": target.node, "runs": self.ran(target), "branches": {}})
            if target.branch is not None:
                node["branches"][target.branch] = self.hits[target]
        return {"name": self.name, "runs": self.runs, "nodes": [*nodes.values()], "definition": self.definition}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the coverage that `plain` returned as JSON."""
        hits = {CoverageTarget(node["id"]): node["runs"] for node in plain["nodes"]}
        for node in plain["nodes"]:
            hits |= {CoverageTarget(node["id"], branch): count for branch, count in node["branches"].items()}
        return cls(plain["name"], plain["definition"], plain["runs"], hits)

    def _reached(self, traced: Mapping[str, Mapping[str, Any]]) -> Iterator[CoverageTarget]:
        for node_id, entry in traced.items():
            attempts, status, output = entry.get("attempts") or 0, entry.get("status"), entry.get("output")
            if attempts:
                yield CoverageTarget(node_id)
            if attempts > (entry.get("iteration") or 1):
                yield CoverageTarget(node_id, "retry")
            match self.nodes[node_id]:
                case ConditionalNode() if status == "completed" and is_object(output):
                    yield CoverageTarget(node_id, "true" if output.get("result") is True else "false")
                case LLMNode() | ToolNode() if status == "skipped" and str(entry.get("reason")).startswith(UNMET):
                    yield CoverageTarget(node_id, "condition")
                case LLMNode(fallback=fallback, on_error=on_error) | ToolNode(fallback=fallback, on_error=on_error) if (
                    status == "failed"
                ):
                    rescuers: dict[Branch, str | None] = {"fallback": fallback, "on_error": on_error}
                    for branch, other in rescuers.items():
                        if other is not None and traced.get(other, {}).get("attempts"):
                            yield CoverageTarget(node_id, branch)
                case _:
                    pass
        sent_back: dict[str, int] = {}
        for critic in self._critics:
            others = sum(count for other, count in sent_back.items() if critic in self._critics[other])
            sent_back[critic] = (traced.get(critic, {}).get("iteration") or 1) - 1 - others
            if sent_back[critic]:
                yield CoverageTarget(critic, "critic")

    @cached_property
    def _critics(self) -> Mapping[str, set[str]]:
        """What each critic has run again, those first that others may not have run again in turn."""
        flow = self.flow
        after, followers = flow.starts_after, inverted(flow.starts_after)
        return {
            node_id: reachable(followers, node.target_node, within=reachable(after, node_id))
            for node_id in reversed(flow.order())
            if isinstance(node := self.nodes[node_id], CriticNode)
        }

    @cached_property
    def flow(self) -> Flow:
        """When each node runs."""
        return Flow(nodes_of(self.definition).values())

    def marked(self, contents: DiagramContents) -> DiagramContents:
        """Return the contents of the definition's diagram, marked with how often everything ran."""
        nodes = tuple(map(self._marked_node, contents.nodes))
        edges = tuple(self._marked_edge(edge, contents.nodes) for edge in contents.edges)
        return contents._replace(nodes=nodes, edges=edges)

    def _marked_node(self, node: DiagramNode) -> DiagramNode:
        ran, known = self.hits[CoverageTarget(node.id)], self.nodes.get(node.id)
        if known is None:  # the ID was redacted, or belongs to no node
            return node
        taken: dict[Branch, int] = {
            branch: self.hits[CoverageTarget(node.id, branch)] for branch in _branches(known, self.nodes)
        }
        word = "failed" if not ran else "completed" if all(taken.values()) else "cancelled"
        acted = [
            f"{_IN_BOXES[branch]}: {times(count)}" for branch, count in taken.items() if not _has_edge(known, branch)
        ]
        state = NodeState(word, words=f"ran {times(ran)}" if ran else "never ran")
        return node._replace(details=(*node.details, *acted), state=state)

    def _marked_edge(self, edge: DiagramEdge, nodes: Sequence[DiagramNode]) -> DiagramEdge:
        source, target = (nodes[index].id for index in edge[:2])
        counts = {word: self._count(source, target, word) for word in edge.label.split(" / ") if word}
        ran = all(self.hits[CoverageTarget(node_id)] for node_id in (source, target))
        label = " / ".join(f"{word}: {times(count)}" for word, count in counts.items())
        return edge._replace(label=label, is_faded=not (any(counts.values()) if counts else ran))

    def _count(self, source: str, target: str, word: str) -> int:
        node = self.nodes.get(source)
        if word == "on error":
            is_fallback = isinstance(node, LLMNode | ToolNode) and node.fallback == target
            return self.hits[CoverageTarget(source, "fallback" if is_fallback else "on_error")]
        return self.hits[CoverageTarget(source, "true" if word == "true" else "false")]


_IN_BOXES: Final[Mapping[Branch, str]] = {
    "true": "true",
    "false": "false",
    "condition": "not met",
    "retry": "retried",
    "critic": "sent back",
}
"""What a diagram says about a branch that isn't an edge."""


def _has_edge(node: Node, branch: Branch) -> bool:
    if isinstance(node, ConditionalNode):
        return bool(node.true_branch if branch == "true" else node.false_branch)
    return branch in ("fallback", "on_error")


def times(count: int) -> str:
    """Return how often something happened, in words."""
    return f"{count:,}\N{MULTIPLICATION SIGN}" if count else "never"


def _branches(node: Node, nodes: Mapping[str, Node]) -> Iterator[Branch]:
    match node:
        case ConditionalNode():
            yield from ("true", "false")
        case CriticNode():
            yield "critic"
        case LLMNode() | ToolNode():
            if node.condition is not None:
                yield "condition"
            if node.fallback in nodes:
                yield "fallback"
            if node.on_error in nodes:
                yield "on_error"
        case OpenNode():
            return
    if not isinstance(node, ConditionalNode) and node.enable_retry and node.max_retries:
        yield "retry"


def in_words(target: CoverageTarget, nodes: Mapping[str, Node]) -> str:
    """Return what never happened to a node, for a target that was never reached."""
    node = nodes[target.node]
    match target.branch, node:
        case "true" | "false", _:
            return f"never took the branch {target.branch}"
        case "condition", _:
            return "its condition never kept it from running"
        case "retry", _:
            return "was never retried"
        case "fallback" | "on_error", LLMNode() | ToolNode():
            other = node.fallback if target.branch == "fallback" else node.on_error
            return f"its {target.branch} {other!r} never acted"
        case "critic", CriticNode():
            return f"never sent {node.target_node!r} back"
        case _:
            return "never ran"

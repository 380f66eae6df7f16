"""How to reach what no run has reached: the inputs and the scripts with which a node runs, or takes a branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions import Condition, ConditionalNode, CriticNode, LLMNode, Node, ToolNode
from fibonacci.definitions.coverage import Branch, Coverage, CoverageTarget
from fibonacci.definitions.flow import PENDING, UNMET, Fate, FlowStep
from fibonacci.definitions.json_schema import MALFORMED, first_fault, target_of
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.templates import INPUT, Reference, TemplateError, references
from fibonacci.emulator.engine.default_nodes import Compared, Fitting, Path, Readers, readers_of, replaced, sample
from fibonacci.emulator.state.json_encoding import JSON, to_json

_FAILURE: Final = 'NodeFailure(kind="error")'
_FAILS: Final = f"[{_FAILURE}]"
_MAX_LENGTH: Final = 600


class _Decision(NamedTuple):
    """A comparison with the result that it must have, and the only value that it reads."""

    source: str
    path: Path
    compared: Compared
    wanted: bool


_Needs = Mapping[tuple[str, object], _Decision | str]
"""What a run needs: the result of a comparison, by its node and the result, or the answers of a scripted node."""

_NOTHING: Final[_Needs] = {}


class Recipes:
    """How to reach the targets of a definition, where that can be computed.

    Args:
        coverage: The coverage of the definition.

    Example:
        >>> node = {"id": "judge", "type": "critic", "target_node": "draft"}
        >>> nodes = [{"id": "draft", "type": "llm", "instruction": "Draft"}, node]
        >>> Recipes(Coverage("Mail", {"nodes": nodes})).of(CoverageTarget("judge", "critic"))
        "emulator.script('judge', [0, 10])"
    """

    def __init__(self, coverage: Coverage) -> None:
        self._nodes: Final = coverage.nodes
        self._definition: Final = coverage.definition
        self._flow: Final = coverage.flow
        self._starts: Final[dict[str, _Needs | None]] = dict.fromkeys(self._nodes)
        self._runs: Final[dict[str, _Needs | None]] = dict.fromkeys(self._nodes)
        for node_id in self._flow.order():
            node = self._nodes[node_id]
            self._starts[node_id] = self._start(node_id)
            decided = _NOTHING if getattr(node, "condition", None) is None else self._decided(node, True)
            self._runs[node_id] = _joined(self._starts[node_id], decided)

    def of(self, target: CoverageTarget) -> str | None:
        """Return the inputs and the scripts that reach a target, as they are written in a test, or `None`."""
        needs = self._needs_of(target)
        text = None if needs is None or not self._reaches(target, needs) else self._written(needs)
        return text if text and len(text) <= _MAX_LENGTH else None

    def _needs_of(self, target: CoverageTarget) -> _Needs | None:
        node_id, branch = target
        node = self._nodes[node_id]
        match branch:
            case None:
                return self._runs[node_id]
            case "true" | "false":
                return _joined(self._runs[node_id], self._decided(node, branch == "true"))
            case "condition":
                return _joined(self._starts[node_id], self._decided(node, False))
            case "retry":
                return _joined(self._runs[node_id], {(node_id, ""): f"[{_FAILURE}, answer]"})
            case "fallback" | "on_error":
                return _joined(self._runs[_rescuer(node, branch)], _joined(self._runs[node_id], _failing(node)))
            case "critic":
                return _joined(self._runs[node_id], {(node_id, ""): "[0, 10]"})

    def _start(self, node_id: str) -> _Needs | None:
        """Return what makes a node run if its own condition holds, or `None` where that isn't known."""
        flow, nodes, runs = self._flow, self._nodes, self._runs
        gates, rescued = flow.gates.get(node_id, ()), flow.rescues.get(node_id, ())
        ways: list[_Needs | None] = [
            _joined(runs[gate.conditional], self._decided(nodes[gate.conditional], gate.when)) for gate in gates
        ]
        start = _smallest(ways) if gates else _NOTHING
        if rescued:
            return _joined(start, _smallest([_joined(runs[other], _failing(nodes[other])) for other in rescued]))
        conditionals = {gate.conditional for gate in gates}
        needed = [runs[other] for other in flow.depends_on[node_id] if other not in conditionals]
        return _joined(start, _smallest(needed)) if needed else start

    def _decided(self, node: Node, wanted: bool) -> _Needs | None:
        """Return what gives the comparison of a node the wanted result."""
        compared = _comparison_of(node)
        read = {(each.source, each.path) for each in references(compared.operands())}
        if len(read) != 1:
            return None
        ((source, path),) = read
        needs: _Needs = {(node.id, wanted): _Decision(source, path, compared, wanted)}
        if source == INPUT:
            return needs if path else None
        return _joined(needs, self._runs[source]) if isinstance(self._nodes.get(source), LLMNode | ToolNode) else None

    def _reaches(self, target: CoverageTarget, needs: _Needs) -> bool:
        """Simulate a run that meets only these needs, and return whether it reaches the target."""
        decisions = {node_id: need for (node_id, _), need in needs.items() if isinstance(need, _Decision)}
        decided = {node_id: need.wanted for node_id, need in decisions.items()}
        fates: dict[str, Fate] = {}
        reason = ""
        for node_id in self._flow.order():
            step = self._flow.step(node_id, lambda other: fates.get(other, PENDING))
            is_free = getattr(self._nodes[node_id], "condition", None) is None or decided.get(node_id)
            if step.action == "run" and not is_free:
                step = FlowStep("skip", UNMET)
            if step.action == "skip":
                fates[node_id] = Fate("skipped", step.stopped)
                reason = step.reason if node_id == target.node else reason
            elif str(needs.get((node_id, ""))).startswith(_FAILS):
                fates[node_id] = Fate("failed", stopped=True)
            elif step.action == "run":
                fates[node_id] = Fate("completed", result=decided.get(node_id))
        completed = {node_id for node_id, fate in fates.items() if fate.status == "completed"}
        ended = {node_id for node_id, fate in fates.items() if fate.status != "skipped"}
        run = {target.node, _rescuer(self._nodes[target.node], target.branch)}
        is_reached = reason == UNMET if target.branch == "condition" else run <= ended
        return is_reached and {need.source for need in decisions.values()} <= completed | {INPUT}

    def _written(self, needs: _Needs) -> str | None:
        scripts = {node_id: answers for (node_id, _), answers in needs.items() if isinstance(answers, str)}
        decisions = [need for need in needs.values() if isinstance(need, _Decision)]
        parts: list[str] = []
        for source in dict.fromkeys(decision.source for decision in decisions):
            answer = self._answer(source, [decision for decision in decisions if decision.source == source])
            if answer is None or source in scripts:
                return None
            parts += [f"inputs={answer[0]!r}"] if source == INPUT else []
            if source != INPUT:
                scripts[source] = f"[{answer[0]!r}]"
        is_repeated = any(isinstance(self._nodes[node_id], CriticNode) for node_id in scripts)
        for node_id, answers in sorted(scripts.items(), key=lambda script: [*self._nodes].index(script[0])):
            repeat = ", repeat=True" * (is_repeated and not isinstance(self._nodes[node_id], CriticNode))
            parts.append(f"emulator.script({node_id!r}, {answers}{repeat})")
        return " and ".join(parts)

    def _answer(self, source: str, decisions: Iterable[_Decision]) -> tuple[JSON] | None:
        """Return the inputs, or an answer of a node, that decide comparisons as wanted, or `None`."""
        schema, answer = self._schema_and_answer(source)
        fitting = Fitting(Readers(names={source}), None, None, _unknown)
        decided: JSON = {}
        for path in dict.fromkeys(decision.path for decision in decisions):
            here = [decision for decision in decisions if decision.path == path]
            values = [*fitting.proposals("other", [decision.compared for decision in here]), *_suggested(schema, path)]
            changes = ((value, replaced(answer, path, value)) for value in values)
            fitting_ones = (
                (value, changed)
                for value, changed in changes
                if all(fitting.outcome(decision.compared, changed) is decision.wanted for decision in here)
                and (schema is None or first_fault(schema, changed, "answer") is None)
            )
            value, answer = next(fitting_ones, (None, None))
            if answer is None:
                return None
            decided = replaced(decided, path, value)
        return (decided if source == INPUT else answer,)

    def _schema_and_answer(self, source: str) -> tuple[Mapping[str, Any] | None, JSON]:
        node = self._nodes.get(source)
        if source == INPUT:
            schema, answer = self._definition.get("input_schema"), {}
        else:
            schema = node.output_schema if isinstance(node, LLMNode) else None
            readers = readers_of(to_json(self._definition))[source]
            answer = Fitting(readers, None, None, _unknown).with_fields({}, "text")
        return schema, answer if schema is None else sample(schema, "text")


def _joined(one: _Needs | None, other: _Needs | None) -> _Needs | None:
    if one is None or other is None or any(one[key] != other[key] for key in one.keys() & other.keys()):
        return None
    return {**one, **other}


def _smallest(ways: Iterable[_Needs | None]) -> _Needs | None:
    return min((way for way in ways if way is not None), key=len, default=None)


def _failing(node: Node) -> _Needs | None:
    if not isinstance(node, LLMNode | ToolNode):
        return None
    attempts = node.max_retries + 1 if node.enable_retry else 1
    return {(node.id, ""): _FAILS + f" * {attempts}" * (attempts > 1)}


def _rescuer(node: Node, branch: Branch | None) -> str:
    """Return the node that must run for a branch: a `fallback` or `on_error`, or the node itself."""
    other = getattr(node, branch) if branch in ("fallback", "on_error") else None
    return other or node.id


def _comparison_of(node: Node) -> Compared:
    match node:
        case ConditionalNode():
            return Compared(node.left_value, node.operator, node.right_value)
        case LLMNode(condition=Condition() as condition) | ToolNode(condition=Condition() as condition):
            return Compared(condition.field, condition.operator, condition.value)
        case _:
            raise TypeError(f"node {node.id!r} compares nothing")


def _suggested(schema: Mapping[str, Any] | None, path: Path) -> Iterable[JSON]:
    """Return the values that a schema lists for a place."""
    root = schema or {}
    place: Any = root
    try:
        for part in path:
            place = target_of(place, root)
            place = place.get("properties", {}).get(part) if is_object(place) else None
        place = target_of(place, root)
    except MALFORMED:
        return ()
    values = place.get("enum", ()) if is_object(place) else ()
    return values if is_array(values) else ()


def _unknown(reference: Reference) -> Any:
    raise TemplateError(f"{{{{{reference.text}}}}} is not known")

"""The paths through the nodes: what may happen to each in any run, and what is never taken, run or used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any, Final, NamedTuple, TypeVar

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.checks.comparisons import (
    Comparison,
    choices_of,
    comparison_of,
    has_too_many_comparisons,
    node_sources,
)
from fibonacci.definitions.flow import PENDING, UNMET, Fate, Flow
from fibonacci.definitions.graph import Link, LinksByIndex, NodesByIndex, template_links, templated_values
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import is_open, node_kind
from fibonacci.definitions.operators import UNARY, OperatorError, evaluate
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.template_types import TemplateTypes
from fibonacci.definitions.templates import ABSENT, TemplateError, adjoining, parse, render, strings, whole_expression

T = TypeVar("T")

_MOST_WORLDS: Final = 4096
"""How many outcomes are all played for one question: those of 12 free choices. If there are more, only one is played,
and those that differ from it by one choice. Everything reported can then still happen, but not everything that can
happen is reported."""

_MOST_SHARED: Final = 64
"""How many outcomes of the whole definition are played once for all questions, which makes the checks of 60 nodes 16
times as fast. If there are more, each question only plays the nodes that affect it."""

_MOST_STEPS: Final = 100_000
"""How many nodes are played for one definition. After that, only what was seen so far is reported."""

_EITHER: Final = (False, True)
_COMPLETED: Final = Fate("completed")


class _ComparisonFails(Exception):
    """A comparison fails its node, because its operands can't be compared."""


class World(NamedTuple):
    """One outcome of an execution, as far as it was played."""

    fates: dict[str, Fate]
    """The fate of each node that was played."""

    reasons: dict[str, str]
    """Why a node hasn't run, by its ID."""

    flow: Flow
    """How the nodes are linked."""

    steady: Collection[str]
    """The IDs of the nodes that complete in every outcome, which are not played."""

    position: Mapping[str, int]
    """The position of each node in the order in which they start."""

    def fate_of(self, node_id: str) -> Fate:
        """Return the fate of a node."""
        return self.fates.get(node_id) or (_COMPLETED if node_id in self.steady else PENDING)

    def has_run(self, node_id: str) -> bool:
        """Return whether a node has run."""
        return node_id in self.steady or (node_id in self.fates and node_id not in self.reasons)

    def has_value(self, node_id: str, reader: str | None = None) -> bool:
        """Return whether a reader gets a value from a node or from the fallback that replaces it."""

        def fate_of(other: str) -> Fate:  # when it reads, neither itself nor any later node has replaced a node yet
            is_later = reader is not None and self.position.get(other, 0) >= self.position[reader]
            return PENDING if is_later else self.fate_of(other)

        return fate_of(self.flow.output_source(node_id, fate_of)).status not in ("failed", "skipped")


class GroupReading:
    """What a reader gets from a group of nodes, over the outcomes in which it runs."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources: Final = sources
        self.reason: str | None = None
        """Why the first of them was skipped in an outcome in which none has a value. Empty if it failed, None if there
        is none."""
        self.are_alternatives: bool = True
        """Whether exactly one of them has a value in each outcome."""

    def add(self, world: World, reader: str | None) -> None:
        """Add another outcome in which the reader runs."""
        number = sum(world.has_value(source, reader) for source in self.sources)
        self.are_alternatives = self.are_alternatives and number == 1
        if number == 0:
            first = self.sources[0]
            self.reason = world.reasons[first] if world.fate_of(first).status == "skipped" else ""


class Outcomes:
    """The possible outcomes of nodes.

    Conditionals and conditions are true or false, or fail if their operands may not be comparable. A node with a
    `fallback` or `on_error` may fail. Other failures aren't played, because they only stop what would run
    otherwise.

    Args:
        nodes: The nodes in plain JSON, by ID. Nodes that depend on a cycle are left out.
        flow: How they are linked.
        types: What is known about the compared values.
    """

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]], flow: Flow, types: TemplateTypes) -> None:
        self._flow: Final = flow
        self._conditionals: Final = {node_id for node_id, node in nodes.items() if node.get("type") == "conditional"}
        self._comparisons: Final = _comparisons(nodes)
        repeats = any(node.get("type") == "critic" for node in nodes.values())
        self._sources: Final = {node_id: node_sources(comparison) for node_id, comparison in self._comparisons.items()}
        self._constant: Final = {node_id: comparison.constant for node_id, comparison in self._comparisons.items()}
        open_ones = {n: comparison for n, comparison in self._comparisons.items() if self._constant[n] is None}
        self._choices: Final = choices_of(open_ones, types, may_repeat=repeats)
        self._may_fail: Final[set[str]] = set()
        for rescuer, rescued in flow.rescues.items():
            self._may_fail.update(rescued)
            # It gets a value if a fallback completed.
            for node_id in set(rescued).intersection(flow.depends_on[rescuer]):
                self._may_fail.update({*flow.fallbacks_of(node_id)} - self._conditionals)
        decided = {*self._conditionals, *self._comparisons, *flow.gates, *flow.rescues, *self._may_fail}
        self._steady: Final[set[str]] = set()
        self._order: Final[list[str]] = []
        self._position: Final = {node_id: position for position, node_id in enumerate(flow.order())}
        for node_id in self._position:
            if node_id not in decided and self._steady.issuperset(flow.starts_after[node_id]):
                self._steady.add(node_id)
            else:
                self._order.append(node_id)
        self._steps = _MOST_STEPS
        self._played: Final = {*self._order}
        self._shared: Final = list(self._worlds(self._order)) if self._number_of(self._order) <= _MOST_SHARED else None
        self.never_run: Final[dict[str, str]] = {}
        """Why nodes that run in no outcome are skipped, by ID."""
        seen: set[str] = set()
        for world in self._shared or self._worlds(self._order):
            seen.update(filter(world.has_run, self._order))
            if len(seen) == len(self._order):
                break
        for node_id in self._order:
            if node_id not in seen and self._steps > 0 and (why := self._why_never(node_id)):
                self.never_run[node_id] = why

    def read(self, reader: str | None, groups: Iterable[Sequence[str]]) -> list[GroupReading]:
        """Tell what a reader gets from groups of nodes.

        Args:
            reader: The ID of the node that reads, or None for the outputs, which exist if each failure has a fallback
                that completed.
            groups: The IDs of the nodes of each group.
        """
        readings = [GroupReading(group) for group in groups]
        begin = [source for reading in readings for source in reading.sources] + ([] if reader is None else [reader])
        for world in self._shared or self._worlds(self._deciding(begin, has_outputs=reader is None)):
            if self._runs(reader, world):
                for reading in readings:
                    if reading.reason is None:
                        reading.add(world, reader)
        return readings

    def _runs(self, reader: str | None, world: World) -> bool:
        if reader is not None:
            return world.has_run(reader)
        fates = world.fates.items()
        return not any(f.status == "failed" and self._flow.is_stopped(n, world.fate_of) for n, f in fates)

    def _why_never(self, node_id: str) -> str | None:
        """Return why a node runs in no outcome, or None if it may run or there are too many outcomes to tell."""
        deciding = self._deciding([node_id], has_outputs=False)
        if self._number_of(deciding) > _MOST_WORLDS:
            return None
        reasons: dict[str, bool] = {}
        for world in self._shared or self._worlds(deciding):
            reason = world.reasons.get(node_id)
            if reason is None:
                return None
            reasons[reason] = world.fates[node_id].stopped
        own = [reason for reason, is_stopped in reasons.items() if not is_stopped] or list(reasons)
        return None if self._steps <= 0 else ", or ".join(own[:3])

    def _deciding(self, node_ids: Iterable[str], *, has_outputs: bool) -> list[str]:
        """Return the nodes that may end in several ways, among the given ones and those that affect them, in order.

        For outputs, that includes the fallbacks that save the execution.
        """
        reached: set[str] = set()
        pending = list(node_ids)
        while pending:
            node_id = pending.pop()
            if node_id in self._played and node_id not in reached:
                reached.add(node_id)
                pending += self._flow.starts_after.get(node_id, ())
                if has_outputs and node_id in self._flow.fallbacks:
                    pending.append(self._flow.fallbacks[node_id])
        return sorted(reached, key=self._position.__getitem__)

    def _number_of(self, node_ids: Sequence[str]) -> int:
        """Return the number of outcomes of some nodes."""
        options = {self._choices[n].key: len(self._choices[n].options) for n in node_ids if n in self._choices}
        number: int = prod(options.values()) * 2 ** len(self._may_fail.intersection(node_ids))
        return number

    def _worlds(self, node_ids: Sequence[str]) -> Iterator[World]:
        """Play the outcomes of some nodes, which are in dependency order."""
        play = _Play({})
        others = play.following() if self._number_of(node_ids) <= _MOST_WORLDS else play.neighbors()
        for variant in chain([play], others):
            self._steps -= len(node_ids)
            if self._steps <= 0:
                return
            world = World({}, {}, self._flow, self._steady, self._position)
            for node_id in node_ids:
                self._play(node_id, world, variant)
            yield world

    def _play(self, node_id: str, world: World, play: _Play) -> None:
        fates, reasons = world.fates, world.reasons
        try:
            step = self._flow.step(node_id, world.fate_of, lambda: self._unmet(node_id, world, play))
            runs = step.action == "run"
            result = self._result(node_id, world, play) if runs and node_id in self._conditionals else None
        except _ComparisonFails:
            fates[node_id] = Fate("failed", stopped=True)
            if node_id not in self._conditionals:
                reasons[node_id] = "its condition cannot be compared"
            return
        if not runs:
            fates[node_id], reasons[node_id] = Fate("skipped", step.stopped), step.reason
        elif node_id in self._may_fail and play.option(("failure", node_id), _EITHER):
            fates[node_id] = Fate("failed", stopped=True)
        else:
            fates[node_id] = Fate("completed", result=result)

    def _unmet(self, node_id: str, world: World, play: _Play) -> str | None:
        is_met = node_id in self._conditionals or node_id not in self._comparisons
        return None if is_met or self._result(node_id, world, play) else UNMET

    def _result(self, node_id: str, world: World, play: _Play) -> bool:
        comparison = self._comparisons.get(node_id)
        if comparison is None:  # a conditional with a problem
            return play.option(("faulty", node_id), _EITHER)
        sources = self._sources[node_id]
        result = self._constant[node_id]
        if result is None and sources and not any(map(world.has_value, sources)):
            result = _compared(comparison)
        elif result is None:
            choice = self._choices[node_id]
            result = play.option(("value", choice.key), choice.options)[choice.position]
        if result is None:
            raise _ComparisonFails
        return result


class _Play:
    """The choices of one outcome.

    Args:
        taken: The positions of the options to take, by choice. Any other choice takes its first option.
    """

    def __init__(self, taken: Mapping[object, int]) -> None:
        self._taken = taken
        self._asked: dict[object, tuple[Sequence[Any], int]] = {}  # the choices, in the order in which they came up

    def option(self, key: object, options: Sequence[T]) -> T:
        """Return the option to take. It is always the same for the same key."""
        if key not in self._asked:
            self._asked[key] = options, self._taken.get(key, 0)
        return options[self._asked[key][1]]

    def following(self) -> Iterator[_Play]:
        """Yield plays until all outcomes have been played. Each must be played before the next is taken."""
        play = self
        while asked := play._without_last_options():
            *before, (key, (_, taken)) = asked
            play = _Play({other: position for other, (_, position) in before} | {key: taken + 1})
            yield play

    def neighbors(self) -> Iterator[_Play]:
        """Yield the play with all last options, and those that differ by one choice from this play, which is done."""
        yield _Play({key: len(options) - 1 for key, (options, _) in self._asked.items()})
        for key, (options, taken) in list(self._asked.items()):
            yield from (_Play({key: other}) for other in range(len(options)) if other != taken)

    def _without_last_options(self) -> list[tuple[object, tuple[Sequence[Any], int]]]:
        asked = list(self._asked.items())
        while asked and asked[-1][1][1] == len(asked[-1][1][0]) - 1:
            asked.pop()
        return asked


def _comparisons(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Comparison]:
    """Return the comparisons that affect the outcome, by node."""
    return {
        node_id: comparison
        for node_id, node in nodes.items()
        if (kind := node_kind(node)) is not None
        and (comparison := comparison_of(node)) is not None
        and (kind.is_fallible or node["type"] == "conditional")
    }


def _compared(comparison: Comparison) -> bool | None:
    """Return the result of a comparison when its templates have no value, or None if it fails."""
    try:
        return evaluate(
            comparison.operator, render(comparison.left, lambda _: ABSENT), render(comparison.right, lambda _: ABSENT)
        )
    except OperatorError:
        return None


_BRANCHES = ("true_branch", "false_branch")


def flow_problems(
    definition: Mapping[str, Any], nodes: NodesByIndex, links: LinksByIndex, flow: Flow, types: TemplateTypes
) -> Iterator[Problem]:
    """Yield what never runs, what nothing uses, and what may have no value."""
    if definition.get("nodes") == []:
        yield problem("nodes", "no_nodes", "a workflow needs at least one node")
    used = _used(definition, nodes, links)
    for index, node in nodes.items():
        if node.get("type") == "conditional":
            yield from _branch_problems(index, node, used)
    if has_too_many_comparisons(nodes):
        return
    by_id = {node["id"]: node for node in nodes.values()}
    outcomes = Outcomes(by_id, flow, types)
    idle = outcomes.never_run
    for index, node in nodes.items():
        if node["id"] in idle:
            yield problem(f"nodes[{index}]", "unreachable_node", f"{node['id']!r} never runs: {idle[node['id']]}")
        else:
            yield from _missing_values(f"nodes[{index}].", node, outcomes)
    yield from _output_problems(definition, by_id, outcomes)
    if is_object(definition.get("outputs")):
        yield from _unused(nodes, used)


def _branch_problems(index: int, node: Mapping[str, Any], used: Collection[str]) -> Iterator[Problem]:
    taken, other = (_ids(node, key) for key in _BRANCHES)
    if not (taken or other or node["id"] in used):
        message = f"{node['id']!r} has no nodes in its branches. Name some in true_branch or false_branch"
        yield problem(f"nodes[{index}]", "no_branches", message)
    for place, target in enumerate(other):
        if target in taken:
            message = f"{target!r} is in both branches, so it runs either way. Remove it from one"
            yield problem(f"nodes[{index}].false_branch[{place}]", "in_both_branches", message)


def _ids(node: Mapping[str, Any], key: str) -> list[str]:
    ids = node.get(key)
    return [item for item in ids if isinstance(item, str)] if is_array(ids) else []


def _missing_values(place: str, node: Mapping[str, Any], outcomes: Outcomes) -> Iterator[Problem]:
    """Yield where a node reads one that may have been skipped, or whose failure starts it."""
    kind = node_kind(node)
    if kind is not None and kind.is_fallible:
        remedy = "Read it only in that branch, or give the node the condition that it is_not_empty"
    else:
        remedy = "Read it only in that branch"
    texts = [(place + inside, text) for inside, text in texts_with_values(node)]
    yield from _missing_in(texts, node["id"], outcomes, remedy)


def texts_with_values(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of a node whose templates should have values, each preceded by its place in the node."""
    comparison = comparison_of(node)
    asking = comparison.keys if comparison is not None and comparison.operator in UNARY else ()
    for key, value in () if is_open(node) else templated_values(node):
        for inside, text in strings(value):
            if not (key + inside).startswith(asking):  # these test for an absent value
                yield key + inside, text
    target = node.get("target_node")
    if node.get("type") == "critic" and isinstance(target, str):
        yield "target_node", f"{{{{{target}}}}}"


def outputs_with_values(outputs: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts of outputs whose templates should have values, each preceded by its place."""
    for place, text in strings(outputs):
        if whole_expression(text) is None:  # alone it becomes null, which the caller can see
            yield f"outputs{place}", text


def _missing_in(
    texts: Iterable[tuple[str, str]], reader: str | None, outcomes: Outcomes, remedy: str
) -> Iterator[Problem]:
    groups = [(place, group) for place, text in texts for group in groups_of(text, reader)]
    if not groups:
        return
    sources: dict[tuple[str, ...], None] = {}  # ask for each group once, and also for its nodes one by one
    for _, group in groups:
        sources |= dict.fromkeys([tuple(group), *((source,) for source in group)])
    readings = dict(zip(sources, outcomes.read(reader, sources), strict=True))
    reported: set[tuple[str, str]] = set()
    for place, group in groups:
        if len(group) > 1 and readings[tuple(group)].are_alternatives:
            continue  # one of them is shown, and the others are empty
        for part in dict.fromkeys([tuple(group), *((source,) for source in group)]):
            reason = readings[part].reason
            if reason is not None and reported.isdisjoint((place, source) for source in part):
                reported.update((place, source) for source in part)
                shown = "".join(f"{{{{{group[source]}}}}}" for source in part)
                why = (
                    f"{part[0]!r} may be skipped, because {reason}. {remedy}"
                    if reason
                    else f"{reader!r} runs when {part[0]!r} has failed. Leave it out"
                )
                yield problem(place, "may_have_no_value", f"{shown} may have no value: {why}")


def groups_of(text: str, reader: str | None) -> Iterator[dict[str, str]]:
    """Yield the nodes that a text reads, with their templates. Adjacent ones form a group."""
    for group in adjoining(text):
        sources = {source: expression.strip() for expression in group if (source := _node_of(expression, reader))}
        if len(sources) == len(group):
            yield sources
        else:  # a node next to an input isn't an alternative to it
            yield from ({source: expression} for source, expression in sources.items())


def _node_of(expression: str, reader: str | None) -> str | None:
    """Return the ID of the node that a template reads, or None for another source or the reader itself."""
    try:
        reference = parse(expression)
    except TemplateError:
        return None  # a separate problem
    return reference.source if reference.is_node and reference.source != reader else None


def _output_problems(definition: Mapping[str, Any], nodes: Mapping[str, Any], outcomes: Outcomes) -> Iterator[Problem]:
    outputs, schema = definition.get("outputs"), definition.get("output_schema")
    for link in template_links("outputs", outputs):
        if isinstance(link, Link) and link.target in outcomes.never_run:
            message = f"it has no value, because {link.target!r} never runs"
            yield problem(link.location, "output_without_value", message, offset=link.offset)
    remedy = (
        "Name what runs instead right after it, as in {{refund}}{{denial}}, or make it an output without other text,"
        " which is then null"
    )
    for named in outputs_with_values(outputs):  # one by one, because playing all at once may be too much
        yield from _missing_in([named], None, outcomes, remedy)
    required = schema.get("required") if is_object(schema) else None
    names = nodes if outputs is None else outputs
    if is_array(required) and is_object(names):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in names:
                message = (
                    f"output_schema requires {name!r}, which is not in outputs{did_you_mean(name, map(str, names))}"
                )
                yield problem(f"output_schema.required[{index}]", "missing_output", message)


def _used(definition: Mapping[str, Any], nodes: NodesByIndex, links: LinksByIndex) -> set[str]:
    """Return the IDs of nodes named by an output of the workflow, or by another node outside its branches."""
    used = {link.target for link in template_links("outputs", definition.get("outputs")) if isinstance(link, Link)}
    for index, node in nodes.items():
        for link in links[index]:
            if isinstance(link, Link) and link.kind != "branch" and link.target != node["id"]:
                used.add(link.target)
    return used


def _unused(nodes: NodesByIndex, used: Collection[str]) -> Iterator[Problem]:
    for index, node in nodes.items():
        if node.get("type") == "llm" and node["id"] not in used and not node.get("memory_write"):
            message = f"nothing uses the answer of {node['id']!r}. Name it in outputs or in another node"
            yield problem(f"nodes[{index}]", "unused_node", message)

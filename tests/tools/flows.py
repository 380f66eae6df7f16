"""Random small definitions, with every outcome of each played in the emulator's engine.

    python -m tests.tools.flows --graphs 3000 --seed 1

In each outcome the rules of docs/reference/definitions.md hold, which are written here a second time. Over
all outcomes of a definition, `unreachable_node` and `may_have_no_value` are reported exactly where they happen.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Final

from fibonacci.definitions import check_definition
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.execution import RunningExecution
from fibonacci.emulator.engine.scripts import QueuedScript
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.state.records import StoredExecution, StoredNode
from fibonacci.emulator.state.store import Store

MOST_NODES: Final = 8
MOST_OUTCOMES: Final = 128

FAILS: Final = "fails"
"""What a node is given that fails: its template names an input that is missing."""

_SHARED: Final[Mapping[str, tuple[list[tuple[str, Any]], list[Any]]]] = {
    "word": ([("equals", "x"), ("equals", "y"), ("not_equals", "x"), ("is_empty", None)], ["x", "y", "z", ""]),
    "size": ([("greater_than", 3), ("less_than", 3), ("equals", 5), ("not_equals", 5)], [2, 3, 4, 5, "many"]),
}
"""Inputs that several comparisons ask for: the comparisons, and a value of each kind that they tell apart."""


@dataclass
class Graph:
    """A random definition, and what was meant by it."""

    nodes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    dependencies: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    gates: dict[str, set[tuple[str, bool]]] = field(default_factory=dict[str, set[tuple[str, bool]]])
    rescued: dict[str, str] = field(default_factory=dict[str, str])
    fallbacks: dict[str, str] = field(default_factory=dict[str, str])
    reads: list[tuple[str | None, str, list[list[str]]]] = field(
        default_factory=list[tuple[str | None, str, list[list[str]]]]
    )
    """The reader (None for the outputs), the place, and the nodes that it names, those together that adjoin."""

    choices: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """The values of each input; those of a node are `FAILS` too if its failure is played."""

    def before(self, node_id: str) -> set[str]:
        """Return the nodes that one waits for, and what may stand in for those, itself included."""
        found, pending = set[str](), [node_id]
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                pending += [*self.dependencies[current], *(gate for gate, _ in self.gates.get(current, ()))]
                pending += [self.rescued[current]] if current in self.rescued else []
                for other in pending:  # which grows: a fallback may have a fallback
                    if other in self.fallbacks and self.fallbacks[other] not in pending:
                        pending.append(self.fallbacks[other])
        return found

    def waits_in_circle(self, node_id: str) -> bool:
        """Whether a node and a fallback of what it needs wait for each other, so that one of them does not wait."""
        needed = self.dependencies[node_id] - {self.rescued.get(node_id)}
        return any(node_id in self.before(self.fallbacks[other]) for other in needed if other in self.fallbacks)

    def is_told_by_conditional(self, reader: str) -> bool:
        """Whether a conditional may replace the node whose failure starts a reader: what stops it isn't played."""
        conditionals = {node["id"] for node in self.nodes if node["type"] == "conditional"}
        current = self.rescued.get(reader, "")
        while (current := self.fallbacks.get(current, "")) and current not in conditionals:
            pass
        return current != ""

    @property
    def definition(self) -> dict[str, Any]:
        return {"nodes": self.nodes, "outputs": self.outputs}


def random_graph(rng: random.Random) -> Graph:
    """Return a graph of which every outcome can be played."""
    while True:
        graph = _Maker(rng).make()
        if prod(len(values) for values in graph.choices.values()) <= MOST_OUTCOMES:
            return graph


class _Maker:
    """Makes one graph: nodes name earlier ones, and conditionals, fallbacks and error handlers later ones."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._graph = Graph()
        self._ids = [f"n{number}" for number in range(rng.randint(2, MOST_NODES))]
        self._types = {
            node_id: rng.choice(["llm", "tool", "tool", "conditional", "conditional"]) for node_id in self._ids
        }
        for node_id in self._ids[1:]:
            if rng.random() < 0.1:
                self._types[node_id] = "critic"
        self._has_critic = "critic" in self._types.values()
        self._compared: set[str] = set()

    def make(self) -> Graph:
        graph, rng = self._graph, self._rng
        for position, node_id in enumerate(self._ids):
            graph.nodes.append({"id": node_id, "type": self._types[node_id]})
            graph.dependencies[node_id] = set()
            self._fill(graph.nodes[-1], self._ids[:position], self._ids[position + 1 :])
        rng.shuffle(graph.nodes)
        for number in range(rng.randint(0, 3)):
            self._text(None, f"outputs.o{number}", self._ids)
            graph.outputs[f"o{number}"] = self._last_text
        return graph

    def _fill(self, node: dict[str, Any], earlier: list[str], later: list[str]) -> None:
        graph, rng, node_id = self._graph, self._rng, node["id"]
        if earlier and rng.random() < 0.2:
            node["dependencies"] = [rng.choice(earlier)]
            graph.dependencies[node_id].update(node["dependencies"])
        graph.choices[node_id] = ["v"]
        match node["type"]:
            case "conditional":
                del graph.choices[node_id]
                left, operator, right = self._comparison(node_id, earlier, "left_value")
                node |= {"left_value": left, "operator": operator, "right_value": right}
                for result, key in ((True, "true_branch"), (False, "false_branch")):
                    node[key] = [other for other in later if rng.random() < 0.3]
                    for other in node[key]:
                        graph.gates.setdefault(other, set()).add((node_id, result))
                return
            case "critic":
                node |= {"target_node": rng.choice(earlier), "criteria": [f"{{{{input.{node_id}}}}}"]}
                node["max_iterations"] = 1
                graph.dependencies[node_id].add(node["target_node"])
                graph.reads.append((node_id, "target_node", [[node["target_node"]]]))
                graph.choices[node_id] = [10, *([1] if rng.random() < 0.5 else []), *self._failure_of(node_id)]
                return
            case "llm":
                self._text(node_id, "instruction", earlier)
                node["instruction"] = f"{{{{input.{node_id}}}}} {self._last_text}"
            case _:
                self._text(node_id, "params.text", earlier)
                node |= {"tool": rng.choice(["page", "wait"])}
                node["params"] = {
                    "v": f"{{{{input.{node_id}}}}}",
                    "text": self._last_text,
                    "seconds": rng.randint(0, 3),
                }
        if rng.random() < 0.2:
            left, operator, right = self._comparison(node_id, earlier, "condition.field")
            node["condition"] = {"field": left, "operator": operator, "value": right}
        for key in ("fallback", "on_error"):
            free = [other for other in later if other not in graph.rescued]
            if free and rng.random() < 0.2:
                node[key] = rng.choice(free)
                graph.rescued[node[key]] = node_id
                if key == "fallback":
                    graph.fallbacks[node_id] = node[key]
        failure = self._failure_of(node_id)
        if failure or "fallback" in node or "on_error" in node or rng.random() < 0.1:
            graph.choices[node_id] = ["v", FAILS]

    def _failure_of(self, node_id: str) -> list[str]:
        """Return whether a fallback has to fail too: what another node reads of the failed one depends on it."""
        return [FAILS] if node_id in self._graph.fallbacks.values() else []

    def _comparison(self, node_id: str, earlier: list[str], place: str) -> tuple[Any, str, Any]:
        graph, rng = self._graph, self._rng
        by_id = {node["id"]: node for node in graph.nodes}
        tools = [n for n in earlier if self._types[n] == "tool" and "fallback" not in by_id[n]]
        tools = [n for n in tools if not (self._has_critic and n in self._compared)]
        kind = rng.random()
        if kind < 0.1:
            return "a", rng.choice(["equals", "not_equals"]), "a"
        if kind < 0.4 and tools:
            source = rng.choice(tools)
            self._compared.add(source)
            graph.dependencies[node_id].add(source)
            values = graph.choices[source]
            graph.choices[source] = ["yes", "no", "", *([FAILS] if FAILS in values else [])]
            operator = rng.choice(["equals", "is_empty", "is_not_empty"])
            if operator == "equals":
                graph.reads.append((node_id, place, [[source]]))
            return f"{{{{{source}.params.v}}}}", operator, "yes"
        if kind < 0.7:
            name = rng.choice(list(_SHARED))
            comparisons, values = _SHARED[name]
            graph.choices[name] = values
            operator, right = rng.choice(comparisons)
            return f"{{{{input.{name}}}}}", operator, right
        graph.choices[f"c_{node_id}"] = ["yes", "no"]
        return f"{{{{input.c_{node_id}}}}}", "equals", "yes"

    def _text(self, reader: str | None, place: str, known: list[str]) -> None:
        rng, groups = self._rng, list[list[str]]()
        for _ in range(rng.choice([0, 1, 1, 2]) if known else 0):
            groups.append(rng.sample(known, min(len(known), rng.choice([1, 1, 1, 2]))))
        self._last_text = " and ".join("".join(f"{{{{{each}}}}}" for each in group) for group in groups)
        self._graph.reads.append((reader, place, groups))
        if reader is not None:
            self._graph.dependencies[reader].update(each for group in groups for each in group)


@dataclass
class PlayedOutcome:
    """What the engine did with one outcome."""

    nodes: Mapping[str, StoredNode]
    reasons: Mapping[str, str | None]
    completed: bool

    def ran(self, node_id: str) -> bool:
        return bool(self.nodes[node_id]["attempts"])

    def result_of(self, node_id: str) -> object:
        output = self.nodes[node_id]["output"]
        return output["result"] if isinstance(output, dict) else None

    def was_skipped(self, node_id: str) -> bool:
        return bool(self.nodes[node_id]["status"] == "skipped")

    def has_failed(self, node_id: str) -> bool:
        return bool(self.nodes[node_id]["status"] == "failed")


def outcomes(graph: Graph) -> Iterator[PlayedOutcome]:
    """Play every outcome of a graph in the engine of the emulator."""
    workflow = compiled(graph.definition)
    critics = [node["id"] for node in graph.nodes if node["type"] == "critic"]
    for values in product(*graph.choices.values()):
        inputs = {name: value for name, value in zip(graph.choices, values, strict=True) if value != FAILS}
        environment = Environment(Store(), Variables("env", {}), Secrets("secrets", {}))
        environment.scripts.add([QueuedScript(critic, [inputs.get(critic, 0)], repeat=True) for critic in critics])
        nodes = [*workflow.unstarted.values()]
        record: StoredExecution = {
            "id": "e",
            "workflow_id": "w",
            "workflow_version": 1,
            "inputs": inputs,
            "status": "running",
            "outputs": {},
            "error": None,
            "nodes": nodes,
            "created": 0.0,
            "started": 0.0,
            "ended": None,
        }
        running = RunningExecution(environment, workflow, record, _no_handlers)
        running.start_ready_nodes(0.0)
        while (due := running.due) is not None:
            running.advance(due)
        ended = running.execution
        assert ended["ended"] is not None, "the run has stopped before its end"
        reasons = {node_id: note["reason"] for node_id, note in running.notes.items() if "reason" in note}
        yield PlayedOutcome({node["id"]: node for node in ended["nodes"]}, reasons, ended["status"] == "completed")


def _no_handlers(_: object) -> str:
    raise AssertionError("nothing here has a handler")


def broken_rules(graph: Graph, outcome: PlayedOutcome) -> Iterator[str]:
    """Yield what in an outcome is not as the rules say."""
    by_id = {node["id"]: node for node in graph.nodes}

    def completed(node_id: str) -> bool:
        """Whether it has an output, its own or its fallback's."""
        status = outcome.nodes[node_id]["status"]
        fallback = graph.fallbacks.get(node_id)
        return bool(status == "completed") or (status == "failed" and fallback is not None and completed(fallback))

    def is_lost(node_id: str) -> bool:
        """Whether a failure is why it has no output."""
        return bool(outcome.nodes[node_id]["stopped"]) and not completed(node_id)

    for node_id, record in outcome.nodes.items():
        if graph.waits_in_circle(node_id):
            continue  # it is decided about before the other has ended, or the other way round
        needed = graph.dependencies[node_id] - {graph.rescued.get(node_id)}
        gates = graph.gates.get(node_id, set())
        taken = [
            gate
            for gate, result in gates
            if outcome.nodes[gate]["status"] == "completed" and outcome.result_of(gate) is result
        ]
        others = needed - {gate for gate, _ in gates}
        rescued = graph.rescued.get(node_id)
        keeps = {
            "reads a lost one": any(map(is_lost, needed)),
            "no gate has taken it": bool(gates) and not taken,
            "what it stands in for has not failed": rescued is not None
            and outcome.nodes[rescued]["status"] != "failed",
            "all that it names were skipped": rescued is None
            and bool(others)
            and all(map(outcome.was_skipped, others)),
        }
        may_run = not any(keeps.values())
        has_condition = "condition" in by_id[node_id]
        if record["status"] not in ("completed", "failed", "skipped"):
            yield f"{node_id} is {record['status']} at the end"
        elif outcome.ran(node_id) and not may_run:
            yield f"{node_id} ran, although {[why for why, applies in keeps.items() if applies]}"
        elif record["status"] == "skipped" and may_run and not has_condition:
            yield f"{node_id} was skipped without a reason: {outcome.reasons.get(node_id)}"
        elif record["status"] == "skipped" and not outcome.reasons.get(node_id):
            yield f"{node_id} was skipped and nobody is told why"
        by_failure = any(map(is_lost, needed)) or (not taken and any(is_lost(gate) for gate, _ in gates))
        if record["status"] == "skipped" and bool(record["stopped"]) != by_failure:
            yield f"{node_id} was {'' if by_failure else 'not '}skipped by a failure"


def has_value(graph: Graph, outcome: PlayedOutcome, node_id: str, reader: str | None) -> bool:
    """Whether a reader was given something of a node: its output, or its fallback's, which then doesn't wait for it."""
    while outcome.has_failed(node_id):
        fallback = graph.fallbacks.get(node_id)
        if fallback is None or (reader is not None and reader in graph.before(fallback)):
            return False
        node_id = fallback
    return not outcome.was_skipped(node_id)


def wrong_reports(graph: Graph, played: Sequence[PlayedOutcome]) -> Iterator[str]:
    """Yield where the checks say something else than what happened in all outcomes."""
    position = {node["id"]: index for index, node in enumerate(graph.nodes)}
    if any(map(graph.waits_in_circle, position)):
        return  # a node may be skipped for a failure that something stands in for a moment later
    if any(map(graph.is_told_by_conditional, position)):
        return
    problems = check_definition(graph.definition)
    if problems.errors:
        yield f"the definition has an error: {problems.errors[0]}"
    never = {f"nodes[{position[node_id]}]" for node_id in position if not any(o.ran(node_id) for o in played)}
    missing: set[str] = set()
    for reader, place, groups in graph.reads:
        runs = [outcome for outcome in played if (outcome.completed if reader is None else outcome.ran(reader))]
        for group in groups:
            counts = [sum(has_value(graph, outcome, each, reader) for each in group) for outcome in runs]
            is_join = len(group) > 1 and all(count == 1 for count in counts)
            is_join = is_join or (reader is None and groups == [group] and len(group) == 1)  # alone it is null
            is_dead = reader is None and any(f"nodes[{position[each]}]" in never for each in group)
            if is_dead or (not is_join and any(count < len(group) for count in counts)):
                missing.add(place if reader is None else f"nodes[{position[reader]}].{place}")
    codes = {"unreachable_node": never, "may_have_no_value": missing}
    for code, expected in codes.items():
        reported = {problem.location for problem in problems if problem.code == code}
        if code == "may_have_no_value":
            reported |= {problem.location for problem in problems if problem.code == "output_without_value"}
        yield from (f"{code} is not reported at {place}" for place in sorted(expected - reported))
        yield from (f"{code} is reported at {place}, where it never happens" for place in sorted(reported - expected))


def play(seed: int, graphs: int) -> Counter[str]:
    """Play random graphs; the first that is not as the rules or the checks say is an AssertionError that shows it.

    Returns:
        The numbers of outcomes, and of problems by their codes.
    """
    counts = Counter[str]()
    for number in range(graphs):
        graph = random_graph(random.Random(f"{seed}/{number}"))
        played = list(outcomes(graph))
        faults = [fault for outcome in played for fault in broken_rules(graph, outcome)]
        faults += wrong_reports(graph, played)
        if faults:
            shown = json.dumps(graph.definition, indent=1)
            raise AssertionError(f"graph {number} of seed {seed}:\n{shown}\n" + "\n".join(dict.fromkeys(faults)))
        counts.update(outcomes=len(played))
        counts.update(problem.code for problem in check_definition(graph.definition))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=3000, help="how many definitions")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="which ones; it is printed")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    logging.getLogger("fibonacci.emulator").setLevel(logging.ERROR)  # it warns of each value that is missing
    try:
        print(dict(play(options.seed, options.graphs)))
    except AssertionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

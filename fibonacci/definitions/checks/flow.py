"""The way through the nodes: branches that nothing takes, nodes that never run, results that nothing uses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.compared_values import Schemas
from fibonacci.definitions.checks.comparisons import comparison_of
from fibonacci.definitions.checks.nodes_by_index import LinksByIndex, NodesByIndex
from fibonacci.definitions.checks.outcomes import Outcomes
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import Link, template_links, templated_values
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.operators import UNARY
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.templates import TemplateError, adjoining, parse, strings, whole_expression

_BRANCHES = ("true_branch", "false_branch")
_MOST_COMPARISONS: Final = 1_000
"""With more conditionals and conditions than these, what never runs is not looked for: each is compared with each."""


def flow_problems(
    definition: Mapping[str, Any], nodes: NodesByIndex, links: LinksByIndex, flow: Flow
) -> Iterator[Problem]:
    """Yield what never runs, and what runs for nothing."""
    if definition.get("nodes") == []:
        yield problem("nodes", "no_nodes", "a workflow needs at least one node")
    used = _used(definition, nodes, links)
    for index, node in nodes.items():
        if node.get("type") == "conditional":
            yield from _branch_problems(index, node, used)
    by_id = {node["id"]: node for node in nodes.values()}
    if sum(comparison_of(node) is not None for node in by_id.values()) > _MOST_COMPARISONS:
        return
    schemas = {node_id: node.get("output_schema", node.get("schema")) for node_id, node in by_id.items()}
    outcomes = Outcomes(by_id, flow, Schemas(definition.get("input_schema"), schemas))
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
        message = f"{node['id']!r} decides about no node; name some in true_branch or false_branch"
        yield problem(f"nodes[{index}]", "no_branches", message)
    for place, target in enumerate(other):
        if target in taken:
            message = f"{target!r} is in both branches, so it runs either way; remove it from one"
            yield problem(f"nodes[{index}].false_branch[{place}]", "in_both_branches", message)


def _ids(node: Mapping[str, Any], key: str) -> list[str]:
    ids = node.get(key)
    return [each for each in ids if isinstance(each, str)] if is_array(ids) else []


def _missing_values(place: str, node: Mapping[str, Any], outcomes: Outcomes) -> Iterator[Problem]:
    """Yield where a node reads another that may have been skipped."""
    if node.get("type") in ("llm", "tool"):
        remedy = "read it only in that branch, or give the node the condition that it is_not_empty"
    else:
        remedy = "read it only in that branch"
    texts = [(place + inside, text) for inside, text in texts_with_values(node)]
    yield from _missing_in(texts, node["id"], outcomes, remedy)


def texts_with_values(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of a node whose templates are to have values, each after its place in the node."""
    comparison = comparison_of(node)
    asking = comparison.keys if comparison is not None and comparison.operator in UNARY else ()
    for key, value in () if is_open(node) else templated_values(node):
        for inside, text in strings(value):
            if not (key + inside).startswith(asking):  # an absent value is what these ask for
                yield key + inside, text
    target = node.get("target_node")
    if node.get("type") == "critic" and isinstance(target, str):
        yield "target_node", f"{{{{{target}}}}}"


def outputs_with_values(outputs: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts of outputs whose templates are to have values, each after its place in the definition."""
    for place, text in strings(outputs):
        if whole_expression(text) is None:  # alone it is null, which says it to the caller
            yield f"outputs{place}", text


def _missing_in(
    texts: Iterable[tuple[str, str]], reader: str | None, outcomes: Outcomes, remedy: str
) -> Iterator[Problem]:
    groups = [(place, group) for place, text in texts for group in groups_of(text, reader)]
    if not groups:
        return
    sources: dict[tuple[str, ...], None] = {}  # each is asked for once, and those of a group one by one too
    for _, group in groups:
        sources |= dict.fromkeys([tuple(group), *((source,) for source in group)])
    readings = dict(zip(sources, outcomes.read(reader, sources), strict=True))
    reported: set[tuple[str, str]] = set()
    for place, group in groups:
        if len(group) > 1 and readings[tuple(group)].are_alternatives:
            continue  # one of them stands where the others are empty
        for each in dict.fromkeys([tuple(group), *((source,) for source in group)]):
            reason = readings[each].reason
            if reason is not None and reported.isdisjoint((place, source) for source in each):
                reported.update((place, source) for source in each)
                shown = "".join(f"{{{{{group[source]}}}}}" for source in each)
                message = f"{shown} may have no value: {each[0]!r} may be skipped, as {reason}; {remedy}"
                yield problem(place, "may_have_no_value", message)


def groups_of(text: str, reader: str | None) -> Iterator[dict[str, str]]:
    """Yield the nodes that a text reads, with the template of each: those together that have nothing between them."""
    for group in adjoining(text):
        sources = {source: expression.strip() for expression in group if (source := _node_of(expression, reader))}
        if len(sources) == len(group):
            yield sources
        else:  # what adjoins an input is no alternative to it
            yield from ({source: expression} for source, expression in sources.items())


def _node_of(expression: str, reader: str | None) -> str | None:
    """Return the id of the node that a template reads; None for another source, and for the reader itself."""
    try:
        reference = parse(expression)
    except TemplateError:
        return None  # a fault of its own
    return reference.source if reference.is_node and reference.source != reader else None


def _output_problems(definition: Mapping[str, Any], nodes: Mapping[str, Any], outcomes: Outcomes) -> Iterator[Problem]:
    outputs, schema = definition.get("outputs"), definition.get("output_schema")
    for link in template_links("outputs", outputs):
        if isinstance(link, Link) and link.target in outcomes.never_run:
            message = f"it has no value: {link.target!r} never runs"
            yield problem(link.location, "output_without_value", message, offset=link.offset)
    remedy = (
        "name what runs instead right behind it, as in {{refund}}{{denial}}, or make it an output alone, which is null"
    )
    for named in outputs_with_values(outputs):  # one by one: what decides about all may be too much to play
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
    """Return the ids of the nodes whose output another node or an output of the workflow names."""
    used = {link.target for link in template_links("outputs", definition.get("outputs")) if isinstance(link, Link)}
    for index, node in nodes.items():
        for link in links[index]:
            if isinstance(link, Link) and link.kind != "branch" and link.target != node["id"]:
                used.add(link.target)
    return used


def _unused(nodes: NodesByIndex, used: Collection[str]) -> Iterator[Problem]:
    for index, node in nodes.items():
        if node.get("type") == "llm" and node["id"] not in used and not node.get("memory_write"):
            message = f"nothing uses the answer of {node['id']!r}; name it in outputs or in another node"
            yield problem(f"nodes[{index}]", "unused_node", message)

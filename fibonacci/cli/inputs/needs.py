"""The inputs that a definition uses, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fibonacci.definitions.checks.nodes_by_index import nodes_of
from fibonacci.definitions.graph import edges
from fibonacci.definitions.links import FOLLOWING, Link, node_links, templated_values
from fibonacci.definitions.templates import INPUT, Reference, TemplateError, expressions, parse, strings


class InputUse(NamedTuple):
    """A place that uses an input.

    Attributes:
        reference: The template.
        place: The node, or the output of the workflow, as a message names it.
        is_certain: Whether every run renders it; the node of another may be skipped.
    """

    reference: Reference
    place: str
    is_certain: bool


def input_uses(definition: Mapping[str, Any]) -> list[InputUse]:
    """Return the uses of inputs, in the order of the definition; templates that cannot be parsed are left out."""
    nodes = nodes_of(definition).values()
    skippable = _skippable(list(nodes))
    of_nodes = [
        InputUse(reference, f"node {node['id']!r}", node["id"] not in skippable)
        for node in nodes
        for _, value in templated_values(node)
        for reference in input_references(value)
    ]
    of_outputs = [InputUse(reference, "the outputs", True) for reference in input_references(definition.get("outputs"))]
    return of_nodes + of_outputs


def input_references(value: Any) -> Iterator[Reference]:
    """Yield the references to inputs in the templates of a value; a faulty template has none."""
    for _, text in strings(value):
        for expression in expressions(text):
            try:
                reference = parse(expression)
            except TemplateError:
                continue
            if reference.source == INPUT:
                yield reference


def _skippable(nodes: list[Mapping[str, Any]]) -> set[str]:
    """Return the nodes that may be skipped: by a condition, a branch, a success before them, or a skipped node."""
    found = {node["id"] for node in nodes if node.get("condition") is not None}
    for node in nodes:
        found |= {link.target for link in node_links(node) if isinstance(link, Link) and link.kind in FOLLOWING}
    depends_on = edges(nodes)
    while more := {node for node, before in depends_on.items() if node not in found and not found.isdisjoint(before)}:
        found |= more
    return found

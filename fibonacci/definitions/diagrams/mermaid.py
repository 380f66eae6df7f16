"""Definitions as Mermaid flowcharts, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fibonacci.definitions.diagrams.contents import (
    KNOWN_STATES,
    MISSING,
    DiagramContents,
    DiagramNode,
    contents_of,
    shorten,
)
from fibonacci.definitions.diagrams.layout import arrange
from fibonacci.definitions.diagrams.svg import LIGHT, layered
from fibonacci.definitions.node_kinds import NODE_KINDS, known_type

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.document import Document
    from fibonacci.models import Execution

_RECTANGLE: Final = '["{}"]'
_SPECIAL: Final = frozenset('"#$%&*:;<=>@[\\]^`{|}~')
_LABEL_WIDTH: Final = 50.0
_MOST_ABREAST: Final = 5  # with more nodes side by side, the flow runs to the right

_DASHED: Final = f"fill:{LIGHT['box']},stroke:{LIGHT['rim']},color:{LIGHT['soft']},stroke-dasharray:5 4"
_CLASSES: Final = {
    **dict.fromkeys(("pending", "skipped"), _DASHED),
    **{
        state: f"fill:{LIGHT[f'{state}-box']},stroke:{LIGHT[state]},color:{LIGHT['ink']}"
        for state in ("completed", "failed", "running", "cancelled")
    },
    "missing": f"fill:{LIGHT['card']},stroke:{LIGHT['failed']},color:{LIGHT['failed']},stroke-dasharray:5 4",
}


def mermaid(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel, *, execution: Execution | None = None
) -> str:
    """Return a definition as a Mermaid flowchart, with the state of each node if you pass an execution.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. It doesn't have to be
            valid: cycles and names of missing nodes are drawn as they are.
        execution: An execution, to show the state and duration of each node from its `trace`. A node whose state isn't
            known is shown as `unknown`.

    Returns:
        The text of the flowchart. Put it into a ```` ```mermaid ```` block in Markdown.

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the definition contains itself.

    Example:
        >>> nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
        >>> print(mermaid({"nodes": nodes}))
        flowchart TD
            n0("greet<br/>llm")
    """
    contents = contents_of(definition, execution)
    lines = (f"    {line}" for line in _lines(contents))
    return "\n".join([*_title(contents), f"flowchart {_direction(contents)}", *lines])


def _title(contents: DiagramContents) -> Iterator[str]:
    """Yield the front matter, in YAML."""
    parts = [contents.name] if contents.name else []
    if contents.state is not None:
        parts.append(f"{contents.execution}: {contents.state.text}")
    if parts:
        text = shorten(", ".join(parts), 2 * _LABEL_WIDTH)
        yield from ("---", f'title: "{"".join(map(_yaml_escaped, text))}"', "---")


def _direction(contents: DiagramContents) -> str:
    layers = arrange(len(contents.nodes), [layered(edge) for edge in contents.edges])
    nodes = [[vertex for vertex in layer if vertex < len(contents.nodes)] for layer in layers.order]
    widest = max(map(len, nodes), default=0)
    return "TD" if widest <= max(_MOST_ABREAST, len(nodes)) else "LR"


def _lines(contents: DiagramContents) -> Iterator[str]:
    for index, node in enumerate(contents.nodes):
        yield f"n{index}{_shape(node)}"
    for edge in contents.edges:
        arrow = "-.->" if edge.is_assessment and not edge.label else "-->"
        label = f'|"{edge.label}"|' if edge.label else ""
        yield f"n{edge.source} {arrow}{label} n{edge.target}"
    for name, style in _CLASSES.items():
        members = [f"n{index}" for index, node in enumerate(contents.nodes) if _class(node) == name]
        if members:
            yield f"classDef {name} {style}"
            yield f"class {','.join(members)} {name}"


def _shape(node: DiagramNode) -> str:
    texts = [node.label, *node.words]
    if node.state is not None and node.state.word == "failed" and node.state.reason:
        texts.append(node.state.reason)
    label = "<br/>".join("".join(map(_escaped, shorten(text, _LABEL_WIDTH))) for text in texts)
    known = known_type(node.type)
    return (NODE_KINDS[known].mermaid if known else _RECTANGLE).format(label)


def _class(node: DiagramNode) -> str:
    if node.type == MISSING:
        return "missing"
    return node.state.word if node.state is not None and node.state.word in KNOWN_STATES else ""


def _escaped(character: str) -> str:
    """Escape a character for a quoted label. Mermaid's entity codes are decimal numbers."""
    return f"#{ord(character)};" if character in _SPECIAL else character


def _yaml_escaped(character: str) -> str:
    """Escape a character for a quoted YAML text, so that it means nothing to Mermaid."""
    return f"\\U{ord(character):08x}" if character in _SPECIAL else character

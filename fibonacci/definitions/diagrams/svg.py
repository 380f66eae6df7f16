"""Definitions as SVG: self-contained, without scripts, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from fibonacci.definitions.diagrams.boxes import BoxTexts, box_height, box_texts, box_width, draw_box
from fibonacci.definitions.diagrams.contents import MISSING, DiagramContents, contents_of, plain_definition
from fibonacci.definitions.diagrams.edges import draw_edges, layered, leads
from fibonacci.definitions.diagrams.layout import Layout, Point, Size, lay_out
from fibonacci.definitions.diagrams.palette import SCOPE, STYLE_SHEET
from fibonacci.definitions.diagrams.states import (
    KNOWN_STATES,
    UNKNOWN,
    NodeState,
    checked_execution,
    execution_state,
    node_states,
)
from fibonacci.definitions.diagrams.texts import clean, number, shorten, width as width_of
from fibonacci.definitions.nodes import WorkflowDefinition
from fibonacci.models import Execution

_MARGIN: Final = 20.0
_PAGE: Final = 860.0  # a diagram up to this width runs from top to bottom
_READABLE: Final = 0.65  # a diagram does not shrink further to fit a narrow page
_HEADER: Final = 420.0  # for a longer name the picture is not made wider
_SIZES: Final = {"fib-title": 15.0, "fib-word": 12.0, "fib-detail": 12.0}
_MOST_DESCRIBED: Final = 50
_DESCRIBED: Final = 40.0


def svg(definition: WorkflowDefinition | Mapping[str, Any], *, execution: Execution | None = None) -> str:
    """Draw a definition, and the states of its nodes in an execution.

    The picture is self-contained: no script, no font, no reference to anything outside it. It is dark where the reader
    prefers dark. Equal arguments give equal text.

    Args:
        definition: The definition, also in plain JSON. It may have faults: cycles and names without a node are drawn
            as such.
        execution: An execution whose states and durations are shown, as far as its `trace` tells. What is not known of
            a node is shown as `unknown`.

    Returns:
        An `svg` element, which may stand in a file of its own or in an HTML page.

    Raises:
        TypeError: If an argument has another type.

    Example:
        >>> picture = svg({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
        >>> picture.startswith("<svg ")
        True
    """
    execution = checked_execution(execution)
    contents = contents_of(definition)
    states = node_states(plain_definition(definition), execution) if execution else {}
    shown = [
        box_texts(node, states.get(node.id, NodeState(UNKNOWN)) if execution and node.type != MISSING else None)
        for node in contents.nodes
    ]
    return _Drawing(contents, shown, execution).text()


class _Drawing:
    """The parts of a picture, from top to bottom or, where that is too wide, from left to right."""

    def __init__(self, contents: DiagramContents, boxes: Sequence[BoxTexts], execution: Execution | None) -> None:
        self._contents = contents
        self._boxes = boxes
        self._execution = execution
        self._width = max(map(box_width, boxes), default=0.0)
        down, right = self._laid_out(down=True), self._laid_out(down=False)
        self._down = down.size.across <= max(_PAGE, right.size.along)
        self._layout = down if self._down else right

    def _laid_out(self, *, down: bool) -> Layout:
        heights = map(box_height, self._boxes)
        sizes = [Size(height, self._width) if down else Size(self._width, height) for height in heights]
        edges = self._contents.edges
        return lay_out(sizes, [layered(edge) for edge in edges], leads(edges, down=down))

    def _orient(self, point: Point) -> Point:
        along, across = point
        return (across, along) if self._down else (along, across)

    def text(self) -> str:
        """Return the picture."""
        inner, inner_height = self._orient(self._layout.size)
        header = list(self._header())
        written = max((width_of(text) * _SIZES[style] for style, text, _ in header), default=0.0)
        width = max(inner, min(written, _HEADER)) + 2 * _MARGIN
        left = (width - inner) / 2
        parts, top = [], _MARGIN - 6
        for style, text, state in header:
            shown = shorten(text, (width - 2 * _MARGIN + 1) / _SIZES[style])
            parts.append(f'<text class="{style}{state}" x="{_MARGIN:g}" y="{number(top + 15)}">{escape(shown)}</text>')
            top += 21
        top = top + 12 if header else _MARGIN
        height = top + inner_height + _MARGIN
        skipped = [box.state is not None and box.state.word == "skipped" for box in self._boxes]
        parts.append(f'<g transform="translate({number(left)} {number(top)})">')
        parts += draw_edges(self._contents, self._layout, skipped, self._orient)
        for box, size, corner in zip(self._boxes, self._layout.sizes, self._layout.boxes, strict=True):
            parts.append(draw_box(box, *self._orient(corner), *self._orient(size)))
        return "\n".join([*self._opening(width, height), *parts, "</g>", "</svg>"])

    def _opening(self, width: float, height: float) -> Iterator[str]:
        w, h = number(width), number(height)
        least = number(width * _READABLE)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{SCOPE}" role="img" width="{w}" height="{h}"'
            f' viewBox="0 0 {w} {h}" style="max-width:100%;min-width:{least}px;height:auto">'
        )
        yield f"<title>{escape(self._title())}</title>"
        yield f"<desc>{escape(self._description())}</desc>"
        yield f"<style>{STYLE_SHEET}</style>"
        size = f'width="{number(width - 1)}" height="{number(height - 1)}"'
        yield f'<rect class="fib-card" fill="#fff" x="0.5" y="0.5" {size} rx="10"/>'

    def _header(self) -> Iterator[tuple[str, str, str]]:
        """Yield the lines above the boxes: class, text and class of the state."""
        if self._contents.name:
            yield "fib-title", self._contents.name, ""
        if self._execution is not None:
            state = execution_state(self._execution)
            known = f" fib-{state.word}" if state.word in KNOWN_STATES else ""
            yield "fib-word", f"{clean(self._execution.id)}: {state.text}", known
        if not self._boxes:
            yield "fib-detail", "no nodes", ""

    def _title(self) -> str:
        name = f"Workflow {self._contents.name}" if self._contents.name else "Workflow"
        if self._execution is None:
            return name
        return f"{name}, execution {clean(self._execution.id)}: {execution_state(self._execution).text}"

    def _description(self) -> str:
        """Return the diagram in words."""
        followers: dict[int, list[str]] = {}
        for edge in self._contents.edges:
            label = shorten(self._contents.nodes[edge.target].label, _DESCRIBED)
            followers.setdefault(edge.source, []).append(f"{label} ({edge.label})" if edge.label else label)
        count = len(self._boxes)
        sentences = [f"{count} node{'s' * (count != 1)}, {len(self._contents.edges)} edges."]
        for index, box in enumerate(self._boxes[:_MOST_DESCRIBED]):
            words = [shorten(text, _DESCRIBED) for text in (box.node.label, *box.details)]
            leads_to = f", leads to {', '.join(followers[index][:_MOST_DESCRIBED])}" if index in followers else ""
            sentences.append(f"{words[0]}: {', '.join(words[1:])}{leads_to}.")
        if count > _MOST_DESCRIBED:
            sentences.append(f"And {count - _MOST_DESCRIBED} more.")
        return " ".join(sentences)

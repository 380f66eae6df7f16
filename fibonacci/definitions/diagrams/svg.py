"""Definitions as SVG: self-contained, without scripts, in light and dark."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fibonacci._display.protocols import ExecutionRecord
from fibonacci.definitions.diagrams.boxes import SCOPE, STYLE_SHEET, box_of, draw_box
from fibonacci.definitions.diagrams.contents import (
    KNOWN_STATES,
    DiagramContents,
    DiagramEdge,
    contents_of,
    number,
    shorten,
    width,
)
from fibonacci.definitions.diagrams.contents import width as text_width
from fibonacci.definitions.diagrams.layout import CYCLE, LayeredEdge, Layout, PlacedEdge, Point, Size, lay_out

if TYPE_CHECKING:
    from fibonacci.models import Execution


Orient = Callable[[Point], Point]
"""Turns a point `(along, across)` into `(x, y)`."""

CRITIC: Final = "critic"
"""The group of the edges from nodes to their critics, which are dashed and go a way of their own."""

_ARROW: Final = 8.0
_LOOP: Final = 16.0
_PILL: Final = 18.0
_FONT: Final = 12.0


def layered(edge: DiagramEdge) -> LayeredEdge:
    """Return an edge as the layout sees it: the edges to each branch have a way in common."""
    return LayeredEdge(edge.source, edge.target, edge.label or (CRITIC if edge.is_assessment else None))


def leads(edges: Sequence[DiagramEdge], *, down: bool) -> dict[Hashable, float]:
    """Return the room that the word of each group needs at the node that the edges leave."""
    words = {edge.label for edge in edges if edge.label} | {CYCLE}
    return {word: 34.0 if down else _pill_width(word) + 18.0 for word in sorted(words)}


def draw_edges(contents: DiagramContents, layout: Layout, skipped: Sequence[bool], orient: Orient) -> list[str]:
    """Return the edges as SVG, those to skipped nodes first, and the words of the branches last.

    Args:
        contents: What the diagram shows.
        layout: Where it is.
        skipped: Which nodes were skipped: what leads to them is faded.
        orient: Gives the place of a point in the picture.
    """
    drawn: list[tuple[bool, str]] = []
    vivid: set[tuple[int, Hashable]] = set()
    for edge, placed in zip(contents.edges, layout.edges, strict=True):
        is_faded = skipped[edge.target] or skipped[edge.source]
        if not is_faded:
            vivid.add((edge.source, edge.label))
        drawn.append((not is_faded, _edge(contents, edge, placed, layout, orient, is_faded=is_faded)))
    words = [
        _word(str(group), orient(point), is_faded=group != CYCLE and (node, group) not in vivid)
        for (node, group), point in layout.labels.items()
    ]
    return [text for _, text in sorted(drawn, key=lambda pair: pair[0])] + words


def _edge(
    contents: DiagramContents, edge: DiagramEdge, placed: PlacedEdge, layout: Layout, orient: Orient, *, is_faded: bool
) -> str:
    ends = f"{contents.nodes[edge.source].label} → {contents.nodes[edge.target].label}"
    classes = ["fib-link"]
    if edge.is_assessment and not edge.label:
        classes.append("fib-critic-edge")
    if placed.is_reversed:
        classes.append("fib-cycle")
    if is_faded:
        classes.append("fib-faded")
    line, arrow = _line(placed, orient) if placed.points else _loop(edge.source, layout, orient)
    title = f"{ends}: {edge.label}" if edge.label else ends
    return (
        f'<g class="{" ".join(classes)}"><title>{escape(title)}</title>'
        f'<path class="fib-edge" fill="none" stroke="#555" d="{line}"/><path class="fib-arrow" d="{arrow}"/></g>'
    )


def _line(placed: PlacedEdge, orient: Orient) -> tuple[str, str]:
    points = list(placed.points)
    if placed.is_reversed:
        tip, base = points[0], (points[0][0] + _ARROW, points[0][1])
        points[0] = base
    else:
        tip, base = points[-1], (points[-1][0] - _ARROW, points[-1][1])
        points[-1] = base
    path = [f"M{_pair(orient(points[0]))}"]
    for index, (last, point) in enumerate(pairwise(points)):
        if index % 2 and last[1] != point[1]:
            middle = (last[0] + point[0]) / 2
            controls = (orient((middle, last[1])), orient((middle, point[1])), orient(point))
            path.append(f"C{' '.join(map(_pair, controls))}")
        elif last != point:
            path.append(f"L{_pair(orient(point))}")
    return "".join(path), _arrow(tip, base, orient)


def _arrow(tip: Point, base: Point, orient: Orient) -> str:
    corners = [tip, (base[0], base[1] - _ARROW / 2), (base[0], base[1] + _ARROW / 2)]
    return f"M{'L'.join(_pair(orient(corner)) for corner in corners)}Z"


def _loop(node: int, layout: Layout, orient: Orient) -> tuple[str, str]:
    """Return the line of a node that depends on itself: out of the box before its end, and back into its end."""
    along, across = layout.boxes[node]
    size: Size = layout.sizes[node]
    end, side = along + size.along, across + size.across
    start, back, turn = (end - 18.0, side), (end, side - 16.0), (end + _ARROW, side - 16.0)
    controls = ((end - 18.0, side + _LOOP), (end + _LOOP + _ARROW, side + _LOOP), turn)
    path = f"M{_pair(orient(start))}C{' '.join(_pair(orient(point)) for point in controls)}"
    return path, _arrow(back, turn, orient)


def _word(word: str, center: Point, *, is_faded: bool) -> str:
    x, y = center
    size = _pill_width(word)
    classes = "fib-link" + " fib-cycle" * (word == CYCLE) + " fib-faded" * is_faded
    return (
        f'<g class="{classes}"><rect class="fib-pill" fill="#fff" stroke="#555" x="{number(x - size / 2)}"'
        f' y="{number(y - _PILL / 2)}" width="{number(size)}" height="{number(_PILL)}" rx="{number(_PILL / 2)}"/>'
        f'<text class="fib-branch" text-anchor="middle" x="{number(x)}" y="{number(y + _FONT * 0.36)}">{escape(word)}'
        "</text></g>"
    )


def _pill_width(word: str) -> float:
    return round(width(word) * _FONT) + 14.0


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


_MARGIN: Final = 20.0
_PAGE: Final = 860.0  # a diagram up to this width runs from top to bottom
_READABLE: Final = 0.65  # a diagram does not shrink further to fit a narrow page
_HEADER: Final = 420.0  # for a longer name the picture is not made wider
_HEADER_LINE: Final = 21.0
_FONT_SIZES: Final = {"fib-title": 15.0, "fib-word": 12.0, "fib-detail": 12.0}
_MOST_DESCRIBED: Final = 50
_DESCRIBED: Final = 40.0


def svg(definition: Mapping[str, Any] | BaseModel, *, execution: Execution | None = None) -> str:
    """Draw a definition, and the states of its nodes in an execution.

    The picture is self-contained: no script, no font, no reference to anything outside it. It is dark where the reader
    prefers dark. Equal arguments give equal text.

    Args:
        definition: The definition, also in plain JSON. It may have faults: cycles and names without a node are drawn
            as such.
        execution: An execution whose states and durations are shown, as far as its `trace` has them. A node without a
            known state is shown as `unknown`.

    Returns:
        An `svg` element, which may stand in a file of its own or in an HTML page.

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the definition holds itself.

    Example:
        >>> picture = svg({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
        >>> picture.startswith("<svg ")
        True
    """
    return _Drawing(contents_of(definition, execution)).text()


def diagram_html(definition: Mapping[str, Any] | BaseModel, *, execution: ExecutionRecord | None = None) -> str:
    """Return the picture for a notebook: it scrolls where it cannot shrink any further.

    Args:
        definition: As for `svg`.
        execution: As for `svg`.
    """
    return f'<div style="overflow-x:auto">{_Drawing(contents_of(definition, execution)).text()}</div>'


class _Drawing:
    """The parts of a picture, from top to bottom or, where that is too wide, from left to right."""

    def __init__(self, contents: DiagramContents) -> None:
        self._contents = contents
        self._boxes = [box_of(node) for node in contents.nodes]
        self._width = max((box.width for box in self._boxes), default=0.0)
        down, right = self._laid_out(down=True), self._laid_out(down=False)
        self._down = down.size.across <= max(_PAGE, right.size.along)
        self._layout = down if self._down else right

    def _laid_out(self, *, down: bool) -> Layout:
        heights = (box.height for box in self._boxes)
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
        written = max((text_width(text) * _FONT_SIZES[style] for style, text, _ in header), default=0.0)
        width = max(inner, min(written, _HEADER)) + 2 * _MARGIN
        top = _MARGIN + (_HEADER_LINE * len(header) + 6 if header else 0)
        body = f'<g transform="translate({number((width - inner) / 2)} {number(top)})">'
        parts = [*self._opening(width, top + inner_height + _MARGIN), *_written(header, width), body, *self._body()]
        return "\n".join([*parts, "</g>", "</svg>"])

    def _opening(self, width: float, height: float) -> Iterator[str]:
        w, h = number(width), number(height)
        style = f"max-width:100%;min-width:{number(width * _READABLE)}px;height:auto"
        size = f'width="{w}" height="{h}" viewBox="0 0 {w} {h}"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" class="{SCOPE}" role="img" {size} style="{style}">'
        yield f"<title>{escape(self._title())}</title>"
        yield f"<desc>{escape(self._description())}</desc>"
        yield f"<style>{STYLE_SHEET}</style>"
        inside = f'width="{number(width - 1)}" height="{number(height - 1)}"'
        yield f'<rect class="fib-card" fill="#fff" x="0.5" y="0.5" {inside} rx="10"/>'

    def _header(self) -> Iterator[tuple[str, str, str]]:
        """Yield the lines above the boxes: class, text and class of the state."""
        state = self._contents.state
        if self._contents.name:
            yield "fib-title", self._contents.name, ""
        if state is not None:
            known = f" fib-{state.word}" if state.word in KNOWN_STATES else ""
            yield "fib-word", f"{self._contents.execution}: {state.text}", known
        if not self._boxes:
            yield "fib-detail", "no nodes", ""

    def _body(self) -> Iterator[str]:
        """Yield the edges, then the boxes."""
        skipped = [node.state is not None and node.state.word == "skipped" for node in self._contents.nodes]
        yield from draw_edges(self._contents, self._layout, skipped, self._orient)
        for box, size, corner in zip(self._boxes, self._layout.sizes, self._layout.boxes, strict=True):
            yield draw_box(box, *self._orient(corner), *self._orient(size))

    def _title(self) -> str:
        name = f"Workflow {self._contents.name}" if self._contents.name else "Workflow"
        state = self._contents.state
        return f"{name}, execution {self._contents.execution}: {state.text}" if state is not None else name

    def _description(self) -> str:
        """Return the diagram in words."""
        followers: dict[int, list[str]] = {}
        for edge in self._contents.edges:
            label = shorten(self._contents.nodes[edge.target].label, _DESCRIBED)
            followers.setdefault(edge.source, []).append(f"{label} ({edge.label})" if edge.label else label)
        count, edges = len(self._contents.nodes), len(self._contents.edges)
        sentences = [f"{count} node{'s' * (count != 1)}, {edges} edge{'s' * (edges != 1)}."]
        for index, node in enumerate(self._contents.nodes[:_MOST_DESCRIBED]):
            words = [shorten(text, _DESCRIBED) for text in (node.label, *node.words)]
            leads_to = f", leads to {', '.join(followers[index][:_MOST_DESCRIBED])}" if index in followers else ""
            sentences.append(f"{words[0]}: {', '.join(words[1:])}{leads_to}.")
        if count > _MOST_DESCRIBED:
            sentences.append(f"And {count - _MOST_DESCRIBED} more.")
        return " ".join(sentences)


def _written(header: Sequence[tuple[str, str, str]], width: float) -> Iterator[str]:
    """Yield the lines above the boxes as SVG."""
    for index, (style, text, state) in enumerate(header):
        shown = shorten(text, (width - 2 * _MARGIN + 1) / _FONT_SIZES[style])
        y = number(_MARGIN + _HEADER_LINE * index + 9)
        yield f'<text class="{style}{state}" x="{_MARGIN:g}" y="{y}">{escape(shown)}</text>'

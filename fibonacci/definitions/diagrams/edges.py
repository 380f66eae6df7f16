"""Edges as SVG: lines that bend between the layers, arrows, and the words of branches."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from fibonacci.definitions.diagrams.contents import DiagramContents, DiagramEdge
from fibonacci.definitions.diagrams.layers import LayeredEdge
from fibonacci.definitions.diagrams.layout import CYCLE, Layout, PlacedEdge, Point, Size
from fibonacci.definitions.diagrams.texts import number, width

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

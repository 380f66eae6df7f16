"""Definitions as SVG: self-contained, without scripts, in light and dark.

The style sheet of an SVG inside a page applies to the whole page. Each rule is therefore limited to one class, whose
name is derived from all rules. Diagrams of this version share the rules, and those of other versions don't conflict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel

from fibonacci.definitions.diagrams.contents import (
    KNOWN_STATES,
    MISSING,
    DiagramContents,
    DiagramEdge,
    DiagramNode,
    clean,
    contents_of,
    number,
    shorten,
    width,
    wrap,
)
from fibonacci.definitions.diagrams.contents import width as text_width
from fibonacci.definitions.diagrams.layout import CYCLE, LayeredEdge, Layout, PlacedEdge, Point, Size, lay_out
from fibonacci.definitions.node_kinds import NODE_KINDS, known_type, rectangle

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.coverage import Coverage
    from fibonacci.definitions.document import Document
    from fibonacci.models import Execution


LIGHT: Final[Mapping[str, str]] = {
    "card": "#ffffff", "frame": "#d1d9e0", "ink": "#1f2328", "soft": "#59636e", "edge": "#6e7781",
    "box": "#f6f8fa", "rim": "#8c959f",
    **{node_type: kind.light for node_type, kind in NODE_KINDS.items()},
    "completed": "#1a7f37", "completed-box": "#ecfbf0", "failed": "#c21c2c", "failed-box": "#fff0ef",
    "running": "#0969da", "running-box": "#eaf5ff", "cancelled": "#8a4600", "cancelled-box": "#fff5e8",
}  # fmt: skip
DARK: Final[Mapping[str, str]] = {
    "card": "#161b22", "frame": "#3d444d", "ink": "#f0f6fc", "soft": "#a8b1bb", "edge": "#8b949e",
    "box": "#21262d", "rim": "#6e7681",
    **{node_type: kind.dark for node_type, kind in NODE_KINDS.items()},
    "completed": "#56d364", "completed-box": "#12261a", "failed": "#ff8e86", "failed-box": "#31171a",
    "running": "#6cb6ff", "running-box": "#14253d", "cancelled": "#f0a35e", "cancelled-box": "#2e2011",
}  # fmt: skip

FONT_FAMILIES: Final = (
    'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif'
)
_RULES: Final[Mapping[str, str]] = {
    # Everything that a page might set for its own texts is set here.
    "text": f"font:400 12px {FONT_FAMILIES};fill:var(--ink);stroke:none;letter-spacing:0;word-spacing:0;"
    "text-anchor:start",
    ".fib-card": "fill:var(--card);stroke:var(--frame)",
    ".fib-title": "font-size:15px;font-weight:600",
    ".fib-label": "font-size:14px;font-weight:600",
    ".fib-detail,.fib-reason": "fill:var(--soft)",
    ".fib-word": "fill:var(--soft);font-weight:600",
    ".fib-dot": "fill:var(--soft);stroke:none",
    ".fib-box": "fill:var(--box);stroke:var(--rim);stroke-width:1.4",
    ".fib-icon": "fill:none;stroke:var(--soft);stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round",
    ".fib-edge": "fill:none;stroke:var(--edge);stroke-width:1.5",
    ".fib-arrow": "fill:var(--edge);stroke:none",
    ".fib-pill": "fill:var(--card);stroke:var(--edge)",
    ".fib-branch": "text-anchor:middle;font-weight:600",
    ".fib-critic-edge .fib-edge": "stroke-dasharray:6 4",
    ".fib-faded .fib-edge": "stroke-dasharray:1.5 4",
    ".fib-faded .fib-branch": "fill:var(--soft)",
    ".fib-cycle .fib-arrow,.fib-cycle .fib-branch": "fill:var(--failed)",
    ".fib-cycle .fib-edge": "stroke:var(--failed);stroke-dasharray:6 3",
    ".fib-cycle .fib-pill": "stroke:var(--failed)",
    **{f".fib-{kind} .fib-icon": f"stroke:var(--{kind})" for kind in NODE_KINDS},
    ".fib-missing .fib-box,.fib-missing .fib-icon": "stroke:var(--failed)",
    ".fib-missing .fib-detail": "fill:var(--failed)",
    ".fib-missing .fib-box,.fib-skipped .fib-box,.fib-pending .fib-box": "stroke-dasharray:5 4",
    ".fib-skipped .fib-label": "fill:var(--soft)",
    **{
        selectors.format(state=f".fib-{state}"): declarations.format(state=f"--{state}")
        for state in ("completed", "failed", "running", "cancelled")
        for selectors, declarations in (
            ("{state} .fib-box", "fill:var({state}-box);stroke:var({state})"),
            ("{state}.fib-word,{state} .fib-word,{state} .fib-reason,{state} .fib-dot", "fill:var({state})"),
        )
    },
}


def _variables(values: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in values.items())


def _style_sheet(scope: str) -> str:
    rules = [f".{scope}{{{_variables(LIGHT)}}}"]
    rules += [f"@media (prefers-color-scheme:dark){{.{scope}{{{_variables(DARK)}}}}}"]
    # JupyterLab has its own theme, whatever the system prefers.
    for is_light, colors in (("true", LIGHT), ("false", DARK)):
        rules.append(f'[data-jp-theme-light="{is_light}"] .{scope}{{{_variables(colors)}}}')
    return "\n".join([*rules, _rules(scope)])


def _rules(scope: str) -> str:
    """Return the rules that apply in light and dark."""
    bound = ((",".join(f".{scope} {each}" for each in selectors.split(",")), _RULES[selectors]) for selectors in _RULES)
    return "\n".join(f"{selectors}{{{declarations}}}" for selectors, declarations in bound)


SCOPE: Final = f"fib-{sha256(_style_sheet('').encode()).hexdigest()[:8]}"
"""The class of the root element, to which all rules are limited."""

STYLE_SHEET: Final = _style_sheet(SCOPE)
"""The rules."""

LIGHT_SHEET: Final = re.sub(r"var\(--([a-z-]+)\)", lambda match: LIGHT[match[1]], _rules(SCOPE))
"""The rules in the light colors, without variables."""


_LEFT: Final = 38.0
_RIGHT: Final = 16.0
_TOP: Final = 9.0
_LEAST_TEXT: Final = 84.0
_MOST_TEXT: Final = 190.0
_STYLES: Final = {
    "fib-label": (14.0, 20.0),
    "fib-detail": (12.0, 17.0),
    "fib-word": (12.0, 17.0),
    "fib-reason": (12.0, 17.0),
}
"""The size of the font and the height of a line, by class."""

_OTHER_ICONS: Final[Mapping[str, str]] = {
    "other": "M4 4H12V12H4Z",
    "missing": "M5.4 5.6a2.6 2.6 0 1 1 3.8 2.3C8.4 8.4 8 8.9 8 9.8M8 13v.1",
}
_PLAIN: Final = 'fill="#fff" stroke="#555"'
"""The colors for programs that don't support variables in style sheets."""


class Line(NamedTuple):
    """A line of text in a box."""

    style: str
    text: str


class Box(NamedTuple):
    """The text in a box, and the size that it needs."""

    node: DiagramNode
    """The node."""

    lines: tuple[Line, ...]
    """The texts, from top to bottom."""

    width: float
    """The width that the texts need."""

    height: float
    """The height."""


def box_of(node: DiagramNode) -> Box:
    """Return the box of a node."""
    lines = list(_lines("fib-label", node.label, 2))
    for detail in node.details:
        lines += _lines("fib-detail", detail, 2)
    if node.state is not None:
        lines += _lines("fib-word", node.state.text, 1)
        if node.state.word == "failed" and node.state.reason:
            lines += _lines("fib-reason", node.state.reason, 2)
    needed = max(width(line.text) * _STYLES[line.style][0] for line in lines)
    return Box(
        node,
        tuple(lines),
        round(_LEFT + min(max(needed, _LEAST_TEXT), _MOST_TEXT) + _RIGHT),
        2 * _TOP + sum(_STYLES[line.style][1] for line in lines),
    )


def _lines(style: str, text: str, most: int) -> Iterator[Line]:
    return (Line(style, line) for line in wrap(text, _MOST_TEXT / _STYLES[style][0], most))


def _title(node: DiagramNode) -> str:
    """Return all that is known about a node, unabridged, for a tooltip."""
    label = node.label if node.id in ("", node.label) else f"{node.label} ({clean(node.id)})"
    reason = (node.state.reason,) if node.state is not None and node.state.reason else ()
    return "\n".join([label, *node.words, *reason])


def draw_box(box: Box, x: float, y: float, width: float, height: float) -> str:
    """Return a box as SVG."""
    known = known_type(box.node.type)
    name = known or ("missing" if box.node.type == MISSING else "other")
    icon, outline = (NODE_KINDS[known].icon, NODE_KINDS[known].outline) if known else (_OTHER_ICONS[name], rectangle)
    classes = ["fib-node", f"fib-{name}"]
    if box.node.state is not None and box.node.state.word in KNOWN_STATES:
        classes.append(f"fib-{box.node.state.word}")
    place = f"translate({number(x)} {number(y)})"
    parts = [f'<g class="{" ".join(classes)}" transform="{place}"><title>{escape(_title(box.node))}</title>']
    element, attributes = outline(width, height)
    parts.append(f'<{element} class="fib-box" {_PLAIN} {attributes}/>')
    parts.append(f'<path class="fib-icon" transform="translate(14 {_TOP + 2:g})" d="{icon}"/>')
    top = _TOP
    for style, text in box.lines:
        size, line = _STYLES[style]
        baseline = top + line / 2 + size * 0.36
        if style == "fib-word":
            parts.append(f'<circle class="fib-dot" cx="22" cy="{top + line / 2:g}" r="4"/>')
        parts.append(f'<text class="{style}" x="{_LEFT:g}" y="{baseline:g}">{escape(text)}</text>')
        top += line
    return "".join([*parts, "</g>"])


Orient = Callable[[Point], Point]
"""Turns a point `(along, across)` into `(x, y)`."""

CRITIC: Final = "critic"
"""The group of the edges from nodes to their critics, which are dashed and have a separate path."""

_ARROW: Final = 8.0
_LOOP: Final = 16.0
_PILL: Final = 18.0
_FONT: Final = 12.0


def layered(edge: DiagramEdge) -> LayeredEdge:
    """Return an edge for the layout. The edges to each branch share a path."""
    return LayeredEdge(edge.source, edge.target, edge.label or (CRITIC if edge.is_assessment else None))


def leads(edges: Sequence[DiagramEdge], *, down: bool) -> dict[Hashable, float]:
    """Return the room that the word of each group needs where its edges leave a node."""
    words = {edge.label for edge in edges if edge.label} | {CYCLE}
    return {word: 34.0 if down else _pill_width(word) + 18.0 for word in sorted(words)}


def draw_edges(contents: DiagramContents, layout: Layout, skipped: Sequence[bool], orient: Orient) -> list[str]:
    """Return the edges as SVG, those to skipped nodes first, and the words of the branches last.

    Args:
        contents: What the diagram shows.
        layout: Where it is.
        skipped: Which nodes were skipped. Edges to them are faded.
        orient: Returns the place of a point in the picture.
    """
    drawn: list[tuple[bool, str]] = []
    vivid: set[tuple[int, Hashable]] = set()
    for edge, placed in zip(contents.edges, layout.edges, strict=True):
        is_faded = edge.is_faded or skipped[edge.target] or skipped[edge.source]
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
    """Return the line for a node that depends on itself, out of its box before the end and back into the end."""
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
_HEADER: Final = 420.0  # longer names don't widen the picture
_HEADER_LINE: Final = 21.0
_FONT_SIZES: Final = {"fib-title": 15.0, "fib-word": 12.0, "fib-detail": 12.0}
_MOST_DESCRIBED: Final = 50
_DESCRIBED: Final = 40.0


def svg(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel, *, execution: Execution | None = None
) -> str:
    """Draw a definition as an SVG picture, with the state of each node if you pass an execution.

    The picture is self-contained: it has no scripts, no fonts, and no references to other files. It is dark for readers
    who prefer dark mode. The same arguments give the same text.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. It doesn't have to be
            valid: cycles and names of missing nodes are drawn as they are.
        execution: An execution, to show the state and duration of each node from its `trace`. A node whose state isn't
            known is shown as `unknown`.

    Returns:
        An `svg` element, which you can save as a file or insert into an HTML page.

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the definition contains itself.

    Example:
        >>> picture = svg({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
        >>> picture.startswith("<svg ")
        True
    """
    return Drawing(definition, execution).text()


def diagram_html(
    definition: WorkflowBuilder | Mapping[str, Any] | BaseModel, *, execution: Execution | None = None
) -> str:
    """Return the picture for a notebook. It scrolls if it can't shrink any further.

    Args:
        definition: As for `svg`.
        execution: As for `svg`.
    """
    return f'<div style="overflow-x:auto">{Drawing(definition, execution).text()}</div>'


class NodePlace(NamedTuple):
    """Where the box of a node is in a picture, in pixels."""

    node_id: str
    """The ID of the node."""

    x: float
    """The left edge."""

    y: float
    """The upper edge."""

    width: float
    """The width."""

    height: float
    """The height."""


class Drawing:
    """A picture, from top to bottom or (if that is too wide) from left to right, and where its nodes are.

    Args:
        definition: As for `svg`.
        execution: As for `svg`.
        has_header: Whether the name and the state are above the nodes.
        coverage: The coverage of the definition, to show how often its nodes and branches ran.

    Attributes:
        width: The width in pixels.
        height: The height.
    """

    def __init__(
        self,
        definition: object,
        execution: object = None,
        *,
        has_header: bool = True,
        coverage: Coverage | None = None,
    ) -> None:
        contents = contents_of(definition, execution)
        self._contents = contents if coverage is None else coverage.marked(contents)
        self._boxes = [box_of(node) for node in self._contents.nodes]
        self._widest = max((box.width for box in self._boxes), default=0.0)
        down, right = self._laid_out(down=True), self._laid_out(down=False)
        self._down = down.size.across <= max(_PAGE, right.size.along)
        self._layout = down if self._down else right
        self._header = list(self._lines_above()) if has_header else []
        inner, inner_height = self._orient(self._layout.size)
        written = max((text_width(text) * _FONT_SIZES[style] for style, text, _ in self._header), default=0.0)
        self.width: Final = max(inner, min(written, _HEADER)) + 2 * _MARGIN
        self._left: Final = (self.width - inner) / 2
        self._top: Final = _MARGIN + (_HEADER_LINE * len(self._header) + 6 if self._header else 0)
        self.height: Final = self._top + inner_height + _MARGIN

    def _laid_out(self, *, down: bool) -> Layout:
        heights = (box.height for box in self._boxes)
        sizes = [Size(height, self._widest) if down else Size(self._widest, height) for height in heights]
        edges = self._contents.edges
        return lay_out(sizes, [layered(edge) for edge in edges], leads(edges, down=down))

    def _orient(self, point: Point) -> Point:
        along, across = point
        return (across, along) if self._down else (along, across)

    def text(self) -> str:
        """Return the picture."""
        body = f'<g transform="translate({number(self._left)} {number(self._top)})">'
        written = _header_lines(self._header, self.width)
        parts = [*self._opening(self.width, self.height), *written, body, *self._body()]
        return "\n".join([*parts, "</g>", "</svg>"])

    def places(self) -> Iterator[NodePlace]:
        """Yield the place of each node, in the order of the definition."""
        for box, size, corner in zip(self._boxes, self._layout.sizes, self._layout.boxes, strict=True):
            (x, y), extent = self._orient(corner), self._orient(size)
            yield NodePlace(box.node.id, self._left + x, self._top + y, *extent)

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

    def _lines_above(self) -> Iterator[tuple[str, str, str]]:
        """Yield the lines above the boxes: class, text and the class of the state."""
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


def _header_lines(header: Sequence[tuple[str, str, str]], width: float) -> Iterator[str]:
    """Yield the lines above the boxes as SVG."""
    for index, (style, text, state) in enumerate(header):
        shown = shorten(text, (width - 2 * _MARGIN + 1) / _FONT_SIZES[style])
        y = number(_MARGIN + _HEADER_LINE * index + 9)
        yield f'<text class="{style}{state}" x="{_MARGIN:g}" y="{y}">{escape(shown)}</text>'

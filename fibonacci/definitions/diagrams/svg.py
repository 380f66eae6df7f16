"""Definitions as SVG: self-contained, without scripts, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fibonacci._display.protocols import ExecutionRecord
from fibonacci.definitions.diagrams.boxes import box_of, draw_box
from fibonacci.definitions.diagrams.contents import DiagramContents, contents_of
from fibonacci.definitions.diagrams.edges import draw_edges, layered, leads
from fibonacci.definitions.diagrams.layout import Layout, Point, Size, lay_out
from fibonacci.definitions.diagrams.palette import SCOPE, STYLE_SHEET
from fibonacci.definitions.diagrams.states import KNOWN_STATES
from fibonacci.definitions.diagrams.texts import number, shorten
from fibonacci.definitions.diagrams.texts import width as text_width

if TYPE_CHECKING:
    from fibonacci.models import Execution

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

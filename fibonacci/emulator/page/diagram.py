"""The diagram of a page: a picture that fits its place, with nodes that are links. Script zooms and moves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.emulator.page.html import Content, HTMLElement, h

_ZOOM: Final = {
    "out": ("\N{MINUS SIGN}", "Zoom out"),
    "in": ("+", "Zoom in"),
    "fit": ("Fit", "Fit"),
    "full": ("1:1", "1:1, actual size"),
}
_KEYS: Final = "Diagram. Use the arrow keys to move it, + and - to zoom, 0 to fit it, and 1 for its actual size."


class NodeLink(NamedTuple):
    """Where a node of a diagram leads.

    Attributes:
        target: The address.
        text: What is known about the node, in words.
        is_urgent: Whether to show this node first if the diagram doesn't fit.
    """

    target: str
    text: str
    is_urgent: bool = False


def diagram(drawing: Drawing, source: str, links: Mapping[str, NodeLink], description: str) -> HTMLElement:
    """Return the diagram of a definition.

    Args:
        drawing: The drawing.
        source: The address of its picture.
        links: Where nodes lead, by their IDs.
        description: The same in words.
    """
    width, height = round(drawing.width, 1), round(drawing.height, 1)
    shown, first = list[Content](), ""
    for number, place in enumerate(drawing.places()):
        x, y, wide, high = (round(value, 1) for value in place[1:])
        link = links.get(place.node_id)
        if not first or (link is not None and link.is_urgent):
            first = f"{x + wide / 2} {y + high / 2}"
        if link is not None:
            box = h.rect(x=x, y=y, width=wide, height=high, rx=9)
            shown.append(h.a(box, href=link.target, aria_label=link.text, id=f"place-{number}"))
    picture = h.svg(
        h.image(href=source, width=width, height=height),
        shown,
        viewBox=f"0 0 {width} {height}",
        width="100%",
        height=height,
        role="group" if shown else "img",
        aria_label=description,
        data_size=f"{width} {height}",
        data_first=first,
        data_kept="viewBox",
        id="picture",
    )
    buttons = [
        h.button(word, type="button", aria_label=name if name != word else None, title=name, data_zoom=kind)
        for kind, (word, name) in _ZOOM.items()
    ]
    return h.div(
        h.div(h.div(buttons, class_="zoom"), h.a("Open the picture", href=source, class_="note"), class_="head"),
        h.div(picture, class_="canvas", tabindex=0, role="group", aria_label=_KEYS),
        class_="diagram",
    )

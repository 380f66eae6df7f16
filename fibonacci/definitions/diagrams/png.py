"""Definitions as PNG, by resvg, which comes with the extra `png` and needs no program and no system library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.etree import ElementTree

from pydantic import BaseModel

from fibonacci.definitions.diagrams.svg import DERIVED, FONT_FAMILIES, LIGHT, RULES, svg

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.document import Document
    from fibonacci.models import Execution


_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_VARIABLE: Final = re.compile(r"var\(--([a-z-]+)\)")
_NOT_DRAWN: Final = ("style", "title", "desc")


class FlatPicture(NamedTuple):
    """A picture without a style sheet.

    Attributes:
        text: The SVG.
        width: The width in pixels.
        height: The height in pixels.
    """

    text: str
    width: float
    height: float


def flat_svg(picture: str) -> FlatPicture:
    """Return a picture of `svg` with the rules of the style sheet moved into the elements that they apply to.

    Args:
        picture: What `svg` has returned.

    Returns:
        The picture in the light colors, with nothing in it that is not drawn.
    """
    root = ElementTree.fromstring(picture)
    root.attrib.pop("style")  # which makes it fit a page
    colors = dict(LIGHT)
    colors.update((name, _resolved(value, colors)) for name, value in DERIVED.items())
    _flatten(root, colors, frozenset())
    ElementTree.register_namespace("", _NAMESPACE)
    text = ElementTree.tostring(root, encoding="unicode")
    return FlatPicture(text, float(root.attrib["width"]), float(root.attrib["height"]))


def _flatten(element: ElementTree.Element, variables: Mapping[str, str], above: frozenset[str]) -> None:
    """Set the style of an element and of those inside it.

    Args:
        element: The element.
        variables: The variables that it inherits.
        above: The classes of the elements around it.
    """
    own = frozenset(element.attrib.pop("class", "").split())
    matching = dict(_declarations(element.tag.removeprefix(f"{{{_NAMESPACE}}}"), own, above))
    inherited = variables
    variables = {**inherited, **{k[2:]: _resolved(v, inherited) for k, v in matching.items() if k.startswith("--")}}
    style = {name: _resolved(value, variables) for name, value in matching.items() if not name.startswith("--")}
    if style:
        element.set("style", ";".join(f"{name}:{value}" for name, value in style.items()))
    for child in list(element):
        if child.tag.removeprefix(f"{{{_NAMESPACE}}}") in _NOT_DRAWN:
            element.remove(child)
        else:
            _flatten(child, variables, above | own)


def _declarations(tag: str, own: frozenset[str], above: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of the declarations for an element, the last one for each name."""
    for selectors, declarations in RULES.items():
        if any(_matches(selector, tag, own, above) for selector in selectors.split(",")):
            for declaration in declarations.split(";"):
                name, _, value = declaration.partition(":")
                yield name, value


def _matches(selector: str, tag: str, own: frozenset[str], above: frozenset[str]) -> bool:
    *ancestors, last = selector.split(" ")
    is_own = last[1:] in own if last.startswith(".") else last == tag
    return is_own and all(ancestor[1:] in above for ancestor in ancestors)


def _resolved(value: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables[match[1]], value)


try:
    from resvg_py import svg_to_bytes
except ImportError as _error:
    raise ImportError("PNG needs resvg-py: pip install 'fibonacci-sdk[png]'") from _error

_ZOOM: Final = 2.0  # sharp on screens of high density, too
_MOST_PIXELS: Final = 40e6  # a renderer takes four bytes for each
_NOTHING: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
_LETTER: Final = _NOTHING.replace("><", f"><text y='9' font-family='{FONT_FAMILIES}'>M</text><")
_SANS_SERIF: Final = (None, "DejaVu Sans")  # None is the first that Fontconfig prefers, installed or not


def png(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel, *, execution: Execution | None = None
) -> bytes:
    """Draw a definition as `svg` does, in the light colors, at twice its size.

    Args:
        definition: The definition, as for `svg`.
        execution: An execution whose states and durations are shown.

    Returns:
        The picture. A very large one is scaled down to 40 million pixels.

    Raises:
        OSError: If the system has no font, so that the texts would be missing.
        TypeError: If an argument has another type.
        ValueError: If the definition contains itself.
    """
    family = _sans_serif_family()
    picture = flat_svg(svg(definition, execution=execution))
    zoom = min(_ZOOM, sqrt(_MOST_PIXELS / (picture.width * picture.height)))
    return bytes(svg_to_bytes(svg_string=picture.text, zoom=zoom, sans_serif_family=family))


def _sans_serif_family() -> str | None:
    """Return what to draw sans-serif texts with where the families that the picture names are missing."""
    blank = svg_to_bytes(svg_string=_NOTHING)
    for family in _SANS_SERIF:
        if svg_to_bytes(svg_string=_LETTER, sans_serif_family=family) != blank:
            return family
    raise OSError("the system has no font to draw text with: install one, such as DejaVu, or draw SVG")

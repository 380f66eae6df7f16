"""A picture for renderers that read no CSS variables: each element has its own style, in the light colors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.etree import ElementTree

from fibonacci.definitions.diagrams.palette import DERIVED, LIGHT, RULES

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
    """Return a picture of `svg` in which the rules of the style sheet stand in the elements that they are for.

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
    """Yield name and value of the declarations for an element; of one name, the last one holds."""
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
    return _VARIABLE.sub(lambda found: variables[found[1]], value)

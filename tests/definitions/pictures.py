"""The parts of a picture of a definition, for assertions."""

from __future__ import annotations

from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    """Parse a picture, which also proves that it is XML."""
    return ElementTree.fromstring(picture)


def groups(picture: str, name: str) -> list[ElementTree.Element]:
    return [group for group in parsed(picture).iter(f"{SVG}g") if name in group.get("class", "").split()]


def texts(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def title(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title") or ""


def boxes(picture: str) -> dict[str, list[str]]:
    """Return the texts of each box, by the first one."""
    return {lines[0]: lines[1:] for lines in map(texts, groups(picture, "fib-node"))}


def links(picture: str) -> set[str]:
    return {title(group) for group in groups(picture, "fib-link") if title(group)}

"""HTML as a tree of elements, texts and icons.

Nobody can insert markup as a text, because every text is escaped, in one place, when the tree is rendered. The same
place redacts secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import Final, Protocol, TypeAlias, Union
from zlib import crc32

Attribute: TypeAlias = str | int | float | None
"""The value of an attribute. True switches an attribute on. None and False leave it out."""

Content: TypeAlias = Union["HTMLElement", Sequence["Content"], str, int, float, None]
"""What an element may contain."""

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta"})
_KEEPS_LINES: Final = frozenset({"pre", "textarea"})
"""The elements whose first line feed the parser drops."""

_READABLE: Final = frozenset({"alt", "aria-label", "content", "placeholder", "title", "value"})
"""The attributes that a person reads. The others are the structure of the page."""

_SHOWN: Final = {
    **dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}"),
    ord("\r"): "\n",
}
_ESCAPED: Final = {**_SHOWN, **{ord(text): f"&#{ord(text)};" for text in "\"'"}, 38: "&amp;", 60: "&lt;", 62: "&gt;"}


class HTMLElement:
    """One element of the page.

    Args:
        tag: Its name.
        children: Its content.
        attributes: Its attributes: a trailing underscore is dropped (`class_`), others are written as hyphens.
    """

    __slots__ = ("attributes", "children", "tag")

    def __init__(self, tag: str, /, *children: Content, **attributes: Attribute) -> None:
        self.tag: str = tag
        self.children: Sequence[Content] = children
        self.attributes: dict[str, Attribute] = attributes


class LivePart(HTMLElement):
    """An element that is rendered and sent only if what it shows has changed since the browser got it.

    Args:
        tag: Its name.
        name: Its ID. Parts contain no other parts.
        seen: What it shows. As long as this is the same, so is the element.
        make: Makes its content.
        attributes: Its attributes.
    """

    __slots__ = ("make", "seen")

    def __init__(self, tag: str, name: str, seen: object, make: Callable[[], Content], **attributes: Attribute) -> None:
        digest = crc32(repr((name, seen)).encode("utf-8", "replace"))
        super().__init__(tag, **attributes, id=name, data_part=f"{digest:x}")
        self.make: Callable[[], Content] = make


class ElementFactory(Protocol):
    """Creates elements with one tag."""

    def __call__(self, *children: Content, **attributes: Attribute) -> HTMLElement:
        """Return an element (see `HTMLElement`)."""
        ...


class HTMLTags:
    """Factories of elements by name: `h.p("text", class_="note")`."""

    def __getattr__(self, tag: str) -> ElementFactory:
        factory: ElementFactory = partial(HTMLElement, tag)
        setattr(self, tag, factory)  # so that the next access finds it
        return factory


h: Final = HTMLTags()


def render(content: Content, hidden: Sequence[str] = (), known: Collection[str] = ()) -> str:
    """Return the HTML of elements and texts.

    Args:
        content: The elements and texts.
        hidden: The texts that are not shown, the longest first.
        known: The parts that the browser has. Their content is left out.
    """
    shown: list[str] = []
    _write(content, shown, _pattern(tuple(hidden)), known)
    return "".join(shown)


def document(content: Content, hidden: Sequence[str], known: Collection[str] = ()) -> bytes:
    """Return a complete document. Lone surrogates, which UTF-8 cannot encode, become replacement characters."""
    return f"<!doctype html>\n{render(content, hidden, known)}\n".encode("utf-8", "xmlcharrefreplace")


@lru_cache(maxsize=8)
def _pattern(hidden: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, hidden)) or "(?!)")


def _write(content: Content, shown: list[str], hidden: re.Pattern[str], known: Collection[str]) -> None:
    if isinstance(content, HTMLElement):
        tag = content.tag
        shown.append(f"<{tag}")
        for key, value in content.attributes.items():
            if value is None or value is False:
                continue
            name = key.rstrip("_").replace("_", "-")
            text = hidden.sub("***", str(value)) if name in _READABLE else str(value)
            shown.append(f" {name}" if value is True else f' {name}="{text.translate(_ESCAPED)}"')
        shown.append(">")
        if tag in _VOID:
            return
        if tag in _KEEPS_LINES:
            shown.append("\n")
        if not isinstance(content, LivePart):
            _write(content.children, shown, hidden, known)
        elif content.attributes["data_part"] not in known:
            _write(content.make(), shown, hidden, known)
        shown.append(f"</{tag}>")
    elif isinstance(content, str | int | float):
        shown.append(hidden.sub("***", str(content)).replace("\r\n", "\n").translate(_ESCAPED))
    elif content is not None:
        for child in content:
            if child is not None:
                _write(child, shown, hidden, known)


_CIRCLE: Final = "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z"
_PATHS: Final[Mapping[str, str]] = {
    "check": f"{_CIRCLE}M5 8.2l2.1 2.1L11 6",
    "cross": f"{_CIRCLE}M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6",
    "play": f"{_CIRCLE}M6.5 5.2v5.6L11 8Z",
    "hand": f"{_CIRCLE}M6.3 5.3v5.4M9.7 5.3v5.4",
    "slash": f"{_CIRCLE}M3.8 12.2l8.4-8.4",
    "dash": "M4 8h8",
    "circle": _CIRCLE,
    "triangle": "M8 2.2L14.6 13.8H1.4ZM8 6.5v3.4M8 11.6v.4",
}


def icon(name: str) -> HTMLElement:
    """Return an icon, next to which a word must say the same."""
    shape = h.path(d=_PATHS[name])
    return h.svg(shape, class_="icon", viewBox="0 0 16 16", width=16, height=16, aria_hidden="true", focusable="false")

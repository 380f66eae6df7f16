"""HTML as a tree of elements, texts and icons.

Nobody can insert markup as a text, because every text is escaped, in one place, when the tree is rendered. In the same
place the secrets are redacted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from typing import Final, Protocol, TypeAlias, Union

Attribute: TypeAlias = str | int | float | None
"""The value of an attribute. Of those that are on or off, True or False. None and False leave it out."""

Content: TypeAlias = Union["HTMLElement", Sequence["Content"], str, int, float, None]
"""What an element may contain."""

Redact = Callable[[str], str]
"""Returns a text without the secrets."""

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta"})
_KEEPS_LINES: Final = frozenset({"pre", "textarea"})
"""The elements whose first line feed the parser drops."""

_READABLE: Final = frozenset({"alt", "aria-label", "content", "placeholder", "title", "value"})
"""The attributes that a person reads. The others are the structure of the page."""

_NOT_IN_HTML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class HTMLElement:
    """One element of the page.

    Args:
        tag: Its name.
        children: Its content.
        attributes: Its attributes: a trailing underscore is dropped (`class_`), others are written as hyphens.
    """

    def __init__(self, tag: str, /, *children: Content, **attributes: Attribute) -> None:
        self.tag: Final = tag
        self.children: Final = children
        self.attributes: Final = attributes


class ElementFactory(Protocol):
    """Creates elements of one name."""

    def __call__(self, *children: Content, **attributes: Attribute) -> HTMLElement:
        """Return an element (see `HTMLElement`)."""
        ...


class HTMLTags:
    """Factories of elements by name: `h.p("text", class_="note")`."""

    def __getattr__(self, tag: str) -> ElementFactory:
        return partial(HTMLElement, tag)


h: Final = HTMLTags()


def render(content: Content, redact: Redact) -> str:
    """Return the HTML of elements and texts.

    Args:
        content: The elements and texts.
        redact: Is applied to every text before it is escaped.
    """
    return "".join(_parts(content, redact))


def document(content: Content, redact: Redact) -> bytes:
    """Return a complete document. What UTF-8 cannot express, a lone surrogate, is a replacement character."""
    return f"<!doctype html>\n{render(content, redact)}\n".encode("utf-8", "xmlcharrefreplace")


def _parts(content: Content, redact: Redact) -> Iterator[str]:
    if isinstance(content, HTMLElement):
        yield f"<{content.tag}{_attributes(content, redact)}>"
        if content.tag not in _VOID:
            if content.tag in _KEEPS_LINES:
                yield "\n"
            yield from _parts(content.children, redact)
            yield f"</{content.tag}>"
    elif isinstance(content, str | int | float):
        yield _escaped(redact(str(content)))
    elif content is not None:
        for child in content:
            yield from _parts(child, redact)


def _attributes(element: HTMLElement, redact: Redact) -> str:
    shown: list[str] = []
    for key, value in element.attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {name}")
        elif value is not None and value is not False:
            text = redact(str(value)) if name in _READABLE else str(value)
            shown.append(f' {name}="{_escaped(text)}"')
    return "".join(shown)


def as_shown(text: str) -> str:
    """Return a text as a browser has it, in a field too, with a replacement character for what HTML cannot express."""
    return _NOT_IN_HTML.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def _escaped(text: str) -> str:
    return escape(as_shown(text))


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

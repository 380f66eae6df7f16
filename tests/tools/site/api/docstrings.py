"""The sections of a docstring as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import griffe

from tests.kit.public_api import constructor, default_of, stars_of
from tests.tools.site.api.types import Linker


def sections(target: griffe.Object) -> list[griffe.DocstringSection]:
    """Return the sections of an object's docstring; those of `__init__` follow the text of its class."""
    found = [] if target.docstring is None else _parsed(target.docstring)
    init = constructor(target)
    if init is not None and init.docstring is not None:
        rest = _parsed(init.docstring)
        text = [each for each in found if each.kind is griffe.DocstringSectionKind.text]
        own = [each for each in rest if each.kind is not griffe.DocstringSectionKind.text]
        found = [*text, *own, *(each for each in found if each.kind is not griffe.DocstringSectionKind.text)]
    return found


def _parsed(docstring: griffe.Docstring) -> list[griffe.DocstringSection]:
    """Return the sections; the lines below `Returns:` are one text, not one result each."""
    return docstring.parse("google", returns_multiple_items=False)


def render_sections(target: griffe.Object, linker: Linker, owner: str) -> Iterator[str]:
    """Yield the paragraphs, lists and code blocks of a docstring, without its list of attributes.

    Args:
        target: The object that has the docstring.
        linker: Makes the links of the page.
        owner: The name of the entry.
    """
    for section in sections(target):
        kind = section.kind
        if kind is griffe.DocstringSectionKind.text:
            yield linker.text(section.value, owner)
        elif kind is griffe.DocstringSectionKind.parameters:
            yield titled_list("Arguments", [_parameter(each, target, linker, owner) for each in section.value])
        elif kind is griffe.DocstringSectionKind.raises:
            yield titled_list("Raises", [_typed(each, linker, owner) for each in section.value])
        elif kind in (griffe.DocstringSectionKind.returns, griffe.DocstringSectionKind.yields):
            title = "Returns" if kind is griffe.DocstringSectionKind.returns else "Yields"
            yield from (f"**{title}** {_typed(each, linker, owner, ':')}" for each in section.value)
        elif kind is griffe.DocstringSectionKind.examples:
            yield "**Example**"
            for part, text in section.value:
                yield f"```pycon\n{text}\n```" if part is griffe.DocstringSectionKind.examples else text
        elif kind is griffe.DocstringSectionKind.admonition:
            yield f"**{section.title}**"
            text = section.value.description
            is_session = text.startswith(">>>")
            yield f"```pycon\n{text.rstrip()}\n```" if is_session else linker.text(text, owner)


def listed_attributes(target: griffe.Object) -> dict[str, griffe.DocstringAttribute]:
    """Return what the section on attributes of a class's docstring lists, by name."""
    lists: Sequence[griffe.DocstringSection] = sections(target)
    return {
        each.name: each
        for section in lists
        if section.kind is griffe.DocstringSectionKind.attributes
        for each in section.value
    }


def titled_list(title: str, items: list[str]) -> str:
    """Return a list below its title; items are apart when one of them has several paragraphs, as Markdown needs."""
    lines = [f"- {indented(item)}" for item in items]
    return "\n\n".join([f"**{title}**", ("\n\n" if "\n\n" in "".join(lines) else "\n").join(lines)])


def indented(text: str) -> str:
    """Return the text of an item of a list, its further lines indented."""
    return re.sub(r"\n(?!\n)", "\n    ", text.strip())


def _parameter(each: griffe.DocstringParameter, target: griffe.Object, linker: Linker, owner: str) -> str:
    declared = _declared(target, each.name)
    annotation = declared.annotation if declared is not None else each.annotation
    stars = "" if declared is None else stars_of(declared)
    default = default_of(declared) if declared is not None and not stars else None
    facts = [linker.type(annotation)] if annotation is not None else []
    facts += [f"default `{default}`"] if default not in (None, "UNSET", "None") else []
    in_brackets = f" ({', '.join(facts)})" if facts else ""
    return f"`{stars}{each.name.lstrip('*')}`{in_brackets}: {linker.text(each.description, owner)}"


def _declared(target: griffe.Object, name: str) -> griffe.Parameter | None:
    function = target if isinstance(target, griffe.Function) else constructor(target)
    name = name.lstrip("*")
    return function.parameters[name] if function is not None and name in function.parameters else None


def _typed(
    each: griffe.DocstringRaise | griffe.DocstringReturn | griffe.DocstringYield,
    linker: Linker,
    owner: str,
    colon: str = ":",
) -> str:
    annotation = linker.type(each.annotation)
    separator = f"{colon} " if annotation else ""
    return f"{annotation}{separator}{linker.text(each.description, owner)}"

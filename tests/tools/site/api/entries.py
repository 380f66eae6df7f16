"""The entries of a page: headings, signatures, docstrings and members."""

from __future__ import annotations

from collections.abc import Iterator

import griffe

from tests.kit.public_api import constructor, is_group
from tests.tools.site.api.docstrings import listed_attributes, render_sections, titled_list
from tests.tools.site.api.fragments import fragment
from tests.tools.site.api.highlighting import block
from tests.tools.site.api.names import Entry, PublicNames, summary
from tests.tools.site.api.signatures import Code, joined, signature, value_of
from tests.tools.site.api.types import Linker


def render_entry(entry: Entry, linker: Linker, level: int) -> Iterator[str]:
    """Yield the parts of an entry: its heading, how it is called, what it is, and its members.

    Args:
        entry: The entry.
        linker: Makes the links of the page.
        level: The level of its heading.
    """
    yield heading(entry, level)
    yield from render_body(entry, linker, level)


def render_body(entry: Entry, linker: Linker, level: int) -> Iterator[str]:
    """Yield the parts of an entry below its heading."""
    target = entry.target
    bases = _bases(target, linker)
    if bases:
        yield f"Bases: {', '.join(bases)}"
    code = _code(entry)
    if code is not None:
        yield block(code, linker)
    yield from render_sections(target, linker, entry.name)
    attributes = list(_attributes(entry, linker))
    if attributes:
        yield titled_list("Attributes", attributes)
    groups = list(_groups(entry, linker))
    if groups:
        yield titled_list("Groups of calls", groups)
    for member in members_of(entry, linker.names):
        if isinstance(member.target, griffe.Function):
            yield from render_entry(member, linker, level + 1)


def heading(entry: Entry, level: int) -> str:
    """Return the heading of an entry, with its fragment and a short text for the list of contents."""
    return f"{'#' * level} `{entry.shown}` {fragment(entry.name, entry.name.rpartition('.')[2])}"


def members_of(entry: Entry, names: PublicNames) -> Iterator[Entry]:
    """Yield the entries of the members of an entry, without those of its groups of calls."""
    for name, each in names.entries.items():
        if name.rpartition(".")[0] == entry.name and not isinstance(each.target, griffe.Class):
            yield each


def _code(entry: Entry) -> Code | None:
    target = entry.target
    if isinstance(target, griffe.Function):
        versions = target.overloads or []
        if isinstance(target.parent, griffe.Class | griffe.Module):
            versions = versions or target.parent.overloads.get(target.name, [])
        return joined("\n", [signature(_called(entry), each) for each in versions or [target]])
    if isinstance(target, griffe.Attribute):
        return value_of(target)
    init = constructor(target)
    is_created_by_programs = init is not None and not entry.shown.startswith("client.") and _has_arguments(target, init)
    return signature(target.name, init, is_constructor=True) if init is not None and is_created_by_programs else None


def _called(entry: Entry) -> str:
    """Return what stands before the parentheses of a call."""
    owner, _, name = entry.shown.rpartition(".")
    special = {"__call__": owner, "__getitem__": f"{owner}[...]", "__iter__": f"iter({owner})"}
    return special.get(name, name)


def _has_arguments(target: griffe.Object, init: griffe.Function) -> bool:
    """Whether the arguments of a class are described, or are its fields; of others, programs get the objects."""
    texts = [each.docstring.value for each in (target, init) if each.docstring is not None]
    return any("Args:\n" in text for text in texts) or "dataclass" in target.labels


def _bases(target: griffe.Object, linker: Linker) -> list[str]:
    """Return the bases that are public or of another package."""
    if not isinstance(target, griffe.Class):
        return []
    shown: list[str] = []
    for base in target.bases:
        path = base if isinstance(base, str) else base.canonical_path
        is_public = linker.names.find(path) is not None
        if is_public or not (path.startswith(("fibonacci.", "typing.", "_")) or "." in str(base)):
            shown.append(linker.type(base))
    return shown


def _attributes(entry: Entry, linker: Linker) -> Iterator[str]:
    """Yield an item for each attribute: of the docstring's list, and with a docstring of its own."""
    own = {each.target.name: each for each in members_of(entry, linker.names)}
    listed = listed_attributes(entry.target) if isinstance(entry.target, griffe.Class) else {}
    for name, each in listed.items():
        if name not in own:
            yield _attribute(f"{entry.name}.{name}", each.annotation, linker.text(each.description, entry.name), linker)
    for member in own.values():
        if isinstance(member.target, griffe.Attribute):
            text = "\n\n".join(render_sections(member.target, linker, entry.name))
            yield _attribute(member.name, member.target.annotation, text, linker)


def _attribute(name: str, annotation: str | griffe.Expr | None, text: str, linker: Linker) -> str:
    if isinstance(annotation, griffe.ExprSubscript) and str(annotation.left) == "Final":
        annotation = annotation.slice
    is_typed = annotation is not None and str(annotation) != "Final"
    kind = f" ({linker.type(annotation)})" if is_typed else ""
    return f"`{name.rpartition('.')[2]}`{fragment(name)}{kind}: {text}"


def _groups(entry: Entry, linker: Linker) -> Iterator[str]:
    if isinstance(entry.target, griffe.Class):
        for name, member in entry.target.members.items():
            group = linker.names.find(f"{entry.name}.{name}")
            if group is not None and isinstance(member, griffe.Function) and is_group(member):
                yield f"{linker.link(group)}: {linker.text(summary(member), entry.name)}"

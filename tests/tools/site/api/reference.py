"""The pages of the API reference, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import griffe

from tests.kit.public_api import resolved
from tests.tools.mirror import HAND_WRITTEN
from tests.tools.site.api.entries import heading, members_of, render_body, render_entry
from tests.tools.site.api.fragments import fragment
from tests.tools.site.api.names import Entry, PublicNames, summary
from tests.tools.site.api.types import Linker
from tests.tools.site.pages import SitePage, plain

FOLDER: Final = "reference/api"
_KINDS: Final = (re.compile("client"), re.compile(r"client\..*"), re.compile("async"))
"""The kinds of pages before those of the modules: the client, its groups of calls, the async client."""


def api_pages(names: PublicNames) -> list[SitePage]:
    """Return the pages of the reference, its index first."""
    paths = list(dict.fromkeys(entry.page for entry in names.entries.values()))
    # The groups of calls in the order of the client, the modules by name.
    order = sorted(paths, key=lambda path: (_rank(path), _name(path) if _rank(path) == len(_KINDS) else ""))
    pages = [_page(path, names) for path in order]
    return [_index(pages, names), *pages]


def _rank(path: str) -> int:
    """Return the place of a kind of page; that of a module is the last one."""
    return next((place for place, kind in enumerate(_KINDS) if kind.fullmatch(_name(path))), len(_KINDS))


def _name(path: str) -> str:
    return path.removeprefix(f"{FOLDER}/").removesuffix(".md")


def _page(path: str, names: PublicNames) -> SitePage:
    name = _name(path)
    entries = [entry for entry in names.entries.values() if entry.page == path and _owner(entry, names) is None]
    linker = Linker(names, path)
    if name.startswith("client"):
        return _client_page(path, name, entries, linker)
    if name == "async":
        return _async_page(path, entries, linker)
    return _module_page(path, name, entries, linker)


def _owner(entry: Entry, names: PublicNames) -> Entry | None:
    """Return the entry that a member belongs to; a group of calls belongs to none."""
    owner = names.entries.get(entry.name.rpartition(".")[0])
    return None if isinstance(entry.target, griffe.Class) else owner


def _client_page(path: str, name: str, entries: list[Entry], linker: Linker) -> SitePage:
    first, *rest = entries
    description = summary(first.target)
    title = "Fibonacci" if name == "client" else first.shown
    parts = [f"# `{title}` {fragment(first.name)}", *render_body(first, linker, 1)]
    for entry in rest:
        parts += render_entry(entry, linker, 2)
    return SitePage(path, title, plain(description), _text(parts), _source(first.target), linker.blocks)


def _module_page(path: str, name: str, entries: list[Entry], linker: Linker) -> SitePage:
    module = linker.names.package if name == "fibonacci" else linker.names.package[name.removeprefix("fibonacci.")]
    target = resolved(module)
    assert target is not None, f"{name} is no module of the package"
    parts = [f"# `{name}` {fragment(name)}", linker.text(_module_text(target), name)]
    for entry in _in_order(entries):
        parts += render_entry(entry, linker, 2)
    repeated = {each: now for each, now in linker.names.repeated.items() if each.rpartition(".")[0] == name}
    if name == "fibonacci":
        repeated |= {entry.name: entry.name for entry in linker.names.entries.values() if _is_on_another_page(entry)}
        parts += [f"## `__version__` {fragment('fibonacci.__version__')}", "The version of the package, a text."]
    if repeated:
        parts += ["## Names described elsewhere", "\n".join(_repeated(repeated, linker))]
    files = {_source(entry.target) for entry in entries}
    source = files.pop() if len(files) == 1 else ""
    return SitePage(path, name, plain(summary(target)), _text(parts), source, linker.blocks)


def _source(target: griffe.Object) -> str:
    """Return the file in the repository that has an object's docstring: the async one where the sync one is derived."""
    file = target.relative_package_filepath.as_posix()
    written = re.sub(r"^fibonacci/_sync/", "", file)
    return file if written in {file, *HAND_WRITTEN} else f"fibonacci/_async/{written}"


def _in_order(entries: list[Entry]) -> list[Entry]:
    """Return entries of one source file in its order, such as a tree of classes; those of several files by name."""
    is_one_file = len({entry.target.module.path for entry in entries}) == 1
    return entries if is_one_file else sorted(entries, key=lambda entry: entry.shown.lower())


def _is_on_another_page(entry: Entry) -> bool:
    """Whether a name of the package `fibonacci` has its entry on a page of the client."""
    return entry.name.count(".") == 1 and entry.page != f"{FOLDER}/fibonacci.md"


def _repeated(names: dict[str, str], linker: Linker) -> Iterator[str]:
    for name, described in sorted(names.items()):
        entry = linker.names.entries[described]
        mark = "" if name == described else fragment(name)
        yield f"- {linker.link(entry, name.rpartition('.')[2])}{mark}: {linker.text(summary(entry.target), name)}"


def _module_text(module: griffe.Object) -> str:
    """Return a module's docstring up to its example: each entry has its own."""
    text = module.docstring.value if module.docstring is not None else ""
    return text.partition("\nExample:")[0].strip()


def _async_page(path: str, entries: list[Entry], linker: Linker) -> SitePage:
    parts = [
        "# The async client",
        "`AsyncFibonacci` has the calls of `Fibonacci` under the same names and with the same arguments; they are "
        "awaited. A list is an `AsyncPager`, which is iterated with `async for`. The links lead to the entries of the "
        "sync names, which have arguments, errors and examples.",
    ]
    for entry in sorted(entries, key=lambda entry: not entry.name.startswith("fibonacci.AsyncFibonacci")):
        parts += _async_entry(entry, linker)
    return SitePage(path, "AsyncFibonacci", "The calls of the async client, and the sync entry of each.", _text(parts))


def _async_entry(entry: Entry, linker: Linker) -> Iterator[str]:
    yield heading(entry, 2)
    yield linker.text(summary(entry.target), entry.name)
    sync = linker.names.find(_sync_name(entry.name))
    if sync is not None:
        yield f"The sync name, with all arguments: {linker.link(sync)}"
    items = [_async_member(member, linker) for member in members_of(entry, linker.names)]
    if items:
        yield "\n".join(items)


def _async_member(member: Entry, linker: Linker) -> str:
    target = member.target
    name, mark, text = member.name.rpartition(".")[2], fragment(member.name), summary(target)
    sync = linker.names.find(_sync_name(member.name))
    called = name
    if isinstance(target, griffe.Function):
        called = f"{'await ' if 'async' in target.labels else ''}{name}()"
    link = f"`{called}`" if sync is None else linker.link(sync, called)
    result = target.returns if isinstance(target, griffe.Function) else getattr(target, "annotation", None)
    returns = f", {linker.type(result)}" if result is not None and str(result) != "None" else ""
    return f"- {link}{mark}{returns}: {linker.text(text, member.name)}"


def _sync_name(name: str) -> str:
    """Return the sync counterpart of an async name."""
    owner, _, member = name.partition("Async")[2].partition(".")
    renamed = {"aclose": "close"}
    return ".".join(["fibonacci." + owner, *(renamed.get(each, each) for each in member.split(".") if each)])


def _index(pages: list[SitePage], names: PublicNames) -> SitePage:
    rows = [f"| [`{page.title}`]({page.path.removeprefix(f'{FOLDER}/')}) | {page.description} |" for page in pages]
    described = "Every public class, function and call, from the docstrings of the source."
    table = "\n".join(["| Page | |", "|---|---|", *rows])
    linker = Linker(names, f"{FOLDER}/index.md")
    listed = [entry for entry in names.entries.values() if _owner(entry, names) is None]
    listed.sort(key=lambda entry: entry.shown.lower())
    all_names = " · ".join(linker.link(entry) for entry in listed if not entry.name.startswith("fibonacci.Async"))
    text = _text(["# API reference", described, table, "## All names", all_names])
    return SitePage(f"{FOLDER}/index.md", "API reference", described, text)


def _text(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"

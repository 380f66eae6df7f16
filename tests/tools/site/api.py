"""The API reference: a page for each public module and each group of calls. mkdocstrings fills them from the sources.

It loads `PublicPaths` too: an entry is named as programs name it, such as `fibonacci.Fibonacci.workflows.run`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import griffe

from tests.kit.public_api import is_group, public_objects, resolved
from tests.tools.site.pages import SitePage, plain

FOLDER: Final = "reference/api"
CLIENT: Final = "fibonacci.Fibonacci"
_ABOUT: Final = "Every public class, function and call, from the docstrings of the source."
_ASYNC: Final = (
    "`AsyncFibonacci` has the calls of `Fibonacci`, with the same names and arguments. Await them. A list is an "
    "`AsyncPager`, which you iterate over with `async for`."
)


def api_pages(root: Path) -> list[SitePage]:
    """Return the pages of the reference, its index first."""
    objects = public_objects(root)
    homes: dict[str, str] = {}  # the deepest module describes an object: `fibonacci.errors` its errors
    for name in sorted(objects, key=lambda name: -name.count(".")):
        homes.setdefault(objects[name].path, name)
    pages: dict[str, list[str]] = {}
    for name, target in objects.items():
        if homes[target.path] == name:
            pages.setdefault(_page(name), []).append(name)
    repeated = {name: homes[target.path] for name, target in objects.items() if homes[target.path] != name}
    filled = [_filled(page, names, objects, repeated) for page, names in sorted(pages.items(), key=_rank)]
    rows = "\n".join(f"| [`{each.title}`]({each.path.rpartition('/')[2]}) | {each.description} |" for each in filled)
    index = f"# API reference\n\n{_ABOUT}\n\n| Page | |\n|---|---|\n{rows}\n"
    return [SitePage(f"{FOLDER}/index.md", "API reference", _ABOUT, index), *filled]


def _page(name: str) -> str:
    if name.startswith("fibonacci.Async"):
        return "async"
    return ".".join(["client", *name.split(".")[2:3]]) if name.startswith(CLIENT) else name.rpartition(".")[0]


def _rank(page: tuple[str, list[str]]) -> tuple[int, str]:
    kinds = ("client", "client.", "async")
    rank = next((place for place, kind in enumerate(kinds) if page[0] in (kind, kind + page[0][7:])), len(kinds))
    return rank, page[0] if rank == len(kinds) else ""


def _filled(page: str, names: list[str], objects: dict[str, griffe.Object], repeated: dict[str, str]) -> SitePage:
    """Return a page with what mkdocstrings puts in place of each name."""
    if page.startswith("client") or page == "async":
        names.sort(key=lambda name: (name != "fibonacci.AsyncFibonacci", name.count(".")))
        title = {"client": "Fibonacci", "async": "AsyncFibonacci"}.get(page, page)
        about = _summary(objects[names[0]])
        parts = [_ASYNC] if page == "async" else []
        for name in names:
            groups = [other.rpartition(".")[2] for other in objects if other.rpartition(".")[0] == name]
            filters = ["!^_", *(f"!^{group}$" for group in groups)]
            parts.append(
                _entry(
                    name,
                    {"show_root_heading": name != names[0], "filters": filters, "show_root_members_full_path": True},
                )
            )
    else:
        package = objects[CLIENT].package
        module = resolved(package if page == "fibonacci" else package[page.removeprefix("fibonacci.")])
        assert module is not None, f"{page} is no module of the package"
        title, about = page, _summary(module)
        members = [name.rpartition(".")[2] for name in names]
        is_tree = page == "fibonacci.errors"
        parts = [_entry(page, {"members": members, "show_bases": is_tree, "inherited_members": not is_tree})]
        elsewhere = [f"[`{name}`][{home}]" for name, home in repeated.items() if name.rpartition(".")[0] == page]
        parts += ["## Names described elsewhere", ", ".join(elsewhere)] if elsewhere else []
    return SitePage(f"{FOLDER}/{page}.md", title, plain(about), "\n\n".join([f"# `{title}`", *parts, ""]))


def _entry(name: str, options: dict[str, Any]) -> str:
    return f"::: {name}\n    options: {json.dumps(options)}"


def _summary(target: griffe.Object) -> str:
    text = target.docstring.value if target.docstring else ""
    return " ".join(text.partition("\n\n")[0].split())


class PublicPaths(griffe.Extension):
    """What mkdocstrings reads of the package: groups of calls below their client, and sessions as code."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change the package that griffe has loaded."""
        for path in ("_sync.client.Fibonacci", "_async.client.AsyncFibonacci"):
            self._name_groups(pkg, pkg[path])

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Let a session in an example be code."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:(?=\n+ +>>>)", "Examples:", obj.docstring.value, flags=re.MULTILINE)

    def _name_groups(self, pkg: griffe.Module, owner: griffe.Object) -> None:
        for name, member in [*owner.members.items()]:
            if isinstance(member, griffe.Function) and is_group(member) and isinstance(member.returns, griffe.Expr):
                group = pkg[member.returns.canonical_path.removeprefix("fibonacci.")]
                self._name_groups(pkg, group)
                owner.set_member(name, griffe.Alias(name, group))

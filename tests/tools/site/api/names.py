"""The public names: which object each stands for, which page describes it, and under which fragment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import griffe

from tests.kit.public_api import is_group, public_objects, resolved

CLIENTS: Final = {"fibonacci.Fibonacci": "client", "fibonacci.AsyncFibonacci": "client"}
"""What the documentation calls an object of each of these classes."""

Member: TypeAlias = griffe.Function | griffe.Attribute | griffe.Class


@dataclass(frozen=True)
class Entry:
    """A public name, or a member of one."""

    name: str
    """The public name, which is the fragment too: `fibonacci.Fibonacci.workflows.run`."""

    shown: str
    """The name as programs have it: `client.workflows.run`, `Pager.first`."""

    page: str
    """The page that describes it, such as `reference/api/client.workflows.md`."""

    target: griffe.Object
    """What it stands for."""


@dataclass
class PublicNames:
    """Every public name of a source tree, and how its members and types are found."""

    package: griffe.Module
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    """The entries by name, the members after their owner."""

    repeated: dict[str, str] = field(default_factory=dict[str, str])
    """The name under which an object is described, for each other public name of it."""

    _by_path: dict[str, str] = field(default_factory=dict[str, str])
    _by_shown: dict[str, str] = field(default_factory=dict[str, str])

    def find(self, path: str) -> Entry | None:
        """Return the entry of an object by its path in the package, by a public name, or by the name it is shown by."""
        name = path if path in self.entries else self.repeated.get(path)
        name = name or self._by_path.get(path) or self._by_shown.get(path)
        return self.entries.get(name or "")

    def add(self, entry: Entry) -> None:
        """Add an entry. It is found by its path and the name that it is shown by, if no earlier one is."""
        self.entries[entry.name] = entry
        self._by_path.setdefault(entry.target.path, entry.name)
        self._by_shown.setdefault(entry.shown, entry.name)
        self._by_shown.setdefault(entry.shown.removeprefix("client."), entry.name)


@cache
def read_names(root: Path) -> PublicNames:
    """Return the public names of a source tree, which is read once."""
    objects = public_objects(root)
    package = objects["fibonacci.Fibonacci"].package
    names = PublicNames(package)
    homes: dict[str, str] = {}
    for name, target in objects.items():  # the deepest module describes it: `fibonacci.errors` its errors
        if name.count(".") > homes.get(target.path, "").count("."):
            homes[target.path] = name
    for name, target in sorted(objects.items(), key=lambda each: each[0].startswith("fibonacci.Async")):
        if homes[target.path] != name:
            names.repeated[name] = homes[target.path]
            continue
        entry = Entry(name, _shown(name, target), _page(name, target), target)
        names.add(entry)
        for member in members(target, objects):
            names.add(Entry(f"{name}.{member.name}", f"{entry.shown}.{member.name}", entry.page, member))
    return names


def members(owner: griffe.Object, public: dict[str, griffe.Object]) -> Iterator[Member]:
    """Yield the documented members of a class, those of bases that are not public included."""
    paths = {each.path for each in public.values()}
    seen: set[str] = set()
    if not isinstance(owner, griffe.Class):
        return
    for holder in [owner, *(base for base in owner.mro() if base.path not in paths)]:
        for name, member in holder.members.items():
            found = resolved(member)
            if found is None or name in seen or not _is_described(name, found):
                continue
            seen.add(name)
            if isinstance(found, griffe.Function | griffe.Attribute | griffe.Class):
                yield found


def summary(target: griffe.Object) -> str:
    """Return the first paragraph of a docstring as one line; empty without a docstring."""
    text = target.docstring.value if target.docstring else ""
    return " ".join(text.partition("\n\n")[0].split())


def _is_described(name: str, member: griffe.Object) -> bool:
    """Whether a member has an entry: it has a docstring, and is no detail, and not about the object's life."""
    if member.docstring is None or is_group(member):
        return False
    if name.startswith("__") and name.endswith("__"):
        return name not in {"__init__", "__repr__", "__str__", "__dir__"}
    return not name.startswith("_")


def _shown(name: str, target: griffe.Object) -> str:
    for client, called in CLIENTS.items():
        if name.startswith(f"{client}."):
            return called + name.removeprefix(client)
    return target.name if isinstance(target, griffe.Class | griffe.Function) else name.rpartition(".")[2]


def _page(name: str, target: griffe.Object) -> str:
    """Return the page of a public name: that of the client, of a group of calls, or of the module."""
    if name.startswith("fibonacci.Async"):
        page = "async"
    elif name.startswith("fibonacci.Fibonacci"):
        page = ".".join(["client", *name.split(".")[2:3]])
    else:
        page = name.rpartition(".")[0]
    return f"reference/api/{page}.md"

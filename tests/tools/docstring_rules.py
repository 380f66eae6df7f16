"""The rules for the docstrings of the public API: each finds what one docstring lacks, or says for nothing.

python -m tests.tools.docstring_rules      print the faults

That an example runs is tested in test_docstrings.py, the imperative mood also by ruff.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Iterator
from textwrap import dedent
from typing import Any, Final

from tests.kit.public_api import NOT_MADE
from tests.tools.markdown import ROOT, anchors
from tests.tools.public_items import Item, public_items

SITE: Final = "https://docs.fibonacci.today/"

INTERNAL: Final = {"NodeError": "the emulator's own: it becomes the error of a node"}
"""Errors that no user catches."""

DESCRIBED_AS: Final = {"ScriptError": "ValueError"}
"""Errors without a public name, each with the public base that docstrings name."""

_NOTHING: Final = frozenset({"", "None", "NoReturn"})


def missing(item: Item) -> Iterator[str]:
    """Yield a fault where there is no docstring."""
    if not item.text.strip() and not _is_type_variable(item):
        yield "has no docstring"


def arguments(item: Item) -> Iterator[str]:
    """Yield the parameters that are not described, and the descriptions of none."""
    fields = {each.found.name for each in item.members() if each.text}
    if item.found.name not in NOT_MADE and not item.is_group:
        described = fields | item.arguments.keys()
        yield from (
            f"the parameter {name!r} is not in Args"
            for name in item.parameters
            if name not in described and not name.startswith("_")
        )
    yield from (f"Args has {name!r}, which is no parameter" for name in item.arguments if name not in item.parameters)


def returns(item: Item) -> Iterator[str]:
    """Yield a fault where it is not said what a function returns, or where a colon makes a type of what precedes it."""
    if item.is_function and item.annotation not in _NOTHING and not item.returned:
        yield "has no Returns"
    for kind, _ in item.returned:
        if kind not in item.annotation:
            yield f"the text before the colon in Returns is read as a type: {kind!r}"


def raises(item: Item) -> Iterator[str]:
    """Yield the errors that a function raises itself and does not name, and names that are no errors."""
    found = item.raises
    known = _error_names() | INTERNAL.keys()
    yield from (f"Raises has {name!r}, which is no public error" for name in found if name not in known)
    if not item.is_function:
        return
    for name in _raised(item.found.source):
        if DESCRIBED_AS.get(name, name) not in found:
            yield f"{name} is raised, and not in Raises"
    if item.owner is not None and item.owner.is_group:
        if not any(name.endswith("Error") and not hasattr(builtins, name) for name in found):
            yield "Raises names no error of the package"
        if "{" in item.summary and "ValueError" not in found:
            yield "the path has a parameter, and Raises has no ValueError"


def example(item: Item) -> Iterator[str]:
    """Yield a fault where a class, a function or a call of the client has no example.

    A class that adds nothing to a public one is used like that.
    """
    is_call = item.is_function and (item.owner is None or item.owner.is_group or "Fibonacci" in item.owner.found.name)
    if not item.has_example and (is_call or (item.is_class and not item.is_group and not _adds_no_member(item))):
        yield "has no example"


def links(item: Item) -> Iterator[str]:
    """Yield the links to pages of the documentation that do not exist."""
    for page, fragment in re.findall(rf"{SITE}([\w/-]+)(?:#([\w-]+))?", item.text):
        path = ROOT / "docs" / f"{page}.md"
        if not path.exists():
            yield f"there is no page {page}"
        elif fragment and fragment not in anchors(path.read_text("utf-8")):
            yield f"the page {page} has no heading {fragment}"


RULES: Final[tuple[Callable[[Item], Iterator[str]], ...]] = (missing, arguments, returns, raises, example, links)


def faults(items: Iterable[Item], rules: Iterable[Callable[[Item], Iterator[str]]] = RULES) -> list[str]:
    """Return the faults of the docstrings of some items, each with its name."""
    found = [f"{item.name}: {fault}" for item in items for rule in rules for fault in rule(item)]
    return list(dict.fromkeys(found))


def _is_type_variable(item: Item) -> bool:
    return str(getattr(item.found, "value", "")).startswith("TypeVar(")


def _adds_no_member(item: Item) -> bool:
    """Whether a class has a base of the package with an example, and no public member that the base lacks."""
    own = [name for name in item.found.members if not name.startswith("_")]
    return not own and any(each.has_example for each in item.bases)


def _raised(code: str) -> list[str]:
    """Return the classes of the errors that the body of a function raises itself, not those within it."""
    (function,) = ast.parse(dedent(code)).body
    pending: list[ast.AST] = list(ast.iter_child_nodes(function))
    names: list[str] = []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            names.append(node.exc.func.id)
        pending.extend(ast.iter_child_nodes(node))
    return [name for name in names if name[0].isupper()]


def _error_names() -> set[str]:
    from fibonacci import definitions, emulator, errors, transports

    names = {name for module in (definitions, emulator, errors, transports) for name in module.__all__}
    return names | set(vars(builtins))


def main() -> None:
    """Print the faults."""
    found: Any = faults(public_items(ROOT))
    print(*found, f"{len(found)} faults", sep="\n")


if __name__ == "__main__":
    main()

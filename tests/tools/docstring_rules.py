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
LONGEST: Final = 40
"""Lines of a docstring, `Args:` not counted: there are as many of these as there are parameters."""

INTERNAL: Final = {"NodeError": "the emulator's own: it becomes the error of a node"}
"""Errors that no user catches."""

DESCRIBED_AS: Final = {"ScriptError": "ValueError"}
"""Errors without a public name, each with the public base that docstrings name."""

_GENERIC: Final = frozenset(
    [
        *("a", "an", "the", "of", "to", "in", "on", "for", "from", "by", "with", "and", "or", "at", "as"),
        *("is", "are", "be", "it", "its", "this", "that", "these", "those", "which", "what", "one", "own"),
        *("get", "give", "return", "yield", "make", "show", "call"),
        *("object", "value", "instance", "class", "field", "async"),
    ]
)
_NOT_VERBS: Final = frozenset({"A", "All", "An", "How", "If", "Its", "The", "This", "What", "Whether", "Which"})
_UNITS: Final = re.compile(
    r"seconds|bytes|megabytes|hours|tokens|characters|number|how (many|often)|HTTP status code|port|index|cost"
    r"|from \d|UTC|ISO 8601|requests|version|score",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(r"\bby\b|JSON|\bkeys?\b", re.IGNORECASE)
_ORDER: Final = re.compile(r"\border\b|oldest|newest|first|such as|JSON", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\b(int|float|Whole|Seconds|datetime|Rate)\b")
_MAPPING: Final = re.compile(r"^(dict|Mapping|MutableMapping)\[")
_SEQUENCE: Final = re.compile(r"^(list|tuple|Sequence|Iterable)\[(?!\w+\]$)|^(list|Sequence|Iterable)\[")
_NOTHING: Final = frozenset({"", "None", "NoReturn"})


def missing(item: Item) -> Iterator[str]:
    """Yield a fault where there is no docstring."""
    if not item.text.strip() and not _is_type_variable(item):
        yield "has no docstring"


def summary(item: Item) -> Iterator[str]:
    """Yield the faults of the first paragraph: one sentence; for what is called, in the imperative mood."""
    text = re.sub(r"`[^`]*`", "x", item.summary)
    if text and not text.endswith((".", ":")):
        yield "the summary has no period at its end"
    if item.is_field:
        return
    if re.search(r"[.!?;] +[A-Z`]", text):
        yield "the summary is more than one sentence"
    word = text.split(" ")[0]
    if item.is_function and text and (word in _NOT_VERBS or re.fullmatch(r"[A-Z][a-z]*[^s]s", word)):
        yield f"the summary begins with {word!r}, not with a verb in the imperative mood"


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


def defaults(item: Item) -> Iterator[str]:
    """Yield the parameters whose default is a constant that the signature names, without its value in the text."""
    for name, default in item.defaults.items():
        if default.isupper() and default != "UNSET" and "Default: " not in item.arguments.get(name, ""):
            yield f"the default of {name!r} is {default}, and its value is not said"


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


def quantities(item: Item) -> Iterator[str]:
    """Yield numbers without a unit, mappings without what their keys are, sequences that are read without an order."""
    for name, text in item.arguments.items():
        yield from _unclear(repr(name), item.parameters.get(name, ""), text)
    text = item.text if item.is_field else " ".join(text for _, text in item.returned)
    what = "it" if item.is_field else "what is returned"
    if item.is_field or item.is_function:
        yield from _unclear(what, item.annotation, text)
        if text and any(map(_SEQUENCE.match, _kinds(item.annotation))) and not _ORDER.search(text):
            yield f"{what} is a sequence, and its order is not said: {text!r}"


def repeats(item: Item) -> Iterator[str]:
    """Yield what only repeats names: of the object, of its class, of a parameter."""
    names = [item.found.name, *([item.owner.found.name] if item.owner else [])]
    if item.text and _adds_nothing(item.summary, names):
        yield f"the summary repeats the name: {item.summary!r}"
    for name, text in item.arguments.items():
        if _adds_nothing(text, [*names, name]):
            yield f"the description of {name!r} repeats the name: {text!r}"
    for _, text in item.returned:
        if _adds_nothing(text, [*names, item.annotation]):
            yield f"Returns repeats the name: {text!r}"


def example(item: Item) -> Iterator[str]:
    """Yield a fault where a class, a function or a call of the client has no example.

    A class that adds nothing to a public one is used like that.
    """
    is_call = item.is_function and (item.owner is None or item.owner.is_group or "Fibonacci" in item.owner.found.name)
    if not item.has_example and (is_call or (item.is_class and not item.is_group and not _adds_no_member(item))):
        yield "has no example"


def length(item: Item) -> Iterator[str]:
    """Yield a fault where a docstring is too long to be read in a notebook."""
    lines = len(re.sub(r"\n *Args:\n.*?(\n\n|$)", "\n", item.text, flags=re.DOTALL).splitlines())
    if lines > LONGEST:
        yield f"has {lines} lines without its Args, more than {LONGEST}"


def source(item: Item) -> Iterator[str]:
    """Yield a fault where it is not said what of a group of calls or of a model the platform documents."""
    if (item.is_group or item.is_model) and not re.search(r"\bdocument(s|ed|ation)?\b", item.text):
        yield "says nothing on what the platform documents of it"


def links(item: Item) -> Iterator[str]:
    """Yield the links to pages of the documentation that do not exist."""
    for page, fragment in re.findall(rf"{SITE}([\w/-]+)(?:#([\w-]+))?", item.text):
        path = ROOT / "docs" / f"{page}.md"
        if not path.exists():
            yield f"there is no page {page}"
        elif fragment and fragment not in anchors(path.read_text("utf-8")):
            yield f"the page {page} has no heading {fragment}"


RULES: Final[tuple[Callable[[Item], Iterator[str]], ...]] = (
    missing, summary, arguments, defaults, returns, raises, quantities, repeats, example, length, source, links,
)  # fmt: skip


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


def _kinds(annotation: str) -> list[str]:
    """Return the alternatives of a type."""
    plain = re.sub(r"(type|Callable|Literal)\[[^]]*(\[[^]]*\][^]]*)*\]", "", annotation)
    return [each.strip() for each in plain.split("|")]


def _unclear(what: str, annotation: str, text: str) -> Iterator[str]:
    kinds = _kinds(annotation)
    if not text:
        return
    if any(_NUMBER.fullmatch(each.partition("[")[0]) for each in kinds) and not _UNITS.search(text):
        yield f"{what} is a number or a time without a unit: {text!r}"
    if any(map(_MAPPING.match, kinds)) and not _KEYS.search(text):
        yield f"{what} is a mapping, and what its keys are is not said: {text!r}"


def _adds_nothing(text: str, names: Iterable[str]) -> bool:
    known = {_stem(word) for name in names for word in _words(re.sub(r"([a-z])([A-Z])", r"\1 \2", name))}
    return {_stem(word) for word in _words(text)} <= known | {_stem(word) for word in _GENERIC}


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _stem(word: str) -> str:
    return word.removesuffix("s").removesuffix("e")


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

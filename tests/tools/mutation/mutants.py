"""The mutants of files, and which of them are in a sample.

The kinds of change are those of Cosmic Ray. mutmut 3 changes only the bodies of functions, so it never touches a
constant such as `_LONGEST_OUTAGE`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import random
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

Span = tuple[tuple[int, int], tuple[int, int]]
"""Where something begins and ends: the number of the line, and the column."""

ROOT: Final = Path(__file__).parents[3]

# It has no types, and only the extra `mutation` brings it.
_cosmic_ray: Any = importlib.import_module("cosmic_ray")
for _name in ("ast", "mutating", "plugins"):
    importlib.import_module(f"cosmic_ray.{_name}")


class SourceMutant(NamedTuple):
    """A change of one place of a file.

    Attributes:
        path: The file, from the root of the repository.
        line: The number of the first line that is changed.
        place: The classes and functions that it is in, such as `Row.begin`; empty for none.
        source: The changed text of the file.
        before: The lines that are changed, without their indentation.
        after: The same lines after the change.
    """

    path: str
    line: int
    place: str
    source: str
    before: str
    after: str

    def __str__(self) -> str:
        signed = zip("-+", (self.before, self.after), strict=True)
        changed = [f"  {sign} {line}" for sign, text in signed for line in text.split("\n")]
        return "\n".join((f"{self.path}:{self.line}", *changed))


def sample(paths: Iterable[str], seed: int, size: int) -> list[SourceMutant]:
    """Return the first mutants of those that `in_order` yields."""
    return list(islice(in_order(paths, seed), size))


def in_order(paths: Iterable[str], seed: int, own: Iterable[MutationOperator] = ()) -> Iterator[SourceMutant]:
    """Yield the mutants of files in an order that the seed chooses.

    A place that can be changed in several ways is taken once, with one of them. The choice depends on the text of the
    line, not on its number, so a change of one function leaves the rest of the order as it is.

    Args:
        paths: The files, from the root of the repository.
        seed: Which order.
        own: Kinds of change beside those of Cosmic Ray.
    """
    ways: dict[tuple[float, str, object], list[tuple[MutationOperator, int]]] = {}
    for path in paths:
        source = (ROOT / path).read_text("utf-8")
        lines, ignored = source.splitlines(), list(_without_effect(source))
        nodes = list(_cosmic_ray.ast.ast_nodes(_cosmic_ray.ast.get_ast(source)))
        for operator in (*_operators(), *own):
            spans = (span for node in nodes for span in operator.mutation_positions(node))
            for occurrence, (start, end) in enumerate(spans):
                if not any(begin <= start and end <= until for begin, until in ignored):
                    rank = random.Random(f"{seed} {path} {lines[start[0] - 1]} {start[1]} {end[1]}").random()
                    ways.setdefault((rank, path, start), []).append((operator, occurrence))
    chosen = (_mutant(path, *random.Random(rank).choice(ways[rank, path, start])) for rank, path, start in sorted(ways))
    yield from filter(None, chosen)


class MutationOperator(Protocol):
    """A kind of change, as Cosmic Ray has them."""

    def mutation_positions(self, node: Any, /) -> Iterable[Span]:
        """Yield where it can change a node of the tree of parso, with the begin and the end of what changes."""
        ...

    def mutate(self, node: Any, index: int, /) -> Any:
        """Return the node, changed at one of these places."""
        ...


def _operators() -> Iterator[MutationOperator]:
    """Yield the kinds of change that need no configuration."""
    for name in _cosmic_ray.plugins.operator_names():
        operator = _cosmic_ray.plugins.get_operator(name)
        if not operator.arguments():
            yield operator()


def _without_effect(source: str) -> Iterator[Span]:
    """Yield where annotations, which nothing evaluates, and conditions for type checkers begin and end."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            ignored: object = node.test
        else:
            ignored = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(ignored, ast.expr):
            yield (ignored.lineno, ignored.col_offset), (ignored.end_lineno or 0, ignored.end_col_offset or 0)


def _mutant(path: str, operator: MutationOperator, occurrence: int) -> SourceMutant | None:
    """Return a mutant; None where the change makes no program, such as that of the `*` among parameters."""
    source = (ROOT / path).read_text("utf-8")
    try:
        mutated: str = _cosmic_ray.mutating.mutate_code(source, operator, occurrence)
        with warnings.catch_warnings(action="error"):
            compile(mutated, path, "exec")
    except (AttributeError, SyntaxError):  # the first is Cosmic Ray's, for the dotted name of an exception
        return None
    was, becomes = source.splitlines(), mutated.splitlines()
    codes = difflib.SequenceMatcher(a=was, b=becomes, autojunk=False).get_opcodes()
    ((_, start, end, to, until),) = [code for code in codes if code[0] != "equal"]
    before, after = ("\n".join(filter(None, map(str.strip, part))) for part in (was[start:end], becomes[to:until]))
    return SourceMutant(path, start + 1, _place(source, start + 1), mutated, before, after)


def _place(source: str, line: int) -> str:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):  # outer ones first
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            begins = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if begins <= line <= (node.end_lineno or 0):
                names.append(node.name)
    return ".".join(names)

"""Every regular expression of the package takes linear time: each call of `re` in the sources is found and checked."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import fibonacci
from fibonacci.definitions.checks.templates import _PATH  # pyright: ignore[reportPrivateUsage]
from tests.kit.assertions import check_each, each_row
from tests.kit.backtracking import is_slow

ROOT: Final = Path(fibonacci.__file__).parent
FUNCTIONS: Final = {"compile", "match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn"}

EXEMPT: Final = {
    # It is possessive as a whole, which the check does not follow, and ends in what it stops at.
    rb'(?:[^,:\[{"]++|"(?:[^"\\]++|\\.)*+"?)*+(?:[,:\[{]|\Z)',
    # It searches the last 200 characters before a place.
    rf"({_PATH})\s*+$",
}
LOCALS: Final[dict[str, Any]] = {
    "name": "base_url",
    "texts": ["secret", "key"],
    "hidden": ["secret"],
    "python": r"pip install (\w+)",
}
"""What the names are of which functions make patterns."""


class RegexUse(NamedTuple):
    """A pattern, and how it is used."""

    place: str
    pattern: re.Pattern[Any]
    is_search: bool
    is_full: bool


class RegexSource:
    """A file of the package that uses `re`.

    Args:
        path: The file.
        text: What it has.
    """

    def __init__(self, path: Path, text: bytes) -> None:
        self.path: Final = path
        self.calls: dict[ast.expr, ast.Call] = {}
        self.assignments: list[ast.Assign | ast.AnnAssign] = []
        self._owners: dict[ast.expr, ast.Attribute] = {}
        self._loads: defaultdict[str, list[ast.Name]] = defaultdict(list)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name):
                self._loads[node.id].append(node)
            elif isinstance(node, ast.Attribute):
                self._owners[node.value] = node
            elif isinstance(node, ast.Call):
                self.calls[node.func] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                self.assignments.append(node)

    def methods(self, name: str) -> set[str]:
        """Return the methods of a pattern that are called by its name; `search` where it is passed on."""
        found: set[str] = set()
        for node in self._loads[name]:
            if not isinstance(node.ctx, ast.Load):
                continue
            owner = self._owners.get(node)
            if owner is None:
                found.add("search")
            elif owner.attr != "pattern":
                call = self.calls.get(owner)
                found.add(owner.attr if call is not None and len(call.args) == 1 else "search")
        return found


def uses() -> Iterator[RegexUse]:
    """Yield each pattern that is given to `re` in the sources."""
    texts = {each: each.read_bytes() for each in sorted(ROOT.rglob("*.py")) if "_sync" not in each.parts}
    assert not [each for each, text in texts.items() if b"from re import" in text]
    sources = [RegexSource(each, text) for each, text in texts.items() if b"re." in text and b"import re\n" in text]
    for source in sources:
        assigned: dict[ast.AST, str] = {}
        for assignment in source.assignments:
            target = assignment.targets[0] if isinstance(assignment, ast.Assign) else assignment.target
            if isinstance(target, ast.Name) and assignment.value is not None:
                assigned |= dict.fromkeys(ast.walk(assignment.value), target.id)
        for function, node in source.calls.items():
            if not isinstance(function, ast.Attribute):
                continue
            if function.attr not in FUNCTIONS or ast.unparse(function.value) != "re":
                continue
            methods = {function.attr}
            if function.attr == "compile":
                name = assigned.get(node, "")
                is_public = name.isupper() and not name.startswith("_")
                users = [each for each in sources if is_public or each is source]
                methods = {method for each in users for method in each.methods(name)} if name else {"search"}
            flags = next((each for each in node.args if ast.unparse(each).startswith("re.")), None)
            pattern = re.compile(_value(source, node.args[0]), 0 if flags is None else _value(source, flags))
            place = f"{source.path.relative_to(ROOT).as_posix()}: {pattern.pattern!r}"
            yield RegexUse(
                place, pattern, is_search=not methods <= {"match", "fullmatch"}, is_full=methods == {"fullmatch"}
            )


def _value(source: RegexSource, node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):  # its module need not be imported
        return node.value
    module = importlib.import_module(".".join(source.path.relative_to(ROOT.parent).with_suffix("").parts))
    return eval(compile(ast.Expression(node), str(source.path), "eval"), vars(module) | {"re": re}, LOCALS)


def test_every_regular_expression_takes_linear_time() -> None:
    exempt = dict.fromkeys(EXEMPT, False)

    def check(use: RegexUse) -> None:
        if use.pattern.pattern in exempt:
            exempt[use.pattern.pattern] = True
            return
        method = "search" if use.is_search else "fullmatch" if use.is_full else "match"
        assert not is_slow(use.pattern, method), use.place

    check_each(uses(), check)
    assert all(exempt.values()), exempt


@each_row(
    ("pattern", "slow"),
    [
        ("(a+)+$", True),
        ("(a*)*b", True),
        ("(a|ab|b)*c", True),
        (r"(\w+\s?)*$", True),
        (r"\s*$", True),
        ("(.*)(.*)x", True),
        ("a*a*b", True),
        ("<[^>]*>", True),
        (r"\d+(?=x)", True),
        ("(?s)<s>.*?</s>", True),
        (rb"[a-z]*[a-m]*!", True),
        (r"\s*+x", True),
        ("[a-z]+", False),
        (r"\{\{([^{}]*)\}\}", False),
        ('"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"', True),
        ("^(?:a+,)*a+$", False),
        ("^[a-z]+[0-9]+[a-z]+$", False),
        ("^a{0,50}a{0,50}b", False),
        (r"(?<!\w)(\w++)(?:\.\w++)*+;", True),
        ("^a++[ab]+c", False),
        (r"\}\s*,(?=\s*\{)", False),
    ],
)
def test_what_may_go_back_is_found(pattern: str | bytes, *, slow: bool) -> None:
    assert is_slow(re.compile(pattern), "search") == slow

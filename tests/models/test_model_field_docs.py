"""Every field that a user can read has a docstring of its own, which editors show: a sentence, with the unit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import fibonacci
from tests.kit.assertions import check_rows

PACKAGE = Path(fibonacci.__file__).parent
FILES = [
    PACKAGE / "errors.py",
    PACKAGE / "_core/messages.py",
    PACKAGE / "_core/option_types.py",
    PACKAGE / "definitions/problems.py",
    PACKAGE / "definitions/templates.py",
    PACKAGE / "definitions/nodes.py",
    PACKAGE / "definitions/comparison.py",
    PACKAGE / "deployment/plan.py",
    *sorted((PACKAGE / "models").glob("*.py")),
]
UNITS = (
    "HTTP status code", "ISO 8601", "UTC", "megabytes", "milliseconds", "number of", "number or name", "a number",
    "seconds",
)  # fmt: skip
QUANTITIES = frozenset({"int", "float", "datetime"})


class Field(NamedTuple):
    """A field or a property of a class, with its annotation and its docstring."""

    name: str
    annotation: ast.expr
    docstring: str | None

    @property
    def is_quantity(self) -> bool:
        """Whether it is a number or a time."""
        names = {node.id for node in ast.walk(self.annotation) if isinstance(node, ast.Name)}
        return bool(names & QUANTITIES) or self.name.endswith("_at")


def all_fields() -> list[Field]:
    """Return the fields of all files."""
    return [field for path in FILES for field in fields(path)]


def fields(path: Path) -> Iterator[Field]:
    """Yield the public fields and properties of the public classes of a file."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from members(node)


def members(node: ast.ClassDef) -> Iterator[Field]:
    for statement, following in pairwise([*node.body, ast.Pass()]):
        if isinstance(statement, ast.AnnAssign) and not is_class_variable(statement) and not is_private(statement):
            yield Field(f"{node.name}.{ast.unparse(statement.target)}", statement.annotation, text_of(following))
        elif isinstance(statement, ast.FunctionDef) and statement.returns and is_property(statement):
            yield Field(f"{node.name}.{statement.name}", statement.returns, ast.get_docstring(statement))


def is_class_variable(statement: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(statement.annotation)


def is_private(statement: ast.AnnAssign) -> bool:
    return ast.unparse(statement.target).startswith("_")


def text_of(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return None


def is_property(function: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "property" for each in function.decorator_list)


def test_a_field_has_a_sentence_and_a_quantity_its_unit() -> None:
    fields = {field.name: field for field in all_fields()}
    assert {
        "Workflow.id", "Execution.duration_ms", "ResponseInfo.elapsed", "Quota.limits", "LLMNode.max_tokens",
    } <= fields.keys()  # fmt: skip
    assert len(fields) > 110

    def check(field: Field) -> None:
        assert field.docstring
        first = field.docstring.strip().splitlines()[0]
        assert first[0].isupper()
        assert field.docstring.rstrip().endswith(".")
        if field.is_quantity:
            assert any(unit in field.docstring for unit in UNITS), field.docstring

    check_rows(fields.items(), check)


def test_no_class_lists_its_fields_a_second_time() -> None:
    """`Attributes:` in the docstring of the class would say the same as the docstrings of the fields."""
    assert [path.name for path in FILES if "Attributes:" in path.read_text("utf-8")] == []

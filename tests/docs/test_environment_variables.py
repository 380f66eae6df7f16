"""The page of the environment variables has each that the sources read, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from fibonacci.cli.diagnosis import VARIABLES
from tests.tools.markdown import ROOT

PAGE = (ROOT / "docs" / "reference" / "environment-variables.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`[A-Z][A-Z_]+`[^|]*)\|", PAGE, re.MULTILINE)
DOCUMENTED = {name for row in ROWS for name in re.findall(r"`([A-Z_]+)`", row)}


def constants(sources: list[str]) -> Iterator[str]:
    """Yield every text in the code that is the name of a variable of the SDK, and every one that is read."""
    for source in sources:
        nodes = ast.walk(ast.parse(source)) if re.search("environ|getenv|FIBONACCI_", source) else ()
        for node in nodes:
            if isinstance(node, ast.Constant) and re.fullmatch(r"FIBONACCI_[A-Z_]+", str(node.value)):
                yield str(node.value)
            elif isinstance(node, ast.Call) and named(node.func) in ("os.environ.get", "os.getenv"):
                yield from literal(node.args[0])
            elif isinstance(node, ast.Compare) and named(node.comparators[0]) == "os.environ":
                yield from literal(node.left)


def named(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def literal(node: ast.expr) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_the_rows_are_the_variables_in_the_sources() -> None:
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "fibonacci").rglob("*.py"))]
    read = set(constants(sources))
    assert {"FIBONACCI_API_KEY", "NO_COLOR", "SSL_CERT_DIR", "REQUEST_METHOD"} <= read
    assert read <= DOCUMENTED
    text = "\n".join(sources)
    assert [name for name in DOCUMENTED if name not in text] == []
    assert {name for name in DOCUMENTED if name.startswith("FIBONACCI_")} == {
        name for name in read if name.startswith("FIBONACCI_")
    }


def test_doctor_knows_all_of_them() -> None:
    assert set(VARIABLES) == {name for name in DOCUMENTED if name.startswith("FIBONACCI_")}

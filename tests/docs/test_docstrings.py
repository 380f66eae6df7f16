"""Every example in a docstring of the package runs, in both modes.

An example is a fenced `python` block, or one with the interpreter's prompts, whose output is compared (`...` stands for
anything) and which sees its module's names, as with doctest. Both find these ready made:

    emulator     an `Emulator` that runs; the environment leads to it
    client       a client on it: `AsyncFibonacci` in `_async/` and wherever the block awaits, else `Fibonacci`
    workflow     a `Workflow` that exists there
    execution    an `Execution` of it, completed
"""

from __future__ import annotations

import ast
import doctest
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from tests.docs.markdown import ROOT, Block, blocks
from tests.docs.running import Setting, compiled, environment, setting, waits

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "fibonacci"
DEFINITION = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module with their first lines; those of attributes too."""
    for node in statements(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
            case _:
                pass


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements inside a node, without their expressions, of which there are many more."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
            yield from statements(child)


DOCSTRINGS = [(path, line, text) for path in sorted(PACKAGE.rglob("*.py")) for line, text in docstrings(path)]
BLOCKS = [block for path, line, text in DOCSTRINGS for block in blocks(text, path, line)]
SESSIONS = [
    pytest.param(path, line, text, id=f"{path.relative_to(ROOT)}:{line}")
    for path, line, text in DOCSTRINGS
    if ">>> " in text
]


@pytest.fixture
def prepared() -> Iterator[Setting]:
    """Return a setting with the names that an example finds, on the sync client."""
    with setting() as made, Fibonacci(made.emulator.api_key, base_url=made.emulator.base_url) as client:
        workflow = client.workflows.create(name="Greeting", definition=DEFINITION)
        execution = client.workflows.execute(workflow.id, inputs={"name": "Ada"})
        made.namespace |= {
            "emulator": made.emulator,
            "client": client,
            "workflow": workflow,
            "execution": execution,
        }
        yield made


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_example(block: Block, prepared: Setting) -> None:
    if "_async" in block.path.parts or waits(compiled(block)):
        emulator = prepared.emulator
        prepared.namespace["client"] = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url)
    prepared.run(block)


@pytest.mark.parametrize(("path", "line", "text"), SESSIONS)
def test_example_with_prompts(path: Path, line: int, text: str, prepared: Setting) -> None:
    names = vars(import_module(module_name(path))) | prepared.namespace
    example = doctest.DocTestParser().get_doctest(text, names, path.stem, str(path), line - 1)
    with patch.dict(os.environ, environment(prepared.emulator)):
        results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert results.attempted
    assert not results.failed


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_blocks_say_what_they_are() -> None:
    assert [str(block) for block in BLOCKS if not block.language] == [], "name the language: `python` is run"
    assert [str(block) for block in BLOCKS if block.not_run is not None] == [], "an example in a docstring runs"

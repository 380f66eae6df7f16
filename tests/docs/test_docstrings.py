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
import re
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.emulator import Emulator
from tests.docs.running import NEEDS_MORE, Setting, compiled, environment, setting, waits
from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT, Block, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

PACKAGE = ROOT / "fibonacci"
DEFINITION = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
HALVES = ("_async", "_sync")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module with their first lines; those of attributes too."""
    for node in statements(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
            case _:
                pass


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements inside a node. Its many expressions are skipped."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
            yield from statements(child)


def examples(files: Iterable[Path]) -> Iterator[tuple[str, str, Callable[[ReadyMade], None]]]:
    """Yield the examples of some files: the place of each, its text, and what runs it with what is ready made."""
    for path in sorted(files):
        if re.search("```|~~~|>>> ", path.read_text("utf-8")):
            for line, text in docstrings(path):
                for block in blocks(text, path, line):
                    assert block.language, f"{block}: name the language: `python` is run"
                    assert block.not_run is None, f"{block}: an example in a docstring runs"
                    if block.language == "python":
                        yield str(block), block.code, partial(run_block, block)
                if ">>> " in text:
                    yield f"{path.relative_to(ROOT)}:{line}", text, partial(run_prompts, path, line, text)


def run_block(block: Block, shared: ReadyMade) -> None:
    is_async = "_async" in block.path.parts or waits(compiled(block))
    with prepared(shared, block.code, is_async=is_async) as made:
        made.run(block)


def run_prompts(path: Path, line: int, text: str, shared: ReadyMade) -> None:
    with prepared(shared, text, is_async=False) as made:
        names = vars(import_module(module_name(path))) | made.namespace
        example = doctest.DocTestParser().get_doctest(text, names, path.stem, str(path), line - 1)
        with patch.dict(os.environ, environment(made.emulator)):
            results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert results.attempted
    assert not results.failed


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@contextmanager
def prepared(shared: ReadyMade, code: str, *, is_async: bool) -> Generator[Setting]:
    """Yield a setting with the names that an example finds.

    It is on the emulator that all share, which is then as it was, unless the example does something to its emulator:
    the clock does not go back, and the clients remember the limits.
    """
    client_class = AsyncFibonacci if is_async else Fibonacci
    is_alone = "emulator" in code.lower()
    with setting() if is_alone else setting(shared.emulator) as made, made.emulator.preserve_state():
        emulator = made.emulator
        ready_made = ReadyMade(emulator) if is_alone else shared
        made.namespace |= vars(ready_made) | {"client": client_class(emulator.api_key, base_url=emulator.base_url)}
        yield made


class ReadyMade:
    """What an example finds ready made, beside a client.

    Args:
        emulator: An emulator that runs.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.workflow = emulator.client().workflows.create(name="Greeting", definition=DEFINITION)
        self.execution = emulator.client().workflows.execute(self.workflow.id, inputs={"name": "Ada"})


@pytest.mark.parametrize(
    "part",
    # The sync half is derived, with its examples, and compared in each run.
    ["_async", "others", pytest.param("_sync", marks=pytest.mark.slow)],
)
def test_every_example_runs(part: str, emulator: Emulator) -> None:
    folder = PACKAGE if part == "others" else PACKAGE / part
    files = [path for path in folder.rglob("*.py") if part in HALVES or not {*HALVES} & {*path.parts}]
    found = list(examples(files))
    assert len(found) > 60
    shared = ReadyMade(emulator)
    rows = [(place, run) for place, text, run in found if not NEEDS_MORE.search(text)]
    check_rows(rows, lambda run: run(shared))


@pytest.mark.slow
def test_every_example_that_needs_more_runs(emulator: Emulator) -> None:
    rows = [(place, run) for place, text, run in examples(PACKAGE.rglob("*.py")) if NEEDS_MORE.search(text)]
    assert rows
    shared = ReadyMade(emulator)
    check_rows(rows, lambda run: run(shared))

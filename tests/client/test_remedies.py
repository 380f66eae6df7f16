"""Remedies say the same in the words of Python and in those of the command."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import fibonacci
from fibonacci import _remedies
from fibonacci._remedies import (
    Wording,
    argument,
    for_command,
    for_reader,
    joined,
    printing_for_command,
    remedy,
    text_of,
)
from fibonacci.errors import APIStatusError, ConfigurationError

PACKAGE = Path(fibonacci.__file__).parent


def test_the_text_of_an_error_is_known_in_both() -> None:
    error = APIStatusError(joined("the plan deletes 2: pass ", argument("allow_delete", True)))
    assert str(error) == "the plan deletes 2: pass allow_delete=True [0 attempts, 0.00 s]"
    assert text_of(error).command == "the plan deletes 2: pass --allow-delete [0 attempts, 0.00 s]"
    assert for_command("as it is") == "as it is"


def test_what_the_library_prints_is_in_the_words_of_the_command_while_that_runs() -> None:
    text = joined("pass ", argument("if_unknown", "rerun"))
    with printing_for_command():
        assert for_reader(text) == "pass --if-unknown rerun"
    assert for_reader(text) == 'pass if_unknown="rerun"'


def test_a_copied_a_pickled_and_a_redacted_error_know_it_too() -> None:
    error = ConfigurationError(joined("the file of secret: ", remedy("private authority")))
    for other in (copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert text_of(other).command == "the file of secret: set SSL_CERT_FILE to its file"
    redacted = error.message.replace("secret", "***")
    assert (redacted, for_command(redacted)) == (
        "the file of ***: pass ca_bundle=... or set SSL_CERT_FILE",
        "the file of ***: set SSL_CERT_FILE to its file",
    )


def test_options_are_named_as_the_command_has_them() -> None:
    for python, command in (
        (argument("max_failures"), "--max-failures"),
        (argument("max_failures", ...), "--max-failures"),
        (argument("if_new_version", "continue"), "--if-new-version continue"),
        (argument("timeout", 2.5), "--timeout 2.5"),
    ):
        assert isinstance(python, Wording)
        assert for_command(python) == command


def test_each_remedy_is_used_and_the_command_names_nothing_of_python() -> None:
    sources = [file for file in PACKAGE.rglob("*.py") if file.name != "_remedies.py" and "_sync" not in file.parts]
    used = set(re.findall(r'\bremedy\("([^"]+)"', "".join(file.read_text("utf-8") for file in sources)))
    assert used == _remedies.TABLE.keys()
    of_python = {name for name, (_, command) in _remedies.TABLE.items() if re.search(r"\w\.\w|\w=\.|\(", command)}
    assert of_python <= {"speak v1"}  # which has FIBONACCI_API_VERSION=0.2


def test_what_a_deployment_says_names_nothing_of_python_but_by_remedies() -> None:
    """Texts of its errors, problems and changes; a wrong type is a fault of a program, which the command is not."""
    files = [*(PACKAGE / "deployment").glob("*.py"), PACKAGE / "_async" / "deployments.py"]
    texts = [text for file in files for text in _texts(ast.parse(file.read_text("utf-8")))]
    assert len(texts) > 100
    assert [text for text in texts if re.search(r"\w=(?!=)|\w\(\w|\b(plan|client|workflows)\.\w", text)] == []


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts of several words in a source, but docstrings, and those of what raises a `TypeError`."""
    if isinstance(node, ast.Raise) and "TypeError" in ast.dump(node):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and " " in child.value:
            if not isinstance(node, ast.Expr):
                yield child.value
        else:
            yield from _texts(child)

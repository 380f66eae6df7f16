"""Remedies say the same in the words of Python and in those of the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fibonacci
from fibonacci import Fibonacci, _remedies
from fibonacci._remedies import argument, worded_for_command
from fibonacci.errors import ConfigurationError

PACKAGE = Path(fibonacci.__file__).parent


def test_an_error_has_the_words_of_who_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", "fib_test_key")

    def fault() -> str:
        with pytest.raises(ConfigurationError) as raised:
            Fibonacci(base_url="http://api.example/v1")
        return str(raised.value)

    assert fault().endswith("Use https, or pass allow_insecure=True on a network you trust")
    with worded_for_command():
        assert fault().endswith("Use https")
    assert "allow_insecure=True" in fault()


def test_options_are_named_as_the_command_has_them() -> None:
    for name, value, python, command in (
        ("max_failures", None, "max_failures", "--max-failures"),
        ("max_failures", ..., "max_failures=", "--max-failures"),
        ("if_new_version", "continue", 'if_new_version="continue"', "--if-new-version continue"),
        ("timeout", 2.5, "timeout=2.5", "--timeout 2.5"),
        ("allow_delete", True, "allow_delete=True", "--allow-delete"),
    ):
        assert argument(name, value) == python
        with worded_for_command():
            assert argument(name, value) == command


def test_each_remedy_is_used_and_the_command_names_nothing_of_python() -> None:
    sources = [file for file in PACKAGE.rglob("*.py") if file.name != "_remedies.py" and "_sync" not in file.parts]
    used = set(re.findall(r"""\bremedy\(["']([^"']+)["']""", "".join(file.read_text("utf-8") for file in sources)))
    assert used == _remedies.TABLE.keys()
    of_python = {name for name, (_, command) in _remedies.TABLE.items() if re.search(r"\w\.\w|\w=\.|\(", command)}
    assert of_python <= {"speak v1"}  # which has FIBONACCI_API_VERSION=0.2

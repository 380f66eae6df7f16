"""What the command loads: help loads no client, and one command does not load the others."""

from __future__ import annotations

import pytest

from tests.test_startup import HEAVY, loaded_by

SHARED = {
    "fibonacci",
    "fibonacci._system",
    "fibonacci._system.lazy",
    "fibonacci._remedies",
    "fibonacci._texts",
    "fibonacci._texts.suggestions",
    "fibonacci.cli",
    "fibonacci.cli.call_tables",
    "fibonacci.cli.parser",
    "fibonacci.cli.exit_codes",
    "fibonacci.cli.main",
    "fibonacci.cli.standard_streams",
    "fibonacci.cli.numbers",
}
GROUP = {
    "fibonacci.cli.calls",
    "fibonacci.cli.calls.arguments",
    "fibonacci.cli.calls.entries",
}
CALL = {"fibonacci.cli.calls.value_kinds", "fibonacci.cli.numbers"}
ARGPARSE = {"json", "re", "typing"}


def loaded_by_help(*arguments: str) -> set[str]:
    """Return the modules that a help loads in a fresh interpreter."""
    return loaded_by(
        "import io; out, sys.stdout = sys.stdout, io.StringIO(); from contextlib import suppress\n"
        "from fibonacci.cli.main import main\n"
        f"with suppress(SystemExit): main({[*arguments, '--help']!r})\n"
        "assert 'usage: ' in sys.stdout.getvalue(); sys.stdout = out"
    )


@pytest.mark.parametrize(
    ("arguments", "own"),
    [((), SHARED), (("workflows", "get"), SHARED | GROUP | CALL)],
)
def test_what_a_help_loads(arguments: tuple[str, ...], own: set[str]) -> None:
    loaded = loaded_by_help(*arguments)
    assert {name for name in loaded if name.partition(".")[0] == "fibonacci"} == own
    assert loaded & HEAVY == ARGPARSE

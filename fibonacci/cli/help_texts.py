"""Texts of the help whose lines are laid out by hand."""

from __future__ import annotations

import argparse
from typing import Any, Final

RAW_CSV: Final = "leave cells of CSV as they are; default: ' before a text that a spreadsheet would take for a formula"
"""The help of `--raw-csv`."""


def keep_lines(parser: argparse.ArgumentParser) -> None:
    """Print the description and the epilog of a parser with the lines that they have."""
    bases: tuple[Any, ...] = (argparse.RawDescriptionHelpFormatter, parser.formatter_class)
    formatter: Any = type("KeptLinesHelp", bases, {})
    parser.formatter_class = formatter

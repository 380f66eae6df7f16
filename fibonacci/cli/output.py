"""Data on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence


class Output:
    """Prints data to stdout, in the form that the options and the terminal call for.

    Args:
        options: The parsed command line.

    Attributes:
        is_json: Whether one JSON value is called for.
        is_terminal: Whether a person reads stdout.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_json: bool = options.json
        self.is_terminal: bool = sys.stdout.isatty()
        self._options = options

    def value(self, value: Any) -> None:
        """Print one object: a model, or a value that has a JSON form."""
        print(json.dumps(_plain(value), ensure_ascii=False))

    def items(self, items: Iterable[Any], columns: Sequence[str] = ()) -> None:
        """Print a list as its items come, at most `--limit` of them.

        Args:
            items: Models, or objects that have a JSON form.
            columns: The fields that a table shows; default: those that the first item has.
        """
        for item in items:
            print(json.dumps(_plain(item), ensure_ascii=False), flush=True)

    def line(self, value: Any) -> None:
        """Print one object of a stream, as a line of JSON."""
        print(json.dumps(_plain(value), ensure_ascii=False), flush=True)

    def text(self, text: str) -> None:
        """Print a text that is the data, such as a diagram."""
        print(text)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value

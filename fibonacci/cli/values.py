"""Values as people type them: JSON, a file, stdin."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import read_stdin

STDIN: Final = "stdin"


class NotJSONError(argparse.ArgumentTypeError):
    """A text is not JSON."""


class JSONValue(NamedTuple):
    """A JSON value of the command line, which may be null.

    Attributes:
        value: The value.
        source: Where it comes from, for messages.
    """

    value: Any
    source: str


def json_value(text: str) -> JSONValue:
    """Read JSON from an argument: the JSON itself, `@FILE`, or `-` for stdin.

    Raises:
        argparse.ArgumentTypeError: If it can't be read, or isn't JSON.
    """
    source = "the argument"
    if text == "-" or text.startswith("@"):
        source, text = content_of(text.removeprefix("@"))
    try:
        return JSONValue(json.loads(text), source)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise NotJSONError(f"{source} is not JSON ({place}: {error.msg})") from None
    except (ValueError, RecursionError) as error:  # a number with thousands of digits, or thousands of levels
        raise argparse.ArgumentTypeError(f"{source} is JSON that can't be read ({error})") from None


def json_kind(value: object) -> str:
    """Return the name of a value's type in JSON."""
    kinds = {"dict": "an object", "list": "an array", "str": "a string", "bool": "a boolean", "NoneType": "null"}
    return kinds.get(type(value).__name__, "a number")


def content_of(path: str) -> tuple[str, str]:
    """Return where a text comes from, and the text: of a file, or of stdin for `-`.

    Raises:
        argparse.ArgumentTypeError: If it cannot be read.
    """
    try:
        return (STDIN, read_stdin()) if path == "-" else (path, Path(path).read_text("utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{path} is not UTF-8") from None


def check_out(path: str, *, with_partial: bool = False) -> str | None:
    """Check, before anything is sent, that the file of `--out` can be written.

    Args:
        path: Its path.
        with_partial: Whether results go to `PATH.partial` first, which must then belong to this user too.

    Returns:
        Its path without links, or None for a pipe or a device, which is written to directly.

    Raises:
        UsageError: If it cannot be written.
    """
    from fibonacci._system.files import check_replaceable, check_state, is_stream

    try:
        if is_stream(path):
            return None
        out = os.path.realpath(check_replaceable(path))
        if with_partial:
            check_state(f"{out}.partial")
    except OSError as error:
        file = path if error.filename is None else error.filename
        raise UsageError(f"--out {path}: {file} {error.strerror}") from error
    folder = Path(out).parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"--out {path}: name a file in a folder that you can write to")
    return out

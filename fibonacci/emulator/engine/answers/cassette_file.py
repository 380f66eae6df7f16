"""The file of a cassette: JSON for people to read, written as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.answers.recorded_calls import RecordedCall, content_of, key_of
from fibonacci.emulator.engine.usage import USAGE_FIELDS, is_usage
from fibonacci.emulator.input_files import InputFile, InputFileError
from fibonacci.emulator.state.json_encoding import parse_json

FORMAT: Final = 1
_REQUIRED: Final = ("kind", "node", "input")
_KEYS: Final = (*_REQUIRED, "key", "answer", "error", "usage")


def read_calls(path: Path) -> list[RecordedCall]:
    """Return the calls of a cassette.

    Raises:
        FileNotFoundError: If there is no such file.
        InputFileError: If it cannot be read, is malformed, or was written by a newer version.
    """
    try:
        content = parse_json(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputFileError(f"{path}: the cassette cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputFileError(f"{path}:{error.lineno}:{error.colno}: not a JSON document: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: not a JSON document in UTF-8: {error}") from None
    try:
        return _calls(content)
    except _Malformed as fault:
        raise _located(path, *fault.args) from None


def write_calls(path: Path, calls: Sequence[str]) -> None:
    """Replace a cassette.

    Args:
        path: The file.
        calls: The calls, each as `text_of` returns it.

    Raises:
        OSError: If it cannot be written; it then is as it was.
    """
    from fibonacci._files import write_file

    joined = ",\n".join(calls)
    write_file(path, f'{{\n"format": {FORMAT},\n"calls": [\n{joined}\n]\n}}\n', created=0o600)


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with every change of a file; `None` if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def text_of(call: RecordedCall) -> str:
    """Return a call as the text that is stored."""
    content = content_of(call)
    text = json.dumps(content, ensure_ascii=False, indent=2)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(content, indent=2)
    return text


class _Malformed(Exception):
    """What is wrong with a cassette: the place, and the message."""


def _calls(content: Any) -> list[RecordedCall]:
    if not is_object(content):
        raise _Malformed("", "a cassette is an object with format and calls")
    number = content.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise _Malformed(
            "format" if "format" in content else "", f"the format of a cassette is a number, not {number!r}"
        )
    if number > FORMAT:
        message = f"the format is {number}, and this version reads {FORMAT}: update fibonacci-sdk, or record it again"
        raise _Malformed("format", message)
    for name in content:
        if name not in ("format", "calls"):
            raise _Malformed(name, "a cassette has the keys format and calls only")
    calls = content.get("calls")
    if not is_array(calls):
        raise _Malformed("calls" if "calls" in content else "", "the calls of a cassette are a list")
    return [_call(each, f"calls[{index}]") for index, each in enumerate(calls)]


def _call(content: Any, place: str) -> RecordedCall:
    if not is_object(content):
        raise _Malformed(place, f"a call is an object with {', '.join(_REQUIRED)}, and answer or error")
    for name in content:
        if name not in _KEYS:
            raise _Malformed(f"{place}.{name}", f"a call has the keys {', '.join(_KEYS)} only")
    missing = [name for name in _REQUIRED if name not in content]
    if missing or ("answer" in content) == ("error" in content):
        raise _Malformed(place, f"a call has {missing[0]}" if missing else "a call has either an answer or an error")
    for name in ("kind", "node", "key", "error"):
        if name in content and not isinstance(content[name], str):
            raise _Malformed(f"{place}.{name}", "it is a text")
    if not is_object(content["input"]):
        raise _Malformed(f"{place}.input", "the input of a call is an object")
    if not is_usage(content.get("usage", {})):
        raise _Malformed(f"{place}.usage", f"the usage of a call is an object with numbers: {', '.join(USAGE_FIELDS)}")
    fields = {name: content[name] for name in (*_REQUIRED, "answer", "error", "usage") if name in content}
    call = RecordedCall(**fields)
    if content.get("key", key := key_of(call)) != key:
        message = "it is not the hash of kind and input: remove it if you have changed them, it is computed then"
        raise _Malformed(f"{place}.key", message)
    return call


def _located(path: Path, location: str, message: str) -> InputFileError:
    """Return the error for a place, with line and column where the file can be read with those."""
    try:
        return InputFile(os.fspath(path)).error(location, message)
    except InputFileError:
        return InputFileError(f"{path}: {location}: {message}" if location else f"{path}: {message}")

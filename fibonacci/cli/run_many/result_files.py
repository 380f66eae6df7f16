"""Results as JSON Lines or CSV, in a file that is whole or not there."""

from __future__ import annotations

import csv
import json
import os
import sys
from contextlib import ExitStack
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fibonacci._files import check_replaceable, check_state, finish, is_stream, open_state, open_stream
from fibonacci.cli.ci_commands import is_read_by_ci, without_commands, without_commands_in_json
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.rendering import select
from fibonacci.cli.run_many.row_files import RowFormat, text_cell
from fibonacci.cli.standard_streams import has_stream
from fibonacci.models.run_results import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fibonacci import RunResult


class ResultStream:
    """Writes results to a stream, each with a flush.

    Args:
        stream: The stream.
        name: `jsonl`, or `csv`, in which inputs and outputs are cells of JSON.
        fields: Write these fields of JSON Lines alone.
        is_raw: Whether cells of CSV are written as they are, also those that a spreadsheet takes for formulas.
        is_log: Whether CI may read the stream, so that what would be a command there is escaped.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: RowFormat,
        fields: Sequence[str] = (),
        *,
        is_raw: bool = False,
        is_log: bool = False,
    ) -> None:
        self._stream = stream
        self._is_log = is_log
        self._encode = partial(_csv_line, is_raw=is_raw) if name == "csv" else partial(_json_line, fields=fields)
        if name == "csv":
            self._put(_csv_record(COLUMNS))

    def write(self, result: RunResult) -> None:
        """Write a result."""
        self._put(self._encode(result))

    def finish(self) -> None:
        """Do nothing: each result is whole."""

    def _put(self, text: str) -> None:
        self._stream.write(_encoded(without_commands(text) if self._is_log else text))
        self._stream.flush()


class ResultArray:
    """Writes results to a stream as one JSON array.

    Its end is written after the last result only, so that a part is no JSON.

    Args:
        stream: The stream.
        fields: Write these fields alone.
    """

    def __init__(self, stream: BinaryIO, fields: Sequence[str] = ()) -> None:
        self._stream = stream
        self._fields = fields
        self._separator = b"[\n"

    def write(self, result: RunResult) -> None:
        """Write a result."""
        self._put(self._separator + _encoded(_json_text(_selected(result, self._fields))))
        self._separator = b",\n"

    def finish(self) -> None:
        """End the array: all results are written."""
        self._put(b"[]\n" if self._separator == b"[\n" else b"\n]\n")

    def _put(self, content: bytes) -> None:
        self._stream.write(content)
        self._stream.flush()


class ResultFile:
    """Writes results to `PATH.partial`, which takes the place of `PATH` when all are written.

    So a file at the path is whole. What a crash leaves in the partial file the journal has too, and the next run
    writes it again, from the first result on. A new file is for this user alone.

    Args:
        path: The path of the file; a pipe or device is written to as it is.
        name: `jsonl` or `csv`.
        is_raw: Whether cells of CSV are written as they are.

    Attributes:
        written_to: The path that is written to.

    Raises:
        OSError: If the file, the partial file or a link to it is another user's.
    """

    def __init__(self, path: str, name: RowFormat, *, is_raw: bool = False) -> None:
        self._name: RowFormat = name
        self._is_raw = is_raw
        self._target: Path | None = None if is_stream(path) else Path(os.path.realpath(check_replaceable(path)))
        self.written_to: str = path if self._target is None else f"{self._target}.partial"
        if self._target is not None:
            check_state(self.written_to)
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._stream: ResultStream | None = None

    @property
    def is_begun(self) -> bool:
        """Whether anything was written."""
        return self._stream is not None

    def write(self, result: RunResult) -> None:
        """Write a result.

        Raises:
            OSError: If it cannot be written.
        """
        self._opened().write(result)

    def finish(self) -> None:
        """Put the file in its place: all results are written.

        Raises:
            OSError: If that fails.
        """
        self._opened()
        if self._target is None or self._file is None:
            return
        finish(self._file, self._target)
        self.close()
        Path(self.written_to).replace(self._target)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._stack.close()

    def _opened(self) -> ResultStream:
        # Not before there is a result: this run has the journal then, and no other writes the file.
        if self._stream is None:
            self._file = self._stack.enter_context(os.fdopen(self._open(), "wb"))
            self._stream = ResultStream(self._file, self._name, is_raw=self._is_raw)
        return self._stream

    def _open(self) -> int:
        if self._target is None:
            return open_stream(self.written_to)
        file = open_state(self.written_to, os.O_WRONLY | os.O_CREAT)
        os.ftruncate(file, 0)
        return file


def stdout_stream(
    fields: Sequence[str], *, is_json: bool, remedy: str, name: RowFormat = "jsonl", is_raw: bool = False
) -> ResultStream | ResultArray:
    """Return a stream of JSON Lines or CSV to stdout, or of one JSON array.

    Args:
        fields: Write these fields of JSON alone.
        is_json: Whether it is an array.
        remedy: What to do if stdout is closed.
        name: `jsonl` or `csv`, where it is none.
        is_raw: Whether cells of CSV are written as they are.

    Raises:
        UsageError: If stdout is closed.
    """
    if not has_stream(sys.stdout):
        raise UsageError(f"stdout is closed: {remedy}")
    stream = sys.stdout.buffer
    return (
        ResultArray(stream, fields)
        if is_json
        else ResultStream(stream, name, fields, is_raw=is_raw, is_log=is_read_by_ci(sys.stdout))
    )


def _encoded(text: str) -> bytes:
    # JSON has an escape for half of a surrogate pair, which UTF-8 does not have: the same as Python's.
    return text.encode("utf-8", "backslashreplace")


def _json_line(result: RunResult, *, fields: Sequence[str]) -> str:
    return f"{_json_text(_selected(result, fields))}\n"


def _selected(result: RunResult, fields: Sequence[str]) -> dict[str, Any]:
    values = result.to_dict()
    return select(values, fields, is_checked=False) if fields else values


def _csv_line(result: RunResult, *, is_raw: bool) -> str:
    values = {**result.to_dict(), "inputs": _json_text(result.inputs), "outputs": _json_text(result.outputs)}
    cells = [values[column] for column in COLUMNS]
    return _csv_record(cells if is_raw else [text_cell(cell) if isinstance(cell, str) else cell for cell in cells])


def _csv_record(values: Any) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _json_text(value: Any) -> str:
    return without_commands_in_json(json.dumps(value, ensure_ascii=False, default=str))

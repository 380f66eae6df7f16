"""Rows from CSV and JSON Lines files or stdin, and their results, in a file that is written completely or not at all.

An apostrophe marks cells that a spreadsheet would take for formulas as text. Reading removes it again.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
import re
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple, NoReturn

from fibonacci._batch.rows import RepeatableRows
from fibonacci._core.json_bodies import is_object
from fibonacci._system.files import check_replaceable, check_state, finish, is_stream, open_state, open_stream
from fibonacci._texts.text import counted
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.rendering import select
from fibonacci.cli.standard_streams import has_stream, is_read_by_ci, without_commands, without_commands_in_json
from fibonacci.cli.values import json_kind
from fibonacci.models.run_results import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fibonacci import RunResult


# OWASP's list, including full-width ones. A cell that already has apostrophes before such a character gets one more.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def text_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet executes. Numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def text_of_cell(cell: str) -> str:
    """Return the text of a cell that `text_cell` made."""
    return cell[1:] if cell.startswith("'") and text_cell(cell[1:]) == cell else cell


RowFormat = Literal["csv", "jsonl"]
STDIN: Final = "-"
EXTENSIONS: Final[dict[str, RowFormat]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

# The most bytes in one cell. The csv module's limit, 128 KiB, is too short for a document.
_LONGEST_CELL: Final = 64 * 1024 * 1024
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class RowsFormat(NamedTuple):
    """How rows are written.

    Attributes:
        name: `csv` or `jsonl`.
        key: The column that must have the key of each row, or None.
        json_columns: Columns of CSV whose cells are JSON.
        is_raw: Whether to read CSV cells as they are, keeping the apostrophe before what would be a formula.
    """

    name: RowFormat
    key: str | None = None
    json_columns: Sequence[str] = ()
    is_raw: bool = False


class RowFile(RepeatableRows):
    """The rows of a file. The file is read once to check all rows, and again by each iteration.

    Args:
        file: The file.
        name: Its name in messages.
        rows_format: How the rows are written.

    Raises:
        UsageError: If a row is malformed, or there are no rows.
    """

    def __init__(self, file: BinaryIO, name: str, rows_format: RowsFormat) -> None:
        self._file = file
        self._name = name
        self._format = rows_format
        self._count: int = sum(1 for _ in self)
        if not self._count:
            raise UsageError(f"{name}: it has no rows")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        return read_rows(self._file, self._name, self._format)


@contextmanager
def open_rows(path: str, rows_format: RowsFormat) -> Generator[RowFile]:
    """Open the rows of a file, and check all of them.

    Args:
        path: The path of a file or pipe, or `-` for stdin. Anything but a file is copied to a temporary file.
        rows_format: How the rows are written.

    Raises:
        UsageError: If it can't be read, a row is malformed, or there are no rows.
    """
    name = "<stdin>" if path == STDIN else path
    with ExitStack() as stack:
        if path != STDIN and stat.S_ISREG(Path(path).stat().st_mode):
            file: BinaryIO = stack.enter_context(Path(path).open("rb"))
        else:  # it can be read only once, but rows are checked before any of them runs
            stdin = sys.stdin.buffer if has_stream(sys.stdin) else BytesIO()
            file = stack.enter_context(TemporaryFile())
            with nullcontext(stdin) if path == STDIN else Path(path).open("rb") as stream:
                shutil.copyfileobj(stream, file)
        yield RowFile(file, name, rows_format)


def read_rows(file: BinaryIO, name: str, rows_format: RowsFormat) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file. Blank lines are skipped.

    Args:
        file: The file, in UTF-8 with or without a byte order mark.
        name: Its name in messages.
        rows_format: How the rows are written.

    Raises:
        UsageError: If a row is malformed. The text begins with the file and the line.
    """
    read = _csv_rows if rows_format.name == "csv" else _json_rows
    return read(_Lines(file, name), rows_format)


class _Lines(Iterator[str]):
    """The lines of a file as text."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._number: int = 0

    def __next__(self) -> str:
        line = next(self._file)
        self._number += 1
        if self._number == 1:
            if line.startswith(_UTF_16):
                self.fail("it is UTF-16: save it as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.fail(f"byte {error.start + 1} of the line is not UTF-8: save the file as UTF-8")

    def fail(self, reason: str) -> NoReturn:
        """Raise the error for the current line."""
        raise UsageError(f"{self._name}:{max(1, self._number)}: {reason}")


def _json_rows(lines: _Lines, rows_format: RowsFormat) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not line.strip():
            continue
        row = _json_in(line, lines.fail, "it is not JSON")
        if not is_object(row):
            lines.fail(f'a row is a JSON object, such as {{"name": "Ada"}}, not {json_kind(row)}')
        _check_key(row, rows_format.key, lines.fail)
        yield row


def _csv_rows(lines: _Lines, rows_format: RowsFormat) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_CELL)
    records = _records(lines)
    header = next(records, None)
    if header is None:
        return
    _check_header(header, rows_format, lines.fail)
    for record in records:
        if len(record) != len(header):
            lines.fail(f"it has {counted(len(record), 'cell')}, but the header has {counted(len(header), 'column')}")
        cells = record if rows_format.is_raw else map(text_of_cell, record)
        row: dict[str, Any] = dict(zip(header, cells, strict=True))
        for column in rows_format.json_columns:
            row[column] = _json_in(row[column], lines.fail, f"column {column!r} is not JSON")
        _check_key(row, rows_format.key, lines.fail)
        yield row


def _records(lines: _Lines) -> Iterator[list[str]]:
    """Yield the records of a CSV file. At each, the current line is the record's last."""
    reader = csv.reader(lines, strict=True)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.fail(f"it is not CSV: {error}")
        if record:
            yield record


def _check_header(header: list[str], rows_format: RowsFormat, fail: Callable[[str], NoReturn]) -> None:
    for number, column in enumerate(header):
        if not column.strip():
            fail(f"column {number + 1} of the header has no name")
    (column, count), *_ = Counter(header).most_common(1)
    if count > 1:
        fail(f"the header has the column {column!r} twice")
    for separator in ";\t":
        if len(header) == 1 and separator in header[0]:
            fail(f"the header is one column with {separator!r} in it: separate columns with commas")
    named = [("--json-column", column) for column in rows_format.json_columns]
    if rows_format.key is not None:
        named.append(("--key", rows_format.key))
    for option, column in named:
        if column not in header:
            fail(f"the header has no column {column!r}, which {option} names. It has {', '.join(map(repr, header))}")


def _check_key(row: dict[str, Any], key: str | None, fail: Callable[[str], NoReturn]) -> None:
    if key is None:
        return
    if key not in row:
        fail(f"the row has no {key!r}, which --key names")
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, str | int):
        fail(f"the key {key!r} must be a string or a whole number, not {json_kind(value)}")
    if value == "":
        fail(f"the key {key!r} is empty")


def _json_in(text: str, fail: Callable[[str], NoReturn], fault: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        fail(f"{fault}: {error.msg} at column {error.pos + 1}")
    except ValueError as error:  # NaN, a number with thousands of digits
        fail(f"{fault}: {error}")
    except RecursionError:
        fail(f"{fault}: it is nested too deeply")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


class ResultStream:
    """Writes results to a stream, and flushes each.

    A JSON array is closed only after the last result, so a partial one isn't valid JSON.

    Args:
        stream: The stream.
        name: `jsonl`, `json` for one array, or `csv`, where inputs and outputs are JSON in cells.
        fields: Write only these fields of the JSON.
        is_raw: Whether to write CSV cells as they are, even if a spreadsheet takes them for formulas.
        is_log: Whether CI may read the stream. What it would take for a command is then escaped.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: RowFormat | Literal["json"],
        fields: Sequence[str] = (),
        *,
        is_raw: bool = False,
        is_log: bool = False,
    ) -> None:
        self._stream = stream
        self._is_log = is_log
        self._is_array = name == "json"
        self._before = "[\n" if self._is_array else ""
        self._after = "\n" if name == "jsonl" else ""  # a CSV record already ends with one
        self._encode = partial(_csv_line, is_raw=is_raw) if name == "csv" else partial(_json_object, fields=fields)
        if name == "csv":
            self._put(_csv_record(COLUMNS))

    def write(self, result: RunResult) -> None:
        """Write a result."""
        self._put(f"{self._before}{self._encode(result)}{self._after}")
        if self._is_array:
            self._before = ",\n"

    def finish(self) -> None:
        """Close an array, once all results are written."""
        if self._is_array:
            self._put("\n]\n" if self._before == ",\n" else "[]\n")

    def _put(self, text: str) -> None:
        # UTF-8 can't encode half of a surrogate pair. JSON's escape for it is the same as Python's.
        self._stream.write((without_commands(text) if self._is_log else text).encode("utf-8", "backslashreplace"))
        self._stream.flush()


class ResultFile:
    """Writes results to `PATH.partial`, which replaces `PATH` once every row has ended.

    So a file at the path is always complete. The journal also has what a `run-many` leaves in the partial file, and the
    next one rewrites that file from the first result on. Only this user can read a new file.

    Args:
        path: The path of the file. A pipe or device is written to directly and opened at once, which waits for the
            reader of a pipe.
        name: `jsonl` or `csv`.
        is_raw: Whether to write CSV cells as they are.

    Attributes:
        written_to: The path that results are written to.
        is_finished: Whether the file is in its final place.

    Raises:
        OSError: If the file, the partial file or a link to it is another user's, or a pipe or device can't be opened.
    """

    def __init__(self, path: str, name: RowFormat, *, is_raw: bool = False) -> None:
        self._name: RowFormat = name
        self._is_raw = is_raw
        self._target: Path | None = None if is_stream(path) else Path(os.path.realpath(check_replaceable(path)))
        self.is_finished: bool = False
        self.written_to: str = path if self._target is None else f"{self._target}.partial"
        if self._target is not None:
            check_state(self.written_to)
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._stream: ResultStream | None = None
        if self._target is None:
            self._file = self._stack.enter_context(os.fdopen(open_stream(path), "wb"))

    @property
    def is_begun(self) -> bool:
        """Whether any result was written."""
        return self._stream is not None

    def write(self, result: RunResult) -> None:
        """Write a result.

        Raises:
            OSError: If it cannot be written.
        """
        self._opened().write(result)

    def finish(self) -> None:
        """Put the file in its final place, once every row has ended and all results are written.

        Raises:
            OSError: If that fails.
        """
        self._opened()
        if self._target is not None and self._file is not None:
            finish(self._file, self._target)
            self._stack.close()
            Path(self.written_to).replace(self._target)
        self.is_finished = True

    def close(self) -> None:
        """Close the file. Any failure to write was reported before. A second call does nothing."""
        with suppress(OSError):
            self._stack.close()

    def _opened(self) -> ResultStream:
        if self._stream is None:
            if self._file is None:
                # Not before the first result: then this process holds the journal, so no other writes the file.
                descriptor = open_state(self.written_to, os.O_WRONLY | os.O_CREAT)
                os.ftruncate(descriptor, 0)
                self._file = self._stack.enter_context(os.fdopen(descriptor, "wb"))
            self._stream = ResultStream(self._file, self._name, is_raw=self._is_raw)
        return self._stream


def stdout_stream(
    fields: Sequence[str], *, is_json: bool, remedy: str, name: RowFormat = "jsonl", is_raw: bool = False
) -> ResultStream:
    """Return a stream of JSON Lines or CSV to stdout, or of one JSON array.

    Args:
        fields: Write only these fields of the JSON.
        is_json: Whether to write an array.
        remedy: What to do if stdout is closed.
        name: `jsonl` or `csv`, if it isn't an array.
        is_raw: Whether to write CSV cells as they are.

    Raises:
        UsageError: If stdout is closed.
    """
    if not has_stream(sys.stdout):
        raise UsageError(f"stdout is closed: {remedy}")
    # In an array, no line can begin with a command.
    is_log = not is_json and is_read_by_ci(sys.stdout)
    return ResultStream(sys.stdout.buffer, "json" if is_json else name, fields, is_raw=is_raw, is_log=is_log)


def _json_object(result: RunResult, *, fields: Sequence[str]) -> str:
    values = result.to_dict()
    return _json_text(select(values, fields) if fields else values)


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

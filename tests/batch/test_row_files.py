"""Rows from files: values as they are written, and what is wrong with file and line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import RunResult
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.row_files import ResultStream, RowFormat, RowsFormat, open_rows, read_rows, text_cell, text_of_cell
from tests.kit.assertions import each_row

CSV = RowsFormat("csv")
JSONL = RowsFormat("jsonl")
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.text("'=+-@1\t")


def rows_in(content: bytes, rows_format: RowsFormat) -> list[dict[str, Any]]:
    return list(read_rows(io.BytesIO(content), "rows", rows_format))


@each_row(
    ("content", "rows_format", "rows"),
    [
        (b"id,name\n7,Ada\n", CSV, [{"id": "7", "name": "Ada"}]),
        (b"\xef\xbb\xbfid,name\r\n7,Ada\r\n\r\n", CSV, [{"id": "7", "name": "Ada"}]),
        (b'text\n"two\nlines, and ""quotes"""\n', CSV, [{"text": 'two\nlines, and "quotes"'}]),
        (b'n,tags\n3,"[""a"", 1]"\n', RowsFormat("csv", None, ["n", "tags"]), [{"n": 3, "tags": ["a", 1]}]),
        (b"text\n" + b"x" * 200_000, CSV, [{"text": "x" * 200_000}]),
        (b'\xef\xbb\xbf{"n": 3}\r\n\n{"n": null}', JSONL, [{"n": 3}, {"n": None}]),
        (b"", CSV, []),
        (b"id\n", CSV, []),
        (b"\n\n", JSONL, []),
    ],
)
def test_rows_are_read_as_their_format_says(
    content: bytes, rows_format: RowsFormat, rows: list[dict[str, Any]]
) -> None:
    assert rows_in(content, rows_format) == rows


@each_row(
    ("content", "rows_format", "text"),
    [
        (b'{"a": 1}\n{"a": }\n', JSONL, "rows:2: it is not JSON: Expecting value at column 7"),
        (b"[1]\n", JSONL, 'rows:1: a row is a JSON object, such as {"name": "Ada"}, not an array'),
        (b"true\n", JSONL, 'rows:1: a row is a JSON object, such as {"name": "Ada"}, not a boolean'),
        (b'{"a": NaN}\n', JSONL, "rows:1: it is not JSON: JSON has no NaN"),
        (
            b'{"a": ' + b"[" * 100_000,
            JSONL,
            "rows:1: it is not JSON: it is nested too deeply",
        ),
        (b'{"a": "\xff"}\n', JSONL, "rows:1: byte 8 of the line is not UTF-8: save the file as UTF-8"),
        ('{"a": 1}\n'.encode("utf-16"), JSONL, "rows:1: it is UTF-16: save it as UTF-8"),
        (b'{"b": 1}\n', RowsFormat("jsonl", "a"), "rows:1: the row has no 'a', which --key names"),
        (
            b'{"a": 1.5}',
            RowsFormat("jsonl", "a"),
            "rows:1: the key 'a' must be a string or a whole number, not a number",
        ),
        (
            b'{"a": true}',
            RowsFormat("jsonl", "a"),
            "rows:1: the key 'a' must be a string or a whole number, not a boolean",
        ),
        (b"a,b\n1,2\n\n3\n", CSV, "rows:4: it has 1 cell, but the header has 2 columns"),
        (b'a,b\n"1\n2",3\n4,5,6\n', CSV, "rows:4: it has 3 cells, but the header has 2 columns"),
        (b"a,b,a\n1,2,3\n", CSV, "rows:1: the header has the column 'a' twice"),
        (b"a,,b\n1,2,3\n", CSV, "rows:1: column 2 of the header has no name"),
        (b"id;name\n7;Ada\n", CSV, "rows:1: the header is one column with ';' in it: separate columns with commas"),
        (b'a\n"x"y\n', CSV, "rows:2: it is not CSV: ',' expected after '\"'"),
        (b'a\n"x\n', CSV, "rows:2: it is not CSV: unexpected end of data"),
        (b"a\n1\n", RowsFormat("csv", "b"), "rows:1: the header has no column 'b', which --key names. It has 'a'"),
        (b"a,b\n,1\n", RowsFormat("csv", "a"), "rows:2: the key 'a' is empty"),
        (b"a\nx\n", RowsFormat("csv", None, ["a"]), "rows:2: column 'a' is not JSON: Expecting value at column 1"),
        (
            b"a\n1\n",
            RowsFormat("csv", None, ["b"]),
            "rows:1: the header has no column 'b', which --json-column names. It has 'a'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(content: bytes, rows_format: RowsFormat, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows_in(content, rows_format)
    assert str(caught.value) == text


@given(
    st.lists(_TEXTS.filter(str.strip), min_size=2, max_size=4, unique=True),
    st.lists(st.lists(_TEXTS, min_size=4, max_size=4), max_size=5),
)
def test_csv_comes_back_as_it_was_written(header: list[str], cells: list[list[str]]) -> None:
    rows = [dict(zip(header, each, strict=False)) for each in cells]
    for rows_format in (RowsFormat("csv", is_raw=True), CSV):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, header, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(
            rows if rows_format.is_raw else [{name: text_cell(cell) for name, cell in row.items()} for row in rows]
        )
        assert rows_in(b"\xef\xbb\xbf" + text.getvalue().encode(), rows_format) == rows


@each_row(
    ("text", "cell"),
    [
        *((text, f"'{text}") for text in ("=1", "+x", "-x", "-", "@SUM(A1)", "\tx", "\r=x", "\n=x", "\uff1dx", "-1+x")),
        ("'=1+1", "''=1+1"),
        *((text, text) for text in ("-1.5", "+3", "-1e-5", "a=b", "", "'", "it's", "{}", "'x")),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run(text: str, cell: str) -> None:
    assert text_cell(text) == cell
    assert text_of_cell(cell) == text


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(_TEXTS, _VALUES, max_size=3), max_size=5), st.booleans())
def test_json_lines_come_back_as_they_were_written(rows: list[dict[str, Any]], ascii_only: bool) -> None:
    content = "".join(f"{json.dumps(row, ensure_ascii=ascii_only)}\n" for row in rows).encode()
    assert rows_in(content, JSONL) == rows


@given(
    st.binary(max_size=60) | st.text('",;\n\r ab{}:1', max_size=40).map(str.encode), st.sampled_from(["csv", "jsonl"])
)
def test_any_bytes_are_rows_or_a_usage_error(content: bytes, name: RowFormat) -> None:
    try:
        rows = rows_in(content, RowsFormat(name))
    except UsageError as error:
        place, _, reason = str(error).partition(": ")
        assert place.startswith("rows:")
        assert 1 <= int(place.removeprefix("rows:")) <= content.count(b"\n") + 1
        assert reason
    else:
        assert all(isinstance(row, dict) for row in rows)


def test_a_file_is_counted_and_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id\n1\n2\n")
    with open_rows(str(path), CSV) as rows:
        assert len(rows) == 2
        assert list(rows) == list(rows) == [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize("content", [b"", b"id\n", b"\n"])
def test_a_file_without_rows_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"rows\.csv: it has no rows"), open_rows(str(path), CSV):
        pass


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_rows(str(tmp_path / "rows.csv"), CSV):
        pass


def test_a_result_with_a_line_break_is_one_record_of_csv() -> None:
    result = RunResult(index=0, key="first\nsecond", inputs={}, execution=None, status="failed", error=None)
    out = io.BytesIO()
    ResultStream(out, "csv").write(result)
    (row,) = csv.DictReader(io.StringIO(out.getvalue().decode()))
    assert row["key"] == result.key

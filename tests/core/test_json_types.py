"""How many values a JSON document has, as far as that is checked before it is parsed."""

from __future__ import annotations

import time

import pytest

from fibonacci._core import json_types
from fibonacci._core.compression import TooLargeError
from fibonacci._core.json_types import BYTES_PER_VALUE, MAX_VALUES, check_values
from tests.kit.assertions import each_row

LIMIT = MAX_VALUES * BYTES_PER_VALUE
# Separators that count nothing, at the end of a string and before it: escaped quotes and backslashes are about them.
TEXT = b'"' + b',[{:\\"\\\\' * 500_000 + b'"'


def _numbers(count: int) -> bytes:
    """Return an array of a text and so many numbers less one: as many values."""
    return b"[" + TEXT + b",0" * (count - 2) + b"]"


def test_the_last_value_that_is_allowed() -> None:
    check_values(_numbers(MAX_VALUES), LIMIT)
    with pytest.raises(TooLargeError, match="more than 1,048,576 JSON values"):
        check_values(_numbers(MAX_VALUES + 1), LIMIT)


def test_names_of_members_count(monkeypatch: pytest.MonkeyPatch) -> None:
    few = MAX_VALUES // 16
    monkeypatch.setattr(json_types, "MAX_VALUES", few)
    monkeypatch.setattr(json_types, "_CHEAP_TO_PARSE", 3 * few)

    def members(count: int) -> bytes:
        return b'{"":' + TEXT[: len(TEXT) // 16 // 8 * 8 + 1] + b'"' + b',"":0' * (count - 1) + b"}"

    check_values(members(few // 2 - 1), few * BYTES_PER_VALUE)
    with pytest.raises(TooLargeError):
        check_values(members(few // 2 + 1), few * BYTES_PER_VALUE)


@each_row(
    "body",
    [
        b'"' * (1024 * 1024),
        b'"' + b"a," * (512 * 1024),
        b'"' + b"\\," * (512 * 1024) + b"\\",
        b'"' + b'\\"' * (512 * 1024) + b",",
        b'""' * (512 * 1024) + b'"' + b"," * (512 * 1024),
        TEXT,
    ],
)
def test_a_body_without_values_takes_little_time(body: bytes) -> None:
    began = time.process_time()
    check_values(body, LIMIT)
    assert time.process_time() - began < 2

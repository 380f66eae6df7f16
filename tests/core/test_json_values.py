"""How many values a JSON document has, as far as that is checked before it is parsed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from fibonacci._core import json_bodies
from fibonacci._core.json_bodies import BYTES_PER_VALUE, TooLargeError, check_values
from tests.kit.assertions import each_row

FEW = 65_536
# Separators that count nothing, at the end of a string and before it: escaped quotes and backslashes are about them.
TEXT = b'"' + b',[{:\\"\\\\' * 30_000 + b'"'


@pytest.fixture(autouse=True)
def few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fewer values be too many, as `performance/test_parsing_memory.py` has them."""
    monkeypatch.setattr(json_bodies, "MAX_VALUES", FEW)
    monkeypatch.setattr(json_bodies, "_CHEAP_TO_PARSE", 3 * FEW)


def _numbers(count: int) -> bytes:
    """Return an array of a text and so many numbers less one: as many values."""
    return b"[" + TEXT + b",0" * (count - 2) + b"]"


def _members(count: int) -> bytes:
    """Return an object of so many members: twice as many values, and itself."""
    return b'{"":' + TEXT + b',"":0' * (count - 1) + b"}"


def test_fewer_bytes_allow_no_fewer_values_than_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    body = b"[" + b"1234567890123456789," * 200_000 + b"0]"
    assert json_bodies.MAX_VALUES > 200_001 > len(body) // BYTES_PER_VALUE
    check_values(body, len(body))


@pytest.mark.parametrize(("body", "most"), [(_numbers, FEW), (_members, FEW // 2 - 1)])
def test_the_last_value_that_is_allowed(body: Callable[[int], bytes], most: int) -> None:
    check_values(body(most), FEW * BYTES_PER_VALUE)
    with pytest.raises(TooLargeError, match="more than 65,536 JSON values"):
        check_values(body(most + 1 + (body is _members)), FEW * BYTES_PER_VALUE)


def test_the_name_of_a_member_is_a_value_too() -> None:
    with pytest.raises(TooLargeError):
        check_values(b'{"":0' + b',"":0' * 40_000 + b"}", 0)


@each_row(
    "body",
    [
        b'"' + b"a," * 128_000,
        b'"' + b"\\," * 128_000 + b"\\",
        b'"' + b'\\"' * 128_000 + b",",
        b'""' * 128_000 + b'"' + b"," * 128_000,
        TEXT,
    ],
)
def test_a_body_without_values_takes_little_time(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_bodies, "MAX_VALUES", 1)  # so that all of them are counted exactly
    began = time.process_time()
    check_values(body, 0)
    assert time.process_time() - began < 2

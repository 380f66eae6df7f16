"""From what the user passes to rows: keys, inputs, and their JSON form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel
from typing_extensions import TypeIs

from fibonacci._batch.frames import FrameRows, frame_rows
from fibonacci._batch.keys import key_in, key_text
from fibonacci._batch.plain_values import canonical_inputs, readable_inputs
from fibonacci._batch.row import Row
from fibonacci._core.option_checks import check_not_async, kind_of

Key = str | Callable[[Any], object] | None


class RowParser:
    """Makes a `Row` of each value that the iterable of rows yields.

    Args:
        key: The name of the column that has the key, or a function of the row; None for the index.
        inputs: A function from the row to the inputs; None for the row itself.

    Attributes:
        key_column: The name of the column that has the key; None for none.

    Raises:
        TypeError: If an argument is of the wrong type.
    """

    def __init__(self, key: Key, inputs: Callable[[Any], object] | None) -> None:
        if key is not None and not isinstance(key, str) and not callable(key):
            raise TypeError(f"key must be a column's name, a function of the row or None, not {kind_of(key)}")
        if inputs is not None and not callable(inputs):
            raise TypeError(f"inputs must be a function of the row or None, not {kind_of(inputs)}")
        check_not_async("key", key)
        check_not_async("inputs", inputs)
        self._key = key
        self.key_column: str | None = key if isinstance(key, str) else None
        self._inputs = inputs

    @property
    def key_rule(self) -> str:
        """How keys are made, as the journal has it."""
        return (
            "index" if self._key is None else f"column {self.key_column}" if self.key_column is not None else "function"
        )

    @property
    def is_unique(self) -> bool:
        """Whether no two rows can have the same key."""
        return self._key is None

    def parse(self, index: int, value: Any) -> tuple[Row, Exception | None]:
        """Return a row, and what is wrong with its inputs: such a row fails alone.

        Args:
            index: The place of the row, from 0.
            value: What the iterable yielded.

        Raises:
            ValueError: If the row has no key, or one that is no text.
            TypeError: If its key is neither a str nor an int.
        """
        key = self._key_of(index, value)
        inputs: Any = value
        try:
            if self._inputs is not None:
                inputs = self._inputs(value)
            if not _is_mapping(inputs):
                raise TypeError(
                    f"the inputs of row {index} must be a mapping of names to values, not {kind_of(inputs)}; pass"
                    f" inputs=, a function from the row to a mapping{_example(inputs)}"
                )
            text = canonical_inputs(inputs)
            return Row(index, key, json.loads(text), text), None
        except Exception as error:  # of the user's function too: one row must not stop the others
            return Row(index, key, inputs, readable_inputs(inputs), is_sound=False), error

    def check_keys(self, rows: Iterable[Any]) -> None:
        """Check the keys of rows that can be read again, before anything is sent.

        Raises:
            ValueError: If two rows have the same key, or one has none.
            TypeError: If a key is neither a str nor an int.
        """
        if self.is_unique:
            return
        seen: set[int] = set()  # of hashes, which take less than keys
        for index, value in enumerate(rows):
            key = self._key_of(index, value)
            if hash(key) in seen:
                self._check_unlike(key, index, rows)
            seen.add(hash(key))

    def _check_unlike(self, key: str, index: int, rows: Iterable[Any]) -> None:
        for other, value in zip(range(index), rows, strict=False):
            if self._key_of(other, value) == key:
                raise same_key_error(other, index, key)

    def _key_of(self, index: int, value: Any) -> str:
        if self._key is None:
            return str(index)
        return key_text(self._key(value) if callable(self._key) else _column(value, self._key, index), index)


class RepeatableRows(Iterable[Any]):
    """Rows that can be read as often as needed, and are the same each time, although they are no sequence."""


def can_be_read_again(rows: object) -> TypeIs[Sequence[Any] | FrameRows | RepeatableRows]:
    """Whether rows can be read before they are run, and are still there then."""
    return isinstance(rows, Sequence | FrameRows | RepeatableRows)


def same_key_error(index: int, other: int, key: str) -> ValueError:
    """Return the error for two rows with one key."""
    return ValueError(f"rows {index} and {other} have the same key {key_in(key)!r}; the keys of rows must differ")


def _column(row: Any, name: str, index: int) -> object:
    """Return the value of a column of a row.

    Raises:
        ValueError: If the row has no such column.
    """
    try:
        return getattr(row, name) if isinstance(row, BaseModel) else row[name]
    except (LookupError, TypeError, AttributeError):
        remedy = "" if _is_mapping(row) else f"; a function can be passed too, such as key=lambda row: row.{name}"
        raise ValueError(f"row {index} has no column {name!r}, which key= names{remedy}") from None


def _example(inputs: object) -> str:
    """Return which function makes a mapping of a value, as the end of a message."""
    if is_dataclass(inputs):
        return ": dataclasses.asdict"
    if hasattr(inputs, "_asdict"):
        return ": lambda row: row._asdict()"
    return ": dict" if hasattr(inputs, "keys") else ""


def checked_rows(rows: Any, key: object, methods: tuple[str, ...]) -> Any:
    """Return an iterable of rows: what was passed, or the rows of a data frame.

    Args:
        rows: What was passed.
        key: What identifies a row.
        methods: The methods of which an iterable has one.

    Raises:
        TypeError: If it is none, or one whose items are no rows.
        ValueError: If it is a data frame whose columns do not make rows, or without the column that has the key.
    """
    frame = frame_rows(rows)
    if frame is not None:
        frame.check(key)
        return frame
    if _is_no_iterable_of_rows(rows) or not any(hasattr(rows, method) for method in methods):
        more = "; a sync client cannot iterate an async one" if hasattr(rows, "__aiter__") else ""
        more = "; pass what its collect() returns" if hasattr(rows, "collect") else more
        raise TypeError(
            f"rows must be an iterable of rows, such as a list of dicts, or a data frame, not {kind_of(rows)}{more}"
        )
    return rows


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping | BaseModel)


def _is_no_iterable_of_rows(value: object) -> bool:
    """Whether a value can be iterated, and what that yields are no rows."""
    return isinstance(value, str | bytes | Mapping)

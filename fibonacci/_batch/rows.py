"""Turns what the user passes into rows: keys, inputs, data frames, and their JSON form.

As a key, a number becomes its digits. Text stays as it is, unless it reads like a number or begins with a quote. Then
it becomes JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from typing_extensions import TypeIs

from fibonacci._core.call import new_idempotency_key
from fibonacci._core.options import check_not_async, kind_of
from fibonacci._core.request import canonical, dumped
from fibonacci._remedies import argument, remedy

if TYPE_CHECKING:
    from fibonacci.models.executions import Execution
    from fibonacci.models.run_results import RunAttempt, RunResult


_NUMBER: Final = re.compile("-?[0-9]+")


def key_text(key: Any, name: str) -> str:
    """Return a key as text.

    Args:
        key: The key: a str or an int, or one of numpy.
        name: What it is, for messages.

    Raises:
        TypeError: If it is neither a str nor an int.
        ValueError: If it has half of a surrogate pair, or is a number of thousands of digits.
    """
    value: object = key.item() if hasattr(key, "dtype") else key
    if isinstance(value, bool) or not isinstance(value, str | int):
        convert = "pass key=, a function that returns one, for example with str()"
        remedy = "give each row a key" if value is None else convert
        raise TypeError(f"{name} must be a str or an int, not {kind_of(key)}: {remedy}")
    try:
        text = _quoted(value) if isinstance(value, str) else str(int(value))
        text.encode()
    except ValueError as error:
        raise ValueError(f"{name} cannot be stored as text ({error}): pass another") from None
    return text


def key_in(text: str) -> str | int:
    """Return the key that a journal has as text.

    Raises:
        ValueError: If it is damaged.
    """
    if text.startswith('"'):
        return str(json.loads(text))
    return int(text) if _NUMBER.fullmatch(text) else text


def other_key(text: str) -> str | None:
    """Return the key of the other type that reads the same, or None if there is none.

    >>> other_key("7"), other_key('"7"'), other_key('"007"'), other_key("a")
    ('"7"', '7', None, None)
    """
    key = key_in(text)
    if isinstance(key, int):
        return _quoted(str(key))
    return key if _NUMBER.fullmatch(key) and str(int(key)) == key else None


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) if key.startswith('"') or _NUMBER.fullmatch(key) else str.__str__(key)


def canonical_inputs(inputs: object) -> str:
    """Return inputs as JSON with sorted keys, and with NaN, NaT and NA as null.

    Raises:
        TypeError: If a value in them has no JSON form. The message names its place and the remedy.
        ValueError: If they hold an infinity, a lone surrogate, or themselves.
    """
    try:
        return canonical(inputs)
    except (TypeError, ValueError):
        try:
            converted = plain(inputs)
        except RecursionError:
            raise ValueError(
                "the inputs are nested too deeply or contain themselves: send plain, finite data"
            ) from None
        return canonical(converted)


def readable_inputs(inputs: object) -> str | None:
    """Return inputs as JSON for a person to read, with text for values that have no JSON form, or None if that fails.

    A journal keeps this of a row that couldn't be sent.
    """
    for readable in (plain, str):  # the latter for names that aren't text
        with suppress(Exception):  # such as that of a `__str__`: the row has its own error
            text = json.dumps(readable(inputs), default=str)
            return json.dumps(json.loads(text, parse_constant=str))  # an infinity is a text as well
    return None


def plain(value: Any) -> Any:
    """Convert the parts of a value that can be converted, and leave the others as they are.

    It recognizes values of pandas and numpy by their attributes, without importing either.
    """
    if isinstance(value, str | int) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, BaseModel):
        value = dumped(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[object, Any]", value)
        return {name: plain(member) for name, member in members.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _of_numpy(value)
    return _of_python(value)


def _of_numpy(value: Any) -> Any:
    """Return a scalar or an array of numpy, or a series, as Python's values."""
    if getattr(value, "ndim", 0):
        return [plain(item) for item in value]
    kind = getattr(value.dtype, "kind", "")
    if kind == "M":
        text = str(value)  # with nanoseconds, which Python's own times don't have
        return None if text == "NaT" else text
    converted = value.astype("timedelta64[us]").item() if kind == "m" else value.item()
    return value if hasattr(converted, "dtype") else plain(converted)


def _of_python(value: Any) -> Any:
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):  # pandas' NaT is a datetime too
        return None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return to_jsonable_python(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else str(value) if value.is_finite() else value
    return value


_AT_ONCE = 1000


class FrameRows:
    """The rows of a data frame as dicts, each made when it is read, in their order. It can be iterated again.

    Args:
        frame: The frame.
        columns: The names of its columns.
        read: Returns an iterator over its rows.
        index: The index of a frame of pandas. None for others, which have none.

    Attributes:
        index: The index of a frame of pandas. None for others.
    """

    def __init__(
        self, frame: Any, columns: list[Any], read: Callable[[], Iterator[dict[str, Any]]], index: Any = None
    ) -> None:
        self.index: Any = index
        self._frame = frame
        self._columns = columns
        self._read = read

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._read()

    def __len__(self) -> int:
        return len(self._frame)

    def check(self, key: object) -> None:
        """Check that each column can be an input, and that there is one with the keys.

        Args:
            key: The name of the column that has the keys. Anything else is ignored.

        Raises:
            TypeError: If the name of a column isn't text.
            ValueError: If two columns have the same name, or none has that of the key.
        """
        for name, count in Counter(self._columns).items():
            if not isinstance(name, str):
                raise TypeError(
                    f"the columns of a data frame are the names of inputs, and {name!r} is not a str: rename them, "
                    "for example with df.rename(columns=str)"
                )
            if count > 1:
                raise ValueError(f"the data frame has {count} columns {name!r}: rename or drop all but one")
        if isinstance(key, str) and key not in self._columns:
            names = ", ".join(map(repr, self._columns[:10])) or "none"
            more = ", ..." if len(self._columns) > 10 else ""
            if self.index is not None and key in self.index.names:
                more += ". Its index has that name: pass df.reset_index() instead"
            start = f"the data frame has no column {key!r}, which "
            raise ValueError(f"{start}{argument('key', ...)} names: its columns are {names}{more}")


def frame_rows(rows: Any) -> FrameRows | None:
    """Return the rows of a data frame of pandas, polars or pyarrow, or None for anything else.

    A library is recognized by its methods. For most values the first one decides, because a lazy frame of polars warns
    when asked for its columns.
    """
    if hasattr(rows, "iter_rows") and hasattr(rows, "columns"):  # polars
        return FrameRows(rows, list(rows.columns), lambda: rows.iter_rows(named=True))
    if hasattr(rows, "to_pylist") and hasattr(rows, "schema"):  # pyarrow
        starts = range(0, len(rows), _AT_ONCE)
        return FrameRows(
            rows,
            list(rows.schema.names),
            lambda: chain.from_iterable(rows.slice(start, _AT_ONCE).to_pylist() for start in starts),
        )
    if hasattr(rows, "itertuples") and hasattr(rows, "columns"):  # pandas
        frame = rows.copy(deep=False)  # which stays as it is when the user sorts or drops rows in place
        names = list(frame.columns)
        tuples = partial(frame.itertuples, index=False, name=None)
        return FrameRows(
            frame, names, lambda: (dict(zip(names, row, strict=True)) for row in tuples()), index=frame.index
        )
    return None


CLOCK_TOLERANCE: Final = 2.0
"""Seconds by which the platform's times may precede an intent, because its `Date` has whole seconds."""

_REPEATABLE_FOR: Final = 86_400.0 - 600.0
"""Seconds for which a server honors an idempotency key: a day, minus what clocks may differ."""


Phase = Literal["pending", "starting", "running", "reading", "overdue", "unknown"]
"""How far a row under way has come.

- `pending`: it has to be started, or started again.
- `starting`: its request is under way.
- `running`: its execution is watched.
- `reading`: its execution has ended, and is read once more.
- `overdue`: its time to wait is over. It keeps its place until its execution has ended.
- `unknown`: its request had no response.
"""


@dataclass(slots=True, eq=False)
class Row:
    """A row under way."""

    index: int
    """Its place among the rows, from 0."""

    key: str
    """Its key as text, in the form that journals have."""

    inputs: Any
    """The inputs of its run. If they have no JSON form, what a person can read of them, or None."""

    text: str | None
    """The inputs as JSON with sorted keys. If they have none, what a person can read of them, or None."""

    is_sound: bool = True
    """Whether the inputs have a JSON form."""

    phase: Phase | None = None
    """Where it is. None before it was put anywhere, and when it has ended."""

    number: int = 0
    """Its number in the journal, from 1. 0 until it is there."""

    is_recorded: bool = False
    """Whether the journal has its inputs."""

    idempotency_key: str = ""
    """The key of the request that starts it. Empty while there is no intent to send one."""

    intended_at: float = 0.0
    """The Unix time of that intent, on the platform's clock."""

    attempts: int = 0
    """How many times its request was sent with the present idempotency key."""

    started_at: float = 0.0
    """When its request was sent, on the monotonic clock."""

    deadline: float | None = None
    """When to stop waiting for it, in seconds on the monotonic clock. None for never."""

    error: Exception | None = None
    """Why it isn't known whether it was started. None if it is known."""

    execution_id: str = ""
    """The ID of its execution. Empty while it isn't known."""

    execution: Execution | None = None
    """The execution as last received. None before."""

    version: str | None = None
    """The version of the workflow that its execution runs. None while that isn't known."""

    steps: Any = None
    """The generator that runs it, and goes on when its execution has ended. None before."""

    earlier: tuple[RunAttempt, ...] = ()
    """Its starts before the present one, in calls that have ended."""

    settled_at: float | None = None
    """The Unix time at which a person said which execution it has. None if nobody has."""

    candidates: tuple[Execution, ...] | None = None
    """The executions that it may have started, if its outcome is unknown. None otherwise."""

    result: RunResult | None = None
    """Its result. None before."""

    @property
    def digest(self) -> bytes:
        """The digest of the inputs. Empty if they have no JSON form."""
        return digest_of(self.text) if self.is_sound and self.text is not None else b""

    @property
    def is_uncertain(self) -> bool:
        """Whether a request with the present idempotency key may have been carried out."""
        return self.error is not None

    def may_repeat(self, now: float) -> bool:
        """Whether a server that honors idempotency keys starts the row once if its request is sent again.

        Args:
            now: The Unix time on the platform's clock.
        """
        return -CLOCK_TOLERANCE <= now - self.intended_at < _REPEATABLE_FOR

    def begin(self, now: float, timeout: float | None) -> None:
        """Record that its request is sent, or that its execution is followed from now on.

        Args:
            now: Seconds on the monotonic clock.
            timeout: Seconds until the end of the wait for it. None for no limit.
        """
        self.started_at = now
        self.deadline = None if timeout is None else now + timeout

    def intend(self, now: float) -> None:
        """Give the row the key of a new request, which no request has had.

        Args:
            now: The Unix time on the platform's clock.
        """
        self.idempotency_key = new_idempotency_key()
        self.intended_at = now
        self.attempts = 0
        self.execution_id = ""
        self.execution = self.error = self.version = self.settled_at = self.candidates = self.result = None

    def withdraw(self) -> None:
        """Take the intent back: the request was certainly not carried out, or the user has asked to run it again."""
        self.idempotency_key = ""
        self.error = None


def digest_of(text: str) -> bytes:
    """Return the digest of inputs in JSON with sorted keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


Key = str | Callable[[Any], object] | None


class RowParser:
    """Makes a `Row` of each value that the iterable of rows yields.

    Args:
        key: The name of the column that has the key, or a function of the row. None for the index.
        inputs: A function from the row to the inputs. None for the row itself.

    Attributes:
        key_column: The name of the column that has the key. None for none.

    Raises:
        TypeError: If an argument is of the wrong type.
    """

    def __init__(self, key: Key, inputs: Callable[[Any], object] | None) -> None:
        if key is not None and not isinstance(key, str) and not callable(key):
            raise TypeError(f"key must be the name of a column, a function of the row or None, not {kind_of(key)}")
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
        """Return a row, and what is wrong with its inputs. Such a row fails without stopping others.

        Args:
            index: The place of the row, from 0.
            value: What the iterable yielded.

        Raises:
            ValueError: If the row has no key, or one that can't be stored as text.
            TypeError: If its key is neither a str nor an int.
        """
        key = self._key_of(index, value)
        inputs: Any = value
        try:
            if self._inputs is not None:
                inputs = self._inputs(value)
            if not _is_mapping(inputs):
                raise TypeError(
                    f"the inputs of row {index} must be a mapping of names to values, not {kind_of(inputs)}: pass "
                    f"inputs=, a function that turns the row into a mapping{_example(inputs)}"
                )
            text = canonical_inputs(inputs)
            return Row(index, key, json.loads(text), text), None
        except Exception as error:  # even from the user's function: one row must not stop the others
            shown = readable_inputs(inputs)
            return Row(index, key, None if shown is None else json.loads(shown), shown, is_sound=False), error

    def check_keys(self, rows: Iterable[Any]) -> None:
        """Check the keys of rows that can be read again, before anything is sent.

        Raises:
            ValueError: If two rows have the same key, or one has none.
            TypeError: If a key is neither a str nor an int.
        """
        if self.is_unique:
            return
        seen: set[int] = set()  # of hashes, which take less than keys
        for index, key in enumerate(self.keys(rows)):
            if hash(key) in seen:
                self._check_unlike(key, index, rows)
            seen.add(hash(key))

    def keys(self, rows: Iterable[Any]) -> Iterator[str]:
        """Yield the key of each row as text."""
        return (self._key_of(index, value) for index, value in enumerate(rows))

    def _check_unlike(self, key: str, index: int, rows: Iterable[Any]) -> None:
        for other, earlier in zip(range(index), self.keys(rows), strict=False):
            if earlier == key:
                raise same_key_error(other, index, key)

    def _key_of(self, index: int, value: Any) -> str:
        if self._key is None:
            return str(index)
        key = self._key(value) if callable(self._key) else _column(value, self._key, index)
        return key_text(key, f"the key of row {index}")


class RepeatableRows(Iterable[Any]):
    """Rows that can be read more than once, and are the same each time, although they aren't a sequence."""


def can_be_read_again(rows: object) -> TypeIs[Sequence[Any] | FrameRows | RepeatableRows]:
    """Whether rows can be read before they run, and once more while they run."""
    return isinstance(rows, Sequence | FrameRows | RepeatableRows)


def same_key_error(index: int, other: int, key: str) -> ValueError:
    """Return the error for two rows with one key."""
    return ValueError(f"rows {index} and {other} have the same key {key_in(key)!r}: each row needs a different key")


def _column(row: Any, name: str, index: int) -> object:
    """Return the value of a column of a row.

    Raises:
        ValueError: If the row has no such column.
    """
    try:
        return getattr(row, name) if isinstance(row, BaseModel) else row[name]
    except (LookupError, TypeError, AttributeError):
        or_else = "" if _is_mapping(row) else remedy("key function", name=name)
        text = f"row {index} has no column {name!r}, which {argument('key', ...)} names{or_else}"
        raise ValueError(text) from None


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
        methods: The methods that make a value iterable. One of them is enough.

    Raises:
        TypeError: If it isn't iterable, or its items aren't rows.
        ValueError: If it is a data frame whose columns don't make rows, or without the column that has the key.
    """
    frame = frame_rows(rows)
    if frame is not None:
        frame.check(key)
        return frame
    if isinstance(cast("object", rows), str | bytes | Mapping) or not any(hasattr(rows, method) for method in methods):
        more = ": a sync client cannot iterate over an async one" if hasattr(rows, "__aiter__") else ""
        more = ": pass what its collect() returns" if hasattr(rows, "collect") else more
        raise TypeError(
            f"rows must be an iterable of rows, such as a list of dicts, or a data frame, not {kind_of(rows)}{more}"
        )
    return rows


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping | BaseModel)

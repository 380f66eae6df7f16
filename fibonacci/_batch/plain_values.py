"""Values of data frames and of Python as JSON has them: times as texts, what is missing as null."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from fibonacci._core.request_body import canonical, dumped


def canonical_inputs(inputs: object) -> str:
    """Return inputs as JSON with sorted keys; NaN, NaT and NA are null.

    Raises:
        TypeError: If a value in them has no JSON form; the message names its place and the remedy.
        ValueError: If they hold an infinity, a lone surrogate, or themselves.
    """
    try:
        return canonical(inputs)
    except (TypeError, ValueError):
        try:
            converted = plain(inputs)
        except RecursionError:
            raise ValueError("the inputs are nested too deeply, or hold themselves; send plain, finite data") from None
        return canonical(converted)


def readable_inputs(inputs: object) -> str | None:
    """Return inputs as JSON to be read by a person, a text for each value without a JSON form; None where that fails.

    They are what a journal has of a row that could not be sent.
    """
    try:
        text = json.dumps(plain(inputs), default=str)
        return json.dumps(json.loads(text, parse_constant=str))  # an infinity is a text as well
    except Exception:  # such as that of a `__str__`: the row has its own error
        return None


def plain(value: Any) -> Any:
    """Return a value with what can be converted in it converted; the rest as it is.

    It knows pandas and numpy by what their objects have: neither is imported.
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
        text = str(value)  # with nanoseconds, which Python's own times do not have
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

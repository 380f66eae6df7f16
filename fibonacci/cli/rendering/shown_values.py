"""Values as people read them: times in their own zone, lists with commas."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from fibonacci._times import parse_time
from fibonacci.cli.json_types import is_array

_TIME: Final = re.compile(r"(?:.*_)?at")


def one_line(name: str, value: Any, *, with_seconds: bool = False) -> str:
    """Return a value in one line; empty for null.

    Args:
        name: The name of the field: those that end with `at` hold times.
        value: The value, which has a JSON form.
        with_seconds: Whether times have their seconds and the name of the zone.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        time = parse_time(value) if _TIME.fullmatch(name) else None
        return value if time is None or time.tzinfo is None else _local(time, with_seconds=with_seconds)
    if is_array(value) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _local(time: datetime, *, with_seconds: bool) -> str:
    try:
        return time.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z" if with_seconds else "%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):  # a year that the zone cannot have
        return time.isoformat()

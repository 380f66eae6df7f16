"""Query parameters, validated strictly. Unknown parameters are ignored, as real services do, and can be named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import parse_qsl

from fibonacci.emulator.http.errors import Detail, HTTPException, bad_request, invalid

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS: Final = {"true": True, "false": False}


class Query:
    """The query parameters of one request.

    Attributes:
        repeated: The names of those that are given more than once; the last one is read.
    """

    def __init__(self, raw: str) -> None:
        try:
            pairs = parse_qsl(raw, keep_blank_values=True, errors="strict") if raw else []
        except ValueError as error:
            raise bad_request(f"The query cannot be read: {error}", "query") from None
        self._values = dict(pairs)
        self._read: set[str] = set()
        self.repeated: Final = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]

    def unread(self, known: Collection[str] = ()) -> list[str]:
        """Return the names of the parameters that nothing has read, but for those that are known."""
        return [name for name in self._values if name not in self._read and name not in known]

    def _get(self, name: str) -> str | None:
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty; `None` if it is absent."""
        value = self._get(name)
        if value == "":
            raise _fault(name, "must not be empty")
        return value

    def integer(self, name: str, *, default: int, lowest: int, highest: int) -> int:
        """Return an integer between two bounds."""
        value = self._get(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not lowest <= int(value) <= highest:
            raise _fault(name, f"must be a whole number from {lowest} to {highest}")
        return int(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a boolean, written `true` or `false`."""
        value = self._get(name)
        if value is None:
            return default
        if value not in _BOOLEANS:
            raise _fault(name, f"must be true or false, not {value!r}")
        return _BOOLEANS[value]

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of several texts."""
        value = self._get(name)
        if value is None:
            return default
        if value not in choices:
            raise _fault(name, f"must be one of {', '.join(choices)}")
        return value


def _fault(name: str, message: str) -> HTTPException:
    return invalid(Detail(name, message))

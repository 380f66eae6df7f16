"""Request bodies and query parameters, read strictly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.http.messages import Detail, HTTPException, bad_request, invalid
from fibonacci.emulator.state.json_encoding import parse_json, unicode_fault

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS: Final = {"true": True, "false": False}


class Query:
    """The query parameters of one request.

    Attributes:
        repeated: The names of parameters that are given more than once. The last one is read.
    """

    def __init__(self, raw: str) -> None:
        try:
            pairs = parse_qsl(raw, keep_blank_values=True, errors="strict") if raw else []
        except ValueError as error:
            raise bad_request(f"The query cannot be read: {error}", "query") from None
        self._values = dict(pairs)
        self._read: set[str] = set()
        self.repeated: Final[list[str]] = []
        if len(pairs) > len(self._values):
            self.repeated.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)

    def unread(self, known: Collection[str] = ()) -> list[str]:
        """Return the names of the parameters that nothing has read, but for those that are known."""
        return [name for name in self._values if name not in self._read and name not in known]

    def _get(self, name: str) -> str | None:
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty, or `None` if it is absent."""
        value = self._get(name)
        if value == "":
            raise _fault(name, "must not be empty")
        return value

    def searched(self, name: str) -> str | None:
        """Return a text without the space around it, or `None` if it is absent or empty, as a form sends it."""
        return (self._get(name) or "").strip() or None

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


MAX_BODY: Final = 10 * 1024 * 1024
"""The largest body, in bytes."""

MAX_DEPTH: Final = 100
"""How deep objects and arrays may be nested. Python's JSON encoder fails at about 1,000 levels."""


class Body(BaseModel):
    """The base of every request body: exact types and the documented keys only. It is built when one comes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


BodyT = TypeVar("BodyT", bound=Body)


class RequestBody(NamedTuple):
    """The body of one request.

    Attributes:
        raw: The bytes as received.
        report_repeated: Called with the keys that an object in it has more than once, before anything is changed.
    """

    raw: bytes
    report_repeated: Callable[[Sequence[str]], object] | None = None

    def parsed(self) -> Any:
        """Return the JSON in it.

        Raises:
            HTTPException: 400 if it is not JSON. Also if keys are repeated, when those are refused.
        """
        if self.report_repeated is None:
            return read_json(self.raw)
        repeated: list[str] = []
        content = read_json(self.raw, repeated)
        if repeated:
            self.report_repeated(list(dict.fromkeys(repeated)))
        return content


def read(model: type[BodyT], body: RequestBody) -> BodyT:
    """Parse and validate a body.

    Args:
        model: The model.
        body: The body as received.

    Returns:
        The model. `model_fields_set` has the names of the fields given.

    Raises:
        HTTPException: 400 if it is not JSON, 422 with every fault if it does not match the model.
    """
    content = body.parsed()
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid(*(Detail(_field(fault["loc"]), fault["msg"]) for fault in faults)) from None


def read_object(body: RequestBody) -> Mapping[str, Any]:
    """Parse a body that may be any JSON object."""
    content = body.parsed()
    if not is_object(content):
        raise invalid(Detail("body", "Input should be an object"))
    return content


def read_json(raw: bytes, repeated: list[str] | None = None) -> Any:
    """Parse JSON as the standard defines it: UTF-8, finite numbers, nested at most `MAX_DEPTH` levels.

    `repeated` gets the keys that an object has more than once.
    """
    if not raw:
        raise bad_request("The body is empty, but JSON is expected.", "body")
    try:
        content = parse_json(raw.decode("utf-8"), repeated)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is not JSON: {error}", "body") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and is_deeper_than(content, MAX_DEPTH):
        raise bad_request(f"The body is nested deeper than {MAX_DEPTH} levels.", "body")
    if b"\\u" in raw and (fault := unicode_fault(content)) is not None:
        place, message = fault
        raise invalid(Detail(place or "body", message))
    return content


def is_deeper_than(content: Any, levels: int) -> bool:
    """Return whether objects and arrays are nested deeper than `levels`."""
    layer: list[Any] = [content]
    for _ in range(levels + 1):
        layer = [item for item in layer if is_object(item) or is_array(item)]
        if not layer:
            return False
        layer = [inner for item in layer for inner in (item.values() if is_object(item) else item)]
    return True


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"

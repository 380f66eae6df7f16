"""HTTP messages as plain data, what handlers return or raise, and bodies and query parameters, read strictly."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.state.json_encoding import parse_json, to_json, unicode_fault


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """One HTTP request as received.

    Attributes:
        method: The method, in capitals.
        target: Path and query as received, still percent-encoded.
        headers: Values by lower-case name.
        body: The complete body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class ServerResponse:
    """One HTTP response to send, complete with its `Content-Length`.

    Attributes:
        status: The status.
        headers: Names and values.
        body: The complete body.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def decoded_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of a request as text, those of one name joined by commas as in RFC 9110."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def encoded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response as bytes."""
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


NO_HEADERS: Final[Mapping[str, str]] = {}
JSON_BODY: Final[Mapping[str, str]] = {"content-type": "application/json"}
"""The header of a request with a body that the emulator makes itself."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is wrong with one field of a request."""

    field: str
    message: str


class HTTPException(Exception):
    """An error response in the documented envelope.

    Attributes:
        status: The HTTP status.
        code: The stable name of the error.
        message: What is wrong, for people.
        details: The fields at fault.
        headers: Headers of the response, such as `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers


def refused(status: int, code: str, field: str, message: str, headers: Mapping[str, str] = NO_HEADERS) -> HTTPException:
    """Return the error whose message is about one field, or another part of the request."""
    return HTTPException(status, code, message, [Detail(field, message)], headers)


def bad_request(message: str, field: str = "request") -> HTTPException:
    """Return the error for a request that cannot be read, where `field` is the part that is wrong."""
    return refused(400, "bad_request", field, message)


def unauthorized(message: str) -> HTTPException:
    """Return the error for a missing or unknown key."""
    return refused(401, "unauthorized", "Authorization", message, {"WWW-Authenticate": "Bearer"})


def permission_denied(what: str, role: str, lowest: str) -> HTTPException:
    """Return the error for a call that requires a higher role."""
    message = (
        f"{what} requires the role {lowest}{'' if lowest == 'owner' else ' or higher'}. This key has the role {role}."
    )
    return HTTPException(403, "permission_denied", message, [Detail("role", f"must be at least {lowest}, is {role}")])


def not_found(field: str, kind: str, name: str) -> HTTPException:
    """Return the error for an object that does not exist, where `field` is the parameter that names it."""
    return refused(404, "not_found", field, f"There is no {kind} {name!r}.")


def conflict(field: str, message: str, code: str = "conflict") -> HTTPException:
    """Return the error for a call that the current state does not allow, where `field` is what conflicts with it."""
    return refused(409, code, field, message)


def payload_too_large(limit: int) -> HTTPException:
    """Return the error for a body over the limit, in bytes."""
    return refused(413, "payload_too_large", "body", f"The body is larger than {limit} bytes.")


def invalid(*details: Detail) -> HTTPException:
    """Return the error for a request that can be read and is not valid."""
    return HTTPException(422, "validation_error", f"Invalid input: {details[0].field}: {details[0].message}", details)


def too_many_requests(code: str, message: str, retry_after: int | None, *details: Detail) -> HTTPException:
    """Return the error for an exhausted rate limit or quota, with `retry_after` in seconds, or `None` if unknown."""
    headers = NO_HEADERS if retry_after is None else {"Retry-After": str(retry_after)}
    return HTTPException(429, code, message, details, headers)


Envelope = Literal["full", "data", "bare", "page", "encoded", "empty"]


class Reply(NamedTuple):
    """The content of a response, not encoded yet.

    Attributes:
        content: The content, any JSON. With the envelope `encoded`, its bytes.
        envelope: The envelope around it.
        status: The HTTP status.
        next_cursor: The cursor of the next page, or `None` on the last.
    """

    content: Any
    envelope: Envelope = "full"
    status: int = 200
    next_cursor: str | None = None


def created(content: Any) -> Reply:
    """Return a 201 in the full envelope."""
    return Reply(content, status=201)


def data_only(content: Any) -> Reply:
    """Return a reply in the envelope without `meta`, as for executing a workflow."""
    return Reply(content, "data")


def bare(content: Any, status: int = 200) -> Reply:
    """Return a reply without an envelope."""
    return Reply(content, "bare", status)


def encoded_json(content: bytes) -> Reply:
    """Return a reply of JSON that is encoded already, without an envelope."""
    return Reply(content, "encoded")


def page(items: Sequence[Any], next_cursor: str | None) -> Reply:
    """Return one page of a list."""
    return Reply(items, "page", next_cursor=next_cursor)


def no_content() -> Reply:
    """Return a 204."""
    return Reply(None, "empty", 204)


def encode(reply: Reply, request_id: str) -> bytes:
    """Encode a reply as the body of its response."""
    match reply.envelope:
        case "full":
            return to_json({"data": reply.content, "meta": {"request_id": request_id}})
        case "page":
            meta = {"request_id": request_id, "next_cursor": reply.next_cursor}
            return to_json({"data": reply.content, "meta": meta})
        case "data":
            return to_json({"data": reply.content})
        case "bare":
            return to_json(reply.content)
        case "encoded":
            body: bytes = reply.content
            return body
        case "empty":
            return b""


def encode_error(error: HTTPException) -> bytes:
    """Encode an error as the body of its response."""
    details = [{"field": detail.field, "message": detail.message} for detail in error.details]
    return to_json({"error": {"code": error.code, "message": error.message, "details": details}})


_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS: Final = {"true": True, "false": False}


class Query:
    """The query parameters of one request. If a name occurs more than once, the last one counts."""

    def __init__(self, raw: str) -> None:
        try:
            self._values = dict(parse_qsl(raw, keep_blank_values=True, errors="strict")) if raw else {}
        except ValueError as error:
            raise bad_request(f"The query cannot be read: {error}", "query") from None
        self._read: set[str] = set()

    def unread(self, known: Collection[str] = ()) -> list[str]:
        """Return the names of the parameters that nothing has read, except known ones."""
        return [name for name in self._values if name not in self._read and name not in known]

    def _get(self, name: str) -> str | None:
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty, or `None` if it is absent."""
        value = self._get(name)
        if value == "":
            raise _invalid_parameter(name, "must not be empty")
        return value

    def search_text(self, name: str) -> str | None:
        """Return a text, stripped, or `None` if it is absent or empty: forms send empty fields too."""
        return (self._get(name) or "").strip() or None

    def integer(self, name: str, *, default: int, lowest: int, highest: int) -> int:
        """Return an integer between two bounds."""
        value = self._get(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not lowest <= int(value) <= highest:
            raise _invalid_parameter(name, f"must be a whole number from {lowest} to {highest}")
        return int(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a boolean, written `true` or `false`."""
        value = self._get(name)
        if value is None:
            return default
        if value not in _BOOLEANS:
            raise _invalid_parameter(name, f"must be true or false, not {value!r}")
        return _BOOLEANS[value]

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of several texts."""
        value = self._get(name)
        if value is None:
            return default
        if value not in choices:
            raise _invalid_parameter(name, f"must be one of {', '.join(choices)}")
        return value


def _invalid_parameter(name: str, message: str) -> HTTPException:
    return invalid(Detail(name, message))


MAX_BODY: Final = 10 * 1024 * 1024
"""The largest body, in bytes."""

MAX_DEPTH: Final = 100
"""How deep objects and arrays may be nested. Python's JSON encoder fails at about 1,000 levels."""


class Body(BaseModel):
    """The base of every request body: exact types and the documented keys only. Its validator is built on first use."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


BodyT = TypeVar("BodyT", bound=Body)


def read(model: type[BodyT], body: bytes) -> BodyT:
    """Parse and validate a body.

    Args:
        model: The model.
        body: The body as received.

    Returns:
        The model. `model_fields_set` has the names of the fields given.

    Raises:
        HTTPException: 400 if it is not JSON, 422 with every fault if it does not match the model.
    """
    content = read_json(body)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid(*(Detail(_field(fault["loc"]), fault["msg"]) for fault in faults)) from None


def read_object(body: bytes) -> Mapping[str, Any]:
    """Parse a body that may be any JSON object."""
    content = read_json(body)
    if not is_object(content):
        raise invalid(Detail("body", "Input should be an object"))
    return content


def read_json(raw: bytes) -> Any:
    """Parse JSON as the standard defines it: UTF-8, finite numbers, nested at most `MAX_DEPTH` levels."""
    if not raw:
        raise bad_request("The body is empty, but JSON is expected.", "body")
    try:
        content = parse_json(raw.decode("utf-8"))
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

"""The errors that the emulator answers, as exceptions that any handler may raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NO_HEADERS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Detail:
    """What is wrong with one field of a request."""

    field: str
    message: str


class HTTPException(Exception):
    """An answer in the documented error envelope.

    Attributes:
        status: The HTTP status.
        code: The stable name of the error.
        message: What is wrong, for a person.
        details: The fields at fault.
        headers: Headers that belong to this error, such as `Retry-After`.
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


def bad_request(message: str, field: str = "request") -> HTTPException:
    """A request that cannot be read; `field` is the part at fault."""
    return HTTPException(400, "bad_request", message, [Detail(field, message)])


def unauthorized(message: str) -> HTTPException:
    """A key that is missing or not known."""
    return HTTPException(
        401, "unauthorized", message, [Detail("Authorization", message)], {"WWW-Authenticate": "Bearer"}
    )


def permission_denied(what: str, role: str, lowest: str) -> HTTPException:
    """A call that takes a higher role."""
    message = f"{what} takes the role {lowest}{'' if lowest == 'owner' else ' or a higher one'}; this key's is {role}."
    return HTTPException(403, "permission_denied", message, [Detail("role", f"must be at least {lowest}, is {role}")])


def not_found(field: str, kind: str, name: str) -> HTTPException:
    """An object that is not there; `field` is the parameter that names it."""
    message = f"There is no {kind} {name!r}."
    return HTTPException(404, "not_found", message, [Detail(field, message)])


def method_not_allowed(method: str, allowed: Sequence[str]) -> HTTPException:
    """A path that exists, but not with this method."""
    names = ", ".join(sorted(allowed))
    message = f"{method} is not allowed here, only {names}."
    return HTTPException(405, "method_not_allowed", message, [Detail("method", message)], {"Allow": names})


def conflict(field: str, message: str, code: str = "conflict") -> HTTPException:
    """A call that the present state does not allow; `field` is what it does not fit."""
    return HTTPException(409, code, message, [Detail(field, message)])


def payload_too_large(limit: int) -> HTTPException:
    """A body over the limit, in bytes."""
    message = f"The body is larger than {limit} bytes."
    return HTTPException(413, "payload_too_large", message, [Detail("body", message)])


def invalid(*details: Detail) -> HTTPException:
    """A request that can be read but is not valid."""
    return HTTPException(422, "validation_error", f"Invalid input: {details[0].field}: {details[0].message}", details)


def too_many_requests(code: str, message: str, retry_after: int | None, *details: Detail) -> HTTPException:
    """A pace or a quota that is used up; `retry_after` in seconds, `None` when nobody knows."""
    headers = NO_HEADERS if retry_after is None else {"Retry-After": str(retry_after)}
    return HTTPException(429, code, message, details, headers)

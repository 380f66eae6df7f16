"""The API's errors, as exceptions that any handler may raise."""

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


def bad_request(message: str, field: str = "request") -> HTTPException:
    """Return the error for a request that cannot be read; `field` is the part at fault."""
    return HTTPException(400, "bad_request", message, [Detail(field, message)])


def unauthorized(message: str) -> HTTPException:
    """Return the error for a missing or unknown key."""
    return HTTPException(
        401, "unauthorized", message, [Detail("Authorization", message)], {"WWW-Authenticate": "Bearer"}
    )


def permission_denied(what: str, role: str, lowest: str) -> HTTPException:
    """Return the error for a call that requires a higher role."""
    message = f"{what} takes the role {lowest}{'' if lowest == 'owner' else ' or a higher one'}; this key's is {role}."
    return HTTPException(403, "permission_denied", message, [Detail("role", f"must be at least {lowest}, is {role}")])


def not_found(field: str, kind: str, name: str) -> HTTPException:
    """Return the error for an object that does not exist; `field` is the parameter that names it."""
    message = f"There is no {kind} {name!r}."
    return HTTPException(404, "not_found", message, [Detail(field, message)])


def method_not_allowed(method: str, allowed: Sequence[str]) -> HTTPException:
    """Return the error for a path that exists, with other methods only."""
    names = ", ".join(sorted(allowed))
    message = f"{method} is not allowed here, only {names}."
    return HTTPException(405, "method_not_allowed", message, [Detail("method", message)], {"Allow": names})


def conflict(field: str, message: str, code: str = "conflict") -> HTTPException:
    """Return the error for a call that the present state does not allow; `field` is what conflicts with it."""
    return HTTPException(409, code, message, [Detail(field, message)])


def request_timeout() -> HTTPException:
    """Return the error for a request whose head or body does not arrive in time."""
    message = "The request did not arrive in time."
    return HTTPException(408, "request_timeout", message, [Detail("request", message)])


def payload_too_large(limit: int) -> HTTPException:
    """Return the error for a body over the limit, in bytes."""
    message = f"The body is larger than {limit} bytes."
    return HTTPException(413, "payload_too_large", message, [Detail("body", message)])


def invalid(*details: Detail) -> HTTPException:
    """Return the error for a request that can be read and is not valid."""
    return HTTPException(422, "validation_error", f"Invalid input: {details[0].field}: {details[0].message}", details)


def too_many_requests(code: str, message: str, retry_after: int | None, *details: Detail) -> HTTPException:
    """Return the error for an exhausted rate limit or quota; `retry_after` in seconds, `None` if it is unknown."""
    headers = NO_HEADERS if retry_after is None else {"Retry-After": str(retry_after)}
    return HTTPException(429, code, message, details, headers)


def insufficient_storage(code: str, message: str) -> HTTPException:
    """Return the error for a change that cannot be stored; nothing was changed."""
    return HTTPException(507, code, message, [Detail("state", message)])


def state_locked(message: str) -> HTTPException:
    """Return the error for a state that another process has locked."""
    return HTTPException(503, "state_locked", message, [Detail("state", message)], {"Retry-After": "1"})


def state_error(message: str) -> HTTPException:
    """Return the error for a state that cannot be used, or a record that is damaged."""
    return HTTPException(500, "state_error", message, [Detail("state", message)])


def internal_error() -> HTTPException:
    """Return the error for a bug of the emulator."""
    return HTTPException(500, "internal_error", "The emulator failed; its log says why.")

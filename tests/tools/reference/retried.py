"""What a response, or the lack of one, becomes by the client's rules: the error, and whether it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

from fibonacci._core.error_mapping import connection_error, status_error
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.retry import Attempt, decide, outcome_of
from fibonacci._core.transport_errors import TransportError, TransportErrorKind

_BASE_URL: Final = "https://platform.example/v1"
_TRANSPORT: Final[dict[TransportErrorKind, str]] = {
    "never_sent": "no connection, or none free",
    "timeout_never_sent": "no connection within `connect_timeout` or the time of the call",
    "unknown": "the connection broke after the request was sent",
    "timeout": "no complete response within the time of the call",
    "tls": "TLS failed, such as by an untrusted certificate",
    "name": "the host's name cannot be resolved",
    "proxy": "the proxy refused",
    "invalid": "the request cannot be sent as it is",
    "broken": "the transport itself failed",
}


class FailedCall(NamedTuple):
    """One way in which a call fails.

    Attributes:
        what: What happened, as Markdown.
        error: The name of the error's class.
        get: What follows for a GET, PUT or DELETE: `retried`, `raised` or `unknown`.
        post: The same for a POST or PATCH.
    """

    what: str
    error: str
    get: str
    post: str


def failures() -> list[FailedCall]:
    """Return all ways in which a call fails: those without a response first, then the statuses."""
    found = [_unsent(kind, text) for kind, text in _TRANSPORT.items()]
    found += [
        FailedCall("a success that cannot be read, or is too large", "APIResponseError", "raised", "unknown"),
        FailedCall(
            "a list that would never end",
            "PaginationError",
            "raised",
            "raised",
        ),
        FailedCall("the rate limit allows no request within the call's timeout", "RateLimitError", "raised", "raised"),
        *_by_statuses(),
        _of("any status with the code `validation_error`, 429 excepted", _response(400, code="validation_error")),
        _of("429 whose code has `quota` or `daily` in it", _response(429, code="quota_exceeded")),
        _of("503 with `Retry-After`", _response(503, retry_after="1")),
    ]
    return found


def _unsent(kind: TransportErrorKind, text: str) -> FailedCall:
    error = TransportError(kind, OSError("reason"))
    name = type(connection_error(error, base_url=_BASE_URL, is_time_up=False)).__name__
    return FailedCall(text, name, *_follows(error, is_uncertain=kind == "broken"))


def _by_statuses() -> Iterator[FailedCall]:
    """Yield a failure for each set of statuses with the same consequences."""
    single = [(status, _of(str(status), _response(status))) for status in range(300, 600)]
    ranges: dict[FailedCall, list[str]] = {}
    for failure, run in groupby(single, key=lambda each: each[1]._replace(what="")):
        statuses = [status for status, _ in run]
        text = f"{statuses[0]} to {statuses[-1]}" if len(statuses) > 1 else str(statuses[0])
        ranges.setdefault(failure, []).append(text)
    yield from (failure._replace(what=", ".join(texts)) for failure, texts in ranges.items())


def _of(what: str, response: APIResponse) -> FailedCall:
    return FailedCall(what, type(status_error(response)).__name__, *_follows(response))


def _response(status: int, *, code: str = "a_code", retry_after: str | None = None) -> APIResponse:
    headers = [(b"content-type", b"application/json")]
    headers += [(b"retry-after", retry_after.encode())] if retry_after else []
    body = f'{{"error": {{"code": "{code}", "message": "text"}}}}'.encode()
    return APIResponse(HTTPResponse(status=status, headers=headers, body=body), received_at=0.0, limit=10_000)


def _follows(result: AttemptResult, *, is_uncertain: bool = False) -> tuple[str, str]:
    """Return what follows for a GET and for a POST."""
    is_uncertain = is_uncertain or outcome_of(result) == "unknown"
    get, post = (decide(Attempt(result, False, method, 1, 60.0, 2)) for method in ("GET", "POST"))
    return "retried" if get else "raised", "retried" if post else "unknown" if is_uncertain else "raised"

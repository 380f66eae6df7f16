"""The table of the control API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from fibonacci.emulator.app.control import approvals, clock, environment, failures, requests, state
from fibonacci.emulator.app.control.parts import ControlHandler, Parts
from fibonacci.emulator.context import Handler
from fibonacci.emulator.http.errors import Detail, HTTPException

CONTROL_ENDPOINTS: Final[list[tuple[str, str, ControlHandler]]] = [
    ("GET", "/failures", failures.list_failures),
    ("POST", "/failures", failures.inject_failure),
    ("DELETE", "/failures", failures.clear_failures),
    ("POST", "/chaos", failures.start_chaos),
    ("POST", "/approvals/{execution_id}", approvals.decide),
    ("POST", "/clock/advance", clock.advance),
    ("GET", "/requests", requests.list_requests),
    ("DELETE", "/requests", requests.clear_requests),
    ("GET", "/models", environment.list_models),
    ("GET", "/warnings", environment.list_warnings),
    ("POST", "/reset", state.reset),
]


def control_endpoints(parts: Parts) -> Iterator[tuple[str, str, Handler]]:
    """Yield method, path and handler of each endpoint, for the parts of one emulator."""
    return ((method, path, partial(handler, parts)) for method, path, handler in CONTROL_ENDPOINTS)


def not_the_owner() -> HTTPException:
    """Return the error for a control request with another key than the owner's."""
    detail = Detail("role", "must be owner, with the owner's own key")
    return HTTPException(403, "permission_denied", "The control API requires the owner's own key.", [detail])

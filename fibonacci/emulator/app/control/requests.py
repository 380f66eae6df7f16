"""The recorded requests."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply, no_content

_MOST_REQUESTS: Final = 1000


def list_requests(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /requests: the newest thousand, the oldest of them first."""
    return Reply([asdict(request) for request in _chosen(parts, context)[-_MOST_REQUESTS:]])


def clear_requests(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /requests."""
    _chosen(parts, context).clear()
    return no_content()


def _chosen(parts: EmulatorParts, context: RequestContext) -> Requests:
    """Return the requests to the route in the query, else all."""
    try:
        return parts.requests.to(context.query.text("route") or "*")
    except ValueError as error:
        raise invalid(Detail("route", str(error))) from None

"""Handling a request of the control API."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from fibonacci.emulator.account.auth import Actor
from fibonacci.emulator.app.control import CONTROL_PREFIX
from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.app.endpoints import EndpointCaller
from fibonacci.emulator.app.responses import EncodedReply
from fibonacci.emulator.context import Handler
from fibonacci.emulator.http.bodies import MAX_BODY
from fibonacci.emulator.http.errors import Detail, HTTPException, payload_too_large
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import Router

MAX_SNAPSHOT: Final = 1024 * 1024 * 1024
"""The largest snapshot that can be sent, in bytes."""

_RESTORE: Final = f"/{CONTROL_PREFIX}/restore"


class ControlAPI:
    """Calls the handlers of the control API for the owner.

    Args:
        parts: The parts of the emulator.
        endpoints: Calls a handler.
    """

    def __init__(self, parts: EmulatorParts, endpoints: EndpointCaller) -> None:
        self._parts = parts
        self._endpoints = endpoints

    def call(self, request: ServerRequest, now: float) -> EncodedReply:
        """Handle one request.

        Raises:
            HTTPException: 401 or 403 with another key than the owner's own, 413 if the body is too large.
        """
        actor = self._authenticate(request)
        limit = _limit(request)
        if len(request.body) > limit:
            raise payload_too_large(limit)
        return self._endpoints.call(self._router, request, actor, now)

    def body_limit(self, request: ServerRequest) -> int:
        """Return the largest body of a request, in bytes: the owner may send a snapshot.

        Raises:
            HTTPException: 401 or 403 with another key than the owner's own.
        """
        self._authenticate(request)
        return _limit(request)

    def _authenticate(self, request: ServerRequest) -> Actor:
        api_key, actor = self._parts.keys.authenticate(request.headers.get("authorization", ""))
        if not self._parts.keys.is_owner(api_key):
            detail = Detail("role", "must be owner, with the owner's own key")
            raise HTTPException(403, "permission_denied", "The control API requires the owner's own key.", [detail])
        return actor

    @cached_property
    def _router(self) -> Router[Handler]:
        from fibonacci.emulator.app.control.endpoints import control_endpoints  # most emulators are never asked for it

        return Router(control_endpoints(self._parts), CONTROL_PREFIX)


def _limit(request: ServerRequest) -> int:
    return MAX_SNAPSHOT if request.target == _RESTORE else MAX_BODY

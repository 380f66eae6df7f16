"""The memory of `Idempotency-Key`: a POST that comes again is answered again, and done once.

The answers are a part of the state: they outlive the process when the state does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fibonacci.emulator.http.errors import bad_request, conflict
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.state.ids import fingerprint
from fibonacci.emulator.state.store import Record, Table

KEPT_SECONDS: Final = 86_400.0
"""How long an answer is kept."""

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class EncodedReply:
    """An answer before the headers that every response has.

    `later` waits for a better one, which answers the same request under the same id.
    """

    status: int
    body: bytes
    request_id: str
    headers: Mapping[str, str]
    later: Callable[[], Reply] | None = None


class IdempotencyCache:
    """The answers given to each idempotency key of each API key."""

    def __init__(self, kept: Table) -> None:
        self._kept = kept

    def find(self, api_key: str, request: ServerRequest, now: float) -> EncodedReply | None:
        """Return the earlier answer to the same request, or `None`.

        Raises:
            ApiError: 400 for a malformed key, 409 when the key was used with another request.
        """
        key = request.headers["idempotency-key"]
        if not _KEY.fullmatch(key):
            raise bad_request("Idempotency-Key holds 1 to 255 letters, digits, '_' and '-'.", "Idempotency-Key")
        kept = self._kept.get(fingerprint(api_key), key)
        if kept is None or kept["until"] <= now:
            return None
        if kept["request"] != _digest(request):
            message = f"Idempotency-Key {key!r} was used with another request."
            raise conflict("Idempotency-Key", message, "idempotency_conflict")
        return EncodedReply(kept["status"], kept["body"].encode("ascii"), kept["request_id"], kept["headers"])

    def keep(self, api_key: str, request: ServerRequest, answer: EncodedReply, now: float) -> None:
        """Keep an answer for a day."""
        self._forget(now)
        place = (fingerprint(api_key), request.headers["idempotency-key"])
        record: Record = {
            "key": place,
            "request": _digest(request),
            "status": answer.status,
            "body": answer.body.decode("ascii"),
            "request_id": answer.request_id,
            "headers": dict(answer.headers),
            "until": now + KEPT_SECONDS,
        }
        self._kept.delete(*place)  # so that the oldest stays first
        self._kept.put(*place, record=record)

    def _forget(self, now: float) -> None:
        while (oldest := next(self._kept.records(), None)) is not None and oldest["until"] <= now:
            self._kept.delete(*oldest["key"])


def _digest(request: ServerRequest) -> str:
    return sha256(f"{request.method} {request.target}\n".encode() + request.body).hexdigest()

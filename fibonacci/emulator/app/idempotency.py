"""The cache of `Idempotency-Key`: a repeated POST gets the first response and is carried out once.

The responses are part of the state: they survive the process if the state does.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from fibonacci.emulator.app.responses import EncodedReply
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.replies import bad_request, conflict
from fibonacci.emulator.state.ids import fingerprint
from fibonacci.emulator.state.records import StoredReplay
from fibonacci.emulator.state.tables import Table

KEPT_SECONDS: Final = 86_400.0
"""How long a response is kept."""

_KEY: Final = re.compile(r"[!-~]{1,255}")


class IdempotencyCache:
    """The replies to each idempotency key of each API key."""

    def __init__(self, kept: Table[StoredReplay]) -> None:
        self._kept = kept

    def find(self, api_key: str, request: ServerRequest, now: float) -> EncodedReply | None:
        """Return the reply to the same request before; `None` if it is the first.

        Raises:
            HTTPException: 400 if the idempotency key is malformed, 409 if it was used with another request.
        """
        key = request.headers["idempotency-key"]
        if not _KEY.fullmatch(key):
            raise bad_request("Idempotency-Key holds 1 to 255 visible ASCII characters.", "Idempotency-Key")
        kept = self._kept.get(fingerprint(api_key), key)
        if kept is None or kept["until"] <= now:
            return None
        if kept["request"] != _digest(api_key, request):
            message = f"Idempotency-Key {key!r} was used with another request."
            raise conflict("Idempotency-Key", message, "idempotency_conflict")
        return EncodedReply(kept["status"], kept["body"].encode("ascii"), kept["request_id"], kept["headers"])

    def renew(
        self, api_key: str, request: ServerRequest, before: EncodedReply, reply: EncodedReply, now: float
    ) -> None:
        """Replace a reply that was kept, unless the state was reset or replaced since."""
        kept = self._kept.get(fingerprint(api_key), request.headers["idempotency-key"])
        if kept is not None and kept["request_id"] == before.request_id:
            self.keep(api_key, request, reply, now)

    def keep(self, api_key: str, request: ServerRequest, reply: EncodedReply, now: float) -> None:
        """Keep a reply for a day; `Retention` drops it."""
        place = (fingerprint(api_key), request.headers["idempotency-key"])
        record: StoredReplay = {
            "request": _digest(api_key, request),
            "status": reply.status,
            "body": reply.body.decode("ascii"),
            "request_id": reply.request_id,
            "headers": dict(reply.headers),
            "until": now + KEPT_SECONDS,
        }
        self._kept.delete(*place)  # so that the oldest stays first
        self._kept.put(*place, record=record)


def _digest(api_key: str, request: ServerRequest) -> str:
    """Return a digest of a request, keyed: whoever has the state cannot try out what the request may have held."""
    content = f"{request.method} {request.target}\n".encode() + request.body
    return hmac.digest(api_key.encode("utf-8", "surrogatepass"), content, "sha256").hex()

"""What is kept: responses by `Idempotency-Key`, with a limit for them and for executions.

A repeated POST gets the first response and is carried out once. The responses are part of the state: they survive the
process if the state does. What is too old is dropped, so that an emulator doesn't grow when it runs for a long time.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from fibonacci.emulator.app.responses import EncodedReply
from fibonacci.emulator.http.messages import ServerRequest, bad_request, conflict
from fibonacci.emulator.state.ids import fingerprint
from fibonacci.emulator.state.records import StoredReplay
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Table

KEPT_SECONDS: Final = 86_400.0
"""How long a response is kept."""

_KEY: Final = re.compile(r"[!-~]{1,255}")


class IdempotencyCache:
    """The replies to each idempotency key of each API key."""

    def __init__(self, kept: Table[StoredReplay]) -> None:
        self._kept = kept

    def find(self, api_key: str, request: ServerRequest, now: float) -> EncodedReply | None:
        """Return the reply to the same request before, or `None` if it is the first.

        Raises:
            HTTPException: 400 if the idempotency key is malformed, 409 if it was used with another request.
        """
        key = request.headers["idempotency-key"]
        if not _KEY.fullmatch(key):
            raise bad_request("Idempotency-Key must be 1 to 255 visible ASCII characters.", "Idempotency-Key")
        kept = self._kept.get(fingerprint(api_key), key)
        if kept is None or kept["until"] <= now:
            return None
        if kept["request"] != _digest(api_key, request):
            message = f"Idempotency-Key {key!r} was already used for another request."
            raise conflict("Idempotency-Key", message, "idempotency_conflict")
        return EncodedReply(kept["status"], kept["body"].encode("ascii"), kept["request_id"], kept["headers"])

    def renew(
        self, api_key: str, request: ServerRequest, before: EncodedReply, reply: EncodedReply, now: float
    ) -> None:
        """Replace a reply that was kept, unless the state was reset or replaced since."""
        place = (fingerprint(api_key), request.headers["idempotency-key"])
        kept = self._kept.get(*place)
        if kept is not None and kept["request_id"] == before.request_id:
            self._kept.put(*place, record=_record(api_key, request, reply, now))

    def keep(self, api_key: str, request: ServerRequest, reply: EncodedReply, now: float) -> None:
        """Keep a reply for a day, until `Retention` drops it."""
        place = (fingerprint(api_key), request.headers["idempotency-key"])
        self._kept.delete(*place)  # so that the oldest stays first
        self._kept.put(*place, record=_record(api_key, request, reply, now))


def _record(api_key: str, request: ServerRequest, reply: EncodedReply, now: float) -> StoredReplay:
    return {
        "request": _digest(api_key, request),
        "status": reply.status,
        "body": reply.body.decode("ascii"),
        "request_id": reply.request_id,
        "headers": dict(reply.headers),
        "until": now + KEPT_SECONDS,
    }


def _digest(api_key: str, request: ServerRequest) -> str:
    """Return a digest of a request, keyed: whoever has the state cannot try out what the request may have held."""
    content = f"{request.method} {request.target}\n".encode() + request.body
    return hmac.digest(api_key.encode("utf-8", "surrogatepass"), content, "sha256").hex()


class Retention:
    """Drops the oldest executions that have ended, with their traces, and what has expired.

    It is applied with each request that may change the state, in the same transaction. Executions that are running or
    wait for approval are kept.

    Args:
        store: All state.
        keep: How many executions that have ended are kept, and responses to idempotency keys, or `None` for all.

    Raises:
        ValueError: If `keep` is not positive.
    """

    def __init__(self, store: Store, keep: int | None) -> None:
        self._store = store
        self.keep = keep

    @property
    def keep(self) -> int | None:
        """How many executions that have ended are kept, or `None` for all."""
        return self._keep

    @keep.setter
    def keep(self, keep: int | None) -> None:
        check_keep(keep)
        self._keep = keep

    def apply(self, now: float, *, may_have_expired: bool = True) -> None:
        """Drop what is too old, inside a transaction.

        Args:
            now: The time in Unix seconds.
            may_have_expired: Whether anything was due. If not, expired values are not searched for.
        """
        store = self._store
        if may_have_expired:
            store.memory.delete_due(now)
            store.replays.delete_due(now)
        if self._keep is not None:
            store.executions.drop_oldest(self._keep)

    def limit_replays(self) -> None:
        """Drop the oldest responses to idempotency keys beyond the limit."""
        if self._keep is not None:
            self._store.replays.keep_newest(self._keep)


def check_keep(keep: int | None) -> None:
    """Check how many executions are to be kept.

    Raises:
        ValueError: If it is less than 1.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"keep must be a number of executions, at least 1, or None for all, not {keep!r}")

"""The memory of `Idempotency-Key`: a POST that comes again is answered again, and done once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fibonacci.emulator.errors import bad_request, conflict
from fibonacci.emulator.messages import Request

KEPT_SECONDS: Final = 86_400.0
"""How long an answer is kept."""

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before the headers that every response has."""

    status: int
    body: bytes
    request_id: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: bytes
    answer: Answer
    until: float


class Replays:
    """The answers given to each idempotency key of each API key."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def find(self, api_key: str, request: Request, now: float) -> Answer | None:
        """Return the earlier answer to the same request, or `None`.

        Raises:
            ApiError: 400 for a malformed key, 409 when the key was used with another request.
        """
        key = request.headers["idempotency-key"]
        if not _KEY.fullmatch(key):
            raise bad_request("Idempotency-Key holds 1 to 255 letters, digits, '_' and '-'.")
        kept = self._kept.get((api_key, key))
        if kept is None or kept.until <= now:
            return None
        if kept.fingerprint != _fingerprint(request):
            raise conflict(f"Idempotency-Key {key!r} was used with another request.", "idempotency_conflict")
        return kept.answer

    def keep(self, api_key: str, request: Request, answer: Answer, now: float) -> None:
        """Keep an answer for a day."""
        self._forget(now)
        place = (api_key, request.headers["idempotency-key"])
        self._kept.pop(place, None)  # so that the oldest stays first
        self._kept[place] = _Kept(_fingerprint(request), answer, now + KEPT_SECONDS)

    def _forget(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].until > now:
                return
            del self._kept[oldest]


def _fingerprint(request: Request) -> bytes:
    return sha256(f"{request.method} {request.target}\n".encode() + request.body).digest()

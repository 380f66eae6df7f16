"""Clients that share a limiter, and what their emulator has refused."""

from __future__ import annotations

from typing import Any

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator

PASSWORD = "swordfish-7"
ANY_PORT = "redis://127.0.0.1:1/0"


def client_of(emulator: Emulator, rate_limiter: str, **options: Any) -> Fibonacci:
    return Fibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter, **options)


def refusals(emulator: Emulator) -> int:
    return sum(request.status == 429 for request in emulator.requests)

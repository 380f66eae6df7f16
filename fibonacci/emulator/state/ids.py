"""Ids as the documentation shows them: a prefix and some hexadecimal digits."""

from __future__ import annotations

import secrets
from functools import lru_cache
from hashlib import sha256


def workflow_id() -> str:
    """Make the id of a workflow."""
    return f"wf-{secrets.token_hex(6)}"


def execution_id() -> str:
    """Make the id of an execution."""
    return f"exec_{secrets.token_hex(8)}"


def request_id() -> str:
    """Make the id of a request."""
    return f"req_{secrets.token_hex(8)}"


def audit_id() -> str:
    """Make the id of an entry of the audit log."""
    return f"audit_{secrets.token_hex(6)}"


def api_key() -> str:
    """Make an API key that shows where it belongs."""
    return f"fib-emulator-{secrets.token_hex(16)}"


@lru_cache(maxsize=64)
def fingerprint(api_key: str) -> str:
    """Return what stands for an API key in the state, so that a file never holds the key itself."""
    return sha256(api_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]

"""Ids as the documentation shows them: a prefix and hexadecimal digits."""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from hashlib import sha256


def _digits(size: int) -> str:
    """Return random digits, as `secrets.token_hex` does in four times the time."""
    return os.urandom(size).hex()


def workflow_id() -> str:
    """Return a new ID of a workflow."""
    return f"wf-{_digits(6)}"


def execution_id() -> str:
    """Return a new ID of an execution."""
    return f"exec_{_digits(8)}"


def request_id() -> str:
    """Return a new ID of a request."""
    return f"req_{_digits(8)}"


def audit_id() -> str:
    """Return a new ID of an audit log entry."""
    return f"audit_{_digits(6)}"


def api_key() -> str:
    """Return a new API key, recognizable as an emulator's."""
    return f"fib-emulator-{secrets.token_hex(16)}"


@lru_cache(maxsize=64)
def fingerprint(api_key: str) -> str:
    """Return a digest of an API key. The state has the digest in place of the key."""
    return sha256(api_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]

"""JSON as the emulator writes it, into its state and into responses."""

from __future__ import annotations

import json
from typing import Any, Final

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def to_json(content: Any) -> bytes:
    """Encode compactly; everything outside ASCII is escaped, so that lone surrogates survive.

    Raises:
        ValueError: If a number is not finite.
    """
    return _ENCODE(content).encode("ascii")

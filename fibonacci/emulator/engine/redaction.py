"""Redaction: no value of `secrets` is in a trace or on a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from fibonacci.definitions.json_types import is_array, is_object

REDACTED: Final = "***"


def spellings(secrets: Iterable[str]) -> list[str]:
    """Return the texts that a secret is rendered as, the longest first: a shorter one may be part of it."""
    texts = {text for secret in secrets if secret for text in _spellings_of(secret)}
    return sorted(texts, key=len, reverse=True)


def redact(value: Any, hidden: Sequence[str]) -> Any:
    """Return JSON with each of some texts replaced wherever it occurs: a node may have passed a secret on."""
    if isinstance(value, str):
        return redact_text(value, hidden)
    if is_object(value):
        return {redact_text(key, hidden): redact(entry, hidden) for key, entry in value.items()}
    if is_array(value):
        return [redact(element, hidden) for element in value]
    return value


def redact_text(text: str, hidden: Sequence[str]) -> str:
    """Return a text with each of some others replaced wherever it occurs."""
    for secret in hidden:
        text = text.replace(secret, REDACTED)
    return text


def _spellings_of(secret: str) -> Iterable[str]:
    """Yield a secret as it is, in JSON, and in a URL."""
    yield secret
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="", errors="replace")

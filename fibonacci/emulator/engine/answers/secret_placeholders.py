"""Placeholders for secrets in recorded calls: `<secret:TOKEN>` stands for the value of `TOKEN`.

A text that holds `<secret:` itself gets a backslash there, so that what was hidden is put back exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.default_nodes import NodeError

SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "": str,
    ":json": lambda secret: json.dumps(secret)[1:-1],
    ":text": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    ":url": lambda secret: quote(secret, safe=""),
}
"""How a secret is spelled in a text: as it is, inside JSON (with or without escapes), in a URL."""

_PLACEHOLDER: Final = re.compile(r"<(\\+)secret:|<secret:([^:>]*)(:json|:text|:url|)>")


class SecretPlaceholders:
    """Hides the values of secrets, and puts them back.

    Args:
        secrets: The values by name.
        former: Values that secrets had before. They are hidden for good.

    Example:
        >>> placeholders = SecretPlaceholders({"TOKEN": "s3cret"})
        >>> placeholders.hide("Bearer s3cret")
        'Bearer <secret:TOKEN>'
        >>> placeholders.put_back("Bearer <secret:TOKEN>")
        'Bearer s3cret'
    """

    def __init__(self, secrets: Mapping[str, str], former: Iterable[str] = ()) -> None:
        self._secrets = secrets
        self._hidden: dict[str, str] = {}
        for form, spell in SPELLINGS.items():
            for name, secret in secrets.items():
                if secret:
                    self._hidden.setdefault(spell(secret), f"<secret:{quote(name, safe='')}{form}>")
        for secret in former:
            for spell in SPELLINGS.values() if secret else ():
                self._hidden.setdefault(spell(secret), "***")
        # The longest first: a shorter one may be a part of it.
        texts = map(re.escape, sorted(self._hidden, key=len, reverse=True))
        self._pattern = re.compile("|".join((*texts, r"<\\*secret:")))

    def hide(self, value: Any) -> Any:
        """Return JSON with a placeholder for every secret, in keys too."""
        return map_texts(value, lambda text: self._pattern.sub(self._hide, text))

    def put_back(self, value: Any) -> Any:
        """Return JSON with the secrets in the place of their placeholders.

        Raises:
            NodeError: If there is no secret of a name.
        """
        return map_texts(value, lambda text: _PLACEHOLDER.sub(self._put_back, text))

    def _hide(self, match: re.Match[str]) -> str:
        return self._hidden.get(match[0]) or f"<\\{match[0][1:]}"

    def _put_back(self, match: re.Match[str]) -> str:
        if match[1]:
            return f"<{match[1][1:]}secret:"
        name = unquote(match[2])
        if name not in self._secrets:
            raise NodeError(f"the recorded answer holds the secret {name!r}: pass its value in Emulator(secrets=...)")
        return SPELLINGS[match[3]](self._secrets[name])


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with each of its texts changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if is_object(value):
        return {change(key): map_texts(entry, change) for key, entry in value.items()}
    if is_array(value):
        return [map_texts(element, change) for element in value]
    return value

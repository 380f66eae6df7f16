"""Secrets in files and snapshots: `<secret:TOKEN=1f2e3d4c>` stands for a value of `TOKEN`, which itself is nowhere.

A file is copied, committed, or attached to a report. So no value is in it, not even encrypted: an emulator that is
given the same secret puts it back, and any other shows what stands for it. The digits tell whether it is the same. They
are few, and slow to compute, so that nobody learns a value from them by trying many.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from hashlib import scrypt
from itertools import chain, product
from typing import Any, Final
from urllib.parse import quote, unquote

from fibonacci._log_records import log
from fibonacci.emulator.engine.answers.secret_placeholders import SPELLINGS, map_texts
from fibonacci.emulator.engine.variables import Secrets

SHORTEST: Final = 4
"""The fewest characters of a value that is hidden: a shorter one is in ids and words, and can be guessed."""

_DEEPEST: Final = 3
"""How deep JSON is in texts of JSON: a response kept for its idempotency key is one, and so may be a text in it."""

_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "".join(spellings): spellings
    for spellings in [(), (":url",), *chain(*(product((":json", ":text"), repeat=n + 1) for n in range(_DEEPEST)))]
}
"""The ways in which a secret is written in a text, one spelling inside the other."""

_MARK: Final = re.compile(rf"<secret:([^:=>]*)=([0-9a-f]{{8}})({'|'.join(_FORMS)})>")

_log: Final = logging.getLogger("fibonacci.emulator")


class StoredSecrets:
    """Takes the values of secrets out of what is stored, and puts them back.

    Args:
        secrets: The secrets, which may change: what they were before is hidden and put back too.

    Example:
        >>> stored = StoredSecrets(Secrets("secrets", {"TOKEN": "s3cret"}))
        >>> stored.hide("Bearer s3cret")
        'Bearer <secret:TOKEN=...>'
        >>> stored.put_back(stored.hide("Bearer s3cret"))
        'Bearer s3cret'
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._hidden: dict[str, tuple[str, str, str]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._digits: dict[tuple[str, str], str] = {}  # it takes 50 ms to compute those of a value
        self._missing: set[str] = set()

    def hide(self, value: Any) -> Any:
        """Return JSON without the values of secrets, in keys too."""
        if self._known is not self._secrets.ever_named:
            self._learn()
        pattern = self._pattern
        return value if pattern is None else map_texts(value, lambda text: pattern.sub(self._stand_in, text))

    def put_back(self, value: Any) -> Any:
        """Return JSON with the values of the secrets that are known; the others are logged, each once."""
        return map_texts(value, lambda text: _MARK.sub(self._original, text))

    def _learn(self) -> None:
        self._known = self._secrets.ever_named
        self._hidden = {}
        for form in _FORMS:
            for name, value in sorted(self._known):
                if len(value) >= SHORTEST:
                    self._hidden.setdefault(_spelled(value, form), (name, value, form))
        # The longest first: a shorter one may be a part of it.
        texts = map(re.escape, sorted(self._hidden, key=len, reverse=True))
        self._pattern = re.compile("|".join(texts)) if self._hidden else None

    def _stand_in(self, match: re.Match[str]) -> str:
        name, value, form = self._hidden[match[0]]
        return f"<secret:{quote(name, safe='')}={self._digits_of(name, value)}{form}>"

    def _original(self, match: re.Match[str]) -> str:
        name, digits, form = unquote(match[1]), match[2], match[3]
        for known, value in self._secrets.ever_named:
            if known == name and self._digits_of(name, value) == digits:
                return _spelled(value, form)
        if name not in self._missing:
            self._missing.add(name)
            text = "the state held the secret %r, which is missing or another now: pass its value in secrets"
            log(_log, logging.WARNING, text, name)
        return match[0]

    def _digits_of(self, name: str, value: str) -> str:
        secret = (name, value)
        if secret not in self._digits:
            password, salt = (text.encode("utf-8", "surrogatepass") for text in (value, f"fibonacci secret {name}"))
            self._digits[secret] = scrypt(password, salt=salt, n=2**14, r=8, p=1, dklen=4).hex()
        return self._digits[secret]


def _spelled(secret: str, form: str) -> str:
    for spelling in _FORMS[form]:
        secret = SPELLINGS[spelling](secret)
    return secret

"""Secrets in files: a cassette, a state file and a snapshot contain a placeholder instead of each value.

People copy, commit and send files, so no file contains a value, not even encrypted. In a state, the placeholder has a
few digits that identify the secret: an emulator that reads the state puts the value back if it has that secret, and
otherwise shows the placeholder. In a cassette, the placeholder has only the name, and a replay fills in the secret that
the emulator has then.

A value is found as it is, in JSON, in a URL and in base64. Values that are too short are not replaced.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import scrypt
from typing import Any, Final
from urllib.parse import quote, unquote

from fibonacci._texts.logging import log
from fibonacci.definitions.json_types import is_array, is_object, map_texts
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.engine.variables import FORMS, MIN_HIDDEN, REDACTED, Secrets
from fibonacci.emulator.state.records import map_content

_ANY_FORM: Final = f"({'|'.join(map(re.escape, FORMS))})"
_MARK: Final = re.compile(rf"<secret:([^:=>]*)=([0-9a-f]{{8}}){_ANY_FORM}>")
_PLACEHOLDER: Final = re.compile(rf"<(\\+)secret:|<secret:([^:=>]*){_ANY_FORM}>")

_log: Final = logging.getLogger("fibonacci.emulator")

Secret = tuple[str, str]
"""A name and a value."""


@lru_cache(maxsize=256)
def digits_of(name: str, value: str) -> str:
    """Return a few digits that identify a value. They are slow to compute, so that nobody can try many values."""
    return scrypt(value.encode(), salt=f"fibonacci secret {name}".encode(), n=2**14, r=8, p=1, dklen=4).hex()


class SecretTexts:
    """The spellings of secrets, to replace them in JSON.

    Args:
        secrets: The secrets. If several have the same text, the name of the first is used. Values that are too short
            aren't replaced.
        more: Other texts to replace, as a regular expression.
    """

    def __init__(self, secrets: Iterable[Secret], more: str = "") -> None:
        self._forms: dict[str, tuple[Secret, str]] = {}
        long = [secret for secret in secrets if len(secret[1]) >= MIN_HIDDEN]
        for form, spell in FORMS.items():
            for secret in long:
                self._forms.setdefault(spell(secret[1]), (secret, form))
        # The longest first, because a shorter one may be a part of it.
        texts = [*([more] if more else []), *map(re.escape, sorted(self._forms, key=len, reverse=True))]
        self._pattern = re.compile("|".join(texts)) if texts else None

    def replace(
        self,
        value: Any,
        replacement: Callable[[Secret, str], str],
        other: Callable[[str], str] = str,
        *,
        keys: bool = True,
    ) -> Any:
        """Return JSON without the secrets.

        Args:
            value: The JSON.
            replacement: Returns what replaces a secret in a form, such as its placeholder.
            other: Returns what replaces one of the other texts.
            keys: Whether users chose the keys, which are then searched too.
        """
        pattern, forms = self._pattern, self._forms
        if pattern is None:
            return value

        def replaced(match: re.Match[str]) -> str:
            known = forms.get(match[0])
            return other(match[0]) if known is None else replacement(*known)

        def visit(inner: Any) -> Any:
            if isinstance(inner, str):
                return pattern.sub(replaced, inner)
            if is_object(inner):
                return {pattern.sub(replaced, key) if keys else key: visit(entry) for key, entry in inner.items()}
            return [visit(element) for element in inner] if is_array(inner) else inner

        return visit(value)


class StoredSecrets:
    """Takes the values of secrets out of what is stored, and puts them back.

    Args:
        secrets: The secrets, which may change. Former values are hidden and put back too.

    Example:
        >>> stored = StoredSecrets(Secrets("secrets", {"TOKEN": "s3cret"}))
        >>> stored.hide("Bearer s3cret", str)
        'Bearer <secret:TOKEN=...>'
        >>> stored.put_back(stored.hide("Bearer s3cret", str))
        'Bearer s3cret'
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: frozenset[Secret] = frozenset()
        self._texts = SecretTexts(())
        self._missing: set[str] = set()

    def hide(self, value: Any, shape: Any) -> Any:
        """Return a record without the values of secrets, but with its field names, IDs, times, states and numbers."""
        if self._known is not self._secrets.every_named_value:
            self._known = self._secrets.every_named_value
            self._texts = SecretTexts(sorted(self._known))
        if not self._known:
            return value
        return map_content(shape, value, lambda inner, keys: self._texts.replace(inner, _marked, keys=keys))

    def put_back(self, value: Any) -> Any:
        """Return JSON with the values of known secrets, and log each of the others once."""
        return map_texts(value, lambda text: _MARK.sub(self._original, text))

    def _original(self, match: re.Match[str]) -> str:
        name = unquote(match[1])
        for known, value in self._secrets.every_named_value:
            if known == name and digits_of(name, value) == match[2]:
                return FORMS[match[3]](value)
        if name not in self._missing:
            self._missing.add(name)
            text = (
                "the state contained the secret %r, whose value is now missing or different: pass its value in secrets"
            )
            log(_log, logging.WARNING, text, name)
        return match[0]


def _marked(secret: Secret, form: str) -> str:
    return f"<secret:{quote(secret[0], safe='')}={digits_of(*secret)}{form}>"


class RecordedSecrets:
    """Takes the values of secrets out of recorded calls, and fills in the current ones on replay.

    A text that already contains `<secret:` gets a backslash there, so that it is restored exactly.

    Args:
        secrets: The secrets, which may change.

    Example:
        >>> recorded = RecordedSecrets(Secrets("secrets", {"TOKEN": "s3cret"}))
        >>> recorded.hide("Bearer s3cret")
        'Bearer <secret:TOKEN>'
        >>> recorded.put_back("Bearer <secret:TOKEN>")
        'Bearer s3cret'
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: frozenset[Secret] | None = None
        self._texts = SecretTexts(())

    @property
    def current(self) -> Mapping[str, str]:
        """The secrets as they are now."""
        return dict(self._secrets)

    def hide(self, value: Any) -> Any:
        """Return JSON with a placeholder for every secret, and `***` for every former value of one."""
        if self._known is not self._secrets.every_named_value:
            self._known = self._secrets.every_named_value
            former = sorted(self._known - self._secrets.items())
            self._texts = SecretTexts([*self._secrets.items(), *former], r"<\\*secret:")
        return self._texts.replace(value, self._named, lambda text: f"<\\{text[1:]}")

    def put_back(self, value: Any) -> Any:
        """Return JSON with the secrets in place of their placeholders.

        Raises:
            NodeError: If there is no secret with the name.
        """
        return map_texts(value, lambda text: _PLACEHOLDER.sub(self._original, text))

    def _named(self, secret: Secret, form: str) -> str:
        name, value = secret
        return f"<secret:{quote(name, safe='')}{form}>" if self._secrets.get(name) == value else REDACTED

    def _original(self, match: re.Match[str]) -> str:
        if match[1]:
            return f"<{match[1][1:]}secret:"
        name = unquote(match[2])
        if name not in self._secrets:
            raise NodeError(
                f"the recorded answer contains the secret {name!r}: pass its value in Emulator(secrets=...)"
            )
        return FORMS[match[3]](self._secrets[name])

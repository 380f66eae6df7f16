"""The values of `{{env.NAME}}` and `{{secrets.NAME}}`: no secret is in a trace, a page, a file or a snapshot.

A text that holds `<secret:` itself gets a backslash there, so that what was hidden is put back exactly.

A file is copied, committed, or attached to a report. So no value is in it, not even encrypted: an emulator that is
given the same secret puts it back, and any other shows what stands for it. The digits tell whether it is the same. They
are few, and slow to compute, so that nobody learns a value from them by trying many.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence
from hashlib import scrypt
from itertools import chain, product
from typing import Any, Final
from urllib.parse import quote, unquote

from fibonacci._logging import log
from fibonacci._text import is_unicode
from fibonacci.definitions.json_types import is_array, is_object, map_texts
from fibonacci.definitions.templates import TemplateError, parse
from fibonacci.emulator.engine.default_nodes import NodeError


class Variables(MutableMapping[str, str]):
    """Texts by name; safe to use from many threads.

    Args:
        source: The first part of their templates, `env` or `secrets`.
        values: The first values.

    Raises:
        ValueError: If no template can have such a name.
        TypeError: If a value is not a text.

    Example:
        >>> variables = Variables("env", {"TEAM": "Tides"})
        >>> variables["TEAM"] = "Moon"
        >>> dict(variables)
        {'TEAM': 'Moon'}
    """

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self._source: Final = source
        self._values: Mapping[str, str] = {}  # replaced and never changed in place, so that readers need no lock
        for name, value in values.items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: object) -> None:
        if not self._is_name(name):
            raise ValueError(f"{self._source} has no such names as {name!r}: a name has no spaces, dots and braces")
        if not isinstance(value, str):
            raise TypeError(f"{self._source}[{name!r}] is a text, not of type {type(value).__name__}")
        if not is_unicode(value):  # nor is it shown: a secret stays one
            raise ValueError(f"{self._source}[{name!r}] is not valid Unicode: it has a lone surrogate")
        self._values = {**self._values, name: value}

    def __delitem__(self, name: str) -> None:
        if name not in self._values:
            raise KeyError(name)
        self._values = {other: value for other, value in self._values.items() if other != name}

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def items(self) -> ItemsView[str, str]:
        """Return names and values as they are now."""
        return self._values.items()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def _is_name(self, name: object) -> bool:
        if not isinstance(name, str) or not name.isprintable():
            return False
        try:
            return parse(f"{self._source}.{name}").path == (name,)
        except TemplateError:
            return False


class Secrets(Variables):
    """Texts by name that no trace and no repr shows."""

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self._ever: frozenset[tuple[str, str]] = frozenset()
        super().__init__(source, values)

    @property
    def ever_named(self) -> frozenset[tuple[str, str]]:
        """Every name with every value that it has had: what ran before a change may have passed the old one on."""
        return self._ever

    @property
    def ever(self) -> Iterable[str]:
        """Every value that a secret has had."""
        return (value for _, value in self._ever)

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        self._ever |= {(name, self[name])}

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))


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

"""The values of `{{env.NAME}}` and `{{secrets.NAME}}`: no trace and no page shows a secret in any form."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import quote

from fibonacci._texts.text import is_unicode
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.templates import TemplateError, parse
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog

MIN_HIDDEN: Final = 4
"""How many characters a value needs to be hidden. Shorter ones occur in IDs and words, and can be guessed."""


class Variables(MutableMapping[str, str]):
    """Texts by name, safe to use from many threads.

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
            raise ValueError(
                f"{self._source} cannot have the name {name!r}: a name must not be empty or have spaces, dots or braces"
            )
        if not isinstance(value, str):
            raise TypeError(f"{self._source}[{name!r}] must be a string, not {type(value).__name__}")
        if not is_unicode(value):  # and isn't shown, because it may be a secret
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
    """Texts by name that no trace and no repr shows.

    Args:
        source: The first part of their templates.
        values: The first values.
        warnings: Where a value that is too short to be hidden is reported.
    """

    def __init__(self, source: str, values: Mapping[str, str], warnings: WarningLog | None = None) -> None:
        # Every name with every value that it has had: what ran before a change may have passed the old one on.
        self.every_named_value: frozenset[tuple[str, str]] = frozenset()
        self._warnings = warnings
        super().__init__(source, values)

    @property
    def every_value(self) -> Iterable[str]:
        """Every value that a secret has had."""
        return (value for _, value in self.every_named_value)

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        self.every_named_value |= {(name, self[name])}
        if self._warnings is not None and 0 < len(self[name]) < MIN_HIDDEN:
            message = (
                f"its value has fewer than {MIN_HIDDEN} characters and could be part of ordinary words, so it is not "
                "redacted in traces, on the page, in the state or in cassettes: use a longer one"
            )
            self._warnings.note(
                [EmulatorWarning(code="short_secret", location=f"{self._source}[{name!r}]", message=message)]
            )

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))


REDACTED: Final = "***"


def redact(value: Any, hidden: Sequence[str], *, has_user_keys: bool = True) -> Any:
    """Return JSON with hidden texts replaced wherever they occur, since a node may have passed a secret on.

    Args:
        value: The JSON.
        hidden: The texts, the longest first.
        has_user_keys: Whether users chose the keys, which may then contain a secret too. The keys of a record stay.
    """
    if isinstance(value, str):
        return redact_text(value, hidden)
    if is_object(value):
        return {
            redact_text(key, hidden) if has_user_keys else key: redact(entry, hidden, has_user_keys=has_user_keys)
            for key, entry in value.items()
        }
    if is_array(value):
        return [redact(element, hidden, has_user_keys=has_user_keys) for element in value]
    return value


def redact_text(text: str, hidden: Sequence[str]) -> str:
    """Return a text with hidden texts replaced wherever they occur."""
    for secret in hidden:
        text = text.replace(secret, REDACTED)
    return text


def _in_base64(secret: str, before: int) -> str:
    """Return the base64 characters that depend only on a secret, if so many bytes precede it in a group of three."""
    data = b"\0" * before + secret.encode()
    return b64encode(data).decode()[-(before * 8 // -6) : len(data) * 8 // 6]


FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "": str,
    ":json": lambda secret: json.dumps(secret)[1:-1],
    ":text": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    ":url": partial(quote, safe=""),
    **{f":base64.{before}": partial(_in_base64, before=before) for before in range(3)},
}
"""The forms in which secrets are found in texts."""


def texts_of(secrets: Iterable[str]) -> Sequence[str]:
    """Return the texts in which a secret may be shown, the longest first: a shorter one may be a part of it."""
    return _sorted_texts(frozenset(secrets))


@lru_cache(maxsize=16)  # a page asks for each of its texts
def _sorted_texts(secrets: frozenset[str]) -> Sequence[str]:
    texts = {spell(secret) for secret in secrets if len(secret) >= MIN_HIDDEN for spell in FORMS.values()}
    return sorted(texts, key=len, reverse=True)

"""The values of `{{env.NAME}}` and `{{secrets.NAME}}`: no secret is in a trace or on a page, in whatever form it is."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache, partial
from itertools import chain, product
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from fibonacci._text import is_unicode
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.templates import TemplateError, parse
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog

SHORTEST: Final = 4
"""The fewest characters of a value that is hidden. Shorter ones occur in IDs and words, and can be guessed."""


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
    """Texts by name that no trace and no repr shows.

    Args:
        source: The first part of their templates.
        values: The first values.
        warnings: Where a value that is too short to be hidden is reported.
    """

    def __init__(self, source: str, values: Mapping[str, str], warnings: WarningLog | None = None) -> None:
        self._ever: frozenset[tuple[str, str]] = frozenset()
        self._warnings = warnings
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
        if self._warnings is not None and 0 < len(self[name]) < SHORTEST:
            message = (
                f"its value has fewer than {SHORTEST} characters and could be part of ordinary words, so it is not "
                "redacted in traces, on the page, in the state or in cassettes: use a longer one"
            )
            self._warnings.keep(
                [EmulatorWarning(code="short_secret", location=f"{self._source}[{name!r}]", message=message)]
            )

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))


REDACTED: Final = "***"


def redact(value: Any, hidden: Sequence[str], *, has_own_keys: bool = True) -> Any:
    """Return JSON with each of some texts replaced wherever it occurs: a node may have passed a secret on.

    Args:
        value: The JSON.
        hidden: The texts, the longest first. A number that has the digits of one is replaced too.
        has_own_keys: Whether the keys are of users, and may hold a secret too. Those of a record stay.
    """
    if isinstance(value, str):
        return redact_text(value, hidden)
    if is_object(value):
        return {
            redact_text(key, hidden) if has_own_keys else key: redact(entry, hidden, has_own_keys=has_own_keys)
            for key, entry in value.items()
        }
    if is_array(value):
        return [redact(element, hidden, has_own_keys=has_own_keys) for element in value]
    number = number_text(value) if hidden else None
    return value if number is None or number[0] not in hidden else REDACTED


def redact_text(text: str, hidden: Sequence[str]) -> str:
    """Return a text with each of some others replaced wherever it occurs."""
    for secret in hidden:
        text = text.replace(secret, REDACTED)
    return text


def _in_base64(secret: str, encode: Callable[[bytes], bytes], before: int) -> str:
    """Return the base64 characters that depend only on a secret, after a number of bytes of a group of three."""
    data = b"\0" * before + secret.encode()
    return encode(data).decode()[-(before * 8 // -6) : len(data) * 8 // 6]


_IN_JSON: Final[Mapping[str, Callable[[str], str]]] = {
    ":json": lambda secret: json.dumps(secret)[1:-1],
    ":text": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
}
_IN_URLS: Final[Mapping[str, Callable[[str], str]]] = {
    ":url": partial(quote, safe=""),
    ":path": quote,
    ":query": quote_plus,
    ":component": partial(quote, safe="!'()*"),  # as JavaScript's encodeURIComponent has it
    ":lower": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),  # as .NET has it
}
_READ_URL: Final = {name: unquote_plus if name == ":query" else unquote for name in _IN_URLS}
_IN_BASE64: Final[Mapping[str, Callable[[str], str]]] = {
    f":{name}{before}": partial(_in_base64, encode=encode, before=before)
    for name, encode in (("base64.", b64encode), ("base64url.", urlsafe_b64encode))
    for before in range(3)
}
_SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    **_IN_JSON,
    ":slash": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),  # as PHP has it
    **_IN_URLS,
    **_IN_BASE64,
}

_DEEPEST: Final = 3
"""How deep JSON is in texts of JSON: a response kept for its idempotency key is one, and so may be a text in it."""

FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "".join(spellings): spellings
    for spellings in chain(
        [()],
        *(product([":slash"], *[_IN_JSON] * depth) for depth in range(_DEEPEST)),
        *(product(_IN_JSON, repeat=depth + 1) for depth in range(_DEEPEST)),
        product(_IN_URLS),
        product(_IN_JSON, _IN_URLS),
        product(_IN_URLS, [":url"]),
        product(_IN_BASE64),
        product([*_IN_JSON, ":url"], _IN_BASE64),
        product(_IN_BASE64, [":url"]),
    )
}
"""The ways in which a secret is written in a text, one spelling inside the other, the simplest first."""

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?")

NUMBERS: Final = (":number", ":float")
"""The forms of a secret that JSON has as a number, whole or with a fraction of zero."""


def spelled(secret: str, form: str) -> str:
    """Return a secret in a form."""
    for spelling in FORMS[form]:
        secret = _SPELLINGS[spelling](secret)
    return secret


def read_back(text: str, form: str) -> str | None:
    """Return the secret in a text of a form, or `None` for another text, and for base64, of which a part is unknown."""
    try:
        for spelling in reversed(FORMS.get(form, ())):
            if spelling in _IN_BASE64:
                return None
            text = _READ_URL[spelling](text) if spelling in _READ_URL else str(json.loads(f'"{text}"'))
    except ValueError:
        return None
    return text


def texts_of(secrets: Iterable[str]) -> Sequence[str]:
    """Return the texts in which a secret may be shown, the longest first: a shorter one may be a part of it."""
    return _sorted_texts(frozenset(secrets))


@lru_cache(maxsize=16)  # a page asks for each of its texts
def _sorted_texts(secrets: frozenset[str]) -> Sequence[str]:
    texts = {spelled(secret, form) for secret in secrets if len(secret) >= SHORTEST for form in FORMS}
    return sorted(texts, key=len, reverse=True)


def number_text(value: Any) -> tuple[str, str] | None:
    """Return the digits of a number in JSON as a secret has them, and the form, or `None` for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value)), ":float"
    return json.dumps(value), ":number"


def number_from(secret: str, form: str) -> int | float:
    """Return a secret as the number of a form, or zero if it is not a number."""
    number = json.loads(secret) if is_number(secret) else 0
    return float(number) if form == ":float" else number


def is_number(secret: str) -> bool:
    """Return whether a secret is a number of JSON."""
    return _NUMBER.fullmatch(secret) is not None

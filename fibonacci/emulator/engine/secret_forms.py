"""The forms in which the value of a secret may be in a text: as it is, in JSON, in a URL, in base64."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain, product
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

SHORTEST: Final = 4
"""The fewest characters of a value that is hidden: a shorter one is in ids and words, and can be guessed."""


def _in_base64(secret: str, encode: Callable[[bytes], bytes], before: int) -> str:
    """Return the characters of base64 that a secret alone decides, behind so many bytes of a group of three."""
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
        [(), (":slash",)],
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
    """Return the secret that a text in a form is; `None` for another text, and for base64: a part of it is unknown."""
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
    """Return the digits of a number in JSON as a secret has them, and the form; `None` for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value)), ":float"
    return json.dumps(value), ":number"


def number_from(secret: str, form: str) -> int | float:
    """Return a secret as the number of a form; zero if it is none."""
    number = json.loads(secret) if is_number(secret) else 0
    return float(number) if form == ":float" else number


def is_number(secret: str) -> bool:
    """Return whether a secret is a number of JSON."""
    return _NUMBER.fullmatch(secret) is not None

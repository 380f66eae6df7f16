"""Secrets in files: a cassette, a state file and a snapshot have a placeholder in place of each value.

People copy, commit and send files. So no value is in a file, not even encrypted. An emulator that reads a state puts a
value back if it has the same secret, and otherwise shows the placeholder. A replay puts in the secrets that the
emulator has then.

The digits in a placeholder tell whether the secret is the same. They are few, and slow to compute, so that nobody
learns a value from them by trying many.

Not replaced are values that are too short, and those in the keys of memory in a state file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import scrypt
from typing import Any, Final
from urllib.parse import quote, unquote

from fibonacci._logging import log
from fibonacci.definitions.json_types import is_array, is_object, map_texts
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.variables import (
    FORMS,
    NUMBERS,
    REDACTED,
    SHORTEST,
    Secrets,
    is_number,
    number_from,
    number_text,
    read_back,
    spelled,
)
from fibonacci.emulator.state.records import map_content

_ANY_FORM: Final = f"({'|'.join(map(re.escape, [*FORMS, *NUMBERS]))})"
_MARK: Final = re.compile(rf"<secret:([^:=>]*)=([0-9a-f]{{8}}){_ANY_FORM}>")
_PLACEHOLDER: Final = re.compile(rf"<(\\+)secret:|<secret:([^:=>]*)(?:=([0-9a-f]{{8}}))?{_ANY_FORM}>")

_log: Final = logging.getLogger("fibonacci.emulator")

Secret = tuple[str, str]
"""A name and a value."""


@lru_cache(maxsize=256)
def digits_of(name: str, value: str) -> str:
    """Return a few digits that tell whether a value is the same. They take time, so that nobody tries many values."""
    return scrypt(value.encode(), salt=f"fibonacci secret {name}".encode(), n=2**14, r=8, p=1, dklen=4).hex()


class SecretTexts:
    """The texts in which secrets may be written, to be replaced in JSON.

    Args:
        secrets: The secrets. Of those with the same text, the first is named. One that is too short is not replaced.
        more: Other texts to replace, as a regular expression.
    """

    def __init__(self, secrets: Iterable[Secret], more: str = "") -> None:
        self._forms: dict[str, tuple[Secret, str]] = {}
        long = [secret for secret in secrets if len(secret[1]) >= SHORTEST]
        for form in FORMS:
            for secret in long:
                self._forms.setdefault(spelled(secret[1], form), (secret, form))
        # The longest first: a shorter one may be a part of it.
        texts = [*([more] if more else []), *map(re.escape, sorted(self._forms, key=len, reverse=True))]
        self._pattern = re.compile("|".join(texts)) if texts else None

    def replace(
        self,
        value: Any,
        stand_in: Callable[[Secret, str], str],
        other: Callable[[str], str] = str,
        *,
        keys: bool = True,
    ) -> Any:
        """Return JSON without the secrets.

        Args:
            value: The JSON.
            stand_in: Returns what replaces a secret in a form, such as its placeholder.
            other: Returns what replaces one of the other texts.
            keys: Whether keys and numbers are those of users too.
        """
        pattern, forms = self._pattern, self._forms
        if pattern is None:
            return value

        def replaced(match: re.Match[str]) -> str:
            known = forms.get(match[0])
            return other(match[0]) if known is None else stand_in(*known)

        def visit(inner: Any) -> Any:
            if isinstance(inner, str):
                return pattern.sub(replaced, inner)
            if is_object(inner):
                return {pattern.sub(replaced, key) if keys else key: visit(entry) for key, entry in inner.items()}
            if is_array(inner):
                return [visit(element) for element in inner]
            number = number_text(inner) if keys else None
            known = None if number is None else forms.get(number[0])
            return inner if number is None or known is None or known[1] else stand_in(known[0], number[1])

        return visit(value)


def _stand_in(name: str, digits: str | None, form: str) -> str:
    return f"<secret:{quote(name, safe='')}{'' if digits is None else f'={digits}'}{form}>"


class StoredSecrets:
    """Takes the values of secrets out of what is stored, and puts them back.

    Args:
        secrets: The secrets, which may change: what they were before is hidden and put back too.

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
        if self._known is not self._secrets.ever_named:
            self._known = self._secrets.ever_named
            self._texts = SecretTexts(sorted(self._known))
        if not self._known:
            return value
        return map_content(shape, value, lambda inner, keys: self._texts.replace(inner, _marked, keys=keys))

    def put_back(self, value: Any) -> Any:
        """Return JSON with the values of known secrets, and log each of the others once."""
        return map_texts(value, self._restored)

    def _restored(self, text: str) -> Any:
        match = _MARK.fullmatch(text)
        if match is not None and match[3] in NUMBERS and (value := self._value_of(match)) is not None:
            return number_from(value, match[3])
        return _MARK.sub(self._original, text)

    def _original(self, match: re.Match[str]) -> str:
        value = self._value_of(match)
        return match[0] if value is None or match[3] in NUMBERS else spelled(value, match[3])

    def _value_of(self, match: re.Match[str]) -> str | None:
        name = unquote(match[1])
        for known, value in self._secrets.ever_named:
            if known == name and digits_of(name, value) == match[2]:
                return value
        if name not in self._missing:
            self._missing.add(name)
            text = (
                "the state contained the secret %r, whose value is now missing or different: pass its value in secrets"
            )
            log(_log, logging.WARNING, text, name)
        return None


def _marked(secret: Secret, form: str) -> str:
    return _stand_in(secret[0], digits_of(*secret), form)


_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # no text has them, because they are not characters


def place_of_secret(name: str) -> str:
    """Return the text for a template of a secret that shows where its value would be, but not the value."""
    return f"{_OPEN}{name}{_CLOSE}"


class RecordedSecrets:
    """Takes the values of secrets out of recorded calls, and puts in the present ones on replay, whatever they are.

    In an input, a placeholder without digits is where a template was. Any other text that equals a secret becomes a
    placeholder with the digits of that text: on replay it may be the same text, or the secret that the emulator has
    then. A text that already contains `<secret:` gets a backslash there, so that it is restored exactly.

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
        self._present: dict[str, str] = {}
        self._texts = SecretTexts(())
        self._places = SecretTexts((), rf"<\\*secret:|{_OPEN}[^{_CLOSE}]*{_CLOSE}")

    def hide(self, value: Any) -> Any:
        """Return an answer or an error with a placeholder for every secret, and `***` for every former value of one."""
        return self._replaced(value, self._named)

    def hide_input(self, value: Any) -> Any:
        """Return an input with placeholders for the places of templates, and for other texts that equal a secret."""
        return self._replaced(value, _marked)

    def hide_places(self, value: Any) -> Any:
        """Return an input with placeholders only for the places of templates: other texts that equal a secret stay."""
        return self._places.replace(value, _marked, _without_place)

    def put_back(self, value: Any) -> Any:
        """Return JSON with the secrets in the place of their placeholders.

        Raises:
            NodeError: If there is no secret with the name.
        """
        return map_texts(value, self._restored)

    def fits(self, recorded: Any, given: Any) -> bool:
        """Return whether an input, with places for templates of secrets, equals one that was recorded."""
        if isinstance(recorded, str):
            if isinstance(given, str):
                return self._text_fits(recorded, given)
            number, match = number_text(given), _PLACEHOLDER.fullmatch(recorded)
            return (
                number is not None
                and match is not None
                and match[4] == number[1]
                and self._stands_for(match, number[0])
            )
        if is_object(recorded) and is_object(given):
            pairs = (
                (key if key in given else next((other for other in given if self._text_fits(key, other)), None), value)
                for key, value in recorded.items()
            )
            return len(recorded) == len(given) and all(
                key is not None and self.fits(value, given[key]) for key, value in pairs
            )
        if is_array(recorded) and is_array(given):
            return len(recorded) == len(given) and all(map(self.fits, recorded, given))
        return isinstance(recorded, bool) == isinstance(given, bool) and recorded == given

    def _named(self, secret: Secret, form: str) -> str:
        name, value = secret
        return _stand_in(name, None, form) if self._present.get(name) == value else REDACTED

    def _replaced(self, value: Any, stand_in: Callable[[Secret, str], str]) -> Any:
        if self._known is not self._secrets.ever_named:
            self._known = self._secrets.ever_named
            self._present = dict(self._secrets)
            former = sorted(self._known - self._present.items())
            self._texts = SecretTexts([*self._present.items(), *former], rf"<\\*secret:|{_OPEN}[^{_CLOSE}]*{_CLOSE}")
        return self._texts.replace(value, stand_in, _without_place)

    def _restored(self, text: str) -> Any:
        match = _PLACEHOLDER.fullmatch(text)
        if match is not None and match[4] in NUMBERS:
            return number_from(self._value_of(match), match[4])
        return _PLACEHOLDER.sub(self._original, text)

    def _original(self, match: re.Match[str]) -> str:
        return _escaped(match) or spelled(self._value_of(match), match[4] if match[4] in FORMS else "")

    def _value_of(self, match: re.Match[str]) -> str:
        name = unquote(match[2])
        if name not in self._secrets:
            raise NodeError(
                f"the recorded answer contains the secret {name!r}: pass its value in Emulator(secrets=...)"
            )
        return self._secrets[name]

    def _text_fits(self, recorded: str, given: str) -> bool:
        """Return whether a text equals a recorded one, taking its placeholders one by one and never going back."""
        at = 0
        parts = list(_parts_of(recorded))
        for index, part in enumerate(parts):
            if isinstance(part, str):
                end = at + len(part) if given.startswith(part, at) else -1
            else:
                following = parts[index + 1] if index + 1 < len(parts) else ""
                end = self._end_of(part, given, at, following if isinstance(following, str) else None)
            if end < 0:
                return False
            at = end
        return at == len(given)

    def _end_of(self, match: re.Match[str], given: str, start: int, following: str | None) -> int:
        """Return where the value of a placeholder ends in a text, or -1 if the text is something else."""
        for text in self._candidates(match):
            if given.startswith(text + (following or ""), start) and (
                following != "" or start + len(text) == len(given)
            ):
                return start + len(text)
        if match[3] is None or following is None:
            return -1
        end = given.find(following, start + 1) if following else len(given)
        return end if end > start and self._stands_for(match, given[start:end]) else -1

    def _stands_for(self, match: re.Match[str], text: str) -> bool:
        secret = read_back(text, match[4])
        return text in self._candidates(match) or (
            secret is not None and match[3] == digits_of(unquote(match[2]), secret)
        )

    def _candidates(self, match: re.Match[str]) -> Iterator[str]:
        """Yield the possible values of a placeholder: the place of a template, or the present secret."""
        name = unquote(match[2])
        if match[3] is None:
            yield place_of_secret(name)
        if name in self._secrets:
            value = self._secrets[name]
            yield spelled(value, match[4] if match[4] in FORMS else "")
            if not is_number(value):
                yield "0"  # what is put in the place of a number


def _without_place(text: str) -> str:
    """Return the placeholder of a template, or what begins like a placeholder with a backslash in it."""
    return _stand_in(text[1:-1], None, "") if text.startswith(_OPEN) else f"<\\{text[1:]}"


def _parts_of(recorded: str) -> Iterator[str | re.Match[str]]:
    """Yield the placeholders of a recorded text, and what was between them."""
    literal, at = "", 0
    for match in _PLACEHOLDER.finditer(recorded):
        literal += recorded[at : match.start()]
        at = match.end()
        if match[1]:
            literal += _escaped(match)
        else:
            yield from ([literal] if literal else [])
            literal = ""
            yield match
    literal += recorded[at:]
    yield from ([literal] if literal else [])


def _escaped(match: re.Match[str]) -> str:
    """Return a text as it was before it got a backslash, or an empty text for a placeholder."""
    return f"<{match[1][1:]}secret:" if match[1] else ""

r"""The regular expressions of JSON Schemas, matched in bounded time.

Other people write the schemas, and `re` may never return: `^(a+)+$` on 40 letters takes hours, and nothing can stop it.
So nothing here goes back in the text. All positions that a match may have reached, one bit of an integer each, move
through the pattern together. There are no more of them than characters, so no pattern takes exponential time. The
remaining work is counted in steps, and refused at a limit that is the same on every machine. A linear engine is not
enough: that of pydantic takes 47 s for `(?:a{0,1000}){0,100}x` on 10,000 letters, and has no lookaheads.

The language is that of JSON Schema, ECMA 262: `$` is only the end of the text, and `\d` has ten digits. Back references
and features that only Python has, such as flags, are refused with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

_MOST_STEPS: Final = 1_000_000
"""About a second of a slow machine."""
_LONGEST: Final = 10_000
_DEEPEST: Final = 100
_BITS_A_STEP: Final = 10_000
_CHARACTERS_A_STEP: Final = 50
_TESTS_A_STEP: Final = 10

_COUNTS: Final = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{1,9})?)?\}")
_GROUP: Final = re.compile(r"\((?:\?(?::|<?[=!]|<[A-Za-z_$][\w$]*>))?")
_LOW_SURROGATE: Final = re.compile(r"\\u(D[C-Fc-f][0-9A-Fa-f]{2})", re.IGNORECASE)
_CODE: Final = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|c([A-Za-z])|(0)(?![0-9])")
_CATEGORY: Final = re.compile(r"([pP])\{(?:gc=|General_Category=)?([A-Z][a-z]?)\}")
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_LINE_ENDS: Final = "\n\r\u2028\u2029"


class PatternError(ValueError):
    """A pattern cannot be matched: it cannot be read, has something that is not supported, or takes too long."""


class TooManyStepsError(PatternError):
    """A comparison with a value takes too long. The message continues the name of what is compared."""


class Steps:
    """The time that is left for one check, counted so that it is the same on every machine.

    Args:
        most: The number of steps.
    """

    def __init__(self, most: int = _MOST_STEPS) -> None:
        self._most = most
        self._left = most

    def take(self, count: int) -> None:
        """Count steps.

        Raises:
            TooManyStepsError: If no steps are left.
        """
        self._left -= count
        if self._left < 0:
            raise TooManyStepsError(
                f"takes more than {self._most:,} steps on this value. Simplify it, or shorten the value"
            )


def matches(pattern: str, text: str, steps: Steps) -> bool:
    """Return whether a pattern matches somewhere in a text.

    Args:
        pattern: The pattern.
        text: The text.
        steps: Counts the steps.

    Raises:
        PatternError: If the pattern cannot be read, or no steps are left. The message continues "the pattern".

    Example:
        >>> matches("^(a+)+$", "a" * 40 + "!", Steps())
        False
    """
    subject = _Subject(text, steps)
    return _parsed(pattern).move(subject, subject.everywhere) != 0


def pattern_fault(pattern: str) -> str:
    """Return why a pattern cannot be read, as the end of a sentence about it. Empty if it can."""
    try:
        _parsed(pattern)
    except PatternError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> _Part:
    return _Parser(pattern).parse()


class _Subject:
    """A text, read in one of two directions, with sets of positions in it.

    A set is an integer, with bit n for the position before character n in the direction of reading. A lookahead is
    matched backward from everywhere, and is true where such a match ends.

    Attributes:
        everywhere: All positions, the end included.
    """

    def __init__(self, text: str, steps: Steps, forward: _Subject | None = None) -> None:
        self.everywhere: int = (2 << len(text)) - 1
        self.is_backward: bool = forward is not None
        self._text = text
        self._steps = steps
        self._other = forward
        self._found: dict[_Part, int] = {}

    def step(self, positions: int) -> None:
        """Count one move of positions."""
        self._steps.take(1 + positions.bit_length() // _BITS_A_STEP)

    def of(self, characters: _Characters) -> int:
        """Return the positions before the characters of a class."""
        if characters not in self._found:
            different = set(self._text)
            tests = len(different) * characters.size
            self._steps.take(1 + len(self._text) // _CHARACTERS_A_STEP + tests // _TESTS_A_STEP)
            bits = {ord(character): "01"[character in characters] for character in different}
            self._found[characters] = int(self._text[::-1].translate(bits) or "0", 2)
        return self._found[characters]

    def around(self, look: _Look) -> int:
        """Return the positions at which a lookahead or lookbehind holds."""
        if look not in self._found:
            subject = self if look.is_ahead == self.is_backward else self._turned()
            places = look.part.move(subject, subject.everywhere)
            if subject is not self:
                self._steps.take(1 + len(self._text) // _CHARACTERS_A_STEP)
                places = int(f"{places:0{len(self._text) + 1}b}"[::-1], 2)
            self._found[look] = places ^ self.everywhere if look.is_negative else places
        return self._found[look]

    def edge(self, *, is_start: bool) -> int:
        """Return the position of the start or the end of the text."""
        return 1 if is_start != self.is_backward else 1 << len(self._text)

    def _turned(self) -> _Subject:
        if self._other is None:
            self._other = _Subject(self._text[::-1], self._steps, self)
        return self._other


class _Part(Protocol):
    """A part of a pattern."""

    def move(self, subject: _Subject, positions: int) -> int:
        """Return where matches end that begin at any of some positions."""
        ...


class _Characters:
    """One character out of a class.

    Args:
        tests: What is in the class: ranges, both ends included, and functions.
        is_negative: Whether it is all other characters instead.
        size: How many ranges and functions a character is compared with, where the functions are of other classes.

    Attributes:
        size: The same.
    """

    def __init__(self, tests: list[_Test], *, is_negative: bool = False, size: int = 0) -> None:
        self.size: int = size or len(tests)
        self._tests = tests
        self._is_negative = is_negative

    def __contains__(self, character: str) -> bool:
        return any(test(character) for test in self._tests) != self._is_negative

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        return (positions & subject.of(self)) << 1


class _Sequence:
    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        for part in reversed(self._parts) if subject.is_backward else self._parts:
            if positions:
                positions = part.move(subject, positions)
        return positions


class _Choice:
    def __init__(self, options: list[_Part]) -> None:
        self._options = options

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        reached = 0
        for option in self._options:
            reached |= option.move(subject, positions)
        return reached


class _Repeat:
    def __init__(self, part: _Part, least: int, most: int | None) -> None:
        self._part = part
        self._least = least
        self._most = most

    def move(self, subject: _Subject, positions: int) -> int:
        for _ in range(self._least):
            before, positions = positions, self._part.move(subject, positions)
            if positions in (0, before):  # more repetitions change nothing
                break
        if self._most is None and isinstance(self._part, _Characters):
            subject.step(positions)
            run = subject.of(self._part)  # adding carries each position to the end of its run of such characters
            return (((positions & run) + run) ^ run) | positions
        reached = new = positions
        left = -1 if self._most is None else self._most - self._least
        while new and left:
            new = self._part.move(subject, new) & ~reached
            reached |= new
            left -= 1
        return reached


class _Edge:
    def __init__(self, *, is_start: bool) -> None:
        self._is_start = is_start

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        return positions & subject.edge(is_start=self._is_start)


class _WordEdge:
    def __init__(self, *, is_negative: bool) -> None:
        self._is_negative = is_negative

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        words = subject.of(_WORD)
        edges = words ^ (words << 1)
        return positions & (edges ^ subject.everywhere if self._is_negative else edges)


class _Look(NamedTuple):
    part: _Part
    is_ahead: bool
    is_negative: bool

    def move(self, subject: _Subject, positions: int) -> int:
        subject.step(positions)
        return positions & subject.around(self)


_Test = Callable[[str], bool]


def _between(first: str, last: str) -> _Test:
    return lambda character: first <= character <= last


def _one_of(characters: str) -> _Test:
    return lambda character: character in characters


def _of_category(name: str) -> _Test:
    return lambda character: unicodedata.category(character).startswith(name)


def _is_space(character: str) -> bool:
    return character in "\t\v\f\ufeff" + _LINE_ENDS or unicodedata.category(character) == "Zs"


def _other(test: _Test) -> _Test:
    return lambda character: not test(character)


_DIGIT: Final = _between("0", "9")
_WORD: Final = _Characters([_DIGIT, _between("a", "z"), _between("A", "Z"), _one_of("_")])
_CLASSES: Final[dict[str, _Test]] = {"d": _DIGIT, "w": _WORD.__contains__, "s": _is_space}
_CLASSES.update([(name.upper(), _other(test)) for name, test in _CLASSES.items()])


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def parse(self) -> _Part:
        if len(self._pattern) > _LONGEST:
            raise PatternError(f"has more than {_LONGEST:,} characters")
        part = self._choice()
        if self._at < len(self._pattern):
            raise self._error("')' closes nothing")
        return part

    def _choice(self) -> _Part:
        options = [self._sequence()]
        while self._takes("|"):
            options.append(self._sequence())
        if len(options) == 1:
            return options[0]
        classes = [option for option in options if isinstance(option, _Characters)]
        if len(classes) < len(options):
            return _Choice(options)
        return _Characters([part.__contains__ for part in classes], size=sum(part.size for part in classes))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._edge() or self._repeated(self._part()))
        return parts[0] if len(parts) == 1 else _Sequence(parts)

    def _edge(self) -> _Part | None:
        for text in ("^", "$"):
            if self._takes(text):
                return _Edge(is_start=text == "^")
        for text in (r"\b", r"\B"):
            if self._takes(text):
                return _WordEdge(is_negative=text == r"\B")
        return None

    def _repeated(self, part: _Part) -> _Part:
        counts = self._counts()
        if counts is None:
            return part
        self._takes("?")  # which match is found first makes no difference
        return _Repeat(part, *counts)

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._takes(sign):
                return counts
        if (match := self._takes_match(_COUNTS)) is None:
            return None
        least = int(match[1])
        most = least if match[2] is None else None if match[3] is None else int(match[3])
        if most is not None and most < least:
            raise self._error(f"{match[0]} has its bounds in the wrong order")
        return least, most

    def _part(self) -> _Part:
        if self._next() == "(":
            return self._group()
        if self._next() in "*+?" or _COUNTS.match(self._pattern, self._at):
            raise self._error("there is nothing to repeat")
        character = self._take()
        if character == "[":
            return self._class()
        if character == ".":
            return _Characters([_one_of(_LINE_ENDS)], is_negative=True)
        first_of_class = self._escaped() if character == "\\" else character
        return _Characters([_one_of(first_of_class) if isinstance(first_of_class, str) else first_of_class])

    def _group(self) -> _Part:
        opening = self._takes_match(_GROUP)
        assert opening is not None
        kind = opening[0][1:]
        if self._next() == "?":
            raise self._error(f"{self._pattern[self._at - 1 : self._at + 2]!r} is not supported")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise PatternError(f"has more than {_DEEPEST} groups inside each other")
        part = self._choice()
        self._depth -= 1
        if not self._takes(")"):
            raise self._error("a ')' is missing")
        if not kind.endswith(("=", "!")):
            return part
        return _Look(part, is_ahead="<" not in kind, is_negative=kind.endswith("!"))

    def _class(self) -> _Part:
        is_negative = self._takes("^")
        tests: list[_Test] = []
        while not self._takes("]"):
            first = self._member()
            if self._next() != "-" or self._pattern.startswith("-]", self._at):
                tests.append(_one_of(first) if isinstance(first, str) else first)
                continue
            self._take()
            last = self._member()
            if isinstance(first, str) and isinstance(last, str):
                if first > last:
                    raise self._error(f"{first}-{last} is in the wrong order")
                tests.append(_between(first, last))
            else:  # as in [\w-.], where it is not a range
                tests += [_one_of(part) if isinstance(part, str) else part for part in (first, "-", last)]
        return _Characters(tests, is_negative=is_negative)

    def _member(self) -> str | _Test:
        character = self._take()
        if character == "":
            raise self._error("a ']' is missing")
        if character != "\\":
            return character
        return "\b" if self._takes("b") else self._escaped()

    def _escaped(self) -> str | _Test:
        """Read what follows a backslash: a character, or a class of them."""
        if (match := self._takes_match(_CODE)) is not None:
            two, four, braced, control, _ = match.groups()
            code = ord(control) % 32 if control else int(two or four or braced or "0", 16)
            if 0xD800 <= code < 0xDC00 and (low := self._takes_match(_LOW_SURROGATE)) is not None:
                code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
            if code > 0x10FFFF:
                raise self._error("there is no such character")
            return chr(code)
        if (category := self._takes_match(_CATEGORY)) is not None:
            test = _of_category(category[2])
            return test if category[1] == "p" else _other(test)
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character == "":
            raise self._error("it ends in a backslash")
        if character.isalnum():
            why = "back references are not" if character in "123456789k" else f"'\\{character}' is not"
            raise self._error(f"{why} supported")
        return character

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._next()
        self._at += len(character)
        return character

    def _takes(self, text: str) -> bool:
        is_next = self._pattern.startswith(text, self._at)
        self._at += len(text) * is_next
        return is_next

    def _takes_match(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        match = expression.match(self._pattern, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _error(self, reason: str) -> PatternError:
        return PatternError(f"cannot be read at character {self._at + 1}: {reason}")

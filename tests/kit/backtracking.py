"""Whether a regular expression may take more than linear time, read from its parsed tree.

Python's `re` goes back. It takes superlinear time on some text if and only if a text can be read in several ways: two
loops that follow each other on the same text, a loop within a loop, or, in a search, a loop that may begin at each
character. The pattern becomes an automaton of its characters (Glushkov's), and a product of the automaton with itself
shows such texts. What ends in a match without going back is no fault. A possessive loop of one class is left only at
a character that is not in it, so that is how a fault is mended.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import import_module
from typing import Any, Final, NamedTuple

_parser: Final[Any] = import_module("re._parser")
_compiler: Final[Any] = import_module("re._compiler")

_MANY = 1_000
"""A repetition with a larger bound is taken for one without."""

_BEGIN = "begin"
_END = "end"
_ONE_CHARACTER = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_START = 0
_OTHERS = "aZ5_ \n-é\u2028中"


_Ends = tuple[tuple[int, frozenset[str]], ...]
"""Positions, each with the characters that cannot come next: a possessive loop would have taken them."""


class _Fragment(NamedTuple):
    """A part of a pattern: what it may begin and end with, whether it may be empty, and what cannot come next then."""

    first: _Ends
    last: _Ends
    is_nullable: bool
    skips: frozenset[str] = frozenset()
    is_guard: bool = False


_EMPTY = _Fragment((), (), is_nullable=True)


class Automaton:
    """The automaton of a pattern.

    Args:
        pattern: The pattern, compiled.
        is_search: Whether a match may begin anywhere: `search`, `sub`, or `match` at one place after another.
        is_full: Whether a match has to reach the end of the text: `fullmatch`.
    """

    def __init__(self, pattern: re.Pattern[Any], *, is_search: bool, is_full: bool) -> None:
        self._flags = pattern.flags
        tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self._state: Any = tree.state
        self._is_bytes = isinstance(pattern.pattern, bytes)
        self._alphabet = sorted(
            each for each in {*_OTHERS, *_characters(tree)} if not self._is_bytes or ord(each) < 256
        )
        everything = frozenset(self._alphabet)
        self._classes: list[frozenset[str]] = [everything]
        self._follow: list[Counter[tuple[int, frozenset[str]]]] = [Counter()]
        self._guarded: set[int] = set()
        whole = self._sequence([self._of(tree), self._position(frozenset([_END]))] if is_full else [self._of(tree)])
        start = ((_START, frozenset[str]()),)
        self._connect(start, whole.first)
        if is_search:
            self._connect(start, start)
        self._accepting = {position for position, _ in whole.last} - self._guarded

    def fault(self) -> str:
        """Return why the pattern may take more than linear time; empty if it takes linear time."""
        for position in self._loops:
            ways = self._follow[position].items()
            if position not in self._accepting and any(
                count > 1 and guard and self._is_loop(position, target) for (target, guard), count in ways
            ):
                return f"exponential: a loop within a loop, at {self._shown(position)}"
        for first in self._loops:
            if self._splits(first):
                return f"exponential: a loop reads a text in two ways, from {self._shown(first)}"
        for first in self._loops:
            for second in self._loops:
                if first != second and self._overlap(first, second):
                    how = "a loop that begins anywhere" if first == _START else f"a loop over {self._shown(first)}"
                    return f"polynomial: {how}, and then one over {self._shown(second)}, on the same text"
        return ""

    def _shown(self, position: int) -> str:
        return "".join(sorted(self._classes[position]))[:20].encode("unicode_escape").decode()

    @cached_property
    def _edges(self) -> list[dict[str, list[int]]]:
        guards = {guard for follow in self._follow for _, guard in follow}
        alike = {tuple(each in guard for guard in guards): each for each in self._alphabet}
        characters = {*alike.values(), _BEGIN, _END}  # one of those between which the pattern does not tell
        found: list[dict[str, list[int]]] = []
        for follow in self._follow:
            by_character: dict[str, list[int]] = {}
            for target, guard in follow:
                for character in guard & characters:
                    by_character.setdefault(character, []).append(target)
            found.append(by_character)
        return found

    @cached_property
    def _reachable(self) -> list[set[int]]:
        """What follows each position, itself only in a loop."""
        found: list[set[int]] = []
        for start in range(len(self._follow)):
            seen: set[int] = set()
            pending = [start]
            while pending:
                for target, guard in self._follow[pending.pop()]:
                    if guard and target not in seen:
                        seen.add(target)
                        pending.append(target)
            found.append(seen)
        return found

    @cached_property
    def _loops(self) -> list[int]:
        return [position for position, reached in enumerate(self._reachable) if position in reached]

    def _is_loop(self, position: int, other: int) -> bool:
        return position in self._reachable[other] and other in self._reachable[position]

    def _overlap(self, first: int, second: int) -> bool:
        """Tell whether a text leads from the first to itself, from the first to the second, and from that to itself.

        The last way does not end in a match: after it, nothing goes back.
        """
        if second not in self._reachable[first] or second in self._accepting:
            return False
        seen = {(first, first, second)}
        pending = [*seen]
        while pending:
            a, b, c = pending.pop()
            for character, of_a in self._edges[a].items():
                of_b, of_c = self._edges[b].get(character, ()), self._edges[c].get(character, ())
                for triple in ((x, y, z) for x in of_a for y in of_b for z in of_c):
                    if triple == (first, second, second):
                        return True
                    x, y, z = triple
                    is_useful = (
                        self._is_loop(first, x)
                        and self._is_loop(second, z)
                        and z not in self._accepting
                        and (y == second or second in self._reachable[y])
                    )
                    if is_useful and triple not in seen:
                        seen.add(triple)
                        pending.append(triple)
        return False

    def _splits(self, start: int) -> bool:
        """Tell whether a text leads from a position to itself in two ways, neither of which ends in a match."""
        if start in self._accepting:
            return False
        seen = {(start, start)}
        pending = [*seen]
        while pending:
            a, b = pending.pop()
            for character, of_a in self._edges[a].items():
                for pair in ((x, y) for x in of_a for y in self._edges[b].get(character, ())):
                    if pair not in seen and all(
                        self._is_loop(start, each) and each not in self._accepting for each in pair
                    ):
                        seen.add(pair)
                        pending.append(pair)
        return any(x != y and self._joins(x, y, start) for x, y in seen)

    def _joins(self, x: int, y: int, end: int) -> bool:
        seen = {(x, y)}
        pending = [*seen]
        while pending:
            a, b = pending.pop()
            for character, of_a in self._edges[a].items():
                for pair in ((m, n) for m in of_a for n in self._edges[b].get(character, ())):
                    if pair == (end, end):
                        return True
                    if pair not in seen and self._is_loop(end, pair[0]) and self._is_loop(end, pair[1]):
                        seen.add(pair)
                        pending.append(pair)
        return False

    def _position(self, characters: frozenset[str]) -> _Fragment:
        self._classes.append(characters)
        self._follow.append(Counter())
        ends = ((len(self._classes) - 1, frozenset[str]()),)
        return _Fragment(ends, ends, is_nullable=False)

    def _connect(self, sources: _Ends, targets: _Ends) -> None:
        for source, taken in sources:
            for target, skipped in targets:
                self._follow[source][target, self._classes[target] - taken - skipped] += 1

    def _sequence(self, parts: Iterable[_Fragment]) -> _Fragment:
        whole = _EMPTY
        for part in parts:
            if part.is_guard:  # it may fail after what was before it
                self._guarded.update(position for position, _ in whole.last)
            self._connect(whole.last, part.first)
            whole = _Fragment(
                whole.first + tuple((each, no | whole.skips) for each, no in part.first) * whole.is_nullable,
                part.last + tuple((each, no | part.skips) for each, no in whole.last) * part.is_nullable,
                whole.is_nullable and part.is_nullable,
                whole.skips | part.skips,
            )
        return whole

    def _choice(self, options: Iterable[_Fragment]) -> _Fragment:
        parts = [*options]
        empty = [part.skips for part in parts if part.is_nullable]
        first = tuple(each for part in parts for each in part.first)
        last = tuple(each for part in parts for each in part.last)
        return _Fragment(first, last, bool(empty), empty[0].intersection(*empty) if empty else frozenset())

    def _repeat(self, least: int, most: int, tree: Any, *, is_possessive: bool) -> _Fragment:
        copies = [self._of(tree) for _ in range(min(least, 2))]
        if most < _MANY:
            rest = _EMPTY
            for _ in range(min(most - least, 2)):
                rest = self._sequence([self._of(tree), rest])._replace(is_nullable=True)
            return self._sequence([*copies, rest])
        loop = copies[-1] if copies else self._of(tree)
        self._connect(loop.last, loop.first)
        if is_possessive and loop.first == loop.last and len(loop.first) == 1:
            taken = self._classes[loop.first[0][0]]
            loop = loop._replace(last=((loop.first[0][0], taken),), skips=frozenset() if least else taken)
        return self._sequence([*copies[:-1], loop._replace(is_nullable=loop.is_nullable or least == 0)])

    def _of(self, tree: Any) -> _Fragment:
        return self._sequence(self._item(operator, argument) for operator, argument in tree)

    def _behind(self, tree: Any, *, is_negative: bool) -> _Fragment:
        """Return what a lookbehind of one character reads, as if it were before; a longer one is left out."""
        if len(tree) != 1 or str(tree[0][0]) not in _ONE_CHARACTER:
            return _EMPTY
        characters = self._class(*tree[0])
        return self._position(self._classes[_START] - characters if is_negative else characters)

    def _item(self, operator: Any, argument: Any) -> _Fragment:
        match str(operator):
            case kind if kind in _ONE_CHARACTER:
                return self._position(self._class(operator, argument))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = argument
                most = _MANY if most == _parser.MAXREPEAT else most
                return self._repeat(least, most, inner, is_possessive=str(operator) == "POSSESSIVE_REPEAT")
            case "SUBPATTERN":
                return self._of(argument[3])
            case "ATOMIC_GROUP":
                return self._of(argument)
            case "BRANCH":
                return self._choice([self._of(option) for option in argument[1]])
            case "ASSERT" | "ASSERT_NOT" if argument[0] > 0:
                return _Fragment(self._of(argument[1]).first, (), is_nullable=True, is_guard=True)  # nothing follows it
            case "ASSERT" | "ASSERT_NOT":
                return self._behind(argument[1], is_negative=str(operator) == "ASSERT_NOT")
            case "AT":
                return self._edge(str(argument))
            case _:
                raise NotImplementedError(str(operator))

    def _edge(self, kind: str) -> _Fragment:
        if kind in ("AT_END", "AT_END_STRING"):
            return self._position(frozenset([_END]))
        if kind in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            is_of_line = kind == "AT_BEGINNING" and self._flags & re.MULTILINE
            return self._position(frozenset(["\n" if is_of_line else _BEGIN]))
        return _EMPTY._replace(is_guard=True)

    def _class(self, operator: Any, argument: Any) -> frozenset[str]:
        leaf = _parser.SubPattern(self._state, [(operator, argument)])
        found = _compiler.compile(leaf, self._flags & ~re.DEBUG)
        texts = (
            {each: each.encode("latin-1") for each in self._alphabet}
            if self._is_bytes
            else dict.fromkeys(self._alphabet)
        )
        return frozenset(each for each, text in texts.items() if found.match(text or each))


def _characters(tree: Any) -> Iterator[str]:
    """Yield characters of which each class of a pattern has some, and some beside it."""
    for operator, argument in tree:
        match str(operator):
            case "LITERAL" | "NOT_LITERAL":
                yield from _beside(argument, argument)
            case "IN":
                yield from _characters(argument)
            case "RANGE":
                yield from _beside(*argument)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                yield from _characters(argument[2])
            case "SUBPATTERN":
                yield from _characters(argument[3])
            case "ATOMIC_GROUP":
                yield from _characters(argument)
            case "BRANCH":
                for option in argument[1]:
                    yield from _characters(option)
            case "ASSERT" | "ASSERT_NOT":
                yield from _characters(argument[1])
            case _:
                pass


def _beside(low: int, high: int) -> Iterator[str]:
    yield from (chr(code) for code in (low - 1, low, high, high + 1) if 0 <= code < 0x110000)

"""Default answers that fit what reads them: the fields that templates name, and values that decide comparisons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final, cast

from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.operators import UNARY, OperatorError, evaluate, is_numeric
from fibonacci.definitions.templates import (
    Reference,
    Resolver,
    TemplateError,
    as_text,
    follow,
    references,
    render,
    strings,
)
from fibonacci.emulator.state.json_encoding import JSON, JSONObject, to_json

Path = tuple[str, ...]

_OTHER: Final = "other"
_LARGE: Final = 1e15  # from here on, a float is not told from the next integer
_MOST_ITEMS: Final = 100
_MOST_COMPARISONS: Final = 50  # of one path: each value is compared in all of them
_WORDS: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of a definition: two operands, any JSON with templates, and an operator."""

    left: Any
    operator: str
    right: Any

    def operands(self) -> list[Any]:
        """Return the operands that count."""
        return [self.left] if self.operator in UNARY else [self.left, self.right]


@dataclass(frozen=True, slots=True)
class Readers:
    """What reads a node.

    Attributes:
        names: The IDs by which templates read it: its own, and those of the nodes that have it as their fallback.
        paths: The paths that templates read, in order.
        comparisons: The comparisons that read it, by the path that they read.
    """

    names: set[str] = field(default_factory=set[str])
    paths: dict[Path, None] = field(default_factory=dict[Path, None])
    comparisons: dict[Path, list[Compared]] = field(default_factory=dict[Path, list[Compared]])


@lru_cache(maxsize=128)
def readers_of(definition: bytes) -> Mapping[str, Readers]:
    """Return what reads each node of a valid definition in JSON, from a cache of the latest ones if possible."""
    from fibonacci.definitions.checks.comparisons import comparison_of  # the checks would slow the start of an emulator

    plain = json.loads(definition)
    nodes = {node["id"]: node for node in plain["nodes"]}
    readers = {node_id: Readers() for node_id in nodes}
    standing = {node_id: _in_place_of(node_id, nodes) for node_id in nodes}
    for node_id, others in standing.items():
        for other in others:
            readers[other].names.add(node_id)
    for reference in references(plain):
        for node_id in standing.get(reference.source, ()):
            readers[node_id].paths[reference.path] = None
    for comparison in filter(None, map(comparison_of, nodes.values())):
        compared = Compared(comparison.left, comparison.operator, comparison.right)
        for reference in dict.fromkeys(references(compared.operands())):
            for node_id in standing.get(reference.source, ()):
                readers[node_id].comparisons.setdefault(reference.path, []).append(compared)
    return readers


def _in_place_of(node_id: str, nodes: Mapping[str, Any]) -> list[str]:
    """Return the node and its replacements: its fallback, the fallback of that, and so on."""
    chain: dict[str, None] = {}
    current: Any = node_id
    while isinstance(current, str) and current in nodes and current not in chain:
        chain[current] = None
        current = nodes[current].get("fallback")
    return list(chain)


class Fitting:
    """Makes one default answer fit what reads it.

    If several values fit, it takes one that the inputs name, or else one that depends on everything the node is asked.
    So the same run gives the same result again, and other inputs reach other branches.

    Args:
        readers: What reads the node.
        asked: What the node is asked, and the inputs: what the choice depends on.
        inputs: The inputs, whose words may name a value.
        resolve: Returns the values that comparisons compare with.

    Attributes:
        has_chosen: Whether there was a choice, so that another answer would have fitted as well.
    """

    def __init__(self, readers: Readers, asked: JSON, inputs: JSON, resolve: Resolver) -> None:
        self._readers = readers
        self._asked = asked
        self._inputs = inputs
        self._resolve = resolve
        self._choices = 0
        self.has_chosen: bool = False

    def choose(self, values: Sequence[Any]) -> Any:
        """Return one of some values."""
        if len(values) == 1:
            return values[0]
        self.has_chosen = True
        self._choices += 1  # two choices of one answer do not depend on each other
        named = [value for value in values if isinstance(value, str) and f" {_words(value)} " in self._words_of_inputs]
        if len(named) == 1:
            return named[0]
        digest = sha256(self._seed + str(self._choices).encode()).digest()
        return values[int.from_bytes(digest[:8], "big") % len(values)]

    @cached_property
    def _seed(self) -> bytes:
        return to_json([self._asked, self._inputs])

    @cached_property
    def _words_of_inputs(self) -> str:
        return f" {' '.join(_words(text) for _, text in strings(self._inputs))} "

    def with_fields(self, answer: JSONObject, text: str, within: Path = ()) -> JSONObject:
        """Return an answer with the fields that templates read and that it lacks, each with a text.

        Args:
            answer: The answer.
            text: What the text of each field begins with.
            within: The path to the part of the answer that may have any fields.
        """
        for path in self._readers.paths:
            if path[: len(within)] == within and len(path) > len(within) and _at(answer, path) is _NOTHING:
                name = ".".join(part for part in path[len(within) :] if not part.isdecimal())
                answer = cast("JSONObject", replaced(answer, path, f"{text} {name}".rstrip()))
        return answer

    def deciding(self, answer: JSON, accepts: Callable[[JSON], bool], *, only_texts: bool = False) -> JSON:
        """Return an answer in which what is compared decides the comparisons: one of the ways in which it can.

        Args:
            answer: The answer.
            accepts: Tells whether a changed answer is valid.
            only_texts: Whether only texts are changed.
        """
        for path, comparisons in self._readers.comparisons.items():
            current = _at(answer, path)
            if isinstance(current, str) or not (only_texts or current is _NOTHING):
                values = self._deciding_values(answer, path, comparisons[:_MOST_COMPARISONS], accepts)
                if values:
                    answer = replaced(answer, path, self.choose(values))
        return answer

    def _deciding_values(
        self, answer: JSON, path: Path, comparisons: Sequence[Compared], accepts: Callable[[JSON], bool]
    ) -> list[JSON]:
        """Return a value for each way in which the comparisons of a path can go, if possible without a failure."""
        by_outcomes: dict[tuple[bool | None, ...], JSON] = {}
        for value in self.proposals(_at(answer, path), comparisons):
            proposal = as_text(value) if isinstance(answer, str) else value
            changed = replaced(answer, path, proposal)
            if accepts(changed):
                outcomes = tuple(self.outcome(compared, changed) for compared in comparisons)
                by_outcomes.setdefault(outcomes, proposal)
        certain = [value for outcomes, value in by_outcomes.items() if None not in outcomes]
        return certain or list(by_outcomes.values())

    def proposals(self, current: JSON, comparisons: Sequence[Compared]) -> Iterator[JSON]:
        """Yield values that may decide comparisons one way or the other, and the current one."""
        compared_with = [(compared.operator, other) for compared in comparisons for other in self._others(compared)]
        for operator, other in compared_with:
            yield other
            if is_numeric(other):
                number = float(as_text(other))
                exact = int(number) if number.is_integer() else number
                yield from (exact, exact + 1, exact - 1) if abs(number) < _LARGE else ()
            elif as_text(other) in ("true", "false"):
                yield from (as_text(other) == "true", as_text(other) != "true")
            elif operator in ("contains", "not_contains"):
                yield [other]
        yield current
        if any(compared.operator in UNARY for compared in comparisons):
            yield from ("", [], {}, None)
        if compared_with:
            yield _OTHER

    def _others(self, compared: Compared) -> Iterator[JSON]:
        """Yield the operand of a comparison that does not read the node, if its value is known."""
        for operand in compared.operands():
            if all(reference.source not in self._readers.names for reference in references(operand)):
                try:
                    yield render(operand, self._resolve)
                except TemplateError:
                    continue

    def outcome(self, compared: Compared, answer: JSON) -> bool | None:
        """Return the result of a comparison with an answer, or `None` if it cannot be known, or fails."""

        def resolve(reference: Reference) -> Any:
            if reference.source in self._readers.names:
                return follow(answer, reference, reference.path)
            return self._resolve(reference)

        try:
            return evaluate(compared.operator, render(compared.left, resolve), render(compared.right, resolve))
        except (TemplateError, OperatorError):
            return None


_NOTHING: Final = object()


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(text.casefold()))


def _at(value: JSON, path: Path) -> Any:
    reference = Reference("", "", path)
    try:
        return follow(value, reference, path)
    except TemplateError:
        return _NOTHING


def replaced(value: JSON, path: Path, new: JSON) -> JSON:
    """Return a copy with another value at a path, making what leads there or replacing what cannot."""
    if not path:
        return new
    first, *rest = path
    if first.isdecimal() and not is_object(value):
        items: list[JSON] = list(value) if isinstance(value, list) else []
        index = int(first)
        if index >= _MOST_ITEMS:
            return value
        changed = replaced(items[index] if index < len(items) else None, tuple(rest), new)
        items += [changed] * (index + 1 - len(items))
        items[index] = changed
        return items
    fields = dict(value) if is_object(value) else {}
    return fields | {first: replaced(fields.get(first), tuple(rest), new)}

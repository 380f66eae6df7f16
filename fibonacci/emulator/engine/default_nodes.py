"""Default nodes: what language models, tools and critics do without a user handler. Equal inputs, equal outputs.

Their answers fit what reads them: they have the fields that templates name, and values that decide comparisons.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any, Final, cast

from fibonacci.definitions import LLMNode
from fibonacci.definitions.json_schema import MALFORMED, Schema, first_fault, target_of
from fibonacci.definitions.json_types import is_array, is_number, is_object
from fibonacci.definitions.operators import UNARY, OperatorError, evaluate, is_numeric
from fibonacci.definitions.patterns import Steps
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
from fibonacci.definitions.tools import MEMORY_SET, canonical_tool
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.emulator.engine.tool_catalog import OPEN_FIELDS, default_output_of
from fibonacci.emulator.state.json_encoding import JSON, JSONObject, to_json

Path = tuple[str, ...]

_OTHER: Final = "other"
_MAX_EXACT: Final = 1e15  # from here on, floats can't tell neighboring integers apart
_MAX_ITEMS: Final = 100
_MAX_COMPARISONS: Final = 50  # per path: each value is tried in all of them
_WORDS: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of a definition: two operands, any JSON with templates, and an operator."""

    left: Any
    operator: str
    right: Any

    def operands(self) -> list[Any]:
        """Return the operands that the operator uses."""
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
        asked: What the node is asked, and the inputs. The choice depends on both.
        inputs: The inputs, whose words may name a value.
        resolve: Returns the values that comparisons compare with.

    Attributes:
        has_chosen: Whether it had a choice: another answer would have fit as well.
    """

    def __init__(self, readers: Readers, asked: JSON, inputs: JSON, resolve: Resolver) -> None:
        self._readers = readers
        self._asked = asked
        self._inputs = inputs
        self._resolve = resolve
        self._choices = 0
        self.has_chosen: bool = False

    def choose(self, values: Sequence[Any]) -> Any:
        """Choose one of several values."""
        if len(values) == 1:
            return values[0]
        self.has_chosen = True
        self._choices += 1  # so that the choices within one answer are independent
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
        """Return an answer, with a text added for each field that templates read and it lacks.

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
        """Return an answer whose compared values decide the comparisons, in one of the ways that are possible.

        Args:
            answer: The answer.
            accepts: Tells whether a changed answer is valid.
            only_texts: Whether to change only texts.
        """
        for path, comparisons in self._readers.comparisons.items():
            current = _at(answer, path)
            if isinstance(current, str) or not (only_texts or current is _NOTHING):
                values = self._deciding_values(answer, path, comparisons[:_MAX_COMPARISONS], accepts)
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
        compared_with = [
            (compared.operator, other) for compared in comparisons for other in self._other_operands(compared)
        ]
        for operator, other in compared_with:
            yield other
            if is_numeric(other):
                number = float(as_text(other))
                exact = int(number) if number.is_integer() else number
                yield from (exact, exact + 1, exact - 1) if abs(number) < _MAX_EXACT else ()
            elif as_text(other) in ("true", "false"):
                yield from (as_text(other) == "true", as_text(other) != "true")
            elif operator in ("contains", "not_contains"):
                yield [other]
        yield current
        if any(compared.operator in UNARY for compared in comparisons):
            yield from ("", [], {}, None)
        if compared_with:
            yield _OTHER

    def _other_operands(self, compared: Compared) -> Iterator[JSON]:
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
    """Return a copy with a new value at a path. Whatever isn't an object on the way becomes one."""
    if not path:
        return new
    first, *rest = path
    if first.isdecimal() and not is_object(value):
        items: list[JSON] = list(value) if isinstance(value, list) else []
        index = int(first)
        if index >= _MAX_ITEMS:
            return value
        changed = replaced(items[index] if index < len(items) else None, tuple(rest), new)
        items += [changed] * (index + 1 - len(items))
        items[index] = changed
        return items
    fields = dict(value) if is_object(value) else {}
    return fields | {first: replaced(fields.get(first), tuple(rest), new)}


_MAX_DEPTH: Final = 20
_OPTIONAL_UNTIL: Final = 4  # deeper, only the required properties are given: a schema may contain itself
_MAX_VALUES: Final = 10_000  # values: a schema may double them on each level
_MAX_CHARACTERS: Final = 1_000_000  # characters of all texts
_MAX_SUGGESTIONS: Final = 100
_MEMBERS_PER_STEP: Final = 20
_FORMATS: Final[Mapping[str, str]] = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.org",
}


def _first(values: Sequence[Any]) -> Any:
    return values[0]


def sample(schema: Schema, text: str, choose: Callable[[Sequence[Any]], Any] = _first) -> Any:
    """Return a simple and small value that fits a schema, or `None` if there is none.

    What the schema itself suggests comes first: `const`, `examples`, `enum`, `default`.

    Args:
        schema: The schema.
        text: The text to use where any text fits.
        choose: Returns one of several values that the schema suggests. By default the first.

    Example:
        >>> sample({"properties": {"urgency": {"enum": ["high", "low"]}, "note": {"type": "string"}}}, "noted")
        {'urgency': 'high', 'note': 'noted'}
    """
    try:
        return _Sampler(schema, text, choose).value(schema, 0)
    except (*MALFORMED, _TooLargeError, RecursionError):
        return None


class _TooLargeError(Exception):
    """What a schema asks for is larger than a sample may be."""


class _Sampler:
    def __init__(self, root: Schema, text: str, choose: Callable[[Sequence[Any]], Any]) -> None:
        self._root = root
        self._text = text
        self._choose = choose
        self._steps = Steps()
        self._count = 0
        self._characters = 0

    def value(self, schema: Schema, depth: int) -> Any:
        self._count += 1
        _check_size(self._count, _MAX_VALUES)
        schema = target_of(schema, self._root)
        if not is_object(schema) or depth > _MAX_DEPTH:
            return None
        schema = self._merged(schema)
        for suggestions in _suggestions(schema):
            fitting = [value for value in islice(suggestions, _MAX_SUGGESTIONS) if self._fits(schema, value)]
            if fitting:
                return self._choose(fitting)
        for keyword in ("oneOf", "anyOf"):
            if is_array(schema.get(keyword)):
                return self._first_that_fits(schema, keyword, depth)
        return self._of_type(schema, _type_of(schema), depth)

    def _first_that_fits(self, schema: Mapping[str, Any], keyword: str, depth: int) -> Any:
        rest = {key: value for key, value in schema.items() if key != keyword}
        options = [target_of(option, self._root) for option in schema[keyword]]
        values = [self.value(self._merged_pair(rest, option), depth + 1) for option in options if is_object(option)]
        fitting = [value for value in values if self._fits(schema, value)]
        if fitting and all(is_object(option) and "const" in option for option in options):
            return self._choose(fitting)
        return next((value for value in fitting if value is not None), None)

    def _fits(self, schema: Mapping[str, Any], value: Any) -> bool:
        definitions = (
            {key: self._root[key] for key in ("$defs", "definitions") if key in self._root}
            if is_object(self._root)
            else {}
        )
        return first_fault({**definitions, **schema}, value, steps=self._steps) is None

    def _merged_pair(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
        """Merge two schemas: `properties` and `required` are joined, and for other keywords the second one wins."""
        self._count_steps(first)
        self._count_steps(second)
        joined = {**first, **second}
        if "properties" in first and "properties" in second:
            joined["properties"] = {**first["properties"], **second["properties"]}
        if "required" in first and "required" in second:
            joined["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
        return joined

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        self._count_steps(schema)
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema.get("allOf", ()):
            target = target_of(part, self._root)
            merged = self._merged_pair(merged, self._merged(target)) if is_object(target) else merged
        return merged

    def _count_steps(self, schema: Mapping[str, Any]) -> None:
        """Count the steps of reading a schema, excluding the schemas inside it."""
        members = sum(len(argument) for argument in schema.values() if is_object(argument) or is_array(argument))
        self._steps.take(10 + (len(schema) + members) // _MEMBERS_PER_STEP)

    def _of_type(self, schema: Mapping[str, Any], kind: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number":
                bounds = {key: value for key, value in schema.items() if key != "type"}
                return _number(schema, lambda number: self._fits(bounds, number), whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._sized(_FORMATS.get(schema.get("format", ""), self._text), schema)

    def _sized(self, text: str, schema: Mapping[str, Any]) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        text = text[:most]
        self._characters += max(len(text), least)
        _check_size(self._characters, _MAX_CHARACTERS)
        return text.ljust(least, ".")[:most]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), dict.fromkeys(schema.get("required", ()))
        names = [name for name in properties if depth < _OPTIONAL_UNTIL or name in required]
        result = {name: self.value(properties[name], depth + 1) for name in names}
        extra = schema.get("additionalProperties", True)
        missing = [name for name in required if name not in properties]
        _check_size(schema.get("minProperties", 0), _MAX_VALUES)
        missing += [f"property_{n}" for n in range(len(result) + len(missing), schema.get("minProperties", 0))]
        return result | {name: self.value(extra, depth + 1) if is_object(extra) else self._text for name in missing}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first: Sequence[Any] = schema.get("prefixItems", ())
        rest = schema.get("items", {"type": "string"})
        wanted = max(len(first), schema.get("minItems", 0 if first or depth >= _OPTIONAL_UNTIL else 1))
        count = min(wanted, schema.get("maxItems", wanted))
        _check_size(count, _MAX_VALUES)
        values = [self.value(inner, depth + 1) for inner in first[:count]]
        values += [self.value(rest, depth + 1) for _ in range(count - len(values))]
        return _distinct(values) if schema.get("uniqueItems") else values


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise _TooLargeError


def _distinct(values: list[Any]) -> list[Any]:
    """Return the values, with equal texts and numbers made different."""
    return [
        f"{value} {index}" if index and isinstance(value, str) else value + index if is_number(value) else value
        for index, value in enumerate(values)
    ]


def _suggestions(schema: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield groups of values that a schema suggests, by precedence."""
    if "const" in schema:
        yield [schema["const"]]
    yield from (schema[key] for key in ("examples", "enum") if key in schema)
    if "default" in schema:
        yield [schema["default"]]


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if is_array(kind):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if any(key in schema for key in ("minimum", "maximum", "multipleOf")) else "string"


def _number(schema: Mapping[str, Any], fits: Callable[[int | float], bool], *, whole: bool) -> int | float:
    """Return the number closest to 1 between the bounds, a multiple of the step."""
    step: int | float | None = schema.get("multipleOf", 1 if whole else None)
    low = max((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), default=-math.inf)
    high = min((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), default=math.inf)
    middle = (low + high) / 2 if math.isfinite(low + high) else low + 1 if math.isfinite(low) else high - 1
    near: float = min(max(1, low), high)
    candidates = [near, near + 1, near - 1, middle]
    if step:
        candidates = [math.floor(near / step) * step + shift * step for shift in (0, 1, -1, 2)]
    number = next(filter(fits, candidates), near)
    return int(number) if whole else number


WAIT: Final = "wait"
"""The tool that takes time: its execution is `running` until its seconds have passed."""

SetMemory = Callable[[Mapping[str, Any]], None]
"""Stores a value in memory. Raises `NodeError` if the parameters are not valid."""


def default_llm_output(node: LLMNode, instruction: str, fitting: Fitting) -> Any:
    """Return a text made from the model and the rendered instruction, or JSON that fits the schema of the node.

    A field that a comparison reads gets a value that decides the comparison. JSON without a schema has the fields that
    are read.

    Raises:
        NodeError: If no simple value fits the schema.
    """
    text = f"[{node.model or 'default model'}] {instruction}"
    schema = node.output_schema
    if schema is None:
        answer = fitting.with_fields({"answer": text}, text) if node.output_format == "json" else text
        return fitting.deciding(answer, lambda _: True)
    value = sample(schema, text, fitting.choose)
    fault = first_fault(schema, value, "answer")
    if fault is not None:
        remedy = "add examples to the schema, or answer with your own function: @emulator.llm"
        raise NodeError(f"the emulator finds no value that fits output_schema ({fault}): {remedy}")
    return fitting.deciding(value, lambda changed: first_fault(schema, changed, "answer") is None)


def default_tool_output(tool: str, params: Mapping[str, Any], set_memory: SetMemory, fitting: Fitting) -> JSONObject:
    """Return the call of a tool and its output, and store the value for `memory_set`.

    Made-up texts that a comparison reads get a value that decides it. Fields that report success keep their value.

    Raises:
        NodeError: If the parameters of `memory_set` are not valid.
    """
    name = canonical_tool(tool)
    if name == MEMORY_SET:
        set_memory(params)
    output: JSONObject = {"tool": tool, "params": {**params}}
    given = default_output_of(name, params)
    if name in OPEN_FIELDS:
        given = fitting.with_fields(given, f"[{name}]", (OPEN_FIELDS[name],))
    return output | cast("JSONObject", fitting.deciding(given, lambda _: True, only_texts=True))


def default_critic_output(criteria: Sequence[str]) -> JSONObject:
    """Return a verdict that passes every criterion."""
    return {"passed": True, "overall_score": 10, "criteria_scores": dict.fromkeys(criteria, 10)}


def seconds_of(tool: str, params: Mapping[str, Any]) -> float:
    """Return the duration of a tool in seconds of the emulator's clock.

    Raises:
        NodeError: If `wait` has no valid number of seconds.
    """
    if canonical_tool(tool) != WAIT:
        return 0.0
    seconds = params.get("seconds")
    if not is_number(seconds) or not 0 <= seconds <= 1e9:
        raise NodeError("the tool wait needs seconds: a number from 0 to 1,000,000,000")
    return float(seconds)

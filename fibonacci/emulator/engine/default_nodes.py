"""Default nodes: what language models, tools and critics do without a user handler. Equal inputs, equal outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, cast

from fibonacci.definitions import LLMNode
from fibonacci.definitions.json_schema import MALFORMED, Schema, first_fault, target_of
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.patterns import Steps
from fibonacci.definitions.tools import MEMORY_SET, canonical_tool
from fibonacci.emulator.engine.fitting import Fitting
from fibonacci.emulator.engine.tool_catalog import OPEN_FIELDS, given_by
from fibonacci.emulator.state.json_encoding import JSONObject

_DEEPEST: Final = 20
_OPTIONAL_UNTIL: Final = 4  # deeper, only the required properties are given: a schema may contain itself
_MOST: Final = 10_000  # values: a schema may double them on each level
_LONGEST: Final = 1_000_000  # characters of all texts
_MOST_SUGGESTIONS: Final = 100
_MEMBERS_A_STEP: Final = 20
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
        _limit(self._count, _MOST)
        schema = target_of(schema, self._root)
        if not is_object(schema) or depth > _DEEPEST:
            return None
        schema = self._merged(schema)
        for suggestions in _suggestions(schema):
            fitting = [value for value in islice(suggestions, _MOST_SUGGESTIONS) if self._fits(schema, value)]
            if fitting:
                return self._choose(fitting)
        for keyword in ("oneOf", "anyOf"):
            if is_array(schema.get(keyword)):
                return self._first_that_fits(schema, keyword, depth)
        return self._of_type(schema, _type_of(schema), depth)

    def _first_that_fits(self, schema: Mapping[str, Any], keyword: str, depth: int) -> Any:
        rest = {key: value for key, value in schema.items() if key != keyword}
        options = [target_of(option, self._root) for option in schema[keyword]]
        values = [self.value(self._both(rest, option), depth + 1) for option in options if is_object(option)]
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

    def _both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
        """Return two schemas as one: properties and required are joined, of another keyword the second counts."""
        self._take(first)
        self._take(second)
        joined = {**first, **second}
        if "properties" in first and "properties" in second:
            joined["properties"] = {**first["properties"], **second["properties"]}
        if "required" in first and "required" in second:
            joined["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
        return joined

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        self._take(schema)
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema.get("allOf", ()):
            target = target_of(part, self._root)
            merged = self._both(merged, self._merged(target)) if is_object(target) else merged
        return merged

    def _take(self, schema: Mapping[str, Any]) -> None:
        """Count the steps of reading a schema, without those inside it."""
        members = sum(len(argument) for argument in schema.values() if is_object(argument) or is_array(argument))
        self._steps.take(10 + (len(schema) + members) // _MEMBERS_A_STEP)

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
        _limit(self._characters, _LONGEST)
        return text.ljust(least, ".")[:most]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), dict.fromkeys(schema.get("required", ()))
        names = [name for name in properties if depth < _OPTIONAL_UNTIL or name in required]
        result = {name: self.value(properties[name], depth + 1) for name in names}
        extra = schema.get("additionalProperties", True)
        missing = [name for name in required if name not in properties]
        _limit(schema.get("minProperties", 0), _MOST)
        missing += [f"property_{n}" for n in range(len(result) + len(missing), schema.get("minProperties", 0))]
        return result | {name: self.value(extra, depth + 1) if is_object(extra) else self._text for name in missing}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first: Sequence[Any] = schema.get("prefixItems", ())
        rest = schema.get("items", {"type": "string"})
        wanted = max(len(first), schema.get("minItems", 0 if first or depth >= _OPTIONAL_UNTIL else 1))
        count = min(wanted, schema.get("maxItems", wanted))
        _limit(count, _MOST)
        values = [self.value(inner, depth + 1) for inner in first[:count]]
        values += [self.value(rest, depth + 1) for _ in range(count - len(values))]
        return _distinct(values) if schema.get("uniqueItems") else values


def _limit(size: int, most: int) -> None:
    if size > most:
        raise _TooLargeError


def _distinct(values: list[Any]) -> list[Any]:
    """Return values made different where that is simple: texts and numbers."""
    return [
        f"{value} {index}" if index and isinstance(value, str) else value + index if _is_number(value) else value
        for index, value in enumerate(values)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _suggestions(schema: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield groups of values that a schema suggests, the first that counts first."""
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


class NodeError(Exception):
    """A node fails for the reason in the message."""


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
    given = given_by(name, params)
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
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
        raise NodeError("the tool wait needs seconds: a number from 0 to 1,000,000,000")
    return float(seconds)

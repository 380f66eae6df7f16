"""Calls of handlers as a cassette keeps them: what makes two of them equal, and how two differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall
from fibonacci.emulator.state.json_encoding import to_text
from fibonacci.emulator.state.tables import Record

HandledCall = LLMCall | ToolCall | CriticCall
"""The call of a handler."""

_LLM_FIELDS: Final = (
    *("model", "instruction", "system_prompt", "max_tokens", "temperature"),
    *("output_format", "output_schema", "memory"),
)
_CRITIC_FIELDS: Final = ("model", "output", "criteria", "min_score")
_COMPARED: Final = 2000
"""The characters of an input that are compared to find the nearest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of a handler as a cassette keeps it, with placeholders for secrets.

    Attributes:
        kind: `llm`, `critic`, or `tool` and its name.
        node: The id of the node. Calls of other nodes with the same input are equal, and go after its own.
        input: What the handler was given, by name: all but ids, the attempt and the iteration. Two calls of one kind
            with the same input are equal.
        answer: What the handler returned, any JSON.
        error: The text of its exception; `None` if it returned an answer.
        usage: What it has reported to have used, by name: `input_tokens`, `output_tokens`, `cost`; `None` if nothing.

    Example:
        >>> from fibonacci.emulator import RecordedCall
        >>> call = RecordedCall(kind="llm", node="greet", input={"instruction": "Greet Ada"}, answer="Hello Ada")
        >>> call.answer
        'Hello Ada'
    """

    kind: str
    node: str
    input: dict[str, Any]
    answer: Any = None
    error: str | None = None
    usage: dict[str, Any] | None = None


def key_of(call: RecordedCall) -> str:
    """Return the SHA-256 of kind and input, in hexadecimal after `sha256:`; equal calls have equal ones."""
    from hashlib import sha256  # most emulators record nothing

    return f"sha256:{sha256(to_text([call.kind, _sorted(call.input)]).encode()).hexdigest()}"


def content_of(call: RecordedCall) -> Record:
    """Return a call as a cassette's file has it: `kind`, `node`, `key`, `input`, `answer` or `error`, and `usage`."""
    result: Record = {"answer": call.answer} if call.error is None else {"error": call.error}
    if call.usage is not None:
        result["usage"] = call.usage
    return {"kind": call.kind, "node": call.node, "key": key_of(call), "input": call.input, **result}


def recorded(call: HandledCall) -> RecordedCall:
    """Return a call as it is recorded, before secrets are hidden and without its outcome."""
    match call:
        case LLMCall():
            kind, given = "llm", {name: getattr(call, name) for name in _LLM_FIELDS}
            given = {name: value for name, value in given.items() if value not in (None, {})}
        case ToolCall():
            kind, given = f"tool {canonical_tool(call.tool_name)}", {"params": dict(call.params)}
        case CriticCall():
            kind, given = "critic", {name: getattr(call, name) for name in _CRITIC_FIELDS}
            given = {name: value for name, value in given.items() if value is not None}
    return RecordedCall(kind=kind, node=call.node_id, input=given)


def nearest(asked: RecordedCall, calls: Iterable[RecordedCall]) -> RecordedCall | None:
    """Return the call whose input resembles that of another most; `None` if there is none of its kind."""
    from difflib import SequenceMatcher  # only where a call is not found

    matcher = SequenceMatcher(b=to_text(asked.input)[:_COMPARED], autojunk=False)

    def likeness(call: RecordedCall) -> tuple[int, bool, float]:
        matcher.set_seq1(to_text(call.input)[:_COMPARED])
        return -len(_changed(call, asked)), call.node == asked.node, matcher.quick_ratio()

    return max((call for call in calls if call.kind == asked.kind), key=likeness, default=None)


def differences(found: RecordedCall, asked: RecordedCall) -> str:
    """Return in words how the inputs of two calls differ."""
    return "; ".join(
        f"{name}: recorded {_shown(found.input, name, asked.input)}, now {_shown(asked.input, name, found.input)}"
        for name in _changed(found, asked)
    )


def _changed(one: RecordedCall, other: RecordedCall) -> list[str]:
    names = dict.fromkeys([*other.input, *one.input])
    return [name for name in names if one.input.get(name, ...) != other.input.get(name, ...)]


def _shown(given: Record, name: str, other: Record) -> str:
    """Return a value of an input as text: the part around where it begins to differ from another."""
    if name not in given:
        return "nothing"
    text, against = _text(given[name]), _text(other.get(name, ""))
    same = next(
        (i for i, (a, b) in enumerate(zip(text, against, strict=False)) if a != b), min(map(len, (text, against)))
    )
    start = max(0, same - 20)
    return f"{'...' if start else ''}{text[start : start + 80]!r}{'...' if len(text) > start + 80 else ''}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_text(value)


def _sorted(value: Any) -> Any:
    """Return JSON with the keys of objects in order and one spelling of numbers: equal values have equal texts."""
    if is_object(value):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_sorted(each) for each in value] if is_array(value) else value

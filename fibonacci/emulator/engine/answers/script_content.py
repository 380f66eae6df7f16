"""Scripts as the user writes them, checked: in Python, in a file, over the control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.answers.node_failure import NodeFailure, ScriptError
from fibonacci.emulator.engine.answers.scripts import QueuedScript
from fibonacci.emulator.state.json_encoding import parse_json, to_text
from fibonacci.emulator.state.tables import Record

FAILURE_KEY: Final = "$failure"
"""The key that makes an object a fault, where answers are written as JSON."""


def new_script(name: object, answers: object, *, repeat: object = False, place: str = "answers") -> QueuedScript:
    """Return a script, checked.

    Args:
        name: The id of a node, the name of a tool, or a model.
        answers: The answers; an object with the key `$failure` is a failure.
        repeat: Whether to begin again after the last one.
        place: The place of the answers, for errors.

    Raises:
        ScriptError: If one of them is not valid.
    """
    if not isinstance(name, str) or not name:
        raise ScriptError("name", f"is the id of a node, the name of a tool, or a model, not {name!r}")
    if not is_array(answers):
        raise ScriptError(place, f"is a list of answers, not {type(answers).__name__}: put a single one in brackets")
    if not answers:
        raise ScriptError(place, "has no answer; a script has at least one")
    if not isinstance(repeat, bool):
        raise ScriptError("repeat", f"is true or false, not {repeat!r}")
    return QueuedScript(name, [_answer(each, f"{place}[{index}]") for index, each in enumerate(answers)], repeat=repeat)


def scripts_of(content: object) -> list[QueuedScript]:
    """Return the scripts of a mapping: answers by name, or objects with `answers` and `repeat` by name.

    Raises:
        ScriptError: If it is not one; the place is that in the mapping.
    """
    if not is_object(content):
        kind = type(content).__name__
        raise ScriptError("", f"scripts are an object with the answers for each node, tool or model, not {kind}")
    return [_script_of(name, value) for name, value in content.items()]


def _script_of(name: object, value: object) -> QueuedScript:
    if not is_object(value):
        return new_script(name, value, place=str(name))
    unknown = [key for key in value if key not in ("answers", "repeat")]
    if unknown or "answers" not in value:
        problem = f"has no key {unknown[0]!r}" if unknown else "has no answers"
        raise ScriptError(str(name), f"{problem}: it is a list of answers, or an object with answers and repeat")
    try:
        return new_script(name, value["answers"], repeat=value.get("repeat", False))
    except ScriptError as error:
        raise ScriptError(f"{name}.{error.place}", error.message) from None


def _answer(value: Any, place: str) -> Any:
    """Return an answer as plain JSON, or a failure."""
    if isinstance(value, NodeFailure):
        return value
    try:
        answer = parse_json(to_text(value))  # a copy: the caller may change its own later
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptError(place, f"is not JSON: {error}") from None
    return _failure(answer, place) if is_object(answer) and FAILURE_KEY in answer else answer


def _failure(content: Mapping[str, Any], place: str) -> NodeFailure:
    unknown = [key for key in content if key not in (FAILURE_KEY, "message")]
    if unknown:
        raise ScriptError(place, f"is a failure with the key {unknown[0]!r}: its keys are {FAILURE_KEY} and message")
    try:
        return NodeFailure(kind=content[FAILURE_KEY], message=content.get("message"))
    except ScriptError as error:
        key = FAILURE_KEY if error.place == "kind" else error.place
        raise ScriptError(f"{place}.{key}", error.message) from None


def answer_view(answer: Any) -> Any:
    """Return an answer as JSON; a failure is an object with the key `$failure`."""
    if not isinstance(answer, NodeFailure):
        return answer
    view: Record = {FAILURE_KEY: answer.kind}
    return view if answer.message is None else view | {"message": answer.message}

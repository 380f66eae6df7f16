"""What answers a node in place of its default, and what the node makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any, Final, TypeVar

from fibonacci.definitions import CriticNode, LLMNode
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scripts import NodeFailure, error_of
from fibonacci.emulator.engine.user_handlers import CriticCall, HandlerOutcome, LLMCall, ToolCall, call_handler
from fibonacci.emulator.state.json_encoding import JSON, JSONObject

HIGHEST_SCORE: Final = 10.0
_FENCE: Final = "```"
_SHOWN: Final = 100


def expects_json(node: LLMNode) -> bool:
    """Return whether the answer of a language model is parsed as JSON."""
    return node.output_format == "json" or node.output_schema is not None


def parsed_answer(node: LLMNode, answer: JSON) -> tuple[JSON, str | None]:
    """Return the answer of a language model, parsed and checked if the node expects JSON.

    Returns:
        The answer, and what was taken off it to parse it, or `None` if nothing was.

    Raises:
        NodeError: If it is not JSON, or does not fit the schema of the node.
    """
    if not expects_json(node):
        return answer, None
    stripped: str | None = None
    if isinstance(answer, str):
        answer, stripped = _parsed(answer)
    fault = None if node.output_schema is None else first_fault(node.output_schema, answer, "answer")
    if fault is not None:
        raise NodeError(f"the answer does not fit output_schema: {fault}")
    return answer, stripped


def _parsed(text: str) -> tuple[JSON, str | None]:
    """Parse a text as JSON, or what in it is fenced or in braces: many models write something around their answer."""
    try:
        return _loads(text), None
    except (ValueError, RecursionError) as error:
        fault = str(error)
    fenced = text[text.find(_FENCE) + len(_FENCE) : text.rfind(_FENCE)].strip()
    fenced = fenced[4:] if fenced[:4].lower() == "json" else fenced
    first = min((place for place in map(text.find, "{[") if place >= 0), default=0)
    for inside in (fenced, text[first : max(map(text.rfind, "}]")) + 1]):
        with suppress(ValueError, RecursionError):
            value = _loads(inside)
            before, _, after = text.partition(inside)
            before, after = before.strip()[-_SHOWN:], after.strip()[:_SHOWN]
            return value, f"the JSON was in other text: {before!r} before it and {after!r} after it were dropped"
    raise NodeError(f"the answer is not JSON: {fault}")


def _loads(text: str) -> JSON:
    value: JSON = json.loads(text, parse_constant=_not_json)
    return value


def verdict(node: CriticNode, answer: Any, criteria: Sequence[str]) -> JSONObject:
    """Return the verdict of a critic as documented, where `min_score` decides whether it passes.

    Args:
        node: The critic.
        answer: A score, or an object with `overall_score` or `criteria_scores`. Other fields are kept.
        criteria: The criteria, rendered.

    Raises:
        NodeError: If the answer is neither.
    """
    given = answer if is_object(answer) else {"overall_score": answer}
    scores = given.get("criteria_scores")
    overall = given.get("overall_score")
    if overall is None and is_object(scores) and scores and all(map(_is_score, scores.values())):
        overall = sum(scores.values()) / len(scores)
    if overall is None or not _is_score(overall) or not (scores is None or _are_scores(scores)):
        raise NodeError(
            "a critic must return a score from 0 to 10, or an object with overall_score or criteria_scores from 0 to 10"
        )
    documented: JSONObject = {
        "passed": overall >= node.min_score,
        "overall_score": overall,
        "criteria_scores": dict.fromkeys(criteria, overall) if scores is None else dict(scores),
    }
    return documented | {name: value for name, value in given.items() if name not in documented}


def _are_scores(scores: Any) -> bool:
    return is_object(scores) and all(map(_is_score, scores.values()))


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= HIGHEST_SCORE


def _not_json(name: str) -> Mapping[str, Any]:
    raise ValueError(f"{name} is not a JSON number")


CallT = TypeVar("CallT", LLMCall, ToolCall, CriticCall)

Answer = HandlerOutcome | NodeFailure | Callable[[], HandlerOutcome]
"""An outcome that is known, a timeout, or the work that calls a handler."""


def find_answer(
    environment: Environment,
    node_id: str,
    name: str | None,
    handler: Callable[[CallT], Any] | None,
    new_call: Callable[[], CallT],
    inputs: Mapping[str, Any],
) -> Answer | None:
    """Return what answers a node, or `None` if that is its default.

    Args:
        environment: What workflows can reach.
        node_id: The ID of the node.
        name: Its tool or its model.
        handler: Its handler.
        new_call: Returns what the handler is given.
        inputs: The inputs of the execution, by which a cassette tells equal calls apart.

    Raises:
        NodeError: If its script is at its end, or its call is not in the cassette that is replayed.
    """
    if environment.scripts.is_active and (taken := environment.scripts.take(node_id, name)) is not None:
        return _scripted(taken[0])
    handlers = environment.handlers
    if handlers.cassette is not None:
        return handlers.cassette.answer(handler, new_call(), inputs)
    return None if handler is None else partial(call_handler, handler, new_call(), handlers.assertions)


def _scripted(answer: Any) -> HandlerOutcome | NodeFailure:
    if not isinstance(answer, NodeFailure):
        return HandlerOutcome(deepcopy(answer))  # it may be taken again
    return HandlerOutcome(error=error_of(answer)) if answer.kind == "error" else answer

"""What answers a node in place of its default: its script, else a recorded call, else the handler of the user."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

from fibonacci.emulator.engine.answers.node_failure import NodeFailure, error_of
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.user_handlers import CriticCall, HandlerOutcome, LLMCall, ToolCall, call_handler

CallT = TypeVar("CallT", LLMCall, ToolCall, CriticCall)

Answer = HandlerOutcome | NodeFailure | Callable[[], HandlerOutcome]
"""An outcome that is known, a timeout, or the work that calls a handler."""


def find_answer(
    environment: Environment,
    node_id: str,
    name: str | None,
    handler: Callable[[CallT], Any] | None,
    new_call: Callable[[], CallT],
) -> Answer | None:
    """Return what answers a node; `None` if that is its default.

    Args:
        environment: What workflows can reach.
        node_id: The id of the node.
        name: Its tool or its model.
        handler: Its handler.
        new_call: Returns what the handler is given.

    Raises:
        NodeError: If its script is at its end, or its call is not in the cassette that is replayed.
    """
    if environment.scripts.is_active and (taken := environment.scripts.take(node_id, name)) is not None:
        return _scripted(taken[0])
    cassette = environment.handlers.cassette
    if cassette is not None:
        return cassette.answer(handler, new_call())
    return None if handler is None else partial(call_handler, handler, new_call())


def _scripted(answer: Any) -> HandlerOutcome | NodeFailure:
    if not isinstance(answer, NodeFailure):
        return HandlerOutcome(deepcopy(answer))  # it may be taken again
    return HandlerOutcome(error=error_of(answer)) if answer.kind == "error" else answer

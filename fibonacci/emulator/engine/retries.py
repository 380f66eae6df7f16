"""When a node that has failed is tried again."""

from __future__ import annotations

from fibonacci.definitions import Node, OpenNode
from fibonacci.emulator.state.tables import Record


def tries_of(state: Record) -> int:
    """Return the attempts of a node in the present iteration."""
    return int(state["attempts"] - state.get("earlier_attempts", 0))


def retry_delay(node: Node, tries: int) -> float | None:
    """Return the seconds before the next attempt, after so many; `None` if there is none."""
    if isinstance(node, OpenNode) or not node.enable_retry or tries > node.max_retries:
        return None
    match node.retry.backoff if node.retry is not None else None:
        case "linear":
            return node.retry_delay * tries
        case "exponential":
            return node.retry_delay * 2.0 ** min(tries - 1, 100)
        case _:
            return node.retry_delay

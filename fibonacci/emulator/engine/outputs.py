"""Outputs of nodes: their limits, and the error of one that does not come in time."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.http.bodies import is_deeper_than
from fibonacci.emulator.state.json_encoding import to_json

MAX_OUTPUT = 1024 * 1024
"""The largest output of a node in bytes of JSON: templates that contain each other grow exponentially."""

MAX_OUTPUT_DEPTH = 200


def checked(output: Any) -> Any:
    """Return an output, checked for size and depth.

    Raises:
        NodeError: If it is too large or nested too deep.
    """
    text = to_json(output)
    if len(text) > MAX_OUTPUT:
        raise NodeError(f"the output is larger than {MAX_OUTPUT} bytes")
    if text.count(b"{") + text.count(b"[") > MAX_OUTPUT_DEPTH and is_deeper_than(output, MAX_OUTPUT_DEPTH):
        raise NodeError(f"the output is nested deeper than {MAX_OUTPUT_DEPTH} levels")
    return output


def timeout_error(seconds: float) -> str:
    """Return the error of a node that exceeds its timeout."""
    return f"it took longer than its timeout of {seconds:g} seconds"

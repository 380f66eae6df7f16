"""The state as a whole."""

from __future__ import annotations

from fibonacci.emulator.app.control.parts import Parts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.replies import Reply, no_content


def reset(parts: Parts, context: RequestContext) -> Reply:
    """POST /reset."""
    parts.reset()
    return no_content()

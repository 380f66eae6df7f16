"""The state as a whole."""

from __future__ import annotations

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply, encoded_json, no_content
from fibonacci.emulator.state.errors import SnapshotError


def snapshot(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /snapshot: a snapshot is JSON; it is the whole body, as `Emulator.snapshot` returns it."""
    return encoded_json(parts.snapshot())


def restore(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /restore; the body is a snapshot."""
    try:
        parts.restore(context.body)
    except SnapshotError as error:
        raise invalid(Detail("body", str(error))) from None
    return no_content()


def reset(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /reset."""
    parts.reset()
    return no_content()

"""The clock."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.state.clock import iso


class Advance(Body):
    """The body of advancing the clock."""

    seconds: Annotated[float, Field(ge=0, le=1e12)]


def read_clock(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /clock."""
    return _shown(parts)


def advance(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /clock/advance."""
    parts.clock.advance(read(Advance, context.body).seconds)
    return _shown(parts)


def _shown(parts: EmulatorParts) -> Reply:
    clock = parts.clock
    return Reply({"now": iso(clock.now()), "mode": clock.mode, "skipped": clock.skipped})

"""Decisions about runs that wait for approval."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.replies import Reply


class Decision(Body):
    """The body of a decision about a run that waits for approval."""

    decision: Literal["approve", "reject"] = "approve"
    by: Annotated[str, Field(min_length=1, max_length=100)]


def decide(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /approvals/{execution_id}."""
    body = read(Decision, context.body)
    return Reply(parts.approvals.decide(context.path["execution_id"], body.by, approve=body.decision == "approve"))

"""A response with the failure that is injected into its delivery."""

from __future__ import annotations

from dataclasses import dataclass

from fibonacci.emulator.faults.fault import ActiveFailure
from fibonacci.emulator.http.messages import ServerResponse


@dataclass(frozen=True, slots=True)
class FailingResponse(ServerResponse):
    """A response whose delivery fails.

    Attributes:
        failure: What goes wrong.
    """

    failure: ActiveFailure

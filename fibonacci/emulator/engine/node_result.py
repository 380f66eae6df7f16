"""What the executor returns for a node: its result, or a call that has to be made for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fibonacci.emulator.engine.user_handlers import HandlerOutcome
from fibonacci.emulator.state.tables import Record


@dataclass(frozen=True, slots=True)
class NodeResult:
    """The result of a node, known at once, although the node may end later.

    Attributes:
        output: The output.
        seconds: The duration of the node on the emulator's clock.
        error: Why the attempt fails at its end; `None` if the node completes.
        usage: What the call of a handler has used; `None` if it was not reported.
    """

    output: Any
    seconds: float = 0.0
    error: str | None = None
    usage: Record | None = None


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a user handler, not started yet.

    Attributes:
        work: Calls the handler; returns its outcome, and raises nothing.
        timeout: Its time limit in seconds; `None` for no limit.
    """

    work: Callable[[], HandlerOutcome]
    timeout: float | None

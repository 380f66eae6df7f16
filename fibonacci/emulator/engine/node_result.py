"""What the executor returns for a node: its result, or a call that has to be made for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NodeResult:
    """The result of a node, known at once, although the node may end later.

    Attributes:
        output: The output.
        seconds: The duration of the node on the emulator's clock.
        error: Why the attempt fails at its end; `None` if the node completes.
    """

    output: Any
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a user handler, not started yet.

    Attributes:
        work: Calls the handler.
        timeout: Its time limit in seconds; `None` for no limit.
    """

    work: Callable[[], Any]
    timeout: float | None

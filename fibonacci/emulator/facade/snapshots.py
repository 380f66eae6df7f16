"""The part of `Emulator` that handles its state as a whole."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from fibonacci.emulator.app.app import App
from fibonacci.emulator.engine.user_handlers import UserHandlers


class Snapshots:
    """Saves, restores and resets the state."""

    app: App
    models: list[str]
    _handlers: UserHandlers

    def snapshot(self) -> bytes:
        """Return the complete state: everything but the time, the keys, the rate limits, the handlers and the scripts.

        Returns:
            A snapshot for `restore`, of this emulator or another, in memory or in a file.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> before = emulator.snapshot()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> emulator.restore(before)
            >>> list(emulator.client().workflows.list())
            []
        """
        return self.app.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot. The time does not go back, and the rate limits begin anew.

        Args:
            snapshot: A result of `snapshot`.

        Raises:
            StateError: If it is not a snapshot, is malformed (the message names the place), is of a newer version, or
                cannot be stored; nothing is changed.
        """
        self.app.restore(snapshot)

    def reset(self) -> None:
        """Delete everything: workflows, executions, memory, recorded requests, injected failures, scripts, warnings.

        The time, the keys, the handlers and a cassette in use stay.
        """
        self.app.reset()

    @contextmanager
    def preserve_state(self) -> Generator[None]:
        """Undo what is done in a block when it ends: the state, the handlers and the models are as they were.

        For an emulator that several tests share: what was there before remains, and what one of them creates is gone.
        Recorded requests, injected failures and warnings are dropped, those from before included. The time does not go
        back, and the rate limits begin anew.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> with emulator.preserve_state():
            ...     emulator.client().workflows.delete(workflow.id)
            >>> emulator.client().workflows.get(workflow.id).name
            'greeting'
        """
        snapshot, models, handlers = self.snapshot(), list(self.models), self._handlers.copy()
        try:
            yield
        finally:
            self.reset()
            self.restore(snapshot)
            self.models[:] = models
            self._handlers.replace_by(handlers)

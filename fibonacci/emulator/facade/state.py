"""The part of the emulator's face that deals with its state as a whole."""

from __future__ import annotations

from fibonacci.emulator.app.app import App
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.state.store import Store


class State:
    """Takes the state down, puts it back, and clears it."""

    _app: App
    _scheduler: Scheduler
    _store: Store

    def snapshot(self) -> bytes:
        """Write the whole state down: everything but the time, the keys and your handlers.

        Returns:
            What `restore` takes, here or in another emulator, whether it lives in memory or in a file.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> before = emulator.snapshot()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> emulator.restore(before)
            >>> list(emulator.client().workflows.list())
            []
        """
        return self._store.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Put the state of a snapshot in the place of this one. The time does not go back.

        Args:
            snapshot: What `snapshot` returned.

        Raises:
            StateError: When it is not a snapshot, or one of a newer version; nothing is changed then.
        """
        self._store.restore(snapshot)
        self._scheduler.resume_clock()

    def reset(self) -> None:
        """Forget everything: workflows, executions, memory, requests, ordered failures.

        The time, keys and handlers stay.
        """
        self._app.reset()

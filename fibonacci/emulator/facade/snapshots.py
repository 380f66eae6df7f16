"""The part of `Emulator` that handles its state as a whole."""

from __future__ import annotations

from fibonacci.emulator.app.app import App


class Snapshots:
    """Saves, restores and resets the state."""

    _app: App

    def snapshot(self) -> bytes:
        """Return the complete state: everything but the time, the keys, the rate limits, the handlers and the scripts.

        The values of `secrets` that executions have passed on are not in it: `<secret:TOKEN=...>` stands for one, and
        an emulator with the same secret puts it back.

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
        return self._app.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot.

        The time does not go back, and the rate limits begin anew.

        Args:
            snapshot: A result of `snapshot`.

        Raises:
            StateError: If it is not a snapshot, is malformed (the message names the place), is of a newer version, or
                cannot be stored; nothing is changed.
        """
        self._app.restore(snapshot)

    def reset(self) -> None:
        """Delete everything: workflows, executions, memory, recorded requests, injected failures, scripts, warnings.

        The time, the keys, the handlers and a cassette in use stay.
        """
        self._app.reset()

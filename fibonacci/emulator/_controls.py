"""The half of the emulator's face that a test drives it by: keys, and the record of requests."""

from __future__ import annotations

from fibonacci.emulator.app import App
from fibonacci.emulator.keys import Role
from fibonacci.emulator.record import Requests


class Controls:
    """What a test may do to an emulator besides calling it."""

    _app: App

    def key(self, role: Role = "member", *, name: str | None = None) -> str:
        """Return a key with another role than the owner's.

        Everybody may read; members may change workflows, memory and connections, and run workflows; admins may also
        look into versions, roll back, and decide about the registry and tool policies; governance and quotas are
        the owner's. What a role may not do is a 403 with the code `permission_denied`.

        Args:
            role: `owner`, `admin`, `member` or `viewer`.
            name: Whose key it is; by default the role itself stands in the audit log.

        Returns:
            The key: that of the owner, `-`, the role, and with a name another `-` and the name.

        Raises:
            ValueError: When there is no such role, or the name cannot stand in a key.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator(api_key="fib-local").key("viewer")
            'fib-local-viewer'
        """
        return self._app.keys.of(role, name)

    @property
    def requests(self) -> Requests:
        """The requests that came, those that were refused too."""
        return Requests(self._app.log)

"""The former names of the scripted server, for the folder that still uses them."""

from __future__ import annotations

from tests.kit.peer import ReceivedRequest
from tests.kit.server import ScriptedServer


class Recorder(ScriptedServer):
    """A scripted server whose requests are also called `sent`."""

    @property
    def sent(self) -> list[ReceivedRequest]:
        """The requests that were received."""
        return self.requests

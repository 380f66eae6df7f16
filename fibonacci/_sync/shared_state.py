# Derived from fibonacci/_async/shared_state.py by tests/tools/mirror.py; change that file, not this one.
"""What a client and its clones share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci._core.config import LOCAL_RATE_LIMITERS, Config, needs_profile
from fibonacci._net.instrumentation import replaced_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, Self

    from fibonacci._core.shared_limits import SharedLimits
    from fibonacci._sync.transports.transport import Transport
    from fibonacci.models.response import RateLimit

    class Exit(Protocol):
        """A run that is left early. Its execution may be canceled on the way."""

        def wait(self) -> None:
            """Wait until the cancellation has ended, if one is under way."""
            ...


def config_from(options: Mapping[str, Any]) -> Config:
    """Return the configuration that arguments, the environment and the profile make."""
    if needs_profile(options):
        from fibonacci._profiles.credentials import with_profile

        options = with_profile(options)
    return Config(options, close="close")


class SharedState:
    """The transports of a client and its clones, and the limits of the key that they used last.

    Args:
        config: The configuration of the first client.

    Raises:
        ImportError: If the rate limiter needs a package that isn't installed.
        ConfigurationError: If the rate limiter is a URL that names no server.

    Attributes:
        limits: The limits of the key that was used last. None before the first call.
        waits: What ends the waits of calls for the rate limit: a function for each.
        exits: The runs whose execution is canceled when they are left early.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made: dict[str, Transport] = {}
        self.limits: SharedLimits | None = None
        self.waits: set[Callable[[], None]] = set()
        self.exits: set[Exit] = set()
        if config.rate_limiter not in LOCAL_RATE_LIMITERS:
            from fibonacci._net.stored_limits import window_store

            window_store(config.rate_limiter, "")  # an extra that is missing, or a wrong URL, is found here

    @property
    def rate_limit(self) -> RateLimit | None:
        """The last rate limit that the server stated. None before the first."""
        return None if self.limits is None else self.limits.last

    def transport(self) -> Transport:
        """Return the transport for the next attempt."""
        configured = self._config.transport
        if configured == "socket":
            replaced = None if self._config.is_transport_chosen else replaced_function()
            if replaced is None:
                return self._named("socket")
            from fibonacci._core.logs import log_switch

            log_switch(replaced)
            return self._named("httpx")
        if configured is None or isinstance(configured, str):
            return self._named("httpx")
        passed: Transport = configured
        return passed

    def for_other_limits(self) -> Self:
        """Return what a clone with another key or base URL shares: all but the limits."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.limits = None
        return other

    def close(self) -> None:
        """End the waits for the rate limit, and close the transports that were made from a name.

        Cancellations of executions that are under way are waited for: a program often ends after this.
        """
        for end in list(self.waits):
            end()
        try:
            if self.exits:
                from fibonacci._sync import _runtime  # loaded by the run that is among them

                _runtime.checkpoint()  # tasks that were canceled just now begin theirs
                for exiting in list(self.exits):
                    exiting.wait()
        finally:
            while self._made:
                _, transport = self._made.popitem()
                transport.close()

    def _named(self, name: str) -> Transport:
        transport = self._made.get(name)
        # Two threads may make one at the same time. The first is kept, and the other hasn't opened anything.
        return self._made.setdefault(name, _new_transport(name, self._config)) if transport is None else transport


def _new_transport(name: str, config: Config) -> Transport:
    if name == "socket":
        from fibonacci._sync.transports.socket_transport import SocketTransport

        return SocketTransport(**config.connection_options())
    from fibonacci._sync.transports.httpx_transport import HTTPXTransport

    return HTTPXTransport(config.http_client, **config.connection_options())

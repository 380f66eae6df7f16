"""The face of the emulator: its address, its key, and clients that talk to it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from fibonacci.emulator.account.plans import PLANS, PlanName
from fibonacci.emulator.account.rate_limits import Rate, RateLimits
from fibonacci.emulator.app.app import App
from fibonacci.emulator.engine.node_executor import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.facade.controls import Controls
from fibonacci.emulator.facade.handling import Handling
from fibonacci.emulator.facade.state import State
from fibonacci.emulator.routes.organizations import is_organization
from fibonacci.emulator.serving.server import SocketServer
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import TimeMode, VirtualClock
from fibonacci.emulator.state.sqlite import SqliteStore
from fibonacci.emulator.state.store import Store

if TYPE_CHECKING:
    from fibonacci import AsyncFibonacci, Fibonacci

_IN_PROCESS_URL: Final = "http://127.0.0.1/v1"


class Emulator(Controls, Handling, State):
    """The platform on this machine: all 37 endpoints, with state, in memory or in a file.

    It is used on a socket, as a context manager, or in process, through `client()` and `async_client()`. Both ways see
    the same state. Any number of emulators may exist at a time; they share nothing.

    Attributes:
        api_key: The owner's key.
        organization: The organization that all workflows belong to.
        clock: The time it lives in, which can be moved: `emulator.clock.advance(3600)`.

    Example:
        >>> with Emulator() as emulator:
        ...     emulator.base_url.endswith("/v1")
        True
    """

    def __init__(
        self,
        *,
        path: str | Path | None = None,
        time: TimeMode = "real",
        plan: PlanName = "enterprise",
        api_key: str | None = None,
        organization: str = "default",
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: tuple[int, float] | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare an emulator; it does not listen yet.

        Args:
            path: A file that keeps the state, made when it is not there; several processes may share it. Without one
                the state lives in memory.
            time: `real` goes with the machine; `skip` also jumps over whatever an execution waits for, so that it has
                ended when executing it is answered; `manual` moves only with `clock.advance`.
            plan: `free`, `pro` or `enterprise`: decides about rate limits and quotas.
            api_key: The owner's key; by default a new one. `key` has those of the other roles.
            organization: The id of the organization that all workflows belong to: its settings, quota and tool policies
                decide about runs. Other organizations may be set up, and hold nothing up.
            host: Where to listen.
            port: The port; 0 takes a free one.
            rate_limit: Requests and seconds of a window, in place of the plan's requests per minute.
            env: What `{{env.NAME}}` means in a workflow; by default there is nothing.
            secrets: What `{{secrets.NAME}}` means in a workflow; by default there is nothing.

        Raises:
            ValueError: When the plan or the kind of time is not known, the organization's id cannot be one, or the rate
                limit is not positive.
            StateError: When the file belongs to something else, or to a newer version.
        """
        if plan not in PLANS:
            raise ValueError(f"plan is one of {', '.join(PLANS)}, not {plan!r}")
        requests, seconds = rate_limit or (PLANS[plan].per_minute, 60.0)
        if requests < 1 or seconds <= 0:
            raise ValueError("rate_limit is a number of requests and a number of seconds, both positive")
        self.api_key: str = api_key or ids.api_key()
        self.clock: VirtualClock = VirtualClock(time)
        self._store = Store() if path is None else SqliteStore(path)
        if not is_organization(organization):
            raise ValueError(f"organization is 1 to 64 letters, digits, '_' and '-', not {organization!r}")
        self.organization: str = organization
        self._address = (host, port)
        self._handlers = UserHandlers()
        self._scheduler = Scheduler(
            Environment(self._store, dict(env or {}), dict(secrets or {}), self._handlers), self.clock
        )
        self._scheduler.resume_clock()
        self._app = App(
            plan=plan,
            api_key=self.api_key,
            limits=RateLimits(Rate(requests, seconds), PLANS[plan].per_day),
            scheduler=self._scheduler,
            store=self._store,
            clock=self.clock,
            organization=organization,
        )
        self._server: SocketServer | None = None
        self._entered = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """The address for a client, ending in `/v1`.

        Raises:
            RuntimeError: When the emulator does not listen.
        """
        server = self._server
        if server is None:
            raise RuntimeError("the emulator does not listen: use `with Emulator()` or start(), or client() in process")
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{server.port}/v1"

    def start(self) -> Self:
        """Listen, unless it does so already.

        Returns:
            The emulator itself.

        Raises:
            OSError: When the address cannot be used.
        """
        with self._lock:
            if self._server is None:
                self._server = SocketServer(self._app, *self._address)
        return self

    def close(self) -> None:
        """Stop listening and end all connections; again does nothing. The state stays, and `start` may follow.

        A file that keeps the state is closed; whatever uses the emulator next opens it again.
        """
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()
        self._store.close()

    def client(
        self,
        *,
        api_key: str | None = None,
        timeout: float | EllipsisType | None = ...,
        max_retries: int | EllipsisType = ...,
        headers: Mapping[str, str] | None = None,
        idempotency: Literal["server"] | None = None,
    ) -> Fibonacci:
        """Return a client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            timeout: Seconds for a whole call, `None` for no limit; by default as the client has it.
            max_retries: How often a call is repeated; by default as the client has it.
            headers: Further headers for every call.
            idempotency: `server` repeats a POST too: this emulator knows an `Idempotency-Key`.

        Returns:
            A client; it holds nothing that has to be closed.

        Example:
            >>> Emulator().client().health.check().healthy
            True
        """
        from fibonacci import Fibonacci
        from fibonacci.emulator.serving.in_process import http_client

        options = self._options(api_key, timeout, max_retries, headers, idempotency)
        return Fibonacci(**options, http_client=http_client(self._app))

    def async_client(
        self,
        *,
        api_key: str | None = None,
        timeout: float | EllipsisType | None = ...,
        max_retries: int | EllipsisType = ...,
        headers: Mapping[str, str] | None = None,
        idempotency: Literal["server"] | None = None,
    ) -> AsyncFibonacci:
        """Return an async client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            timeout: Seconds for a whole call, `None` for no limit; by default as the client has it.
            max_retries: How often a call is repeated; by default as the client has it.
            headers: Further headers for every call.
            idempotency: `server` repeats a POST too: this emulator knows an `Idempotency-Key`.

        Returns:
            A client; it holds nothing that has to be closed.
        """
        from fibonacci import AsyncFibonacci
        from fibonacci.emulator.serving.in_process import async_http_client

        options = self._options(api_key, timeout, max_retries, headers, idempotency)
        return AsyncFibonacci(**options, http_client=async_http_client(self._app))

    def _options(
        self,
        api_key: str | None,
        timeout: float | EllipsisType | None,
        max_retries: int | EllipsisType,
        headers: Mapping[str, str] | None,
        idempotency: Literal["server"] | None,
    ) -> dict[str, Any]:
        options: dict[str, Any] = {
            "api_key": self.api_key if api_key is None else api_key,
            "base_url": _IN_PROCESS_URL,
            "headers": headers,
            "idempotency": idempotency,
        }
        if timeout is not ...:
            options["timeout"] = timeout
        if max_retries is not ...:
            options["max_retries"] = max_retries
        return options

    def __enter__(self) -> Self:
        self.start()
        self._entered += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._entered -= 1
        if self._entered == 0:  # an inner `with` on the same emulator leaves it open for the outer one
            self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        where = "in process" if self._server is None else self.base_url
        return f"<Emulator {where}>"

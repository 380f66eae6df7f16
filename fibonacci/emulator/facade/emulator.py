"""The class `Emulator`: its address, its key, and its parts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fibonacci.emulator.account.account import Account
from fibonacci.emulator.account.rate_limits import Rate
from fibonacci.emulator.app.app import App
from fibonacci.emulator.app.hosts import Hosts, is_loopback
from fibonacci.emulator.app.origins import Origins
from fibonacci.emulator.app.retention import check_keep
from fibonacci.emulator.engine.emulator_warnings import WarningLog
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.stored_secrets import StoredSecrets
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.facade.clients import InProcessClients
from fibonacci.emulator.facade.controls import Controls
from fibonacci.emulator.facade.handler_decorators import HandlerDecorators
from fibonacci.emulator.facade.preservation import Preservation
from fibonacci.emulator.facade.scripts_and_cassettes import ScriptsAndCassettes, given_scripts
from fibonacci.emulator.option_values import KEPT, SAFE_LENGTH, PlanName, TimeMode
from fibonacci.emulator.page.mount import WithPage
from fibonacci.emulator.policy.organizations import is_organization_id
from fibonacci.emulator.serving.server import SocketServer
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import EmulatorClock, VirtualClock
from fibonacci.emulator.state.sqlite import SqliteStore
from fibonacci.emulator.state.store import Store


class Emulator(InProcessClients, Controls, HandlerDecorators, ScriptsAndCassettes, Preservation):
    """The platform on this machine: every endpoint, with state, in memory or in a file.

    It listens on a socket as a context manager, and is reached in process through `client()` and `async_client()`. Both
    ways share the state. Any number of emulators may exist at a time; they share nothing. While it listens, its page
    for a browser is at the address of `base_url` without `/v1`.

    Attributes:
        api_key: The owner's key.
        organization_id: The id of the organization that all workflows belong to.
        clock: The emulator's time, which can be moved: `emulator.clock.advance(3600)` by an hour.
        env: The values of `{{env.NAME}}` in workflows, by name: `emulator.env["TEAM"] = "Tides"`.
        secrets: The values of `{{secrets.NAME}}` in workflows, by name; its repr does not show them.
        models: The names of the known models, in any order; a workflow that names another is a warning. Names can be
            added.

    Example:
        >>> with Emulator() as emulator:
        ...     emulator.base_url.endswith("/v1")
        True
    """

    def __init__(
        self,
        *,
        db: str | Path | None = None,
        time: TimeMode = "real",
        plan: PlanName = "enterprise",
        api_key: str | None = None,
        organization_id: str = "default",
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: tuple[int, float] | None = None,
        keep: int | None = KEPT,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        strict: bool = False,
        allowed_hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        scripts: str | Path | Mapping[str, Any] | None = None,
        seed: str | Path | None = None,
    ) -> None:
        """Prepare an emulator; it does not listen yet.

        Args:
            db: A file that keeps the state, created if it does not exist; several processes may share it. Default: the
                state is in memory.
            time: `real` is the machine's time; `skip` also skips the waits of executions, which have ended when the
                response is sent; `manual` moves only with `clock.advance`.
            plan: `free`, `pro` or `enterprise`: rate limits and quotas.
            api_key: The owner's key; a new one by default. `key` returns those of the other roles. It has 20 characters
                or more if other machines can reach the host.
            organization_id: The id of the organization that all workflows belong to: its settings, quota and tool
                policies apply to runs. Those of other organizations can be set, and apply to no run.
            host: The address to listen on.
            port: The port; 0 takes a free one.
            rate_limit: The number of requests in a window and its seconds, in place of the plan's requests per minute.
            keep: How many executions that have ended are kept. Default: 10,000. The oldest are dropped first, with
                their traces. `None` keeps all. Running ones, and those that wait for approval, are always kept.
            env: The values of `{{env.NAME}}` in workflows, by name; none by default.
            secrets: The values of `{{secrets.NAME}}` in workflows, by name; none by default.
            strict: Whether to refuse what is unknown, not supported or without effect, in place of a warning in
                `warnings`. Of a definition that is what `check_definition` reports, but for what may happen in a run.
            allowed_hosts: Names and addresses that requests may have in `Host`, beside those of loopback and `host`,
                such as the name of a container. Others are refused with a 403.
            origins: Origins whose pages may call it from a browser, such as `http://localhost:5173`.
            scripts: Scripts as with `script`: a mapping of answers by name, or a file of JSON or YAML with one.
            seed: A folder with definitions, settings and memory to begin with. What the state has already, by name, is
                left as it is.

        Raises:
            InputFileError: If a file of scripts or of the seed is faulty; the message names file and place.
            ImportError: If such a file is YAML and PyYAML is not installed.
            ValueError: If the plan or the time is unknown, the organization's id or a script is not valid, the rate
                limit or `keep` is not positive, the key is too short for the host, a name in `allowed_hosts` or in
                `origins` is malformed, or a name in `env` or `secrets` cannot stand in a template.
            TypeError: If `allowed_hosts` or `origins` is one text, or a value of `env` or `secrets` is no text.
            StateError: If the file is not an emulator's, cannot be opened, or was written by a newer version.
        """
        account = Account(plan, None if rate_limit is None else Rate(*rate_limit))
        check_keep(keep)
        given = [] if scripts is None else given_scripts(scripts)
        self.api_key: str = api_key or ids.api_key()
        _check_key(host, self.api_key)
        allowed = Origins(Hosts(host, allowed_hosts), origins)
        self.env: MutableMapping[str, str] = (variables := Variables("env", env or {}))
        self.secrets: MutableMapping[str, str] = (kept_secrets := Secrets("secrets", secrets or {}))
        if not is_organization_id(organization_id):
            raise ValueError(f"organization_id is 1 to 64 letters, digits, '_' and '-', not {organization_id!r}")
        clock = VirtualClock(time)
        self.clock: EmulatorClock = clock
        store = Store() if db is None else SqliteStore(db)
        stored_secrets = StoredSecrets(kept_secrets)
        store.hide, store.put_back = stored_secrets.hide, stored_secrets.put_back
        self.organization_id: str = organization_id
        self._address = (host, port)
        self._handlers = UserHandlers()
        environment = Environment(store, variables, kept_secrets, self._handlers, warnings=WarningLog(strict=strict))
        environment.scripts.add(given)
        self._environment = environment
        self.models: list[str] = environment.models
        scheduler = Scheduler(environment, clock)
        scheduler.resume()
        self._app: App = App(
            account=account,
            api_key=self.api_key,
            scheduler=scheduler,
            store=store,
            clock=clock,
            organization=organization_id,
            keep=keep,
            origins=allowed,
        )
        self._server: SocketServer | None = None
        self._entered = 0
        self._lock = threading.Lock()
        if seed is not None:
            self._apply_seed(seed)

    def _apply_seed(self, folder: str | Path) -> None:
        from fibonacci.emulator.seeding.seed import apply_seed  # most emulators have none

        try:
            apply_seed(self._app, folder, self.organization_id, self.clock.now())
        except BaseException:
            self._app.store.close()
            raise

    @property
    def base_url(self) -> str:
        """The base URL for clients, ending in `/v1`.

        Raises:
            RuntimeError: If the emulator does not listen.
        """
        server = self._server
        if server is None:
            raise RuntimeError("the emulator does not listen: use `with Emulator()` or start(), or client() in process")
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{server.port}/v1"

    def start(self) -> Self:
        """Listen, if it does not yet.

        Returns:
            The emulator itself.

        Raises:
            OSError: If the address cannot be used.
        """
        with self._lock:
            self._app.store.open()
            if self._server is None:
                self._server = SocketServer(WithPage(self._app), *self._address)
        return self

    def close(self) -> None:
        """Stop listening and close all connections; a second call does nothing.

        The state stays, and `start` may follow. A file that keeps the state is closed: nothing opens or writes it
        before `start`, not even a function of yours that still runs.
        """
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()
        self._app.store.close()

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


def _check_key(host: str, api_key: str) -> None:
    """Refuse a key that can be guessed, if others than this machine can try."""
    if not is_loopback(host) and len(api_key) < SAFE_LENGTH:
        raise ValueError(
            f"host {host!r} can be reached by other machines: api_key has {SAFE_LENGTH} characters or more there, not "
            f"{len(api_key)}; without api_key, a new one is made"
        )


def app_of(emulator: Emulator) -> App:
    """Return the application of an emulator: servers and transports call it, and it calls observers."""
    app: App = vars(emulator)["_app"]
    return app

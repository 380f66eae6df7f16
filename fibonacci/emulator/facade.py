"""The class `Emulator`, which is the public API of the emulator: its address, its key, its clients, and its parts.

The top wing. It imports all others, but the client only when you ask for one: the emulator depends on none of its code.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from fibonacci._texts.suggestions import Hinted
from fibonacci.emulator.account import Account, KeyRole, Rate
from fibonacci.emulator.app import App, new_app
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.hidden_secrets import StoredSecrets
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.engine.scripts import QueuedScript, Script, ScriptError, Scripts, new_script, scripts_of
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall, UserHandlers
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.faults import FailureKind, FailureSpec, InjectedFailure, InjectedFailures
from fibonacci.emulator.http.messages import HTTPException
from fibonacci.emulator.input_files import InputFile
from fibonacci.emulator.option_values import KEPT, LAST_PORT, SAFE_LENGTH, PlanName, TimeMode
from fibonacci.emulator.origins import Hosts, Origins, is_loopback
from fibonacci.emulator.policy.approvals import decide
from fibonacci.emulator.policy.organizations import is_organization_id
from fibonacci.emulator.request_log import Requests
from fibonacci.emulator.serving.server import SocketServer
from fibonacci.emulator.state.clock import EmulatorClock, VirtualClock
from fibonacci.emulator.state.store import Store
from fibonacci.models import Execution

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.definitions import WorkflowBuilder
    from fibonacci.emulator.app import Site
    from fibonacci.emulator.engine.cassettes import Cassette, CassetteMode
    from fibonacci.emulator.seeding import SeedSource


_IN_PROCESS_URL: Final = "http://127.0.0.1"


def client_variables(emulator: Emulator) -> dict[str, str]:
    """Return the environment variables that point clients to a running emulator.

    `FIBONACCI_API_VERSION` says which API the clients speak, and so which base URL they need.

    Args:
        emulator: The emulator.
    """
    variables = {"FIBONACCI_BASE_URL": reachable_url(emulator), "FIBONACCI_API_KEY": emulator.api_key}
    if os.environ.get("FIBONACCI_API_VERSION") == "0.2":
        root = variables["FIBONACCI_BASE_URL"].removesuffix("/v1")
        variables |= {"FIBONACCI_API_VERSION": "0.2", "FIBONACCI_BASE_URL": root}
    return variables


def reachable_url(emulator: Emulator) -> str:
    """Return the base URL of a running emulator as a client on this machine reaches it."""
    return emulator.base_url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


ResultT = TypeVar("ResultT")


def given_scripts(given: str | Path | Mapping[str, Any]) -> list[QueuedScript]:
    """Return the scripts in a file or a mapping.

    Raises:
        InputFileError: If the file has a problem.
        ValueError: If the mapping has one.
        ImportError: If the file is YAML and PyYAML isn't installed.
    """
    if isinstance(given, Mapping):
        return scripts_of(given)
    file = InputFile(given)
    try:
        return scripts_of(file.content)
    except ScriptError as error:
        raise file.error(error.place, error.message) from None


class Emulator(Hinted):
    """An emulator of the platform on this machine: every endpoint, with state, in memory or in a file.

    Use it as a context manager to listen on a socket, or call `client()` or `async_client()` to reach it in process.
    Both ways share the state. You can have any number of emulators at a time, and they share nothing. While an emulator
    listens, it serves a web page at `base_url` without `/v1`.

    `llm`, `critic` and `tool` are decorators that register your functions as handlers. A handler takes the call of its
    node and returns the node's output, which can be any JSON, or a Pydantic model. If a handler raises, its node fails
    with the text of the exception. Each call runs in its own thread, and an async handler in its own event loop.
    Parallel nodes therefore run in parallel, and a slow handler delays only its own execution, which is `running` until
    then. A handler stays until you replace it.

    Attributes:
        api_key: The owner's API key.
        organization_id: The ID of the organization that all workflows belong to.
        clock: The emulator's time, which you can move. For example, `emulator.clock.advance(3600)` moves it by an hour.
        env: The values of `{{env.NAME}}` in workflows, by name. For example, `emulator.env["TEAM"] = "Tides"`.
        secrets: The values of `{{secrets.NAME}}` in workflows, by name. Its repr doesn't show them.
        models: The names of the models that workflows may use without a warning, in any order. You can add names.
        allow_unused: Whether the end of a `with` block doesn't check what never acted (see `check_unused`).

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
        allow_unused: bool = False,
        seed: (
            str
            | os.PathLike[str]
            | WorkflowBuilder
            | Mapping[str, Any]
            | BaseModel
            | Sequence[WorkflowBuilder | Mapping[str, Any] | BaseModel]
            | None
        ) = None,
    ) -> None:
        """Create an emulator, which doesn't listen yet.

        Args:
            db: A file that keeps the state, created if it doesn't exist. Several processes can share it. Default: the
                state is in memory.
            time: How time passes. `real` is the machine's time. `skip` also skips the waits of executions, so they have
                ended when the response is sent. It counts toward the `timeout` of `workflows.run` of its in-process
                clients. `manual` moves only with `clock.advance`.
            plan: `free`, `pro` or `enterprise`, which sets rate limits and quotas.
            api_key: The owner's key. Default: a new one. It needs at least 20 characters if other machines can reach
                the host. `key` returns keys for the other roles.
            organization_id: The ID of the organization that all workflows belong to. Its settings, quota and tool
                policies apply to runs. You can also set them for other organizations, but those apply to no run.
            host: The address to listen on.
            port: The port. With 0, the system picks a free one.
            rate_limit: The number of requests in a window and the length of the window in seconds. Default: the plan's
                requests per minute.
            keep: How many finished executions to keep. Default: 10,000. The oldest are dropped first, with their
                traces. `None` keeps all. Executions that are running or waiting for approval are always kept.
            env: The values of `{{env.NAME}}` in workflows, by name. Default: none.
            secrets: The values of `{{secrets.NAME}}` in workflows, by name. Default: none. They never appear in traces,
                on the page, in files or in cassettes. A secret with fewer than four characters isn't redacted, and the
                emulator warns about it.
            strict: Whether to refuse what is unknown, not supported or without effect, instead of adding a warning to
                `warnings`. A definition is refused for whatever `check_definition` reports, except for what may go
                wrong only during a run.
            allowed_hosts: Names and addresses that requests may have in `Host`, in addition to `host` and those of
                loopback. For example, the name of a container. Requests with other hosts get a 403.
            origins: The origins of web pages that may call the emulator from a browser, such as
                `http://localhost:5173`.
            scripts: Scripts as with `script`: a mapping of answers by name, or a JSON or YAML file with one.
            allow_unused: Whether scripts, failures and cassettes may remain unused. Otherwise the end of a `with` block
                and of a test that uses the pytest fixtures is an error (see `check_unused`).
            seed: What to start with: a folder with definitions, settings and memory, or a definition (a
                `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON), or a list of them. If something with the same
                name is already in the state, it stays as it is.

        Raises:
            InputFileError: If a file of scripts or the seed has a problem. The message names the file and the place.
            DefinitionError: If the definition of a builder in `seed` has an error.
            ImportError: If such a file is YAML and PyYAML isn't installed.
            ValueError: If the plan or the time is unknown, the organization's ID, the port or a script isn't valid,
                the rate limit or `keep` isn't positive, the key has spaces or is too short for the host, a name in
                `allowed_hosts` or `origins` is malformed, a name in `env` or `secrets` can't be used in a template, or
                one of their values isn't valid Unicode. Also if a definition in `seed` has no name.
            TypeError: If `allowed_hosts` or `origins` is a single text, or a value in `env` or `secrets` isn't a text.
            StateError: If the file isn't an emulator's, can't be opened, or was written by a newer version.
        """
        account = Account(plan, None if rate_limit is None else Rate(*rate_limit), keep)
        if not 0 <= port <= LAST_PORT:
            raise ValueError(f"port must be a number from 0 to {LAST_PORT}, not {port!r}")
        given = [] if scripts is None else given_scripts(scripts)
        self.api_key: str = api_key or f"fib-emulator-{os.urandom(16).hex()}"
        _check_key(host, self.api_key)
        allowed = Origins(Hosts(host, allowed_hosts), origins)
        self.env: MutableMapping[str, str] = (variables := Variables("env", env or {}))
        warnings = WarningLog(strict=strict)
        self.secrets: MutableMapping[str, str] = (kept_secrets := Secrets("secrets", secrets or {}, warnings))
        if not is_organization_id(organization_id):
            raise ValueError(f"organization_id must be 1 to 64 letters, digits, '_' and '-', not {organization_id!r}")
        clock = VirtualClock(time)
        self.clock: EmulatorClock = clock
        stored_secrets = StoredSecrets(kept_secrets)
        store = Store(db, hide=stored_secrets.hide, put_back=stored_secrets.put_back)
        self.organization_id: str = organization_id
        self.allow_unused: bool = allow_unused
        self._address = (host, port)
        self._handlers = UserHandlers()
        environment = Environment(
            store, variables, kept_secrets, self._handlers, warnings=warnings, organization=organization_id
        )
        environment.scripts.add(given)
        self.models: list[str] = environment.models
        self._app: App = new_app(self.api_key, account, clock, environment, allowed, _open_site)
        self._app.scheduler.resume()
        self._server: SocketServer | None = None
        self._entered = 0
        self._lock = threading.Lock()
        if seed is not None:
            self._apply_seed(seed)

    def _apply_seed(self, seed: SeedSource) -> None:
        from fibonacci.emulator.seeding import apply_seed  # most emulators have none

        try:
            apply_seed(self._app, seed, self.organization_id, self.clock.now())
        except BaseException:
            self._app.store.close()
            raise

    @property
    def base_url(self) -> str:
        """The base URL for clients, ending in `/v1`.

        Raises:
            RuntimeError: If the emulator isn't listening.
        """
        server = self._server
        if server is None:
            raise RuntimeError(
                "the emulator is not listening: use `with Emulator()` or start(), or an in-process client()"
            )
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{server.port}/v1"

    def start(self) -> Self:
        """Start listening, unless it already does.

        Returns:
            The emulator itself.

        Raises:
            OSError: If the address can't be used.
        """
        with self._lock:
            self._app.store.open()
            if self._server is None:
                self._server = SocketServer(self._app, *self._address)
        return self

    def close(self) -> None:
        """Stop listening and close all connections, unless that has already happened.

        The state stays, and you can call `start` again. If a file keeps the state, it is closed. Until the next
        `start`, nothing opens or writes it, not even a handler of yours that is still running.
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
        if self._entered > 0:  # an inner `with` on the same emulator leaves it open for the outer one
            return
        __tracebackhide__ = True
        try:
            if error is None and not self.allow_unused:
                self.check_unused()
        finally:
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

    def client(self, *, api_key: str | None = None, **options: Any) -> Fibonacci:
        """Return a client that reaches this emulator in process, without a socket.

        Args:
            api_key: The key to use instead of the owner's. For example,
                `emulator.client(api_key=emulator.key("viewer"))` gets the permissions of a viewer.
            **options: Other options of `Fibonacci`, such as `timeout`. With `api_version="0.2"`, the client uses the
                API of fibonacci-sdk 0.2.4.

        Returns:
            A client. You don't need to close it.

        Raises:
            TypeError: If an option is unknown, or says where or how to send requests: the emulator sets those itself.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator().client().health.check().healthy
            True
        """
        from time import sleep

        from fibonacci import Fibonacci
        from fibonacci.emulator.serving.in_process import InProcessTransport

        given = self._client_options(api_key, options, sleep)
        return Fibonacci(transport=InProcessTransport(self._app), **given)

    def async_client(self, *, api_key: str | None = None, **options: Any) -> AsyncFibonacci:
        """Return an async client that reaches this emulator in process, without a socket.

        Args:
            api_key: The key to use instead of the owner's. For example,
                `emulator.client(api_key=emulator.key("viewer"))` gets the permissions of a viewer.
            **options: Other options of `AsyncFibonacci`, such as `timeout` and `max_retries`.

        Returns:
            A client that works in any event loop. You don't need to close it.

        Raises:
            TypeError: If an option is unknown, or says where or how to send requests: the emulator sets those itself.
        """
        from anyio import sleep

        from fibonacci import AsyncFibonacci
        from fibonacci.emulator.serving.in_process import AsyncInProcessTransport

        given = self._client_options(api_key, options, sleep)
        return AsyncFibonacci(transport=AsyncInProcessTransport(self._app), **given)

    def _client_options(
        self, api_key: str | None, options: dict[str, Any], sleep: Callable[[float], Any]
    ) -> dict[str, Any]:
        """Return the options of an in-process client, with those that the emulator sets."""
        from fibonacci.emulator.serving.in_process import SkippingClock

        for name in ("base_url", "transport", "http_client"):
            if name in options:
                raise TypeError(
                    f"{name}: an in-process client sets this itself. For a different one, create a Fibonacci(...) "
                    "yourself"
                )
        if self.clock.mode == "skip" and "rate_limiter" not in options:  # one that is shared has its own clock
            options.setdefault("clock", SkippingClock(self._app.clock, sleep))
        url = _IN_PROCESS_URL if options.get("api_version") == "0.2" else f"{_IN_PROCESS_URL}/v1"
        return {
            "api_version": "v1",
            **options,
            "base_url": url,
            "api_key": self.api_key if api_key is None else api_key,
        }

    def llm(self, handler: Callable[[LLMCall], ResultT]) -> Callable[[LLMCall], ResultT]:
        """Register a function that answers in place of every language model.

        Args:
            handler: The function. It takes an `LLMCall`, and what it returns becomes the output of the node.

        Returns:
            The function itself.

        Example:
            >>> from fibonacci.emulator import Emulator, LLMCall
            >>> emulator = Emulator()
            >>> @emulator.llm
            ... def reply(call: LLMCall) -> str:
            ...     return call.instruction.upper()
            >>> nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
            >>> client = emulator.client()
            >>> workflow = client.workflows.create(name="greeting", definition={"nodes": nodes})
            >>> client.workflows.run(workflow.id, inputs={"name": "Ada"}).outputs
            {'greet': 'GREET ADA'}
        """
        self._handlers.llm = handler
        return handler

    def critic(self, handler: Callable[[CriticCall], ResultT]) -> Callable[[CriticCall], ResultT]:
        """Register a function that answers in place of every critic.

        Args:
            handler: The function. It takes a `CriticCall`, and returns a score from 0 to 10 or an object with
                `overall_score` or `criteria_scores`. The node passes if the score reaches its `min_score`.

        Returns:
            The function itself.
        """
        self._handlers.critic = handler
        return handler

    def tool(self, tool_name: str) -> Callable[[Callable[[ToolCall], ResultT]], Callable[[ToolCall], ResultT]]:
        """Register a function that answers in place of one tool.

        Args:
            tool_name: The name of the tool. `slack_send_message` and `slack.send_message` are the same tool. A name
                that isn't in the catalog yet is added to it.

        Returns:
            A decorator for a function that takes a `ToolCall`. The decorator returns the function itself.

        Raises:
            TypeError: If the name is missing, as in `@emulator.tool` without parentheses.

        Example:
            >>> from fibonacci.emulator import Emulator, ToolCall
            >>> emulator = Emulator()
            >>> @emulator.tool("slack_send_message")
            ... async def send(call: ToolCall) -> dict[str, object]:
            ...     return {"sent_to": call.params["channel"]}
        """
        if callable(tool_name):  # a decorator without its name would register nothing
            raise TypeError('tool needs the name of the tool: write @emulator.tool("slack_send_message")')

        def register(handler: Callable[[ToolCall], ResultT]) -> Callable[[ToolCall], ResultT]:
            self._handlers.set_tool(tool_name, handler)
            return handler

        return register

    def script(self, name: str, answers: Sequence[Any], *, repeat: bool = False) -> Script:
        """Give a node a sequence of answers, instead of calling its handler or using its default.

        Each attempt of the node, including a retry, takes the next answer. If several nodes use the script, they take
        answers in the order in which they start. When no answer is left, the node fails. A script for the node's ID is
        used before one for its tool or its model.

        An answer is treated like that of a handler: it is parsed if the node asks for JSON, and for a critic it is a
        score or an object.

        Args:
            name: The ID of a node, the name of a tool (`slack_send_message` or `slack.send_message`), or the name of a
                model.
            answers: The answers, each any JSON or a `NodeFailure`. If the name already has a script, these follow its
                answers.
            repeat: Whether to start over after the last answer.

        Returns:
            The script. Its `taken` and `remaining` count answers.

        Raises:
            ValueError: If the name or an answer isn't valid (for example, because it isn't valid Unicode), or the name
                already has a script that repeats.

        Example:
            >>> from fibonacci.emulator import Emulator, NodeFailure
            >>> emulator = Emulator(time="skip")
            >>> script = emulator.script("classify", [NodeFailure(kind="timeout"), "high"])
            >>> node = {"id": "classify", "type": "llm", "instruction": "How urgent?", "timeout": 5}
            >>> node["enable_retry"] = True
            >>> client = emulator.client()
            >>> workflow = client.workflows.create(name="Triage", definition={"nodes": [node]})
            >>> client.workflows.run(workflow.id).outputs
            {'classify': 'high'}
            >>> script.taken, script.remaining
            (2, 0)
        """
        script = new_script(name, answers, repeat=repeat)
        self._app.environment.scripts.add([script])
        return script

    @property
    def scripts(self) -> Scripts:
        """All scripts. `unused` has those with answers left, and `clear()` removes all."""
        return self._app.environment.scripts

    def record(self, path: str | os.PathLike[str]) -> Cassette:
        """Record the calls of handlers in a file, and replay those that are in it already.

        Use the result as a context manager, or leave it in use until another cassette replaces it. To record everything
        again, delete the file. If a handler has changed since its answers were recorded, a warning says so.

        The file never contains the values of the emulator's secrets. It has placeholders, which a replay fills with the
        secrets of the replaying emulator. Those secrets can be dummies.

        Args:
            path: The cassette, a JSON file. Its folder must exist.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If the file isn't a cassette, or is from a newer version.
        """
        return self._use_cassette(path, "record")

    def replay(self, path: str | os.PathLike[str]) -> Cassette:
        """Answer the calls of handlers from a file.

        No handler is called, so you don't have to register any. If a call isn't in the file, its node fails, and the
        error names the most similar recorded call and the difference. Of equal calls, an execution gets the answers
        that one recorded execution with the same inputs got, whichever asks first.

        Args:
            path: A cassette that `record` wrote.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If the file doesn't exist, isn't a cassette, or is from a newer version.
        """
        return self._use_cassette(path, "replay")

    def _use_cassette(self, path: str | os.PathLike[str], mode: CassetteMode) -> Cassette:
        from fibonacci.emulator.engine.cassettes import CallCassette  # most emulators use none

        environment = self._app.environment
        cassette = CallCassette(path, mode, environment)
        environment.handlers.use(cassette)
        return cassette

    def key(self, role: KeyRole = "member", *, name: str | None = None) -> str:
        """Return an API key with the permissions of a role.

        A `viewer` can only read. The other roles can also:

        - `member`: change workflows, memory and connections, and run workflows
        - `admin`: do all of that, read a single version, roll back, and change the registry and tool policies
        - `owner`: do all of that, and change governance and quotas

        A call that the role doesn't allow gets a 403 with the code `permission_denied`.

        Args:
            role: `owner`, `admin`, `member` or `viewer`.
            name: The name that the audit log shows for this key. Default: the role.

        Returns:
            The key. It is derived from the owner's key and is therefore the same in every process, but the owner's key
            can't be read from it.

        Raises:
            ValueError: If the role doesn't exist, or the name can't be part of a key.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator(api_key="fib-local").key("viewer")
            'fib-viewer-...'
        """
        return self._app.keys.of(role, name)

    def approve(self, execution_id: str, *, by: str) -> Execution:
        """Approve a run that is `pending_approval`, which starts it if no further approval is required.

        Args:
            execution_id: The ID of the run.
            by: Who approves: the role `admin` or `owner`, or the name of a person with such a role (see `key`). The
                governance settings `approval_threshold` and `allow_self_approval` of the emulator's organization decide
                how many people must approve, and whether the requester can be one of them. The requester is identified
                by the name of the key that started the run, or by the key's role if the key has no name.

        Returns:
            The execution. It has started, waits for more approvals, or is `pending` because too many executions are
            running.

        Raises:
            ValueError: If the run isn't waiting for approval, or this person may not approve it or has already done so.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> client = emulator.client()
            >>> settings = client.organizations.governance.update("default", require_approval_for_external_comm=True)
            >>> mail = {"to": "team@example.org", "subject": "News", "body": "High tide at noon"}
            >>> node = {"id": "tell", "type": "tool", "tool": "email_send", "params": mail}
            >>> workflow = client.workflows.create(name="Mail", definition={"nodes": [node]})
            >>> client.workflows.execute(workflow.id).status
            'pending_approval'
            >>> execution = client.executions.list(status="pending_approval").first()
            >>> emulator.approve(execution.id, by="admin").status
            'completed'
        """
        return self._decide(execution_id, by, approve=True)

    def reject(self, execution_id: str, *, by: str) -> Execution:
        """Reject a run that is `pending_approval`, which makes it `cancelled`.

        Args:
            execution_id: The ID of the run.
            by: Who rejects it, as with `approve`. One person is enough, and it may be the requester.

        Returns:
            The execution, with the status `cancelled`.

        Raises:
            ValueError: If the run isn't waiting for approval, or this person may not decide about it.
        """
        return self._decide(execution_id, by, approve=False)

    def _decide(self, execution_id: str, by: str, *, approve: bool) -> Execution:
        try:
            with self._app.store.transaction():
                stored = decide(self._app, execution_id, by, approve=approve)
        except HTTPException as error:
            raise ValueError(error.message) from None
        view = view_of(*self._app.scheduler.wait_for(stored, self._app.clock.now()))
        return Execution.model_validate(deepcopy(view))

    @property
    def warnings(self) -> list[EmulatorWarning]:
        """The warnings about workflows and requests, such as an unknown tool. Each is listed once, oldest first.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> node = {"id": "find", "type": "tool", "tool": "serch"}
            >>> workflow = emulator.client().workflows.create(name="Search", definition={"nodes": [node]})
            >>> execution = emulator.client().workflows.execute(workflow.id)
            >>> [warning.code for warning in emulator.warnings]
            ['unknown_tool']
        """
        return self._app.environment.warnings.all()

    @property
    def requests(self) -> Requests:
        """The requests that the emulator received, including those it refused."""
        return Requests(self._app.log)

    def check_unused(self) -> None:
        """Fail if something that was prepared never acted, so that no test passes without what it says it tests.

        That is a script whose node didn't run or whose answers weren't all used, an injected failure that wasn't
        delivered as often as it should, a cassette of which no call was replayed or recorded, and a function for a
        tool that no workflow has and whose name looks misspelled. Unless the emulator has `allow_unused=True`, you
        don't need to call it: a test that uses the fixtures of the pytest plugin does, and so does a `with` block of
        the emulator or of `preserve_state`, if it ends without an error.

        Raises:
            AssertionError: If there is any. It names each, and the nearest name that exists. If one of your functions
                has raised an `AssertionError`, it is that one, with its traceback.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> script = emulator.script("clasify", ["high"])
            >>> node = {"id": "classify", "type": "llm", "instruction": "How urgent?"}
            >>> workflow = emulator.client().workflows.create(name="Triage", definition={"nodes": [node]})
            >>> execution = emulator.client().workflows.run(workflow.id)
            >>> try:
            ...     emulator.check_unused()
            ... except AssertionError as error:
            ...     print(str(error).splitlines()[-1])
            - the script for 'clasify' was not used: ... Did you mean 'classify'?
        """
        __tracebackhide__ = True  # so that pytest shows only the message
        self._app.check_unused()

    def fail(
        self,
        route: str = "*",
        kind: FailureKind = "status",
        *,
        status: int | None = None,
        times: int | None = 1,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | str | None = None,
        seconds: float | None = None,
    ) -> InjectedFailure:
        """Inject a failure into the next requests to a route.

        On a socket, the failure happens to the connection itself. In process, the transport raises the error that the
        failure would cause on a socket. A timeout ends the call at once, without waiting. If several failures match a
        request, the oldest is used first. A request that fails doesn't count toward rate limits, unless the emulator
        carries it out first.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute`. Either can be `*`, and `*` alone matches
                all requests.
            kind: What goes wrong. With `status`, `rate_limit`, `html`, `reset` and `stall`, the request isn't carried
                out. With `no_reply`, `cut`, `drip` and `delay`, it is. `FailureKind` describes each.
            status: The HTTP status code of the response. Default: 500 for `status`, 429 for `rate_limit`, 200 for
                `html`.
            times: How many requests fail. `None` makes all of them fail until `failures.clear()`.
            body: The body of the response with `status`, `rate_limit` or `html`: bytes, a text, or anything else as
                JSON. Default: the documented error, or a web page for `html`.
            headers: Additional headers of that response, by name.
            retry_after: The `Retry-After` header: a number of seconds, or a text that is sent as it is. Default: 1
                second for `rate_limit`, none for the others.
            seconds: How long `drip` waits before each byte (default 0.05) or `delay` before the response (default 1),
                in real seconds.

        Returns:
            The failure. Its `delivered` counts how often it has happened.

        Raises:
            ValueError: If no endpoint matches the route, or the arguments don't fit the kind or each other.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> failure = emulator.fail("PUT /memory/{key}", "no_reply")
            >>> emulator.client().memory.set("color", "blue").response.attempts
            2
            >>> failure.delivered
            1
        """
        return self._app.faults.inject(
            FailureSpec(
                route=route,
                kind=kind,
                times=times,
                status=status,
                body=body,
                headers=headers,
                retry_after=retry_after,
                seconds=seconds,
            )
        )

    def chaos(
        self, *, random_seed: int = 0, rate: float = 0.05, route: str = "*", kinds: Sequence[FailureKind] = ()
    ) -> list[InjectedFailure]:
        """Make requests fail at random, but reproducibly: the same requests in the same order fail in the same way.

        Args:
            random_seed: A whole number. Each number gives a different sequence of failures.
            rate: The share of requests that fail, from 0 to 1. With 0, the chaos stops.
            route: The requests that can fail, as with `fail`.
            kinds: The kinds of failure, each equally likely. Default: a 503, `reset`, `no_reply` and `cut`.

        Returns:
            One failure for each kind, in the order of `kinds`. `failures.delivered` has their total.

        Raises:
            ValueError: If the rate or a kind isn't valid, or no endpoint matches the route.
        """
        return list(self._app.faults.chaos(random_seed, rate, route, kinds))

    @property
    def failures(self) -> InjectedFailures:
        """The injected failures with their counts. `clear()` removes them."""
        return InjectedFailures(self._app.faults)

    @property
    def plan(self) -> PlanName:
        """The plan, which sets rate limits and quotas. Changing it starts a new window of the rate limit.

        Raises:
            ValueError: If you set it to an unknown plan.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> emulator.plan = "free"
            >>> emulator.rate_limit
            (60, 60.0)
        """
        return self._app.account.plan

    @plan.setter
    def plan(self, plan: PlanName) -> None:
        self._app.account.set_limits(plan, self._app.account.own_rate)

    @property
    def rate_limit(self) -> tuple[int, float]:
        """The number of requests in a window and the length of the window in seconds, in this order.

        Setting it starts a new window. `None` restores the plan's rate limit.

        Raises:
            ValueError: If you set a number that isn't positive.
        """
        rate = self._app.account.rate
        return rate.limit, rate.seconds

    @rate_limit.setter
    def rate_limit(self, rate_limit: tuple[int, float] | None) -> None:
        account = self._app.account
        account.set_limits(account.plan, None if rate_limit is None else Rate(*rate_limit))

    @property
    def keep(self) -> int | None:
        """How many finished executions the emulator keeps, or `None` for all.

        A new value applies at the next change of the state.

        Raises:
            ValueError: If you set it to less than 1.
        """
        return self._app.account.keep

    @keep.setter
    def keep(self, keep: int | None) -> None:
        self._app.account.set_keep(keep)

    def snapshot(self) -> bytes:
        """Return the complete state: everything but the time, the keys, the rate limits, the handlers and the scripts.

        Where a run has put a value of `secrets` into the state, the snapshot has a placeholder such as
        `<secret:TOKEN=...>`. When an emulator with the same secret restores the snapshot, it puts the value back.

        Returns:
            A snapshot for `restore`. It works with this emulator or another, in memory or in a file.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> before = emulator.snapshot()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> emulator.restore(before)
            >>> list(emulator.client().workflows.list())
            []
        """
        return self._app.store.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Replace the state with that of a snapshot.

        The time doesn't go back, and the windows of the rate limits start over.

        Args:
            snapshot: What `snapshot` returned.

        Raises:
            StateError: If it isn't a snapshot, was changed since it was taken, is from another version, or can't be
                stored. The state is then unchanged.
        """
        self._app.restore(snapshot)

    def reset(self) -> None:
        """Delete everything: workflows, executions, memory, recorded requests, injected failures, scripts, warnings.

        The time, the keys, the handlers and a cassette in use stay.
        """
        self._app.reset()

    @contextmanager
    def preserve_state(self) -> Generator[None]:
        """Undo, at the end of a `with` block, what it has changed: state, settings, handlers, scripts and cassette.

        Use it when several tests share one emulator: each test finds what was there before, and what it creates is gone
        afterward. It copies the state, which takes longer if the state is large.

        A run that was in progress before the block continues from where it was then. If one of its handlers was called
        before the block and answered during it, the run keeps that answer. If the state is in a file, changes by other
        processes are undone as well. Recorded requests, injected failures and warnings are dropped, even those from
        before the block. The time doesn't go back, and the windows of the rate limits start over.

        Returns:
            A context manager that yields nothing.

        Raises:
            AssertionError: If the block ends without an error, and something that it prepared never acted (see
                `check_unused`).

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> with emulator.preserve_state():
            ...     emulator.client().workflows.delete(workflow.id)
            >>> emulator.client().workflows.get(workflow.id).name
            'greeting'
        """
        before = self._app.unused()
        with self._app.preserved():
            yield
            if not self.allow_unused:
                self._app.check_unused(before)


@contextmanager
def replacing_handlers(emulator: Emulator) -> Generator[Emulator]:
    """Yield an emulator to register handlers with. They replace all current ones at once, unless the block fails."""
    staged, present = copy(emulator), vars(emulator)["_handlers"]
    vars(staged)["_handlers"] = UserHandlers()
    yield staged
    models = list(dict.fromkeys(emulator.models))  # reloading may have appended names again
    with app_of(emulator).store.transaction():
        present.replace_by(vars(staged)["_handlers"])
        emulator.models[:] = models
    vars(staged)["_handlers"] = present  # whatever a handler registers later applies at once


def _check_key(host: str, api_key: str) -> None:
    """Refuse a key that can't be in a header, or that's easy to guess for other machines that can reach the host."""
    if not all("!" <= character <= "~" for character in api_key):
        raise ValueError("api_key must be printable ASCII without spaces")
    if not is_loopback(host) and len(api_key) < SAFE_LENGTH:
        raise ValueError(
            f"host {host!r} is reachable from other machines: api_key must have {SAFE_LENGTH} characters or more, "
            f"not {len(api_key)}. Leave out api_key to get a new one"
        )


def _open_site(app: App) -> Site:
    from fibonacci.emulator.page.site import Pages  # with the first request: most emulators are used without it

    return Pages(app)


def app_of(emulator: Emulator) -> App:
    """Return the application of an emulator, which servers and transports call and which calls observers."""
    app: App = vars(emulator)["_app"]
    return app

"""The class `Emulator`: its address, its key, its clients, and its parts; the public API of the emulator.

The top wing. It imports all others, and the client only when one is requested: the emulator depends on no code of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from fibonacci.emulator.account import Account, KeyRole, Rate
from fibonacci.emulator.app.app import App
from fibonacci.emulator.app.origins import Hosts, Origins, is_loopback
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.app.retention import check_keep
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.hidden_secrets import StoredSecrets
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.scripts import QueuedScript, Script, ScriptError, Scripts, new_script, scripts_of
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall, UserHandlers
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.faults import FailureKind, FailureSpec, InjectedFailure, InjectedFailures
from fibonacci.emulator.http.messages import HTTPException
from fibonacci.emulator.input_files import InputFile
from fibonacci.emulator.option_values import KEPT, SAFE_LENGTH, PlanName, TimeMode
from fibonacci.emulator.page.mount import WithPage
from fibonacci.emulator.policy.admission import places_of
from fibonacci.emulator.policy.organizations import is_organization_id
from fibonacci.emulator.serving.server import SocketServer
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import EmulatorClock, VirtualClock
from fibonacci.emulator.state.sqlite import SqliteStore
from fibonacci.emulator.state.store import Store
from fibonacci.models import Execution

if TYPE_CHECKING:
    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator.engine.cassettes import Cassette, CassetteMode


_IN_PROCESS_URL: Final = "http://127.0.0.1"


class InProcessClients:
    """Makes clients that call the application in this process."""

    api_key: str
    _app: App

    def client(self, *, api_key: str | None = None, **options: Any) -> Fibonacci:
        """Return a client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            **options: Other options of `Fibonacci`, such as `timeout`, and `api_version="0.2"` for the API of 0.2.4.

        Returns:
            A client; nothing of it has to be closed.

        Raises:
            TypeError: If an option is unknown, or one that says where and how to send.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator().client().health.check().healthy
            True
        """
        from fibonacci import Fibonacci
        from fibonacci.emulator.serving.in_process import InProcessTransport

        _check_options(options)
        return Fibonacci(
            self.api_key if api_key is None else api_key,
            **_address(options),
            transport=InProcessTransport(self._app),
            **options,
        )

    def async_client(self, *, api_key: str | None = None, **options: Any) -> AsyncFibonacci:
        """Return an async client that reaches this emulator in process, without a socket.

        Args:
            api_key: Another key than the owner's: `emulator.client(api_key=emulator.key("viewer"))`.
            **options: Other options of `AsyncFibonacci`, such as `timeout` and `max_retries`.

        Returns:
            A client for any event loop; nothing of it has to be closed.

        Raises:
            TypeError: If an option is unknown, or one that says where and how to send.
        """
        from fibonacci import AsyncFibonacci
        from fibonacci.emulator.serving.in_process import AsyncInProcessTransport

        _check_options(options)
        return AsyncFibonacci(
            self.api_key if api_key is None else api_key,
            **_address(options),
            transport=AsyncInProcessTransport(self._app),
            **options,
        )


def client_variables(emulator: Emulator) -> dict[str, str]:
    """Return the environment variables that name a running emulator to clients.

    `FIBONACCI_API_VERSION` says which API they speak, and so which base URL they take.

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


def _address(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the API that is spoken, and the base URL that goes with it."""
    version = options.pop("api_version", "v1")
    return {"api_version": version, "base_url": _IN_PROCESS_URL if version == "0.2" else f"{_IN_PROCESS_URL}/v1"}


def _check_options(options: dict[str, Any]) -> None:
    for name in ("base_url", "transport", "http_client"):
        if name in options:
            raise TypeError(f"{name}: a client in process has its own; for another, make a Fibonacci(...) yourself")


class Controls:
    """Controls of an emulator, for tests."""

    _app: App

    def key(self, role: KeyRole = "member", *, name: str | None = None) -> str:
        """Return the key of a role.

        Every role may read; members may also change workflows, memory and connections, and run workflows; admins may
        also read versions, roll back, and change the registry and tool policies; only the owner may change governance
        and quotas. A call that the role does not allow is a 403 with the code `permission_denied`.

        Args:
            role: `owner`, `admin`, `member` or `viewer`.
            name: The person's name in the audit log; the role by default.

        Returns:
            The key. It derives from the owner's, the same in every process, and does not disclose it.

        Raises:
            ValueError: If there is no such role, or a key cannot contain the name.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator(api_key="fib-local").key("viewer")
            'fib-viewer-...'
        """
        return self._app.keys.of(role, name)

    def approve(self, execution_id: str, *, by: str) -> Execution:
        """Approve a run that is `pending_approval`; it starts after the last approval required.

        Args:
            execution_id: The run.
            by: Who approves: the role `admin` or `owner`, or a person with such a role, known by a named key. The
                settings `approval_threshold` and `allow_self_approval` of the emulator's organization define how many
                have to, and whether the requester (the name or the role of the key, `owner` for the owner's) may be one
                of them.

        Returns:
            The execution; it has run, or waits for further approvals, or as `pending` for a place.

        Raises:
            ValueError: If the run does not wait for approval, or this person may not approve it or has done so already.

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
        """Reject a run that is `pending_approval`: it is `cancelled`.

        Args:
            execution_id: The run.
            by: Who rejects, as with `approve`. One is enough, and the requester may be that one.

        Returns:
            The execution, whose status is `cancelled`.

        Raises:
            ValueError: If the run does not wait for approval, or this person may not decide.
        """
        return self._decide(execution_id, by, approve=False)

    def _decide(self, execution_id: str, by: str, *, approve: bool) -> Execution:
        try:
            return Execution.model_validate(self._app.approvals.decide(execution_id, by, approve=approve))
        except HTTPException as error:
            raise ValueError(error.message) from None

    @property
    def warnings(self) -> list[EmulatorWarning]:
        """What in workflows and requests is unknown, not supported, or has no effect: each once, the oldest first.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> node = {"id": "find", "type": "tool", "tool": "serch"}
            >>> workflow = emulator.client().workflows.create(name="Search", definition={"nodes": [node]})
            >>> execution = emulator.client().workflows.execute(workflow.id)
            >>> [warning.code for warning in emulator.warnings]
            ['unknown_tool']
        """
        return self._app.warnings.all()

    @property
    def requests(self) -> Requests:
        """The requests received, refused ones included."""
        return Requests(self._app.log)

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

        On a socket it happens to the connection itself; in process the transport raises the error that it causes, at
        once if only a timeout could follow. Of several failures for a request the oldest is used up first. A failing
        request does not count toward rate limits, unless it is carried out first.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute`; either may be `*`, and `*` alone is all.
            kind: `status`, `rate_limit`, `html`, `reset` or `stall`: the request is not carried out; `no_reply`, `cut`,
                `drip` or `delay`: it is. See `FailureKind`.
            status: The HTTP status code of the response, with the first three kinds. Default: 500, 429 and 200.
            times: How many requests fail; `None` for all, until `failures.clear()`.
            body: The body of that response: bytes, text, or anything else as JSON. Default: the documented error.
            headers: Further headers of that response, by name.
            retry_after: Its `Retry-After`: seconds, or a text as it is. Default: 1 with `rate_limit`.
            seconds: The wait of `drip` (default 0.05) and `delay` (default 1), in real seconds.

        Returns:
            The failure; `delivered` counts how often it has happened.

        Raises:
            ValueError: If no endpoint matches the route, or the arguments do not fit the kind or each other.

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
        """Let requests fail at random, reproducibly: the same requests in the same order fail alike.

        Args:
            random_seed: A whole number; each has other failures.
            rate: The share of requests that fail, from 0 to 1; 0 stops the chaos.
            route: Which requests, as with `fail`.
            kinds: The kinds of failure, each equally likely. Default: a 503, `reset`, `no_reply` and `cut`.

        Returns:
            A failure for each kind, in the order of `kinds`; `failures.delivered` is their total.

        Raises:
            ValueError: If the rate or a kind is not valid, or no endpoint matches the route.
        """
        return list(self._app.faults.chaos(random_seed, rate, route, kinds))

    @property
    def failures(self) -> InjectedFailures:
        """The injected failures with their counts; `clear()` removes them."""
        return InjectedFailures(self._app.faults)


class EmulatorSettings:
    """The settings of an emulator.

    Attributes:
        env: The values of `{{env.NAME}}` in workflows, by name: `emulator.env["TEAM"] = "Tides"`.
        secrets: The values of `{{secrets.NAME}}` in workflows, by name; its repr does not show them.
        models: The names of the known models, in any order; a workflow that names another is a warning. Names can be
            added.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator(secrets={"TOKEN": "token-1"})
        >>> emulator.env["TEAM"] = "Tides"
        >>> emulator.secrets
        {'TOKEN': '***'}
    """

    _app: App
    env: MutableMapping[str, str]
    secrets: MutableMapping[str, str]
    models: list[str]

    @property
    def plan(self) -> PlanName:
        """The plan: rate limits and quotas. Another one begins new windows of the rate limit.

        Raises:
            ValueError: If it is set to an unknown plan.

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
        self._app.account.plan = plan

    @property
    def rate_limit(self) -> tuple[int, float]:
        """The number of requests in a window and its seconds, in this order.

        Setting it begins a new window; `None` sets the plan's.

        Raises:
            ValueError: If it is set to what is not positive.
        """
        rate = self._app.account.rate
        return rate.limit, rate.seconds

    @rate_limit.setter
    def rate_limit(self, rate_limit: tuple[int, float] | None) -> None:
        self._app.account.set_rate(None if rate_limit is None else Rate(*rate_limit))

    @property
    def keep(self) -> int | None:
        """How many executions that have ended are kept; `None` for all. It applies with the next change of the state.

        Raises:
            ValueError: If it is set to less than 1.
        """
        return self._app.retention.keep

    @keep.setter
    def keep(self, keep: int | None) -> None:
        self._app.retention.keep = keep


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


class Preservation(EmulatorSettings, Snapshots):
    """Undoes changes of the state, of the settings, and of what stands in for nodes."""

    _environment: Environment

    @contextmanager
    def preserve_state(self) -> Generator[None]:
        """Undo what is done in a block when it ends: state, settings, handlers and scripts are as they were.

        For an emulator that several tests share: what was there before remains, and what one of them creates is gone.
        It costs what the block has changed, however large the state is. A run that was under way goes on from where it
        was; what its handlers have answered meanwhile is kept. In a file, changes by other processes are undone too.
        Recorded requests, injected failures and warnings are dropped, those from before included. The time does not go
        back, and the rate limits begin anew.

        Returns:
            A context manager, which gives nothing.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> with emulator.preserve_state():
            ...     emulator.client().workflows.delete(workflow.id)
            >>> emulator.client().workflows.get(workflow.id).name
            'greeting'
        """
        with self._app.preserved(), self._preserve_settings():
            yield

    @contextmanager
    def _preserve_settings(self) -> Generator[None]:
        account, keep, models = self._app.account, self.keep, list(self.models)
        plan, rate = account.plan, account.own_rate
        variables = [(mapping, dict(mapping)) for mapping in (self.env, self.secrets)]
        try:
            yield
        finally:
            account.plan, self.keep, self.models[:] = plan, keep, models
            account.set_rate(rate)
            for mapping, before in variables:
                mapping.clear()
                mapping.update(before)


ResultT = TypeVar("ResultT")


class HandlerDecorators:
    """Decorators for user handlers.

    A handler takes the call of its node and returns the node's output, any JSON. An async handler runs in an event loop
    of its own. If a handler raises, its node fails with the exception's text. Each call has a thread of its own:
    parallel nodes run in parallel, and a slow handler delays its own execution only, which is `running` until then.
    A handler stays until it is replaced.
    """

    _handlers: UserHandlers

    def llm(self, handler: Callable[[LLMCall], ResultT]) -> Callable[[LLMCall], ResultT]:
        """Use a function in place of every language model.

        Args:
            handler: Takes an `LLMCall`.

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
        """Use a function in place of every critic.

        Args:
            handler: Takes a `CriticCall`. It returns a score from 0 to 10, or an object with `overall_score` or
                `criteria_scores`; the node passes from its `min_score` on.

        Returns:
            The function itself.
        """
        self._handlers.critic = handler
        return handler

    def tool(self, tool_name: str) -> Callable[[Callable[[ToolCall], ResultT]], Callable[[ToolCall], ResultT]]:
        """Use a function in place of one tool.

        Args:
            tool_name: The name of the tool, in either spelling; a new one is a tool of the catalog from then on.

        Returns:
            A decorator for a function that takes a `ToolCall`; it returns the function itself.

        Example:
            >>> from fibonacci.emulator import Emulator, ToolCall
            >>> emulator = Emulator()
            >>> @emulator.tool("slack_send_message")
            ... async def send(call: ToolCall) -> dict[str, object]:
            ...     return {"sent_to": call.params["channel"]}
        """

        def register(handler: Callable[[ToolCall], ResultT]) -> Callable[[ToolCall], ResultT]:
            self._handlers.set_tool(tool_name, handler)
            return handler

        return register


class ScriptsAndCassettes:
    """Scripted, recorded and replayed answers."""

    _environment: Environment

    def script(self, name: str, answers: Sequence[Any], *, repeat: bool = False) -> Script:
        """Give a node its answers in sequence, in place of its handler or default.

        Each attempt takes the next answer, retries included, in the order in which nodes start. When all are taken, the
        node fails. A node's own script goes before one for its tool or its model. An answer is treated as that of a
        handler: it is parsed where a node asks for JSON, and a critic's is a score or an object.

        Args:
            name: The id of a node, the name of a tool in either spelling, or a model.
            answers: Any JSON, and `NodeFailure`s. Those of a second script for the name follow those of the first.
            repeat: Whether to begin again after the last answer.

        Returns:
            The script; `taken` and `remaining` count its answers.

        Raises:
            ValueError: If the name or an answer is not valid, such as one that is not valid Unicode, or the name has a
                script that repeats.

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
        self._environment.scripts.add([script])
        return script

    @property
    def scripts(self) -> Scripts:
        """All scripts; `unused` are those with answers left, and `clear()` removes all."""
        return self._environment.scripts

    def record(self, path: str | os.PathLike[str]) -> Cassette:
        """Record the calls of handlers in a file, and replay those that are in it already.

        Use the result as a context manager, or leave it in use until another takes its place. To record anew, delete
        the file. The values of the emulator's secrets are not in it: placeholders stand for them, and a replay puts in
        the values that it has, such as those of dummies.

        Args:
            path: The cassette, a file of JSON; its folder exists.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If the file is no cassette, or is one of a newer version.
        """
        return self._use_cassette(path, "record")

    def replay(self, path: str | os.PathLike[str]) -> Cassette:
        """Answer the calls of handlers from a file.

        No handler is called, and none has to be registered. A call that is not in the file fails its node; the text
        names the nearest recorded one, and what differs. Equal calls are answered in the order in which they were
        recorded.

        Args:
            path: A cassette that `record` wrote.

        Returns:
            The cassette, with `calls` and `unused`.

        Raises:
            InputFileError: If there is no such file, it is no cassette, or is one of a newer version.
        """
        return self._use_cassette(path, "replay")

    def _use_cassette(self, path: str | os.PathLike[str], mode: CassetteMode) -> Cassette:
        from fibonacci.emulator.engine.cassettes import CallCassette  # most emulators use none

        environment = self._environment
        cassette = CallCassette(path, mode, environment.handlers, environment.secrets)
        environment.handlers.cassette = cassette
        return cassette


def given_scripts(given: str | Path | Mapping[str, Any]) -> list[QueuedScript]:
    """Return the scripts in a file or a mapping.

    Raises:
        InputFileError: If the file is faulty.
        ValueError: If the mapping is.
        ImportError: If the file is YAML and PyYAML is not installed.
    """
    if isinstance(given, Mapping):
        return scripts_of(given)
    file = InputFile(given)
    try:
        return scripts_of(file.content)
    except ScriptError as error:
        raise file.error(error.place, error.message) from None


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
            secrets: The values of `{{secrets.NAME}}` in workflows, by name; none by default. Traces, the page, files
                and cassettes have none of them. One of fewer than four characters is not redacted, which is a warning.
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
                `origins` is malformed, a name in `env` or `secrets` cannot stand in a template, or a value there is
                not valid Unicode.
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
        warnings = WarningLog(strict=strict)
        self.secrets: MutableMapping[str, str] = (kept_secrets := Secrets("secrets", secrets or {}, warnings))
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
        environment = Environment(
            store, variables, kept_secrets, self._handlers, warnings=warnings, organization=organization_id
        )
        environment.scripts.add(given)
        store.report_bad_text = environment.warn_of_bad_text
        self._environment = environment
        self.models: list[str] = environment.models
        scheduler = Scheduler(environment, clock, lambda: places_of(store, account.plan, organization_id))
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
        from fibonacci.emulator.seeding import apply_seed  # most emulators have none

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


@contextmanager
def replacing_handlers(emulator: Emulator) -> Generator[Emulator]:
    """Yield the emulator to register handlers with. They replace all present ones at once, unless the block fails."""
    staged, present = copy(emulator), vars(emulator)["_handlers"]
    vars(staged)["_handlers"] = UserHandlers()
    yield staged
    models = list(dict.fromkeys(emulator.models))  # those that are appended again
    with app_of(emulator).store.transaction():
        present.replace_by(vars(staged)["_handlers"])
        emulator.models[:] = models
    vars(staged)["_handlers"] = present  # what a handler registers later counts at once


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

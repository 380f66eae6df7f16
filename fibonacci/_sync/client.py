# Derived from fibonacci/_async/client.py by tests/tools/mirror.py; change that file, not this one.
"""The client: the entry point of the package."""

from __future__ import annotations

from fibonacci._core.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IDLE_CONNECTIONS,
    DEFAULT_MAX_RESPONSE_BYTES,
)
from fibonacci._core.unset import UNSET, Unset
from fibonacci._lazy import loaded_once, namespace, state_of
from fibonacci._sync.shared_state import SharedState, config_from

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Self

    from typing_extensions import TypeVar

    from fibonacci._core.config import Config
    from fibonacci._core.option_types import ApiKey, ClientCert, RetryEvent, WaitEvent
    from fibonacci._core.tracing import Tracing
    from fibonacci._core.urls import QueryValue
    from fibonacci._sync.clock import Clock
    from fibonacci._sync.executions import Executions
    from fibonacci._sync.health import HealthChecks
    from fibonacci._sync.memory import Memory
    from fibonacci._sync.organizations import Organizations
    from fibonacci._sync.registry import Registry
    from fibonacci._sync.requestor import Requestor
    from fibonacci._sync.tools import Tools
    from fibonacci._sync.transports.transport import Transport
    from fibonacci._sync.versions import Versions
    from fibonacci._sync.workflows import Workflows
    from fibonacci.models import RateLimit

    T = TypeVar("T", default=Any)


class Fibonacci:
    """A client of the Fibonacci platform, for workflows, their executions and what governs them.

    It can be used with or without `with`, by many tasks and threads at a time, and after a fork. Clients of one key
    share the plan's rate limit, so that together they stay within it.

    Args:
        api_key: The API key, or a function that returns one and is called for each attempt. Default: the environment
            variable `FIBONACCI_API_KEY`, else that of the profile.
        profile: The name of a profile, which has a base URL and, in the keychain, a key; see `fibonacci profiles`.
            Arguments and environment variables precede it. Default: `FIBONACCI_PROFILE`; where no key is given, else
            the default of the file of profiles.
        base_url: The base URL of the platform; a host that is not ASCII is sent in its `xn--` form. Default:
            `FIBONACCI_BASE_URL`, else that of the profile, else `https://api.fibonacci.dev/v1`, or
            `https://api.fibonacci.today` with the API `"0.2"`.
        api_version: The API that the server speaks: `"v1"`, the documented one, or `"0.2"`, that of fibonacci-sdk
            0.2.4, whose `base_url` is the root of the server. A call that it does not have raises an
            `UnsupportedCallError`. Default: `FIBONACCI_API_VERSION`, else that of the profile, else `"v1"`.
        timeout: Seconds for a whole call: attempts, waits, queueing for a connection, the body. None means no limit.
            Default: `FIBONACCI_TIMEOUT`, else 60 (300 for `workflows.execute`).
        max_retries: The largest number of retries of a call; those after a 429 do not count, except that 0 allows none.
            Default: `FIBONACCI_MAX_RETRIES`, else 2.
        headers: Headers to send with each request, by name. Default: none of your own.
        transport: `"socket"` (the SDK's own connections), `"httpx"`, or a transport object, which is never closed; see
            `fibonacci.transports`. Default: `FIBONACCI_TRANSPORT`, else `"socket"`.
        http_client: A client of httpx or httpx2, used as it is and never closed: short for
            `transport=HTTPXTransport(http_client)`.
        ca_bundle: A PEM file of certificate authorities to trust beside the system's, or a folder of them, named by
            their hashes.
        client_cert: The client's certificate for mutual TLS: the path of a PEM file that holds certificate and key, or
            `(certificate, key)`, or `(certificate, key, password)`.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake. Default: 5.
        max_connections: The largest number of connections in use for one origin; further calls queue. Default: 1,000.
        max_idle_connections: The largest number of idle connections that are kept for one origin. Default: 100.
        allow_insecure: Whether to allow plain http to other machines than this one.
        allow_pickled_secrets: Whether a pickle of the client may hold the key that was passed as `api_key`, and the
            password in `rate_limiter`. Without it, pickling such a client is a `TypeError`. What came from the
            environment or the keychain is in no pickle: it is read again where the client is unpickled.
        idempotency: `"server"` states that the server honors `Idempotency-Key`, so that POSTs may be retried too.
        max_response_bytes: The largest body of a response in bytes, decompressed. Default: 67,108,864 (64 MiB). It
            bounds the number of JSON values too: 1,048,576, or one for each 64 bytes if that is more.
        rate_limiter: Who shares what is known of a key's rate limit: `"process"` (the clients of the process),
            `"machine"` (all processes of this user on this machine), the URL of a Redis server (`redis://`,
            `rediss://`, `unix://`; all processes that name it), or `"off"` (no request is delayed before it is sent).
            Default: `FIBONACCI_RATE_LIMITER`, else `"process"`.
        on_retry: Called with a `RetryEvent` before a request is sent again.
        on_wait: Called with a `WaitEvent` before a wait of a second or more for the rate limit, and after a second of
            waiting for a connection.
        tracing: Makes a span for each call and attempt: `fibonacci.integrations.opentelemetry.OpenTelemetryTracing`.
        clock: The source of time, for tests; see `fibonacci.testing.Clock`. Default: the machine's.

    Raises:
        ConfigurationError: If there is no usable key, or an argument or the environment is wrong; it names the remedy.
        ImportError: If the rate limiter needs a package that is not installed; it names the extra.

    Example:
        ```python
        from fibonacci import Fibonacci

        with Fibonacci() as client:
            workflow = client.workflows.create(name="Empty")
            print(workflow.id)
        ```
    """

    def __init__(
        self,
        api_key: ApiKey | None = None,
        *,
        profile: str | None = None,
        base_url: str | None = None,
        api_version: Literal["v1", "0.2"] | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
        transport: Literal["socket", "httpx"] | Transport | None = None,
        http_client: Any = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        client_cert: ClientCert | None = None,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_idle_connections: int = DEFAULT_MAX_IDLE_CONNECTIONS,
        allow_insecure: bool = False,
        allow_pickled_secrets: bool = False,
        idempotency: Literal["server"] | None = None,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        rate_limiter: Literal["process", "machine", "off"] | str | None = None,
        on_retry: Callable[[RetryEvent], object] | None = None,
        on_wait: Callable[[WaitEvent], object] | None = None,
        tracing: Tracing | None = None,
        clock: Clock | None = None,
    ) -> None:
        # The signature is the one list of the options: what it binds goes to the configuration whole, by name.
        options = dict(locals())
        del options["self"]
        self._configure(config_from(options))

    @namespace
    def workflows(self) -> Workflows:
        """Create, read, change, delete and run workflows."""
        from fibonacci._sync.workflows import Workflows

        return Workflows(self._requestor)

    @namespace
    def executions(self) -> Executions:
        """Follow, wait for and cancel the runs of workflows."""
        from fibonacci._sync.executions import Executions

        return Executions(self._requestor)

    @namespace
    def versions(self) -> Versions:
        """Read the version history of a workflow, and roll back."""
        from fibonacci._sync.versions import Versions

        return Versions(self._requestor)

    @namespace
    def registry(self) -> Registry:
        """Approve workflows as templates, deprecate and archive them."""
        from fibonacci._sync.registry import Registry

        return Registry(self._requestor)

    @namespace
    def organizations(self) -> Organizations:
        """Read and change governance, quotas and tool policies of an organization."""
        from fibonacci._sync.organizations import Organizations

        return Organizations(self._requestor)

    @namespace
    def memory(self) -> Memory:
        """Store values under a key, for a workflow, a user, an organization, or everyone."""
        from fibonacci._sync.memory import Memory

        return Memory(self._requestor)

    @namespace
    def tools(self) -> Tools:
        """Look up and connect tools."""
        from fibonacci._sync.tools import Tools

        return Tools(self._requestor)

    @namespace
    def health(self) -> HealthChecks:
        """Show the health of the platform."""
        from fibonacci._sync.health import HealthChecks

        return HealthChecks(self._requestor)

    @property
    def base_url(self) -> str:
        """The base URL of the platform, without a final slash."""
        return self._config.base_url

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate limit as the last response stated it; None before the first.

        Example:
            ```python
            client.health.check()
            print(client.rate_limit.remaining, "of", client.rate_limit.limit)
            ```
        """
        return self._shared.rate_limit

    def reset_rate_limit(self) -> None:
        """Forget what is known of the key's rate limit: all calls that wait go on, and the next call asks the server.

        It does no I/O. Other clients of the key in this process share the rate limit, and so the reset. With a
        function as `api_key`, it is about the key that was used last.

        Example:
            ```python
            client.reset_rate_limit()
            assert client.rate_limit is None
            ```
        """
        self._requestor.reset_rate_limit()

    def with_options(
        self,
        *,
        api_key: ApiKey | Unset = UNSET,
        base_url: str | Unset = UNSET,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str | None] | None = None,
    ) -> Self:
        """Return a client with other options on the same connections.

        It opens no connection, so you can make one for a single call, or one for each of your customers' keys. What you
        leave out stays as it is. The rate limit is that of the key and the base URL: a client with another key neither
        waits for this one's limit nor uses it up.

        Args:
            api_key: The API key, or a function that returns one.
            base_url: The base URL of the platform. A key from the keychain is only sent to the host that it was stored
                for, so pass `api_key` too when the host changes.
            timeout: Seconds for a whole call; None means no limit.
            max_retries: The largest number of retries of a call.
            headers: Headers to send in addition, by name. None removes a header that the client was given.

        Returns:
            The other client. Closing either closes the connections of both.

        Raises:
            ConfigurationError: If a value is wrong; it names the remedy.
            TypeError: If a value has the wrong type.

        Example:
            ```python
            health = client.with_options(timeout=2, max_retries=0).health.check()
            customer = client.with_options(api_key="another-key", headers={"X-Customer": "acme"})
            ```
        """
        changes = {"timeout": timeout, "max_retries": max_retries, "headers": headers}
        config = self._config.replace(api_key=api_key, base_url=base_url, **changes)
        has_same_limits = isinstance(api_key, Unset) and config.base_url == self._config.base_url
        # Not by calling the class: a subclass may have a constructor of its own, and state that stays.
        clone = type(self).__new__(type(self))
        vars(clone).update(state_of(self))
        clone._configure(config, shared=self._shared if has_same_limits else self._shared.for_other_limits())
        return clone

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: Any = UNSET,
        headers: Mapping[str, str | None] | None = None,
        timeout: float | Unset | None = UNSET,
        returns: type[T] | None = None,
    ) -> T:
        """Call any path of the platform, with the same key, retries, rate limit and errors as every other call.

        Args:
            method: The HTTP method, such as `"GET"`.
            path: The path below the base URL, beginning with `/`.
            params: Query parameters by name; None values are left out.
            json: The body; any JSON. None is sent as null; without it there is no body.
            headers: Headers to send with this request in addition, by name. None leaves out one of the client's own.
            timeout: Seconds for this call; None means no limit. Default: that of the client.
            returns: A model or another type to read the data of the response as.

        Returns:
            The data of the response (what its envelope holds, if it has one) as `returns`, else as plain Python objects
            (dicts, lists, texts, numbers); None when the response has no body.

        Raises:
            APIError: If anything goes wrong.
            ConfigurationError: If a header or the timeout cannot be used; it names the remedy. Nothing is sent.
            TypeError: If `returns` is no type, or the body has no JSON form. Nothing is sent.
            ValueError: If the path is a whole URL or has `..` in it, or the body holds NaN. Nothing is sent.

        Example:
            ```python
            from fibonacci.models import Workflow

            same = client.request("GET", f"/workflows/{workflow.id}", returns=Workflow)
            plain = client.request("GET", f"/workflows/{workflow.id}", headers={"X-Trace-Id": "4b"}, timeout=5)
            assert plain["id"] == same.id
            ```
        """
        client = self
        if headers is not None or not isinstance(timeout, Unset):
            client = self.with_options(timeout=timeout, headers=headers)
        requestor = client._requestor
        from fibonacci._core.decoding import check_type
        from fibonacci._core.request import Request
        from fibonacci._core.urls import check_method, check_path

        verb, where = check_method(method), check_path(path)
        if returns is None:
            data: T = requestor.send_untyped(Request(verb, where, object, params=params or {}, body=json))
            return data
        check_type(returns)
        return requestor.send(Request(verb, where, returns, params=params or {}, body=json))

    def close(self) -> None:
        """Close the connections of the client; a later call opens new ones.

        A transport that was passed as an object is left open. Cancellations that `cancel_on_exit` asks for are waited
        for, up to 6 s, if they are under way. Leaving a `with` block does the same.

        Example:
            ```python
            from fibonacci import Fibonacci

            own = Fibonacci()
            own.health.check()
            own.close()
            ```
        """
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_config" not in vars(self):  # its arguments were refused, and a tool shows the locals of the traceback
            return f"<{type(self).__name__}, not made>"
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def __copy__(self) -> Self:
        return self._copied(self._own_state())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from copy import deepcopy

        return self._copied(deepcopy(self._own_state(), memo))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self)._rebuild, (self._config.pickled_options(), self._own_state())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            from fibonacci._suggestions import missing_attribute

            raise missing_attribute(self, name)

        def __setattr__(self, name: str, value: Any) -> None:
            config = vars(self).get("_config")
            if config is not None and name in config.options():
                raise AttributeError(f"{name} cannot be changed: use with_options(...), or make another client")
            object.__setattr__(self, name, value)

    def _configure(self, config: Config, shared: SharedState | None = None) -> None:
        self._config = config
        self._shared = SharedState(config) if shared is None else shared

    def _own_state(self) -> dict[str, Any]:
        """Return what a subclass or a user has set."""
        return {name: value for name, value in state_of(self).items() if name not in ("_config", "_shared")}

    def _copied(self, state: dict[str, Any]) -> Self:
        """Return a client of the same configuration, with connections of its own."""
        client = type(self).__new__(type(self))
        vars(client).update(state)
        client._configure(self._config)
        return client

    @classmethod
    def _rebuild(cls, options: dict[str, Any], state: dict[str, Any]) -> Self:
        client = cls.__new__(cls)
        vars(client).update(state)
        client._configure(config_from(options))
        return client

    @loaded_once
    def _requestor(self) -> Requestor:
        try:
            from fibonacci._sync.requestor import Requestor

            return Requestor(self._config, self._shared)
        except OSError as error:
            raise self._loading_error(error) from error

    @staticmethod
    def _loading_error(cause: OSError) -> Exception:
        from fibonacci.errors import loading_error

        return loading_error(cause)

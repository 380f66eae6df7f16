"""The client: the entry point of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci._async import _runtime
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._async.shared_state import AsyncSharedState, config_from
from fibonacci._core.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IDLE_CONNECTIONS,
    DEFAULT_MAX_RESPONSE_BYTES,
)
from fibonacci._core.decoding import check_type
from fibonacci._core.options import UNSET, Unset
from fibonacci._core.request import Request
from fibonacci._core.urls import check_method, check_path
from fibonacci._system.lazy import namespace
from fibonacci._texts.suggestions import Hinted

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Self

    from typing_extensions import TypeVar

    from fibonacci._async.clock import AsyncClock
    from fibonacci._async.executions import AsyncExecutions
    from fibonacci._async.health import AsyncHealthChecks
    from fibonacci._async.memory import AsyncMemory
    from fibonacci._async.organizations import AsyncOrganizations
    from fibonacci._async.registry import AsyncRegistry
    from fibonacci._async.tools import AsyncTools
    from fibonacci._async.transports.transport import AsyncTransport
    from fibonacci._async.versions import AsyncVersions
    from fibonacci._async.workflows import AsyncWorkflows
    from fibonacci._core.config import Config
    from fibonacci._core.option_types import AsyncApiKey, ClientCert, RetryEvent, WaitEvent
    from fibonacci._core.tracing import Tracing
    from fibonacci._core.urls import QueryValue
    from fibonacci.models import RateLimit

    T = TypeVar("T", default=Any)


class AsyncFibonacci(Hinted):
    """A client for the Fibonacci platform, for workflows, their executions and their governance.

    You can use it with or without `with`, from many tasks and threads at a time, and after a fork. Clients with the
    same key share the plan's rate limit, so together they stay within it.

    Args:
        api_key: The API key, or a function that returns one, which the SDK calls for each attempt. Default: the
            environment variable `FIBONACCI_API_KEY`, or else the key of the profile.
        profile: The name of a profile, which has a base URL and, in the keychain, a key (see `fibonacci profiles`).
            Arguments and environment variables take precedence over it. Default: `FIBONACCI_PROFILE`, or else, if no
            key is given, the default profile.
        base_url: The base URL of the platform. A host that isn't ASCII is sent in its `xn--` form. Default:
            `FIBONACCI_BASE_URL`, or else that of the profile, or else `https://api.fibonacci.dev/v1` (with the API
            `"0.2"`, `https://api.fibonacci.today`).
        api_version: The API that the server speaks: `"v1"` (the documented one) or `"0.2"` (the one that fibonacci-sdk
            0.2.4 used). For `"0.2"`, `base_url` is the root of the server, and a call that the server doesn't have
            raises an `UnsupportedCallError`. Default: `FIBONACCI_API_VERSION`, or else that of the profile, or else
            `"v1"`.
        timeout: Seconds for a whole call, including retries, waits, queueing for a connection, and the body. None means
            no limit. Default: `FIBONACCI_TIMEOUT`, or else 60 (300 for `workflows.execute`).
        max_retries: The largest number of retries per call. Retries after a 429 don't count toward it. With 0, the SDK
            never retries, not even after a 429. Default: `FIBONACCI_MAX_RETRIES`, or else 2.
        headers: Headers to send with each request, by name. Default: only those of the SDK.
        transport: `"socket"` (the SDK's own connections), `"httpx"`, or a transport object from `fibonacci.transports`,
            which the client never closes. Default: `FIBONACCI_TRANSPORT`, or else `"socket"`.
        http_client: Your own httpx or httpx2 client, used as it is and never closed. Short for
            `transport=AsyncHTTPXTransport(http_client)`.
        ca_bundle: A PEM file of CAs to trust in addition to the system's, or a folder of such files, named by their
            hashes.
        client_cert: Your certificate for mutual TLS: the path of a PEM file with certificate and key, or
            `(certificate, key)`, or `(certificate, key, password)`.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake. Default: 5.
        max_connections: The largest number of connections in use per origin. Further calls wait for a free one.
            Default: 1,000.
        max_idle_connections: The largest number of idle connections to keep per origin. Default: 100.
        allow_insecure: Whether to allow plain http to other machines. Your API key then travels unencrypted.
        allow_pickled_secrets: Whether a pickle of the client may contain its secrets: the key that you passed as
            `api_key`, and the password of a Redis URL that you passed as `rate_limiter`. Otherwise, pickling a client
            with either of them raises a `TypeError`. A key from the environment or the keychain is never in a pickle.
            It is read again where the client is unpickled.
        idempotency: Pass `"server"` if the server honors `Idempotency-Key`, so that the SDK may retry POSTs too. With a
            server that ignores the header, a workflow may run several times.
        max_response_bytes: The largest body of a response in bytes, decompressed. Default: 67,108,864 (64 MiB). A
            response may also have at most 1,048,576 JSON values. If you raise `max_response_bytes`, more values are
            allowed too: one for each 64 bytes of the new limit.
        rate_limiter: Which clients share a key's rate limit. `"process"`: those in this process. `"machine"`: those in
            all processes of this user on this machine. The URL of a Redis server (`redis://`, `rediss://` or
            `unix://`): those in all processes that name it. `"off"`: none, and no request is delayed before it is sent.
            Default: `FIBONACCI_RATE_LIMITER`, or else `"process"`.
        on_retry: Called with a `RetryEvent` before the SDK sends a request again.
        on_wait: Called with a `WaitEvent` before a call waits a second or more for the rate limit, or when it has
            waited a second for a connection.
        tracing: An object that makes a span for each call and each attempt, such as an instance of
            `fibonacci.integrations.opentelemetry.OpenTelemetryTracing`.
        clock: The source of time, for tests (see `fibonacci.testing.AsyncClock`). Default: the machine's.

    Raises:
        ConfigurationError: If there is no usable key, or an argument or the environment is wrong. The message says how
            to fix it.
        ImportError: If the rate limiter needs a package that isn't installed. The message names the extra.

    Example:
        ```python
        from fibonacci import AsyncFibonacci

        async with AsyncFibonacci() as client:
            workflow = await client.workflows.create(name="Empty")
            print(workflow.id)
        ```
    """

    def __init__(
        self,
        api_key: AsyncApiKey | None = None,
        *,
        profile: str | None = None,
        base_url: str | None = None,
        api_version: Literal["v1", "0.2"] | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
        transport: Literal["socket", "httpx"] | AsyncTransport | None = None,
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
        clock: AsyncClock | None = None,
    ) -> None:
        # The signature is the one list of the options: what it binds goes to the configuration whole, by name.
        options = dict(locals())
        del options["self"]
        self._configure(config_from(options))

    @namespace
    def workflows(self) -> AsyncWorkflows:
        """Create, read, change, delete and run workflows."""
        from fibonacci._async.workflows import AsyncWorkflows

        return AsyncWorkflows(self._requestor)

    @namespace
    def executions(self) -> AsyncExecutions:
        """Follow, wait for and cancel the runs of workflows."""
        from fibonacci._async.executions import AsyncExecutions

        return AsyncExecutions(self._requestor)

    @namespace
    def versions(self) -> AsyncVersions:
        """Read the version history of a workflow, and roll back."""
        from fibonacci._async.versions import AsyncVersions

        return AsyncVersions(self._requestor)

    @namespace
    def registry(self) -> AsyncRegistry:
        """Approve workflows as templates, deprecate and archive them."""
        from fibonacci._async.registry import AsyncRegistry

        return AsyncRegistry(self._requestor)

    @namespace
    def organizations(self) -> AsyncOrganizations:
        """Read and change governance, quotas and tool policies of an organization."""
        from fibonacci._async.organizations import AsyncOrganizations

        return AsyncOrganizations(self._requestor)

    @namespace
    def memory(self) -> AsyncMemory:
        """Store values under a key, for a workflow, a user, an organization, or everyone."""
        from fibonacci._async.memory import AsyncMemory

        return AsyncMemory(self._requestor)

    @namespace
    def tools(self) -> AsyncTools:
        """Look up and connect tools."""
        from fibonacci._async.tools import AsyncTools

        return AsyncTools(self._requestor)

    @namespace
    def health(self) -> AsyncHealthChecks:
        """Show the health of the platform."""
        from fibonacci._async.health import AsyncHealthChecks

        return AsyncHealthChecks(self._requestor)

    @property
    def base_url(self) -> str:
        """The base URL of the platform, without a final slash."""
        return self._config.current().base_url

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate limit as the last response reported it. None before the first response.

        Example:
            ```python
            await client.health.check()
            print(client.rate_limit.remaining, "of", client.rate_limit.limit)
            ```
        """
        return self._shared.rate_limit

    def reset_rate_limit(self) -> None:
        """Forget what is known about the key's rate limit.

        Calls that wait for the next window stop waiting, and the next call asks the server. The reset itself does no
        I/O. Other clients in this process with the same key share the rate limit, so they are reset too. If `api_key`
        is a function, the reset applies to the key that was used last.

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
        api_key: AsyncApiKey | Unset = UNSET,
        base_url: str | Unset = UNSET,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str | None] | None = None,
    ) -> Self:
        """Return a client with other options that uses the same connections.

        It opens no connection, so you can make one for a single call, or one for each of your customers' keys. Options
        that you leave out stay as they are. The rate limit belongs to the key and the base URL. A client with another
        key neither waits for this client's limit nor uses it up.

        Args:
            api_key: The API key, or a function that returns one.
            base_url: The base URL of the platform. A key from the keychain is only sent to the host that it was stored
                for, so pass `api_key` too if the host changes.
            timeout: Seconds for a whole call. None means no limit.
            max_retries: The largest number of retries per call.
            headers: Headers to send in addition, by name. None removes a header that the client was given.

        Returns:
            The new client. Closing either client closes the connections of both.

        Raises:
            ConfigurationError: If an option has an invalid value. The message says how to fix it.
            TypeError: If an option has the wrong type.

        Example:
            ```python
            health = await client.with_options(timeout=2, max_retries=0).health.check()
            customer = client.with_options(api_key="another-key", headers={"X-Customer": "acme"})
            ```
        """
        changes = {"timeout": timeout, "max_retries": max_retries, "headers": headers}
        config = self._config.replace(api_key=api_key, base_url=base_url, **changes)
        has_same_limits = isinstance(api_key, Unset) and config.base_url == self._config.base_url
        # This doesn't call the class: a subclass may have another constructor, and state to keep.
        clone = type(self).__new__(type(self))
        vars(clone).update(self._own_state())
        clone._configure(config, shared=self._shared if has_same_limits else self._shared.for_other_limits())
        return clone

    async def request(
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
            path: The path below the base URL, starting with `/`.
            params: Query parameters by name. None values are left out.
            json: The body, any JSON. None is sent as null. If you leave it out, the request has no body.
            headers: Headers to send in addition, by name. None leaves out one of the client's headers.
            timeout: Seconds for this call. None means no limit. Default: the client's.
            returns: The type to convert the response's data to, such as a model.

        Returns:
            The data of the response, without its envelope if it has one. With `returns`, it is an object of that type.
            Otherwise, it is plain Python data (dicts, lists, strings, numbers). None if the response has no body.

        Raises:
            APIError: If the call fails.
            ConfigurationError: If a header or the timeout can't be used. The message says how to fix it. Nothing is
                sent.
            TypeError: If `returns` isn't a type, or the body can't be represented in JSON. Nothing is sent.
            ValueError: If the path is a whole URL or contains `..`, or the body contains NaN. Nothing is sent.

        Example:
            ```python
            from fibonacci.models import Workflow

            same = await client.request("GET", f"/workflows/{workflow.id}", returns=Workflow)
            plain = await client.request("GET", f"/workflows/{workflow.id}", headers={"X-Trace-Id": "4b"}, timeout=5)
            assert plain["id"] == same.id
            ```
        """
        client = self
        if headers is not None or not isinstance(timeout, Unset):
            client = self.with_options(timeout=timeout, headers=headers)
        requestor = client._requestor
        verb, where = check_method(method), check_path(path)
        if returns is None:
            data: T = await requestor.send_untyped(Request(verb, where, object, params=params or {}, body=json))
            return data
        check_type(returns)
        return await requestor.send(Request(verb, where, returns, params=params or {}, body=json))

    async def aclose(self) -> None:
        """Close the client's connections.

        A later call opens new ones. A transport that you passed as an object stays open. If a `workflows.run` with
        `cancel_on_exit` is canceling its execution at that moment, this call waits up to 6 s for it. Leaving a
        `with` block does the same.

        Example:
            ```python
            from fibonacci import AsyncFibonacci

            own = AsyncFibonacci()
            await own.health.check()
            await own.aclose()
            ```
        """
        await self._shared.aclose()

    async def __aenter__(self) -> Self:
        _runtime.import_calls()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if "_config" not in vars(self):  # its arguments were refused, and a tool shows the locals of the traceback
            return f"<{type(self).__name__}, not made>"
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __copy__(self) -> Self:
        return self.with_options()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.with_options()

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self)._rebuild, (self._config.current().pickled_options(), self._own_state())

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            config = vars(self).get("_config")
            if config is not None and name in config.options():
                raise AttributeError(f"{name} cannot be changed: use with_options(...), or create another client")
            object.__setattr__(self, name, value)

    def _configure(self, config: Config, shared: AsyncSharedState | None = None) -> None:
        self._config = config
        self._shared = AsyncSharedState(config) if shared is None else shared
        self._requestor = AsyncRequestor(config, self._shared)

    def _own_state(self) -> dict[str, Any]:
        """Return what a subclass or a user has set."""
        own = {"_config", "_shared", "_requestor", "_once"}
        return {name: value for name, value in vars(self).copy().items() if name not in own}

    @classmethod
    def _rebuild(cls, options: dict[str, Any], state: dict[str, Any]) -> Self:
        client = cls.__new__(cls)
        vars(client).update(state)
        client._configure(config_from(options))
        return client

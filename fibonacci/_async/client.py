"""The client: where everything begins."""

from __future__ import annotations

from fibonacci._core.config import DEFAULT_MAX_RESPONSE_BYTES, Config, check_http_client
from fibonacci._core.unset import UNSET, Unset
from fibonacci._lazy import cached_property

TYPE_CHECKING = False  # not imported from typing: making a client has to stay near free
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Self

    from typing_extensions import TypeVar

    from fibonacci._async.executions import AsyncExecutions
    from fibonacci._async.health import AsyncHealthChecks
    from fibonacci._async.memory import AsyncMemory
    from fibonacci._async.organizations import AsyncOrganizations
    from fibonacci._async.registry import AsyncRegistry
    from fibonacci._async.requestor import AsyncRequestor
    from fibonacci._async.shared_state import AsyncSharedState
    from fibonacci._async.tools import AsyncTools
    from fibonacci._async.versions import AsyncVersions
    from fibonacci._async.workflows import AsyncWorkflows
    from fibonacci._core.config import AsyncApiKey
    from fibonacci._core.retry_event import RetryEvent
    from fibonacci._core.tracing import Tracing
    from fibonacci._core.urls import QueryValue
    from fibonacci.models import RateLimit

    T = TypeVar("T", default=Any)


class AsyncFibonacci:
    """A client of the Fibonacci platform.

    It can be used with or without `with`, by many tasks and threads at a time, and after a fork. Clients of one key
    share the plan's pace, so that together they stay within it.

    Args:
        api_key: Your API key, or a function that returns one and is asked again for each attempt. When not given,
            the environment variable `FIBONACCI_API_KEY` is read.
        base_url: Where the platform is. When not drop_unset, `FIBONACCI_BASE_URL`, else `https://api.fibonacci.dev/v1`.
        timeout: Seconds for a whole call: attempts, waits, queueing for a connection, the body. None means no limit.
            When not drop_unset, `FIBONACCI_TIMEOUT`, else 60 (300 for `workflows.execute`).
        max_retries: How often a call is sent again at the most. When not drop_unset, `FIBONACCI_MAX_RETRIES`, else 2.
        headers: Headers to send with each request.
        http_client: Your own client of httpx or httpx2, used as it is and never closed.
        ca_bundle: A PEM file of certificate authorities to trust beside the system's.
        allow_insecure: Allow plain http to other machines than this one.
        idempotency: `"server"` says that the server honours `Idempotency-Key`, so that POSTs may be repeated too.
        max_response_bytes: The largest answer that is taken, in bytes, decompressed; 64 MiB when not given.
        on_retry: Called with a `RetryEvent` before a call is sent again.
        tracing: Told of each call and attempt, such as `fibonacci.integrations.opentelemetry.OpenTelemetryTracing`.

    Raises:
        ConfigurationError: If there is no usable key, or an argument or the environment is wrong; it names the remedy.

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
        base_url: str | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
        http_client: Any = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        allow_insecure: bool = False,
        idempotency: Literal["server"] | None = None,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        on_retry: Callable[[RetryEvent], object] | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        check_http_client(http_client, close="aclose", kind="AsyncClient")
        self._config = Config(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            headers=headers,
            http_client=http_client,
            ca_bundle=ca_bundle,
            allow_insecure=allow_insecure,
            idempotency=idempotency,
            max_response_bytes=max_response_bytes,
            on_retry=on_retry,
            tracing=tracing,
        )

    @cached_property
    def workflows(self) -> AsyncWorkflows:
        """Create, read, change, delete and run workflows."""
        from fibonacci._async.workflows import AsyncWorkflows

        return AsyncWorkflows(self._transport)

    @cached_property
    def executions(self) -> AsyncExecutions:
        """Follow, wait for and cancel the runs of workflows."""
        from fibonacci._async.executions import AsyncExecutions

        return AsyncExecutions(self._transport)

    @cached_property
    def versions(self) -> AsyncVersions:
        """Read the history of a workflow, and go back in it."""
        from fibonacci._async.versions import AsyncVersions

        return AsyncVersions(self._transport)

    @cached_property
    def registry(self) -> AsyncRegistry:
        """Approve workflows as templates, deprecate and archive them."""
        from fibonacci._async.registry import AsyncRegistry

        return AsyncRegistry(self._transport)

    @cached_property
    def organizations(self) -> AsyncOrganizations:
        """Governance, quotas and tool policies of an organization."""
        from fibonacci._async.organizations import AsyncOrganizations

        return AsyncOrganizations(self._transport)

    @cached_property
    def memory(self) -> AsyncMemory:
        """Keep values under a key."""
        from fibonacci._async.memory import AsyncMemory

        return AsyncMemory(self._transport)

    @cached_property
    def tools(self) -> AsyncTools:
        """Look tools up, and connect them."""
        from fibonacci._async.tools import AsyncTools

        return AsyncTools(self._transport)

    @cached_property
    def health(self) -> AsyncHealthChecks:
        """Ask the platform whether it is well."""
        from fibonacci._async.health import AsyncHealthChecks

        return AsyncHealthChecks(self._transport)

    @property
    def base_url(self) -> str:
        """Where the platform is, without a final slash."""
        return self._config.base_url

    @property
    def rate_limit(self) -> RateLimit | None:
        """The plan's pace as the last answer told it; None before the first.

        Example:
            ```python
            await client.health.check()
            print(client.rate_limit.remaining, "of", client.rate_limit.limit)
            ```
        """
        return self._connections.rate_limit

    def with_options(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a client with other options on the same connections and at the same pace. It costs next to nothing.

        Args:
            timeout: Seconds for a whole call; None means no limit.
            max_retries: How often a call is sent again at the most.
            headers: Headers to send in addition.

        Returns:
            The other client. Closing either closes the connections of both.

        Raises:
            ConfigurationError: If a value is wrong; it names the remedy.

        Example:
            ```python
            health = await client.with_options(timeout=2, max_retries=0).health.check()
            ```
        """
        clone = type(self).__new__(type(self))
        clone._config = self._config.replace(timeout=timeout, max_retries=max_retries, headers=headers)
        # Written as a cached property writes it: the clone has what this client has.
        clone.__dict__["_connections"] = self._connections
        return clone

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: Any = UNSET,
        returns: type[T] | None = None,
    ) -> T:
        """Call any path of the platform, with the same key, retries, pace and errors as every other call.

        Args:
            method: The HTTP method, such as `"GET"`.
            path: The path below the base URL, beginning with `/`.
            params: Query parameters; None values are left out.
            json: The body; any JSON. None is sent as null; without it there is no body.
            returns: A model or another type to read the answer's data as.

        Returns:
            The data of the answer (what its envelope holds, where it has one) as `returns`, else as plain Python
            objects; None when the answer has no body.

        Raises:
            APIError: Whatever goes wrong.
            ValueError: If the path is a whole URL or has `..` in it. Nothing is sent.

        Example:
            ```python
            from fibonacci.models import Workflow

            same = await client.request("GET", f"/workflows/{workflow.id}", returns=Workflow)
            plain = await client.request("GET", f"/workflows/{workflow.id}")
            assert plain["id"] == same.id
            ```
        """
        from fibonacci._core.request import Request
        from fibonacci._core.urls import check_method, check_path

        verb, where = check_method(method), check_path(path)
        if returns is None:
            data: T = await self._transport.send_untyped(Request(verb, where, object, params=params or {}, body=json))
            return data
        return await self._transport.send(Request(verb, where, returns, params=params or {}, body=json))

    async def aclose(self) -> None:
        """Close the connections. A later call opens new ones."""
        if "_connections" in self.__dict__:
            await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # A key that the environment gave is read from the environment again where the client is unpickled.
        return _rebuild, (type(self), self._config.options())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            from fibonacci._core.suggestions import missing_attribute

            raise missing_attribute(self, name)

    @cached_property
    def _connections(self) -> AsyncSharedState:
        from fibonacci._async.shared_state import AsyncSharedState

        return AsyncSharedState(self._config)

    @cached_property
    def _transport(self) -> AsyncRequestor:
        from fibonacci._async.requestor import AsyncRequestor

        return AsyncRequestor(self._config, self._connections)


def _rebuild(cls: type[AsyncFibonacci], options: dict[str, Any]) -> AsyncFibonacci:
    return cls(**options)

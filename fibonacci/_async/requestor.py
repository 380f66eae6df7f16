"""The path of every call: limiter, attempts, retries, decoding. The rules that it follows are in `_core`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fibonacci._async import _runtime
from fibonacci._async.rate_limit_wait import AsyncRateLimitWait, report_wait
from fibonacci._async.shared_state import AsyncSharedState, config_from
from fibonacci._async.transports.transport import AsyncTransportBase
from fibonacci._core.call import (
    Call,
    add_call_details,
    call_error,
    is_success,
    note_interruption,
    request_for,
    response_info,
)
from fibonacci._core.config import Config
from fibonacci._core.decoding import Meta, decode, decode_any, decode_list, next_params
from fibonacci._core.error_mapping import describe
from fibonacci._core.json_bodies import is_array
from fibonacci._core.logs import log_attempt, log_retry
from fibonacci._core.messages import HTTPResponse, check_response
from fibonacci._core.options import check_key
from fibonacci._core.request import Request
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import SharedLimits, shared_limits, unenforced_limits
from fibonacci._core.transport_errors import TransportError, transport_error_from
from fibonacci._core.urls import QueryValue
from fibonacci._core.window import Admission
from fibonacci._texts.logging import redact_in_logs
from fibonacci._texts.redaction import redact, redact_url
from fibonacci.errors import APIResponseError
from fibonacci.models._base import attach_response
from fibonacci.models.response import ResponseInfo

if TYPE_CHECKING:
    from typing import Self

    from fibonacci._async.clock import AsyncClock
    from fibonacci._async.shared_state import AsyncExit
    from fibonacci._async.transports.transport import AsyncTransport
    from fibonacci.models.page import Page


T = TypeVar("T")
R = TypeVar("R")


class AsyncRequestor:
    """Sends requests: with the key, within the deadline and the rate limit, repeated where that does no harm.

    Args:
        config: The client's configuration.
        shared: What the client shares with its clones.

    Attributes:
        exits: The runs whose execution is canceled when they are left early.
    """

    def __init__(self, config: Config, shared: AsyncSharedState) -> None:
        self._config = config
        self._machine_clock = _runtime.AsyncSystemClock()
        self.exits: set[AsyncExit] = shared.exits
        self._shared = shared
        self._find_limits = _limits_finder(config.rate_limiter)
        self._last_key: str = config.api_key if isinstance(config.api_key, str) else ""
        shared.transport()  # its import takes time that shouldn't count for any call
        if config.api_version != "v1":
            import_module("fibonacci._core.api_0_2")

    @property
    def config(self) -> Config:
        """The client's configuration at this moment."""
        return self._config.current()

    @property
    def clock(self) -> AsyncClock:
        """The client's source of time at this moment."""
        return self.config.clock or self._machine_clock

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Whatever has it, such as `client.workflows.get` in the task of a pool, is pickled as its client is.
        return _of_new_client, (self.config.pickled_options(),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    async def send(self, request: Request[T]) -> T:
        """Send a request and return its response as what the request returns.

        Raises:
            FibonacciError: If anything goes wrong.
        """
        read = partial(decode, returns=request.returns, asked_id=request.asked_id)
        data, _, info = await self._read(self._call(request), read)
        attach_response(data if is_array(data) else [data], info)
        return cast("T", data)

    async def send_untyped(self, request: Request[Any]) -> Any:
        """Send a request and return the data of its response as plain Python objects.

        Raises:
            FibonacciError: If anything goes wrong.
        """
        data, _, _ = await self._read(self._call(request), decode_any)
        return data

    async def send_page(self, request: Request[T]) -> tuple[Page[T], dict[str, QueryValue] | None]:
        """Send a request for a page and return it, with the parameters of the next page (None at the end).

        Raises:
            FibonacciError: If anything goes wrong.
        """
        from fibonacci.models.page import Page  # many scripts read no list

        call = self._call(request)
        read = partial(decode_list, item=request.returns, collection=request.collection)
        items, meta, info = await self._read(call, read)
        attach_response(items, info)
        following = next_params(meta)
        cursor = None if following is None else following.get("cursor")
        next_cursor = None if cursor is None else str(cursor)
        page = Page(items=cast("list[T]", items), response=info, next_cursor=next_cursor, model=request.returns)
        return page, following

    def check_supported(self, request: Request[Any]) -> None:
        """Check, before anything is sent, that the server has a call.

        Raises:
            UnsupportedCallError: If it hasn't.
        """
        request_for(request, self.config.api_version)

    async def use_limits(self) -> SharedLimits:
        """Return the limits of the current key, which the client uses from now on."""
        config = self.config
        return self._use_limits(config, await self._fetch_api_key(config))

    def redact(self, text: str) -> str:
        """Return the text without the key, or the key that a function returned last."""
        return redact(text, self._last_key)

    def reset_rate_limit(self) -> None:
        """Forget what the server stated about the key, or the key that a function returned last."""
        config, limits = self.config, self._shared.limits
        if isinstance(config.api_key, str):
            limits = self._use_limits(config, config.api_key)
        if limits is not None:
            limits.reset(self.clock.monotonic())

    def _call(self, request: Request[Any]) -> Call:
        config = self.config
        return Call(request, config, config.call_clock or self._machine_clock)

    async def _read(self, call: Call, read: Callable[[APIResponse], tuple[R, Meta]]) -> tuple[R, Meta, ResponseInfo]:
        response = await self._traced(call)
        elapsed = call.elapsed
        try:
            data, meta = read(call.documented_response(response))
        except APIResponseError as error:
            error.request_id = response.request_id
            add_call_details(error, call, is_uncertain=True)
            raise
        return data, meta, response_info(call, response, meta, elapsed)

    async def _traced(self, call: Call) -> APIResponse:
        if call.config.tracing is None:
            return await self._send_with_retries(call)
        with call.config.tracing.call(call.request.method, call.template, call.config.base_url) as span:
            call.span = span
            response = await self._send_with_retries(call)
            span.set_response(response.status, response.request_id)
            return response

    async def _send_with_retries(self, call: Call) -> APIResponse:
        """Return the response of the last attempt when it counts as success."""
        attempt = await self._attempt(call)
        if call.retry is not None:
            attempt = await self._retry(call)
        if isinstance(attempt.result, APIResponse) and attempt.succeeded:
            return attempt.result
        error = call_error(call, attempt.result, now=self.clock.time())
        raise error from error.__cause__

    async def _retry(self, call: Call) -> Attempt:
        """Repeat a call as long as its attempts need a retry. Results are values, so nothing swallows exceptions."""
        from tenacity import AsyncRetrying, retry_if_result

        def delay(_: object) -> float:
            return 0.0 if call.retry is None else call.retry.delay

        pause = partial(self._pause, call)
        # One object for each call: a shared one mixes up concurrent calls.
        retrying = AsyncRetrying(retry=retry_if_result(lambda _: call.retry is not None), wait=delay, sleep=pause)
        await pause(delay(call))
        return await retrying(self._attempt, call)

    async def _attempt(self, call: Call) -> Attempt:
        """Send the request once, when the limiter admits it."""
        call.api_key = await self._fetch_api_key(call.config)
        limits = self._use_limits(call.config, call.api_key)
        admission = Admission()
        try:
            if limits.acquire(admission, self.clock.monotonic()) is not None:
                await self._wait(call, limits).admit(admission)
            call.attempts += 1
            result = await self._exchange(call)
            attempt = call.ended_attempt(result, succeeded=is_success(call, result))
            retry = limits.settle(admission, attempt, self.clock.monotonic())
        finally:
            limits.settle(admission, None, self.clock.monotonic())  # unless it has ended
        call.record(attempt, retry)
        log_attempt(call)
        return attempt

    async def _exchange(self, call: Call) -> AttemptResult:
        limit = call.config.max_response_bytes
        transport = self._shared.transport()
        try:
            received = check_response(await self._send_traced(call, transport))
            if len(received.body) > limit:  # the user's own transport may have no limit
                return TransportError("too_large", None, received)
            response = APIResponse(received, received_at=self.clock.time(), limit=limit, api_key=call.api_key)
        except Exception as error:
            if call.callback_error is not None:
                raise call.callback_error from None
            # The user's own transport may let any exception through. If one of ours does, a signal handler or a timer
            # has raised it.
            if isinstance(transport, AsyncTransportBase) and not isinstance(error, TransportError):
                note_interruption(error, call)
                raise
            return transport_error_from(error)
        except BaseException as error:
            note_interruption(error, call)
            raise
        return response

    async def _send_traced(self, call: Call, transport: AsyncTransport) -> HTTPResponse:
        request = call.http_request(partial(self._report_wait, call))
        if call.config.tracing is None:
            return await transport.send(request, call.deadline)
        url = redact_url(call.url, call.api_key)
        with call.config.tracing.attempt(request.method, url, call.attempts, request.headers) as span:
            response = await transport.send(request, call.deadline)
            span.set_response(response.status, None)
            return response

    async def _report_wait(self, call: Call, seconds: float, detail: str) -> None:
        try:
            await report_wait(call, seconds, "connection", f"for a connection ({detail})")
        except Exception as error:
            call.callback_error = error
            raise

    async def _pause(self, call: Call, seconds: float) -> None:
        """Log a retry, call the user's `on_retry`, and sleep before the retry."""
        log_retry(call, seconds)
        if call.config.on_retry is not None:
            from fibonacci._core.option_types import RetryEvent  # a dataclass takes long to define

            event = RetryEvent(
                method=call.request.method,
                path=call.request.path,
                attempt=call.attempts,
                seconds=seconds,
                reason=describe(call.result),
            )
            await _runtime.resolve("on_retry", call.config.on_retry(event))
        if call.retry is not None and call.retry.is_rate_limited:
            await self._wait(call, self._use_limits(call.config, call.api_key)).retry(seconds)
        else:
            await self.clock.sleep(seconds)

    def _wait(self, call: Call, limits: SharedLimits) -> AsyncRateLimitWait:
        return AsyncRateLimitWait(call, limits, self._shared, self.clock)

    async def _fetch_api_key(self, config: Config) -> str:
        key = config.api_key
        if not isinstance(key, str):
            key = check_key(await _runtime.resolve("api_key", key()), source="what the api_key function returned")
        self._last_key = key
        redact_in_logs(key)
        return key

    def _use_limits(self, config: Config, api_key: str) -> SharedLimits:
        limits = self._find_limits(config.base_url, api_key, self._shared.limits)
        self._shared.limits = limits
        return limits


def _limits_finder(rate_limiter: str) -> Callable[[str, str, SharedLimits | None], SharedLimits]:
    """Return what finds the limits of a key: the one place that chooses between limiters."""
    if rate_limiter == "process":
        return shared_limits
    if rate_limiter == "off":
        return unenforced_limits
    from fibonacci._net.stored_limits import stored_limits

    return partial(stored_limits, rate_limiter)


def _of_new_client(options: dict[str, Any]) -> AsyncRequestor:
    """Return what sends the requests of a client that is made here, from what was pickled of another."""
    config = config_from(options)
    return AsyncRequestor(config, AsyncSharedState(config))

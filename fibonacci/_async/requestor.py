"""The path of every call: gate, attempts, retries, decoding. The rules that it follows are in `_core`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fibonacci._async import _runtime
from fibonacci._async.shared_state import AsyncSharedState
from fibonacci._core.call import Call, with_request_id
from fibonacci._core.config import Config, check_key
from fibonacci._core.decoding import decode, decode_any, decode_list
from fibonacci._core.json_types import is_array
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError
from fibonacci._core.paging import next_params
from fibonacci._core.request import Request
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.retry import LONGEST_WAIT
from fibonacci._core.shared_limits import SharedLimits, shared_limits
from fibonacci._core.urls import QueryValue
from fibonacci.errors import APIResponseError
from fibonacci.models._base import attach_response
from fibonacci.models.response import ResponseInfo

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from fibonacci.models.page import Page

T = TypeVar("T")
R = TypeVar("R")


class AsyncRequestor:
    """Carries out requests: with the key, within the time, at the plan's pace, and repeated where that does no harm.

    Args:
        config: The client's configuration.
        connections: What the client shares with its clones.
    """

    def __init__(self, config: Config, connections: AsyncSharedState) -> None:
        self.config = config
        self.connections = connections

    async def send(self, request: Request[T]) -> T:
        """Carry out a request and read its answer as what the request returns.

        Raises:
            FibonacciError: Whatever goes wrong.
        """
        (data, meta), info = await self._read(self._begin(request), partial(decode, returns=request.returns))
        attach_response(data if is_array(data) else [data], with_request_id(info, meta))
        return cast("T", data)

    async def send_untyped(self, request: Request[Any]) -> Any:
        """Carry out a request and give back the data of its answer as plain Python objects.

        Raises:
            FibonacciError: Whatever goes wrong.
        """
        data, _ = await self._read(self._begin(request), decode_any)
        return data

    async def send_page(self, request: Request[T]) -> tuple[Page[T], dict[str, QueryValue] | None]:
        """Carry out a request for a page: the page, and the parameters of the next one (None at the end).

        Raises:
            FibonacciError: Whatever goes wrong.
        """
        from fibonacci.models.page import Page  # not needed by most first calls

        call = self._begin(request)
        read = partial(decode_list, item=request.returns, collection=request.collection)
        (items, meta), info = await self._read(call, read)
        info = with_request_id(info, meta)
        attach_response(items, info)
        following = next_params(meta, info.headers.get("link", ""), call.url)
        cursor = None if following is None else following.get("cursor")
        return Page(cast("list[T]", items), info, None if cursor is None else str(cursor)), following

    async def pace(self) -> SharedLimits:
        """The pace of the present key."""
        return self._pace(await self._api_key())

    def _begin(self, request: Request[Any]) -> Call:
        # The first import of what sends takes a while, which is none of the time that the call may take.
        self.connections.sender()
        return Call(request, self.config)

    async def _read(self, call: Call, read: Callable[[APIResponse], R]) -> tuple[R, ResponseInfo]:
        answer = await self._answer(call)
        info = call.response_info(answer)
        try:
            return read(answer), info
        except APIResponseError as error:
            error.request_id = info.request_id
            call.complete(error, uncertain=True)
            raise

    async def _answer(self, call: Call) -> APIResponse:
        """The answer of the last attempt, when it is one that the caller gets."""
        if self.config.tracing is None:
            return await self._carry_out(call)
        with self.config.tracing.call(call.request.method, call.template, self.config.base_url) as span:
            answer = await self._carry_out(call)
            span.answered(answer.status, answer.headers.get("x-request-id"))
            return answer

    async def _carry_out(self, call: Call) -> APIResponse:
        attempted = await self._attempt(call)
        # A first attempt that succeeds, as nearly all do, never enters tenacity.
        if not (isinstance(attempted, APIResponse) and call.is_success(attempted)):
            attempted = await self._retried(call, attempted)
        if isinstance(attempted, APIResponse) and call.is_success(attempted):
            return attempted
        error = call.error(attempted)
        raise error from error.__cause__

    async def _retried(self, call: Call, first: AttemptResult) -> AttemptResult:
        """The outcome of the last attempt; outcomes are values here, for exceptions must not be swallowed."""
        # Imported here, as most scripts never retry.
        from tenacity import AsyncRetrying, retry_if_result

        pending: list[AttemptResult] = [first]

        async def attempt() -> AttemptResult:
            return pending.pop() if pending else await self._attempt(call)

        def wait(state: RetryCallState) -> float:
            return call.wait

        async def before_sleep(state: RetryCallState) -> None:
            if state.outcome is not None:
                await _runtime.resolve(call.tell(state.outcome.result()))

        def give_up(state: RetryCallState) -> AttemptResult:
            return cast("AttemptResult", state.outcome and state.outcome.result())

        # One object for each call: a shared one mixes up concurrent calls.
        retrying = AsyncRetrying(
            sleep=_runtime.sleep,
            retry=retry_if_result(call.wants_retry),
            wait=wait,
            before_sleep=before_sleep,
            retry_error_callback=give_up,
        )
        return await retrying(attempt)

    async def _attempt(self, call: Call) -> AttemptResult:
        """Send the request once, when the gate lets it pass."""
        api_key = await self._api_key()
        pace = call.pace = self._pace(api_key)
        await self._pass_gate(call, pace)
        attempted: AttemptResult
        try:
            call.attempts += 1
            attempted = call.received(await self._send_wire(call, call.wire_request(api_key)))
        except TransportError as failure:
            attempted = failure
        except BaseException:
            pace.gate.leave()
            raise
        pace.gate.leave(attempted)
        call.log(attempted)
        return attempted

    async def _send_wire(self, call: Call, request: HTTPRequest) -> HTTPResponse:
        sender = self.connections.sender()
        if self.config.tracing is None:
            return await sender.send(request, call.deadline)
        with self.config.tracing.attempt(request.method, call.url, call.attempts, request.headers) as span:
            response = await sender.send(request, call.deadline)
            span.answered(response.status, None)
            return response

    async def _pass_gate(self, call: Call, pace: SharedLimits) -> None:
        while (wait := pace.gate.enter()) > 0:
            if wait > LONGEST_WAIT or not call.deadline.allows(wait):
                raise call.gate_error(wait)
            await _runtime.sleep(wait)

    async def _api_key(self) -> str:
        key = self.config.api_key
        if isinstance(key, str):
            return key
        return check_key(await _runtime.resolve(key()), source="what the api_key function returned")

    def _pace(self, api_key: str) -> SharedLimits:
        pace = self.connections.pace = shared_limits(self.config.base_url, api_key)
        return pace

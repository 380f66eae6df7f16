"""The base class of the resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fibonacci._async.pager import AsyncPager
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._core.request import Request

T = TypeVar("T")


class AsyncResource:
    """A group of calls: its methods describe requests, and the requestor sends them."""

    def __init__(self, requestor: AsyncRequestor) -> None:
        self._requestor = requestor

    async def _send(self, request: Request[T]) -> T:
        return await self._requestor.send(request)

    def _pager(self, request: Request[T]) -> AsyncPager[T]:
        return AsyncPager(self._requestor, request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._requestor.config.base_url}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            from fibonacci._suggestions import missing_attribute

            raise missing_attribute(self, name)

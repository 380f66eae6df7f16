# Derived from fibonacci/_async/_resource.py by tests/mirror.py; change that file, not this one.
"""The base class of the resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fibonacci._core.request import Request
from fibonacci._sync.pager import Pager
from fibonacci._sync.requestor import Requestor

T = TypeVar("T")


class Resource:
    """A group of calls: its methods describe requests, and the requestor sends them."""

    def __init__(self, requestor: Requestor) -> None:
        self._requestor = requestor

    def _send(self, request: Request[T]) -> T:
        return self._requestor.send(request)

    def _pager(self, request: Request[T]) -> Pager[T]:
        return Pager(self._requestor, request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._requestor.config.base_url}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            from fibonacci._suggestions import missing_attribute

            raise missing_attribute(self, name)

# Derived from fibonacci/_async/pager.py by tests/mirror.py; change that file, not this one.
"""Lists that span many pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from fibonacci._core.request import Request
from fibonacci._sync.transport import Transport
from fibonacci.errors import PaginationError
from fibonacci.models.page import Page

T = TypeVar("T")


class Pager(Generic[T]):
    """A list of the platform. Iterating it yields every item of every page, each page fetched when it is needed.

    It can be iterated again; each time the list is fetched anew. Only one page is held at a time.

    Example:
        ```python
        for workflow in client.workflows.list(limit=50):
            print(workflow.id, workflow.name)

        first = client.workflows.list().first()
        for page in client.workflows.list().pages():
            print(len(page.items), page.response.request_id)
        ```
    """

    def __init__(self, transport: Transport, request: Request[T]) -> None:
        self._transport = transport
        self._request = request

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """Yield the pages, each fetched when it is needed.

        Yields:
            Pages, with their `items` and their `response`.

        Raises:
            PaginationError: If the server names a page again: following it would never end.
            FibonacciError: Whatever else goes wrong with a call.
        """
        request = self._request
        seen: set[str] = set()
        while True:
            page, following = self._transport.send_page(request)
            yield page
            if following is None:
                return
            mark = repr(sorted(following.items()))
            if mark in seen:
                raise self._repeated(mark, page)
            seen.add(mark)
            request = replace(request, params={**request.params, **following})

    def first(self) -> T | None:
        """Fetch the first item.

        Returns:
            The first item of the list, or None when the list is empty.

        Raises:
            FibonacciError: Whatever goes wrong with a call.
        """
        for page in self.pages():
            if page.items:
                return page.items[0]
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._request.method} {self._request.path})"

    def _repeated(self, mark: str, page: Page[T]) -> PaginationError:
        error = PaginationError(f"the server names the page {mark[:80]} a second time; iterating would never end")
        error.method, error.path = self._request.method, self._request.path
        error.status_code, error.request_id = page.response.status_code, page.response.request_id
        error.attempts, error.elapsed = page.response.attempts, page.response.elapsed
        error.content_type = page.response.headers.get("content-type", "")
        return error

# Derived from fibonacci/_async/resource.py by tests/tools/mirror.py; change that file, not this one.
"""The base class of the groups of calls, and lists that span many pages."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter, length_hint
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from fibonacci._core.options import check_count
from fibonacci._core.request import Request, request_to_take
from fibonacci._core.urls import QueryValue
from fibonacci._sync import _runtime
from fibonacci._sync.requestor import Requestor
from fibonacci._system.concurrency import SingleReader
from fibonacci._texts.suggestions import Hinted
from fibonacci.errors import PaginationError
from fibonacci.models._base import Model, id_fields

if TYPE_CHECKING:
    import pandas
    import polars

    from fibonacci.models.page import Page


T = TypeVar("T")

# How to go on: the number of the next page, the request for it, and the IDs on the page before. An error if fetching it
# would never end. None after the last page.
NextPage = tuple[int, Request[T], list[Any]] | PaginationError | None

_SHARED = (
    "another task or thread is waiting for the next page of this list. Iterate it in one of them and hand the items to"
    " the others through a queue, or create a list in each, which then gets every item"
)


class Pager(_runtime.IterationHints, Generic[T]):
    """A list from the platform that yields every item when you loop over it.

    The SDK fetches a page when your loop reaches it, and holds one page at a time. Items come in the platform's order.
    If you loop again, the list is fetched again.

    Example:
        ```python
        for workflow in client.workflows.list(page_size=50):
            print(workflow.id, workflow.name)

        first = client.workflows.list().first()
        newest = client.executions.list().take(10)
        for page in client.workflows.list().pages():
            print(len(page.items), page.response.request_id)
        ```
    """

    # No `__dict__`: FastAPI would read the client in it, with its key, to make JSON of a pager that a route returns.
    __slots__ = ("_first_page", "_request", "_sender")

    def __init__(self, sender: PageSender, request: Request[T]) -> None:
        self._sender = sender
        self._request = request
        self._first_page: Page[T] | None = None  # the page that `first` fetched, which a notebook shows

    def __iter__(self) -> Iterator[T]:
        return Items(self._sender, self._request)

    def pages(self) -> Iterator[Page[T]]:
        """Loop over the pages instead of the items.

        Each page is fetched when your loop reaches it.

        Returns:
            An iterator of pages in the platform's order, with their `items` and their `response`.

        Raises:
            PaginationError: While you loop, if it would never end: the server points back to an earlier page, or sends
                the same items a second time.
            FibonacciError: While you loop, if a request fails.
        """
        return Pages(self._sender, self._request)

    def first(self) -> T | None:
        """Fetch the first item of the list.

        This takes one request, and another one for each empty page before the first item.

        Returns:
            The item, or None if the list is empty.

        Raises:
            FibonacciError: If a request fails.
        """
        for page in self.pages():
            self._first_page = page
            if page.items:
                return page.items[0]
        return None

    def take(self, n: int) -> list[T]:
        """Fetch the first items of the list, with as few pages as possible.

        Without a `page_size`, it asks for no more items than you need: `list().take(10)` is one request for 10 items.

        Args:
            n: How many items, 0 or more.

        Returns:
            The first `n` items in the platform's order, or all of them if the list is shorter.

        Raises:
            TypeError: If `n` isn't an int. Nothing is sent.
            ValueError: If `n` is negative. Nothing is sent.
            FibonacciError: If a request fails.

        Example:
            ```python
            for execution in client.executions.list(workflow_id=workflow.id).take(10):
                print(execution.id, execution.status)
            ```
        """
        items: list[T] = []
        if check_count("n", n) == 0:
            return items
        for page in Pages(self._sender, request_to_take(self._request, n)):
            items += page.items
            if len(items) >= n:
                break
        return items[:n]

    def to_pandas(self, *, flatten: bool = False) -> pandas.DataFrame:
        """Fetch all pages, and return their items as one pandas data frame (extra `pandas`).

        It sends one request per page. See `Page.to_pandas` for the columns and their types.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the platform's order.

        Raises:
            ImportError: If pandas isn't installed. Nothing is sent.
            FibonacciError: If a request fails.

        Example:
            ```python
            runs = client.executions.list(workflow_id=workflow.id).to_pandas(flatten=True)
            print(runs["status"].value_counts())
            ```
        """
        from fibonacci._display.frames import load_library, pandas_frame

        load_library("pandas")  # before anything is sent
        return pandas_frame(*self._table(), flatten=flatten)

    def to_polars(self, *, flatten: bool = False) -> polars.DataFrame:
        """Fetch all pages, and return their items as one polars data frame (extra `polars`).

        It sends one request per page. See `Page.to_polars` for the columns and their types.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the platform's order.

        Raises:
            ImportError: If polars isn't installed. Nothing is sent.
            FibonacciError: If a request fails.

        Example:
            ```python
            runs = client.executions.list(workflow_id=workflow.id).to_polars()
            print(runs.group_by("status").len())
            ```
        """
        from fibonacci._display.frames import load_library, polars_frame

        load_library("polars")  # before anything is sent
        return polars_frame(*self._table(), flatten=flatten)

    def to_arrow(self, *, flatten: bool = False) -> Any:
        """Fetch all pages, and return their items as one Arrow table (extra `arrow`).

        It sends one request per page. See `Page.to_arrow` for the columns and their types.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A `pyarrow.Table` with a row for each item, in the platform's order.

        Raises:
            ImportError: If pyarrow isn't installed. Nothing is sent.
            FibonacciError: If a request fails.

        Example:
            ```python
            runs = client.executions.list(workflow_id=workflow.id).to_arrow()
            print(runs.num_rows)
            ```
        """
        from fibonacci._display.frames import arrow_table, load_library

        load_library("arrow")  # before anything is sent
        return arrow_table(*self._table(), flatten=flatten)

    def _table(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        from fibonacci.models.page import table_of

        return table_of([item for page in self.pages() for item in page.items], self._request.returns)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._request.method} {self._request.path})"

    def _repr_html_(self) -> str:
        from fibonacci._display.html import pager_html

        call = f"{self._request.method} {self._request.path}"
        return pager_html(type(self).__name__, call, self._first_page)


class PageSender(Protocol):
    """Sends the request for a page."""

    def send_page(self, request: Request[T]) -> tuple[Page[T], dict[str, QueryValue] | None]:
        """Send a request for a page, and return the page with the parameters of the next one (None at the end)."""
        ...


class PageReader(_runtime.IterationHints, Generic[T]):
    """Reads the pages of a list, one after another, for one task or thread at a time.

    Args:
        sender: Sends the requests.
        request: The request for the first page.
    """

    def __init__(self, sender: PageSender, request: Request[T]) -> None:
        self._sender = sender
        self._next: NextPage[T] = 0, request, []
        self._named_by: dict[str, int] = {}
        self._single = SingleReader(_SHARED)

    def __iter__(self) -> Self:
        return self

    def _read(self) -> tuple[Page[T], NextPage[T]]:
        """Return the next page, and what comes after it.

        The caller assigns this to `_next` in the same step as what it keeps of the page. Until then nothing has
        changed, so after an error, a cancellation or Ctrl-C the same page is fetched again.
        """
        if isinstance(self._next, PaginationError):
            failure, self._next = self._next, None
            raise failure
        if self._next is None:
            raise StopIteration
        number, request, ids = self._next
        page, following = self._sender.send_page(request)
        if page.items:
            before, ids = ids, _ids(page)
            if any(ids) and ids == before:
                raise _endless("the server returned the same items a second time", request, page)
        if following is None:
            return page, None
        mark = repr(sorted(following.items()))
        if self._named_by.setdefault(mark, number) != number:
            # This page is valid, and fetching the next one fails.
            return page, _endless(f"the server returned the cursor {mark[:80]} a second time", request, page)
        return page, (number + 1, request._replace(params={**request.params, **following}), ids)


class Pages(PageReader[T]):
    """The pages of a list. It isn't a generator, because a generator that is left early has to be closed."""

    def __next__(self) -> Page[T]:
        with self._single.turn():
            page, self._next = self._read()
            return page


class Items(PageReader[T]):
    """The items of a list, page by page."""

    def __init__(self, sender: PageSender, request: Request[T]) -> None:
        super().__init__(sender, request)
        self._items: Iterator[T] = iter(())

    def __next__(self) -> T:
        while True:
            for item in self._items:  # in one step for other threads and for Ctrl-C
                return item
            with self._single.turn():
                if not length_hint(self._items):
                    page, following = self._read()
                    self._items, self._next = iter(page.items), following


def _ids(page: Page[Any]) -> list[Any]:
    """Return what identifies the items of a page. Empty if nothing does."""
    fields = id_fields(page.model) if page.model is not None and issubclass(page.model, Model) else ()
    return list(map(attrgetter(*fields), page.items)) if fields else []


def _endless(problem: str, request: Request[T], page: Page[T]) -> PaginationError:
    error = PaginationError(f"{problem}, so iterating would never end")
    error.method, error.path = request.method, request.path
    error.status_code, error.request_id = page.response.status_code, page.response.request_id
    error.attempts, error.elapsed = page.response.attempts, page.response.elapsed
    error.content_type = page.response.headers.get("content-type", "")
    return error


class Resource(Hinted):
    """A group of calls, such as `client.workflows`.

    Its methods describe requests, and the requestor sends them.
    """

    def __init__(self, requestor: Requestor) -> None:
        self._requestor = requestor

    def _send(self, request: Request[T]) -> T:
        return self._requestor.send(request)

    def _pager(self, request: Request[T]) -> Pager[T]:
        return Pager(self._requestor, request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._requestor.config.base_url}>"

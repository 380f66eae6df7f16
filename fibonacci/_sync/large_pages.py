# Derived from fibonacci/_async/large_pages.py by tests/tools/mirror.py; change that file, not this one.
"""Lists that are searched: few requests, for pages as large as the platform allows, or until they are too old."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from fibonacci._batch.watching import goes_on, page_size
from fibonacci._core.request import LARGEST_PAGE, Request
from fibonacci._core.urls import QueryValue
from fibonacci._sync.requestor import Requestor
from fibonacci.errors import BadRequestError
from fibonacci.models.executions import Execution
from fibonacci.models.page import Page

T = TypeVar("T")


class LargePages:
    """Sends the requests for pages of lists, and asks for many items on each.

    How large a page may be isn't documented: after a refusal, the platform chooses.

    Args:
        requestor: Sends the requests.
    """

    def __init__(self, requestor: Requestor) -> None:
        self._requestor = requestor
        self._may_choose_size = True

    def send_page(self, request: Request[T], size: int = LARGEST_PAGE) -> tuple[Page[T], dict[str, QueryValue] | None]:
        """Send a request for a page and return it, with the parameters of the next page (None at the end).

        Args:
            request: The request, without a `limit`.
            size: The largest number of items on the page.

        Raises:
            FibonacciError: If anything goes wrong.
        """
        if self._may_choose_size:
            try:
                return self._requestor.send_page(request._replace(params={**request.params, "limit": size}))
            except BadRequestError:
                self._may_choose_size = False
        return self._requestor.send_page(request)

    def find_executions(self, request: Request[Any], wanted: Collection[str]) -> tuple[dict[str, Execution], int]:
        """Read the pages of a list, the newest executions first, that have several of those wanted.

        Args:
            request: The request for the first page.
            wanted: The IDs of the executions.

        Returns:
            Those that were found, by ID, and the number of pages that were read.

        Raises:
            FibonacciError: If anything goes wrong.
        """
        executions: dict[str, Execution] = {}
        pages = 0
        while True:
            page, following = self.send_page(request, page_size(len(wanted)))
            pages += 1
            before = len(executions)
            executions.update((execution.id, execution) for execution in page.items if execution.id in wanted)
            if following is None or not goes_on(len(executions) - before, len(wanted) - len(executions)):
                return executions, pages
            request = request._replace(params={**request.params, **following})


class PagesSince:
    """Sends the requests for pages of executions, of which it keeps those that were started since a time.

    The platform documents no such filter. The newest executions come first, so the list ends at the first page that has
    only older ones.

    Args:
        requestor: Sends the requests.
        since: The time.
    """

    def __init__(self, requestor: Requestor, since: datetime) -> None:
        self._requestor = requestor
        self._since = since

    def send_page(self, request: Request[T]) -> tuple[Page[T], dict[str, QueryValue] | None]:
        """Send a request for a page and return it without the older executions, with the parameters of the next one."""
        page, following = self._requestor.send_page(request)
        kept = [item for item in page.items if not self._is_older(item)]
        return replace(page, items=kept), following if kept or not page.items else None

    def _is_older(self, execution: object) -> bool:
        created: datetime | None = getattr(execution, "created_at", None)
        if created is None:
            return False
        return (created if created.tzinfo else created.replace(tzinfo=UTC)) < self._since

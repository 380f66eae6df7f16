"""New and changed executions, from the list: none is missed between two polls, none is reported twice for a status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fibonacci import Fibonacci, NotFoundError, Page
from fibonacci.models import Execution, ResponseInfo

# The list has the newest first: what is new is on the first page, unless much was started since the last poll.
_FRONT: Final = 50
_PAGE: Final = 200
_NOT_ENDED: Final = ("pending", "running", "pending_approval")
# Ended executions whose status is remembered; they do not change any more.
_REMEMBERED: Final = 20_000


class ExecutionFeed:
    """Reports the executions that were started or have changed since the last poll.

    Args:
        client: Sends the requests.
        workflow_id: Those of one workflow alone; None for all.

    Attributes:
        requests: How many requests the last poll took.
        response: The response to the last request; None before the first.
    """

    def __init__(self, client: Fibonacci, workflow_id: str | None = None) -> None:
        self._client = client
        self._workflow_id = workflow_id
        self._seen: dict[str, str | None] = {}
        self._running: dict[str, str | None] = {}
        self.requests: int = 0
        self.response: ResponseInfo | None = None

    def begin(self) -> list[Execution]:
        """Read the newest page, and all executions that have not ended.

        Returns:
            The newest page, the oldest first. The first poll reports what is newer than that.

        Raises:
            APIError: If a request fails; then it can be called again.
        """
        self.requests = 0
        found: dict[str, Execution] = {}
        front = next(self._pages(None, _FRONT))
        if front.next_cursor is not None:
            for status in _NOT_ENDED:
                found |= self._with_status(status, None)
        found |= {each.id: each for each in reversed(front.items)}
        self._remember(found.values())
        return list(reversed(front.items))

    def poll(self) -> list[Execution]:
        """Return what was started or has changed since the last poll, the oldest first.

        Raises:
            APIError: If a request fails; then the next poll reports what this one would have.
        """
        self.requests = 0
        found = self._front()
        found |= self._reread([each for each in self._running if each not in found])
        changed = [each for each in found.values() if self._is_changed(each)]
        self._remember(found.values())
        return changed[::-1]

    def _is_changed(self, execution: Execution) -> bool:
        return execution.id not in self._seen or self._seen[execution.id] != execution.status

    def _front(self) -> dict[str, Execution]:
        """Return the newest executions, back to the newest that is known."""
        found: dict[str, Execution] = {}
        for page in self._pages(None, _FRONT):
            known = [index for index, each in enumerate(page.items) if each.id in self._seen]
            # What follows the last known one is older than the begin.
            found |= {each.id: each for each in (page.items[: known[-1] + 1] if known else page.items)}
            if known:
                break
        return found

    def _reread(self, missing: list[str]) -> dict[str, Execution]:
        """Return the present state of executions: by the lists of their statuses, where that takes fewer requests."""
        found: dict[str, Execution] = {}
        by_status: dict[str, set[str]] = {}
        for each in missing:
            if (status := self._running[each]) is not None:
                by_status.setdefault(status, set()).add(each)
        if len(missing) > len(by_status):
            for status, wanted in by_status.items():
                listed = self._with_status(status, wanted)
                found |= {each: listed[each] for each in wanted & listed.keys()}
        for execution_id in missing:
            if execution_id not in found:
                found |= self._read(execution_id)
        return found

    def _read(self, execution_id: str) -> dict[str, Execution]:
        self.requests += 1
        try:
            execution = self._client.executions.get(execution_id)
        except NotFoundError:  # it was deleted
            del self._running[execution_id]
            return {}
        self.response = execution.response
        return {execution_id: execution}

    def _with_status(self, status: str, wanted: set[str] | None) -> dict[str, Execution]:
        """Return the executions in a status: all of them, or pages until all that are wanted are found."""
        found: dict[str, Execution] = {}
        for page in self._pages(status, _PAGE):
            found |= {each.id: each for each in page.items}
            if wanted is not None and wanted <= found.keys():
                break
        return found

    def _pages(self, status: str | None, limit: int) -> Iterator[Page[Execution]]:
        for page in self._client.executions.list(workflow_id=self._workflow_id, status=status, page_size=limit).pages():
            self.requests += 1
            self.response = page.response
            yield page

    def _remember(self, executions: Iterable[Execution]) -> None:
        for execution in executions:
            self._seen.pop(execution.id, None)
            self._seen[execution.id] = execution.status
            if execution.is_terminal:
                self._running.pop(execution.id, None)
            else:
                self._running[execution.id] = execution.status
        for execution_id in list(self._seen)[: max(0, len(self._seen) - _REMEMBERED)]:
            if execution_id not in self._running:
                del self._seen[execution_id]

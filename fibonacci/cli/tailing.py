"""Following the executions of an organization: new ones, and changes to others."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fibonacci import APIError, Fibonacci, NotFoundError, Page
from fibonacci._core.polling import grown
from fibonacci._core.request import LARGEST_PAGE
from fibonacci._core.retry import is_final
from fibonacci.cli.node_texts import one_line
from fibonacci.models import Execution, ResponseInfo
from fibonacci.models.executions import KNOWN_STATUSES, TERMINAL_STATUSES

_STATUS_WIDTH = 16
_ID_WIDTH = 26


def line_of(execution: Execution, workflow: str) -> str:
    """Return time, ID, status, workflow and duration, in columns, with times in this machine's time zone.

    Args:
        execution: The execution.
        workflow: The name of its workflow.
    """
    changed = execution.updated_at or execution.created_at
    time = "" if changed is None else changed.astimezone().strftime("%H:%M:%S")
    duration = "" if execution.duration_ms is None else f"{execution.duration_ms / 1000:.1f} s"
    cells = (
        time.ljust(8),
        one_line(execution.id).ljust(_ID_WIDTH),
        one_line(execution.status or "").ljust(_STATUS_WIDTH),
        one_line(workflow),
        duration,
    )
    return "  ".join(cells).rstrip()


# The newest come first, so new ones are on the first page, unless many were started since the last poll.
_FRONT: Final = 50
_NOT_ENDED: Final = tuple(status for status in KNOWN_STATUSES if status not in TERMINAL_STATUSES)
# How many ended executions to remember. They no longer change.
_REMEMBERED: Final = 20_000


class ExecutionFeed:
    """Reports the executions that were started or changed since the last poll.

    Args:
        client: Sends the requests.
        workflow_id: Report only the executions of this workflow, or None for all.

    Attributes:
        requests: How many requests the last poll took.
        response: The response to the last request, or None before the first.
    """

    def __init__(self, client: Fibonacci, workflow_id: str | None = None) -> None:
        self._client = client
        self._workflow_id = workflow_id
        self._seen: dict[str, str | None] = {}
        self._running: dict[str, str | None] = {}
        self.requests: int = 0
        self.response: ResponseInfo | None = None

    def begin(self) -> list[Execution]:
        """Read the newest page, and all executions that haven't ended.

        Returns:
            The newest page, oldest first. The first poll reports what is newer.

        Raises:
            APIError: If a request fails. You can then call it again.
        """
        self.requests = 0
        executions: dict[str, Execution] = {}
        front = next(self._pages(None, _FRONT))
        if front.next_cursor is not None:
            for status in _NOT_ENDED:
                executions |= self._with_status(status, None)
        executions |= {item.id: item for item in reversed(front.items)}
        self._remember(executions.values())
        return list(reversed(front.items))

    def poll(self) -> list[Execution]:
        """Return the executions that were started or changed since the last poll, oldest first.

        Raises:
            APIError: If a request fails. The next poll then reports what this one would have.
        """
        self.requests = 0
        executions: dict[str, Execution] = {}
        for page in self._pages(None, _FRONT):  # from the newest back to the newest known one
            known = [index for index, execution in enumerate(page.items) if execution.id in self._seen]
            # What follows the last known one is older than the first page of `begin`.
            newest = page.items[: known[-1] + 1] if known else page.items
            executions |= {execution.id: execution for execution in newest}
            if known:
                break
        missing = self._running.keys() - executions.keys()
        by_status: dict[str, set[str]] = {}
        for id in missing:
            if (status := self._running[id]) is not None:
                by_status.setdefault(status, set()).add(id)
        if len(missing) > len(by_status):  # listing by status takes fewer requests
            for status, wanted in by_status.items():
                listed = self._with_status(status, wanted)
                executions |= {id: listed[id] for id in wanted & listed.keys()}
        for id in missing - executions.keys():
            self.requests += 1
            try:
                executions[id] = self._client.executions.get(id)
            except NotFoundError:  # it was deleted
                del self._running[id]
            else:
                self.response = executions[id].response
        changed = [each for each in executions.values() if self._seen.get(each.id, "") != each.status]
        self._remember(executions.values())
        return changed[::-1]

    def _with_status(self, status: str | None, wanted: set[str] | None) -> dict[str, Execution]:
        """Return the executions in a status: all of them, or page by page until all wanted ones are found."""
        executions: dict[str, Execution] = {}
        for page in self._pages(status, LARGEST_PAGE):
            executions |= {item.id: item for item in page.items}
            if wanted is not None and wanted <= executions.keys():
                break
        return executions

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


# The share of a plan's rate limit that polls may use: 15 requests a minute on the Free plan.
_SHARE: Final = 0.25
_WINDOW: Final = 60.0
# Seconds per request while the rate limit isn't known.
_UNKNOWN: Final = 4.0


def sleep_while_read(seconds: float) -> None:
    """Sleep, but raise a BrokenPipeError as soon as the reader of stdout closes it, if the system reports that.

    Otherwise `... | head -1` would end only when the next line is written, perhaps hours later.
    """
    try:
        from select import POLLERR, poll

        polled = poll()
        polled.register(sys.stdout.fileno(), POLLERR)
    except (AttributeError, ImportError, OSError, ValueError):  # Windows, no stdout, or a stdout that isn't a file
        time.sleep(seconds)
        return
    if any(event & POLLERR for _, event in polled.poll(seconds * 1000)):
        raise BrokenPipeError


def tail(
    feed: ExecutionFeed,
    say: Callable[[str], object],
    sleep: Callable[[float], object],
    *,
    last: int,
    status: str | None = None,
) -> Iterator[Execution]:
    """Yield the last executions, oldest first, and then forever new and changed ones.

    Args:
        feed: Reads the executions.
        say: Called with messages about the connection.
        sleep: Sleeps for a number of seconds.
        last: How many existing executions to begin with.
        status: Yield only executions with this status.
    """
    read, delay, is_failing = feed.begin, None, False
    while True:
        changed: list[Execution] = []
        try:
            changed = read()
        except APIError as error:
            if is_final(error, after_success=read == feed.poll):
                raise
            if not is_failing:  # once per outage
                say(f"polling failed, trying again: {error}")
            is_failing = True
        else:
            is_failing = False
            shown = [execution for execution in changed if status in (None, execution.status)]
            yield from shown if read == feed.poll else shown[max(0, len(shown) - last) :]
            read = feed.poll
        delay = grown(None if changed else delay)  # soon after a change, and less and less often while nothing changes
        limit = None if feed.response is None or feed.response.rate_limit is None else feed.response.rate_limit.limit
        least = _WINDOW / (limit * _SHARE) if limit else _UNKNOWN
        sleep(max(delay, least * max(1, feed.requests)))

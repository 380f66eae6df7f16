# Derived from fibonacci/_async/cancellation.py by tests/mirror.py; change that file, not this one.
"""Canceling executions that may end meanwhile: one, or all of a workflow."""

from __future__ import annotations

from fibonacci._core.execution_requests import cancel_execution, get_execution, list_executions
from fibonacci._core.preparation import new_idempotency_key
from fibonacci._core.urls import check_id
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.pager import Pages
from fibonacci._sync.requestor import Requestor
from fibonacci.errors import ConflictError, NotFoundError
from fibonacci.models.executions import KNOWN_STATUSES, TERMINAL_STATUSES, Execution


def cancel_unless_ended(
    requestor: Requestor, execution_id: str, *, idempotency_key: str | None = None
) -> tuple[Execution, bool]:
    """Cancel an execution, and return it with whether it was canceled: else it had ended.

    Args:
        requestor: Sends the requests.
        execution_id: The id of the execution.
        idempotency_key: The `Idempotency-Key` of the cancellation; None for that of the client's headers, or a new one.

    Raises:
        ConflictError: If it cannot be canceled although it has not ended.
        APIError: If anything else goes wrong.
    """
    try:
        return requestor.send(cancel_execution(execution_id, idempotency_key=idempotency_key)), True
    except ConflictError:
        execution = requestor.send(get_execution(execution_id))
        if not execution.is_terminal:
            raise
        return execution, False


def cancel_all(requestor: Requestor, workflow_id: str) -> list[Execution]:
    """Cancel the executions of a workflow that have not ended, and return those that were canceled.

    Raises:
        ConflictError: If one cannot be canceled although it has not ended.
        APIError: If anything else goes wrong. A note counts those that were canceled before.
        TypeError: If the id is not a string. Nothing is sent.
        ValueError: If the id is empty, which would cancel those of all workflows. Nothing is sent.
    """
    check_id("workflow_id", workflow_id)
    requestor.check_supported(cancel_execution("those that run"))
    canceled: list[Execution] = []
    running = _running(requestor, workflow_id)
    try:
        for execution_id in running:
            key = new_idempotency_key()  # that of the client's headers belongs to one request, and these are several
            try:
                execution, is_canceled = cancel_unless_ended(requestor, execution_id, idempotency_key=key)
            except NotFoundError:  # it was removed meanwhile
                continue
            if is_canceled:
                canceled.append(execution)
    except BaseException as error:
        error.add_note(f"{len(canceled)} of {len(running)} executions were canceled before")
        raise
    return canceled


def _running(requestor: Requestor, workflow_id: str) -> list[str]:
    """Return the ids of the executions that have not ended, by few requests.

    They are all read before any is canceled, for that would move the pages. Where one page has all executions, it is
    enough; else there is a list for each status that is not terminal, those that the newest executions have included.
    """
    pages = LargePages(requestor)
    newest, following = pages.send_page(list_executions(workflow_id=workflow_id))
    found = {each.id: each.status for each in newest.items if not each.is_terminal}
    if following is not None:
        known = (status for status in KNOWN_STATUSES if status not in TERMINAL_STATUSES)
        for status in dict.fromkeys([*known, *filter(None, found.values())]):
            for page in Pages(pages, list_executions(workflow_id=workflow_id, status=status)):
                found.update((each.id, each.status) for each in page.items if not each.is_terminal)
    return list(found)

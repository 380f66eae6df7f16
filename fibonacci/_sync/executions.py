# Derived from fibonacci/_async/executions.py by tests/tools/mirror.py; change that file, not this one.
"""`client.executions`: follow, wait for and cancel runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from fibonacci._core.call import new_idempotency_key
from fibonacci._core.messages import Deadline
from fibonacci._core.option_checks import check_choice, check_timeout
from fibonacci._core.urls import check_id
from fibonacci._core.workflow_requests import cancel_execution, get_execution, list_executions
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.requestor import Requestor
from fibonacci._sync.resource import Pager, Pages, Resource
from fibonacci.errors import ConflictError, NotFoundError, loading_error
from fibonacci.models.executions import KNOWN_STATUSES, TERMINAL_STATUSES, Execution, ExecutionStatus


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
    statuses = {execution.id: execution.status for execution in newest.items if not execution.is_terminal}
    if following is not None:
        known = (status for status in KNOWN_STATUSES if status not in TERMINAL_STATUSES)
        for status in dict.fromkeys([*known, *filter(None, statuses.values())]):
            for page in Pages(pages, list_executions(workflow_id=workflow_id, status=status)):
                statuses.update(
                    (execution.id, execution.status) for execution in page.items if not execution.is_terminal
                )
    return list(statuses)


class Executions(Resource):
    """Follow, wait for and cancel the runs of workflows.

    The platform documents the endpoints and the status `completed`. The other statuses, the filters of `list` and the
    response to `cancel` are choices of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    def get(self, execution_id: str) -> Execution:
        """Return one execution (`GET /executions/{id}`).

        Args:
            execution_id: The id of the execution, such as `"exec_abc123"`.

        Returns:
            The execution as it is now, with its `trace` if the platform sends one.

        Raises:
            NotFoundError: If there is no such execution.
            APIError: If anything else goes wrong.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            print(client.executions.get(execution.id).status)
            ```
        """
        return self._send(get_execution(execution_id))

    def cancel(self, execution_id: str, *, if_ended: Literal["raise", "ignore"] = "raise") -> Execution:
        """Cancel an execution (`POST /executions/{id}/cancel`).

        Args:
            execution_id: The id of the execution, such as `"exec_abc123"`.
            if_ended: What to do if it has already ended: `"raise"` an error, or `"ignore"` that. Then the execution is
                returned as it is, which takes one more request.

        Returns:
            The execution as it is after the cancellation.

        Raises:
            NotFoundError: If there is no such execution.
            ConflictError: If it has already ended, and `if_ended` is `"raise"`.
            APIError: If anything else goes wrong.
            ValueError: If `execution_id` is empty, `.` or `..`, or `if_ended` is no such word. Nothing is sent.

        Example:
            ```python
            ended = client.executions.cancel(execution.id, if_ended="ignore")
            print(ended.status)  # prints: completed
            ```
        """
        check_choice("if_ended", if_ended, ("raise", "ignore"))
        if if_ended == "raise":
            return self._send(cancel_execution(execution_id))

        execution, _ = cancel_unless_ended(self._requestor, execution_id)
        return execution

    def cancel_all(self, *, workflow_id: str) -> list[Execution]:
        """Cancel every execution of a workflow that has not ended.

        The executions are listed first and canceled one by one, the newest first. One that ends in the meantime is
        skipped. Executions that start while this runs are not canceled.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Returns:
            The executions that were canceled, in the order in which that happened; empty if none was running.

        Raises:
            APIError: If a call fails. A note says how many executions were canceled before.
            ValueError: If `workflow_id` is empty. Nothing is sent.

        Example:
            ```python
            canceled = client.executions.cancel_all(workflow_id=workflow.id)
            print(len(canceled))  # prints: 0
            ```
        """
        return cancel_all(self._requestor, workflow_id)

    def wait(
        self,
        execution_id: str,
        *,
        timeout: float | None = 300,
        on_update: Callable[[Execution], object] | None = None,
        progress: bool = False,
    ) -> Execution:
        """Wait until an execution has ended, whatever its status.

        It is polled slowly enough for the plan: after 1 second at first, growing to 15 seconds, and never with more
        than a fair share of the rate limit. A poll that fails for the moment (no connection, a 5xx, a rate limit) is
        repeated.

        Args:
            execution_id: The id of the execution, such as `"exec_abc123"`.
            timeout: Seconds to wait; None for no limit.
            on_update: Called with the `Execution` as it is first seen, and whenever its status, a node, its outputs,
                its error or another field has changed. `duration_ms` and `updated_at` alone are no change.
            progress: Whether to show a bar with the nodes done, or the elapsed time, on stderr (extra `progress`).

        Returns:
            The execution, whose status is `completed`, `failed` or `cancelled`.

        Raises:
            WaitTimeoutError: If it has not ended in time; `execution` is its last known state.
            NotFoundError: If there is no such execution.
            APIError: If polling fails permanently.
            BaseException: Whatever ends the wait early, such as `KeyboardInterrupt`, has a note with the id.
            ImportError: If `progress` is True and tqdm is not installed. Nothing is sent.
            TypeError: If `on_update` is nothing that this client can call. Nothing is sent.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            ended = client.executions.wait(execution.id, timeout=60)
            print(ended.succeeded)
            ```
        """
        try:
            from fibonacci._sync.run import wait  # most first calls need none
        except OSError as error:
            raise loading_error(error) from error
        return wait(self._requestor, execution_id, timeout=timeout, on_update=on_update, progress=progress)

    def wait_all(self, ids: Iterable[str], *, timeout: float | None = 300) -> list[Execution]:
        """Wait until several executions have ended, whatever their status.

        It looks at the list of executions, the newest first, so waiting for a hundred takes about as many requests as
        waiting for one. An execution that is not near the beginning of the list is polled by itself. It looks as
        seldom as `wait` polls, and goes on after a look that fails for the moment.

        Args:
            ids: The ids of the executions, such as `["exec_abc123", "exec_abc124"]`.
            timeout: Seconds to wait for all of them; None for no limit.

        Returns:
            The executions in the order of the ids, each with the status `completed`, `failed` or `cancelled`. One that
            was seen in the list has no `trace`.

        Raises:
            WaitTimeoutError: If not all have ended in time; `executions` has their last known states.
            NotFoundError: If one of the executions does not exist.
            APIError: If polling fails permanently.
            TypeError: If `ids` is a single text, or holds anything but texts. Nothing is sent.
            ValueError: If an id is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            started = [client.workflows.execute(workflow.id, inputs={"name": name}) for name in ("Ada", "Bob")]
            for ended in client.executions.wait_all([each.id for each in started], timeout=60):
                print(ended.status, ended.outputs)
            ```
        """
        from fibonacci._sync.wait import wait_all  # most programs need none

        return wait_all(self._requestor, ids, timeout=timeout)

    def watch(self, execution_id: str, *, timeout: float | None = None) -> Iterator[Execution]:
        """Iterate over an execution as it changes, until it has ended.

        It is polled as `wait` does, while the loop asks for the next change. You can leave the loop at any time. That
        `duration_ms` and `updated_at` grow while the execution runs is no change.

        Args:
            execution_id: The id of the execution, such as `"exec_abc123"`.
            timeout: Seconds from this call until the loop has to end; None for no limit.

        Returns:
            An iterator that yields the execution as it is now, then whenever it has changed, and last when it has
            ended.

        Raises:
            WaitTimeoutError: While it is iterated, if the execution has not ended in time.
            NotFoundError: While it is iterated, if there is no such execution.
            APIError: While it is iterated, if polling fails permanently.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for seen in client.executions.watch(execution.id):
                print(seen.status, seen.nodes_executed)
            ```
        """
        from fibonacci._sync.wait import ExecutionWaiter  # most first calls need none

        deadline = Deadline(check_timeout(timeout), self._requestor.clock)
        return ExecutionWaiter(self._requestor, execution_id, deadline)

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Pager[Execution]:
        """List executions, all or some of them (`GET /executions`).

        Args:
            workflow_id: Only those of the workflow with this id.
            status: Only those in this state. It may be one that the SDK does not know.
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every execution. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.
            ValueError: If the status looks like a misspelled one; the error names the known one. Nothing is sent.

        Example:
            ```python
            for failed in client.executions.list(status="failed"):
                print(failed.id)
            ```
        """
        if status is not None:
            from fibonacci._core.workflow_requests import check_status  # most lists are not filtered

            check_status(status)
        return self._pager(list_executions(workflow_id=workflow_id, status=status, page_size=page_size, cursor=cursor))

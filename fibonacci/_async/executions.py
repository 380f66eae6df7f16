"""`client.executions`: follow, wait for and cancel runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Literal

from fibonacci._async.large_pages import AsyncLargePages
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._async.resource import AsyncPager, AsyncPages, AsyncResource
from fibonacci._core.call import new_idempotency_key
from fibonacci._core.messages import Deadline
from fibonacci._core.options import check_choice, check_timeout
from fibonacci._core.urls import check_id
from fibonacci._core.workflow_requests import (
    cancel_execution,
    check_status,
    execute_workflow,
    get_execution,
    list_executions,
    since_time,
)
from fibonacci._remedies import remedy
from fibonacci.errors import ConflictError, FibonacciError, NotFoundError
from fibonacci.models.executions import KNOWN_STATUSES, TERMINAL_STATUSES, Execution, ExecutionStatus, fill_in
from fibonacci.models.workflows import Workflow


async def cancel_unless_ended(
    requestor: AsyncRequestor, execution_id: str, *, idempotency_key: str | None = None
) -> tuple[Execution, bool]:
    """Cancel an execution, and return it with whether this canceled it, which is False if it had already ended.

    Args:
        requestor: Sends the requests.
        execution_id: The ID of the execution.
        idempotency_key: The `Idempotency-Key` of the cancellation. None takes the one in the client's headers, or else
            a new one.

    Raises:
        ConflictError: If the execution can't be canceled although it hasn't ended.
        APIError: If a request fails for any other reason.
    """
    try:
        return await requestor.send(cancel_execution(execution_id, idempotency_key=idempotency_key)), True
    except ConflictError:
        execution = await requestor.send(get_execution(execution_id))
        if not execution.is_terminal:
            raise
        return execution, False


async def cancel_all(requestor: AsyncRequestor, workflow_id: str | Workflow) -> list[Execution]:
    """Cancel the executions of a workflow that haven't ended, and return the canceled ones.

    Raises:
        ConflictError: If one can't be canceled although it hasn't ended.
        APIError: If a request fails for any other reason. A note counts the executions canceled before.
        TypeError: If the ID isn't a string. Nothing is sent.
        ValueError: If the ID is empty, which would cancel the executions of all workflows. Nothing is sent.
    """
    workflow_id = check_id("workflow_id", workflow_id)
    requestor.check_supported(cancel_execution("those that run"))
    canceled: list[Execution] = []
    running = await _running(requestor, workflow_id)
    try:
        for execution_id in running:
            key = new_idempotency_key()  # the key in the client's headers is for one request, not for several
            try:
                execution, is_canceled = await cancel_unless_ended(requestor, execution_id, idempotency_key=key)
            except NotFoundError:  # it was removed meanwhile
                continue
            if is_canceled:
                canceled.append(execution)
    except BaseException as error:
        error.add_note(f"{len(canceled)} of {len(running)} executions were canceled before")
        raise
    return canceled


async def _running(requestor: AsyncRequestor, workflow_id: str) -> list[str]:
    """Return the IDs of the executions that haven't ended, with few requests.

    All IDs are read before anything is canceled, because canceling would move the pages. If all executions fit on one
    page, that page is enough. Otherwise there is one list for each status that isn't terminal, including any that the
    newest executions have.
    """
    pages = AsyncLargePages(requestor)
    newest, following = await pages.send_page(list_executions(workflow_id=workflow_id))
    statuses = {execution.id: execution.status for execution in newest.items if not execution.is_terminal}
    if following is not None:
        known = (status for status in KNOWN_STATUSES if status not in TERMINAL_STATUSES)
        for status in dict.fromkeys([*known, *filter(None, statuses.values())]):
            async for page in AsyncPages(pages, list_executions(workflow_id=workflow_id, status=status)):
                statuses.update(
                    (execution.id, execution.status) for execution in page.items if not execution.is_terminal
                )
    return list(statuses)


class AsyncExecutions(AsyncResource):
    """Follow, wait for and cancel the runs of workflows.

    The platform documents the endpoints and the status `completed`. It doesn't document the other statuses, the filters
    of `list` or the response to `cancel`. What the SDK sends and expects there is an assumption:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    async def get(self, execution_id: str) -> Execution:
        """Return one execution (`GET /executions/{id}`).

        Args:
            execution_id: The ID of the execution, such as `"exec_abc123"`.

        Returns:
            The execution as it is now, with its `trace` if the platform sends one.

        Raises:
            NotFoundError: If the execution doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            print((await client.executions.get(execution.id)).status)
            ```
        """
        return await self._send(get_execution(execution_id))

    async def retry(self, execution_id: str) -> Execution:
        """Start the workflow of an execution again, with the same inputs.

        This is a new execution, which costs what a run costs. It reads the first one, and then calls
        `workflows.execute`, so it runs the current version of the workflow, and a request that may have started the
        workflow is never repeated.

        Args:
            execution_id: The ID of the execution, such as `"exec_abc123"`. Whatever its status, it stays as it is.

        Returns:
            The new execution at the time of the response. To wait for its end, use `wait`.

        Raises:
            FibonacciError: If the platform doesn't send the workflow or the inputs of the execution. Nothing is
                started.
            NotFoundError: If the execution or its workflow doesn't exist.
            QuotaExceededError: If the plan allows no more runs for now.
            APIError: If a call fails for any other reason. If `outcome_unknown` is True, the workflow may be running.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            again = await client.executions.retry(execution.id)
            assert (again.workflow_id, again.inputs) == (execution.workflow_id, execution.inputs)
            ```
        """
        execution = await self.get(execution_id)
        if execution.workflow_id is None or execution.inputs is None:
            what = "workflow" if execution.workflow_id is None else "inputs"
            start = f"the platform doesn't send its {what}. To start it again, pass its inputs to "
            raise FibonacciError(f"execution {execution.id} can't be retried: {start}{remedy('start')}")
        request = execute_workflow(execution.workflow_id, execution.inputs, None)
        return fill_in(await self._send(request), execution.workflow_id, execution.inputs)

    async def cancel(self, execution_id: str, *, if_ended: Literal["raise", "ignore"] = "raise") -> Execution:
        """Cancel an execution (`POST /executions/{id}/cancel`).

        Args:
            execution_id: The ID of the execution, such as `"exec_abc123"`.
            if_ended: What to do if the execution has already ended: `"raise"` an error, or `"ignore"` it. With
                `"ignore"`, one more request returns the execution as it is.

        Returns:
            The execution after the cancellation.

        Raises:
            NotFoundError: If the execution doesn't exist.
            ConflictError: If the execution has already ended, and `if_ended` is `"raise"`.
            APIError: If the call fails for any other reason.
            ValueError: If `execution_id` is empty, `.` or `..`, or `if_ended` is neither of the two words. Nothing is
                sent.

        Example:
            ```python
            ended = await client.executions.cancel(execution.id, if_ended="ignore")
            print(ended.status)  # prints: completed
            ```
        """
        check_choice("if_ended", if_ended, ("raise", "ignore"))
        if if_ended == "raise":
            return await self._send(cancel_execution(execution_id))

        execution, _ = await cancel_unless_ended(self._requestor, execution_id)
        return execution

    async def cancel_all(self, *, workflow_id: str | Workflow) -> list[Execution]:
        """Cancel every execution of a workflow that hasn't ended.

        It lists the executions first, and then cancels them one by one, the newest first. It skips those that end in
        the meantime. Executions that start in the meantime keep running.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Returns:
            The canceled executions, in the order in which they were canceled. Empty if none was running.

        Raises:
            APIError: If a request fails. A note says how many executions were canceled before.
            ValueError: If `workflow_id` is empty. Nothing is sent.

        Example:
            ```python
            canceled = await client.executions.cancel_all(workflow_id=workflow)
            print(len(canceled))  # prints: 0
            ```
        """
        return await cancel_all(self._requestor, workflow_id)

    async def wait(
        self,
        execution_id: str,
        *,
        timeout: float | None = 300,
        on_update: Callable[[Execution], object] | None = None,
        progress: bool = False,
    ) -> Execution:
        """Wait until an execution has ended, whatever its status.

        The SDK polls every 1 to 15 seconds. All waits of your process together use a tenth of what the rate limit has
        left. If a poll fails in a way that may pass (no connection, a 5xx, a rate limit), the SDK polls again. What
        would fail every time, such as an untrusted certificate, raises at once, unless a poll has succeeded before.

        Args:
            execution_id: The ID of the execution, such as `"exec_abc123"`.
            timeout: Seconds to wait. None means no limit.
            on_update: Called with the `Execution` at first, and again whenever its status, a node, its outputs, its
                error or another field changes. A change of `duration_ms` or `updated_at` alone doesn't count.
            progress: Whether to show a progress bar on stderr, with the nodes done or the elapsed time (extra
                `progress`).

        Returns:
            The execution, with the status `completed`, `failed` or `cancelled`.

        Raises:
            WaitTimeoutError: If the execution hasn't ended in time. `execution` is its last known state. If polls have
                failed since, `__cause__` is the last failure.
            NotFoundError: If the execution doesn't exist.
            APIError: If polling fails permanently.
            BaseException: If anything else ends the wait early, such as `KeyboardInterrupt`. A note on the exception
                has the ID of the execution.
            ImportError: If `progress` is True and tqdm isn't installed. Nothing is sent.
            TypeError: If `on_update` isn't a function that this client can call. A sync client takes plain functions
                only. Nothing is sent.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            ended = await client.executions.wait(execution.id, timeout=60)
            print(ended.succeeded)
            ```
        """
        from fibonacci._async.run import wait  # most first calls need none

        return await wait(self._requestor, execution_id, timeout=timeout, on_update=on_update, progress=progress)

    async def wait_all(self, ids: Iterable[str], *, timeout: float | None = 300) -> list[Execution]:
        """Wait until several executions have ended, whatever their status.

        It reads the list of executions, newest first, so waiting for a hundred takes about as many requests as waiting
        for one. If an execution is far down the list, `wait_all` polls it separately. It waits between reads as `wait`
        does between polls, and reads again after a temporary failure.

        Args:
            ids: The IDs of the executions, such as `["exec_abc123", "exec_abc124"]`.
            timeout: Seconds to wait for all of them together. None means no limit.

        Returns:
            The executions in the order of the IDs, each with the status `completed`, `failed` or `cancelled`. Those
            read from the list have no `trace`.

        Raises:
            WaitTimeoutError: If not all of them have ended in time. `executions` has their last known states. If the
                last polls have failed, `__cause__` is the last failure.
            NotFoundError: If one of the executions doesn't exist.
            APIError: If polling fails permanently.
            TypeError: If `ids` is a single string, or contains anything but strings. Nothing is sent.
            ValueError: If an ID is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            started = [await client.workflows.execute(workflow.id, inputs={"name": name}) for name in ("Ada", "Bob")]
            for ended in await client.executions.wait_all([each.id for each in started], timeout=60):
                print(ended.status, ended.outputs)
            ```
        """
        from fibonacci._async.wait import wait_all  # most programs need none

        return await wait_all(self._requestor, ids, timeout=timeout)

    def watch(self, execution_id: str, *, timeout: float | None = None) -> AsyncIterator[Execution]:
        """Loop over an execution as it changes, until it has ended.

        It polls like `wait`, while your loop asks for the next change. You can leave the loop at any time. A change of
        `duration_ms` or `updated_at` alone doesn't count.

        Args:
            execution_id: The ID of the execution, such as `"exec_abc123"`.
            timeout: Seconds from this call to the end of the loop. None means no limit.

        Returns:
            An iterator. It yields the execution as it is now, then after each change, and last when it has ended.

        Raises:
            WaitTimeoutError: While you loop, if the execution hasn't ended in time, as with `wait`.
            NotFoundError: While you loop, if the execution doesn't exist.
            APIError: While you loop, if polling fails permanently.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            async for seen in client.executions.watch(execution.id):
                print(seen.status, seen.nodes_executed)
            ```
        """
        from fibonacci._async.wait import AsyncExecutionWaiter  # most first calls need none

        deadline = Deadline(check_timeout(timeout), self._requestor.clock)
        return AsyncExecutionWaiter(self._requestor, execution_id, deadline)

    def list(
        self,
        *,
        workflow_id: str | Workflow | None = None,
        status: ExecutionStatus | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> AsyncPager[Execution]:
        """List executions, all or some of them (`GET /executions`).

        Args:
            workflow_id: Only those of the workflow with this ID, or of this `Workflow`.
            status: Only those in this state. It may be one that the SDK doesn't know.
            page_size: The number of executions per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.
            since: Only those started since this time, such as one in UTC, or in this period before now. The SDK filters
                them: it reads the pages from the newest on, and stops at the first one on which all are older.
                Executions whose `created_at` isn't known are included.

        Returns:
            A pager. Loop over it to get every execution, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.
            TypeError: If `since` is neither a datetime nor a timedelta. Nothing is sent.
            ValueError: If the status looks like a typo, or `since` has no time zone. The message names the status you
                probably meant. Nothing is sent.

        Example:
            ```python
            from datetime import timedelta

            async for failed in client.executions.list(status="failed", since=timedelta(hours=1)):
                print(failed.id)
            ```
        """
        if status is not None:
            check_status(status)
        request = list_executions(workflow_id=workflow_id, status=status, page_size=page_size, cursor=cursor)
        if since is None:
            return self._pager(request)
        from fibonacci._async.large_pages import AsyncPagesSince  # most lists aren't filtered

        return AsyncPager(AsyncPagesSince(self._requestor, since_time(since, self._requestor.clock.time())), request)

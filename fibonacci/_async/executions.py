"""`client.executions`: follow, wait for and cancel runs."""

from __future__ import annotations

from collections.abc import Callable

from fibonacci._async._resource import AsyncResource
from fibonacci._async.pager import AsyncPager
from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci.errors import loading_error
from fibonacci.models.executions import Execution, ExecutionStatus


class AsyncExecutions(AsyncResource):
    """Follow, wait for and cancel the runs of workflows.

    The platform documents the endpoints and the status `completed`. The other statuses, the filters of `list` and the
    response to `cancel` are choices of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    async def get(self, execution_id: str) -> Execution:
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
            print((await client.executions.get(execution.id)).status)
            ```
        """
        where = path("/executions/{execution_id}", execution_id=execution_id)
        return await self._send(Request("GET", where, returns=Execution))

    async def cancel(self, execution_id: str) -> Execution:
        """Cancel an execution (`POST /executions/{id}/cancel`).

        Args:
            execution_id: The id of the execution, such as `"exec_abc123"`.

        Returns:
            The execution as it is after the cancellation.

        Raises:
            NotFoundError: If there is no such execution.
            ConflictError: If it has already ended.
            APIError: If anything else goes wrong.
            ValueError: If `execution_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            from fibonacci import ConflictError

            try:
                await client.executions.cancel(execution.id)
            except ConflictError:
                print("too late: it has ended")
            ```
        """
        where = path("/executions/{execution_id}/cancel", execution_id=execution_id)
        return await self._send(Request("POST", where, returns=Execution))

    async def wait(
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
            on_update: Called with the `Execution` whenever it has changed.
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
            ended = await client.executions.wait(execution.id, timeout=60)
            print(ended.succeeded)
            ```
        """
        try:
            from fibonacci._async.run import wait  # most first calls need none
        except OSError as error:
            raise loading_error(error) from error
        return await wait(self._requestor, execution_id, timeout=timeout, on_update=on_update, progress=progress)

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPager[Execution]:
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
            async for failed in client.executions.list(status="failed"):
                print(failed.id)
            ```
        """
        if status is not None:
            from fibonacci._core.status_filter import check_status  # most lists are not filtered

            check_status(status)
        params = {"workflow_id": workflow_id, "status": status, **page_params(page_size, cursor)}
        return self._pager(
            Request("GET", path("/executions"), returns=Execution, params=params, collection="executions")
        )

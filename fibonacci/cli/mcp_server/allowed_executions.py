"""The executions that a client may see: those of the workflows that it may run."""

from __future__ import annotations

from collections.abc import Collection

from fibonacci import AsyncFibonacci, ConflictError, NotFoundError
from fibonacci.models import Execution


class AllowedExecutions:
    """Reads and cancels executions of the allowed workflows, and of no others.

    Args:
        client: The client of the platform.
        workflow_ids: The ids of the allowed workflows.
        started: The ids of executions that the server has started, where responses do not name the workflow.
    """

    def __init__(self, client: AsyncFibonacci, workflow_ids: Collection[str], started: Collection[str]) -> None:
        self._client = client
        self._workflow_ids = workflow_ids
        self._started = started

    async def get(self, execution_id: str) -> Execution:
        """Return an execution.

        Raises:
            ValueError: If there is none with the id, or it is of another workflow: a client cannot distinguish the two.
            FibonacciError: If the call fails.
        """
        try:
            execution = await self._client.executions.get(execution_id)
        except NotFoundError:
            raise _unknown(execution_id) from None
        if execution.workflow_id in self._workflow_ids or (
            execution.workflow_id is None and execution.id in self._started
        ):
            return execution
        raise _unknown(execution_id)

    async def cancel(self, execution_id: str) -> Execution:
        """Cancel an execution, and return it; one that has ended is returned as it is.

        Raises:
            ValueError: As with `get`.
            FibonacciError: If a call fails.
        """
        execution = await self.get(execution_id)
        if execution.is_terminal:
            return execution
        try:
            return await self._client.executions.cancel(execution.id)
        except ConflictError:  # it has ended meanwhile
            return await self.get(execution.id)


def _unknown(execution_id: str) -> ValueError:
    return ValueError(f"the workflows that this server runs have no execution {execution_id!r}")

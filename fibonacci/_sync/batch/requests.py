# Derived from fibonacci/_async/batch/requests.py by tests/mirror.py; change that file, not this one.
"""The requests that running many rows takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fibonacci._batch.rows import Row
from fibonacci._batch.watching import PAGE_SIZE
from fibonacci._core.deadline import Deadline
from fibonacci._core.request import Request
from fibonacci._core.unset import Unset
from fibonacci._core.urls import QueryValue, path
from fibonacci._core.workflow_requests import execute_workflow, get_execution, get_workflow, list_executions
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.requestor import Requestor
from fibonacci.models.executions import Execution
from fibonacci.models.organizations import Quota
from fibonacci.models.page import Page
from fibonacci.models.workflows import Workflow


class BatchRequests:
    """Sends the requests about one workflow.

    Args:
        requestor: Sends them.
        workflow_id: The id of the workflow.

    Attributes:
        workflow_id: The id of the workflow.
        workflow_request: The request for it.
    """

    def __init__(self, requestor: Requestor, workflow_id: str) -> None:
        self._requestor = requestor
        self.workflow_id: str = workflow_id
        self._pages = LargePages(requestor)
        self._list = list_executions(workflow_id=workflow_id)
        self.workflow_request: Request[Workflow] = get_workflow(workflow_id)

    def workflow(self) -> Workflow:
        """Return the workflow."""
        return self._requestor.send(self.workflow_request)

    def probe(self) -> Workflow:
        """Return the workflow, for which one request is sent."""
        return self._requestor.send(self.workflow_request._replace(can_retry=False))

    def start(self, row: Row, timeout: float | None) -> Execution:
        """Start the workflow for a row, with the row's idempotency key."""
        request = execute_workflow(self.workflow_id, row.inputs, row.idempotency_key)
        config = self._requestor.config
        limit = request.default_timeout if isinstance(config.timeout, Unset) else config.timeout
        seconds = Deadline(timeout, self._requestor.clock).cap(limit)
        return self._requestor.send(request._replace(timeout=seconds))

    def execution(self, execution_id: str) -> Execution:
        """Return one execution."""
        return self._requestor.send(get_execution(execution_id))

    def page(
        self, following: Mapping[str, QueryValue] | None = None, size: int = PAGE_SIZE
    ) -> tuple[Page[Execution], dict[str, QueryValue] | None]:
        """Return a page of the workflow's executions, and what selects the next one.

        Args:
            following: What the page before named; None for the first page.
            size: The largest number of executions on it.
        """
        request = self._list._replace(params={**self._list.params, **(following or {})})
        return self._pages.send_page(request, size)

    def find(self, wanted: Collection[str]) -> tuple[dict[str, Execution], int]:
        """Return those of some executions of the workflow that the list has near its beginning, and the pages read."""
        return self._pages.find_executions(self._list, wanted)

    def running(self) -> list[str]:
        """Return the ids of executions that run, of all workflows; those of one page."""
        page, _ = self._pages.send_page(list_executions(status="running"))
        return [execution.id for execution in page.items]

    def quota(self, organization_id: str) -> Quota:
        """Return the quota of an organization."""
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return self._requestor.send(Request("GET", where, returns=Quota))

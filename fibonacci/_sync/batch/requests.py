# Derived from fibonacci/_async/batch/requests.py by tests/mirror.py; change that file, not this one.
"""The requests that running many rows takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci._batch.row import Row
from fibonacci._batch.watching import PAGE_SIZE
from fibonacci._core.deadline import Deadline
from fibonacci._core.request import Request
from fibonacci._core.unset import Unset
from fibonacci._core.urls import QueryValue, path
from fibonacci._core.workflow_requests import execute_workflow, get_workflow
from fibonacci._sync.requestor import Requestor
from fibonacci.errors import BadRequestError
from fibonacci.models.executions import Execution
from fibonacci.models.organizations import Quota
from fibonacci.models.page import Page
from fibonacci.models.workflows import Workflow


class BatchRequests:
    """Sends the requests about one workflow.

    Args:
        requestor: Sends them.
        workflow_id: The id of the workflow.
    """

    def __init__(self, requestor: Requestor, workflow_id: str) -> None:
        self._requestor = requestor
        self._workflow_id = workflow_id
        self._may_choose_size = True
        self.workflow_request: Request[Workflow] = get_workflow(workflow_id)

    def workflow(self) -> Workflow:
        """Return the workflow."""
        return self._requestor.send(self.workflow_request)

    def start(self, row: Row, timeout: float | None) -> Execution:
        """Start the workflow for a row, with the row's idempotency key."""
        request = execute_workflow(self._workflow_id, row.inputs, row.idempotency_key)
        config = self._requestor.config
        limit = request.default_timeout if isinstance(config.timeout, Unset) else config.timeout
        seconds = Deadline(timeout, self._requestor.clock).cap(limit)
        return self._requestor.send(request._replace(timeout=seconds))

    def execution(self, execution_id: str) -> Execution:
        """Return one execution."""
        where = path("/executions/{execution_id}", execution_id=execution_id)
        return self._requestor.send(Request("GET", where, returns=Execution))

    def page(
        self, following: Mapping[str, QueryValue] | None = None, size: int = PAGE_SIZE
    ) -> tuple[Page[Execution], dict[str, QueryValue] | None]:
        """Return a page of the workflow's executions, and what selects the next one.

        Args:
            following: What the page before named; None for the first page.
            size: The largest number of executions on it.
        """
        return self._list({"workflow_id": self._workflow_id, **(following or {})}, size)

    def running(self) -> list[str]:
        """Return the ids of executions that run, of all workflows; those of one page."""
        page, _ = self._list({"status": "running"}, PAGE_SIZE)
        return [execution.id for execution in page.items]

    def quota(self, organization_id: str) -> Quota:
        """Return the quota of an organization."""
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return self._requestor.send(Request("GET", where, returns=Quota))

    def _list(self, params: Mapping[str, Any], size: int) -> tuple[Page[Execution], dict[str, QueryValue] | None]:
        where = path("/executions")
        limit = {"limit": size} if self._may_choose_size else {}
        request = Request("GET", where, Execution, params={**limit, **params}, collection="executions")
        try:
            return self._requestor.send_page(request)
        except BadRequestError:
            if not self._may_choose_size:
                raise
            self._may_choose_size = False  # the platform's pages are smaller; how large they may be is not documented
            return self._list(params, size)

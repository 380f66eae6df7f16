"""`client.versions`: read the history of a workflow, and roll back."""

from __future__ import annotations

from fibonacci._async.resource import AsyncPager, AsyncResource
from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci.models.workflows import Workflow, WorkflowVersion


class AsyncVersions(AsyncResource):
    """Read the version history of a workflow, and roll back.

    The platform documents that each deployment makes a snapshot, that a rollback makes a new one, and which roles these
    calls need. It doesn't document whether `version` is a number or a name, so the SDK accepts both. That a rollback
    returns the new snapshot is an assumption: https://docs.fibonacci.today/explanation/contract-choices
    """

    async def get(self, workflow_id: str | Workflow, version: int | str) -> WorkflowVersion:
        """Return one version of a workflow (`GET /workflows/{id}/versions/{version}`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            version: The number or name of the version, as `versions.list` returns it.

        Returns:
            The snapshot, with the definition that the workflow had at the time.

        Raises:
            NotFoundError: If the workflow or the version doesn't exist.
            PermissionDeniedError: If the key's role is neither `admin` nor `owner`.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` or `version` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            first = await client.versions.get(workflow.id, 1)
            print(first.definition)
            ```
        """
        where = path("/workflows/{workflow_id}/versions/{version}", workflow_id=workflow_id, version=version)
        return await self._send(Request("GET", where, returns=WorkflowVersion))

    async def rollback(self, workflow_id: str | Workflow, version: int | str) -> WorkflowVersion:
        """Make an earlier version the current one (`POST /workflows/{id}/versions/{version}/rollback`).

        Nothing is lost: this adds a new version with the content of the earlier one.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            version: The number or name of the version to go back to.

        Returns:
            The new snapshot, with a new version number or name.

        Raises:
            NotFoundError: If the workflow or the version doesn't exist.
            PermissionDeniedError: If the key's role is neither `admin` nor `owner`.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` or `version` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            snapshot = await client.versions.rollback(workflow.id, 1)
            print(snapshot.version)
            ```
        """
        where = path("/workflows/{workflow_id}/versions/{version}/rollback", workflow_id=workflow_id, version=version)
        return await self._send(Request("POST", where, returns=WorkflowVersion))

    def list(
        self, workflow_id: str | Workflow, *, page_size: int | None = None, cursor: str | None = None
    ) -> AsyncPager[WorkflowVersion]:
        """List the versions of a workflow, which any member may do (`GET /workflows/{id}/versions`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            page_size: The number of versions per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every version, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            async for version in client.versions.list(workflow.id):
                print(version.version, version.created_at)
            ```
        """
        where = path("/workflows/{workflow_id}/versions", workflow_id=workflow_id)
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", where, returns=WorkflowVersion, params=params, collection="versions"))

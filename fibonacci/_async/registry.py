"""`client.registry`: publish workflows as templates."""

from __future__ import annotations

from fibonacci._async.resource import AsyncPager, AsyncResource
from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci.models.workflows import RegistryEntry, Workflow


class AsyncRegistry(AsyncResource):
    """Approve workflows as templates, deprecate and archive them.

    The platform documents the endpoints, and says that lists don't include archived entries. It doesn't document the
    statuses and how they may change, so what the SDK expects is an assumption:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    async def approve_template(self, workflow_id: str | Workflow) -> RegistryEntry:
        """Approve a workflow as a template (`POST /workflow-registry/{id}/approve-template`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Returns:
            The workflow's entry in the registry, with the status `approved`.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            ConflictError: If the workflow already has an entry.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            entry = await client.registry.approve_template(workflow.id)
            assert entry.status == "approved"
            ```
        """
        return await self._move(path("/workflow-registry/{workflow_id}/approve-template", workflow_id=workflow_id))

    async def deprecate(self, workflow_id: str | Workflow) -> RegistryEntry:
        """Mark a template as deprecated (`POST /workflow-registry/{id}/deprecate`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Returns:
            The workflow's entry in the registry, with the status `deprecated`.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            ConflictError: If the entry isn't `approved`, or the workflow has none.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            await client.registry.approve_template(workflow.id)
            entry = await client.registry.deprecate(workflow.id)
            assert entry.status == "deprecated"
            ```
        """
        return await self._move(path("/workflow-registry/{workflow_id}/deprecate", workflow_id=workflow_id))

    async def archive(self, workflow_id: str | Workflow) -> RegistryEntry:
        """Archive a template, so that lists leave it out by default (`POST /workflow-registry/{id}/archive`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Returns:
            The workflow's entry in the registry, with the status `archived`.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            ConflictError: If the entry is already archived, or the workflow has none.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            await client.registry.approve_template(workflow.id)
            entry = await client.registry.archive(workflow.id)
            assert entry.status == "archived"
            ```
        """
        return await self._move(path("/workflow-registry/{workflow_id}/archive", workflow_id=workflow_id))

    async def _move(self, where: str) -> RegistryEntry:
        return await self._send(Request("POST", where, returns=RegistryEntry))

    def list(
        self, *, include_archived: bool | None = None, page_size: int | None = None, cursor: str | None = None
    ) -> AsyncPager[RegistryEntry]:
        """List the entries of the registry (`GET /workflow-registry`).

        Args:
            include_archived: Whether to list archived entries too, which the platform leaves out by default.
            page_size: The number of entries per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every entry, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.

        Example:
            ```python
            async for entry in client.registry.list(include_archived=True):
                print(entry.workflow_id, entry.status)
            ```
        """
        params = {"include_archived": include_archived, **page_params(page_size, cursor)}
        request = Request(
            "GET", path("/workflow-registry"), returns=RegistryEntry, params=params, collection="workflow-registry"
        )
        return self._pager(request)

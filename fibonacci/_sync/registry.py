# Derived from fibonacci/_async/registry.py by tests/tools/mirror.py; change that file, not this one.
"""`client.registry`: workflows as templates."""

from __future__ import annotations

from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci._sync.resource import Pager, Resource
from fibonacci.models.workflows import RegistryEntry


class Registry(Resource):
    """Approve workflows as templates, deprecate and archive them.

    The platform documents the endpoints, and that lists leave archived entries out. The statuses and the transitions
    between them are choices of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    def approve_template(self, workflow_id: str) -> RegistryEntry:
        """Approve a workflow as a template (`POST /workflow-registry/{id}/approve-template`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Returns:
            The workflow's entry in the registry, whose status is `approved`.

        Raises:
            NotFoundError: If there is no such workflow.
            PermissionDeniedError: If the key's role may not do this.
            ConflictError: If the workflow has an entry already.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            entry = client.registry.approve_template(workflow.id)
            assert entry.status == "approved"
            ```
        """
        return self._move(path("/workflow-registry/{workflow_id}/approve-template", workflow_id=workflow_id))

    def deprecate(self, workflow_id: str) -> RegistryEntry:
        """Mark a template as deprecated (`POST /workflow-registry/{id}/deprecate`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Returns:
            The workflow's entry in the registry, whose status is `deprecated`.

        Raises:
            NotFoundError: If there is no such workflow.
            PermissionDeniedError: If the key's role may not do this.
            ConflictError: If the entry is not `approved`, or the workflow has none.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.registry.approve_template(workflow.id)
            entry = client.registry.deprecate(workflow.id)
            assert entry.status == "deprecated"
            ```
        """
        return self._move(path("/workflow-registry/{workflow_id}/deprecate", workflow_id=workflow_id))

    def archive(self, workflow_id: str) -> RegistryEntry:
        """Archive a template: lists leave it out by default (`POST /workflow-registry/{id}/archive`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Returns:
            The workflow's entry in the registry, whose status is `archived`.

        Raises:
            NotFoundError: If there is no such workflow.
            PermissionDeniedError: If the key's role may not do this.
            ConflictError: If the entry is archived already, or the workflow has none.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.registry.approve_template(workflow.id)
            entry = client.registry.archive(workflow.id)
            assert entry.status == "archived"
            ```
        """
        return self._move(path("/workflow-registry/{workflow_id}/archive", workflow_id=workflow_id))

    def _move(self, where: str) -> RegistryEntry:
        return self._send(Request("POST", where, returns=RegistryEntry))

    def list(
        self, *, include_archived: bool | None = None, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[RegistryEntry]:
        """List the entries of the registry (`GET /workflow-registry`).

        Args:
            include_archived: Whether to list archived entries too; the platform leaves them out by default.
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every entry. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.

        Example:
            ```python
            for entry in client.registry.list(include_archived=True):
                print(entry.workflow_id, entry.status)
            ```
        """
        params = {"include_archived": include_archived, **page_params(page_size, cursor)}
        request = Request(
            "GET", path("/workflow-registry"), returns=RegistryEntry, params=params, collection="workflow-registry"
        )
        return self._pager(request)

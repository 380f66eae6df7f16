"""`client.organizations.governance`: approvals, the audit log, reports."""

from __future__ import annotations

from collections.abc import Mapping

from fibonacci._async._resource import AsyncResource
from fibonacci._async.pager import AsyncPager
from fibonacci._core.request import Request, page_params
from fibonacci._core.request_body import require_any
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.urls import path
from fibonacci.models.organizations import ApprovalStats, AuditEntry, GovernanceReport, GovernanceSettings


class AsyncGovernance(AsyncResource):
    """Read and change the approval settings; read reports and the audit log.

    The platform documents the settings, and that changes need the role `owner`. It does not document the fields of
    reports, audit entries and approval statistics: all are kept, none is typed.
    """

    async def get(self, organization_id: str) -> GovernanceSettings:
        """Return which workflows need approval (`GET /organizations/{organization_id}/governance`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.

        Returns:
            The settings, with the flag of each kind of workflow and the number of approvals.

        Raises:
            NotFoundError: If there is no such organization.
            APIError: If anything else goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            settings = await client.organizations.governance.get("acme")
            print(settings.approval_threshold)
            ```
        """
        where = path("/organizations/{organization_id}/governance", organization_id=organization_id)
        return await self._send(Request("GET", where, returns=GovernanceSettings))

    async def update(
        self,
        organization_id: str,
        *,
        require_approval_for_external_comm: bool | Unset = UNSET,
        require_approval_for_public_writes: bool | Unset = UNSET,
        require_approval_for_permission_changes: bool | Unset = UNSET,
        allow_self_approval: bool | Unset = UNSET,
        approval_threshold: int | Unset = UNSET,
        category_flags: Mapping[str, bool] | Unset = UNSET,
    ) -> GovernanceSettings:
        """Change the given settings of an organization (`PATCH /organizations/{organization_id}/governance`).

        Arguments left out are not sent, and what they stand for stays as it is.

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            require_approval_for_external_comm: Whether workflows that send something outside need approval.
            require_approval_for_public_writes: Whether workflows that publish need approval.
            require_approval_for_permission_changes: Whether workflows that change permissions need approval.
            allow_self_approval: Whether the person who asks may approve.
            approval_threshold: The number of approvals that a run needs.
            category_flags: Whether workflows of a category need approval, by category, such as `{"financial": True}`.

        Returns:
            All settings after the change.

        Raises:
            PermissionDeniedError: If the key's role is not owner.
            ValidationError: If a value is refused.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            ValueError: If nothing is given to change, or `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            settings = await client.organizations.governance.update(
                "acme", approval_threshold=2, category_flags={"financial": True}
            )
            ```
        """
        body = require_any(
            require_approval_for_external_comm=require_approval_for_external_comm,
            require_approval_for_public_writes=require_approval_for_public_writes,
            require_approval_for_permission_changes=require_approval_for_permission_changes,
            allow_self_approval=allow_self_approval,
            approval_threshold=approval_threshold,
            category_flags=category_flags,
        )
        where = path("/organizations/{organization_id}/governance", organization_id=organization_id)
        return await self._send(Request("PATCH", where, returns=GovernanceSettings, body=body))

    async def report(self, organization_id: str) -> GovernanceReport:
        """Return the governance report (`GET /organizations/{organization_id}/governance/report`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.

        Returns:
            The report. Its fields are not documented; all are kept as attributes.

        Raises:
            NotFoundError: If there is no such organization.
            APIError: If anything else goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            report = await client.organizations.governance.report("acme")
            print(report.model_dump())
            ```
        """
        where = path("/organizations/{organization_id}/governance/report", organization_id=organization_id)
        return await self._send(Request("GET", where, returns=GovernanceReport))

    def audit(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> AsyncPager[AuditEntry]:
        """List the entries of the audit log (`GET /organizations/{organization_id}/governance/audit`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every entry. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            async for entry in client.organizations.governance.audit("acme", page_size=100):
                print(entry.model_dump())
            ```
        """
        where = path("/organizations/{organization_id}/governance/audit", organization_id=organization_id)
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", where, returns=AuditEntry, params=params, collection="audit"))

    async def approvals(self, organization_id: str) -> ApprovalStats:
        """Return the statistics of approvals (`GET /organizations/{organization_id}/governance/approvals`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.

        Returns:
            The statistics. Their fields are not documented; all are kept as attributes.

        Raises:
            NotFoundError: If there is no such organization.
            APIError: If anything else goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            statistics = await client.organizations.governance.approvals("acme")
            print(statistics.model_dump())
            ```
        """
        where = path("/organizations/{organization_id}/governance/approvals", organization_id=organization_id)
        return await self._send(Request("GET", where, returns=ApprovalStats))

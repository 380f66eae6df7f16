"""`client.organizations.quota`: the limits of an organization."""

from __future__ import annotations

from fibonacci._async._resource import AsyncResource
from fibonacci._core.request import Request
from fibonacci._core.request_body import require_any
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.urls import path
from fibonacci.models.organizations import Quota


class AsyncQuotas(AsyncResource):
    """Read and change the limits of an organization.

    The platform documents the fields, and that changes need the role `owner`. That `PATCH` takes the limits by name,
    and null for none, is a choice of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    async def get(self, organization_id: str) -> Quota:
        """Return the limits of an organization (`GET /organizations/{organization_id}/quota`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.

        Returns:
            The quota, whose `limits`, `overrides` and `effective` are dicts by the name of the limit.

        Raises:
            NotFoundError: If there is no such organization.
            APIError: If anything else goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            quota = await client.organizations.quota.get("acme")
            print(quota.plan, quota.effective["workflow_runs_per_hour"])
            ```
        """
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return await self._send(Request("GET", where, returns=Quota))

    async def update(
        self,
        organization_id: str,
        *,
        workflow_runs_per_hour: int | Unset | None = UNSET,
        concurrent_executions: int | Unset | None = UNSET,
        memory_mb: int | Unset | None = UNSET,
    ) -> Quota:
        """Override the given limits of an organization (`PATCH /organizations/{organization_id}/quota`).

        Arguments left out are not sent, and what they stand for stays as it is.

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            workflow_runs_per_hour: The number of runs in an hour; None takes the override away.
            concurrent_executions: The number of executions at a time; None takes the override away.
            memory_mb: Memory in megabytes; None takes the override away.

        Returns:
            The quota after the change.

        Raises:
            PermissionDeniedError: If the key's role is not owner.
            ValidationError: If a value is above the plan's ceiling.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            ValueError: If nothing is given to change, or `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            quota = await client.organizations.quota.update("acme", concurrent_executions=5)
            assert quota.effective["concurrent_executions"] == 5
            ```
        """
        body = require_any(
            workflow_runs_per_hour=workflow_runs_per_hour,
            concurrent_executions=concurrent_executions,
            memory_mb=memory_mb,
        )
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return await self._send(Request("PATCH", where, returns=Quota, body=body))

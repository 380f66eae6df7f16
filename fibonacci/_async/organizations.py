"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from fibonacci._async._resource import AsyncResource
from fibonacci._async.governance import AsyncGovernance
from fibonacci._async.quotas import AsyncQuotas
from fibonacci._async.tool_policies import AsyncToolPolicies
from fibonacci._lazy import namespace


class AsyncOrganizations(AsyncResource):
    """Read and change governance, quotas and tool policies of an organization.

    The platform documents the endpoints, and the roles that changes need. Each group lists the choices of the SDK.
    """

    @namespace
    def governance(self) -> AsyncGovernance:
        """Approval settings, reports and the audit log of an organization."""
        return AsyncGovernance(self._requestor)

    @namespace
    def quota(self) -> AsyncQuotas:
        """The limits of an organization: runs, executions at a time, memory."""
        return AsyncQuotas(self._requestor)

    @namespace
    def tool_policies(self) -> AsyncToolPolicies:
        """The tools that may be used, and the roles that may use them."""
        return AsyncToolPolicies(self._requestor)

"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from fibonacci._async._resource import AsyncResource
from fibonacci._async.governance import AsyncGovernance
from fibonacci._async.quotas import AsyncQuotas
from fibonacci._async.tool_policies import AsyncToolPolicies
from fibonacci._lazy import namespace


class AsyncOrganizations(AsyncResource):
    """What an organization's owner and administrators decide: three groups of calls."""

    @namespace
    def governance(self) -> AsyncGovernance:
        """When a human has to approve a run, and what was decided so far."""
        return AsyncGovernance(self._requestor)

    @namespace
    def quota(self) -> AsyncQuotas:
        """How much the organization may use."""
        return AsyncQuotas(self._requestor)

    @namespace
    def tool_policies(self) -> AsyncToolPolicies:
        """Which tools may be used, and by which roles."""
        return AsyncToolPolicies(self._requestor)

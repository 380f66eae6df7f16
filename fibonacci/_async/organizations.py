"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from functools import cached_property

from fibonacci._async._resource import AsyncResource
from fibonacci._async.governance import AsyncGovernance
from fibonacci._async.quotas import AsyncQuotas
from fibonacci._async.tool_policies import AsyncToolPolicies


class AsyncOrganizations(AsyncResource):
    """What an organization's owner and administrators decide: three groups of calls."""

    @cached_property
    def governance(self) -> AsyncGovernance:
        """When a human has to approve a run, and what was decided so far."""
        return AsyncGovernance(self._transport)

    @cached_property
    def quota(self) -> AsyncQuotas:
        """How much the organization may use."""
        return AsyncQuotas(self._transport)

    @cached_property
    def tool_policies(self) -> AsyncToolPolicies:
        """Which tools may be used, and by which roles."""
        return AsyncToolPolicies(self._transport)

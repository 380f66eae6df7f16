# Derived from fibonacci/_async/organizations.py by tests/mirror.py; change that file, not this one.
"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from fibonacci._lazy import namespace
from fibonacci._sync._resource import Resource
from fibonacci._sync.governance import Governance
from fibonacci._sync.quotas import Quotas
from fibonacci._sync.tool_policies import ToolPolicies


class Organizations(Resource):
    """What an organization's owner and administrators decide: three groups of calls."""

    @namespace
    def governance(self) -> Governance:
        """When a human has to approve a run, and what was decided so far."""
        return Governance(self._requestor)

    @namespace
    def quota(self) -> Quotas:
        """How much the organization may use."""
        return Quotas(self._requestor)

    @namespace
    def tool_policies(self) -> ToolPolicies:
        """Which tools may be used, and by which roles."""
        return ToolPolicies(self._requestor)

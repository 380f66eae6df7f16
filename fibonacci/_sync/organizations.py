# Derived from fibonacci/_async/organizations.py by tests/mirror.py; change that file, not this one.
"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from fibonacci._lazy import namespace
from fibonacci._sync._resource import Resource
from fibonacci._sync.governance import Governance
from fibonacci._sync.quotas import Quotas
from fibonacci._sync.tool_policies import ToolPolicies


class Organizations(Resource):
    """Read and change governance, quotas and tool policies of an organization.

    The platform documents the endpoints, and the roles that changes need. Each group lists the choices of the SDK.
    """

    @namespace
    def governance(self) -> Governance:
        """Approval settings, reports and the audit log of an organization."""
        return Governance(self._requestor)

    @namespace
    def quota(self) -> Quotas:
        """The limits of an organization: runs, executions at a time, memory."""
        return Quotas(self._requestor)

    @namespace
    def tool_policies(self) -> ToolPolicies:
        """The tools that may be used, and the roles that may use them."""
        return ToolPolicies(self._requestor)

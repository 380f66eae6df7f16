# Derived from fibonacci/_async/organizations.py by tests/tools/mirror.py; change that file, not this one.
"""`client.organizations`: governance, quotas and tool policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType

from fibonacci._core.options import UNSET, Unset
from fibonacci._core.request import Request, drop_unset, page_params, require_any
from fibonacci._core.urls import path
from fibonacci._sync.resource import Pager, Resource
from fibonacci._system.lazy import namespace
from fibonacci.models.organizations import (
    ApprovalStats,
    AuditEntry,
    GovernanceReport,
    GovernanceSettings,
    Quota,
    Role,
    RolePolicyOverride,
    ToolPolicy,
)


class Governance(Resource):
    """Read and change the approval settings, and read reports and the audit log.

    The platform documents the settings, and says that only an `owner` may change them. It doesn't document the fields
    of reports, audit entries and approval statistics. The SDK keeps these fields as attributes without types.
    """

    def get(self, organization_id: str) -> GovernanceSettings:
        """Return the approval settings (`GET /organizations/{organization_id}/governance`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.

        Returns:
            The settings, with what needs approval and how many approvals a run needs.

        Raises:
            NotFoundError: If the organization doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            settings = client.organizations.governance.get("acme")
            print(settings.approval_threshold)
            ```
        """
        where = path("/organizations/{organization_id}/governance", organization_id=organization_id)
        return self._send(Request("GET", where, returns=GovernanceSettings))

    def update(
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

        Settings that you leave out keep their values.

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            require_approval_for_external_comm: Whether workflows that communicate with the outside, such as by e-mail,
                need approval.
            require_approval_for_public_writes: Whether workflows that publish need approval.
            require_approval_for_permission_changes: Whether workflows that change permissions need approval.
            allow_self_approval: Whether people may approve their own requests.
            approval_threshold: The number of approvals that a run needs.
            category_flags: Whether workflows need approval, by category, such as `{"financial": True}`.

        Returns:
            All settings after the change.

        Raises:
            PermissionDeniedError: If the key's role isn't `owner`.
            ValidationError: If the platform rejects a value.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the change may have been
                made, so the SDK doesn't send the request again.
            ValueError: If you pass nothing to change, or `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            settings = client.organizations.governance.update(
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
        return self._send(Request("PATCH", where, returns=GovernanceSettings, body=body))

    def report(self, organization_id: str) -> GovernanceReport:
        """Return the governance report (`GET /organizations/{organization_id}/governance/report`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.

        Returns:
            The report. The platform doesn't document its fields, and the SDK keeps them all as attributes.

        Raises:
            NotFoundError: If the organization doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            report = client.organizations.governance.report("acme")
            print(report.model_dump())
            ```
        """
        where = path("/organizations/{organization_id}/governance/report", organization_id=organization_id)
        return self._send(Request("GET", where, returns=GovernanceReport))

    def audit(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[AuditEntry]:
        """List the entries of the audit log (`GET /organizations/{organization_id}/governance/audit`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            page_size: The number of entries per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every entry, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for entry in client.organizations.governance.audit("acme", page_size=100):
                print(entry.model_dump())
            ```
        """
        where = path("/organizations/{organization_id}/governance/audit", organization_id=organization_id)
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", where, returns=AuditEntry, params=params, collection="audit"))

    def approvals(self, organization_id: str) -> ApprovalStats:
        """Return the statistics of approvals (`GET /organizations/{organization_id}/governance/approvals`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.

        Returns:
            The statistics. The platform doesn't document the fields. Fields that it doesn't send are `None`.

        Raises:
            NotFoundError: If the organization doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            statistics = client.organizations.governance.approvals("acme")
            print(statistics.pending, "of", statistics.total, "wait")
            ```
        """
        where = path("/organizations/{organization_id}/governance/approvals", organization_id=organization_id)
        return self._send(Request("GET", where, returns=ApprovalStats))


class Quotas(Resource):
    """Read and change the limits of an organization.

    The platform documents the fields, and says that only an `owner` may change them. It doesn't document the body of
    `PATCH`. The SDK sends the limits by name, and null to remove one:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    def get(self, organization_id: str) -> Quota:
        """Return the limits of an organization (`GET /organizations/{organization_id}/quota`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.

        Returns:
            The quota, whose `limits`, `overrides` and `effective` are dicts by the name of the limit.

        Raises:
            NotFoundError: If the organization doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            quota = client.organizations.quota.get("acme")
            print(quota.plan, quota.effective["workflow_runs_per_hour"])
            ```
        """
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return self._send(Request("GET", where, returns=Quota))

    def update(
        self,
        organization_id: str,
        *,
        workflow_runs_per_hour: int | Unset | None = UNSET,
        concurrent_executions: int | Unset | None = UNSET,
        memory_mb: int | Unset | None = UNSET,
    ) -> Quota:
        """Override the given limits of an organization (`PATCH /organizations/{organization_id}/quota`).

        Limits that you leave out keep their values.

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            workflow_runs_per_hour: The number of runs per hour, or None to remove the override.
            concurrent_executions: The number of executions at a time, or None to remove the override.
            memory_mb: Memory in megabytes, or None to remove the override.

        Returns:
            The quota after the change.

        Raises:
            PermissionDeniedError: If the key's role isn't `owner`.
            ValidationError: If a value is above the plan's ceiling.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the change may have been
                made, so the SDK doesn't send the request again.
            ValueError: If you pass nothing to change, or `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            quota = client.organizations.quota.update("acme", concurrent_executions=5)
            assert quota.effective["concurrent_executions"] == 5
            ```
        """
        body = require_any(
            workflow_runs_per_hour=workflow_runs_per_hour,
            concurrent_executions=concurrent_executions,
            memory_mb=memory_mb,
        )
        where = path("/organizations/{organization_id}/quota", organization_id=organization_id)
        return self._send(Request("PATCH", where, returns=Quota, body=body))


class ToolPolicies(Resource):
    """Allow and forbid tools, for everyone or for one role.

    The platform documents `tool_name`, and the response to an unknown tool: status 422. It doesn't document the other
    fields of a policy or the fields of an exception for a role. What the SDK sends and expects there is an assumption:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    def create(
        self,
        organization_id: str,
        *,
        tool_name: str,
        enabled: bool | Unset = UNSET,
        allowed_roles: Sequence[Role] | Unset = UNSET,
    ) -> ToolPolicy:
        """Create a policy for a tool (`POST /organizations/{organization_id}/tool-policies`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"` (see `tools.list`).
            enabled: Whether the tool may be used.
            allowed_roles: The roles that may use the tool, such as `["owner", "admin"]`, in any order.

        Returns:
            The policy as the platform stores it.

        Raises:
            ValidationError: If the tool doesn't exist (documented as status 422).
            ConflictError: If the tool already has a policy.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the policy may have been
                created, so the SDK doesn't send the request again.
            TypeError: If `allowed_roles` is a single string or None. Nothing is sent.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            policy = client.organizations.tool_policies.create(
                "acme", tool_name="email_send", enabled=True, allowed_roles=["owner", "admin"]
            )
            ```
        """
        body = drop_unset(tool_name=tool_name, enabled=enabled, allowed_roles=_plain(allowed_roles))
        where = path("/organizations/{organization_id}/tool-policies", organization_id=organization_id)
        return self._send(Request("POST", where, returns=ToolPolicy, body=body))

    def update(
        self,
        organization_id: str,
        tool_name: str,
        *,
        enabled: bool | Unset = UNSET,
        allowed_roles: Sequence[Role] | Unset = UNSET,
    ) -> ToolPolicy:
        """Change the given fields of a policy (`PATCH /organizations/{organization_id}/tool-policies/{tool_name}`).

        Fields that you leave out keep their values.

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"`.
            enabled: Whether the tool may be used.
            allowed_roles: The roles that may use the tool, such as `["owner", "admin"]`, in any order.

        Returns:
            The policy after the change.

        Raises:
            NotFoundError: If the tool has no policy.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the change may have been
                made, so the SDK doesn't send the request again.
            TypeError: If `allowed_roles` is a single string or None. Nothing is sent.
            ValueError: If you pass nothing to change, or `organization_id` or `tool_name` is empty, `.` or `..`.
                Nothing is sent.

        Example:
            ```python
            client.organizations.tool_policies.create("acme", tool_name="web_search", enabled=True)
            policy = client.organizations.tool_policies.update("acme", "web_search", enabled=False)
            ```
        """
        body = require_any(enabled=enabled, allowed_roles=_plain(allowed_roles))
        where = path(
            "/organizations/{organization_id}/tool-policies/{tool_name}",
            organization_id=organization_id,
            tool_name=tool_name,
        )
        return self._send(Request("PATCH", where, returns=ToolPolicy, body=body))

    def delete(self, organization_id: str, tool_name: str) -> None:
        """Delete a policy (`DELETE /organizations/{organization_id}/tool-policies/{tool_name}`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"`.

        Raises:
            NotFoundError: If the tool has no policy.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            APIError: If the call fails for any other reason.
            ValueError: If `organization_id` or `tool_name` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.organizations.tool_policies.create("acme", tool_name="calculator", enabled=False)
            client.organizations.tool_policies.delete("acme", "calculator")
            ```
        """
        where = path(
            "/organizations/{organization_id}/tool-policies/{tool_name}",
            organization_id=organization_id,
            tool_name=tool_name,
        )
        self._send(Request("DELETE", where, returns=NoneType))

    def create_role_override(
        self, organization_id: str, *, role: Role, tool_name: str, enabled: bool | Unset = UNSET
    ) -> RolePolicyOverride:
        """Create an exception for a role (`POST /organizations/{organization_id}/role-policy-overrides`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            role: The role: owner, admin, member or viewer.
            tool_name: The name of the tool, such as `"slack_send_message"` (see `tools.list`).
            enabled: Whether that role may use that tool.

        Returns:
            The exception as the platform stores it.

        Raises:
            ValidationError: If the tool or the role doesn't exist.
            ConflictError: If the role already has an exception for this tool.
            PermissionDeniedError: If the key's role isn't allowed to do this.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the exception may have been
                created, so the SDK doesn't send the request again.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            override = client.organizations.tool_policies.create_role_override(
                "acme", role="viewer", tool_name="email_send", enabled=False
            )
            ```
        """
        body = drop_unset(role=role, tool_name=tool_name, enabled=enabled)
        where = path("/organizations/{organization_id}/role-policy-overrides", organization_id=organization_id)
        return self._send(Request("POST", where, returns=RolePolicyOverride, body=body))

    def list_role_overrides(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[RolePolicyOverride]:
        """List the exceptions for roles (`GET /organizations/{organization_id}/role-policy-overrides`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            page_size: The number of exceptions per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every exception, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for override in client.organizations.tool_policies.list_role_overrides("acme"):
                print(override.role, override.tool_name, override.enabled)
            ```
        """
        where = path("/organizations/{organization_id}/role-policy-overrides", organization_id=organization_id)
        params = page_params(page_size, cursor)
        request = Request("GET", where, returns=RolePolicyOverride, params=params, collection="role-policy-overrides")
        return self._pager(request)

    def list(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[ToolPolicy]:
        """List the policies of an organization (`GET /organizations/{organization_id}/tool-policies`).

        Args:
            organization_id: The ID of the organization, such as `"acme"`.
            page_size: The number of policies per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every policy, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for policy in client.organizations.tool_policies.list("acme"):
                print(policy.tool_name, policy.enabled)
            ```
        """
        where = path("/organizations/{organization_id}/tool-policies", organization_id=organization_id)
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", where, returns=ToolPolicy, params=params, collection="tool-policies"))


def _plain(roles: Sequence[Role] | Unset | None) -> Sequence[Role] | Unset:
    """Return any sequence as one that JSON can represent, and refuse a string, which isn't a list of its letters.

    Raises:
        TypeError: If it is a string, or None, which the platform doesn't accept in place of a list.
    """
    if isinstance(roles, str):
        raise TypeError(f"allowed_roles must be a list of roles, not the str {roles!r}. Write [{roles!r}]")
    if roles is None:
        raise TypeError("allowed_roles must be a list of roles, not None. To keep the roles as they are, leave it out")
    return roles if isinstance(roles, Unset) else [*roles]


class Organizations(Resource):
    """Read and change governance, quotas and tool policies of an organization.

    The platform documents the endpoints, and which roles may make changes. What isn't documented is listed under
    `governance`, `quota` and `tool_policies`.
    """

    @namespace
    def governance(self) -> Governance:
        """Approval settings, reports and the audit log of an organization."""
        return Governance(self._requestor)

    @namespace
    def quota(self) -> Quotas:
        """The limits of an organization: runs per hour, concurrent executions, memory."""
        return Quotas(self._requestor)

    @namespace
    def tool_policies(self) -> ToolPolicies:
        """Which tools may be used, and by which roles."""
        return ToolPolicies(self._requestor)

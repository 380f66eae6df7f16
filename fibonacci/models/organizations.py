"""Governance, quotas and tool policies of an organization."""

from typing import ClassVar, Literal

from fibonacci.models._base import Model, Timestamped

Role = Literal["owner", "admin", "member", "viewer"] | str
"""The roles that the SDK knows.

If the platform sends another one, you get it as a string.
"""


class GovernanceSettings(Model):
    """The governance settings of an organization: which workflows need a person's approval before they run.

    The platform documents the fields.

    Example:
        ```python
        settings = client.organizations.governance.get("acme")
        print(settings.approval_threshold, settings.category_flags)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("approval_threshold", "allow_self_approval", "category_flags")
    _converted: ClassVar[tuple[str, ...]] = ("category_flags",)

    require_approval_for_external_comm: bool | None = None
    """Whether workflows that communicate with the outside, such as by e-mail, need approval."""

    require_approval_for_public_writes: bool | None = None
    """Whether workflows that publish need approval."""

    require_approval_for_permission_changes: bool | None = None
    """Whether workflows that change permissions need approval."""

    allow_self_approval: bool | None = None
    """Whether the person who requests a run may approve it."""

    approval_threshold: int | None = None
    """The number of approvals that a run needs."""

    @property
    def category_flags(self) -> dict[str, bool | None]:
        """Whether workflows need approval, by category, such as `financial` or `pii`. Empty if none is set."""
        return self._read("category_flags", dict[str, bool | None]) or {}


class GovernanceReport(Model):
    """The governance report of an organization.

    The platform doesn't document its fields. The SDK keeps them all as attributes without types.

    Example:
        ```python
        print(client.organizations.governance.report("acme").to_dict())
        ```
    """


class AuditEntry(Model):
    """One entry of the audit log.

    The platform doesn't document its fields. The SDK keeps them all as attributes without types.

    Example:
        ```python
        for entry in client.organizations.governance.audit("acme"):
            print(entry.to_dict())
        ```
    """


class ApprovalStats(Model):
    """How many approval requests an organization has had, by state and in total.

    The platform doesn't document the fields. A field that it doesn't send is `None`. The SDK keeps fields that it
    doesn't know.

    Example:
        ```python
        statistics = client.organizations.governance.approvals("acme")
        print(statistics.pending, "of", statistics.total, "wait")
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("pending", "total")

    pending: int | None = None
    """The number of requests waiting for a decision."""

    approved: int | None = None
    """The number of requests that got all approvals."""

    rejected: int | None = None
    """The number of requests that a person rejected."""

    expired: int | None = None
    """The number of requests that nobody decided in time."""

    cancelled: int | None = None
    """The number of requests that were canceled before a decision."""

    total: int | None = None
    """The number of requests so far, in any state."""


_QuotaValues = dict[str, int | float | None]
"""Runs per hour (`workflow_runs_per_hour`), executions at a time (`concurrent_executions`), megabytes (`memory_mb`)."""


class Quota(Model):
    """The limits of an organization: those of its plan, those that its owner has set, and those that apply.

    The platform documents the fields. The keys of the dicts are `workflow_runs_per_hour` (runs per hour),
    `concurrent_executions` (executions at a time) and `memory_mb` (megabytes).

    Example:
        ```python
        quota = client.organizations.quota.get("acme")
        print(quota.plan, quota.effective["concurrent_executions"], "executions at a time")
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("plan", "effective")
    _converted: ClassVar[tuple[str, ...]] = ("limits", "overrides", "effective")

    plan: str | None = None
    """The name of the plan, such as `"free"`."""

    @property
    def limits(self) -> dict[str, int | float | None]:
        """The plan's limits by name: runs per hour, executions at a time, megabytes of memory."""
        return self._read("limits", _QuotaValues) or {}

    @property
    def overrides(self) -> dict[str, int | float | None]:
        """The limits that the owner has set, by name: runs per hour, executions at a time, megabytes."""
        return self._read("overrides", _QuotaValues) or {}

    @property
    def effective(self) -> dict[str, int | float | None]:
        """The limits that apply, by name: runs per hour, executions at a time, megabytes.

        Each is the override if there is one, otherwise the plan's limit.
        """
        return self._read("effective", _QuotaValues) or {}


class ToolPolicy(Timestamped):
    """An organization's policy for one tool: whether it may be used, and by which roles.

    The platform documents `tool_name`. It doesn't document the other fields, so those of the SDK are an assumption:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        policy = client.organizations.tool_policies.create("acme", tool_name="email_send", allowed_roles=["owner"])
        print(policy.tool_name, policy.enabled, policy.allowed_roles)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("tool_name", "enabled", "allowed_roles")
    _id_fields: ClassVar[tuple[str, ...]] = ("tool_name",)
    _converted: ClassVar[tuple[str, ...]] = ("allowed_roles", *Timestamped._converted)

    tool_name: str
    """The name of the tool, such as `"slack_send_message"`."""

    enabled: bool | None = None
    """Whether the tool may be used."""

    @property
    def allowed_roles(self) -> list[Role]:
        """The roles that may use the tool, in the platform's order. Empty if the policy names none."""
        return self._read("allowed_roles", list[Role]) or []


class RolePolicyOverride(Timestamped):
    """An exception to a tool policy for one role.

    The platform documents the endpoints. It doesn't document the fields, so those of the SDK are an assumption:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        override = client.organizations.tool_policies.create_role_override(
            "acme", role="viewer", tool_name="email_send", enabled=False
        )
        print(override.role, override.tool_name, override.enabled)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("role", "tool_name", "enabled")
    _id_fields: ClassVar[tuple[str, ...]] = ("role", "tool_name")

    role: Role | None = None
    """The role that the exception applies to: `owner`, `admin`, `member` or `viewer`."""

    tool_name: str | None = None
    """The name of the tool that the exception applies to."""

    enabled: bool | None = None
    """Whether that role may use that tool."""

"""Governance, quotas and tool policies of an organization."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fibonacci.models._base import Model, Timestamped

Role = Literal["owner", "admin", "member", "viewer"] | str
"""The roles that the SDK knows; the platform may have others, which are kept as strings."""


class GovernanceSettings(Model):
    """When an organization wants a human's approval before a workflow runs.

    Attributes:
        require_approval_for_external_comm: Approval before workflows that write to the outside, such as e-mail.
        require_approval_for_public_writes: Approval before workflows that publish.
        require_approval_for_permission_changes: Approval before workflows that change permissions.
        allow_self_approval: Whether the person who asks may approve.
        approval_threshold: How many approvals a run needs.
        raw_category_flags: The category flags as the platform sent them.
    """

    shown: ClassVar[tuple[str, ...]] = ("approval_threshold", "allow_self_approval", "category_flags")

    require_approval_for_external_comm: bool | None = None
    require_approval_for_public_writes: bool | None = None
    require_approval_for_permission_changes: bool | None = None
    allow_self_approval: bool | None = None
    approval_threshold: int | None = None
    raw_category_flags: dict[str, bool | None] | None = Field(default=None, alias="category_flags")

    @property
    def category_flags(self) -> dict[str, bool | None]:
        """Which categories, such as `financial` and `pii`, need approval; empty when none is set."""
        return self.raw_category_flags or {}


class GovernanceReport(Model):
    """The governance report of an organization. Its fields are not documented: all are kept, none is typed."""


class AuditEntry(Model):
    """One entry of the audit log. Its fields are not documented: all are kept, none is typed."""


class ApprovalStats(Model):
    """The statistics of approvals. Its fields are not documented: all are kept, none is typed."""


QuotaValues = dict[str, int | float | None]


class Quota(Model):
    """What an organization may use: `workflow_runs_per_hour`, `concurrent_executions`, `memory_mb`.

    Attributes:
        plan: The name of the plan.
        raw_limits: The plan's limits as the platform sent them.
        raw_overrides: The owner's overrides as the platform sent them.
        raw_effective: What holds, as the platform sent it.
    """

    shown: ClassVar[tuple[str, ...]] = ("plan", "effective")

    plan: str | None = None
    raw_limits: QuotaValues | None = Field(default=None, alias="limits")
    raw_overrides: QuotaValues | None = Field(default=None, alias="overrides")
    raw_effective: QuotaValues | None = Field(default=None, alias="effective")

    @property
    def limits(self) -> QuotaValues:
        """The plan's limits."""
        return self.raw_limits or {}

    @property
    def overrides(self) -> QuotaValues:
        """The overrides that the organization's owner has set."""
        return self.raw_overrides or {}

    @property
    def effective(self) -> QuotaValues:
        """What holds: the override, else the plan's limit."""
        return self.raw_effective or {}


class ToolPolicy(Timestamped):
    """Whether, and for which roles, an organization allows a tool.

    Attributes:
        tool_name: The tool that it speaks of.
        enabled: Whether the tool may be used.
        raw_allowed_roles: The allowed roles as the platform sent them; None when it sent none.
    """

    shown: ClassVar[tuple[str, ...]] = ("tool_name", "enabled", "allowed_roles")

    tool_name: str
    enabled: bool | None = None
    raw_allowed_roles: list[Role] | None = Field(default=None, alias="allowed_roles")

    @property
    def allowed_roles(self) -> list[Role]:
        """The roles that may use the tool; empty when the platform named none."""
        return self.raw_allowed_roles or []


class RolePolicyOverride(Timestamped):
    """An exception to a tool policy for one role.

    Attributes:
        role: The role that it speaks of.
        tool_name: The tool that it speaks of.
        enabled: Whether that role may use that tool.
    """

    shown: ClassVar[tuple[str, ...]] = ("role", "tool_name", "enabled")

    role: Role | None = None
    tool_name: str | None = None
    enabled: bool | None = None

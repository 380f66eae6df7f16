# Derived from the typed client by tests/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci organizations`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "read and change governance, quotas and tool policies of an organization",
    {
        "governance": CallGroup(
            "read and change the approval settings; read reports and the audit log",
            {
                "get": CallEntry(
                    "show the settings",
                    "Show the settings.",
                    "GET /organizations/{org}/governance",
                    (CallParameter("org", "text", "the id of the organization", is_positional=True),),
                ),
                "update": CallEntry(
                    "change settings",
                    "Change settings. Arguments left out stay as they are.",
                    "PATCH /organizations/{org}/governance",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter(
                            "require_approval_for_external_comm",
                            "boolean",
                            "approval before workflows that write to the outside",
                        ),
                        CallParameter(
                            "require_approval_for_public_writes", "boolean", "approval before workflows that publish"
                        ),
                        CallParameter(
                            "require_approval_for_permission_changes",
                            "boolean",
                            "approval before workflows that change permissions",
                        ),
                        CallParameter("allow_self_approval", "boolean", "whether the person who asks may approve"),
                        CallParameter("approval_threshold", "integer", "how many approvals a run needs"),
                        CallParameter(
                            "category_flags", "object", "which categories, such as financial and pii, need approval"
                        ),
                    ),
                ),
                "report": CallEntry(
                    "show the governance report",
                    "Show the governance report.",
                    "GET /organizations/{org}/governance/report",
                    (CallParameter("org", "text", "the id of the organization", is_positional=True),),
                ),
                "audit": CallEntry(
                    "list the audit log",
                    "List the audit log.",
                    "GET /organizations/{org}/governance/audit",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
                "approvals": CallEntry(
                    "show the statistics of approvals",
                    "Show the statistics of approvals.",
                    "GET /organizations/{org}/governance/approvals",
                    (CallParameter("org", "text", "the id of the organization", is_positional=True),),
                ),
            },
        ),
        "quota": CallGroup(
            "read and change the limits of an organization",
            {
                "get": CallEntry(
                    "show the quota",
                    "Show the quota.",
                    "GET /organizations/{org}/quota",
                    (CallParameter("org", "text", "the id of the organization", is_positional=True),),
                ),
                "update": CallEntry(
                    "override limits",
                    "Override limits. Arguments left out stay as they are.",
                    "PATCH /organizations/{org}/quota",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter(
                            "workflow_runs_per_hour",
                            "integer",
                            "runs of workflows in an hour; null takes the override away",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "concurrent_executions",
                            "integer",
                            "executions at a time; null takes the override away",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "memory_mb", "integer", "memory in MB; null takes the override away", is_nullable=True
                        ),
                    ),
                ),
            },
        ),
        "tool-policies": CallGroup(
            "allow and forbid tools, for all or for a role",
            {
                "list": CallEntry(
                    "list the policies",
                    "List the policies.",
                    "GET /organizations/{org}/tool-policies",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
                "create": CallEntry(
                    "make a policy for a tool",
                    "Make a policy for a tool.",
                    "POST /organizations/{org}/tool-policies",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter(
                            "tool_name", "text", "the tool; fibonacci tools list names them", is_required=True
                        ),
                        CallParameter("enabled", "boolean", "whether it may be used"),
                        CallParameter("allowed_roles", "names", "the roles that may use it", is_nullable=True),
                    ),
                ),
                "update": CallEntry(
                    "change a policy",
                    "Change a policy. Arguments left out stay as they are.",
                    "PATCH /organizations/{org}/tool-policies/{tool}",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter("tool_name", "text", "the tool", is_positional=True),
                        CallParameter("enabled", "boolean", "whether it may be used"),
                        CallParameter("allowed_roles", "names", "the roles that may use it", is_nullable=True),
                    ),
                ),
                "delete": CallEntry(
                    "delete a policy",
                    "Delete a policy.",
                    "DELETE /organizations/{org}/tool-policies/{tool}",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter("tool_name", "text", "the tool", is_positional=True),
                    ),
                ),
                "create-role-override": CallEntry(
                    "make an exception for a role",
                    "Make an exception for a role.",
                    "POST /organizations/{org}/role-policy-overrides",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter(
                            "role",
                            "word",
                            "the role: owner, admin, member or viewer",
                            is_required=True,
                            choices=("owner", "admin", "member", "viewer"),
                        ),
                        CallParameter(
                            "tool_name", "text", "the tool; fibonacci tools list names them", is_required=True
                        ),
                        CallParameter("enabled", "boolean", "whether that role may use that tool"),
                    ),
                ),
                "list-role-overrides": CallEntry(
                    "list the exceptions for roles",
                    "List the exceptions for roles.",
                    "GET /organizations/{org}/role-policy-overrides",
                    (
                        CallParameter("org", "text", "the id of the organization", is_positional=True),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
            },
        ),
    },
)

# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
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
                    "show which workflows need approval",
                    "Show which workflows need approval.",
                    "GET /organizations/{organization_id}/governance",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                    ),
                ),
                "update": CallEntry(
                    "change the given settings of an organization",
                    "Change the given settings of an organization.",
                    "PATCH /organizations/{organization_id}/governance",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "require_approval_for_external_comm",
                            "boolean",
                            "whether workflows that send something outside need approval",
                        ),
                        CallParameter(
                            "require_approval_for_public_writes",
                            "boolean",
                            "whether workflows that publish need approval",
                        ),
                        CallParameter(
                            "require_approval_for_permission_changes",
                            "boolean",
                            "whether workflows that change permissions need approval",
                        ),
                        CallParameter("allow_self_approval", "boolean", "whether the person who asks may approve"),
                        CallParameter("approval_threshold", "integer", "the number of approvals that a run needs"),
                        CallParameter(
                            "category_flags",
                            "object",
                            'whether workflows of a category need approval, by category, such as {"financial": true}',
                        ),
                    ),
                ),
                "report": CallEntry(
                    "show the governance report",
                    "Show the governance report.",
                    "GET /organizations/{organization_id}/governance/report",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                    ),
                ),
                "audit": CallEntry(
                    "list the entries of the audit log",
                    "List the entries of the audit log.",
                    "GET /organizations/{organization_id}/governance/audit",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
                "approvals": CallEntry(
                    "show the statistics of approvals",
                    "Show the statistics of approvals.",
                    "GET /organizations/{organization_id}/governance/approvals",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                    ),
                ),
            },
        ),
        "quota": CallGroup(
            "read and change the limits of an organization",
            {
                "get": CallEntry(
                    "show the limits of an organization",
                    "Show the limits of an organization.",
                    "GET /organizations/{organization_id}/quota",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                    ),
                ),
                "update": CallEntry(
                    "override the given limits of an organization",
                    "Override the given limits of an organization.",
                    "PATCH /organizations/{organization_id}/quota",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "workflow_runs_per_hour",
                            "integer",
                            "the number of runs in an hour; null takes the override away",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "concurrent_executions",
                            "integer",
                            "the number of executions at a time; null takes the override away",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "memory_mb",
                            "integer",
                            "memory in megabytes; null takes the override away",
                            is_nullable=True,
                        ),
                    ),
                ),
            },
        ),
        "tool-policies": CallGroup(
            "allow and forbid tools, for all or for a role",
            {
                "list": CallEntry(
                    "list the policies of an organization",
                    "List the policies of an organization.",
                    "GET /organizations/{organization_id}/tool-policies",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
                "create": CallEntry(
                    "make a policy for a tool",
                    "Make a policy for a tool.",
                    "POST /organizations/{organization_id}/tool-policies",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "tool_name",
                            "text",
                            "the name of the tool, such as slack_send_message; see fibonacci tools list",
                            is_required=True,
                        ),
                        CallParameter("enabled", "boolean", "whether the tool may be used"),
                        CallParameter(
                            "allowed_roles",
                            "names",
                            "the roles that may use the tool, such as owner,admin, in any order",
                            is_nullable=True,
                        ),
                    ),
                ),
                "update": CallEntry(
                    "change the given fields of a policy",
                    "Change the given fields of a policy.",
                    "PATCH /organizations/{organization_id}/tool-policies/{tool_name}",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "tool_name", "text", "the name of the tool, such as slack_send_message", is_positional=True
                        ),
                        CallParameter("enabled", "boolean", "whether the tool may be used"),
                        CallParameter(
                            "allowed_roles",
                            "names",
                            "the roles that may use the tool, such as owner,admin, in any order",
                            is_nullable=True,
                        ),
                    ),
                ),
                "delete": CallEntry(
                    "delete a policy",
                    "Delete a policy.",
                    "DELETE /organizations/{organization_id}/tool-policies/{tool_name}",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "tool_name", "text", "the name of the tool, such as slack_send_message", is_positional=True
                        ),
                    ),
                ),
                "create-role-override": CallEntry(
                    "make an exception for a role",
                    "Make an exception for a role.",
                    "POST /organizations/{organization_id}/role-policy-overrides",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter(
                            "role",
                            "word",
                            "the role: owner, admin, member or viewer",
                            is_required=True,
                            choices=("owner", "admin", "member", "viewer"),
                        ),
                        CallParameter(
                            "tool_name",
                            "text",
                            "the name of the tool, such as slack_send_message; see fibonacci tools list",
                            is_required=True,
                        ),
                        CallParameter("enabled", "boolean", "whether that role may use that tool"),
                    ),
                ),
                "list-role-overrides": CallEntry(
                    "list the exceptions for roles",
                    "List the exceptions for roles.",
                    "GET /organizations/{organization_id}/role-policy-overrides",
                    (
                        CallParameter(
                            "organization_id", "text", "the id of the organization, such as acme", is_positional=True
                        ),
                        CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
                    ),
                    is_list=True,
                ),
            },
        ),
    },
)

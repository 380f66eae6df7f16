# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of every group."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

_ALLOWED_ROLES: Final = CallParameter(
    "allowed_roles", "names", "the roles that may use the tool, such as owner,admin, in any order"
)
_ENABLED: Final = CallParameter("enabled", "boolean", "whether the tool may be used")
_EXECUTION_ID: Final = CallParameter(
    "execution_id", "text", "the ID of the execution, such as exec_abc123", is_positional=True
)
_KEY: Final = CallParameter("key", "text", "the key: any text, such as user/prefs", is_positional=True)
_ORGANIZATION_ID: Final = CallParameter(
    "organization_id", "text", "the ID of the organization, such as acme", is_positional=True
)
_SCOPE: Final = CallParameter(
    "scope",
    "word",
    "who shares the value: workflow (the platform's default), user, organization or global",
    choices=("workflow", "user", "organization", "global"),
)
_TOOL_NAME: Final = CallParameter(
    "tool_name", "text", "the name of the tool, such as slack_send_message", is_positional=True
)
_USER_ID: Final = CallParameter("user_id", "text", "the ID of the user, for the scope user")
_WORKFLOW_ID: Final = CallParameter("workflow_id", "workflow", "the workflow", is_positional=True)

_WORKFLOWS: Final = CallGroup(
    "create, read, change, delete and run workflows",
    {
        "list": CallEntry("list the workflows that the key can see", "GET /workflows", is_list=True, model="Workflow"),
        "get": CallEntry("show one workflow", "GET /workflows/{id}", (_WORKFLOW_ID,), model="Workflow"),
        "create": CallEntry(
            "create a workflow",
            "POST /workflows",
            (
                CallParameter(
                    "workflow",
                    "file",
                    "a file with the definition, in JSON or YAML, which may have the name and the description, too",
                    is_positional=True,
                ),
                CallParameter("name", "text", "the name that people see"),
                CallParameter("description", "text", "what the workflow is for", is_nullable=True),
                CallParameter("definition", "definition", "the nodes and outputs, in place of FILE", is_nullable=True),
            ),
            model="Workflow",
        ),
        "update": CallEntry(
            "change the given fields of a workflow, which makes a new version",
            "PUT /workflows/{id}",
            (
                _WORKFLOW_ID,
                CallParameter("name", "text", "the new name"),
                CallParameter("description", "text", "the new description, or null to clear it", is_nullable=True),
                CallParameter(
                    "definition",
                    "definition",
                    "the new definition, as JSON or from a file in JSON or YAML",
                    is_nullable=True,
                ),
            ),
            model="Workflow",
        ),
        "delete": CallEntry("delete a workflow", "DELETE /workflows/{id}", (_WORKFLOW_ID,)),
    },
)

_EXECUTIONS: Final = CallGroup(
    "follow, wait for and cancel the runs of workflows",
    {
        "list": CallEntry(
            "list executions, all or some of them",
            "GET /executions",
            (
                CallParameter("workflow_id", "workflow", "only those of the workflow"),
                CallParameter(
                    "status",
                    "word",
                    "only those in this state: pending, running, completed, failed, cancelled, pending_approval",
                    choices=("pending", "running", "completed", "failed", "cancelled", "pending_approval"),
                ),
                CallParameter(
                    "since",
                    "since",
                    "only those started since this time, such as one in UTC, or in this period before now",
                ),
            ),
            is_list=True,
            model="Execution",
        ),
        "get": CallEntry("show one execution", "GET /executions/{id}", (_EXECUTION_ID,), model="Execution"),
        "cancel": CallEntry(
            "cancel an execution",
            "POST /executions/{id}/cancel",
            (
                _EXECUTION_ID,
                CallParameter(
                    "if_ended",
                    "word",
                    "what to do if the execution has already ended: raise an error, or ignore it",
                    choices=("raise", "ignore"),
                ),
            ),
            model="Execution",
        ),
    },
)

_VERSIONS: Final = CallGroup(
    "read the version history of a workflow, and roll back",
    {
        "list": CallEntry(
            "list the versions of a workflow, which any member may do",
            "GET /workflows/{id}/versions",
            (_WORKFLOW_ID,),
            is_list=True,
            model="WorkflowVersion",
        ),
        "get": CallEntry(
            "show one version of a workflow",
            "GET /workflows/{id}/versions/{version}",
            (
                _WORKFLOW_ID,
                CallParameter(
                    "version",
                    "text",
                    "the number or name of the version, as fibonacci versions list returns it",
                    is_positional=True,
                ),
            ),
            model="WorkflowVersion",
        ),
        "rollback": CallEntry(
            "make an earlier version the current one",
            "POST /workflows/{id}/versions/{version}/rollback",
            (
                _WORKFLOW_ID,
                CallParameter("version", "text", "the number or name of the version to go back to", is_positional=True),
            ),
            model="WorkflowVersion",
        ),
    },
)

_REGISTRY: Final = CallGroup(
    "approve workflows as templates, deprecate and archive them",
    {
        "list": CallEntry(
            "list the entries of the registry",
            "GET /workflow-registry",
            (
                CallParameter(
                    "include_archived",
                    "boolean",
                    "whether to list archived entries too, which the platform leaves out by default",
                ),
            ),
            is_list=True,
            model="RegistryEntry",
        ),
        "approve-template": CallEntry(
            "approve a workflow as a template",
            "POST /workflow-registry/{id}/approve-template",
            (_WORKFLOW_ID,),
            model="RegistryEntry",
        ),
        "deprecate": CallEntry(
            "mark a template as deprecated",
            "POST /workflow-registry/{id}/deprecate",
            (_WORKFLOW_ID,),
            model="RegistryEntry",
        ),
        "archive": CallEntry(
            "archive a template, so that lists leave it out by default",
            "POST /workflow-registry/{id}/archive",
            (_WORKFLOW_ID,),
            model="RegistryEntry",
        ),
    },
)

_ORGANIZATIONS: Final = CallGroup(
    "read and change governance, quotas and tool policies of an organization",
    {
        "governance": CallGroup(
            "read and change the approval settings, and read reports and the audit log",
            {
                "get": CallEntry(
                    "show the approval settings",
                    "GET /organizations/{organization_id}/governance",
                    (_ORGANIZATION_ID,),
                    model="GovernanceSettings",
                ),
                "update": CallEntry(
                    "change the given settings of an organization",
                    "PATCH /organizations/{organization_id}/governance",
                    (
                        _ORGANIZATION_ID,
                        CallParameter(
                            "require_approval_for_external_comm",
                            "boolean",
                            "whether workflows that communicate with the outside, such as by e-mail, need approval",
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
                        CallParameter(
                            "allow_self_approval", "boolean", "whether people may approve their own requests"
                        ),
                        CallParameter("approval_threshold", "integer", "the number of approvals that a run needs"),
                        CallParameter(
                            "category_flags",
                            "object",
                            'whether workflows need approval, by category, such as {"financial": true}',
                        ),
                    ),
                    model="GovernanceSettings",
                ),
                "report": CallEntry(
                    "show the governance report",
                    "GET /organizations/{organization_id}/governance/report",
                    (_ORGANIZATION_ID,),
                    model="GovernanceReport",
                ),
                "audit": CallEntry(
                    "list the entries of the audit log",
                    "GET /organizations/{organization_id}/governance/audit",
                    (_ORGANIZATION_ID,),
                    is_list=True,
                    model="AuditEntry",
                ),
                "approvals": CallEntry(
                    "show the statistics of approvals",
                    "GET /organizations/{organization_id}/governance/approvals",
                    (_ORGANIZATION_ID,),
                    model="ApprovalStats",
                ),
            },
        ),
        "quota": CallGroup(
            "read and change the limits of an organization",
            {
                "get": CallEntry(
                    "show the limits of an organization",
                    "GET /organizations/{organization_id}/quota",
                    (_ORGANIZATION_ID,),
                    model="Quota",
                ),
                "update": CallEntry(
                    "override the given limits of an organization",
                    "PATCH /organizations/{organization_id}/quota",
                    (
                        _ORGANIZATION_ID,
                        CallParameter(
                            "workflow_runs_per_hour",
                            "integer",
                            "the number of runs per hour, or null to remove the override",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "concurrent_executions",
                            "integer",
                            "the number of executions at a time, or null to remove the override",
                            is_nullable=True,
                        ),
                        CallParameter(
                            "memory_mb",
                            "integer",
                            "memory in megabytes, or null to remove the override",
                            is_nullable=True,
                        ),
                    ),
                    model="Quota",
                ),
            },
        ),
        "tool-policies": CallGroup(
            "allow and forbid tools, for everyone or for one role",
            {
                "list": CallEntry(
                    "list the policies of an organization",
                    "GET /organizations/{organization_id}/tool-policies",
                    (_ORGANIZATION_ID,),
                    is_list=True,
                    model="ToolPolicy",
                ),
                "create": CallEntry(
                    "create a policy for a tool",
                    "POST /organizations/{organization_id}/tool-policies",
                    (
                        _ORGANIZATION_ID,
                        CallParameter(
                            "tool_name",
                            "text",
                            "the name of the tool, such as slack_send_message (see fibonacci tools list)",
                            is_required=True,
                        ),
                        _ENABLED,
                        _ALLOWED_ROLES,
                    ),
                    model="ToolPolicy",
                ),
                "update": CallEntry(
                    "change the given fields of a policy",
                    "PATCH /organizations/{organization_id}/tool-policies/{tool_name}",
                    (
                        _ORGANIZATION_ID,
                        _TOOL_NAME,
                        _ENABLED,
                        _ALLOWED_ROLES,
                    ),
                    model="ToolPolicy",
                ),
                "delete": CallEntry(
                    "delete a policy",
                    "DELETE /organizations/{organization_id}/tool-policies/{tool_name}",
                    (
                        _ORGANIZATION_ID,
                        _TOOL_NAME,
                    ),
                ),
                "create-role-override": CallEntry(
                    "create an exception for a role",
                    "POST /organizations/{organization_id}/role-policy-overrides",
                    (
                        _ORGANIZATION_ID,
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
                            "the name of the tool, such as slack_send_message (see fibonacci tools list)",
                            is_required=True,
                        ),
                        CallParameter("enabled", "boolean", "whether that role may use that tool"),
                    ),
                    model="RolePolicyOverride",
                ),
                "list-role-overrides": CallEntry(
                    "list the exceptions for roles",
                    "GET /organizations/{organization_id}/role-policy-overrides",
                    (_ORGANIZATION_ID,),
                    is_list=True,
                    model="RolePolicyOverride",
                ),
            },
        ),
    },
)

_MEMORY: Final = CallGroup(
    "store values under a key, for a workflow, a user, an organization, or everyone",
    {
        "get": CallEntry(
            "show the value under a key",
            "GET /memory/{key}",
            (
                _KEY,
                _SCOPE,
                _USER_ID,
                CallParameter("workflow_id", "workflow", "the workflow, for the scope workflow"),
            ),
            model="MemoryEntry",
        ),
        "delete": CallEntry(
            "delete the value under a key",
            "DELETE /memory/{key}",
            (
                _KEY,
                _SCOPE,
                _USER_ID,
                CallParameter("workflow_id", "workflow", "the workflow, for the scope workflow"),
            ),
        ),
        "set": CallEntry(
            "store a value under a key, and replace an earlier one",
            "PUT /memory/{key}",
            (
                _KEY,
                CallParameter("value", "json", "any JSON", is_positional=True),
                _SCOPE,
                CallParameter("user_id", "text", "the ID of the user, for the scope user", is_nullable=True),
                CallParameter("workflow_id", "workflow", "the workflow, for the scope workflow", is_nullable=True),
                CallParameter("ttl", "seconds", "whole seconds to keep it", is_nullable=True),
            ),
            model="MemoryEntry",
        ),
    },
)

_TOOLS: Final = CallGroup(
    "look up and connect tools",
    {
        "list": CallEntry("list the tools of the catalog", "GET /tools", is_list=True, model="Tool"),
        "get": CallEntry("show one tool", "GET /tools/{tool_name}", (_TOOL_NAME,), model="Tool"),
        "connect": CallEntry(
            "connect a tool",
            "POST /tools/{tool_name}/connect",
            (
                _TOOL_NAME,
                CallParameter(
                    "params",
                    "object",
                    "the parameters of the connection by name, such as credentials, depending on the tool",
                ),
            ),
            model="ToolConnection",
        ),
    },
)

_HEALTH: Final = CallGroup(
    "show the health of the platform",
    {
        "check": CallEntry("show the platform's health", "GET /health", model="Health"),
        "secrets": CallEntry("show the health of the secret store", "GET /health/secrets", model="SecretsHealth"),
    },
)

CALLS: Final[dict[str, CallGroup]] = {
    "workflows": _WORKFLOWS,
    "executions": _EXECUTIONS,
    "versions": _VERSIONS,
    "registry": _REGISTRY,
    "organizations": _ORGANIZATIONS,
    "memory": _MEMORY,
    "tools": _TOOLS,
    "health": _HEALTH,
}

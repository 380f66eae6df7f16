"""The objects that the platform sends. All models are frozen, and keep fields that the SDK doesn't know."""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci.models._base": ["Model", "Timestamped"],
        "fibonacci.models.executions": ["Execution", "ExecutionStatus", "NodeStatus", "NodeTrace"],
        "fibonacci.models.health": ["Health", "SecretsHealth"],
        "fibonacci.models.memory": ["MemoryEntry", "MemoryScope"],
        "fibonacci.models.organizations": [
            "ApprovalStats",
            "AuditEntry",
            "GovernanceReport",
            "GovernanceSettings",
            "Quota",
            "Role",
            "RolePolicyOverride",
            "ToolPolicy",
        ],
        "fibonacci.models.page": ["Page"],
        "fibonacci.models.response": ["Headers", "RateLimit", "ResponseInfo"],
        "fibonacci.models.tools": ["Tool", "ToolConnection"],
        "fibonacci.models.workflows": ["RegistryEntry", "RegistryStatus", "Workflow", "WorkflowVersion"],
    },
)

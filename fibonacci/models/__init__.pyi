# Derived from fibonacci/models/__init__.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci.models._base import Model, Timestamped
from fibonacci.models.executions import Execution, ExecutionStatus, NodeStatus, NodeTrace
from fibonacci.models.health import Health, SecretsHealth
from fibonacci.models.memory import MemoryEntry, MemoryScope
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
from fibonacci.models.page import Page
from fibonacci.models.response import Headers, RateLimit, ResponseInfo
from fibonacci.models.tools import Tool, ToolConnection
from fibonacci.models.workflows import RegistryEntry, RegistryStatus, Workflow, WorkflowVersion

__all__ = [
    "ApprovalStats",
    "AuditEntry",
    "Execution",
    "ExecutionStatus",
    "GovernanceReport",
    "GovernanceSettings",
    "Headers",
    "Health",
    "MemoryEntry",
    "MemoryScope",
    "Model",
    "NodeStatus",
    "NodeTrace",
    "Page",
    "Quota",
    "RateLimit",
    "RegistryEntry",
    "RegistryStatus",
    "ResponseInfo",
    "Role",
    "RolePolicyOverride",
    "SecretsHealth",
    "Timestamped",
    "Tool",
    "ToolConnection",
    "ToolPolicy",
    "Workflow",
    "WorkflowVersion",
]

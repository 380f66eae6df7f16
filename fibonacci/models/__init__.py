"""What the platform sends back, one file per resource. All models are frozen and keep fields that they do not know."""

from fibonacci._lazy import lazy_names

TYPE_CHECKING = False  # not imported from typing: a first call has to load no model that it does not need
if TYPE_CHECKING:
    from fibonacci.models._base import Model as Model
    from fibonacci.models._base import Timestamped as Timestamped
    from fibonacci.models.executions import Execution as Execution
    from fibonacci.models.executions import ExecutionStatus as ExecutionStatus
    from fibonacci.models.health import Health as Health
    from fibonacci.models.health import SecretsHealth as SecretsHealth
    from fibonacci.models.memory import MemoryEntry as MemoryEntry
    from fibonacci.models.memory import MemoryScope as MemoryScope
    from fibonacci.models.organizations import ApprovalStats as ApprovalStats
    from fibonacci.models.organizations import AuditEntry as AuditEntry
    from fibonacci.models.organizations import GovernanceReport as GovernanceReport
    from fibonacci.models.organizations import GovernanceSettings as GovernanceSettings
    from fibonacci.models.organizations import Quota as Quota
    from fibonacci.models.organizations import Role as Role
    from fibonacci.models.organizations import RolePolicyOverride as RolePolicyOverride
    from fibonacci.models.organizations import ToolPolicy as ToolPolicy
    from fibonacci.models.page import Page as Page
    from fibonacci.models.registry import RegistryEntry as RegistryEntry
    from fibonacci.models.registry import RegistryStatus as RegistryStatus
    from fibonacci.models.response import Headers as Headers
    from fibonacci.models.response import RateLimit as RateLimit
    from fibonacci.models.response import ResponseInfo as ResponseInfo
    from fibonacci.models.tools import Tool as Tool
    from fibonacci.models.tools import ToolConnection as ToolConnection
    from fibonacci.models.versions import WorkflowVersion as WorkflowVersion
    from fibonacci.models.workflows import Workflow as Workflow

_HOMES = {
    "ApprovalStats": "fibonacci.models.organizations",
    "AuditEntry": "fibonacci.models.organizations",
    "Execution": "fibonacci.models.executions",
    "ExecutionStatus": "fibonacci.models.executions",
    "GovernanceReport": "fibonacci.models.organizations",
    "GovernanceSettings": "fibonacci.models.organizations",
    "Headers": "fibonacci.models.response",
    "Health": "fibonacci.models.health",
    "MemoryEntry": "fibonacci.models.memory",
    "MemoryScope": "fibonacci.models.memory",
    "Model": "fibonacci.models._base",
    "Page": "fibonacci.models.page",
    "Quota": "fibonacci.models.organizations",
    "RateLimit": "fibonacci.models.response",
    "RegistryEntry": "fibonacci.models.registry",
    "RegistryStatus": "fibonacci.models.registry",
    "ResponseInfo": "fibonacci.models.response",
    "Role": "fibonacci.models.organizations",
    "RolePolicyOverride": "fibonacci.models.organizations",
    "SecretsHealth": "fibonacci.models.health",
    "Timestamped": "fibonacci.models._base",
    "Tool": "fibonacci.models.tools",
    "ToolConnection": "fibonacci.models.tools",
    "ToolPolicy": "fibonacci.models.organizations",
    "Workflow": "fibonacci.models.workflows",
    "WorkflowVersion": "fibonacci.models.versions",
}

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

if not TYPE_CHECKING:  # type checkers would take any name at all to be there
    __getattr__ = lazy_names(globals(), _HOMES)


def __dir__() -> list[str]:
    return __all__

# Derived from fibonacci/types.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci._async.batch._workers import AsyncRows
from fibonacci._async.executions import AsyncExecutions
from fibonacci._async.health import AsyncHealthChecks
from fibonacci._async.memory import AsyncMemory
from fibonacci._async.organizations import AsyncGovernance, AsyncOrganizations, AsyncQuotas, AsyncToolPolicies
from fibonacci._async.registry import AsyncRegistry
from fibonacci._async.tools import AsyncTools
from fibonacci._async.versions import AsyncVersions
from fibonacci._async.workflows import AsyncWorkflows
from fibonacci._core.option_types import ApiKey, AsyncApiKey, ClientCert
from fibonacci._core.tracing import ExecutionSpan, ExecutionTracing, Span, Tracing, WaitSpan
from fibonacci._core.urls import QueryValue
from fibonacci._sync.batch._workers import Rows
from fibonacci._sync.executions import Executions
from fibonacci._sync.health import HealthChecks
from fibonacci._sync.memory import Memory
from fibonacci._sync.organizations import Governance, Organizations, Quotas, ToolPolicies
from fibonacci._sync.registry import Registry
from fibonacci._sync.tools import Tools
from fibonacci._sync.versions import Versions
from fibonacci._sync.workflows import Workflows
from fibonacci.deployment.plan import DeploymentAction

__all__ = [
    "ApiKey",
    "AsyncApiKey",
    "AsyncExecutions",
    "AsyncGovernance",
    "AsyncHealthChecks",
    "AsyncMemory",
    "AsyncOrganizations",
    "AsyncQuotas",
    "AsyncRegistry",
    "AsyncRows",
    "AsyncToolPolicies",
    "AsyncTools",
    "AsyncVersions",
    "AsyncWorkflows",
    "ClientCert",
    "DeploymentAction",
    "ExecutionSpan",
    "ExecutionTracing",
    "Executions",
    "Governance",
    "HealthChecks",
    "Memory",
    "Organizations",
    "QueryValue",
    "Quotas",
    "Registry",
    "Rows",
    "Span",
    "ToolPolicies",
    "Tools",
    "Tracing",
    "Versions",
    "WaitSpan",
    "Workflows",
]

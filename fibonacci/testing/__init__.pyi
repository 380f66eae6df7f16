# Derived from fibonacci/testing/__init__.py by tests/stubs.py; change that file, not this one.
from fibonacci._async.clock import AsyncClock
from fibonacci._sync.clock import Clock
from fibonacci.testing.emulator_environment import in_environment
from fibonacci.testing.factories.organizations import (
    make_approval_stats,
    make_audit_entry,
    make_governance_report,
    make_governance_settings,
    make_quota,
    make_role_policy_override,
    make_tool_policy,
)
from fibonacci.testing.factories.platform import (
    make_health,
    make_memory_entry,
    make_secrets_health,
    make_tool,
    make_tool_connection,
)
from fibonacci.testing.factories.responses import make_page, make_rate_limit, make_response
from fibonacci.testing.factories.workflows import (
    make_execution,
    make_node_trace,
    make_registry_entry,
    make_workflow,
    make_workflow_version,
)

__all__ = [
    "AsyncClock",
    "Clock",
    "in_environment",
    "make_approval_stats",
    "make_audit_entry",
    "make_execution",
    "make_governance_report",
    "make_governance_settings",
    "make_health",
    "make_memory_entry",
    "make_node_trace",
    "make_page",
    "make_quota",
    "make_rate_limit",
    "make_registry_entry",
    "make_response",
    "make_role_policy_override",
    "make_secrets_health",
    "make_tool",
    "make_tool_connection",
    "make_tool_policy",
    "make_workflow",
    "make_workflow_version",
]

# Derived from fibonacci/testing/__init__.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci._async.clock import AsyncClock
from fibonacci._sync.clock import Clock
from fibonacci.testing.emulator_environment import in_environment
from fibonacci.testing.factories import (
    make_approval_stats,
    make_audit_entry,
    make_execution,
    make_governance_report,
    make_governance_settings,
    make_health,
    make_memory_entry,
    make_node_trace,
    make_page,
    make_quota,
    make_rate_limit,
    make_registry_entry,
    make_response,
    make_role_policy_override,
    make_secrets_health,
    make_tool,
    make_tool_connection,
    make_tool_policy,
    make_workflow,
    make_workflow_version,
)
from fibonacci.testing.transport_check import check_transport

__all__ = [
    "AsyncClock",
    "Clock",
    "check_transport",
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

"""Tools for testing your own code: factories of models, clocks, a check of transports, and a pytest plugin.

You don't import the plugin. Wherever the package is installed, pytest finds its fixtures, such as `fibonacci_emulator`,
`fibonacci_client` and `async_fibonacci_client`.

Example:
    >>> from fibonacci.testing import make_execution
    >>> make_execution(status="running").is_terminal
    False
"""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci._async.clock": ["AsyncClock"],
        "fibonacci._sync.clock": ["Clock"],
        "fibonacci.testing.emulator_environment": ["in_environment"],
        "fibonacci.testing.factories": [
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
        ],
        "fibonacci.testing.transport_check": ["check_transport"],
    },
)

"""For the tests of your own code: models as the platform would answer them, and a pytest plugin.

The plugin needs no import: its fixtures `fibonacci_emulator`, `fibonacci_client` and `async_fibonacci_client` are there
wherever the package is installed.

Example:
    >>> from fibonacci.testing import make_execution
    >>> make_execution(status="running").is_terminal
    False
"""

from fibonacci._lazy import lazy_names

TYPE_CHECKING = False  # not imported from typing: pytest loads this with the plugin, and it has to stay near free
if TYPE_CHECKING:
    from fibonacci.testing.factories.answers import make_page as make_page
    from fibonacci.testing.factories.answers import make_rate_limit as make_rate_limit
    from fibonacci.testing.factories.answers import make_response as make_response
    from fibonacci.testing.factories.organizations import make_approval_stats as make_approval_stats
    from fibonacci.testing.factories.organizations import make_audit_entry as make_audit_entry
    from fibonacci.testing.factories.organizations import make_governance_report as make_governance_report
    from fibonacci.testing.factories.organizations import make_governance_settings as make_governance_settings
    from fibonacci.testing.factories.organizations import make_quota as make_quota
    from fibonacci.testing.factories.organizations import make_role_policy_override as make_role_policy_override
    from fibonacci.testing.factories.organizations import make_tool_policy as make_tool_policy
    from fibonacci.testing.factories.platform import make_health as make_health
    from fibonacci.testing.factories.platform import make_memory_entry as make_memory_entry
    from fibonacci.testing.factories.platform import make_secrets_health as make_secrets_health
    from fibonacci.testing.factories.platform import make_tool as make_tool
    from fibonacci.testing.factories.platform import make_tool_connection as make_tool_connection
    from fibonacci.testing.factories.workflows import make_execution as make_execution
    from fibonacci.testing.factories.workflows import make_registry_entry as make_registry_entry
    from fibonacci.testing.factories.workflows import make_workflow as make_workflow
    from fibonacci.testing.factories.workflows import make_workflow_version as make_workflow_version

_HOMES = {
    "make_approval_stats": "fibonacci.testing.factories.organizations",
    "make_audit_entry": "fibonacci.testing.factories.organizations",
    "make_execution": "fibonacci.testing.factories.workflows",
    "make_governance_report": "fibonacci.testing.factories.organizations",
    "make_governance_settings": "fibonacci.testing.factories.organizations",
    "make_health": "fibonacci.testing.factories.platform",
    "make_memory_entry": "fibonacci.testing.factories.platform",
    "make_page": "fibonacci.testing.factories.answers",
    "make_quota": "fibonacci.testing.factories.organizations",
    "make_rate_limit": "fibonacci.testing.factories.answers",
    "make_registry_entry": "fibonacci.testing.factories.workflows",
    "make_response": "fibonacci.testing.factories.answers",
    "make_role_policy_override": "fibonacci.testing.factories.organizations",
    "make_secrets_health": "fibonacci.testing.factories.platform",
    "make_tool": "fibonacci.testing.factories.platform",
    "make_tool_connection": "fibonacci.testing.factories.platform",
    "make_tool_policy": "fibonacci.testing.factories.organizations",
    "make_workflow": "fibonacci.testing.factories.workflows",
    "make_workflow_version": "fibonacci.testing.factories.workflows",
}

__all__ = [
    "make_approval_stats",
    "make_audit_entry",
    "make_execution",
    "make_governance_report",
    "make_governance_settings",
    "make_health",
    "make_memory_entry",
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

if not TYPE_CHECKING:  # type checkers would take any name at all to be there
    __getattr__ = lazy_names(globals(), _HOMES)


def __dir__() -> list[str]:
    return __all__

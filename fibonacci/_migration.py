"""What programs for earlier versions need: replacements for the names of 0.2.4, and warnings of what is deprecated.

`docs/reference/support-policy.md` says how long it works.
"""

from __future__ import annotations

import warnings
from inspect import currentframe
from types import FrameType

PAGE = "https://docs.fibonacci.today/how-to/coming-from-0.2.4/"
"""The guide with all of them, `docs/how-to/coming-from-0.2.4.md`."""

_BY_REQUEST = "`client.request(method, path, json=...)`, which calls any path of the platform"
_KEYCHAIN = "`fibonacci auth login`: it stores the key in the keychain (extra `keyring`), where `Fibonacci()` finds it"
_DICT = "the dict that `client.request(...)` returns, or pass your own model as `returns=`"
_LOGS = "the logger `fibonacci` of Python's logging, and the client's `on_retry=`"
_OPTIONS = "arguments of `Fibonacci(...)`, environment variables, or profiles, which `fibonacci profiles list` prints"
_REDACTION = "nothing in its place: the API key is never in a log, repr or error"
_TOOLS = "`client.tools.list()`, and filter the tools"

RENAMED = {
    "Workflow": (
        "`WorkflowBuilder`, then `client.workflows.create(...)` and `client.workflows.run(...)`. In type "
        "annotations, `fibonacci.models.Workflow`"
    ),
    "FibonacciClient": "`Fibonacci`, or `AsyncFibonacci` if you await calls",
    "Config": _OPTIONS,
    "get_config_secure": _OPTIONS,
    "LLMNode": "`fibonacci.definitions.LLMNode`, or `WorkflowBuilder(...).llm(...)`",
    "ToolNode": "`fibonacci.definitions.ToolNode`, or `WorkflowBuilder(...).tool(...)`",
    "CriticNode": "`fibonacci.definitions.CriticNode`, or `WorkflowBuilder(...).critic(...)`",
    "ConditionalNode": "`fibonacci.definitions.ConditionalNode`, or `WorkflowBuilder(...).when(...)`",
    "ExecutionError": "`ExecutionFailedError`, with `reason` and `execution`",
    "WorkflowRunStatus": "`fibonacci.models.Execution`, from `client.executions.get(execution_id)`",
    "WorkflowResponse": "`fibonacci.models.Workflow`, from `client.workflows.get(workflow_id)`",
    "WorkflowStats": "`client.executions.list(workflow_id=...)`, and count the executions",
    "WorkflowRunSummary": "`fibonacci.models.Execution`, from `client.executions.list(workflow_id=...)`",
    "Memory": "`client.memory`, with `get`, `set` and `delete`",
    "AuthClient": "an API key, because there is no login",
    "OrganizationClient": "`client.organizations` for governance, quotas and tool policies, else `client.request`",
    "APIKeyClient": _BY_REQUEST,
    "SecretsClient": _BY_REQUEST,
    "GenerationClient": _BY_REQUEST,
    "CriticClient": _BY_REQUEST,
    "UserResponse": _DICT,
    "AuthResponse": _DICT,
    "MfaLoginResponse": _DICT,
    "MfaSetupResponse": _DICT,
    "MfaEnableResponse": _DICT,
    "MfaStatusResponse": _DICT,
    "OrganizationResponse": _DICT,
    "InviteResponse": _DICT,
    "InviteValidate": _DICT,
    "OrgMemberResponse": _DICT,
    "OrgMembersResponse": _DICT,
    "APIKeyInfo": _DICT,
    "APIKeyCreateResponse": _DICT,
    "SecretResponse": _DICT,
    "WorkflowGenerationResponse": _DICT,
    "AnalyzeWorkflowResponse": _DICT,
    "CriticDashboard": _DICT,
    "UserStats": _DICT,
    "list_tools": "`client.tools.list()`",
    "get_tool_schema": "`client.tools.get(name)`",
    "search_tools": _TOOLS,
    "list_tool_categories": _TOOLS,
    "find_tool_for_task": _TOOLS,
    "print_tool_info": "`print(client.tools.get(name))`",
    "SecureConfig": _OPTIONS,
    "redact_api_key": _REDACTION,
    "redact_sensitive_data": _REDACTION,
    "KeychainStorage": _KEYCHAIN,
    "get_api_key_secure": _KEYCHAIN,
    "save_api_key_secure": _KEYCHAIN,
    "migrate_to_keychain": _KEYCHAIN,
    "check_security_status": _REDACTION,
    "AuditLogger": _LOGS,
    "enable_audit_logging": _LOGS,
    "disable_audit_logging": _LOGS,
    "get_audit_logger": _LOGS,
    "YAMLLoader": "`fibonacci.definitions.load(path)`",
    "YAMLExporter": "`fibonacci.definitions.dump(definition, path)`",
    "load_workflow_from_yaml": "`fibonacci.definitions.load(path)`",
    "export_workflow_to_yaml": "`fibonacci.definitions.dump(definition, path)`",
}
"""The public names of 0.2.4 that 1.0 removed, each with its replacement. The page has the same table."""

_WORKFLOW = "`client.workflows.{}(...)`"
_EXECUTION = "`client.executions.{}(...)`"
ATTRIBUTES = {
    "exceptions": "`fibonacci.errors`, or import the names from `fibonacci`",
    "Fibonacci.create_workflow": _WORKFLOW.format("create"),
    "Fibonacci.get_workflow": _WORKFLOW.format("get"),
    "Fibonacci.update_workflow": _WORKFLOW.format("update"),
    "Fibonacci.delete_workflow": _WORKFLOW.format("delete"),
    "Fibonacci.list_workflows": _WORKFLOW.format("list"),
    "Fibonacci.execute_workflow": "`client.workflows.run(...)`, which waits, or `client.workflows.execute(...)`",
    "Fibonacci.get_run_status": _EXECUTION.format("get"),
    "Fibonacci.get_workflow_runs": "`client.executions.list(workflow_id=...)`",
    "Fibonacci.get_workflow_stats": RENAMED["WorkflowStats"],
    "Fibonacci.wait_for_completion": _EXECUTION.format("wait"),
    "Fibonacci.list_tools": RENAMED["list_tools"],
    "Fibonacci.get_tool_schema": RENAMED["get_tool_schema"],
    "Fibonacci.search_tools": RENAMED["search_tools"],
    "Fibonacci.list_tool_categories": RENAMED["list_tool_categories"],
    "Fibonacci.auth": RENAMED["AuthClient"],
    "Fibonacci.api_keys": RENAMED["APIKeyClient"],
    "Fibonacci.secrets": RENAMED["SecretsClient"],
    "Fibonacci.generation": RENAMED["GenerationClient"],
    "Fibonacci.critic": RENAMED["CriticClient"],
    "Execution.run_id": "`execution.id`",
    "Execution.error_message": "`execution.error`, or `execution.failure_reason`",
    "Execution.input_data": "`execution.inputs`",
    "Execution.output_data": "`execution.outputs`",
    "Execution.started_at": "`execution.created_at`",
    "Execution.duration_seconds": "`execution.duration_ms`, in milliseconds",
}
"""Attributes of 0.2.4 that 1.0 removed, by the class that would have them now, and the module `exceptions`."""


def renamed(name: str) -> str | None:
    """Return the message for a name of 0.2.4, or an attribute such as `Execution.run_id`. None for any other."""
    instead = RENAMED.get(name) or ATTRIBUTES.get(name)
    if instead is None:
        return None
    return f"{name} was removed in fibonacci-sdk 1.0. Use {instead}. See {PAGE}"


_PACKAGE = __name__.partition(".")[0]


def warn_of_deprecation(message: str) -> None:
    """Emit a `DeprecationWarning` at the line of the program that called the package, however deep the call is."""
    frame = currentframe()
    while frame is not None and frame.f_back is not None and _is_of_package(frame):
        frame = frame.f_back
    if frame is None:  # an interpreter without frames
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=names.get("__name__", "<string>"),
        registry=names.setdefault("__warningregistry__", {}),
    )


def _is_of_package(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE

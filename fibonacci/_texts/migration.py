"""What programs for earlier versions need: replacements for the names of 0.2.4, and warnings of what is deprecated.

`docs/reference/support-policy.md` says how long it works.
"""

from __future__ import annotations

import sys
import warnings
from inspect import currentframe
from types import FrameType

PAGE = "https://docs.fibonacci.today/how-to/coming-from-0.2.4/"
"""The guide with all of them, `docs/how-to/coming-from-0.2.4.md`."""

_INSTEAD = {
    "Workflow": (
        "`WorkflowBuilder`, then `client.workflows.create(...)` and `client.workflows.run(...)`. In type "
        "annotations, `fibonacci.models.Workflow`"
    ),
    "FibonacciClient": "`Fibonacci`, or `AsyncFibonacci` if you await calls",
    "Config get_config_secure SecureConfig": (
        "arguments of `Fibonacci(...)`, environment variables, or profiles, which `fibonacci profiles list` prints"
    ),
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
    "APIKeyClient SecretsClient GenerationClient CriticClient": (
        "`client.request(method, path, json=...)`, which calls any path of the platform"
    ),
    (
        "UserResponse AuthResponse MfaLoginResponse MfaSetupResponse MfaEnableResponse MfaStatusResponse "
        "OrganizationResponse InviteResponse InviteValidate OrgMemberResponse OrgMembersResponse APIKeyInfo "
        "APIKeyCreateResponse SecretResponse WorkflowGenerationResponse AnalyzeWorkflowResponse CriticDashboard "
        "UserStats"
    ): ("the dict that `client.request(...)` returns, or pass your own model as `returns=`"),
    "list_tools": "`client.tools.list()`",
    "get_tool_schema": "`client.tools.get(name)`",
    "search_tools list_tool_categories find_tool_for_task": "`client.tools.list()`, and filter the tools",
    "print_tool_info": "`print(client.tools.get(name))`",
    "redact_api_key redact_sensitive_data check_security_status": (
        "nothing in its place: the API key is never in a log, repr or error"
    ),
    "KeychainStorage get_api_key_secure save_api_key_secure migrate_to_keychain": (
        "`fibonacci auth login`: it stores the key in the keychain (extra `keyring`), where `Fibonacci()` finds it"
    ),
    "AuditLogger enable_audit_logging disable_audit_logging get_audit_logger": (
        "the logger `fibonacci` of Python's logging, and the client's `on_retry=`"
    ),
    "YAMLLoader load_workflow_from_yaml": "`fibonacci.definitions.load(path)`",
    "YAMLExporter export_workflow_to_yaml": "`fibonacci.definitions.dump(definition, path)`",
}
"""The public names of 0.2.4 that 1.0 removed, and what to use instead of them."""

RENAMED = {name: instead for names, instead in _INSTEAD.items() for name in names.split()}
"""The same, by name. The page has the same table."""

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


def missing_name(module: str, name: str) -> ImportError | AttributeError:
    """Return the error for a name that a module doesn't have, in the `__getattr__` of that module."""
    message = renamed(name)
    if message is None:
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    # `from fibonacci import X` would replace an AttributeError by an ImportError with a text of its own.
    asking = sys._getframe(2).f_code.co_name  # pyright: ignore[reportPrivateUsage]
    return ImportError(message, name=module) if asking == "_handle_fromlist" else AttributeError(message, name=name)


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

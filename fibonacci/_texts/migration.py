"""What programs for earlier versions need: replacements for the names of 0.2.4, and warnings of what is deprecated.

`docs/reference/support-policy.md` says how long it works.
"""

from __future__ import annotations

import sys
import warnings

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
    "LLMNode ToolNode CriticNode ConditionalNode": (
        "the class of the same name in `fibonacci.definitions`, or `llm`, `tool`, `critic` and `when` of "
        "`WorkflowBuilder`"
    ),
    "ExecutionError": "`ExecutionFailedError`, with `reason` and `execution`",
    "WorkflowRunStatus WorkflowRunSummary": "`fibonacci.models.Execution`, from `client.executions`",
    "WorkflowResponse": "`fibonacci.models.Workflow`, from `client.workflows`",
    "WorkflowStats Fibonacci.get_workflow_stats": (
        "`client.executions.list(workflow_id=...)`, and count the executions"
    ),
    "Memory": "`client.memory`, with `get`, `set` and `delete`",
    "AuthClient Fibonacci.auth": "an API key, because there is no login",
    "OrganizationClient": "`client.organizations` for governance, quotas and tool policies, else `client.request`",
    (
        "APIKeyClient SecretsClient GenerationClient CriticClient "
        "Fibonacci.api_keys Fibonacci.secrets Fibonacci.generation Fibonacci.critic"
    ): "`client.request(method, path, json=...)`, which calls any path of the platform",
    (
        "UserResponse AuthResponse MfaLoginResponse MfaSetupResponse MfaEnableResponse MfaStatusResponse "
        "OrganizationResponse InviteResponse InviteValidate OrgMemberResponse OrgMembersResponse APIKeyInfo "
        "APIKeyCreateResponse SecretResponse WorkflowGenerationResponse AnalyzeWorkflowResponse CriticDashboard "
        "UserStats"
    ): "the dict that `client.request(...)` returns, or pass your own model as `returns=`",
    (
        "list_tools get_tool_schema search_tools list_tool_categories find_tool_for_task print_tool_info "
        "Fibonacci.list_tools Fibonacci.get_tool_schema Fibonacci.search_tools Fibonacci.list_tool_categories"
    ): "`client.tools.list()`, whose tools you can filter, or `client.tools.get(name)`",
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
    "exceptions": "`fibonacci.errors`, or import the names from `fibonacci`",
    (
        "Fibonacci.create_workflow Fibonacci.get_workflow Fibonacci.update_workflow Fibonacci.delete_workflow "
        "Fibonacci.list_workflows"
    ): "`client.workflows`, with `create`, `get`, `update`, `delete` and `list`",
    "Fibonacci.execute_workflow": "`client.workflows.run(...)`, which waits, or `client.workflows.execute(...)`",
    "Fibonacci.get_run_status Fibonacci.wait_for_completion Fibonacci.get_workflow_runs": (
        "`client.executions`, with `get`, `wait` and `list`"
    ),
    "Execution.run_id": "`execution.id`",
    "Execution.error_message": "`execution.error`, or `execution.failure_reason`",
    "Execution.input_data": "`execution.inputs`",
    "Execution.output_data": "`execution.outputs`",
    "Execution.started_at": "`execution.created_at`",
    "Execution.duration_seconds": "`execution.duration_ms`, in milliseconds",
}
"""The public names of 0.2.4 that 1.0 removed, and what to use instead. A name with a dot is an attribute of the class
that would have it now."""

RENAMED = {name: instead for names, instead in _INSTEAD.items() for name in names.split()}
"""The same, by name. The page has the same table."""


def renamed(name: str) -> str | None:
    """Return the message for a name of 0.2.4, or an attribute such as `Execution.run_id`. None for any other."""
    instead = RENAMED.get(name)
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


def warn_of_deprecation(message: str) -> None:
    """Emit a `DeprecationWarning` at the line of the program that called the package, however deep the call is."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("fibonacci."):
        frame = frame.f_back
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=names.get("__name__", "<string>"),
        registry=names.setdefault("__warningregistry__", {}),
    )

"""What to do about an error; the page `docs/reference/errors.md` has the same sentences."""

from __future__ import annotations

REMEDIES = {
    "AmbiguousNameError": "Use the id of the workflow that you mean, one of `workflow_ids`",
    "AuthenticationError": "Check the key: it is wrong or expired",
    "PermissionDeniedError": (
        "Use a key with the role that the call needs: owner for governance and quotas, admin or owner for versions"
    ),
    "NotFoundError": "Check the id. For memory: the scope, and whether the value has expired",
    "ConflictError": "Read the current state: the execution has ended, or the policy exists already",
    "BadRequestError": "Read `details`",
    "ValidationError": (
        "Read `details` and, for a definition, `problems`; `check_definition` finds most faults before sending"
    ),
    "QuotaExceededError": "Wait for the quota's period, or have it raised; it is never retried",
    "RateLimitError": "Wait `retry_after` seconds, or give the call a longer `timeout`, within which it waits",
    "ServerError": "Check `outcome_unknown` first. Try later; report the `request_id` if it persists",
    "APITimeoutError": "Check `outcome_unknown` first. Look at `phase` and `phases`, or give a longer `timeout`",
    "PaginationError": "Report it: the server's pages form a cycle",
    "APIResponseError": "Look at `body`: often a proxy or a login page responded in place of the platform",
    "StalePlanError": "Make the plan anew, read it, apply it",
    "ExecutionCancelledError": "A call or a person has canceled it. Run the workflow again if it is still needed",
    "ExecutionFailedError": (
        "The calls succeeded, the workflow did not. Its text names the node and the reason; `error.execution.trace` "
        "has more where the platform sends it"
    ),
    "OutputError": "Correct the type that was given to `outputs_as`, or the workflow: the text names the fields",
    "WaitTimeoutError": (
        "The execution continues. Wait again, or cancel it. Without an `execution`, look whether one was started"
    ),
}
"""By the name of the class. The messages of the other errors name the remedy."""


def remedy(error: BaseException) -> str | None:
    """Return the remedy for an error; None when its message has it."""
    names = (each.__name__ for each in type(error).__mro__)
    return next((REMEDIES[name] for name in names if name in REMEDIES), None)

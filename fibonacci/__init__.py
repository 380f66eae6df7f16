"""The Python client for the Fibonacci platform: run, version and govern AI workflows.

Example:
    ```python
    from fibonacci import Fibonacci

    with Fibonacci() as client:
        workflow = client.workflows.create(name="Empty")
        print(client.workflows.run(workflow.id).status)
    ```
"""

from fibonacci._system.lazy import lazy_names

__version__ = "1.0.0.dev0"

lazy_names(
    globals(),
    {
        "fibonacci._async.batch.runs": ["AsyncRuns"],
        "fibonacci._async.client": ["AsyncFibonacci"],
        "fibonacci._async.resource": ["AsyncPager"],
        "fibonacci._batch.estimate": ["RunsEstimate"],
        "fibonacci._core.option_types": ["RetryEvent", "WaitEvent"],
        "fibonacci._core.options": ["UNSET", "Unset"],
        "fibonacci._batch.journal_view": ["JournalView", "read_journal"],
        "fibonacci._sync.batch.runs": ["Runs"],
        "fibonacci._sync.client": ["Fibonacci"],
        "fibonacci._sync.resource": ["Pager"],
        "fibonacci.definitions.authoring.builder": ["WorkflowBuilder"],
        "fibonacci.deployment.plan": ["DeploymentChange", "DeploymentPlan", "DeploymentResult"],
        "fibonacci.errors": [
            "APIConnectionError",
            "APIError",
            "APIResponseError",
            "APIStatusError",
            "APITimeoutError",
            "AmbiguousNameError",
            "AuthenticationError",
            "BadRequestError",
            "ConfigurationError",
            "ConflictError",
            "DefinitionError",
            "DeploymentError",
            "ExecutionCancelledError",
            "ExecutionFailedError",
            "FibonacciError",
            "JournalError",
            "NotFoundError",
            "OutputError",
            "PaginationError",
            "PermissionDeniedError",
            "QuotaExceededError",
            "RateLimitError",
            "RunsStoppedError",
            "ServerError",
            "StalePlanError",
            "TooManyFailuresError",
            "UnknownOutcomeError",
            "UnsupportedCallError",
            "ValidationError",
            "WaitTimeoutError",
        ],
        "fibonacci.models": ["Execution", "Page", "RateLimit", "ResponseInfo"],
        "fibonacci.models.run_results": ["RunAttempt", "RunResult", "RunsBlocker", "RunsProgress", "RunsSummary"],
    },
    modules=["definitions", "emulator", "errors", "integrations", "models", "testing", "transports", "types"],
    migration="fibonacci._texts.migration",
)

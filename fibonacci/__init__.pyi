# Derived from fibonacci/__init__.py by tests/stubs.py; change that file, not this one.
from fibonacci._async.batch.runs import AsyncRuns
from fibonacci._async.client import AsyncFibonacci
from fibonacci._async.clock import AsyncClock
from fibonacci._async.pager import AsyncPager
from fibonacci._batch.estimate import RunsEstimate
from fibonacci._core.retry_event import RetryEvent
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.wait_event import WaitEvent
from fibonacci._sync.batch.runs import Runs
from fibonacci._sync.client import Fibonacci
from fibonacci._sync.clock import Clock
from fibonacci._sync.pager import Pager
from fibonacci.definitions.authoring.builder import WorkflowBuilder
from fibonacci.deployment.change import DeploymentChange
from fibonacci.deployment.plan import DeploymentPlan
from fibonacci.deployment.result import DeploymentResult
from fibonacci.errors import (
    AmbiguousNameError,
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    DeploymentError,
    ExecutionFailedError,
    FibonacciError,
    JournalError,
    NotFoundError,
    PaginationError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StalePlanError,
    TooManyFailuresError,
    UnknownOutcomeError,
    ValidationError,
    WaitTimeoutError,
)
from fibonacci.models import Page, RateLimit, ResponseInfo
from fibonacci.models.any_string import any_string
from fibonacci.models.run_results import RunResult, RunsSummary

__version__: str

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AmbiguousNameError",
    "AsyncClock",
    "AsyncFibonacci",
    "AsyncPager",
    "AsyncRuns",
    "AuthenticationError",
    "BadRequestError",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "DeploymentChange",
    "DeploymentError",
    "DeploymentPlan",
    "DeploymentResult",
    "ExecutionFailedError",
    "Fibonacci",
    "FibonacciError",
    "JournalError",
    "NotFoundError",
    "Page",
    "Pager",
    "PaginationError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ResponseInfo",
    "RetryEvent",
    "RunResult",
    "Runs",
    "RunsEstimate",
    "RunsSummary",
    "ServerError",
    "StalePlanError",
    "TooManyFailuresError",
    "UnknownOutcomeError",
    "Unset",
    "ValidationError",
    "WaitEvent",
    "WaitTimeoutError",
    "WorkflowBuilder",
    "__version__",
    "any_string",
]

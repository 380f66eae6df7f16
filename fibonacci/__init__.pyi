# Derived from fibonacci/__init__.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci._async.batch.runs import AsyncRuns
from fibonacci._async.client import AsyncFibonacci
from fibonacci._async.resource import AsyncPager
from fibonacci._batch.estimate import RunsEstimate
from fibonacci._batch.journal_view import JournalView, read_journal
from fibonacci._core.option_types import RetryEvent, WaitEvent
from fibonacci._core.options import UNSET, Unset
from fibonacci._sync.batch.runs import Runs
from fibonacci._sync.client import Fibonacci
from fibonacci._sync.resource import Pager
from fibonacci.definitions.authoring.builder import WorkflowBuilder
from fibonacci.deployment.plan import DeploymentChange, DeploymentPlan, DeploymentResult
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
    DefinitionError,
    DeploymentError,
    ExecutionCancelledError,
    ExecutionFailedError,
    FibonacciError,
    JournalError,
    NotFoundError,
    OutputError,
    PaginationError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RunsStoppedError,
    ServerError,
    StalePlanError,
    TooManyFailuresError,
    UnknownOutcomeError,
    UnsupportedCallError,
    ValidationError,
    WaitTimeoutError,
)
from fibonacci.models import Execution, Page, RateLimit, ResponseInfo
from fibonacci.models.run_results import RunAttempt, RunResult, RunsBlocker, RunsProgress, RunsSummary

from . import definitions as definitions
from . import emulator as emulator
from . import errors as errors
from . import integrations as integrations
from . import models as models
from . import testing as testing
from . import transports as transports
from . import types as types

__version__: str

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AmbiguousNameError",
    "AsyncFibonacci",
    "AsyncPager",
    "AsyncRuns",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "DefinitionError",
    "DeploymentChange",
    "DeploymentError",
    "DeploymentPlan",
    "DeploymentResult",
    "Execution",
    "ExecutionCancelledError",
    "ExecutionFailedError",
    "Fibonacci",
    "FibonacciError",
    "JournalError",
    "JournalView",
    "NotFoundError",
    "OutputError",
    "Page",
    "Pager",
    "PaginationError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ResponseInfo",
    "RetryEvent",
    "RunAttempt",
    "RunResult",
    "Runs",
    "RunsBlocker",
    "RunsEstimate",
    "RunsProgress",
    "RunsStoppedError",
    "RunsSummary",
    "ServerError",
    "StalePlanError",
    "TooManyFailuresError",
    "UnknownOutcomeError",
    "Unset",
    "UnsupportedCallError",
    "ValidationError",
    "WaitEvent",
    "WaitTimeoutError",
    "WorkflowBuilder",
    "__version__",
    "read_journal",
]

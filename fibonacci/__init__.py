"""The Python client of the Fibonacci platform: workflows of AI, run, versioned and governed.

Example:
    ```python
    from fibonacci import Fibonacci

    with Fibonacci() as client:
        workflow = client.workflows.create(name="Empty")
        print(client.workflows.run(workflow.id).status)
    ```
"""

from fibonacci._lazy import lazy_names

__version__ = "1.0.0"

TYPE_CHECKING = False  # not imported from typing: `import fibonacci` has to stay near free
if TYPE_CHECKING:
    from fibonacci._async.client import AsyncFibonacci as AsyncFibonacci
    from fibonacci._async.pager import AsyncPager as AsyncPager
    from fibonacci._core.retry_event import RetryEvent as RetryEvent
    from fibonacci._core.unset import UNSET as UNSET
    from fibonacci._core.unset import Unset as Unset
    from fibonacci._sync.client import Fibonacci as Fibonacci
    from fibonacci._sync.pager import Pager as Pager
    from fibonacci.errors import APIConnectionError as APIConnectionError
    from fibonacci.errors import APIError as APIError
    from fibonacci.errors import APIResponseError as APIResponseError
    from fibonacci.errors import APIStatusError as APIStatusError
    from fibonacci.errors import APITimeoutError as APITimeoutError
    from fibonacci.errors import AuthenticationError as AuthenticationError
    from fibonacci.errors import BadRequestError as BadRequestError
    from fibonacci.errors import ConfigurationError as ConfigurationError
    from fibonacci.errors import ConflictError as ConflictError
    from fibonacci.errors import ExecutionFailedError as ExecutionFailedError
    from fibonacci.errors import FibonacciError as FibonacciError
    from fibonacci.errors import NotFoundError as NotFoundError
    from fibonacci.errors import PaginationError as PaginationError
    from fibonacci.errors import PermissionDeniedError as PermissionDeniedError
    from fibonacci.errors import QuotaExceededError as QuotaExceededError
    from fibonacci.errors import RateLimitError as RateLimitError
    from fibonacci.errors import ServerError as ServerError
    from fibonacci.errors import ValidationError as ValidationError
    from fibonacci.errors import WaitTimeoutError as WaitTimeoutError
    from fibonacci.models import Page as Page
    from fibonacci.models import RateLimit as RateLimit
    from fibonacci.models import ResponseInfo as ResponseInfo

_HOMES = {
    "AsyncFibonacci": "fibonacci._async.client",
    "AsyncPager": "fibonacci._async.pager",
    "Fibonacci": "fibonacci._sync.client",
    "Page": "fibonacci.models",
    "Pager": "fibonacci._sync.pager",
    "RateLimit": "fibonacci.models",
    "ResponseInfo": "fibonacci.models",
    "RetryEvent": "fibonacci._core.retry_event",
    "UNSET": "fibonacci._core.unset",
    "Unset": "fibonacci._core.unset",
    **dict.fromkeys(
        (
            "APIConnectionError",
            "APIError",
            "APIResponseError",
            "APIStatusError",
            "APITimeoutError",
            "AuthenticationError",
            "BadRequestError",
            "ConfigurationError",
            "ConflictError",
            "ExecutionFailedError",
            "FibonacciError",
            "NotFoundError",
            "PaginationError",
            "PermissionDeniedError",
            "QuotaExceededError",
            "RateLimitError",
            "ServerError",
            "ValidationError",
            "WaitTimeoutError",
        ),
        "fibonacci.errors",
    ),
}

__all__ = [  # noqa: RUF022  (written out for type checkers; a test compares it with `_HOMES`)
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncFibonacci",
    "AsyncPager",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ExecutionFailedError",
    "Fibonacci",
    "FibonacciError",
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
    "ServerError",
    "UNSET",
    "Unset",
    "ValidationError",
    "WaitTimeoutError",
    "__version__",
]


if not TYPE_CHECKING:  # type checkers would take any name at all to be there
    __getattr__ = lazy_names(globals(), _HOMES)


def __dir__() -> list[str]:
    return __all__

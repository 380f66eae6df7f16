"""Every exception that a call can raise.

Whatever the server or the network does, nothing but a `FibonacciError` leaves a call. A wrong argument is a
`ValueError` or `TypeError`, raised before anything is sent.

```text
FibonacciError
├── ConfigurationError
├── APIError
│   ├── APIConnectionError
│   │   └── APITimeoutError
│   ├── APIResponseError
│   │   └── PaginationError
│   └── APIStatusError
│       ├── AuthenticationError, PermissionDeniedError, NotFoundError, ConflictError
│       ├── BadRequestError
│       │   └── ValidationError
│       ├── RateLimitError, QuotaExceededError
│       └── ServerError
├── AmbiguousNameError
├── DefinitionError
├── DeploymentError
│   └── StalePlanError
├── ExecutionFailedError
│   └── ExecutionCancelledError
├── JournalError
├── OutputError
├── RunsStoppedError
├── TooManyFailuresError
├── UnknownOutcomeError
├── UnsupportedCallError
└── WaitTimeoutError
```
"""

from __future__ import annotations

from fibonacci._texts.text import counted, printable, printable_line

TYPE_CHECKING = False  # not imported from typing, for the reason in lazy.py
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from fibonacci.definitions.problems import Problems
    from fibonacci.models import Execution, RateLimit
    from fibonacci.models.run_results import RunResult

__all__ = [
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
]


class FibonacciError(Exception):
    """The base class of every error in this package.

    Example:
        >>> try:
        ...     client.workflows.run("wf-missing")
        ... except FibonacciError as error:
        ...     print(type(error).__name__, error.code)
        NotFoundError not_found
    """

    message: str
    """What went wrong, without the circumstances that `str(error)` adds. It may contain text of the platform or of a
    model, with control characters and line breaks. To print or log it, use `str(error)`, which escapes them."""

    code: str | None
    """The platform's code, such as `"validation_error"`. None if there is none."""

    details: Sequence[Any]
    """The platform's details, as it sent them and in its order. Empty if there are none."""

    def __init__(self, message: str = "", *, code: str | None = None, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details

    def __str__(self) -> str:
        return printable_line(self.message)

    def _repr_html_(self) -> str:
        from fibonacci._display.html import error_html

        return error_html(self)

    def __reduce__(self) -> tuple[Callable[..., FibonacciError], tuple[object, ...]]:
        # The default reduction calls the class with `args` alone and loses the cause.
        return _rebuild, (type(self), self.args, self.__dict__.copy(), _portable(self.__cause__))


class ConfigurationError(FibonacciError, ValueError):
    """The client can't be created or used as configured: no API key, a bad base URL, a bad value in the environment.

    It is raised when you create the client, or in tests by its first call, before anything is sent. The message says
    how to fix it. It is a `ValueError` too, like every other wrong argument.

    Example:
        >>> from fibonacci import Fibonacci
        >>> try:
        ...     Fibonacci("key", base_url="http://example.com")
        ... except ConfigurationError as error:
        ...     print(error)
        base_url is plain http to example.com, so the API key would travel unencrypted. ...
    """

    is_about_key: bool
    """Whether the problem is the API key: it is missing or malformed, or it can't be read or used."""

    def __init__(self, message: str = "", *, is_about_key: bool = False) -> None:
        super().__init__(message)
        self.is_about_key = is_about_key


class APIError(FibonacciError):
    """A call didn't succeed, whatever the reason.

    Example:
        >>> try:
        ...     client.workflows.get("wf-missing")
        ... except APIError as error:
        ...     print(error.method, error.path, error.attempts)
        GET /workflows/wf-missing 1
    """

    method: str = ""
    """The HTTP method, such as `"POST"`."""

    path: str = ""
    """The path below the base URL, such as `"/workflows/wf-1/execute"`."""

    attempts: int = 0
    """The number of times that the request was sent. 0 if it wasn't sent."""

    elapsed: float = 0.0
    """The seconds from the start of the call to its failure, including waits."""

    request_id: str | None = None
    """The platform's ID of the request. Quote it when you contact support. None if no response had one."""

    idempotency_key: str | None = None
    """The `Idempotency-Key` of the request. None for methods other than POST."""

    outcome_unknown: bool = False
    """Whether the platform may have carried out the request although no usable response arrived.

    It is True only for requests that must not be repeated, such as a POST. Check the state of the platform before you
    send the request again.
    """

    def __str__(self) -> str:
        call = f"{self.method} {self.path}: " if self.method else ""
        text = f"{call}{self._headline()} [{', '.join(self._circumstances())}]"
        if self.outcome_unknown:
            key = f" (idempotency key {self.idempotency_key})" if self.idempotency_key else ""
            consequence = "" if self.attempts > 1 else ", so it was not sent again"
            text += f" It may have been carried out{consequence}{key}."
        return printable_line(text)

    def _headline(self) -> str:
        return self.message

    def _circumstances(self) -> list[str]:
        request_id = [f"request id {self.request_id}"] if self.request_id else []
        return [*request_id, counted(self.attempts, "attempt"), f"{self.elapsed:.2f} s"]


class APIConnectionError(APIError):
    """No response arrived: no connection, a broken connection, an untrusted certificate, an unknown host.

    The underlying exception is in `__cause__`.

    Example:
        >>> from fibonacci import Fibonacci
        >>> unreachable = Fibonacci("key", base_url="http://127.0.0.1:9", max_retries=0)
        >>> try:
        ...     unreachable.health.check()
        ... except APIConnectionError as error:
        ...     print(error.outcome_unknown, error.phase)
        False connect
    """

    phase: str | None = None
    """What the call was doing when it failed: `"queue"` (waiting for a free connection), `"dns"`, `"connect"`,
    `"proxy"`, `"tls"`, `"send"`, `"wait"` (for the response) or `"body"`. None if it isn't known."""

    phases: Mapping[str, float] = {}
    """The seconds that each phase took over all attempts, by the name of the phase."""

    is_permanent: bool = False
    """Whether the same call would fail again later: the certificate isn't trusted, the host is unknown, a proxy
    refuses. False for what may pass, such as a refused or a broken connection."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The call didn't finish within its `timeout`, which covers all attempts, waits and the body.

    It is a `TimeoutError` too. If the `timeout` that you passed to `workflows.run` is up, you get a `WaitTimeoutError`
    instead.
    """


class APIResponseError(APIError):
    """The response has a success status, but the SDK can't read it.

    This happens when a proxy or a login page responds instead of the platform, when the JSON is invalid, or when an
    object has no ID, or another one than you asked for. A POST or PATCH may have been carried out, so `outcome_unknown`
    is True.

    Example:
        >>> failure = emulator.fail("GET /tools", "html")
        >>> try:
        ...     client.tools.list().first()
        ... except APIResponseError as error:
        ...     print(error.status_code, error.content_type)
        200 text/html; charset=utf-8
    """

    status_code: int = 0
    """The HTTP status code, such as 200."""

    content_type: str = ""
    """The `Content-Type` header. Empty if there is none."""

    body: str = ""
    """The body as text, cut to its first 64 KiB."""

    def _headline(self) -> str:
        return f"status {self.status_code}, {self.message}"


class PaginationError(APIResponseError):
    """The SDK can't follow the pages of a list, because the loop would never end.

    The server repeated a cursor or the items of a page.
    """


class APIStatusError(APIError):
    """The response has an error status.

    The most common statuses have their own subclasses.

    Example:
        >>> try:
        ...     client.tools.get("no_such_tool")
        ... except APIStatusError as error:
        ...     print(error.status_code, error.code, bool(error.request_id))
        404 not_found True
    """

    status_code: int = 0
    """The HTTP status code, such as 404."""

    body: Any = None
    """The body: decoded JSON if it is JSON, otherwise text cut to its first 64 KiB."""

    headers: Mapping[str, str] = {}
    """The headers of the response by name, in lower case."""

    retry_after: float | None = None
    """The seconds until you may send a request again. None if the server didn't say."""

    rate_limit: RateLimit | None = None
    """The rate limit as the server last reported it. None if it never did."""

    def _headline(self) -> str:
        if not self.attempts:
            return self.message
        code = f" {self.code}" if self.code else ""
        more = f"; and {len(self.details) - 5} more" if len(self.details) > 5 else ""
        return f"status {self.status_code}{code}, {'; '.join(_deduplicated(self.message, self.details[:5]))}{more}"

    def _circumstances(self) -> list[str]:
        wait = [] if self.retry_after is None else [f"retry after {_seconds_text(self.retry_after)} s"]
        return [*wait, *super()._circumstances()]


class BadRequestError(APIStatusError):
    """400: the server couldn't understand the request."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing, wrong or expired."""


class PermissionDeniedError(APIStatusError):
    """403: the key's role doesn't allow the call, for example when a member rolls back a version."""


class NotFoundError(APIStatusError):
    """404: the workflow, execution, version, entry, policy, key or tool doesn't exist."""


class ConflictError(APIStatusError):
    """409: the request conflicts with the current state, for example when you cancel an execution that has ended."""


class ValidationError(BadRequestError):
    """422, or any status with the code `validation_error`: a field is missing or wrong.

    `details` says which field. If the platform rejected a definition, `problems` has what `check_definition` finds in
    it, and the message has the first few.

    Example:
        >>> node = {"id": "greet", "type": "llm", "instrction": "Hello"}
        >>> try:
        ...     client.workflows.create(name="Greeter", definition={"nodes": [node]})
        ... except ValidationError as error:
        ...     print(error.problems.warnings[0])
        nodes[0].instrction: warning: 'instrction' is not a key of a node of type llm. Did you mean 'instruction'?
    """

    _problems: Problems | None = None

    @property
    def problems(self) -> Problems:
        """What `check_definition` finds in the definition that was sent. Empty if it finds nothing.

        It is also empty if the request had no definition.
        """
        if self._problems is None:
            from fibonacci.definitions.problems import Problems

            self._problems = Problems()
        return self._problems

    @problems.setter
    def problems(self, problems: Problems) -> None:
        self._problems = problems

    def _headline(self) -> str:
        text = super()._headline()
        unsaid = [str(problem) for problem in self._problems or () if not _contains(text, problem.message)]
        if not unsaid:
            return text
        more = f"; and {len(unsaid) - 3} more in `problems`" if len(unsaid) > 3 else ""
        return f"{text.rstrip('.')}. In the definition: {'; '.join(unsaid[:3])}{more}"


class RateLimitError(APIStatusError):
    """429: too many requests, and the wait for the next window doesn't fit into the call's timeout.

    If the last responses said that no request is left and the reset is too far away, it is raised before anything is
    sent. Then `attempts` is 0, but `status_code` is still 429.

    Example:
        >>> failure = emulator.fail("GET /tools", "rate_limit", retry_after=3600)
        >>> try:
        ...     client.tools.list().first()
        ... except RateLimitError as error:
        ...     print(error.retry_after)
        3600.0
    """

    status_code: int = 429
    """The HTTP status code: 429."""


class QuotaExceededError(APIStatusError):
    """429: a quota of the plan is used up, such as the runs per hour or the requests per day.

    The SDK never retries it. It isn't a `RateLimitError`, so that code that handles those by waiting doesn't wait for
    hours.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> platform = Emulator()
        >>> body = {"error": {"code": "quota_exceeded", "message": "no more today"}}
        >>> failure = platform.fail("POST /workflows", status=429, body=body)
        >>> try:
        ...     platform.client().workflows.create(name="One more")
        ... except QuotaExceededError as error:
        ...     print(error.code)
        quota_exceeded
    """

    status_code: int = 429
    """The HTTP status code: 429."""


class ServerError(APIStatusError):
    """5xx: the platform failed."""


class DefinitionError(FibonacciError, ValueError):
    """A definition has errors, so nothing was sent.

    `problems` lists everything that is wrong with it. The error comes from whatever reads definitions, such as
    `fibonacci.definitions.load`, `workflows.apply` and `WorkflowBuilder.definition`. It is a `ValueError` too, like
    every other wrong argument.

    Example:
        >>> from fibonacci.definitions import loads
        >>> try:
        ...     loads('{"nodes": [{"id": "greet", "type": "llm"}]}', name="greeter.json")
        ... except DefinitionError as error:
        ...     print([(problem.source, problem.code) for problem in error.problems])
        [('greeter.json:1:12', 'missing_field')]
    """

    problems: Problems
    """The errors and the warnings, in the order of the definition."""

    def __init__(self, problems: Problems) -> None:
        # What a line quotes from the file is already safe, and the line breaks are ours.
        lines = (text for problem in problems for text in (str(problem), problem.snippet) if text)
        super().__init__("\n".join(lines))
        self.problems = problems

    def __str__(self) -> str:
        return self.message


class DeploymentError(FibonacciError):
    """A `workflows.plan`, `apply` or `pull` was refused, and nothing was changed.

    The message says what to do. If several files have problems, the message has a line for each.
    """

    def __str__(self) -> str:
        return printable(self.message)


class StalePlanError(DeploymentError):
    """A workflow of the plan, or the state of the environment, changed after you made the plan.

    Make a new plan. Nothing was changed, unless somebody else's change came between two steps of `apply`. In that case,
    a note on the exception says how many changes were made.
    """


class AmbiguousNameError(FibonacciError, ValueError):
    """Several workflows have the name that you passed to `workflows.find` or `workflows.ensure`.

    Names aren't unique on the platform. Pick the workflow you mean, and use its ID.

    Example:
        >>> for _ in range(2):
        ...     twin = client.workflows.create(name="Twin")
        >>> try:
        ...     client.workflows.find("Twin")
        ... except AmbiguousNameError as error:
        ...     print(len(error.workflow_ids), error.workflow_ids[1] == twin.id)
        2 True
    """

    workflow_ids: Sequence[str]
    """The IDs of the workflows with this name, in the platform's order."""

    def __init__(self, message: str = "", *, workflow_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.workflow_ids = workflow_ids


class ExecutionFailedError(FibonacciError):
    """An execution that `workflows.run` waited for failed or was canceled.

    The message names the node that failed and the reason, as far as the platform reports them.

    Example:
        >>> @emulator.llm
        ... def reply(call):
        ...     raise ValueError("the model is overloaded")
        >>> try:
        ...     client.workflows.run(workflow.id, inputs={"name": "Ada"})
        ... except ExecutionFailedError as error:
        ...     print(error.execution.status, error.reason)
        failed ...the model is overloaded...
    """

    execution: Execution
    """The execution as last received, with its `trace` if the platform sends one."""

    reason: str | None = None
    """The cause, in the platform's words. None if the platform doesn't say."""

    def __init__(self, message: str = "", *, execution: Execution, reason: str | None = None) -> None:
        super().__init__(message)
        self.execution = execution
        self.reason = reason


class ExecutionCancelledError(ExecutionFailedError):
    """An execution that `workflows.run` waited for was canceled.

    Example:
        >>> def cancel(execution):
        ...     if not execution.is_terminal:
        ...         client.executions.cancel(execution.id)
        >>> slow = {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 60}}]}
        >>> try:
        ...     client.workflows.run(client.workflows.create(name="Slow", definition=slow).id, on_update=cancel)
        ... except ExecutionCancelledError as error:
        ...     print(error.execution.status)
        cancelled
    """


class OutputError(FibonacciError):
    """The outputs of an execution don't fit the type that you passed to `outputs_as`.

    The message names each field that doesn't fit and what is wrong with it. It contains no values, because outputs may
    be private and messages are logged. `__cause__` is Pydantic's error. Its text has no values either, but its
    `errors()` has them.

    Example:
        >>> from pydantic import BaseModel
        >>> class Greeting(BaseModel):
        ...     greet: int
        >>> try:
        ...     execution.outputs_as(Greeting)
        ... except OutputError as error:
        ...     print(error)
        the outputs of execution exec_... do not fit Greeting: greet: Input should be a valid integer, ...
    """


class WaitTimeoutError(FibonacciError, TimeoutError):
    """An execution wasn't seen to end in the time to wait for it.

    If it was running when last seen, it keeps running on the platform, so wait again with its ID. If the last polls
    failed, the message says since when and why, and `__cause__` is the last failure.

    If `workflows.run` received no execution in time, `execution` is None and `idempotency_key` is the key of the
    request. The `__cause__` is then the `APITimeoutError` of that request, and its `outcome_unknown` says whether the
    workflow may have started.

    This is a `TimeoutError` too.

    Example:
        >>> try:
        ...     ended = client.workflows.run(workflow.id, inputs={"name": "Ada"}, timeout=60)
        ... except WaitTimeoutError as error:
        ...     ended = client.executions.wait(error.execution.id, timeout=600) if error.execution else None
        >>> ended.status
        'completed'
    """

    execution: Execution | None
    """The execution as last received. None if none was received. If you waited for several, it is the first that hadn't
    ended."""

    executions: Sequence[Execution | None]
    """The executions of a `wait_all` as last received, in the order of its IDs. None where no poll succeeded."""

    idempotency_key: str | None
    """The `Idempotency-Key` of the request that was to start the execution. None once there is an execution."""

    def __init__(
        self,
        message: str = "",
        *,
        execution: Execution | None = None,
        executions: Sequence[Execution | None] = (),
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.execution = execution
        self.executions = executions
        self.idempotency_key = idempotency_key


class JournalError(FibonacciError):
    """The journal of `workflows.run_many` can't be used.

    The message has the reason and what to do. Possible reasons: the journal belongs to another workflow, it was written
    with another `key` argument, another run uses it, it is damaged, or it can't be written. A journal that has lost
    rows is refused as well, because the missing rows may have run.

    It is also raised when the workflow has changed since rows were started, or changes while rows run. What a journal
    has recorded stays. A change while rows run raises it even if you use no journal, and `path` is then empty.

    Example:
        >>> try:
        ...     client.workflows.run_many(workflow.id, [{"name": "Ada"}], journal="no/such/folder/runs.db").results()
        ... except JournalError as error:
        ...     print(error.path)
        no/such/folder/runs.db
    """

    path: str
    """Where the journal is: the path of its file as you passed it, or a URL without user and password."""

    can_continue: bool
    """Whether the same call can continue once the cause is fixed. False if the journal is damaged or incomplete."""

    def __init__(self, message: str = "", *, path: str = "", can_continue: bool = True) -> None:
        super().__init__(message)
        self.path = path
        self.can_continue = can_continue


class TooManyFailuresError(FibonacciError):
    """More rows of `workflows.run_many` failed than `max_failures` allows, or none of the first 25 succeeded.

    Rows that timed out or whose outcome is unknown count as failed. `__cause__` is the last failure. No more rows were
    started, and `run_many` waited for those under way. With a journal, fix the cause and make the same call again: it
    continues with the rows that are left. With `retry_failed=True` it also starts the failed rows again.
    """


class RunsStoppedError(FibonacciError):
    """Another process stopped the rows of `workflows.run_many` with `fibonacci journal stop`.

    No more rows were started, and `run_many` waited for those under way. The same call continues with the rows that are
    left.
    """


class UnknownOutcomeError(FibonacciError):
    """It isn't known whether some rows of `workflows.run_many` were started, or what became of their executions.

    All other rows have ended. The message names the rows, and the `candidates` of each are the executions that may be
    its own. With a journal, settle each row with `read_journal(...).settle` and make the same call again, or call again
    with `if_unknown="rerun"`. Without a journal, another call runs all rows a second time, so run only those that
    weren't started.

    Example:
        >>> try:
        ...     results = client.workflows.run_many(workflow.id, [{"name": "Ada"}]).results()
        ... except UnknownOutcomeError as error:
        ...     results = error.results  # check these
        >>> [result.status for result in results]
        ['completed']
    """

    results: Sequence[RunResult]
    """The results of these rows, in the order of the rows. The `error` of each says what happened."""

    def __init__(self, message: str = "", *, results: Sequence[RunResult] = ()) -> None:
        super().__init__(message)
        self.results = results


class UnsupportedCallError(FibonacciError):
    """The server doesn't have this call in the API that `api_version` selects, and nothing was sent.

    The message says what to use instead. With `api_version="v1"`, the documented API, no call raises it.

    Example:
        >>> from fibonacci import Fibonacci
        >>> client = Fibonacci(base_url="https://api.fibonacci.today", api_version="0.2")
        >>> try:
        ...     client.health.check()
        ... except UnsupportedCallError as error:
        ...     print(error.call, error.endpoint, error.api_version)
        health.check GET /health 0.2
    """

    call: str
    """The call, such as `"versions.list"`."""

    endpoint: str
    """The documented endpoint that the call is for, such as `"GET /workflows/{workflow_id}/versions"`."""

    api_version: str
    """The API that the server speaks: `"0.2"`."""

    def __init__(self, message: str = "", *, call: str = "", endpoint: str = "", api_version: str = "") -> None:
        super().__init__(message)
        self.call = call
        self.endpoint = endpoint
        self.api_version = api_version


def _seconds_text(seconds: float) -> str:
    """Return seconds to the hundredth, but never 0 for more than 0."""
    return f"{max(seconds, 0.01) if seconds > 0 else 0:.2f}".rstrip("0").rstrip(".")


def _deduplicated(message: str, details: Sequence[Any]) -> list[str]:
    """Return the message and the details as texts, without repetitions."""
    texts: list[str] = []
    for detail in details:
        field, text = _field_and_text(detail)
        if not _contains(message, text):
            texts.append(f"{field}: {text}" if field else text)
        elif field and not any(_contains(message, f"{field}{sign} {text}") for sign in (":", "")):
            texts.append(f"field {field}")
    is_repeated = any(_contains(text, message) for text in texts)
    return [*([] if is_repeated else [message.rstrip(".") if texts else message]), *dict.fromkeys(texts)]


def _field_and_text(detail: Any) -> tuple[str, str]:
    """Return the field and the message of a detail that has both, otherwise the detail cut to 200 characters."""
    try:
        return str(detail["field"]), str(detail["message"])
    except (TypeError, LookupError):
        return "", str(detail)[:200]


def _contains(text: str, part: str) -> bool:
    """Whether a text contains another, ignoring case and a final period."""
    return part.strip(" .").casefold() in text.casefold()


def _rebuild(
    cls: type[FibonacciError], args: tuple[object, ...], state: dict[str, object], cause: BaseException | None
) -> FibonacciError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    error.__cause__ = cause
    return error


def _portable(cause: BaseException | None) -> BaseException | None:
    """Return the cause if it can be pickled and unpickled, otherwise a `RuntimeError` with its text."""
    import pickle

    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:
        return RuntimeError(printable_line(f"{type(cause).__name__}: {cause}"))
    return cause

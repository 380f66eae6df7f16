"""One error of each kind, and the rate limit at work, on an emulator that allows 10 requests in half a second."""

from __future__ import annotations

from fibonacci import (
    APIConnectionError,
    AuthenticationError,
    ConflictError,
    ExecutionFailedError,
    Fibonacci,
    FibonacciError,
    NotFoundError,
    RateLimitError,
    RetryEvent,
    ValidationError,
)
from fibonacci.emulator import Emulator


def show(error: FibonacciError) -> None:
    print(f"{type(error).__name__}: {error}\n")


def client_mistakes(emulator: Emulator, client: Fibonacci) -> None:
    # The key is not known: 401.
    try:
        Fibonacci("not-a-key-of-mine", base_url=emulator.base_url).tools.get("calculator")
    except AuthenticationError as error:
        show(error)

    # There is no such workflow: 404.
    try:
        client.workflows.get("wf-missing")
    except NotFoundError as error:
        show(error)

    # The definition has a fault: 422, and `details` says where.
    try:
        client.workflows.create(name="Faulty", definition={"nodes": [{"id": "Greet!", "type": "llm"}]})
    except ValidationError as error:
        for detail in error.details:
            print(f"  {detail['field']}: {detail['message']}")
        show(error)


def executions_that_fail(client: Fibonacci) -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    workflow = client.workflows.create(name="Greeter", definition={"nodes": [node]})

    # The input is missing, so the node fails. The calls succeed; `run` raises an error for the execution.
    try:
        client.workflows.run(workflow.id)
    except ExecutionFailedError as error:
        show(error)

        # It has ended, so it cannot be canceled: 409.
        try:
            client.executions.cancel(error.execution.id)
        except ConflictError as conflict:
            show(conflict)


def rate_limit(client: Fibonacci) -> None:
    while client.rate_limit is None or client.rate_limit.remaining:
        client.health.check()

    # No request is left, and the next window is beyond the call's timeout: an error at once, with nothing sent.
    try:
        client.with_options(timeout=0.1).health.check()
    except RateLimitError as error:
        show(error)

    # With a longer timeout, the call waits for the next window.
    print(f"attempts: {client.health.check().response.attempts}\n")  # prints: attempts: 1


def no_connection() -> None:
    def on_retry(event: RetryEvent) -> None:
        print(f"  attempt {event.attempt}: {event.reason}; retry in {event.seconds:.3f} s")

    # Nothing listens on port 9 of this machine. A request that was never sent is retried, even a POST.
    client = Fibonacci("some-key-of-mine", base_url="http://127.0.0.1:9/v1", on_retry=on_retry)
    try:
        client.workflows.create(name="Greeter")
    except APIConnectionError as error:
        show(error)
        print(f"outcome unknown: {error.outcome_unknown}")  # prints: outcome unknown: False


def main() -> None:
    with Emulator(rate_limit=(10, 0.5)) as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        client_mistakes(emulator, client)
        executions_that_fail(client)
        rate_limit(client)
    no_connection()


if __name__ == "__main__":
    main()

"""Mistakes that type checkers have to find. Each is ignored by name, and an ignore without a mistake is an error."""

# pyright: reportUnnecessaryTypeIgnoreComment=true
# pyright: reportUnusedCoroutine=false

from __future__ import annotations

from fibonacci import AsyncFibonacci, Fibonacci, Fibonaci  # type: ignore[attr-defined]  # noqa: F401
from fibonacci.models import Execution, Workflow


async def check_async(client: Fibonacci, other: AsyncFibonacci) -> None:
    await other.workflows.list()  # type: ignore[misc]
    async for _ in client.workflows.list():  # type: ignore[attr-defined]
        pass


def check(client: Fibonacci, other: AsyncFibonacci, workflow: Workflow) -> None:
    client.workflow  # type: ignore[attr-defined]  # noqa: B018
    client.workflows.excute("w")  # type: ignore[attr-defined]
    client.workflows.create("x")  # type: ignore[call-overload]
    client.workflows.create()  # type: ignore[call-overload]
    client.workflows.get(1)  # type: ignore[arg-type]
    client.workflows.get(None)  # type: ignore[arg-type]
    client.workflows.get(workflow_id=b"w")  # type: ignore[arg-type]
    client.workflows.list(page_size="5")  # type: ignore[arg-type]
    client.workflows.list(5)  # type: ignore[call-arg]
    client.workflows.execute("w", {"a": 1})  # type: ignore[call-arg]
    client.workflows.execute("w", inputs=["a"])  # type: ignore[arg-type]
    client.workflows.execute("w", timeout=5)  # type: ignore[call-arg]
    client.workflows.run("w", {"a": 1})  # type: ignore[call-arg]
    client.workflows.run("w", idempotency_key=5)  # type: ignore[arg-type]
    client.workflows.run("w", cancel_on_exit="yes")  # type: ignore[arg-type]
    client.workflows.run("w").output  # type: ignore[attr-defined]  # noqa: B018
    client.executions.list(status=5)  # type: ignore[arg-type]
    client.executions.cancel("e", if_ended="skip")  # type: ignore[arg-type]
    client.executions.cancel_all()  # type: ignore[call-arg]
    client.executions.wait_all([1])  # type: ignore[list-item]
    client.organizations.quota.update("o", memory_mb="1")  # type: ignore[arg-type]
    client.organizations.governance.update("o", review_days=1)  # type: ignore[call-arg]
    client.with_options(transport="httpx")  # type: ignore[call-arg]
    Fibonacci(time_out=5)  # type: ignore[call-arg]
    Fibonacci(idempotency="client")  # type: ignore[arg-type]
    wrong: Execution = client.workflows.get("w")  # type: ignore[assignment]
    wrong = client.request("GET", "/x", returns=Workflow)  # type: ignore[assignment]
    workflow.naem  # type: ignore[attr-defined]  # noqa: B018
    other.workflows.get("w").name  # type: ignore[attr-defined]  # noqa: B018
    for _ in other.workflows.list():  # type: ignore[attr-defined]
        print(wrong)

"""A Celery task that runs a workflow, and runs it once, even where its worker is killed and another takes the task.

    pip install fibonacci-sdk celery && fibonacci dev -- python celery_tasks.py

Run as a script, it carries out the task in its own process. Start a worker with `celery --app celery_tasks worker`, and
FIBONACCI_API_KEY and CELERY_BROKER_URL set.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, Task

from fibonacci import Fibonacci

app = Celery("examples")

# One client for all tasks. Each process that a prefork worker forks opens connections of its own.
client = Fibonacci()


# `acks_late` and `reject_on_worker_lost`: when its process dies, the task is delivered again. `max_retries=0`: Celery
# does not repeat a task that has failed, for the SDK has repeated all that is safe to repeat.
@app.task(bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=0)
def greet(self: Task[Any, Any], workflow_id: str, name: str) -> str:
    # A task that is delivered again has the same id, so the platform responds with the execution of the first time.
    execution = client.workflows.run(workflow_id, inputs={"name": name}, idempotency_key=self.request.id)
    return str(execution.outputs["greet"])


def main() -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    workflow = client.workflows.ensure(name="Greeter", definition={"nodes": [node]})
    print(greet.apply(args=(workflow.id, "Ada")).get())  # prints: ...Greet Ada...


if __name__ == "__main__":
    main()

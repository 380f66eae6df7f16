"""What fibonacci-sdk 0.2.4 writes and reads, as JSON. `OldRelease` runs this file; it imports nothing of this project.

The arguments are what version 1.0 has written before: the ids of a workflow and of a run, and the ids of workflows and
runs that fail or wait.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Awaitable
from typing import Any

sdk: Any = importlib.import_module("fibonacci")

DEFINITION = {
    "name": "Written by 0.2.4",
    "description": "Greets a city",
    "definition": {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.city}}"}]},
}


def each_kind_of_node(config: Any) -> Any:
    """Return a workflow of the builder of 0.2.4, which has other words for nodes than the documented API."""
    write = sdk.LLMNode(id="write", name="Write", instruction="Write about {{input.topic}}").with_retry(2, delay=0.1)
    judge = sdk.CriticNode(id="judge", name="Judge", target_node="write", criteria=["clarity"])
    urgent = sdk.ConditionalNode(
        id="urgent",
        name="Urgent?",
        left_value="{{input.topic}}",
        operator="contains",
        right_value="now",
        true_branch=["pause"],
        false_branch=["add"],
        dependencies=["write"],
    )
    pause = sdk.ToolNode(id="pause", name="Pause", tool="wait", params={"seconds": 0.3}, timeout=20)
    add = sdk.ToolNode(id="add", name="Add", tool="calculator", params={"expression": "1 + 1"}).depends_on("write")
    built = sdk.Workflow(name="Built with 0.2.4", description="Each kind of node", config=config)
    return built.add_nodes([write, judge, urgent, pause, add])


def dump(found: Any) -> Any:
    """Return a model, or models in a list, as JSON values; what is JSON already remains."""
    if isinstance(found, list):
        return [dump(each) for each in found]  # pyright: ignore[reportUnknownVariableType]
    return found.model_dump() if hasattr(found, "model_dump") else found


async def error_of(call: Awaitable[Any]) -> dict[str, Any]:
    """Return what the error of a call has."""
    try:
        return {"result": dump(await call)}
    except sdk.FibonacciError as error:
        names = ("message", "status_code", "response", "retry_after")
        return {"type": type(error).__name__} | {name: getattr(error, name, None) for name in names}


async def every_workflow(client: Any) -> list[Any]:
    """Return all workflows, page by page, as a program of 0.2.4 has to."""
    found: list[Any] = []
    while page := await client.list_workflows(skip=len(found), limit=100):
        found += page
    return found


async def read(config: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Write, run and read workflows, and read what version 1.0 has written."""
    async with sdk.FibonacciClient(config) as client:
        made = await client.create_workflow(DEFINITION, is_template=True)
        started = await client.execute_workflow(made, {"city": "Zürich"}, tags=["nightly"])
        ended = await client.wait_for_completion(started.id, poll_interval=0.01, timeout=30)
        assert (ended.status, ended.id) == ("completed", started.id)
        built = await each_kind_of_node(config).deploy_async()
        slow = await client.wait_for_completion((await client.execute_workflow(built, {"topic": "now"})).id, 0.05, 30)
        returned = await client.update_workflow(made, {"description": "Changed", "is_active": False})
        doomed = await client.create_workflow({**DEFINITION, "name": "Doomed"})
        await client.delete_workflow(doomed)
        reads = {
            "workflow": {each: dump(await client.get_workflow(each)) for each in (made, built, *given["workflows"])},
            "update": {made: dump(returned)},
            "run": {each: dump(await client.get_run_status(each)) for each in (started.id, slow.id, *given["runs"])},
            "execute": {started.id: dump(started)},
            "runs": {
                json.dumps({"workflow_id": each, "status": status}): dump(
                    await client.get_workflow_runs(each, status_filter=status)
                )
                for each in (made, built, *given["workflows"])
                for status in (None, "pending", "completed", "failed")
            },
            "list": {
                "all": dump(await every_workflow(client)),
                "limit=1000": dump(await client.list_workflows(limit=1000)),
                "is_active": dump(await client.list_workflows(is_active=False)),
                "is_template": dump(await client.list_workflows(is_template=True)),
            },
            "tool": {each: await client.get_tool_schema(each) for each in given["tools"]},
            "tools": {
                "": await client.list_tools(),
                **{f"?category={each}": await client.list_tools(each) for each in given["categories"]},
                "/search/send an email": await client.search_tools("send an email"),
                "/categories": await client.list_tool_categories(),
            },
        }
        wrong = sdk.FibonacciClient(sdk.Config(api_key="fib_wrong", base_url=config.base_url))
        errors = {
            "wrong key": await error_of(wrong.get_workflow("wf")),
            "deleted": await error_of(client.get_workflow(doomed)),
            "no run": await error_of(client.get_run_status("no-run")),
            "no name": await error_of(client.create_workflow({**DEFINITION, "name": ""})),
            "negative": await error_of(client.list_workflows(skip=-1)),
            "too many": await error_of(client.get_workflow("too-many")),
            "broken": await error_of(client.get_workflow("broken")),
            "login": await error_of(client.auth.login("ada@example.com", "secret")),
            "generation": await error_of(client.generation.generate_simple("greets a city")),
            "stats": await error_of(client.get_user_stats()),
            "workflow stats": await error_of(client.get_workflow_stats(made)),
        }
        await wrong.close()
        return {"ids": {"workflow": made, "deleted": doomed, "slow": slow.id}, "reads": reads, "errors": errors}


def remember(config: Any, places: list[dict[str, str]]) -> dict[str, Any]:
    """Write and read memory in each scope, and read what version 1.0 has written there."""
    entries: dict[str, Any] = {}
    for place in places:
        memory = sdk.Memory(**place, config=config)
        name = json.dumps(place)
        about = {"description": "Of the user", "tags": ["a", "b"]}
        written = memory.set("of-0.2.4", {"theme": ["dark", 1.5, None]}, **about, expires_in_days=1, expires_in_hours=2)
        memory.set("gone", 1, expires_in_hours=1)
        assert memory.delete("gone", hard_delete=True)
        assert memory.get("gone", default="nothing") == "nothing"
        entries[name] = {
            "set": written,
            "get": {key: memory.get(key) for key in ("of-0.2.4", "by-1.0")},
            "list": memory.list(),
            "prefix": memory.list(prefix="by-"),
            "tags": memory.list(tags=["a"]),
            "search": memory.search("DARK"),
        }
    return entries


def main() -> None:
    given: dict[str, Any] = json.loads(sys.argv[1])
    config = sdk.Config(api_key=os.environ["FIBONACCI_API_KEY"], base_url=os.environ["FIBONACCI_BASE_URL"])
    found = asyncio.run(read(config, given))
    print(json.dumps({**found, "memory": remember(config, given["places"])}))


if __name__ == "__main__":
    main()

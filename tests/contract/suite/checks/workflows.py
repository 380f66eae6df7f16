"""Workflows that are deleted while they run, and what a definition may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.suite.check import (
    UNKNOWN,
    Checks,
    require,
    require_among,
    require_equal,
    require_field,
    require_refusal,
)
from tests.contract.suite.server import CHEAP, Server, holds, require_tool, waits

WORKFLOWS: Final = Checks("workflows")


@WORKFLOWS.choice(
    "DELETE /workflows/{workflow_id}",
    "The memory of a deleted workflow is gone, even for a run that continues, and that run cannot set it",
    changes=True,
)
def _deleted_memory(server: Server) -> None:
    server.require_documented("the memory of one workflow")
    for tool in ("wait", "memory_set"):
        require_tool(server, tool)
    reads = {"left_value": "{{memory.contract-suite-deleted}}", "operator": "is_empty", "true_branch": ["empty"]}
    sets = {"id": "set", "type": "tool", "tool": "memory_set", "params": {"key": UNKNOWN, "value": 1}}
    nodes = [waits("pause", 1, timeout=20), holds("ask", "pause", **reads), holds("empty")]
    nodes.append({**sets, "dependencies": ["pause"]})
    made = server.create_workflow(definition={"nodes": nodes, "allow_partial_results": True})
    key = server.memory_key("deleted", workflow_id=made.id)
    server.client.memory.set(key, "blue", workflow_id=made.id)
    started = server.client.workflows.execute(made.id)
    server.client.workflows.delete(made.id)
    for name in (key, UNKNOWN):
        error = require_refusal(server.raw("GET", f"/memory/{name}", query={"workflow_id": made.id}), 404)
        require_field(error, "workflow_id")
    server.sleep(1.5)
    run = server.client.executions.wait(started.id, timeout=180)
    require_among(run.status, ("failed", "cancelled"), "the status of the run, which sets memory")
    outputs = run.outputs or {}
    require("set" not in outputs, "the run has set the memory of a deleted workflow")
    require(run.status == "cancelled" or "empty" in outputs, "the run has read the memory of a deleted workflow")


_RETRIES: Final[dict[str, Any]] = {"enable_retry": True, "max_retries": 2, "retry_delay": 0.5}
_RETRY: Final[dict[str, Any]] = {"retry": {"max_attempts": 3, "delay": 1, "backoff": "exponential"}}
_CONDITION: Final = {"field": "{{input.word}}", "operator": "equals", "value": "yes"}
_SCHEMA: Final[dict[str, Any]] = {"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}}

FULL: Final[dict[str, Any]] = {
    "name": "contract-suite", "description": "Every documented field", "version": "1.0", "timeout": 60,
    "default_retry": {"max_attempts": 2, "delay": 1, "backoff": "linear"},
    "input_schema": _SCHEMA, "output_schema": {"type": "object"}, "allow_partial_results": True,
    "nodes": [
        {
            "id": "newer", "type": "llm", "name": "Newer", "model": "small", "instruction": "{{input.word}}",
            "max_tokens": 100, "temperature": 0.5, "system_prompt": "Be brief", "timeout": 20,
            "output_format": "json", "output_schema": _SCHEMA, **_RETRIES,
        },
        {
            "id": "older", "type": "llm", "prompt": "{{newer.word}}", "schema": _SCHEMA, "dependencies": ["newer"],
            "condition": _CONDITION, "memory_read": ["color"], "memory_write": {"last": "{{older}}"},
            "fallback": "spare", "on_error": "alarm", **_RETRY,
        },
        {"id": "spare", "type": "llm", "instruction": "Instead"},
        {
            "id": "alarm", "type": "tool", "name": "Alarm", "tool": "http.request", "timeout": 20, **_RETRIES,
            "inputs": {"url": "https://contract-suite.invalid/", "method": "GET"},
        },
        {
            "id": "ask", "type": "tool", "tool": "http_request", "dependencies": ["newer"], **_RETRY,
            "params": {"url": "https://contract-suite.invalid/", "method": "GET"},
            "condition": _CONDITION, "fallback": "spare", "on_error": "alarm",
        },
        {
            "id": "judge", "type": "critic", "name": "Judge", "target_node": "newer", "model": "small",
            "criteria": ["quality"], "min_score": 7, "max_iterations": 3, "improvement_prompt": "Better",
            "dependencies": ["newer"], "timeout": 20, **_RETRIES,
        },
        {"id": "again", "type": "critic", "target_node": "newer", **_RETRY},
        {
            "id": "gate", "type": "conditional", "name": "Gate", "dependencies": ["newer"], **_RETRIES,
            "left_value": "{{newer.word}}", "operator": "equals", "right_value": "yes",
            "true_branch": ["yes"], "false_branch": ["no"],
        },
        {"id": "yes", "type": "conditional", "left_value": "a", "operator": "is_empty", **_RETRY},
        {"id": "no", "type": "conditional", "left_value": "a", "operator": "is_empty"},
    ],
    "outputs": {"answer": "{{newer.word}}"},
}  # fmt: skip
"""A definition with every documented field. It is not run."""

DEFINITIONS: Final = Checks("definitions")


@DEFINITIONS.documented(
    "POST /workflows", "A definition can have the fields of both generations, and keeps them", changes=True
)
def _every_field(server: Server) -> None:
    made = server.create_workflow(definition=FULL)
    require_equal(made.definition, FULL, "definition in the response")
    require_equal(server.client.workflows.get(made.id).definition, FULL, "definition")


_BROKEN: Final[Mapping[str, Any]] = {
    "nodes": {"nodes": 7},
    "nodes[0]": {"nodes": [7]},
    "nodes[1].id": {"nodes": [holds("a"), holds("a")]},
    "nodes[0].operator": {"nodes": [{**holds("a"), "operator": "resembles"}]},
    "nodes[0].dependencies": {"nodes": [{**holds("a"), "dependencies": ["missing"]}]},
    "nodes[0].true_branch": {"nodes": [{**holds("a"), "true_branch": ["missing"]}]},
    "timeout": {"nodes": [holds("a")], "timeout": "long"},
}
"""Definitions that no server can run, by the place of the fault."""


@DEFINITIONS.choice(
    "POST /workflows", "A definition that cannot run is refused with 422. The details name the place, and nothing "
                       "changes",
    changes=True,
)  # fmt: skip
def _broken(server: Server) -> None:
    made = server.create_workflow(definition=CHEAP)
    for place, definition in _BROKEN.items():
        created = server.raw("POST", "/workflows", json_body={"name": "Broken", "definition": definition})
        if created.status in (200, 201):
            server.add_cleanup(server.client.workflows.delete, created.json["data"]["id"])
        changed = server.raw("PUT", f"/workflows/{made.id}", json_body={"definition": definition})
        for response in (created, changed):
            details = str(require_refusal(response, 422)["details"])
            require(place in details, f"the details of a fault at {place} are {details}")
    require_equal(server.client.workflows.get(made.id).definition, made.definition, "the definition")
    require("Broken" not in [item.name for item in server.client.workflows.list()], "a refused workflow is in the list")
    harmless = {**holds("a"), "contract_suite": 1}
    accepted = server.raw("PUT", f"/workflows/{made.id}", json_body={"definition": {"nodes": [harmless]}})
    if accepted.status == 200:
        definition = {"nodes": [harmless, {**holds("b"), "operator": "resembles"}]}
        error = require_refusal(server.raw("PUT", f"/workflows/{made.id}", json_body={"definition": definition}), 422)
        require("contract_suite" not in str(error["details"]), f"details name what is accepted: {error['details']}")


@DEFINITIONS.documented(
    "POST /workflows/{workflow_id}/execute",
    "Inputs that do not fit input_schema are refused with 422, and nothing runs",
    changes=True,
)
def _input_schema(server: Server) -> None:
    made = server.create_workflow(definition={**CHEAP, "input_schema": _SCHEMA})
    for inputs in ({}, {"word": 7}):
        error = require_refusal(server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": inputs}), 422)
        require("word" in str(error["details"]), f"error.details name no input: {error['details']}")
    require_equal(list(server.client.executions.list(workflow_id=made.id)), [], "the executions of the workflow")
    fitting = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=180)
    require_equal(fitting.status, "completed", "status with inputs that fit")

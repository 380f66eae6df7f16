"""What a definition says: the fields of both generations, templates, schemas, partial results."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require, require_equal
from fibonacci.testing.contract.checks.common import require_refusal
from fibonacci.testing.contract.server import CHEAP, Server

_RETRIES: Final[dict[str, Any]] = {"enable_retry": True, "max_retries": 2, "retry_delay": 0.5}
_RETRY: Final[dict[str, Any]] = {"retry": {"max_attempts": 3, "delay": 1, "backoff": "exponential"}}
_CONDITION: Final = {"field": "{{input.word}}", "operator": "equals", "value": "yes"}
_SCHEMA: Final[dict[str, Any]] = {"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}}
_NEEDED: Final = {"type": "object", "required": ["word"]}

FULL: Final[dict[str, Any]] = {
    "name": "contract-suite",
    "description": "Every documented field",
    "version": "1.0",
    "timeout": 60,
    "default_retry": {"max_attempts": 2, "delay": 1, "backoff": "linear"},
    "input_schema": _SCHEMA,
    "output_schema": {"type": "object"},
    "allow_partial_results": True,
    "nodes": [
        {
            "id": "newer",
            "type": "llm",
            "name": "Newer",
            "model": "small",
            "instruction": "{{input.word}}",
            "max_tokens": 100,
            "temperature": 0.5,
            "system_prompt": "Be brief",
            "timeout": 20,
            "output_format": "json",
            "output_schema": _SCHEMA,
            **_RETRIES,
        },
        {
            "id": "older",
            "type": "llm",
            "prompt": "{{newer.word}}",
            "schema": _SCHEMA,
            "dependencies": ["newer"],
            "condition": _CONDITION,
            "memory_read": ["color"],
            "memory_write": {"last": "{{older}}"},
            **_RETRY,
            "fallback": "spare",
            "on_error": "alarm",
        },
        {"id": "spare", "type": "llm", "instruction": "Instead"},
        {
            "id": "alarm",
            "type": "tool",
            "name": "Alarm",
            "tool": "http.request",
            "timeout": 20,
            **_RETRIES,
            "inputs": {"url": "https://contract-suite.invalid/", "method": "GET"},
        },
        {
            "id": "ask",
            "type": "tool",
            "tool": "http_request",
            "dependencies": ["newer"],
            **_RETRY,
            "params": {"url": "https://contract-suite.invalid/", "method": "GET"},
            "condition": _CONDITION,
            "fallback": "spare",
            "on_error": "alarm",
        },
        {
            "id": "judge",
            "type": "critic",
            "name": "Judge",
            "target_node": "newer",
            "model": "small",
            "criteria": ["quality"],
            "min_score": 7,
            "max_iterations": 3,
            "improvement_prompt": "Better",
            "dependencies": ["newer"],
            "timeout": 20,
            **_RETRIES,
        },
        {"id": "again", "type": "critic", "target_node": "newer", **_RETRY},
        {
            "id": "gate",
            "type": "conditional",
            "name": "Gate",
            "dependencies": ["newer"],
            **_RETRIES,
            "left_value": "{{newer.word}}",
            "operator": "equals",
            "right_value": "yes",
            "true_branch": ["yes"],
            "false_branch": ["no"],
        },
        {"id": "yes", "type": "conditional", "left_value": "a", "operator": "is_empty", **_RETRY},
        {"id": "no", "type": "conditional", "left_value": "a", "operator": "is_empty"},
    ],
    "outputs": {"answer": "{{newer.word}}"},
}
"""A definition with every documented field; it is not run."""

CHECKS: Final = Checks()


def _node(name: str) -> dict[str, Any]:
    return {"id": name, "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}


@CHECKS.documented(
    "POST /workflows", "A definition may have the fields of both generations, and keeps them", changes=True
)
def _every_field(server: Server) -> None:
    made = server.create_workflow(definition=FULL)
    require_equal(made.definition, FULL, "definition in the response")
    require_equal(server.client.workflows.get(made.id).definition, FULL, "definition")


@CHECKS.documented(
    "POST /workflows/{id}/execute", "Templates read inputs by dots and list indexes, and memory", changes=True
)
def _templates(server: Server) -> None:
    outputs = {
        "nested": "{{input.mail.subject}}",
        "element": "{{input.mail.to.1}}",
        "memory": "{{memory.contract-suite-template}}",
        "text": "To {{input.mail.to.0}}: {{input.mail.subject}}",
    }
    made = server.create_workflow(definition={"nodes": [_node("first")], "outputs": outputs})
    key = server.memory_key("template", workflow_id=made.id)
    server.client.memory.set(key, "blue", workflow_id=made.id)
    mail = {"subject": "Tides", "to": ["ada", "grace"]}
    found = server.client.workflows.run(made.id, inputs={"mail": mail}, timeout=60).outputs
    expected = {"nested": "Tides", "element": "grace", "memory": "blue", "text": "To ada: Tides"}
    require_equal(found, expected, "outputs")


@CHECKS.documented(
    "POST /workflows/{id}/execute",
    "Inputs that do not fit input_schema are a 422, and nothing runs",
    changes=True,
)
def _input_schema(server: Server) -> None:
    made = server.create_workflow(definition={**CHEAP, "input_schema": _SCHEMA})
    for inputs in ({}, {"word": 7}):
        body = {"inputs": inputs}
        require_refusal(server.raw("POST", f"/workflows/{made.id}/execute", json_body=body), 422)
    require_equal(list(server.client.executions.list(workflow_id=made.id)), [], "the executions of the workflow")
    fitting = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=60)
    require_equal(fitting.status, "completed", "status with inputs that fit")


@CHECKS.documented("POST /workflows/{id}/execute", "Outputs that do not fit output_schema fail the run", changes=True)
def _output_schema(server: Server) -> None:
    for outputs, status in (({"other": "{{input.word}}"}, "failed"), ({"word": "{{input.word}}"}, "completed")):
        definition = {"nodes": [_node("first")], "outputs": outputs, "output_schema": _NEEDED}
        found = server.run_definition(definition, {"word": "yes"}).status
        require_equal(found, status, f"status with the outputs {sorted(outputs)}")


@CHECKS.documented(
    "POST /workflows/{id}/execute", "A failed run has partial results only with allow_partial_results", changes=True
)
def _partial_results(server: Server) -> None:
    fails = {**_node("fails"), "left_value": "{{input.word}}", "operator": "greater_than", "right_value": "5"}
    nodes = [fails, {**_node("after"), "dependencies": ["fails"]}, _node("free")]
    for is_partial in (False, True):
        ended = server.run_definition({"nodes": nodes, "allow_partial_results": is_partial}, {"word": "many"})
        require_equal(ended.status, "failed", "status")
        require_equal((ended.nodes_executed, ended.nodes_failed), (2, 1), "nodes_executed and nodes_failed")
        found = sorted(ended.outputs or {})
        require_equal(found, ["free"] if is_partial else [], f"outputs with allow_partial_results {is_partial}")


@CHECKS.documented("POST /workflows/{id}/execute", "The body {} runs a workflow without inputs", changes=True)
def _no_inputs(server: Server) -> None:
    made = server.create_workflow(definition={"nodes": [_node("first")]})
    response = server.raw("POST", f"/workflows/{made.id}/execute", json_body={})
    require_equal(response.status, 200, "the status")
    require(response.json["data"].get("execution_id"), "execution_id is empty")

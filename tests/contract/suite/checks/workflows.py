"""Workflows: their fields, what a definition says, what conditionals compare, versions, and the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.models import Workflow
from tests.contract.suite.check import (
    UNKNOWN,
    Checks,
    audit_entries,
    items_of,
    require,
    require_among,
    require_equal,
    require_field,
    require_not_found,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.runs import holds, require_tool, waits
from tests.contract.suite.server import CHEAP, Server

OTHER: Final = {"nodes": [CHEAP["nodes"][1]]}

WORKFLOWS: Final = Checks("workflows")


@WORKFLOWS.choice(
    "POST /workflows",
    "The body has name, description and definition. The response has them too, and an id",
    changes=True,
)
def _created(server: Server) -> None:
    workflow = server.create_workflow(description="Made by a check", definition=CHEAP)
    require(workflow.id, "the id is empty")
    require_equal(workflow.name, "Contract suite", "name")
    require_equal(workflow.description, "Made by a check", "description")
    require_equal(workflow.definition, CHEAP, "definition")


@WORKFLOWS.documented("GET /workflows", "A new workflow is in the list, once", changes=True)
def _listed_once(server: Server) -> None:
    made = server.create_workflow().id
    require_equal([workflow.id for workflow in server.client.workflows.list()].count(made), 1, "how often it is there")


@WORKFLOWS.documented("GET /workflows/{id}", "A workflow can be read as it was created", changes=True)
def _read(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    workflow = server.client.workflows.get(made.id)
    require_equal((workflow.id, *_fields(workflow)), (made.id, "Contract suite", "Made by a check", CHEAP), "it")


@WORKFLOWS.choice("PUT /workflows/{id}", "Fields in the body change, and other fields stay", changes=True)
def _updated(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    server.client.workflows.update(made.id, name="Changed")
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Made by a check", CHEAP), "it")
    server.client.workflows.update(made.id, description="Changed too")
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Changed too", CHEAP), "it")
    server.client.workflows.update(made.id, definition=OTHER)
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Changed too", OTHER), "it")


@WORKFLOWS.choice("PUT /workflows/{id}", "The response is the changed workflow", changes=True)
def _update_response(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    changed = server.client.workflows.update(made.id, name="Changed", definition=OTHER)
    require_equal((changed.id, *_fields(changed)), (made.id, "Changed", "Made by a check", OTHER), "it")


def _fields(workflow: Workflow) -> tuple[str | None, str | None, object]:
    return workflow.name, workflow.description, workflow.definition


@WORKFLOWS.choice("PUT /workflows/{id}", "A null removes the description", changes=True)
def _nulled(server: Server) -> None:
    made = server.create_workflow(description="Made by a check")
    server.client.workflows.update(made.id, description=None)
    require_equal(server.client.workflows.get(made.id).description, None, "description")


@WORKFLOWS.documented("DELETE /workflows/{id}", "A deleted workflow cannot be read", changes=True)
def _deleted(server: Server) -> None:
    made = server.create_workflow()
    server.client.workflows.delete(made.id)
    require_not_found(lambda: server.client.workflows.get(made.id))


@WORKFLOWS.choice(
    "DELETE /workflows/{id}",
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


@WORKFLOWS.documented(
    "POST /workflows/{id}/execute",
    "It has execution_id, status, outputs, duration_ms, nodes_executed, nodes_failed",
    changes=True,
)
def _executed_fields(server: Server) -> None:
    made = server.create_workflow(definition=CHEAP)
    data = server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": {"word": "yes"}}).json["data"]
    for name in ("execution_id", "status"):
        require_type(data.get(name), str, name)
    require_type(data.get("outputs"), dict, "outputs")
    require_type(data.get("duration_ms"), (int, float), "duration_ms")
    for name in ("nodes_executed", "nodes_failed"):
        require_type(data.get(name), int, name)


@WORKFLOWS.documented(
    "POST /workflows/{id}/execute", "A successful run is completed, and no node has failed", changes=True
)
def _completed(server: Server) -> None:
    execution = server.run_workflow()
    require_equal(execution.status, "completed", "status")
    require_equal(execution.nodes_failed, 0, "nodes_failed")


@WORKFLOWS.documented(
    "POST /workflows/{id}/execute",
    "`outputs` has the nodes of the branch that a conditional takes, not of the other one",
    changes=True,
)
def _branch_taken(server: Server) -> None:
    for word, taken, left in (("yes", "taken", "left"), ("no", "left", "taken")):
        outputs = server.run_workflow(word).outputs
        require(taken in outputs, f"with the input {word!r}, outputs has no {taken!r}: {sorted(outputs)}")
        require(left not in outputs, f"with the input {word!r}, outputs has {left!r}: {sorted(outputs)}")


@WORKFLOWS.documented("POST /workflows/{id}/execute", "`nodes_executed` counts the nodes that were run", changes=True)
def _nodes_counted(server: Server) -> None:
    require_equal(server.run_workflow().nodes_executed, 2, "nodes_executed")


@WORKFLOWS.documented(
    "POST /workflows/{id}/execute", "If the definition has outputs, the run has these outputs, by name", changes=True
)
def _named_outputs(server: Server) -> None:
    made = server.create_workflow(definition={**CHEAP, "outputs": {"word": "{{input.word}}"}})
    execution = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=180)
    require_equal(execution.outputs, {"word": "yes"}, "outputs")


@WORKFLOWS.documented("POST /workflows/{id}/execute", "Each call makes an execution with a different id", changes=True)
def _own_ids(server: Server) -> None:
    made = server.create_workflow(definition=CHEAP)
    ids = [server.client.workflows.execute(made.id, inputs={"word": "yes"}).id for _ in range(2)]
    require_equal(len(set(ids)), 2, "the number of ids")
    for execution_id in ids:
        require_equal(server.client.executions.get(execution_id).workflow_id, made.id, "workflow_id")


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
"""A definition with every documented field. It is not run."""

DEFINITIONS: Final = Checks("definitions")


def _node(name: str) -> dict[str, Any]:
    return {"id": name, "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}


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
    "nodes[1].id": {"nodes": [_node("a"), _node("a")]},
    "nodes[0].operator": {"nodes": [{**_node("a"), "operator": "resembles"}]},
    "nodes[0].dependencies": {"nodes": [{**_node("a"), "dependencies": ["missing"]}]},
    "nodes[0].true_branch": {"nodes": [{**_node("a"), "true_branch": ["missing"]}]},
    "timeout": {"nodes": [_node("a")], "timeout": "long"},
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
    require_equal(_fields(server.client.workflows.get(made.id)), _fields(made), "the workflow")
    require("Broken" not in [item.name for item in server.client.workflows.list()], "a refused workflow is in the list")
    harmless = {**_node("a"), "contract_suite": 1}
    accepted = server.raw("PUT", f"/workflows/{made.id}", json_body={"definition": {"nodes": [harmless]}})
    if accepted.status == 200:
        definition = {"nodes": [harmless, {**_node("b"), "operator": "resembles"}]}
        error = require_refusal(server.raw("PUT", f"/workflows/{made.id}", json_body={"definition": definition}), 422)
        require("contract_suite" not in str(error["details"]), f"details name what is accepted: {error['details']}")


@DEFINITIONS.documented(
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
    actual = server.client.workflows.run(made.id, inputs={"mail": mail}, timeout=180).outputs
    expected = {"nested": "Tides", "element": "grace", "memory": "blue", "text": "To ada: Tides"}
    require_equal(actual, expected, "outputs")


@DEFINITIONS.documented(
    "POST /workflows/{id}/execute",
    "Inputs that do not fit input_schema are refused with 422, and nothing runs",
    changes=True,
)
def _input_schema(server: Server) -> None:
    made = server.create_workflow(definition={**CHEAP, "input_schema": _SCHEMA})
    for inputs in ({}, {"word": 7}):
        body = {"inputs": inputs}
        error = require_refusal(server.raw("POST", f"/workflows/{made.id}/execute", json_body=body), 422)
        require("word" in str(error["details"]), f"error.details name no input: {error['details']}")
    require_equal(list(server.client.executions.list(workflow_id=made.id)), [], "the executions of the workflow")
    fitting = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=180)
    require_equal(fitting.status, "completed", "status with inputs that fit")


@DEFINITIONS.documented(
    "POST /workflows/{id}/execute", "Outputs that do not fit output_schema fail the run", changes=True
)
def _output_schema(server: Server) -> None:
    for outputs, status in (({"other": "{{input.word}}"}, "failed"), ({"word": "{{input.word}}"}, "completed")):
        definition = {"nodes": [_node("first")], "outputs": outputs, "output_schema": _NEEDED}
        actual = server.run_definition(definition, {"word": "yes"}).status
        require_equal(actual, status, f"status with the outputs {sorted(outputs)}")


@DEFINITIONS.documented(
    "POST /workflows/{id}/execute", "A failed run has partial results only with allow_partial_results", changes=True
)
def _partial_results(server: Server) -> None:
    fails = {**_node("fails"), "left_value": "{{input.word}}", "operator": "greater_than", "right_value": "5"}
    nodes = [fails, {**_node("after"), "dependencies": ["fails"]}, _node("free")]
    for is_partial in (False, True):
        ended = server.run_definition({"nodes": nodes, "allow_partial_results": is_partial}, {"word": "many"})
        require_equal(ended.status, "failed", "status")
        require_equal((ended.nodes_executed, ended.nodes_failed), (2, 1), "nodes_executed and nodes_failed")
        names = sorted(ended.outputs or {})
        require_equal(names, ["free"] if is_partial else [], f"outputs with allow_partial_results {is_partial}")


@DEFINITIONS.documented("POST /workflows/{id}/execute", "The body {} runs a workflow without inputs", changes=True)
def _no_inputs(server: Server) -> None:
    made = server.create_workflow(definition={"nodes": [_node("first")]})
    response = server.raw("POST", f"/workflows/{made.id}/execute", json_body={})
    require_equal(response.status, 200, "the status")
    require(response.json["data"].get("execution_id"), "execution_id is empty")


OPERATORS: Final = [
    ("equals", "a", "a", "b"),
    ("not_equals", "a", "b", "a"),
    ("contains", "abc", "b", "d"),
    ("not_contains", "abc", "d", "b"),
    ("greater_than", "10", "9", "11"),
    ("less_than", "9", "10", "8"),
    ("starts_with", "abc", "a", "b"),
    ("ends_with", "abc", "c", "b"),
]
"""An operator, its left value, a right value with which it holds, and one with which it does not."""

Question = tuple[str, str, Any, str, bool]
"""An ID, an operator, a left value, a right value, and whether it holds."""

COMPARISONS: Final = Checks("comparisons")


@COMPARISONS.documented(
    "POST /workflows/{id}/execute", "Eight operators compare two values as their names say", changes=True
)
def _operators(server: Server) -> None:
    questions = [
        (f"{operator}-{number}", operator, left, right, number == 0)
        for operator, left, *rights in OPERATORS
        for number, right in enumerate(rights)
    ]
    _decide(server, questions)


@COMPARISONS.documented("POST /workflows/{id}/execute", "is_empty and is_not_empty look at one value", changes=True)
def _emptiness(server: Server) -> None:
    questions = [
        ("empty-0", "is_empty", "", "", True),
        ("empty-1", "is_empty", "a", "", False),
        ("full-0", "is_not_empty", "a", "", True),
        ("full-1", "is_not_empty", "", "", False),
    ]
    _decide(server, questions)


@COMPARISONS.documented(
    "POST /workflows/{id}/execute", "equals compares texts exactly, and numbers by value", changes=True
)
def _exact(server: Server) -> None:
    _decide(
        server,
        [
            ("case", "equals", "a", "A", False),
            ("blank", "equals", "a", "a ", False),
            ("part", "equals", "ab", "a", False),
            ("decimals", "equals", "10", "10.0", True),
            ("other-case", "not_equals", "a", "A", True),
            ("other-decimals", "not_equals", "10", "10.0", False),
        ],
    )
    _decide(
        server,
        [
            ("number", "equals", "{{input.number}}", "10.0", True),
            ("text", "equals", "{{input.text}}", "10", True),
            ("other", "equals", "{{input.number}}", "11", False),
        ],
        {"number": 10, "text": "10.0"},
    )


@COMPARISONS.choice("POST /workflows/{id}/execute", "A JSON boolean equals its text, and no other text", changes=True)
def _booleans(server: Server) -> None:
    _decide(
        server,
        [
            ("true-0", "equals", "{{input.passed}}", "true", True),
            ("true-1", "equals", "{{input.passed}}", "false", False),
            ("true-2", "equals", "{{input.passed}}", "1", False),
            ("true-3", "not_equals", "{{input.passed}}", "true", False),
            ("false-0", "equals", "{{input.refused}}", "false", True),
            ("false-1", "equals", "{{input.refused}}", "true", False),
            ("false-2", "not_equals", "{{input.refused}}", "true", True),
        ],
        {"passed": True, "refused": False},
    )


@COMPARISONS.documented(
    "POST /workflows/{id}/execute",
    "greater_than and less_than fail their node if a value is not a number",
    changes=True,
)
def _no_number(server: Server) -> None:
    for operator in ("greater_than", "less_than"):
        for left, right in (("{{input.value}}", "5"), ("5", "{{input.value}}")):
            nodes = _nodes("ask", operator, left, right)
            nodes[0]["false_branch"] = ["else-ask"]
            nodes.append({**nodes[1], "id": "else-ask"})
            execution = server.run_definition({"nodes": nodes}, {"value": "many"})
            what = f"after {operator} with a text that is not a number"
            require_equal((execution.status, execution.nodes_failed), ("failed", 1), f"status and nodes_failed {what}")
            require_equal(execution.nodes_executed, 1, f"nodes_executed {what}")


def _decide(server: Server, questions: list[Question], inputs: dict[str, Any] | None = None) -> None:
    nodes = [node for question in questions for node in _nodes(*question[:4])]
    outputs = server.run_definition({"nodes": nodes}, inputs or {}).outputs or {}
    for name, operator, left, right, is_true in questions:
        require((f"then-{name}" in outputs) == is_true, f"{left!r} {operator} {right!r} is {not is_true}")


def _nodes(name: str, operator: str, left: object, right: str) -> list[dict[str, object]]:
    asks = {"type": "conditional", "left_value": left, "operator": operator, "right_value": right}
    then = {"id": f"then-{name}", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    return [{"id": name, **asks, "true_branch": [then["id"]]}, dict(then)]


AS_CREATED: Final = ("Contract suite", "Made by a check", CHEAP)
CHANGES: Final[dict[str, Any]] = {
    "name": "Changed",
    "description": "Changed too",
    "definition": {"nodes": [CHEAP["nodes"][1]]},
}

VERSIONS: Final = Checks("versions")


def _numbers(server: Server, workflow_id: str) -> list[int | str]:
    return [version.version for version in server.client.versions.list(workflow_id)]


@VERSIONS.documented("GET /workflows/{id}/versions", "Every deployment makes a snapshot", changes=True)
def _snapshots(server: Server) -> None:
    made = server.create_workflow()
    before = _numbers(server, made.id)
    server.client.workflows.update(made.id, name="Changed")
    after = _numbers(server, made.id)
    require_equal((len(before), len(set(after))), (1, 2), "the number of versions before and after a change")


@VERSIONS.documented(
    "GET /workflows/{id}/versions/{version}",
    "A version has the name, description and definition that the workflow had then",
    changes=True,
)
def _read_as_it_was(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    (first,) = _numbers(server, made.id)
    server.client.workflows.update(made.id, **CHANGES)
    version = server.client.versions.get(made.id, first)
    require_equal(version.version, first, "version")
    require_equal((version.name, version.description, version.definition), AS_CREATED, "name, description, definition")


@VERSIONS.choice("GET /workflows/{id}/versions/{version}", "An unknown version is refused with 404", changes=True)
def _unknown(server: Server) -> None:
    path = f"/workflows/{server.create_workflow().id}/versions/4000000"
    require_field(require_refusal(server.raw("GET", path), 404), "version")


@VERSIONS.documented(
    "POST /workflows/{id}/versions/{version}/rollback", "Rolling back restores an earlier version", changes=True
)
def _rolled_back(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    (first,) = _numbers(server, made.id)
    server.client.workflows.update(made.id, **CHANGES)
    server.client.versions.rollback(made.id, first)
    workflow = server.client.workflows.get(made.id)
    require_equal(
        (workflow.name, workflow.description, workflow.definition), AS_CREATED, "name, description, definition"
    )


@VERSIONS.documented(
    "POST /workflows/{id}/versions/{version}/rollback",
    "Rolling back makes a new version and keeps the history",
    changes=True,
)
def _history(server: Server) -> None:
    made = server.create_workflow()
    server.client.workflows.update(made.id, name="Changed")
    before = _numbers(server, made.id)
    server.client.versions.rollback(made.id, before[-1])
    after = _numbers(server, made.id)
    require_equal(after[1:], before, "the versions before the new one, the newest first")


@VERSIONS.choice("POST /workflows/{id}/versions/{version}/rollback", "The response is the new version", changes=True)
def _answer(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    before = _numbers(server, made.id)
    new = server.client.versions.rollback(made.id, before[0])
    require(new.version not in before, f"the response is version {new.version!r}, which was there before")
    require_equal((new.name, new.description, new.definition), AS_CREATED, "name, description, definition")
    require_among(new.version, _numbers(server, made.id), "the version")


@VERSIONS.choice(
    "POST /workflows/{id}/versions/{version}/rollback", "An unknown version is refused with 404", changes=True
)
def _rollback_to_unknown(server: Server) -> None:
    made = server.create_workflow()
    require_not_found(lambda: server.client.versions.rollback(made.id, 4_000_000))


_ILLEGAL: Final = {
    "approve-template": (
        ("approve-template",),
        ("approve-template", "deprecate"),
        ("approve-template", "archive"),
        ("approve-template", "deprecate", "archive"),
    ),
    "deprecate": ((), ("approve-template", "deprecate"), ("approve-template", "archive")),
    "archive": ((), ("approve-template", "archive"), ("approve-template", "deprecate", "archive")),
}
"""The actions, and those after which each of them is refused."""

REGISTRY: Final = Checks("registry")


@REGISTRY.choice("POST /workflow-registry/{id}/approve-template", "The status changes to approved", changes=True)
def _approved(server: Server) -> None:
    made = server.create_workflow()
    entry = server.client.registry.approve_template(made.id)
    require_equal((entry.workflow_id, entry.status), (made.id, "approved"), "workflow and status")


@REGISTRY.choice("POST /workflow-registry/{id}/deprecate", "The status changes to deprecated", changes=True)
def _deprecated(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_equal(server.client.registry.deprecate(made.id).status, "deprecated", "status")


@REGISTRY.choice("POST /workflow-registry/{id}/archive", "The status changes to archived", changes=True)
def _archived(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_equal(server.client.registry.archive(made.id).status, "archived", "status")


@REGISTRY.documented("GET /workflow-registry", "An approved workflow is in the list", changes=True)
def _listed(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_among(made.id, [entry.workflow_id for entry in server.client.registry.list()], "the workflow")


@REGISTRY.documented(
    "GET /workflow-registry", "An archived workflow is hidden, unless include_archived=true", changes=True
)
def _hidden(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    server.client.registry.archive(made.id)
    shown = [entry.workflow_id for entry in server.client.registry.list()]
    require(made.id not in shown, "an archived workflow is in the list")
    require_among(
        made.id, [entry.workflow_id for entry in server.client.registry.list(include_archived=True)], "the workflow"
    )


@REGISTRY.choice(
    "GET /workflow-registry", "include_archived=1 and =True mean true, or are refused with 422", changes=True
)
def _other_booleans(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    server.client.registry.archive(made.id)
    for text in ("1", "True"):
        response = server.raw("GET", "/workflow-registry", query={"include_archived": text, "limit": 100})
        if response.status == 422:
            require_refusal(response, 422)
        else:
            listed = [entry["workflow_id"] for entry in items_of(response)]
            require_among(made.id, listed, f"the archived workflow with include_archived={text}")


@REGISTRY.choice(
    "POST /workflow-registry/{id}/approve-template",
    "A workflow can be approved once. Otherwise, the response is a 409",
    changes=True,
)
def _approved_once(server: Server) -> None:
    _require_conflicts(server, "approve-template")


@REGISTRY.choice(
    "POST /workflow-registry/{id}/deprecate",
    "Only an approved workflow can be deprecated. Otherwise, the response is a 409",
    changes=True,
)
def _deprecated_once(server: Server) -> None:
    _require_conflicts(server, "deprecate")


@REGISTRY.choice(
    "POST /workflow-registry/{id}/archive",
    "An approved or deprecated workflow can be archived, which is final. Otherwise, the response is a 409",
    changes=True,
)
def _archived_for_good(server: Server) -> None:
    _require_conflicts(server, "archive")


def _require_conflicts(server: Server, action: str) -> None:
    """Check that an action is refused after others, and that the entry stays as it was."""
    for earlier in _ILLEGAL[action]:
        path = f"/workflow-registry/{server.create_workflow().id}"
        for step in earlier:
            require_equal(server.raw("POST", f"{path}/{step}").status, 200, f"the status of {step}")
        before = _entry(server, path)
        require_field(require_refusal(server.raw("POST", f"{path}/{action}"), 409), "status")
        require_equal(_entry(server, path), before, f"the entry after a refused {action}")


def _entry(server: Server, path: str) -> str | None:
    """Return the status of a workflow in the registry, or None if it is not there."""
    entries = server.client.registry.list(include_archived=True)
    return next((entry.status for entry in entries if path.endswith(f"/{entry.workflow_id}")), None)


@REGISTRY.choice(
    "GET /organizations/{organization_id}/governance/audit",
    "Each transition of the registry makes an entry",
    changes=True,
)
def _audited(server: Server) -> None:
    made = server.create_workflow()
    for action in ("approve-template", "deprecate", "archive"):
        before = audit_entries(server)
        require_equal(server.raw("POST", f"/workflow-registry/{made.id}/{action}").status, 200, "the status")
        require(audit_entries(server) > before, f"{action} has made no entry")

"""Workflows: creating, reading, changing, deleting, executing."""

from __future__ import annotations

from typing import Final

from fibonacci.models import Workflow
from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import require_not_found
from fibonacci.testing.contract.server import CHEAP, Server

OTHER: Final = {"nodes": [CHEAP["nodes"][1]]}

CHECKS: Final = Checks()


@CHECKS.choice(
    "POST /workflows", "The body is name, description, definition; the response has them, and an id", changes=True
)
def _created(server: Server) -> None:
    workflow = server.create_workflow(description="Made by a check", definition=CHEAP)
    require(workflow.id, "the id is empty")
    require_equal(workflow.name, "Contract suite", "name")
    require_equal(workflow.description, "Made by a check", "description")
    require_equal(workflow.definition, CHEAP, "definition")


@CHECKS.documented("GET /workflows", "A new workflow is in the list, once", changes=True)
def _listed_once(server: Server) -> None:
    made = server.create_workflow().id
    require_equal([each.id for each in server.client.workflows.list()].count(made), 1, "how often it is there")


@CHECKS.documented("GET /workflows/{id}", "A workflow is read as it was created", changes=True)
def _read(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    found = server.client.workflows.get(made.id)
    require_equal((found.id, *_fields(found)), (made.id, "Contract suite", "Made by a check", CHEAP), "it")


@CHECKS.choice("PUT /workflows/{id}", "Fields in the body change; fields left out stay", changes=True)
def _updated(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    server.client.workflows.update(made.id, name="Changed")
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Made by a check", CHEAP), "it")
    server.client.workflows.update(made.id, description="Changed too")
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Changed too", CHEAP), "it")
    server.client.workflows.update(made.id, definition=OTHER)
    require_equal(_fields(server.client.workflows.get(made.id)), ("Changed", "Changed too", OTHER), "it")


@CHECKS.choice("PUT /workflows/{id}", "The response is the workflow as it then is", changes=True)
def _update_response(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    changed = server.client.workflows.update(made.id, name="Changed", definition=OTHER)
    require_equal((changed.id, *_fields(changed)), (made.id, "Changed", "Made by a check", OTHER), "it")


def _fields(workflow: Workflow) -> tuple[str | None, str | None, object]:
    return workflow.name, workflow.description, workflow.definition


@CHECKS.choice("PUT /workflows/{id}", "A null takes the description away", changes=True)
def _nulled(server: Server) -> None:
    made = server.create_workflow(description="Made by a check")
    server.client.workflows.update(made.id, description=None)
    require_equal(server.client.workflows.get(made.id).description, None, "description")


@CHECKS.documented("DELETE /workflows/{id}", "A deleted workflow cannot be read", changes=True)
def _deleted(server: Server) -> None:
    made = server.create_workflow()
    server.client.workflows.delete(made.id)
    require_not_found(lambda: server.client.workflows.get(made.id))


@CHECKS.documented(
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


@CHECKS.documented(
    "POST /workflows/{id}/execute", "A run that goes well is completed, and no node has failed", changes=True
)
def _completed(server: Server) -> None:
    execution = server.run_workflow()
    require_equal(execution.status, "completed", "status")
    require_equal(execution.nodes_failed, 0, "nodes_failed")


@CHECKS.documented(
    "POST /workflows/{id}/execute",
    "`outputs` has the nodes of the branch that a conditional takes, not of the other",
    changes=True,
)
def _branch_taken(server: Server) -> None:
    for word, taken, left in (("yes", "taken", "left"), ("no", "left", "taken")):
        outputs = server.run_workflow(word).outputs
        require(taken in outputs, f"with the input {word!r}, outputs has no {taken!r}: {sorted(outputs)}")
        require(left not in outputs, f"with the input {word!r}, outputs has {left!r}: {sorted(outputs)}")


@CHECKS.documented("POST /workflows/{id}/execute", "`nodes_executed` counts the nodes that were run", changes=True)
def _nodes_counted(server: Server) -> None:
    require_equal(server.run_workflow().nodes_executed, 2, "nodes_executed")


@CHECKS.documented(
    "POST /workflows/{id}/execute", "With outputs in the definition, they are the outputs, by name", changes=True
)
def _named_outputs(server: Server) -> None:
    made = server.create_workflow(definition={**CHEAP, "outputs": {"word": "{{input.word}}"}})
    execution = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=60)
    require_equal(execution.outputs, {"word": "yes"}, "outputs")


@CHECKS.documented("POST /workflows/{id}/execute", "Each call makes an execution, with an id of its own", changes=True)
def _own_ids(server: Server) -> None:
    made = server.create_workflow(definition=CHEAP)
    ids = [server.client.workflows.execute(made.id, inputs={"word": "yes"}).id for _ in range(2)]
    require_equal(len(set(ids)), 2, "the number of ids")
    for execution_id in ids:
        require_equal(server.client.executions.get(execution_id).workflow_id, made.id, "workflow_id")

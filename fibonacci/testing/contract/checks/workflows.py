"""Workflows: creating, reading, changing, deleting, executing."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, agree, among, has_type, require
from fibonacci.testing.contract.checks.common import UNKNOWN, envelope, not_found, refused
from fibonacci.testing.contract.server import CHEAP, Server

CHECKS: Final = Checks()


@CHECKS.documented("GET /workflows")
def listed(server: Server) -> None:
    """Check that each workflow of the list has an id."""
    for workflow in next(iter(server.client.workflows.list(limit=20).pages())):
        has_type(workflow.id, str, "id")


@CHECKS.documented("GET /workflows/{id}")
def unknown(server: Server) -> None:
    """Check that an unknown workflow cannot be read."""
    not_found(lambda: server.client.workflows.get(UNKNOWN))


@CHECKS.choice("POST /workflows", changes=True)
def created(server: Server) -> None:
    """Check that the body is name, description, definition; the response has them, and an id."""
    workflow = server.workflow(description="Made by a check", definition=CHEAP)
    require(workflow.id, "the id is empty")
    agree(workflow.name, "Contract suite", "name")
    agree(workflow.description, "Made by a check", "description")
    agree(workflow.definition, CHEAP, "definition")


@CHECKS.documented("POST /workflows", changes=True)
def created_shape(server: Server) -> None:
    """Check that the response is in the full envelope."""
    data = envelope(server.raw("POST", "/workflows", json_body={"name": "Contract suite"}))
    server.afterwards(server.client.workflows.delete, data["id"])


@CHECKS.documented("POST /workflows", changes=True)
def invalid(server: Server) -> None:
    """Check that invalid input is refused with 422 and the code validation_error."""
    response = server.raw("POST", "/workflows", json_body={"name": 7})
    if response.status in (200, 201):
        server.afterwards(server.client.workflows.delete, response.json["data"]["id"])
    agree(refused(response, 422)["code"], "validation_error", "error.code")


@CHECKS.documented("GET /workflows", changes=True)
def listed_once(server: Server) -> None:
    """Check that a new workflow is in the list, once."""
    made = server.workflow().id
    agree([each.id for each in server.client.workflows.list()].count(made), 1, "how often it is there")


@CHECKS.documented("GET /workflows/{id}", changes=True)
def read(server: Server) -> None:
    """Check that a workflow is read as it was created."""
    made = server.workflow(description="Made by a check", definition=CHEAP)
    found = server.client.workflows.get(made.id)
    agree((found.name, found.description, found.definition), (made.name, made.description, made.definition), "it")


@CHECKS.choice("PUT /workflows/{id}", changes=True)
def updated(server: Server) -> None:
    """Check that what is given is changed; what is not given stays."""
    made = server.workflow(description="Made by a check", definition=CHEAP)
    server.client.workflows.update(made.id, name="Changed")
    found = server.client.workflows.get(made.id)
    agree(found.name, "Changed", "name")
    agree(found.description, "Made by a check", "description")
    agree(found.definition, CHEAP, "definition")


@CHECKS.choice("PUT /workflows/{id}", changes=True)
def nulled(server: Server) -> None:
    """Check that a null takes the description away."""
    made = server.workflow(description="Made by a check")
    server.client.workflows.update(made.id, description=None)
    agree(server.client.workflows.get(made.id).description, None, "description")


@CHECKS.choice("PUT /workflows/{id}", changes=True)
def update_unknown(server: Server) -> None:
    """Check that an unknown workflow gets a 404."""
    not_found(lambda: server.client.workflows.update(UNKNOWN, name="Changed"))


@CHECKS.documented("DELETE /workflows/{id}", changes=True)
def deleted(server: Server) -> None:
    """Check that a deleted workflow cannot be read."""
    made = server.workflow()
    server.client.workflows.delete(made.id)
    not_found(lambda: server.client.workflows.get(made.id))


@CHECKS.choice("DELETE /workflows/{id}", changes=True)
def delete_unknown(server: Server) -> None:
    """Check that an unknown workflow gets a 404."""
    not_found(lambda: server.client.workflows.delete(UNKNOWN))


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def executed_shape(server: Server) -> None:
    """Check that the response is {data} without meta."""
    made = server.workflow(definition=CHEAP)
    response = server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": {"word": "yes"}})
    among(response.status, (200, 201, 202), "the status")
    agree(sorted(response.json), ["data"], "what the body holds")


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def executed_fields(server: Server) -> None:
    """Check that it has execution_id, status, outputs, duration_ms, nodes_executed, nodes_failed."""
    made = server.workflow(definition=CHEAP)
    data = server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": {"word": "yes"}}).json["data"]
    for name in ("execution_id", "status"):
        has_type(data.get(name), str, name)
    has_type(data.get("outputs"), dict, "outputs")
    has_type(data.get("duration_ms"), (int, float), "duration_ms")
    for name in ("nodes_executed", "nodes_failed"):
        has_type(data.get(name), int, name)


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def completed(server: Server) -> None:
    """Check that a run that goes well is completed, and no node has failed."""
    execution = server.ran()
    agree(execution.status, "completed", "status")
    agree(execution.nodes_failed, 0, "nodes_failed")


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def branch_taken(server: Server) -> None:
    """Check that `outputs` has the nodes of the branch that a conditional takes, not of the other."""
    for word, taken, left in (("yes", "taken", "left"), ("no", "left", "taken")):
        outputs = server.ran(word).outputs
        require(taken in outputs, f"with the input {word!r}, outputs has no {taken!r}: {sorted(outputs)}")
        require(left not in outputs, f"with the input {word!r}, outputs has {left!r}: {sorted(outputs)}")


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def nodes_counted(server: Server) -> None:
    """Check that `nodes_executed` counts the nodes that were run."""
    agree(server.ran().nodes_executed, 2, "nodes_executed")


@CHECKS.documented("POST /workflows/{id}/execute", changes=True)
def named_outputs(server: Server) -> None:
    """Check that with outputs in the definition, they are the outputs, by name."""
    made = server.workflow(definition={**CHEAP, "outputs": {"word": "{{input.word}}"}})
    execution = server.client.workflows.run(made.id, inputs={"word": "yes"}, timeout=60)
    agree(execution.outputs, {"word": "yes"}, "outputs")


@CHECKS.choice("POST /workflows/{id}/execute", changes=True)
def execute_unknown(server: Server) -> None:
    """Check that an unknown workflow gets a 404."""
    not_found(lambda: server.client.workflows.execute(UNKNOWN))

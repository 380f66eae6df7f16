"""The contract suite has what the document has: endpoints, lists, fields of definitions."""

from __future__ import annotations

from tests.contract.document import load_document, operations, resolve
from tests.contract.suite.calls import CALLS, LISTS
from tests.contract.suite.checks import ALL
from tests.contract.suite.checks.workflows import FULL


def test_the_definition_of_the_suite_has_every_documented_field() -> None:
    schemas = load_document()["components"]["schemas"]
    assert FULL.keys() == schemas["WorkflowDefinition"]["properties"].keys()
    for kind, reference in schemas["Node"]["discriminator"]["mapping"].items():
        fields = {name for node in FULL["nodes"] if node["type"] == kind for name in node}
        assert fields == resolve({"$ref": reference})["properties"].keys()


def test_the_suite_has_a_call_of_every_endpoint() -> None:
    assert sorted(CALLS) == sorted(each.endpoint for each in operations())
    assert {check.endpoint for check in ALL} == {*CALLS, "GET /{unknown}"}


def test_every_list_is_paged() -> None:
    lists = {each.endpoint for each in operations() if any(part["name"] == "cursor" for part in each.parameters)}
    assert set(LISTS) == lists

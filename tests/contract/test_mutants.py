"""The contract suite detects what a server gets wrong, whatever the document lets it get wrong."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from fibonacci.testing.contract.calls import CALLS, OPEN
from fibonacci.testing.contract.check import run
from fibonacci.testing.contract.checks import ALL
from fibonacci.testing.contract.checks.every_endpoint import INVALID, UNKNOWN_OBJECTS
from fibonacci.testing.contract.checks.paging import LISTS
from fibonacci.testing.contract.checks.workflows import FULL
from fibonacci.transports import HTTPRequest, HTTPResponse
from tests.contract.document import JSON, Operation, load_document, operations, resolve
from tests.kit.assertions import check_each
from tests.tools.mutants.derive import SURVIVORS, mutants
from tests.tools.mutants.messages import Send
from tests.tools.mutants.mutant import Mutant
from tests.tools.mutants.run import BrokenMutant, disagreements, served, undetected
from tests.tools.mutants.schemas import is_enveloped, is_list, object_schema


def plain(endpoint: str) -> str:
    return re.sub(r"\{\w+\}", "{}", endpoint)


def endpoint(operation: Operation) -> str:
    return plain(f"{operation.method} {operation.path}")


# -- mutants


@pytest.mark.slow
@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_third_mutant_of_an_endpoint_is_detected(operation: Operation) -> None:
    """The step `mutants`, which runs each night, has all of them."""
    mine = [mutant for mutant in mutants() if mutant.operation == operation][::3]
    survivors = {str(mutant) for mutant in undetected(mine)}
    assert survivors == {str(mutant) for mutant in mine} & set(SURVIVORS)


@pytest.mark.slow
def test_the_emulator_in_process_passes_every_check() -> None:
    with served() as server:
        assert [(result.check.name, result.why) for result in run(ALL, server) if result.outcome != "agrees"] == []


def test_most_mutants_are_detected() -> None:
    names = [str(mutant) for mutant in mutants()]
    assert len(names) == len(set(names)) > 1_000
    assert set(SURVIVORS) <= set(names)
    assert len(SURVIVORS) < 0.05 * len(names)
    assert {mutant.operation.id for mutant in mutants()} == {each.id for each in operations()}


def test_every_fault_that_was_missed_once_has_a_mutant() -> None:
    kinds = Counter(mutant.kind for mutant in mutants())
    assert kinds["no_request_id"] == sum("meta" in content.get("required", ()) for content in _contents())
    assert kinds["remaining_never_falls"] == kinds["ignore_key"] == len(operations())
    assert kinds["lose_last"] == kinds["empty_list"] == sum(map(is_list, operations()))
    parameters = Counter(mutant.part for mutant in mutants() if mutant.kind == "ignore_parameter")
    assert parameters["cursor"] == parameters["limit"] == kinds["lose_last"]
    assert set(map(str, mutants())) >= {
        "executions.list: empty outputs",
        "executions.cancel: pretend",
        "organizations.governance.update: echo_write",
        "organizations.governance.update: reset_the_rest",
        "organizations.governance.update: ignore_role",
        "organizations.governance.audit: empty_list",
        "versions.get: drop definition",
        "workflows.create: error_field no details",
        "workflows.delete: ignore_delete",
    }


def _contents() -> list[JSON]:
    return [
        resolve(each.success["content"]["application/json"]["schema"])
        for each in operations()
        if "content" in each.success
    ]


DETECTED = {
    "tools.list: no_request_id": {
        *("basics.own_request_ids", "basics.success", "every_endpoint.response_get_tools"),
        "paging.limit_get_tools",
    },
    "workflows.get: error_field details {} of 404": {"basics.error", "refusals.unknown_get_workflows_id"},
    "tools.list: ignore_key": {"basics.no_key", "basics.wrong_key", "every_endpoint.key_get_tools"},
    "workflows.execute: with_meta": {"every_endpoint.response_post_workflows_id_execute"},
    "workflows.execute: drop nodes_failed": {
        *("comparisons.no_number", "definitions.partial_results"),
        *("executions.read", "workflows.completed", "workflows.executed_fields"),
    },
    "workflows.update: reset_the_rest": {"workflows.update_response", "workflows.updated"},
    "organizations.tool_policies.delete: ignore_delete": {
        "every_endpoint.key_delete_organizations_organization_id_tool_policies_tool_name",
        *("executions.held", "executions.held_in_either_spelling"),  # the policy that stays refuses the tool of the run
        "refusals.unknown_delete_organizations_organization_id_tool_policies_tool_name",
        "tool_policies.deleted",
    },
    "registry.list: ignore_parameter include_archived": {"registry.hidden", "registry.other_booleans"},
    "memory.get: ignore_parameter user_id": {"memory.deleted_alone", "memory.described", "memory.scopes"},
    "organizations.governance.get: with_envelope": {
        "every_endpoint.response_get_organizations_organization_id_governance",
        *("governance.settings", "governance.updated"),
    },
    "organizations.tool_policies.create: refuse_with 400 for 422": {
        "refusals.details",
        "refusals.invalid_post_organizations_organization_id_tool_policies",
        "tool_policies.unknown_tool",
    },
    "workflows.list: ignore_parameter limit": {"paging.limit_get_workflows"},
    "workflows.list: ignore_parameter cursor": {"paging.cursor_get_workflows"},
    "executions.list: empty outputs": {"paging.execution_as_read"},
    "executions.cancel: pretend cancelled": {"executions.cancel_running"},
    "versions.get: show_instead definition": {"versions.read_as_it_was"},
    "organizations.governance.update: ignore_role": {"roles.admin_changes_settings"},
    "organizations.governance.audit: empty_list": {
        *("governance.audited", "registry.audited"),
        "paging.limit_get_organizations_organization_id_governance_audit",
    },
    "organizations.governance.audit: lose_items_with registry": {"registry.audited"},
    "registry.approve_template: accept 409": {"registry.approved_once"},
    "registry.deprecate: refuse_with 400 for 409": {"registry.deprecated_once"},
    "registry.archive: accept 409": {"registry.archived_for_good"},
    "registry.list: ignore_other_words include_archived": {"registry.other_booleans"},
    "tools.list: limit_of_each_key": {"roles.share_the_limit"},
    "tools.list: untouched_limit": {"basics.limit_of_no_key"},
    "workflows.create: lose_of_definition tool inputs": {"definitions.every_field"},
    "workflows.execute: run_another equality in any case": {"comparisons.exact"},
    "workflows.execute: run_another numbers as texts": {"comparisons.exact"},
    "workflows.execute: run_another numbers in the order of texts": {"comparisons.operators"},
    "workflows.execute: run_another input_schema": {"definitions.input_schema"},
    "workflows.execute: run_another partial results always": {"definitions.partial_results"},
    "workflows.execute: run_with booleans as Python writes them": {"comparisons.booleans"},
    "workflows.execute: run_with what is no number as 0": {"comparisons.no_number", "definitions.partial_results"},
    "workflows.execute: run_unapproved dotted tools": {"executions.held_in_either_spelling"},
    "workflows.execute: run_over_quota workflow_runs_per_hour": {"quota.runs_an_hour"},
    "workflows.execute: run_over_quota concurrent_executions": {"quota.concurrent_runs"},
    "workflows.execute: ignore_role": {"roles.policy_applies"},
}
"""Some mutants, and the checks that detect them."""

LEAVES_SOMETHING = {"organizations.tool_policies.delete: ignore_delete"}
"""Those whose fault also shows in checks that send nothing to their endpoint."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "found"), DETECTED.items(), ids=DETECTED)
def test_a_mutant_is_detected_by_these_checks_and_no_others(name: str, found: set[str]) -> None:
    (mutant,) = [each for each in mutants() if str(each) == name]
    assert {result.check.name for result in disagreements(mutant, whole=name in LEAVES_SOMETHING)} == found


@pytest.mark.slow
def test_a_mutant_that_fails_itself_is_not_detected() -> None:
    def fail(request: HTTPRequest, send: Send) -> HTTPResponse:
        raise KeyError("nodes")

    with pytest.raises(BrokenMutant):
        list(disagreements(Mutant(mutants()[0].operation, "broken", "", fail)))


# -- the suite and the document


def test_the_definition_of_the_suite_has_every_documented_field() -> None:
    schemas = load_document()["components"]["schemas"]
    assert FULL.keys() == schemas["WorkflowDefinition"]["properties"].keys()
    for kind, reference in schemas["Node"]["discriminator"]["mapping"].items():
        fields = {name for node in FULL["nodes"] if node["type"] == kind for name in node}
        assert fields == resolve({"$ref": reference})["properties"].keys()


def test_the_suite_has_a_call_of_every_endpoint() -> None:
    assert sorted(plain(call.endpoint) for call in CALLS) == sorted(map(endpoint, operations()))
    assert {plain(check.endpoint) for check in ALL} == {*map(endpoint, operations()), "GET /{}"}


def test_the_shapes_are_those_of_the_document() -> None:
    def check(call: Any) -> None:
        (operation,) = [each for each in operations() if endpoint(each) == plain(call.endpoint)]
        if "content" not in operation.success:
            assert (call.envelope, call.shape) == ("empty", OPEN)
            return
        has_meta = is_enveloped(operation) and "meta" in _required(operation)
        assert call.envelope == (
            "page" if is_list(operation) else "full" if has_meta else "data" if is_enveloped(operation) else "bare"
        )
        assert call.shape == _shape_of(object_schema(operation))

    check_each(CALLS, check)


def _required(operation: Operation) -> list[str]:
    required: list[str] = resolve(operation.success["content"]["application/json"]["schema"])["required"]
    return required


def _shape_of(schema: JSON) -> dict[str, str]:
    required = schema.get("required", [])
    return {
        name: ("" if name in required else "?") + _types_of(resolve(field))
        for name, field in schema.get("properties", {}).items()
    }


def _types_of(field: JSON) -> str:
    types = field.get("type", "")
    return types if isinstance(types, str) else "|".join(types)


def test_every_endpoint_of_an_object_is_called_with_an_unknown_one() -> None:
    named = {
        endpoint(each)
        for each in operations()
        if any(parameter["name"] != "organization_id" for parameter in each.parameters_in("path"))
    }
    assert {plain(where) for where, _ in UNKNOWN_OBJECTS} == named - {"PUT /memory/{}"}  # which creates it


def test_every_endpoint_with_a_body_is_called_with_an_invalid_one() -> None:
    assert {plain(where) for where, _, _ in INVALID} == {endpoint(each) for each in operations() if each.body}


def test_every_list_is_paged() -> None:
    assert {plain(each.endpoint) for each in LISTS} == {endpoint(each) for each in operations() if is_list(each)}

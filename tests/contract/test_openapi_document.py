"""The document is valid OpenAPI, has the 37 documented operations, and owns up to every choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from tests.contract.document import load_document, operations, resolve

DOCUMENTED = """
GET /workflows workflows.list
POST /workflows workflows.create
GET /workflows/{} workflows.get
PUT /workflows/{} workflows.update
DELETE /workflows/{} workflows.delete
POST /workflows/{}/execute workflows.execute
GET /executions/{} executions.get
GET /executions executions.list
POST /executions/{}/cancel executions.cancel
GET /workflows/{}/versions versions.list
GET /workflows/{}/versions/{} versions.get
POST /workflows/{}/versions/{}/rollback versions.rollback
POST /workflow-registry/{}/approve-template registry.approve_template
POST /workflow-registry/{}/deprecate registry.deprecate
POST /workflow-registry/{}/archive registry.archive
GET /workflow-registry registry.list
GET /organizations/{}/governance organizations.governance.get
PATCH /organizations/{}/governance organizations.governance.update
GET /organizations/{}/governance/report organizations.governance.report
GET /organizations/{}/governance/audit organizations.governance.audit
GET /organizations/{}/governance/approvals organizations.governance.approvals
GET /organizations/{}/quota organizations.quota.get
PATCH /organizations/{}/quota organizations.quota.update
GET /organizations/{}/tool-policies organizations.tool_policies.list
POST /organizations/{}/tool-policies organizations.tool_policies.create
PATCH /organizations/{}/tool-policies/{} organizations.tool_policies.update
DELETE /organizations/{}/tool-policies/{} organizations.tool_policies.delete
GET /organizations/{}/role-policy-overrides organizations.tool_policies.list_role_overrides
POST /organizations/{}/role-policy-overrides organizations.tool_policies.create_role_override
GET /memory/{} memory.get
PUT /memory/{} memory.set
DELETE /memory/{} memory.delete
GET /tools tools.list
GET /tools/{} tools.get
POST /tools/{}/connect tools.connect
GET /health health.check
GET /health/secrets health.secrets
"""

CHOICES = [
    "components/parameters/Limit",
    "components/parameters/Cursor",
    "components/parameters/IdempotencyKey",
    "components/parameters/Version",
    "components/parameters/MemoryKey",
    "components/parameters/WorkflowIdFilter",
    "components/parameters/StatusFilter",
    "components/parameters/Scope",
    "components/parameters/UserId",
    "components/parameters/WorkflowIdOfMemory",
    "components/headers/RetryAfter",
    "components/requestBodies/WorkflowCreate/content/application~1json",
    "components/requestBodies/WorkflowUpdate/content/application~1json",
    "components/requestBodies/QuotaUpdate/content/application~1json",
    "components/requestBodies/ToolPolicyCreate/content/application~1json",
    "components/requestBodies/ToolPolicyUpdate/content/application~1json",
    "components/requestBodies/RolePolicyOverrideCreate/content/application~1json",
    "components/requestBodies/MemorySet/content/application~1json",
    "components/requestBodies/ToolConnect/content/application~1json",
    "components/responses/NoContent",
    "components/responses/Health",
    "components/responses/HealthUnavailable",
    "components/responses/SecretsHealthUnavailable",
    "components/responses/BadRequest",
    "components/responses/NotFound",
    "components/responses/OtherError",
    "components/schemas/PageMeta/properties/next_cursor",
    "components/schemas/Error/properties/error/properties/details/items",
    "components/schemas/Execution/properties/status",
    "components/schemas/WorkflowVersion/properties/version",
    "components/schemas/RegistryEntry/properties/status",
    "components/schemas/GovernanceReport",
    "components/schemas/AuditEntry",
    "components/schemas/ApprovalStats",
    "components/schemas/ToolPolicy",
    "components/schemas/RolePolicyOverride",
    "components/schemas/MemoryEntry",
    "components/schemas/ToolConnection",
    "components/schemas/WorkflowDefinition",
    "paths/~1executions~1{execution_id}~1cancel/post",
]

DOCUMENTED_PLACES = [
    "components/requestBodies/Execute/content/application~1json",
    "components/requestBodies/GovernanceUpdate/content/application~1json",
    "components/responses/Unprocessable",
    "components/schemas/GovernanceSettings",
    "components/schemas/Quota",
    "components/schemas/SecretsHealth",
    "components/headers/RateLimitReset",
    "components/parameters/IncludeArchived",
]

SHAPES = {
    "enveloped": ["workflows.get", "versions.rollback", "memory.set", "tools.connect", "registry.archive"],
    "page": ["workflows.list", "executions.list", "organizations.governance.audit", "tools.list"],
    "meta optional": ["workflows.execute"],
    "bare": [
        "organizations.governance.get",
        "organizations.governance.update",
        "organizations.quota.get",
        "organizations.quota.update",
        "health.secrets",
    ],
    "empty": ["workflows.delete", "organizations.tool_policies.delete", "memory.delete"],
}


def at(pointer: str) -> dict[str, Any]:
    node = load_document()
    for part in pointer.split("/"):
        node = cast("dict[str, Any]", node[part.replace("~1", "/")])
    return node


def operation(operation_id: str) -> dict[str, Any]:
    (found,) = [each for each in operations() if each.id == operation_id]
    return cast("dict[str, Any]", load_document()["paths"][found.path][found.method.lower()])


def values_of(key: str, node: Any) -> Iterator[Any]:
    """Every value that stands under such a key, anywhere in `node`."""
    if isinstance(node, dict):
        for name, value in cast("dict[str, Any]", node).items():
            if name == key:
                yield value
            yield from values_of(key, value)
    elif isinstance(node, list):
        for value in cast("Sequence[object]", node):
            yield from values_of(key, value)


def test_it_is_valid_openapi_31() -> None:
    document = load_document()
    assert document["openapi"] == "3.1.0"
    validate(document, cls=OpenAPIV31SpecValidator)


def test_an_invalid_document_would_be_noticed() -> None:
    document = {**load_document(), "info": {"title": "no version"}}
    with pytest.raises(OpenAPIValidationError, match=r"version. is a required property"):
        validate(document, cls=OpenAPIV31SpecValidator)


def test_it_has_exactly_the_37_operations_named_after_the_calls() -> None:
    wanted = {tuple(line.split()) for line in DOCUMENTED.strip().splitlines()}
    found = {(each.method, _nameless(each.path), each.id) for each in operations()}
    assert len(wanted) == 37
    assert found == wanted
    assert len(operations()) == 37


def _nameless(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_the_server_and_the_key_are_the_documented_ones() -> None:
    document = load_document()
    assert [server["url"] for server in document["servers"]] == ["https://api.fibonacci.dev/v1"]
    assert document["security"] == [{"bearerAuth": []}]
    scheme: Mapping[str, Any] = document["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert not [each.id for each in operations() if "security" in operation(each.id)]


@pytest.mark.parametrize("place", CHOICES)
def test_a_choice_is_marked_as_one(place: str) -> None:
    assert "x-choice" in at(place)


@pytest.mark.parametrize("place", DOCUMENTED_PLACES)
def test_what_is_documented_is_not_marked_as_a_choice(place: str) -> None:
    assert "x-choice" not in at(place)


def test_every_mark_is_one_sentence() -> None:
    marks = list(values_of("x-choice", load_document()))
    assert len(marks) >= len(CHOICES)
    assert [mark for mark in marks if not mark.endswith(".") or ". " in mark or "\n" in mark] == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_success_has_the_documented_shape(shape: str) -> None:
    for operation_id in SHAPES[shape]:
        responses = operation(operation_id)["responses"]
        (success,) = [resolve(body) for status, body in responses.items() if status.startswith("2")]
        if shape == "empty":
            assert "204" in responses
            assert "content" not in success
            continue
        schema = resolve(success["content"]["application/json"]["schema"])
        properties = schema["properties"]
        if shape == "bare":
            assert "data" not in properties
        else:
            assert set(properties) == {"data", "meta"}
            assert schema["required"] == (["data"] if shape == "meta optional" else ["data", "meta"])
            assert (properties["data"].get("type") == "array") == (shape == "page")


def test_every_operation_declares_its_errors_and_the_rate_limit() -> None:
    for each in operations():
        assert each.statuses >= {"400", "401", "403", "422", "429", "default"}, each.id
        assert ("404" in each.statuses) == ("{" in each.path), each.id
        for status, body in operation(each.id)["responses"].items():
            response = resolve(body)
            assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(response["headers"])
            if not status.startswith("2") and status != "503":
                assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_path_parameters_are_one_segment() -> None:
    segment = {"$ref": "#/components/schemas/Segment"}
    parameters: dict[str, dict[str, Any]] = load_document()["components"]["parameters"]
    in_path = {name: each["schema"] for name, each in parameters.items() if each["in"] == "path"}
    assert in_path == dict.fromkeys(
        ["WorkflowId", "ExecutionId", "Version", "OrganizationId", "ToolName", "MemoryKey"], segment
    )
    assert at("components/schemas/Segment")["minLength"] == 1


def test_request_bodies_are_strict_and_answers_are_open() -> None:
    components = load_document()["components"]
    free = {"ToolConnect"}  # the body is the tool's own parameters
    for name, body in components["requestBodies"].items():
        schema = body["content"]["application/json"]["schema"]
        assert body["required"] is True
        assert name in free or schema["additionalProperties"] is False
    assert False not in list(values_of("additionalProperties", [components["responses"], components["schemas"]]))

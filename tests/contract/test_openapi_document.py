"""The document is valid OpenAPI, its examples are examples of it, and every choice is marked as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import TypeAdapter

from tests.contract.document import Operation, example_of, faults, load_document, media, operations, resolve
from tests.endpoints.endpoint_row import EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_rows

META_OPTIONAL = {"workflows.execute"}
"""The operations whose documented example has no `meta`."""


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


def test_a_success_has_the_documented_shape() -> None:
    def check(row: EndpointRow) -> None:
        operation = operation_of(row.call)
        (status,) = [status for status in operation.responses if status.startswith("2")]
        assert status == str(row.status)
        if row.status == 204:
            assert "content" not in operation.success
            return
        schema = resolve(media(operation.success)["schema"])
        properties = schema["properties"]
        assert ("data" in properties) != row.bare
        if not row.bare:
            assert set(properties) == {"data", "meta"}
            assert schema["required"] == (["data"] if row.call in META_OPTIONAL else ["data", "meta"])
            assert schema["additionalProperties"] is False
            assert (properties["data"].get("type") == "array") == row.is_list

    check_rows({row.call: row for row in ROWS}.items(), check)


def test_every_operation_declares_its_errors_and_the_rate_limit() -> None:
    for each in operations():
        assert set(each.responses) >= {"400", "401", "403", "422", "429", "default"}, each.id
        assert ("404" in each.responses) == ("{" in each.path), each.id
        for status, response in each.responses.items():
            limits = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
            said = limits & set(response.get("headers", ()))
            assert said == (set() if status == "401" else limits)  # nobody who is not known has a limit
            if not status.startswith("2") and status != "503":
                assert media(response)["schema"] == {"$ref": "#/components/schemas/Error"}


def test_request_bodies_and_envelopes_are_closed_and_objects_in_responses_are_open() -> None:
    components = load_document()["components"]
    free = {"ToolConnect"}  # the body is the tool's own parameters
    for name, body in components["requestBodies"].items():
        assert body["required"] is True
        assert name in free or media(body)["schema"]["additionalProperties"] is False
    schemas = [media(response)["schema"] for response in components["responses"].values() if "content" in response]
    envelopes = [schema for schema in schemas if "data" in schema.get("properties", {})]
    assert [schema["additionalProperties"] for schema in envelopes] == [False] * len(envelopes)
    objects = [[schema.get("properties") for schema in schemas], components["schemas"]]
    assert False not in list(values_of("additionalProperties", objects))


class TestExamples:
    """Whoever makes a mock server or a page from the document shows what the platform sends."""

    def test_every_body_has_an_example_that_fits_its_schema(self) -> None:
        def check(operation: Operation) -> None:
            bodies = [*operation.responses.values(), *([operation.body] if operation.body else [])]
            for body in (each for each in bodies if "content" in each):
                others = [each["value"] for each in media(body).get("examples", {}).values()]
                for example in (example_of(body), *others):
                    assert faults(media(body)["schema"], example) == []

        check_rows(((operation.id, operation) for operation in operations()), check)

    def test_every_parameter_and_header_has_an_example_that_fits_its_schema(self) -> None:
        headers = load_document()["components"]["headers"].items()
        paths = ((each["name"], each) for operation in operations() for each in operation.parameters_in("path"))
        for name, each in (*headers, *paths):
            assert faults(each["schema"], each["example"]) == [], name

    def test_every_success_is_read_by_the_model_of_the_table(self) -> None:
        def check(row: EndpointRow) -> None:
            success = operation_of(row.call).success
            if row.status == 204:
                assert "content" not in success
                return
            example = example_of(success)
            data = example if row.bare else example["data"]
            items: list[object] = data if row.is_list else [data]
            assert items
            model: TypeAdapter[Any] = TypeAdapter(row.returns)
            for item in items:
                assert model.dump_python(model.validate_python(item), mode="json") == item

        check_rows({row.call: row for row in ROWS}.items(), check)


def operation_of(call: str) -> Operation:
    return next(each for each in operations() if each.id == call)

"""JSON Schemas of a definition: what is misspelled is an error, what is not checked a warning, the rest is fine."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from fibonacci.definitions import check_definition
from tests.kit.assertions import each_row


def found(schema: Any) -> list[tuple[str, str]]:
    problems = check_definition({"nodes": [{"id": "a", "type": "llm", "prompt": "Hi"}], "input_schema": schema})
    return [(each.location.removeprefix("input_schema."), each.message) for each in problems]


def codes(schema: Any) -> list[tuple[str, str, str]]:
    problems = check_definition({"nodes": [{"id": "a", "type": "llm", "prompt": "Hi", "output_schema": schema}]})
    return [(each.location.removeprefix("nodes[0].output_schema"), each.code, each.severity) for each in problems]


MISSPELLED: list[tuple[dict[str, Any], str, str]] = [
    ({"requierd": ["a"]}, "requierd", "required"),
    ({"propertiess": {}}, "propertiess", "properties"),
    ({"properties": {"a": {"tpye": "string"}}}, "properties.a.tpye", "type"),
    ({"$defs": {"x": {"enmu": [1]}}}, "$defs.x.enmu", "enum"),
    ({"items": {"additional_properties": False}}, "items.additional_properties", "additionalProperties"),
    ({"anyOf": [{"min_length": 1}]}, "anyOf[0].min_length", "minLength"),
    ({"Title": "t"}, "Title", "title"),
    ({"descripton": "t"}, "descripton", "description"),
]


@each_row(("schema", "place", "meant"), MISSPELLED)
def test_a_misspelled_keyword_names_the_nearest(schema: dict[str, Any], place: str, meant: str) -> None:
    keyword = place.rpartition(".")[2]
    message = f"{keyword!r} is not a keyword of JSON Schema. Did you mean {meant!r}?"
    assert found(schema) == [(place, message)]
    ((_, code, severity),) = codes(schema)
    assert (code, severity) == ("misspelled_schema_keyword", "error")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "strng"}, "type", "JSON Schema has no type 'strng'. Did you mean 'string'?"),
    ({"type": ["null", "str"]}, "type", "JSON Schema has no type 'str'. Did you mean 'string'?"),
    ({"type": "Float"}, "type", "JSON Schema has no type 'Float'. Did you mean 'number'?"),
    (
        {"type": "any"},
        "type",
        "JSON Schema has no type 'any'. The types are object, array, string, boolean, null, number, integer",
    ),
    ({"type": 5}, "type", "5 is not a type. The types are object, array, string, boolean, null, number, integer"),
    ({"required": "name"}, "required", "'name' is not a valid value for 'required'"),
    ({"required": [5]}, "required[0]", "5 is not the name of a property"),
    ({"properties": {"a": 5}}, "properties.a", "a schema is an object, true or false, not 5"),
    ({"multipleOf": 0}, "multipleOf", "0 is not a valid value for 'multipleOf'"),
    (
        {"$ref": "#/$defs/Tre", "$defs": {"Tree": {}}},
        "$ref",
        "the schema has no '#/$defs/Tre'. Did you mean '#/$defs/Tree'?",
    ),
]


@each_row(("schema", "place", "message"), WRONG)
def test_what_is_wrong_in_a_schema_is_an_error(schema: dict[str, Any], place: str, message: str) -> None:
    assert found(schema) == [(place, message)]
    ((_, code, severity),) = codes(schema)
    assert (code, severity) == ("bad_schema", "error")


UNCHECKED: list[tuple[dict[str, Any], list[str]]] = [
    ({"if": {}, "then": {}}, ["if", "then"]),
    ({"properties": {"a": {"items": {"contains": {}}}}}, ["properties.a.items.contains"]),
    ({"anyOf": [{}, {"dependentRequired": {}}]}, ["anyOf[1].dependentRequired"]),
    ({"$defs": {"x": {"unevaluatedItems": False}}}, ["$defs.x.unevaluatedItems"]),
    ({"items": [{"type": "string"}]}, ["items"]),
    ({"$ref": "https://example.com/order.json"}, ["$ref"]),
    ({"pattern": "("}, ["pattern"]),
    *(({word: "x"}, [word]) for word in ("note", "enumNames", "propertyOrdering", "widget", "markdownDescription")),
]


@each_row(("schema", "places"), UNCHECKED)
def test_what_is_not_checked_is_a_warning(schema: dict[str, Any], places: list[str]) -> None:
    assert codes(schema) == [(f".{place}", "unknown_schema_keyword", "warning") for place in places]


class PostalAddress(BaseModel):
    city: str = Field(examples=["Graz"], pattern="^[A-Z]")


class Cat(BaseModel):
    kind: Literal["cat"]
    owner: PostalAddress | None = None


class Dog(BaseModel):
    kind: Literal["dog"]
    ages: dict[str, int] = Field(default_factory=dict, deprecated=True)


class Order(BaseModel):
    """An order."""

    pet: Cat | Dog = Field(discriminator="kind")
    picture: bytes = b""
    pairs: list[tuple[int, float]] = []


@each_row(
    "schema",
    [
        Order.model_json_schema(),
        Order.model_json_schema(mode="serialization"),
        {"x-order": 1, "$comment": "c", "title": "t", "format": "date", "example": 1, "properties": {"if": {}}},
        {"properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"], "properties": {"c": {}}}]},
        {"properties": {"a": {}}, "required": ["b"], "additionalProperties": {"type": "string"}},
        {"properties": {"a": {}}, "required": ["b"], "allOf": [{"$ref": "#/$defs/B"}], "$defs": {"B": {}}},
        {"required": ["b"]},
        {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"const": 1}}},
        {"items": {"$ref": "#"}, "additionalProperties": False},
        {"default": {"requierd": 1}, "enum": [{"tpye": 1}]},
    ],
)
def test_a_right_schema_gets_no_word(schema: dict[str, Any]) -> None:
    assert codes(schema) == []

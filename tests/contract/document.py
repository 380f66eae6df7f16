"""The operations of `docs/openapi.yaml`, which is the one source of what a test demands of each endpoint."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")

JSON = dict[str, Any]


@functools.cache
def load_document() -> JSON:
    """Return the document, with its references. Callers do not change it."""
    # The loader in C takes a tenth of the time; not every build of PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("JSON", yaml.load(FILE.read_text(encoding="utf-8"), loader))


def resolve(node: JSON, document: JSON | None = None) -> JSON:
    """Follow a reference inside the document, if `node` is one."""
    while "$ref" in node:
        target: Any = load_document() if document is None else document
        for part in cast("str", node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document, its references resolved as far as named here.

    Attributes:
        id: Its id, the dotted name of the Python call.
        method: The HTTP method, in capitals.
        path: The template of its path.
        parameters: Its parameters: those of the path item first.
        body: Its request body; None for none.
        responses: Its responses by status, `default` among them.
    """

    id: str
    method: str
    path: str
    parameters: tuple[JSON, ...]
    body: JSON | None
    responses: Mapping[str, JSON]

    def __str__(self) -> str:
        return self.id

    @property
    def endpoint(self) -> str:
        """Its method and path, such as `GET /workflows/{workflow_id}`."""
        return f"{self.method} {self.path}"

    def parameters_in(self, place: str) -> list[JSON]:
        """Return its parameters in the path, the query or the headers."""
        return [each for each in self.parameters if each["in"] == place]

    @property
    def success(self) -> JSON:
        """Its one documented success."""
        (found,) = [response for status, response in self.responses.items() if status.startswith("2")]
        return found

    @property
    def body_schema(self) -> JSON:
        """The schema of its request body; it has one."""
        assert self.body is not None
        return resolve(media(self.body)["schema"])


def media(content: JSON) -> JSON:
    """Return the JSON media type of a request body or a response."""
    return cast("JSON", content["content"]["application/json"])


def example_of(content: JSON) -> Any:
    """Return the example of a request body or a response: its own, or one composed of those of its schemas.

    Raises:
        KeyError: If a schema that has no properties has no example.
    """
    kind = media(content)
    named = [each["value"] for each in kind.get("examples", {}).values()]
    return kind["example"] if "example" in kind else named[0] if named else _composed(kind["schema"])


def _composed(schema: JSON) -> Any:
    schema = resolve(schema)
    if schema.get("type") == "array":
        return [_composed(schema["items"])]
    if "example" in schema:
        return schema["example"]
    return {name: _composed(field) for name, field in schema["properties"].items()}


def faults(schema: JSON, value: object) -> list[str]:
    """Return what is wrong with a value, by a schema of the document."""
    whole = {**schema, "components": load_document()["components"]}
    from openapi_schema_validator import OAS31Validator  # the tools that read the document do without

    return sorted(fault.message for fault in OAS31Validator(whole).iter_errors(value))


def read_operations(document: JSON) -> Iterator[Operation]:
    """Yield the operations of a document, in its order."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(document, path, method)


def _operation(document: JSON, path: str, method: str) -> Operation:
    item: JSON = document["paths"][path]
    found: JSON = item[method]
    parameters = [*item.get("parameters", []), *found.get("parameters", [])]
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        parameters=tuple(resolve(each, document) for each in parameters),
        body=resolve(found["requestBody"], document) if "requestBody" in found else None,
        responses={status: resolve(each, document) for status, each in found["responses"].items()},
    )


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return the operations of the document, in its order."""
    return tuple(read_operations(load_document()))

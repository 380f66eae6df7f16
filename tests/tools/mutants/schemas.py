"""What `docs/openapi.yaml` says of the object in a success."""

from __future__ import annotations

from tests.contract.document import JSON, Operation, operations, resolve


def content_schema(operation: Operation) -> JSON:
    """Return the schema of the whole body of a success."""
    return resolve(operation.success["content"]["application/json"]["schema"])


def is_list(operation: Operation) -> bool:
    """Tell whether a success is a page of a list."""
    return "content" in operation.success and data_schema(operation).get("type") == "array"


def object_schema(operation: Operation) -> JSON:
    """Return the schema of the object in a success, or of each object of its list."""
    data = data_schema(operation)
    return resolve(data["items"]) if data.get("type") == "array" else data


def data_schema(operation: Operation) -> JSON:
    """Return the schema of what a success holds, without the envelope."""
    content = content_schema(operation)
    return resolve(content["properties"]["data"]) if is_enveloped(operation) else content


def is_enveloped(operation: Operation) -> bool:
    """Tell whether a success has an envelope."""
    return "data" in content_schema(operation).get("properties", {})


def written_fields(operation: Operation) -> set[str]:
    """Return the fields of the object in a success that requests write; a version is a snapshot of a workflow."""
    if operation.id.startswith("versions."):
        return written_fields(next(each for each in operations() if each.id == "workflows.get"))
    schema = object_schema(operation)
    writing = [each for each in operations() if each.body and "content" in each.success]
    return {
        name for each in writing if object_schema(each) is schema for name in each.body_schema.get("properties", {})
    }


def expected_fields(operation: Operation) -> list[str]:
    """Return the fields that a response has to have: the required ones, those that requests write, a run's results."""
    schema = object_schema(operation)
    properties: JSON = schema.get("properties", {})
    results = [name for name in schema.get("example", {}) if "execution_id" in properties and "_at" not in name]
    wanted = {*schema.get("required", []), *results}
    if not is_list(operation):
        wanted |= written_fields(operation)
    if operation.id == "workflows.execute":  # its documented example has no more than these
        wanted &= set(operation.success["content"]["application/json"]["example"]["data"])
    return [name for name in properties if name in wanted]


def types_of(field: JSON) -> list[str]:
    """Return the JSON types of a field; none where it may have any."""
    kinds_of = resolve(field).get("type", [])
    return [kinds_of] if isinstance(kinds_of, str) else list(kinds_of)

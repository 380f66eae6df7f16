"""The mutants: every way in which `docs/openapi.yaml` lets a server be wrong, endpoint by endpoint."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.contract.document import JSON, Operation, load_document, operations
from tests.tools.mutants import kinds
from tests.tools.mutants.endpoints import of_endpoint
from tests.tools.mutants.mutant import OWNER, Mutant, mutant
from tests.tools.mutants.schemas import (
    content_schema,
    expected_fields,
    is_enveloped,
    is_list,
    object_schema,
    types_of,
    written_fields,
)

HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_VALUES: Final[Mapping[str, Any]] = {"string": "seven", "integer": 7, "array": [7]}
NO_LIST: Final[Mapping[str, object]] = {}
_CLEARED: Final[Mapping[str, Any]] = {"boolean": False, "integer": 0, "object": {}, "array": []}
# Properties of bodies that name something that has to exist.
_NAMES: Final = ("tool_name", "role")


SURVIVORS: Final = {
    **dict.fromkeys(
        (
            "organizations.tool_policies.create_role_override: ignore_property enabled",
            "organizations.tool_policies.create_role_override: echo_property enabled",
        ),
        "An override cannot be deleted: the suite would have to take a tool away from a role for good",
    ),
    "tools.connect: empty_object": "No field of this response is documented: `name` and `status` may be absent",
}
"""The mutants that no check catches, and why not."""


IDLE: Final = {
    "basics.unknown_path": "An unknown path belongs to no endpoint",
    "quota.plan_limit": "The mutants have the plan enterprise, whose limit is not documented",
}
"""The checks that catch no mutant, and why not."""


@functools.cache
def mutants() -> tuple[Mutant, ...]:
    """Return all mutants, in the order of the document."""
    return tuple(each for operation in operations() for each in _of_operation(operation))


def _of_operation(operation: Operation) -> Iterator[Mutant]:
    if "content" in operation.success:
        yield from _of_fields(operation)
        yield from _of_envelope(operation)
    else:
        yield mutant(operation, kinds.ignore_delete(), "ignore_delete")
        yield mutant(operation, kinds.content_after_delete(), "content_after_delete")
    yield from _of_headers(operation)
    if is_list(operation):
        yield from _of_list(operation)
    yield from _of_parameters(operation)
    if operation.body is not None and "properties" in operation.body_schema:
        yield from _of_body(operation)
    yield from _of_refusals(operation)
    yield from _of_roles(operation)
    yield from of_endpoint(operation)


# -- responses


def _of_fields(operation: Operation) -> Iterator[Mutant]:
    expected = expected_fields(operation)
    if not is_list(operation):
        yield mutant(operation, kinds.empty_object(), "empty_object")
    for name in expected:
        yield mutant(operation, kinds.drop(name), "drop", name)
    for name, field in object_schema(operation).get("properties", {}).items():
        types = types_of(field)
        can_be_empty = not {"integer", "number", "boolean"} & set(types)
        if can_be_empty and name in {*expected, *written_fields(operation)}:
            yield mutant(operation, kinds.empty(name), "empty", name)
        if types:
            yield mutant(operation, kinds.retype(name, _of_no_type(types)), "retype", name)


def _of_no_type(types: list[str]) -> object:
    """Return a value of a type that is none of these."""
    numbers = {"number", "integer"}
    return next(
        value for kind, value in _VALUES.items() if kind not in types and not (kind in numbers and numbers & set(types))
    )


def _of_envelope(operation: Operation) -> Iterator[Mutant]:
    if not is_enveloped(operation):
        yield mutant(operation, kinds.with_envelope(), "with_envelope")
        return
    yield mutant(operation, kinds.without_envelope(), "without_envelope")
    if "meta" in content_schema(operation)["required"]:
        yield mutant(operation, kinds.no_request_id(), "no_request_id")
    else:
        yield mutant(operation, kinds.with_meta(), "with_meta")
    if operation.id == "tools.list":
        yield mutant(operation, kinds.one_request_id(), "one_request_id")


def _of_headers(operation: Operation) -> Iterator[Mutant]:
    for name in HEADERS:
        yield mutant(operation, kinds.no_header(name), "no_header", name)
        yield mutant(operation, kinds.header(name, "12.5"), "header", name)
    yield mutant(operation, kinds.remaining_never_falls(), "remaining_never_falls")
    if "content" in operation.success:
        yield mutant(operation, kinds.text_content(), "text_content")
    if "503" in operation.responses:
        yield mutant(operation, kinds.unavailable(), "unavailable")


def _of_list(operation: Operation) -> Iterator[Mutant]:
    for change, kind in (
        (kinds.lose_last(), "lose_last"),
        (kinds.lose_first(), "lose_first"),
        (kinds.repeat_item(), "repeat_item"),
        (kinds.empty_list(), "empty_list"),
        (kinds.no_next_page(), "no_next_page"),
    ):
        yield mutant(operation, change, kind)


# -- requests


def _of_parameters(operation: Operation) -> Iterator[Mutant]:
    for parameter in operation.parameters_in("query"):
        yield mutant(operation, kinds.ignore_parameter(parameter["name"]), "ignore_parameter", parameter["name"])
    if operation.path.startswith("/memory/"):
        yield mutant(operation, kinds.split_key(), "split_key")


def _of_body(operation: Operation) -> Iterator[Mutant]:
    schema = operation.body_schema
    required, properties = schema.get("required", []), schema["properties"]
    echoed = object_schema(operation).get("properties", {})
    for name in properties:
        if name in _NAMES:
            continue
        if name in required:
            yield mutant(operation, kinds.replace_property(name), "replace_property", name)
            continue
        yield mutant(operation, kinds.ignore_property(name), "ignore_property", name)
        if name in echoed:
            yield mutant(operation, kinds.echo_property(name), "echo_property", name)
    if operation.method in ("PUT", "PATCH") and not required:
        yield mutant(operation, kinds.ignore_write(), "ignore_write")
        yield mutant(operation, kinds.echo_write(), "echo_write")
        cleared = {name: _cleared(field) for name, field in properties.items() if _cleared(field) != ""}
        yield mutant(operation, kinds.reset_the_rest(cleared), "reset_the_rest")


def _cleared(field: JSON) -> Any:
    types = types_of(field) or ["null" for each in field.get("anyOf", []) if each.get("type") == "null"]
    return None if "null" in types else next((_CLEARED[kind] for kind in types if kind in _CLEARED), "")


# -- refusals


def _of_refusals(operation: Operation) -> Iterator[Mutant]:
    yield mutant(operation, kinds.ignore_key(OWNER), "ignore_key")
    yield mutant(operation, kinds.refuse_with(401, 403), "refuse_with", "403 for 401")
    names_an_object = any(each["name"] != "organization_id" for each in operation.parameters_in("path"))
    if names_an_object and operation.id != "memory.set":
        yield from _of_errors(operation, 404)
    if operation.body is not None:
        yield from _of_errors(operation, 422)
        yield mutant(operation, kinds.error_field(422, "code", "bad_request"), "error_field", "other code")
        yield mutant(operation, kinds.error_field(422, "details", []), "error_field", "no details")
    if operation.id == "workflows.create":
        yield mutant(operation, kinds.accept(400), "accept", "no JSON")
    if operation.id in _CHANGES_STATUS:
        yield from _of_errors(operation, 409)


def _of_errors(operation: Operation, status: int) -> Iterator[Mutant]:
    yield mutant(operation, kinds.accept(status), "accept", str(status))
    yield mutant(operation, kinds.refuse_with(status, 400), "refuse_with", f"400 for {status}")
    yield mutant(operation, kinds.error_without_envelope(status), "error_without_envelope", str(status))
    wrong: list[tuple[str, object]] = [("code", ""), ("message", ""), ("message", None), ("details", None)]
    for name, value in [*wrong, ("details", NO_LIST)]:
        yield mutant(operation, kinds.error_field(status, name, value), "error_field", f"{name} {value!r} of {status}")


_CHANGES_STATUS: Final = ("registry.approve_template", "registry.deprecate", "registry.archive")


def _of_roles(operation: Operation) -> Iterator[Mutant]:
    summary: str = next(
        item[operation.method.lower()]["summary"]
        for path, item in load_document()["paths"].items()
        if path == operation.path
    )
    if "admins and owners may" in summary or "only an owner may" in summary:
        yield mutant(operation, kinds.ignore_role(OWNER), "ignore_role")
    if "admins and owners may" in summary or "any member may" in summary:
        yield mutant(operation, kinds.refuse_roles(OWNER), "refuse_roles")

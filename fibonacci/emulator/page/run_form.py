"""The form that runs a workflow: a field for each input that its `input_schema` names, and JSON for the others.

A view shows it with `run_form`, and the action that receives it reads it with `inputs_of_form`:

    run_form(context, f"/ui/workflows/{workflow_id}/execute", definition)
    inputs = inputs_of_form(context, definition)

Both also take the inputs of a run, to run it again with changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.definitions.checks.inputs import check_inputs, input_uses
from fibonacci.definitions.json_schema import TYPES, target_of
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.http.messages import Detail, invalid
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import ViewContext
from fibonacci.emulator.page.html import HTMLElement, h
from fibonacci.emulator.state.json_encoding import JSONObject

_PREFIX: Final = "inputs."
"""How the name of the field of one input begins. `inputs` has those without a field, as JSON."""

_NULL: Final = {"type": "null"}


def run_form(
    context: ViewContext, action: str, definition: Any, inputs: JSONObject | None = None, *, button: str = "Run"
) -> HTMLElement:
    """Return the form.

    Args:
        context: The request. The form shows again what was entered last, and what is wrong with it.
        action: Where to send the form.
        definition: The definition, or `None`.
        inputs: The inputs of a run to run again. By default, the fields are empty or have their defaults.
        button: The word on the button.
    """
    fields = _fields_of(context, definition, inputs)
    given = _sample(definition) if inputs is None else inputs
    names = {field.name for field in fields}
    rest = {name: value for name, value in given.items() if f"{_PREFIX}{name}" not in names}
    label, hint = "Inputs", "A JSON object"
    if fields:
        label, hint = "More inputs", "A JSON object, also for what a field can't express, such as an empty text"
    fields.append(ui.Field("inputs", label, "JSON", hint, rest))
    shown = ui.json_text([given, dict(context.flash.entered)])
    is_redacted = context.redact(shown) != shown
    # The API accepts what only the checks refuse, and somebody may want to see the run fail.
    is_refused = context.flash.action == action
    return ui.entry_form(
        context,
        "run-form",
        action,
        fields,
        h.p("Replace each *** with the secret that it hides.", class_="flash warning") if is_redacted else None,
        h.div(
            h.button(button, class_="primary"),
            h.button("Run anyway", name="check", value="off") if is_refused else None,
            class_="inline",
        ),
        h.p("The run counts toward the run quota, but not toward any rate limit.", class_="note"),
    )


def inputs_of_form(context: ViewContext, definition: Any, inputs: JSONObject | None = None) -> JSONObject:
    """Return the inputs that were entered.

    Args:
        context: The request with the form.
        definition: The definition that the form was made from.
        inputs: The inputs that the form showed.

    Raises:
        HTTPException: 422 that names each input that is missing, malformed or doesn't fit the schema.
    """
    values = ui.read_fields(
        context.form, [*_fields_of(context, definition, inputs), ui.Field("inputs", "Inputs", "JSON")]
    )
    rest = values.pop("inputs", {})
    if not is_object(rest):
        raise invalid(Detail("inputs", 'must be a JSON object such as {"topic": "tides"}'))
    entered = {name.removeprefix(_PREFIX): value for name, value in values.items()} | dict(rest)
    if context.form.get("check") != "off":
        problems = check_inputs(definition, entered).errors
        if problems:
            raise invalid(*(Detail(problem.location, problem.message) for problem in problems))
    return entered


def _fields_of(context: ViewContext, definition: Any, inputs: JSONObject | None) -> list[ui.Field]:
    """Return the fields of the inputs that the schema names."""
    schema = definition.get("input_schema") if is_object(definition) else None
    root = target_of(schema, schema) if is_object(schema) else None
    properties = root.get("properties") if is_object(root) else None
    if not (is_object(schema) and is_object(root) and is_object(properties)):
        return []
    required = root.get("required")
    names = required if is_array(required) else ()
    return [
        _field(str(name), part, schema, name in names, inputs)
        for name, part in properties.items()
        # An empty field would not be sent, and the names of fields are sent as they are.
        if (inputs or {}).get(name, "") is not None and context.redact(name) == name
    ]


def _field(name: str, part: Any, root: Mapping[str, Any], is_required: bool, inputs: JSONObject | None) -> ui.Field:
    schema = _schema_of(part, root)
    value = schema.get("default") if inputs is None else inputs.get(name)
    label, kind = f"{name} (required)" if is_required else name, schema.get("type")
    parts = [schema.get("title"), schema.get("description")]
    hint = ". ".join(text.rstrip(".") for text in parts if isinstance(text, str))
    in_json = f"JSON: {kind}" if isinstance(kind, str) else "JSON"
    choices = schema.get("enum", [True, False] if kind == "boolean" else None)
    field = ui.Field(f"{_PREFIX}{name}", label, "JSON", ". ".join(filter(None, [hint, in_json])), value)
    if is_array(choices) and (value is None or value in choices):
        words = {
            ui.json_text(choice): choice if isinstance(choice, str) else ui.json_text(choice) for choice in choices
        }
        return field._replace(hint=hint, options={"": "not set", **words})
    if kind == "string" and (value is None or isinstance(value, str)):
        return field._replace(kind="lines", hint=hint)
    if kind in ("integer", "number") and (value is None or TYPES["number"](value)):
        return field._replace(kind="number", hint=hint)
    return field


def _schema_of(part: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of one input, with what it refers to. For example, that of `str | None` is that of a text."""
    target = target_of(part, root) if is_object(part) else True
    if not (is_object(target) and is_object(part)):
        return {}
    schema: dict[str, Any] = {**target, **part}
    options, kinds = schema.get("anyOf"), schema.get("type")
    others = [option for option in options if option != _NULL] if is_array(options) else []
    if len(others) == 1 and is_object(others[0]):
        inner = target_of(others[0], root)
        schema = {**inner, **schema} if is_object(inner) else schema
    elif is_array(kinds) and len(one := [kind for kind in kinds if kind != "null"]) == 1:
        schema["type"] = one[0]
    return schema


def _sample(definition: Any) -> JSONObject:
    """Return the inputs that the templates of a definition name, without values."""
    has_nodes = is_object(definition) and is_array(definition.get("nodes"))
    return {use.reference.path[0]: "" for use in input_uses(definition) if use.reference.path} if has_nodes else {}

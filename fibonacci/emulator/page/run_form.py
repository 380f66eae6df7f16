"""The form that runs a workflow: a field for each input that its `input_schema` names, or all inputs as JSON.

A view shows it with `run_form`, and the action that receives it reads it with `inputs_of_form`:

    run_form(context, f"/ui/workflows/{workflow_id}/execute", definition)
    inputs = inputs_of_form(context, definition)

Both also take the inputs of a run, to run it again with changes. If something that was entered is wrong, the page with
the form is shown again, and each field says what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, Literal, NamedTuple

from fibonacci.definitions.checks.inputs import check_inputs, input_uses
from fibonacci.definitions.json_schema import TYPES, target_of
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.http.messages import Detail, HTTPException, invalid
from fibonacci.emulator.page.components import area, field, form, read_field, with_query
from fibonacci.emulator.page.context import ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, as_shown, h
from fibonacci.emulator.state.json_encoding import JSONObject

_JSON: Final = "inputs"
"""The field with inputs as JSON: all of them, or those that have no field."""

_FIELD: Final = "input."
"""How the name of the field of one input begins."""

_NULL: Final = {"type": "null"}
_MOST_FIELDS: Final = 40  # more are clearer as JSON
_MOST_CHOICES: Final = 100


class _InputField(NamedTuple):
    name: str
    kind: Literal["text", "number", "choice", "JSON"]
    is_required: bool
    schema: Mapping[str, Any]
    choices: Sequence[Any]

    @property
    def key(self) -> str:
        return f"{_FIELD}{self.name}"

    def holds(self, value: Any) -> bool:
        """Return whether the field can show a value so that the same value is read from it."""
        if self.kind == "choice":
            return _text_of(value) in map(_text_of, self.choices)
        return self.kind == "JSON" or TYPES["string" if self.kind == "text" else "number"](value)

    def written(self, value: Any) -> str:
        """Return the text of the field for a value, or the number of a choice."""
        if self.kind == "choice":
            return str([*map(_text_of, self.choices)].index(_text_of(value)))
        return value if self.kind == "text" else _text_of(value, 2 if self.kind == "JSON" else None)

    def read(self, text: str) -> Any:
        """Return the value that was entered.

        Raises:
            HTTPException: 422 if it isn't a value of this kind.
        """
        if self.kind == "text":
            return text
        if self.kind == "choice":
            if text in map(str, range(len(self.choices))):
                return self.choices[int(text)]
            raise self._fault(f"must be one of {', '.join(map(_text_of, self.choices))}")
        try:
            value = read_field(text, f"{_JSON}.{self.name}")
        except HTTPException:
            if self.kind == "JSON":
                raise
            value = None
        if self.kind == "number" and not TYPES["number"](value):
            raise self._fault(f"must be a number such as 60, not {text[:40]!r}")
        return value

    def _fault(self, reason: str) -> HTTPException:
        return invalid(Detail(f"{_JSON}.{self.name}", reason))


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
    every = _fields_of(context, definition, inputs)
    fields = [] if context.query.text("as") == "json" else every
    faults = _faults_by_field(context.faults, fields)
    controls = [
        _shown_field(context, number, entry, inputs, faults.get(entry.key)) for number, entry in enumerate(fields)
    ]
    rest = _sample(definition) if inputs is None else _others(inputs, fields)
    if not fields or (rest and inputs is not None):
        text = context.entered.get(_JSON, _text_of(rest, 2))
        control = area("inputs-to-run", text, 4, _JSON)
        controls.append(field("More inputs" if fields else "Inputs", control, "A JSON object", faults.get(_JSON)))
    other_way: Content = None
    if every:
        text, mode = ("Enter all inputs as JSON", "json") if fields else ("Enter each input in a field", None)
        other_way = h.p(h.a(text, href=with_query(context, **{"as": mode})), class_="note")
    # The API accepts what only the checks refuse, and somebody may want to see the run fail.
    anyway = h.button("Run anyway", name="check", value="off") if faults else None
    return form(
        context,
        action,
        controls,
        other_way,
        h.div(h.button(button, class_="primary"), anyway, class_="inline"),
        h.p("The run counts toward the run quota, but not toward any rate limit.", class_="note"),
        id="run-form",
    )


def inputs_of_form(context: ViewContext, definition: Any, inputs: JSONObject | None = None) -> JSONObject:
    """Return the inputs that were entered.

    Args:
        context: The request with the form.
        definition: The definition that the form was made from.
        inputs: The inputs that the form showed. What nobody changed is returned as it was, even if the page showed
            `***` for a secret in it.

    Raises:
        HTTPException: 422 that names each input that is missing, malformed or doesn't fit the schema.
    """
    entered = {name: text.replace("\r\n", "\n") for name, text in context.form.items()}
    known = inputs or {}
    values: JSONObject = {}
    faults: list[Detail] = []
    fields = [entry for entry in _fields_of(context, definition, inputs) if entry.key in entered]
    for entry in fields:
        text, original = entered[entry.key], known.get(entry.name)
        if entry.name in known and text == _as_entered(context, entry.written(original)):
            values[entry.name] = original
        elif text.strip():
            try:
                values[entry.name] = _restored(context, entry.read(text), original)
            except HTTPException as error:
                faults += error.details
    if _JSON in entered:
        rest = _others(known, fields)
        is_same = entered[_JSON] == _as_entered(context, _text_of(rest, 2))
        given = read_field(entered[_JSON] or "{}", _JSON)
        if not is_object(given):
            raise invalid(Detail(_JSON, 'must be a JSON object such as {"topic": "tides"}'))
        values |= rest if is_same else _restored(context, dict(given), rest)
    if not faults and entered.get("check") != "off":
        faults += [Detail(problem.location, problem.message) for problem in check_inputs(definition, values).errors]
    if faults:
        raise invalid(*faults)
    return values


def _as_entered(context: ViewContext, text: str) -> str:
    """Return what a browser sends for a text of a field that nobody has changed."""
    return as_shown(context.backend.redact(text))


def _restored(context: ViewContext, entered: Any, original: Any) -> Any:
    """Return a value that was entered, with the parts of the original one that were shown and not changed."""
    if _text_of(entered) == _text_of(context.backend.redact_json(original)):
        return original
    if is_object(entered) and is_object(original):
        return {name: _restored(context, part, original.get(name)) for name, part in entered.items()}
    if is_array(entered) and is_array(original):
        originals = [*original, *[None] * len(entered)]
        return [_restored(context, *pair) for pair in zip(entered, originals, strict=False)]
    return entered


def _others(inputs: JSONObject, fields: list[_InputField]) -> JSONObject:
    """Return the inputs that no field has."""
    names = {entry.name for entry in fields}
    return {name: value for name, value in inputs.items() if name not in names}


def _fields_of(context: ViewContext, definition: Any, inputs: JSONObject | None) -> list[_InputField]:
    """Return the fields of the inputs that the schema names, or none if it names none or too many."""
    schema = definition.get("input_schema") if is_object(definition) else None
    root = target_of(schema, schema) if is_object(schema) else None
    properties = root.get("properties") if is_object(root) else None
    if not (is_object(schema) and is_object(root) and is_object(properties)) or len(properties) > _MOST_FIELDS:
        return []
    if any(_as_entered(context, name) != name for name in properties):  # names of fields are sent as they are
        return []
    required = root.get("required")
    names = required if is_array(required) else ()
    return [_input_field(str(name), part, schema, name in names, inputs or {}) for name, part in properties.items()]


def _input_field(
    name: str, part: Any, root: Mapping[str, Any], is_required: bool, inputs: Mapping[str, Any]
) -> _InputField:
    schema = _schema_of(part, root)
    choices: Sequence[Any] = ()
    kind: Literal["text", "number", "choice", "JSON"] = "JSON"
    options = schema.get("enum", [True, False] if schema.get("type") == "boolean" else None)
    if is_array(options) and 0 < len(options) <= _MOST_CHOICES:
        kind, choices = "choice", options
    elif schema.get("type") == "string":
        kind = "text"
    elif schema.get("type") in ("integer", "number"):
        kind = "number"
    entry = _InputField(name, kind, is_required, schema, choices)
    return entry if name not in inputs or entry.holds(inputs[name]) else entry._replace(kind="JSON")


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


def _shown_field(
    context: ViewContext, number: int, entry: _InputField, inputs: JSONObject | None, fault: str | None
) -> HTMLElement:
    values = entry.schema if inputs is None else inputs
    source = "default" if inputs is None else entry.name
    is_given = source in values and entry.holds(values[source])
    text = context.entered.get(entry.key, entry.written(values[source]) if is_given else "")
    name = f"input-{number}"
    control: HTMLElement
    if entry.kind == "choice":
        texts = [choice if isinstance(choice, str) else _text_of(choice) for choice in entry.choices]
        options = [h.option(shown, value=place, selected=str(place) == text) for place, shown in enumerate(texts)]
        control = h.select(h.option("not set", value=""), options, id=name, name=entry.key)
    elif entry.kind == "number":
        control = h.input(type="text", id=name, name=entry.key, value=text, inputmode="decimal", autocomplete="off")
    else:
        control = area(name, text, 1 if entry.kind == "text" else 3, entry.key)
    label = f"{entry.name} (required)" if entry.is_required else entry.name
    return field(label, control, _hint(entry), fault)


def _hint(entry: _InputField) -> str | None:
    """Return what the schema says about an input."""
    texts = [entry.schema.get(key) for key in ("title", "description")]
    kinds = entry.schema.get("type")
    if entry.kind == "JSON":
        texts.append(f"JSON: {' or '.join(map(str, kinds if is_array(kinds) else [kinds]))}" if kinds else "JSON")
    parts = [text.strip().rstrip(".") for text in texts if isinstance(text, str) and text.strip() != entry.name]
    return ". ".join(parts) or None


def _faults_by_field(faults: Sequence[Detail], fields: list[_InputField]) -> dict[str, str]:
    """Return what is wrong with the inputs, by field. Anything else that is wrong is left out."""
    messages: dict[str, list[str]] = {}
    for fault in faults:
        place = f"{fault.field}."
        if not place.startswith((f"{_JSON}.", f"{_JSON}[")):
            continue
        inside = [entry for entry in fields if place.startswith((f"{_JSON}.{entry.name}.", f"{_JSON}.{entry.name}["))]
        nearest = max(inside, key=lambda entry: len(entry.name), default=None)
        own = _JSON if nearest is None else f"{_JSON}.{nearest.name}"
        text = fault.message if fault.field == own else f"{fault.field}: {fault.message}"
        messages.setdefault(_JSON if nearest is None else nearest.key, []).append(text)
    return {key: "; ".join(texts) for key, texts in messages.items()}


def _sample(definition: Any) -> JSONObject:
    """Return the inputs that the templates of a definition name, without values."""
    sample: dict[str, Any] = {}
    for use in input_uses(definition) if is_object(definition) and is_array(definition.get("nodes")) else ():
        path = list(takewhile(lambda name: not name.isdigit(), use.reference.path))
        part = sample
        for name in path[:-1]:
            if not is_object(part.get(name)):
                part[name] = {}
            part = part[name]
        if path:
            part.setdefault(path[-1], "")
    return sample


def _text_of(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)

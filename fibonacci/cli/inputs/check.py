"""Whether a definition can use the inputs of a run, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fibonacci._suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.inputs.needs import InputUse, input_uses
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.schema_keywords import schema_faults
from fibonacci.definitions.templates import TemplateError, follow, strings

# Keywords of a schema beside `properties` that may allow further properties.
_OPEN: Final = ("$ref", "allOf", "anyOf", "dependentSchemas", "if", "oneOf", "patternProperties")


def check_inputs(definition: object, inputs: Mapping[str, Any], warn: Callable[[str], object]) -> None:
    """Check the inputs of a run against the definition of its workflow.

    Args:
        definition: The definition as the platform has it; one that cannot be read is not checked.
        inputs: The inputs.
        warn: Called with a text for each input that is missing where it may not be needed.

    Raises:
        UsageError: If one is missing or unknown, or does not fit `input_schema`.
    """
    if not is_object(definition) or not isinstance(definition.get("nodes"), list):
        return
    schema = definition.get("input_schema")
    uses = input_uses(definition)
    faults = _missing(uses, inputs, schema, warn)
    faults += _unknown(uses, inputs, schema)
    if not faults and is_object(schema):
        faults += _misfits(schema, inputs)
    if faults:
        raise UsageError("; ".join(faults))


def _missing(
    uses: list[InputUse], inputs: Mapping[str, Any], schema: object, warn: Callable[[str], object]
) -> list[str]:
    places: dict[str, list[InputUse]] = {}
    for use in uses:
        try:
            follow(inputs, use.reference, use.reference.path)
        except TemplateError:
            places.setdefault(".".join(use.reference.path), []).append(use)
    faults: list[str] = []
    for name, missing in places.items():
        where = ", ".join(dict.fromkeys(use.place for use in missing))
        if any(use.is_certain for use in missing) and not _is_optional(name, schema):
            faults.append(f"the input {name!r} is missing, for {where}")
        else:
            warn(f"the input {name!r} is not given; it may be needed for {where}")
    return faults


def _is_optional(name: str, schema: object) -> bool:
    """Whether the schema of the inputs declares an input without requiring it."""
    if not is_object(schema):
        return False
    first, properties, required = name.split(".")[0], schema.get("properties"), schema.get("required")
    return is_object(properties) and first in properties and not (isinstance(required, list) and first in required)


def _unknown(uses: list[InputUse], inputs: Mapping[str, Any], schema: object) -> list[str]:
    """Return a text for each input that nothing uses, where the definition names all that are used."""
    if any(not use.reference.path for use in uses):
        return []  # {{input}} uses all of them
    known = {use.reference.path[0]: None for use in uses}
    if is_object(schema):
        properties = schema.get("properties")
        if schema.get("additionalProperties", False) is not False or any(key in schema for key in _OPEN):
            return []
        known |= dict.fromkeys(properties) if is_object(properties) else {}
    return [f"there is no input {name!r}{_remedy(name, known)}" for name in inputs if name not in known]


def _remedy(name: str, known: Mapping[str, None]) -> str:
    return did_you_mean(name, known) or (f": there are {', '.join(known)}" if known else ": the workflow has none")


def _misfits(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    """Return why the inputs do not fit their schema; one that is not wholly understood is left to the platform."""
    if next(schema_faults(schema), None) is not None or not _is_whole(schema):
        return []
    fault = first_fault(schema, inputs, "inputs")
    if fault is None:
        return []
    name = fault.partition(":")[0].removeprefix("inputs").strip(".").split(".")[0]
    is_text = isinstance(inputs.get(name), str) and "is not of the type" in fault
    return [f"{fault}; --input {name}:=JSON has a type, {name}=TEXT is a text" if is_text else fault]


def _is_whole(schema: Mapping[str, Any]) -> bool:
    """Whether a schema refers to its own parts alone."""
    return all(text.startswith("#") for place, text in strings(schema) if place.endswith(".$ref"))

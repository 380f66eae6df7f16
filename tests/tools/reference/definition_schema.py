"""The JSON Schema of definition files, derived from the models: what editors underline, complete and explain."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fibonacci.definitions.files.writing import FIRST_KEYS, LAST_KEYS
from fibonacci.definitions.node_kinds import NODE_KEYS, OLDER_KEYS, NodeType
from fibonacci.definitions.nodes import (
    NODE_MODELS,
    Condition,
    DefinitionModel,
    OpenNode,
    RetryPolicy,
    WorkflowDefinition,
)
from tests.tools.releases.project import ROOT

SCHEMA: Final = ROOT / "fibonacci" / "definitions" / "definition.schema.json"
"""The derived file, which is in the wheel, and at its address on the site."""

ADDRESS: Final = "https://docs.fibonacci.today/definition.schema.json"

_BESIDE_THE_MODEL: Final[Mapping[str, Any]] = {
    "$schema": {
        "type": "string",
        "description": "The address of this JSON Schema, for editors. It is never sent to the platform.",
    },
    "categories": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The categories of the workflow, by which an organization decides which runs need an approval.",
    },
}
"""The keys of a file that are no fields of `WorkflowDefinition`."""
_INSIDE: Final = (Condition, RetryPolicy)


def definition_schema() -> str:
    """Return the text of the JSON Schema."""
    top = _object(WorkflowDefinition)
    properties = {**_BESIDE_THE_MODEL, **top["properties"]}
    properties["nodes"] |= {"minItems": 1, "items": {"$ref": "#/definitions/Node"}}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ADDRESS,
        "title": "Fibonacci workflow definition",
        **top,
        "properties": _ordered(properties, FIRST_KEYS, LAST_KEYS),
        "definitions": {
            "Node": _node(),
            **{model.__name__: _of_type(node_type, model) for node_type, model in NODE_MODELS.items()},
            **{model.__name__: _object(model) for model in _INSIDE},
        },
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _node() -> dict[str, Any]:
    """Return the schema of a node: what all have in common, and by its type the rest; a type may be unknown."""
    common = _object(OpenNode)
    del common["additionalProperties"]
    text = f"What the node does: `{'`, `'.join(NODE_MODELS)}`, or a type that this version of the SDK does not know."
    common["properties"]["type"]["description"] = text
    types = [{"const": node_type, "description": _summary(model)} for node_type, model in NODE_MODELS.items()]
    common["properties"]["type"]["anyOf"] = [*types, {"type": "string"}]
    by_type = [
        {
            "if": {"properties": {"type": {"const": node_type}}, "required": ["type"]},
            "then": {"$ref": f"#/definitions/{model.__name__}"},
        }
        for node_type, model in NODE_MODELS.items()
    ]
    return {**common, "description": "A node: one step of the workflow.", "allOf": by_type}


def _of_type(node_type: NodeType, model: type[DefinitionModel]) -> dict[str, Any]:
    """Return the schema of the nodes of a type: its keys in both spellings, without what all nodes have in common."""
    schema = _object(model)
    properties: dict[str, Any] = schema["properties"]
    required = [key for key in schema.pop("required") if key not in OpenNode.model_fields]
    choices: list[dict[str, Any]] = []
    for newer, older in OLDER_KEYS[node_type].items():
        properties[older] = {**properties[newer], "description": f"The older spelling of `{newer}`."}
        if newer in required:
            required.remove(newer)
            choices += [{"anyOf": [{"required": [newer]}, {"required": [older]}]}]
    properties |= dict.fromkeys(OpenNode.model_fields, True)
    schema["properties"] = _ordered(properties, NODE_KEYS, ())
    return schema | ({"required": required} if required else {}) | ({"allOf": choices} if choices else {})


def _object(model: type[DefinitionModel]) -> dict[str, Any]:
    """Return the schema of a model's own keys, each with the docstring of its field."""
    derived = model.model_json_schema(ref_template="#/definitions/{model}")
    texts = _docstrings(model)
    properties = {
        name: _simplified(schema) | {"description": texts[name]} for name, schema in derived["properties"].items()
    }
    required = {"required": derived["required"]} if "required" in derived else {}
    return {
        "description": _summary(model),
        "type": "object",
        "properties": properties,
        **required,
        "additionalProperties": False,
    }


def _simplified(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without titles and defaults of null, and with the types of a union in one list."""
    schema = {key: value for key, value in schema.items() if key != "title" and (key, value) != ("default", None)}
    options: list[dict[str, Any]] = schema.get("anyOf", [])
    if all(isinstance(option.get("type"), str) for option in options) and sum(len(each) > 1 for each in options) < 2:
        types = [option["type"] for option in options]
        merged = {key: value for option in schema.pop("anyOf", []) for key, value in option.items()}
        if types:
            merged["type"] = [each for each in types if not (each == "integer" and "number" in types)]
        if "enum" in merged:
            merged["enum"] = [*merged["enum"], None]
        schema = merged | schema if types else schema
    if schema.get("additionalProperties") is True:
        del schema["additionalProperties"]
    return schema


def _ordered(properties: Mapping[str, Any], first: tuple[str, ...], last: tuple[str, ...]) -> dict[str, Any]:
    """Return properties in the order in which people read them."""
    head = [key for key in first if key in properties]
    tail = [key for key in last if key in properties]
    middle = [key for key in properties if key not in (*head, *tail)]
    return {key: properties[key] for key in (*head, *middle, *tail)}


def _summary(model: type[DefinitionModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]


def _docstrings(model: type[DefinitionModel]) -> dict[str, str]:
    """Return the docstrings of the fields of a model, those of its parents among them."""
    parents = [parent for parent in reversed(model.__mro__) if issubclass(parent, DefinitionModel)]
    return {name: text for parent in parents for name, text in _own_docstrings(parent)}


def _own_docstrings(model: type[DefinitionModel]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(Path(inspect.getfile(model)).read_text("utf-8"))
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef) and owner.name == model.__name__:
            for field, text in zip(owner.body, owner.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    words = " ".join(str(ast.literal_eval(text.value)).split())
                    yield ast.unparse(field.target), re.sub(r"\bNone\b", "null", words)

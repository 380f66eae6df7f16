"""Turns the arguments of the builder's methods into JSON, with errors that name the argument."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from pydantic import BaseModel, ValidationError

from fibonacci._remedies import json_remedy
from fibonacci._texts.suggestions import nearest
from fibonacci.definitions.authoring.handles import NodeHandle, Template, belongs_to, is_model, json_schema
from fibonacci.definitions.graph import NODE_LISTS, TEMPLATED_KEYS
from fibonacci.definitions.node_kinds import NODE_KINDS, NodeType, known_type
from fibonacci.definitions.nodes import NODE_MODELS, OpenNode, WorkflowDefinition
from fibonacci.definitions.operators import UNARY
from fibonacci.definitions.problems import MAX_DEPTH
from fibonacci.definitions.spellings import split_retry

# The address differs in each process, so the definition would too.
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9A-Fa-f]+>")
_KEYS: Final = {
    "after": "dependencies",
    "left": "left_value",
    "otherwise": "false_branch",
    "right": "right_value",
    "target": "target_node",
    "then": "true_branch",
    "tool_name": "tool",
}
_ARGUMENTS: Final = {key: argument for argument, key in _KEYS.items()} | {
    "condition.operator": "condition[1]",
    "max_retries": "retries",
    "retry.backoff": "retry_backoff",
    "default_retry.max_attempts": "retries",
    "default_retry.delay": "retry_delay",
    "default_retry.backoff": "retry_backoff",
}
_REQUIRED: Final = ("id", "instruction", "left", "operator", "target", "tool_name")


class ArgumentReader:
    """Reads the arguments of one builder, and refuses handles from another.

    Args:
        builder: The builder.
    """

    def __init__(self, builder: object) -> None:
        self._builder = builder

    def text(self, value: object, argument: str) -> str:
        """Return a text, which may contain or be a template.

        Raises:
            TypeError: If it is neither a text nor a template.
            ValueError: If it contains the default text of an object, such as `<object at 0x...>`, or a handle from
                another builder.
        """
        if isinstance(value, Template):
            return self._template(value, argument)
        if not isinstance(value, str):
            raise TypeError(f"{argument} must be a str, not {_kind(value)}")
        if match := _ADDRESS.search(value):
            raise ValueError(
                f"{argument} contains {match[0]!r}, which is not a template. Insert a node or one of the inputs"
            )
        return str.__str__(value)

    def plain(self, value: object, argument: str, depth: int = 0) -> Any:
        """Return a value as plain JSON, with templates in place of handles.

        Raises:
            TypeError: If something in it has no JSON form.
            ValueError: If it contains NaN, an infinity, itself, or a handle from another builder.
        """
        if depth > MAX_DEPTH:
            raise ValueError(f"{argument[:80]}... is nested too deeply or contains itself. Pass plain, finite data")
        if isinstance(value, str | Template):
            return self.text(value, argument)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{argument} is {value}, which JSON cannot represent. Use None or a finite number")
        if isinstance(value, int | float | None):
            return value
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return {self._key(key, argument): self.plain(item, f"{argument}.{key}", depth + 1) for key, item in items}
        if isinstance(value, list | tuple):
            elements = cast("Sequence[object]", value)
            return [self.plain(item, f"{argument}[{index}]", depth + 1) for index, item in enumerate(elements)]
        raise TypeError(f"{argument} is {_kind(value)}, which has no JSON form: {_remedy(value)}")

    def node(self, value: object, argument: str) -> str:
        """Return the ID of a node of this builder.

        Raises:
            TypeError: If the value isn't a node.
            ValueError: If it is a node of another builder.
        """
        if isinstance(value, Template):
            self._template(value, argument)
        if isinstance(value, NodeHandle):
            return value.id
        remedy = "pass what flow.llm(...), flow.tool(...), flow.when(...) or flow.critic(...) returned"
        shown = f"the string {value!r}" if isinstance(value, str) else _kind(value)
        raise TypeError(f"{argument} must be a node, not {shown}: {remedy}")

    def nodes(self, value: object, argument: str) -> list[str]:
        """Return the IDs of a list of nodes.

        Raises:
            TypeError: If the value is not a list of nodes.
            ValueError: If a node belongs to another builder.
        """
        if not isinstance(value, list | tuple):
            shown = f"the node {value.id!r}" if isinstance(value, NodeHandle) else _kind(value)
            raise TypeError(f"{argument} must be a list of nodes, not {shown}. Write {argument}=[node]")
        items = cast("Sequence[object]", value)
        return list(dict.fromkeys(self.node(item, f"{argument}[{index}]") for index, item in enumerate(items)))

    def schema(self, value: object, argument: str) -> dict[str, Any]:
        """Return the JSON Schema of a model, or the one given as a mapping.

        Raises:
            TypeError: If the value is neither.
            ValueError: If the model has no JSON Schema.
        """
        if is_model(value):
            return json_schema(value)
        if isinstance(value, Mapping):
            schema: dict[str, Any] = self.plain(cast("Mapping[str, Any]", value), argument)
            return schema
        raise TypeError(f"{argument} must be a Pydantic model (the class) or a JSON Schema, not {_kind(value)}")

    def _key(self, key: object, argument: str) -> str:
        if isinstance(key, Template):
            raise TypeError(f"{argument} has the key {key}. Only values can be templates, keys cannot")
        if not isinstance(key, str):
            raise TypeError(f"{argument} has the key {key!r}. Keys in JSON are strings")
        return str.__str__(key)

    def _template(self, value: Template, argument: str) -> str:
        if not belongs_to(value, self._builder):
            raise ValueError(f"{argument} is {value} of another WorkflowBuilder. Use nodes of this one")
        return str(value)


Reader = Callable[[ArgumentReader, object, str], Any]
_READERS: Final[Mapping[str, Reader]] = {
    **dict.fromkeys(("id", "instruction", "model", "name", "system_prompt", "tool_name"), ArgumentReader.text),
    **dict.fromkeys(("description", "improvement_prompt", "output_format"), ArgumentReader.text),
    **dict.fromkeys(("fallback", "on_error", "target"), ArgumentReader.node),
    **dict.fromkeys(("after", "otherwise", "then"), ArgumentReader.nodes),
    "output_schema": ArgumentReader.schema,
}


def given_arguments(names: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that are required or not None from a method's initial `locals()`."""
    return {name: value for name, value in names.items() if name in _REQUIRED or (value is not None and name != "self")}


def node_fields(node_type: NodeType, arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return a node in JSON.

    Args:
        node_type: The type of the node, such as `llm`.
        arguments: The arguments that were given, by name.
        read: Reads the arguments.

    Returns:
        The node, checked by its model.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has a value that the node can't have.
    """
    if node_type == "conditional":
        _check_comparison(arguments["operator"], arguments.get("right"), "right")
    fields = _json_fields(arguments, read)
    node = {"id": fields.pop("id"), "type": node_type, **fields}
    if retry := _retry(arguments):
        newer, rest = split_retry(retry)
        node |= newer | ({"retry": rest} if rest else {}) if newer["max_retries"] else {"enable_retry": False}
    if "condition" in arguments:
        node["condition"] = _condition(arguments["condition"], read)
    if both := [target for target in node.get("true_branch", ()) if target in node.get("false_branch", ())]:
        raise ValueError(f"then and otherwise: {both[0]!r} is in both, but a node can be in only one of them")
    try:
        NODE_MODELS[node_type].model_validate(node)
    except ValidationError as error:
        _refuse(error)
    return node


def open_node_fields(
    node_type: object, arguments: Mapping[str, object], fields: Mapping[str, object], read: ArgumentReader
) -> dict[str, Any]:
    """Return a node of an unknown type in JSON.

    Args:
        node_type: The type of the node.
        arguments: The arguments that all methods have, by name.
        fields: The fields of the type, by their names in JSON.
        read: Reads the arguments.

    Returns:
        The node.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has a wrong value, or the type is known or resembles a known one.
    """
    kind = read.text(_allowed(node_type, "type"), "type")
    if near := known_type(nearest(kind.lower(), NODE_KINDS)):
        problem = "has its own method" if kind == near else "is not a type of node"
        raise ValueError(f"type {kind!r} {problem}: use flow.{NODE_KINDS[near].method}(...)")
    if "dependencies" in fields:
        raise ValueError("dependencies: pass the nodes as after=[node]")
    common = _json_fields(arguments, read)
    node = {"id": common.pop("id"), "type": kind, **common}
    node |= {name: read.plain(value, name) for name, value in fields.items()}
    try:
        OpenNode.model_validate(node)
    except ValidationError as error:
        _refuse(error)
    return node


def workflow_fields(arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return the fields of a workflow in JSON, without its nodes and outputs, checked like those of a node."""
    fields = _json_fields(arguments, read)
    if retry := _retry(arguments):
        fields["default_retry"] = retry
    try:
        WorkflowDefinition.model_validate({**fields, "nodes": []})
    except ValidationError as error:
        _refuse(error)
    return fields


def _json_fields(arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return the arguments as JSON under a definition's keys, without `condition` and those for retries."""
    special = {"condition", "retries", "retry_backoff", "retry_delay"}
    fields: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in special:
            reader = _READERS.get(name, ArgumentReader.plain)
            fields[_KEYS.get(name, name)] = reader(read, _allowed(value, name), name)
    return {key: value for key, value in fields.items() if value or key not in NODE_LISTS}


def _allowed(value: object, argument: str) -> object:
    """Return the value of an argument, but refuse a template where templates aren't rendered.

    Raises:
        TypeError: If it is such a template.
    """
    takes_nodes = _READERS.get(argument) in (ArgumentReader.node, ArgumentReader.nodes)
    if isinstance(value, Template) and not takes_nodes and _KEYS.get(argument, argument) not in TEMPLATED_KEYS:
        raise TypeError(f"{argument} cannot be {value}, because it is the same in every run. Pass plain data")
    return value


def _retry(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return the arguments for retries as a retry in the older spelling, which `default_retry` uses too.

    Raises:
        TypeError: If the number of retries isn't a whole number.
        ValueError: If it is negative, or missing although the delay or the backoff is given.
    """
    names = {"retry_delay": "delay", "retry_backoff": "backoff"}
    said = {key: arguments[name] for name, key in names.items() if name in arguments}
    retries = arguments.get("retries")
    if retries is None and said:
        raise ValueError(f"{' and '.join(names.keys() & arguments)} without retries: pass the number of retries")
    if retries is None:
        return {}
    if not isinstance(retries, int) or isinstance(retries, bool):
        raise TypeError(f"retries must be a whole number, not {retries!r}")
    if retries < 0:
        raise ValueError(f"retries must be 0 or more, not {retries}")
    return {"max_attempts": retries + 1, **said}


def _refuse(error: ValidationError) -> NoReturn:
    """Raise the first problem that a model found, in terms of the argument.

    Raises:
        TypeError: If the value has the wrong type.
        ValueError: If the value is wrong.
    """
    fault = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in fault["loc"])
    argument = _ARGUMENTS.get(path, path)
    value = fault["input"]
    if fault["type"] == "string_pattern_mismatch":
        raise ValueError(f"{argument} {value!r} is not an id. Use lowercase letters, digits, '_' and '-'") from None
    kind = TypeError if fault["type"].endswith("_type") else ValueError
    reason = re.sub("^(Input|String|List|Dictionary)", "it", fault["msg"])
    raise kind(f"{argument}={value!r}: {reason}") from None


def _check_comparison(operator: object, right: object, argument: str) -> None:
    """Check that a comparison has a right operand if and only if its operator uses one.

    Raises:
        ValueError: If the right operand is missing, or would be ignored.
    """
    if operator in UNARY and right is not None:
        raise ValueError(f"{argument}: the operator {operator!r} has no right operand. Leave it out")
    if operator not in UNARY and right is None:
        raise ValueError(f"{argument}: the operator {operator!r} needs a right operand. 'is_empty' needs none")


def _condition(value: object, read: ArgumentReader) -> dict[str, Any]:
    if not isinstance(value, tuple | list) or len(parts := cast("Sequence[object]", value)) not in (2, 3):
        raise TypeError(f"condition must be (left, operator, right) or (left, operator), not {value!r}")
    left, operator, right = (*parts, None)[:3]
    _check_comparison(operator, right, "condition")
    condition = {"field": read.plain(left, "condition[0]"), "operator": read.text(operator, "condition[1]")}
    return condition if right is None else condition | {"value": read.plain(right, "condition[2]")}


def _kind(value: object) -> str:
    if value is None or isinstance(value, Template):
        return str(value)
    return f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"


def _remedy(value: object) -> str:
    if isinstance(value, BaseModel):
        return "use .model_dump(mode='json'), or flow.inputs(...) for what differs in each run"
    return json_remedy(value)

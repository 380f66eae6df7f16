"""From the arguments of the builder's methods to the fields of a node in JSON, and back in the messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from pydantic import ValidationError

from fibonacci._suggestions import nearest
from fibonacci.definitions.authoring.arguments import ArgumentReader
from fibonacci.definitions.model.nodes import NODE_MODELS, OpenNode
from fibonacci.definitions.model.workflow import WorkflowDefinition

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
_METHODS: Final = {"llm": "llm", "tool": "tool", "critic": "critic", "conditional": "when"}
"""The method of the builder for each type of node."""

_UNARY: Final = ("is_empty", "is_not_empty")

Reader = Callable[[ArgumentReader, object, str], Any]
_READERS: Final[Mapping[str, Reader]] = {
    **dict.fromkeys(("id", "instruction", "model", "name", "system_prompt", "tool_name"), ArgumentReader.text),
    **dict.fromkeys(("description", "improvement_prompt", "output_format"), ArgumentReader.text),
    **dict.fromkeys(("fallback", "on_error", "target"), ArgumentReader.node),
    **dict.fromkeys(("after", "otherwise", "then"), ArgumentReader.nodes),
    "output_schema": ArgumentReader.schema,
}


def drop_none(**arguments: object) -> dict[str, object]:
    """Return the arguments that are not None, by name."""
    return {name: value for name, value in arguments.items() if value is not None}


def node_fields(node_type: str, arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return a node in JSON.

    Args:
        node_type: The type of the node, such as `llm`.
        arguments: The arguments that were given, by name.
        read: Reads the arguments.

    Returns:
        The node, checked by its model.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If an argument has a value that the node cannot have.
    """
    fields = _json_fields(arguments, read)
    node = {"id": fields.pop("id"), "type": node_type, **fields}
    if retry := _retry_fields(arguments):
        node |= _node_retry(retry)
    if "condition" in arguments:
        node["condition"] = _condition(arguments["condition"], read)
    if both := [each for each in node.get("true_branch", ()) if each in node.get("false_branch", ())]:
        raise ValueError(f"then and otherwise: {both[0]!r} is in both, and a node can be in one of them only")
    try:
        NODE_MODELS[node_type].model_validate(node)
    except ValidationError as error:
        _refuse(error)
    return node


def open_node_fields(
    node_type: object, arguments: Mapping[str, object], fields: Mapping[str, object], read: ArgumentReader
) -> dict[str, Any]:
    """Return a node of a type that is not known, in JSON.

    Args:
        node_type: The type of the node.
        arguments: The arguments that every method has, by name.
        fields: The fields of the type, by their names in JSON.
        read: Reads the arguments.

    Returns:
        The node.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If an argument has a wrong value, or the type is known or resembles a known one.
    """
    kind = read.text(node_type, "type")
    method = _METHODS.get(nearest(kind.lower(), _METHODS) or "")
    if method is not None:
        problem = "has its own method" if kind in _METHODS else "is not a type of node"
        raise ValueError(f"type {kind!r} {problem}: use flow.{method}(...)")
    if "dependencies" in fields:
        raise ValueError("dependencies: give the nodes as after=[node]")
    common = _json_fields(arguments, read)
    node = {"id": common.pop("id"), "type": kind, **common}
    node |= {name: read.plain(value, name) for name, value in fields.items()}
    try:
        OpenNode.model_validate(node)
    except ValidationError as error:
        _refuse(error)
    return node


def workflow_fields(arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return the fields of a workflow beside its nodes and outputs, in JSON, checked like those of a node."""
    fields = _json_fields(arguments, read)
    if retry := _retry_fields(arguments):
        fields["default_retry"] = {"max_attempts": retry.pop("retries") + 1, **retry}
    try:
        WorkflowDefinition.model_validate({**fields, "nodes": []})
    except ValidationError as error:
        _refuse(error)
    return fields


def _json_fields(arguments: Mapping[str, object], read: ArgumentReader) -> dict[str, Any]:
    """Return the arguments as JSON, under the keys of a definition; those for retries and `condition` are left out."""
    special = {"condition", "retries", "retry_backoff", "retry_delay"}
    return {
        _KEYS.get(name, name): _READERS.get(name, ArgumentReader.plain)(read, value, name)
        for name, value in arguments.items()
        if name not in special
    }


def _retry_fields(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return the arguments for retries as the object `default_retry`, with the number of retries as `retries`.

    Raises:
        TypeError: If the number of retries is no whole number.
        ValueError: If it is negative, or not given though the delay or the backoff is.
    """
    names = {"retries": "retries", "retry_delay": "delay", "retry_backoff": "backoff"}
    said = {key: arguments[name] for name, key in names.items() if name in arguments}
    if not said:
        return {}
    retries = said.get("retries")
    if retries is None:
        raise ValueError(f"{' and '.join(names.keys() & arguments)} without retries: give the number of retries")
    if not isinstance(retries, int) or isinstance(retries, bool):
        raise TypeError(f"retries must be a whole number, not {retries!r}")
    if retries < 0:
        raise ValueError(f"retries must be 0 or more, not {retries}")
    return said


def _refuse(error: ValidationError) -> NoReturn:
    """Raise the first fault that a model has found, in terms of the argument.

    Raises:
        TypeError: If the value has the wrong type.
        ValueError: If the value is a wrong one.
    """
    fault = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in fault["loc"])
    argument = _ARGUMENTS.get(path, path)
    value = fault["input"]
    if fault["type"] == "string_pattern_mismatch":
        raise ValueError(f"{argument} {value!r} is no id: use lower-case letters, digits, '_' and '-'") from None
    kind = TypeError if fault["type"].endswith("_type") else ValueError
    reason = re.sub("^(Input|String|List|Dictionary)", "it", fault["msg"])
    raise kind(f"{argument}={value!r}: {reason}") from None


def check_comparison(operator: object, right: object, argument: str) -> None:
    """Check that a comparison has a right operand exactly where its operator uses one.

    Raises:
        ValueError: If the right operand is missing, or would be ignored.
    """
    if operator in _UNARY and right is not None:
        raise ValueError(f"{argument}: the operator {operator!r} has no right operand; leave it out")
    if operator not in _UNARY and right is None:
        raise ValueError(f"{argument}: the operator {operator!r} needs a right operand; 'is_empty' needs none")


def _node_retry(retry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a node for its retries; the newer spelling has none for the backoff."""
    if retry["retries"] == 0:
        return {"enable_retry": False}
    fields = {"enable_retry": True, "max_retries": retry["retries"]}
    if "delay" in retry:
        fields["retry_delay"] = retry["delay"]
    if "backoff" in retry:
        fields["retry"] = {"backoff": retry["backoff"]}
    return fields


def _condition(value: object, read: ArgumentReader) -> dict[str, Any]:
    if not isinstance(value, tuple | list) or len(parts := cast("Sequence[object]", value)) not in (2, 3):
        raise TypeError(f"condition must be (left, operator, right) or (left, operator), not {value!r}")
    left, operator, right = (*parts, None)[:3]
    check_comparison(operator, right, "condition")
    condition = {"field": read.plain(left, "condition[0]"), "operator": read.text(operator, "condition[1]")}
    return condition if right is None else condition | {"value": read.plain(right, "condition[2]")}

"""The mutants of executing a workflow: each takes a part of a definition, of the inputs or of a limit for another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.contract.document import JSON, Operation, load_document
from tests.tools.mutants import kinds, run_kinds
from tests.tools.mutants.mutant import OWNER, Mutant, mutant

_OPPOSITES: Final = {
    "equals": "not_equals",
    "contains": "not_contains",
    "greater_than": "less_than",
    "starts_with": "ends_with",
    "is_empty": "is_not_empty",
}
_GOVERNANCE: Final = "/organizations/default/governance"
_QUOTA: Final = "/organizations/default/quota"
_NUMERIC: Final = ("greater_than", "less_than")
_EQUALITY: Final = ("equals", "not_equals")


def of_execution(operation: Operation) -> Iterator[Mutant]:
    """Return the mutants of executing a workflow."""
    names = load_document()["components"]["schemas"]["Operator"]["enum"]
    opposites = {**_OPPOSITES, **{other: one for one, other in _OPPOSITES.items()}}
    changes = {f"operator {name}": _with_operator(name, opposites[name]) for name in names} | {**_DEFINITIONS}
    for part, change in changes.items():
        yield mutant(operation, run_kinds.run_another(change), "run_another", part)
    for part, taking in _INPUTS.items():
        yield mutant(operation, run_kinds.run_with(taking), "run_with", part)
    settings = load_document()["components"]["schemas"]["GovernanceSettings"]["properties"]
    flags = {name: False for name in settings if name.startswith("require_approval")}
    yield mutant(operation, run_kinds.run_unapproved(_GOVERNANCE, flags, _has_tool), "run_unapproved")
    dotted = run_kinds.run_unapproved(_GOVERNANCE, flags, _has_dotted_tool)
    yield mutant(operation, dotted, "run_unapproved", "dotted tools")
    for name in ("workflow_runs_per_hour", "concurrent_executions"):
        yield mutant(operation, run_kinds.run_over_quota(_QUOTA, name), "run_over_quota", name)
    yield mutant(operation, kinds.ignore_role(OWNER), "ignore_role")
    yield mutant(operation, run_kinds.refuse_empty_body(), "refuse_empty_body")


# -- definitions


def _of_nodes(change: Callable[[JSON], JSON]) -> Callable[[JSON], JSON]:
    return lambda definition: {**definition, "nodes": [change(node) for node in definition["nodes"]]}


def _with_operator(name: str, other: str) -> Callable[[JSON], JSON]:
    return _of_nodes(lambda node: {**node, "operator": other} if node.get("operator") == name else node)


def _swapped(node: JSON) -> JSON:
    branches = {"true_branch": "false_branch", "false_branch": "true_branch"}
    return {branches.get(name, name): value for name, value in node.items()}


def _without_template(node: JSON) -> JSON:
    return {name: "no" if "{{" in str(value) else value for name, value in node.items()}


def _of_texts(change: Callable[[str], str]) -> Callable[[JSON], JSON]:
    """Return a change of the two values of nodes that test for equality."""

    def changed(node: JSON) -> JSON:
        if node.get("operator") not in _EQUALITY:
            return node
        values = {name: node[name] for name in ("left_value", "right_value") if isinstance(node.get(name), str)}
        return {**node, **{name: change(text) for name, text in values.items() if "{{" not in text}}

    return _of_nodes(changed)


def _numbers_as_texts(node: JSON) -> JSON:
    """Keep equal numbers that are written differently from being equal."""
    left, right = node.get("left_value"), node.get("right_value")
    is_other = node.get("operator") in _EQUALITY and _is_number(right) and left != right
    return {**node, "right_value": f"{right} as a text"} if is_other else node


def _in_order_of_texts(node: JSON) -> JSON:
    left, right = node.get("left_value"), node.get("right_value")
    if node.get("operator") not in _NUMERIC or not (_is_number(left) and _is_number(right)):
        return node
    agrees = (str(left) < str(right)) == (float(str(left)) < float(str(right)))
    return node if agrees else {**node, "left_value": right, "right_value": left}


def _is_number(value: object) -> bool:
    return re.fullmatch(r"-?[0-9]+([.][0-9]+)?", str(value)) is not None


def _without(*names: str) -> Callable[[JSON], JSON]:
    return lambda definition: {name: value for name, value in definition.items() if name not in names}


def _without_outputs_with(pattern: str) -> Callable[[JSON], JSON]:
    """Return a change that empties the outputs with some template."""

    def changed(definition: JSON) -> JSON:
        outputs: Mapping[str, str] = definition.get("outputs", {})
        emptied: JSON = {name: re.sub(pattern, "", text) for name, text in outputs.items()}
        return {**definition, "outputs": emptied} if "outputs" in definition else definition

    return changed


_DEFINITIONS: Final[Mapping[str, Callable[[JSON], JSON]]] = {
    "branches": _of_nodes(_swapped),
    "templates": _of_nodes(_without_template),
    "equality in any case": _of_texts(str.lower),
    "equality without blanks": _of_texts(str.strip),
    "equality of a part": _with_operator("equals", "starts_with"),
    "numbers as texts": _of_nodes(_numbers_as_texts),
    "numbers in the order of texts": _of_nodes(_in_order_of_texts),
    **{name: _without(name) for name in ("outputs", "input_schema", "output_schema", "allow_partial_results")},
    "partial results always": lambda definition: {**definition, "allow_partial_results": True},
    "dependencies": _of_nodes(_without("dependencies")),
    "nested inputs": _without_outputs_with(r"\{\{input\.\w+\.[a-z]\w*\}\}"),
    "list indexes": _without_outputs_with(r"\{\{input[\w.]*\.[0-9]+\}\}"),
    "memory": _without_outputs_with(r"\{\{memory\.[^}]*\}\}"),
}
"""What a server takes a definition for."""


# -- inputs


def _if_compared_as_numbers(definition: JSON, value: Any) -> Any:
    compares = any(node.get("operator") in _NUMERIC for node in definition["nodes"])
    return 0 if compares and isinstance(value, str) and not _is_number(value) else value


_INPUTS: Final[Mapping[str, Callable[[JSON, Any], Any]]] = {
    "booleans as numbers": lambda _, value: int(value) if isinstance(value, bool) else value,
    "booleans as Python writes them": lambda _, value: str(value) if isinstance(value, bool) else value,
    "what is no number as 0": _if_compared_as_numbers,
}
"""What a server takes an input for, by the definition and the input."""


def _has_tool(definition: JSON) -> bool:
    return any("tool" in node for node in definition.get("nodes", []))


def _has_dotted_tool(definition: JSON) -> bool:
    return any("." in node.get("tool", "") for node in definition.get("nodes", []))

"""Problems of shape: types, keys, names, values that aren't JSON, schemas, and keys without effect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fibonacci._texts.suggestions import did_you_mean, nearest
from fibonacci.definitions.checks.tools import KnownTool
from fibonacci.definitions.document import without_schema
from fibonacci.definitions.files.legacy_dialect import SUCCESSORS
from fibonacci.definitions.graph import (
    BadTemplate,
    Edges,
    Link,
    LinksByIndex,
    NodesByIndex,
    find_cycles,
    node_links,
    template_links,
)
from fibonacci.definitions.json_schema import schema_faults
from fibonacci.definitions.json_types import is_array, is_object, place_of
from fibonacci.definitions.node_kinds import OLDER_KEYS, LinkKind, is_open, known_type
from fibonacci.definitions.nodes import NODE_MODELS, Condition, RetryPolicy, WorkflowDefinition
from fibonacci.definitions.operators import OPERATORS, UNARY
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.templates import INPUT, NAMED_SOURCES
from fibonacci.definitions.tools import MEMORY_SET, canonical_tool, unused_owners

# The emulator reads the categories, and editors read the address of the JSON Schema.
_WORKFLOW: Final = frozenset(WorkflowDefinition.model_fields) | {"categories", "$schema"}
_NODES: Final[Mapping[str, frozenset[str]]] = {
    node_type: frozenset(model.model_fields).union(OLDER_KEYS[node_type].values())
    for node_type, model in NODE_MODELS.items()
}
_INSIDE: Final[Mapping[str, frozenset[str]]] = {
    "retry": frozenset(RetryPolicy.model_fields),
    "condition": frozenset(Condition.model_fields),
}


def unknown_keys(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the keys that exist neither in the models nor in the older spelling."""
    yield from _unknown(definition, _WORKFLOW, "a definition", "")
    yield from _unknown(definition.get("default_retry"), _INSIDE["retry"], "a retry", "default_retry.")
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if is_array(nodes) else ()):
        if is_object(node):
            yield from _unknown_in_node(node, f"nodes[{index}].")


def _unknown_in_node(node: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    node_type = known_type(node.get("type"))
    if node_type is None:
        return  # a missing or unknown type is a separate problem
    known = _NODES[node_type]
    yield from _unknown(node, known, f"a node of type {node_type}", prefix)
    for key, inner in _INSIDE.items():
        if key in known:
            yield from _unknown(node.get(key), inner, f"a {key}", f"{prefix}{key}.")


def _unknown(value: Any, known: Collection[str], owner: str, prefix: str) -> Iterator[Problem]:
    for key in value if is_object(value) else ():
        if key not in known:
            yield problem(prefix + key, "unknown_key", f"{key!r} is not a key of {owner}{_remedy(key, known)}")


def _remedy(key: str, known: Collection[str]) -> str:
    if key in SUCCESSORS:
        return f", but was one in fibonacci-sdk 0.2.4: {SUCCESSORS[key]}"
    elsewhere = [node_type for node_type, keys in _NODES.items() if key in keys]
    if elsewhere and known not in _INSIDE.values():
        return f", but of a node of type {' or '.join(elsewhere)}"
    return did_you_mean(key, known)


_SOURCES: Final = (INPUT, *sorted(NAMED_SOURCES))
_UNKNOWN: Final[Mapping[LinkKind, tuple[str, str]]] = {
    "dependency": ("unknown_dependency", "depends on {!r}, which is not a node"),
    "template": ("unknown_template_source", "the template names {!r}, which is neither a node nor a known source"),
    "branch": ("unknown_branch_target", "branches to {!r}, which is not a node"),
    "critic": ("unknown_critic_target", "assesses {!r}, which is not a node"),
    "fallback": ("unknown_fallback", "falls back to {!r}, which is not a node"),
    "on_error": ("unknown_error_handler", "on_error is {!r}, which is not a node"),
}


def duplicate_ids(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the IDs that an earlier node already has."""
    first: dict[str, int] = {}
    for index, node in nodes.items():
        earlier = first.setdefault(node["id"], index)
        if earlier != index:
            yield problem(f"nodes[{index}].id", "duplicate_id", f"{node['id']!r} is already the id of nodes[{earlier}]")


def reserved_ids(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the IDs that templates can't refer to."""
    for index, node in nodes.items():
        if node["id"] in _SOURCES:
            message = (
                f"{{{{{node['id']}...}}}} never refers to this node, because {node['id']!r} is a built-in source. "
                "Rename the node"
            )
            yield problem(f"nodes[{index}].id", "reserved_id", message)


def unknown_names(nodes: NodesByIndex, links: LinksByIndex, outputs: Any) -> Iterator[Problem]:
    """Yield names that don't belong to a node, and templates that can't be parsed."""
    ids = {node["id"]: None for node in nodes.values()}
    sources = {**ids, **dict.fromkeys(_SOURCES)}
    for index, of_node in links.items():
        for link in of_node:
            yield from _fault_of(link, ids, sources, f"nodes[{index}].")
    for link in template_links("outputs", outputs):
        yield from _fault_of(link, ids, sources, "")


def _fault_of(
    link: Link | BadTemplate, ids: Collection[str], sources: Collection[str], prefix: str
) -> Iterator[Problem]:
    if isinstance(link, BadTemplate):
        yield problem(prefix + link.location, "bad_template", link.reason, offset=link.offset)
    elif link.kind != "mention" and link.target not in ids:
        code, message = _UNKNOWN[link.kind]
        known = sources if link.kind == "template" else ids
        text = message.format(link.target) + did_you_mean(link.target, known)
        yield problem(prefix + link.location, code, text, offset=link.offset)


def cycles(nodes: NodesByIndex, waits_for: Edges) -> Iterator[Problem]:
    """Yield a cycle for each group of nodes that wait for each other."""
    position = {node["id"]: index for index, node in nodes.items()}
    for cycle in find_cycles(waits_for):
        yield problem(f"nodes[{position[cycle[0]]}]", "cycle", _cycle_message(cycle, nodes[position[cycle[0]]]))


def _cycle_message(cycle: Sequence[str], first: Mapping[str, Any]) -> str:
    path = " -> ".join([*cycle, cycle[0]])
    if len(cycle) > 1:
        return f"nodes depend on each other: {path}. Remove one of these dependencies"
    places = [link.location for link in node_links(first) if isinstance(link, Link) and link.target == cycle[0]]
    return f"the node depends on itself: {path}. Remove its id from {' and '.join(places)}"


_OUTPUT_FORMATS: Final = ("text", "json")


def suspicious_values(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield values of single keys that are probably mistakes."""
    types = {node["id"]: node.get("type") for node in nodes.values()}
    for index, node in nodes.items():
        if node.get("type") == "llm":
            yield from _llm_values(node, f"nodes[{index}].")
        target = node.get("target_node")
        target_type = types.get(target) if isinstance(target, str) else None
        if node.get("type") == "critic" and target_type in ("tool", "conditional", "critic"):
            again = "the tool is called again" if target_type == "tool" else "it runs again"
            message = (
                f"{target!r} is a node of type {target_type}, so the critic cannot improve it: {again} each time it"
                " does not pass. Assess an llm node"
            )
            yield problem(f"nodes[{index}].target_node", "critic_of_no_answer", message)


def _llm_values(node: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    temperature = node.get("temperature")
    if isinstance(temperature, int | float) and 1 < temperature <= 2:
        message = f"{temperature} is above 1, the maximum in the newer documentation. Use 1 or less"
        yield problem(f"{prefix}temperature", "high_temperature", message)
    output_format = node.get("output_format")
    if isinstance(output_format, str) and output_format not in _OUTPUT_FORMATS:
        near = did_you_mean(output_format.lower(), _OUTPUT_FORMATS)
        message = f"{output_format!r} is not a documented format. Use {' or '.join(_OUTPUT_FORMATS)}{near}"
        yield problem(f"{prefix}output_format", "unknown_output_format", message)
    for key in ("instruction", "prompt"):
        text = node.get(key)
        if isinstance(text, str) and not text.strip():
            yield problem(prefix + key, "empty_instruction", "the instruction is empty. Write what the model should do")


_EXPECTED: Final[Mapping[str, str]] = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a string",
}


def shape_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems that the models find."""
    try:
        WorkflowDefinition.model_validate(without_schema(definition))
    except ValidationError as error:
        faults = [_problem(fault, list(fault["loc"])) for fault in error.errors(include_url=False)]
        by_place = {fault.location: fault for fault in reversed(faults)}  # a union reports a place once for each member
        yield from reversed(by_place.values())


def _problem(fault: ErrorDetails, location: list[int | str]) -> Problem:
    kind, value = fault["type"], fault["input"]
    if location[:1] == ["nodes"] and len(location) > 2:
        del location[2]  # pydantic adds the node's type, which isn't part of the place
    if location[:1] == ["version"]:
        return problem("version", "wrong_type", f"should be a string or a number, not {_kind_of(value)}")
    if kind == "union_tag_not_found":
        place = place_of([*location, "type"])
        return problem(place, "missing_field", f"'type' is missing. Use {', '.join(NODE_MODELS)}")
    if kind == "missing":
        return problem(place_of(location), "missing_field", f"{location[-1]!r} is missing")
    place = place_of(location)
    if kind == "conflicting_spellings":
        return problem(place, kind, fault["msg"])
    if kind == "string_pattern_mismatch":  # the only pattern among the models
        return problem(place, "bad_id", f"{value!r} is not an id. Use lowercase letters, digits, '_' and '-'")
    if kind == "literal_error" and location[-1] == "operator":
        near = did_you_mean(value, OPERATORS) if isinstance(value, str) else ""
        return problem(place, "bad_operator", f"{value!r} is not an operator. Use {', '.join(OPERATORS)}{near}")
    if kind in _EXPECTED:
        return problem(place, "wrong_type", f"should be {_EXPECTED[kind]}, not {_kind_of(value)}")
    code = "wrong_type" if kind.endswith("_type") else "invalid_value"
    return problem(place, code, fault["msg"].replace("Input should", "should").replace("String should", "should"))


def node_type_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield unknown types of nodes. One that resembles a known type is a typo, and others may be new."""
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if is_array(nodes) else ()):
        node_type = node.get("type") if is_object(node) else None
        if not isinstance(node_type, str) or not node_type or known_type(node_type):
            continue
        place = f"nodes[{index}].type"
        near = did_you_mean(node_type.lower(), NODE_MODELS)
        if near:
            yield problem(place, "misspelled_node_type", f"{node_type!r} is not a type of node{near}")
        else:
            known = ", ".join(NODE_MODELS)
            message = f"this version does not know the node type {node_type!r}, only {known}. The node is kept as it is"
            yield problem(place, "unknown_node_type", message)


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not value.is_integer():
        return f"the number {value}"
    names = ((int | float, "a number"), (str, "a string"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), f"a {type(value).__name__}")


def schema_problems(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the problems of the schemas of inputs, outputs and answers."""
    schemas = {name: definition.get(name) for name in ("input_schema", "output_schema")}
    for index, node in nodes.items():
        if node.get("type") == "llm":
            schemas |= {f"nodes[{index}].{name}": node.get(name) for name in ("output_schema", "schema")}
    for place, schema in schemas.items():
        for fault in schema_faults(schema, place) if is_object(schema) else ():
            yield problem(*fault)


FLAGGED_CATEGORIES: Final = ("external_comm", "public_writes", "permission_changes", "financial", "pii")
"""The categories that an organization's settings can require approval for. There may be others."""

_RETRIES: Final = ("max_retries", "retry_delay")
_SIMILAR: Final = 0.8  # custom categories are fine, so only near matches of known ones count as misspelled


def without_effect(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield fields of nodes that don't have the effect they suggest."""
    for index, node in nodes.items():
        if not is_open(node):
            place = f"nodes[{index}]"
            yield from _retries(node, place)
            yield from _operands(node, place)
            yield from _memory_keys(node, place)
            yield from _params(node, place)


def _retries(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    for name in () if "enable_retry" in node or "retry" in node else _RETRIES:
        if name in node:
            yield _no_effect(f"{place}.{name}", f"{name} has no effect without 'enable_retry': true")


def _operands(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield comparisons that lack an operand."""
    is_gate = node.get("type") == "conditional"
    key, at = ("right_value", place) if is_gate else ("value", f"{place}.condition")
    comparison = node if is_gate else node.get("condition")
    if not is_object(comparison):
        return
    operator = comparison.get("operator")
    if isinstance(operator, str) and operator in OPERATORS and operator not in UNARY and key not in comparison:
        yield _no_effect(f"{at}.{key}", f"it is missing, so {operator} compares with null")


_NOT_RENDERED: Final = "is used as it is, because templates work only in values, not in keys"


def _memory_keys(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield impossible memory keys, and templates where none are rendered."""
    for field in ("memory_read", "memory_write") if node.get("type") == "llm" else ():
        keys = node.get(field)
        for key in keys if is_array(keys) or is_object(keys) else ():
            if key == "":
                yield _no_effect(f"{place}.{field}", "a key in memory cannot be empty")
            elif isinstance(key, str) and "{{" in key:
                yield _no_effect(f"{place}.{field}", f"{key!r} {_NOT_RENDERED}")


def _params(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield parameter keys with templates, and owners that the scope of a memory value doesn't have."""
    tool = node.get("tool")
    for name in ("params", "inputs") if node.get("type") == "tool" else ():
        params = node.get(name)
        yield from _templates_in_keys(params, f"{place}.{name}")
        if is_object(params) and isinstance(tool, str) and canonical_tool(tool) == MEMORY_SET:
            for owner in unused_owners(params.get("scope", "workflow"), params):
                yield _no_effect(f"{place}.{name}.{owner}", f"{owner} is not used with this scope")


def _templates_in_keys(value: Any, place: str) -> Iterator[Problem]:
    if is_object(value):
        for key, item in value.items():
            if "{{" in key:
                yield _no_effect(place, f"{key!r} {_NOT_RENDERED}")
            yield from _templates_in_keys(item, f"{place}.{key}")
    elif is_array(value):
        for index, item in enumerate(value):
            yield from _templates_in_keys(item, f"{place}[{index}]")


def category_problems(categories: object, tools: Iterable[KnownTool]) -> Iterator[Problem]:
    """Yield the categories of a definition that are invalid or seem misspelled.

    Args:
        categories: The categories in the definition, or None.
        tools: The known tools, which have categories too.
    """
    if categories is None:
        return
    if not is_array(categories) or not all(isinstance(name, str) for name in categories):
        yield _no_effect("categories", "is not a list of strings, so it gives the workflow no category")
        return
    known = {tool.category: None for tool in tools if tool.category is not None}
    for index, name in enumerate(categories):
        near = nearest_category(name, known)
        if near is not None:
            message = f"no tool has the category {name!r}. Did you mean {near!r}?"
            yield problem(f"categories[{index}]", "unknown_category", message)


def nearest_category(name: str, of_tools: Iterable[str]) -> str | None:
    """Return the category that a name resembles, or None if it is a category itself or resembles none.

    Args:
        name: The name.
        of_tools: The categories of the known tools.
    """
    near = nearest(name, [*FLAGGED_CATEGORIES, *of_tools], cutoff=_SIMILAR)
    return None if near == name else near


def _no_effect(place: str, message: str) -> Problem:
    return problem(place, "no_effect", message)

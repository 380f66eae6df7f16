"""Definitions as text, in YAML or JSON, with their keys in a readable order.

Texts that YAML 1.1 or 1.2 would read as something else are quoted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fibonacci.definitions.document import Document
from fibonacci.definitions.files.source import UNREADABLE, is_text, pyyaml
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import NODE_KEYS
from fibonacci.definitions.nodes import WorkflowDefinition
from fibonacci.definitions.spellings import Generation, to_plain

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder

_TAG = "tag:yaml.org,2002:"


def write_yaml(value: Any) -> str:
    """Return a value as a YAML document.

    Args:
        value: Plain JSON. Keys keep their order.

    Returns:
        The document, which ends with a line break.

    Raises:
        ImportError: If PyYAML is not installed. The message has the command that installs it.
    """
    yaml = pyyaml()
    node = _node(yaml, value)
    # The Python emitter instead of libyaml's, so that a definition gives the same text everywhere.
    text: str = yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=sys.maxsize)
    return text


def _node(yaml: Any, value: Any) -> Any:
    if is_object(value):
        members = [(_text(yaml, key, is_in_line=True), _node(yaml, member)) for key, member in value.items()]
        return yaml.MappingNode(_TAG + "map", members, flow_style=False)
    if is_array(value):
        elements = [_node(yaml, element) for element in value]
        return yaml.SequenceNode(_TAG + "seq", elements, flow_style=False)
    if isinstance(value, str):
        return _text(yaml, value)
    if value is None:
        return yaml.ScalarNode(_TAG + "null", "null")
    if isinstance(value, bool):
        return yaml.ScalarNode(_TAG + "bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode(_TAG + "int", str(value))
    return yaml.ScalarNode(_TAG + "float", _float(value))


def _text(yaml: Any, text: str, *, is_in_line: bool = False) -> Any:
    style = None
    if not is_text(text):
        style = "'"  # a number in YAML 1.2 can be a text in YAML 1.1, which PyYAML would not quote
    if UNREADABLE.search(text):
        style = '"'
    elif "\n" in text:
        # A literal block can't be inline. If it began with a space, it would need an indentation indicator, and if it
        # ended with an empty line, it would swallow the empty lines after it.
        style = '"' if is_in_line or text[0].isspace() or text.endswith("\n\n") else "|"
    return yaml.ScalarNode(_TAG + "str", text, style=style)


def _float(value: float) -> str:
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text  # YAML 1.1 requires the point


FIRST_KEYS: Final = (
    "$schema",
    "name",
    "description",
    "version",
    "timeout",
    "default_retry",
    "allow_partial_results",
    "input_schema",
    "output_schema",
)
LAST_KEYS: Final = ("nodes", "outputs")


def in_order(
    definition: Document | WorkflowBuilder | WorkflowDefinition | Mapping[str, Any], *, generation: Generation
) -> dict[str, Any]:
    """Return a definition as plain JSON with its keys in the order for writing.

    Raises:
        DefinitionError: If a field of a node differs in its two spellings, or the definition has a value that isn't
            JSON, or is too deep.
        TypeError: If it isn't a definition.
    """
    plain = to_plain(definition, generation=generation)
    last = {key: plain.pop(key) for key in LAST_KEYS if key in plain}
    ordered = _in_order(plain, FIRST_KEYS) | last
    nodes = ordered.get("nodes")
    if is_array(nodes):
        ordered["nodes"] = [_in_order(node, NODE_KEYS) if is_object(node) else node for node in nodes]
    return ordered


def _in_order(value: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value[key] for key in keys if key in value} | dict(value)

"""Plain JSON as YAML that people read: block style, and texts of several lines as they are.

Texts that YAML 1.1 or 1.2 would read as something else are quoted.
"""

from __future__ import annotations

import sys
from typing import Any

from fibonacci.definitions.files.yaml_reader import UNREADABLE, is_text, pyyaml
from fibonacci.definitions.json_types import is_array, is_object

_TAG = "tag:yaml.org,2002:"


def write_yaml(value: Any) -> str:
    """Return a value as a YAML document.

    Args:
        value: Plain JSON; keys are written in their own order.

    Returns:
        The document, which ends with a line break.

    Raises:
        ImportError: If PyYAML is not installed; the message has the command that installs it.
    """
    yaml = pyyaml()
    # The emitter in Python, and not libyaml's, so that a definition is the same text everywhere.
    text: str = yaml.serialize(_node(yaml, value), Dumper=yaml.SafeDumper, allow_unicode=True, width=sys.maxsize)
    return text


def _node(yaml: Any, value: Any) -> Any:
    if is_object(value):
        members = [(_text(yaml, key, is_key=True), _node(yaml, member)) for key, member in value.items()]
        return yaml.MappingNode(_TAG + "map", members, flow_style=False)
    if is_array(value):
        return yaml.SequenceNode(_TAG + "seq", [_node(yaml, element) for element in value], flow_style=False)
    if isinstance(value, str):
        return _text(yaml, value)
    if value is None:
        return yaml.ScalarNode(_TAG + "null", "null")
    if isinstance(value, bool):
        return yaml.ScalarNode(_TAG + "bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode(_TAG + "int", str(value))
    return yaml.ScalarNode(_TAG + "float", _float(value))


def _text(yaml: Any, text: str, *, is_key: bool = False) -> Any:
    style = None
    if not is_text(text):
        style = "'"  # a number in YAML 1.2 can be a text in YAML 1.1, which PyYAML would not quote
    if UNREADABLE.search(text):
        style = '"'
    elif "\n" in text:
        # A literal block cannot be a key, one that begins with a space needs an indentation indicator, and one that
        # ends with an empty line takes in the empty lines that follow it.
        style = '"' if is_key or text[0].isspace() or text.endswith("\n\n") else "|"
    return yaml.ScalarNode(_TAG + "str", text, style=style)


def _float(value: float) -> str:
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text  # YAML 1.1 wants the point

"""Updates a definition's text after a change elsewhere: only what differs changes, and the rest stays as written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from fibonacci.definitions.comparison import node_defaults, normalized, same, workflow_defaults
from fibonacci.definitions.files.formatting import with_comments
from fibonacci.definitions.files.load_and_dump import format_of_file, read_text
from fibonacci.definitions.files.source import Source
from fibonacci.definitions.files.writing import in_order, write_yaml
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.spellings import older_keys
from fibonacci.definitions.templates import unspaced
from fibonacci.errors import DefinitionError

_Object = Mapping[str, Any]

_JSON_INDENT: Final = re.compile(r"\s*[\[{][ \t]*(?:\r\n|\r|\n)([ \t]+)")


def updated_text(text: str, name: str, definition: _Object) -> str | None:
    """Return the text of a definition's file, updated to the values of another definition.

    Comments, the order of keys and nodes, the generation of spelling, spaces in templates, line breaks and JSON's
    indentation stay. A node that is gone takes its comments with it.

    Args:
        text: The text.
        name: The name of its file.
        definition: The definition as plain JSON. It need not be valid.

    Returns:
        The new text. None if the text can't be read, or the new one wouldn't mean the same as the definition.

    Raises:
        DefinitionError: If a field differs in its two spellings.
        ImportError: If the file is YAML and PyYAML is not installed.
        ValueError: If the definition has something that can't be written.
    """
    text_format = format_of_file(name)
    try:
        source = Source(text, name)
        root = read_text(source, text_format)
    except DefinitionError:
        return None
    raw = root.plain()
    if not is_object(raw):
        return None
    if "$schema" in raw:  # for editors, and not part of the definition
        definition = {**definition, "$schema": raw["$schema"]}
    old = _nodes_by_id(raw)
    is_older = any("retry" in node or any(key in node for key in older_keys(node).values()) for node in old.values())
    new = in_order(definition, generation="older" if is_older else "newer")
    value = _in_order_of(raw, new, workflow_defaults())
    nodes = _nodes_by_id(new)
    if nodes:
        value["nodes"] = list(_in_order_of(old, nodes).values())
    order = [node.get("id") for node in value["nodes"]] if nodes else []
    if text_format == "json":
        indent = match[1] if (match := _JSON_INDENT.match(text)) else None
        result = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    else:
        moved = {index: order.index(node_id) if node_id in order else None for index, node_id in enumerate(old)}
        result = with_comments(write_yaml(value), source, root, nodes=moved)
    if normalized(read_text(Source(result, name), text_format).plain()) != normalized(definition):
        return None
    newline = match[0] if (match := re.search(r"\r\n|\r|\n", text)) else "\n"
    return ("\ufeff" if text.startswith("\ufeff") else "") + result.replace("\n", newline)


def _nodes_by_id(definition: _Object) -> dict[str, _Object]:
    """Return the nodes of a definition by ID, or none if any lacks a unique ID."""
    nodes = definition.get("nodes")
    if not is_array(nodes):
        return {}
    by_id = {node["id"]: node for node in nodes if is_object(node) and "id" in node}
    return by_id if len(by_id) == len(nodes) else {}


def _in_order_of(old: Any, new: Any, defaults: _Object | None = None) -> Any:
    """Return the new value in the order of the old one, which also decides which defaults are written."""
    if same(unspaced(old), unspaced(new)):
        return old
    if not (is_object(old) and is_object(new)):
        return new
    if defaults is None:
        defaults = node_defaults(old["type"]) if "type" in old and "id" in old else {}
    result: dict[str, Any] = {}
    for key, value in old.items():
        if key in new:
            result[key] = _in_order_of(value, new[key])
        elif key in defaults and same(value, defaults[key]):
            result[key] = value
    previous: str | None = None
    for key, value in new.items():
        if key not in result and not (key in defaults and same(value, defaults[key])):
            result = _inserted(result, key, value, previous)
        previous = key if key in result else previous
    return result


def _inserted(members: _Object, key: str, value: Any, previous: str | None) -> dict[str, Any]:
    """Insert a new member into an object after another one, or at the beginning."""
    result = {} if previous is not None else {key: value}
    for name, member in members.items():
        result[name] = member
        if name == previous:
            result[key] = value
    return result

"""The text of a definition that has changed elsewhere: what its author wrote stays, and what differs changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fibonacci.definitions.comparison import canonical, node_defaults, normalized, same, workflow_defaults
from fibonacci.definitions.files.formatting import with_all_comments
from fibonacci.definitions.files.legacy_dialect import NODE_KEYS, SUCCESSORS, in_todays_words
from fibonacci.definitions.files.load_and_dump import format_of_file, read_text
from fibonacci.definitions.files.source import Format, Source, read_json, read_yaml
from fibonacci.definitions.files.text_edits import edited
from fibonacci.definitions.files.writing import in_order, write_definition
from fibonacci.definitions.graph import NODE_LISTS, templated_values
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import is_open
from fibonacci.definitions.spellings import older_keys
from fibonacci.definitions.templates import spaced_as, unspaced
from fibonacci.errors import DefinitionError

_Object = Mapping[str, Any]
_Path = tuple[str, ...]
_MISSING: Final = object()


def updated_text(text: str, name: str, definition: _Object) -> str | None:
    """Return the text of a definition's file, changed only where it differs from another definition.

    Comments, empty lines, the order of keys and nodes, quotes and block texts, spellings, line breaks and JSON's
    indentation stay. What is removed takes its comments with it. The result is read back, and returned only if it means
    the same as the definition.

    Args:
        text: The text.
        name: The name of its file.
        definition: The definition as plain JSON. It need not be valid.

    Returns:
        The new text. None if that cannot be: the text cannot be read, or a comment in it would be lost.

    Raises:
        DefinitionError: If the definition could not be read from a file, or a field differs in its two spellings.
        ImportError: If the file is YAML and PyYAML is not installed.
        ValueError: If the definition holds what cannot be written.
    """
    text_format = format_of_file(name)
    try:
        source = Source(text, name)
        root = read_json(source) if text_format == "json" else read_yaml(source)
    except DefinitionError:
        return None
    raw = root.plain()
    if not is_object(raw):
        return None
    if "$schema" in raw:  # for editors: no part of the definition
        definition = {**definition, "$schema": raw["$schema"]}
    written = write_definition(definition, generation="newer", text_format=text_format)
    newline = match[0] if (match := re.search(r"\r\n|\r|\n", text)) else "\n"
    start = "\ufeff" if text.startswith("\ufeff") else ""
    with suppress(ValueError):  # it cannot be changed in place, or not read (DefinitionError)
        result = edited(source, root, _in_words_of(raw, in_order(definition, generation="newer")))
        for end in ("", newline):  # a block text that has come to the end of a text may need it
            if _says(result + end, written, text_format):
                return start + result + end
    if text_format == "json":
        return written
    with suppress(DefinitionError):
        root = read_text(source, text_format)
        source.problems.clear()  # those of the text, which is not what is written
        result = with_all_comments(written, source, root)
        if _says(result, written, text_format):
            return start + result.replace("\n", newline)
    return None


def _says(text: str, written: str, text_format: Format) -> bool:
    """Tell whether a text says what another one says, and has no errors that this does not have.

    Raises:
        DefinitionError: If it cannot be read.
    """
    sources = [Source(text, ""), Source(written, "")]
    roots = [read_text(source, text_format) for source in sources]
    meanings = [canonical(normalized(root.plain())) for root in roots]
    errors = [{problem.code for _, problem in source.problems if problem.severity == "error"} for source in sources]
    return meanings[0] == meanings[1] and errors[0] <= errors[1]


def _in_words_of(raw: _Object, wanted: _Object) -> dict[str, Any]:
    """Return a definition in the words of another one, so that everything that means the same is written the same.

    Args:
        raw: The other one, as its file says it.
        wanted: The definition, in today's words and the newer spelling, its keys in the order of files.
    """
    old, new = normalized(in_todays_words(raw)), normalized(wanted)
    defaults = workflow_defaults()
    result = dict(raw)
    for name in dict.fromkeys([*wanted, *old.fields]):
        values = (fields.get(name, defaults.get(name, _MISSING)) for fields in (old.fields, new.fields))
        is_word_of_0_2_4 = name in SUCCESSORS and name not in wanted  # which reading leaves out
        if name == "nodes" or same(*values) or is_word_of_0_2_4:
            continue
        if name in wanted:
            value = _spaced_as(wanted[name], raw.get(name)) if name == "outputs" else wanted[name]
            result = _with(result, name, value, list(wanted))
        else:
            result.pop(name, None)
    nodes, wanted_nodes = raw.get("nodes"), wanted.get("nodes")
    if not (is_array(nodes) and is_array(wanted_nodes) and len(nodes) == len(old.nodes)):
        result.pop("nodes", None)
        return _with(result, "nodes", wanted_nodes, list(wanted)) if "nodes" in wanted else result
    targets = dict(zip(new.nodes, wanted_nodes, strict=True))
    added = {_without_id(node): name for name, node in new.nodes.items() if name not in old.nodes}
    kept: dict[str, Any] = {}
    for name, node in zip(old.nodes, nodes, strict=True):
        renamed = name if name in targets else added.pop(_without_id(old.nodes[name]), None)
        if renamed is not None:
            kept[renamed] = _node_in_words_of(node, targets[renamed], old.nodes[name], new.nodes[renamed])
    for name, target in targets.items():
        kept = _with(kept, name, kept.get(name, target), list(targets))
    return {**result, "nodes": list(kept.values())}


def _without_id(node: _Object) -> str:
    return canonical({**node, "id": None})


def _with(members: _Object, name: str, value: Any, order: Sequence[str]) -> dict[str, Any]:
    """Return an object with another value of a member, putting a new one in its place of an order."""
    if name in members:
        return {**members, name: value}
    before = next((key for key in reversed(order[: order.index(name)]) if key in members), None)
    result = {} if before is not None else {name: value}
    for key, member in members.items():
        result[key] = member
        if key == before:
            result[name] = value
    return result


def _node_in_words_of(raw: Any, wanted: Any, old: _Object, new: _Object) -> Any:
    """Return a node in the words of another one, as `_in_words_of` does.

    Args:
        raw: The other node, as its file says it.
        wanted: The node, in today's words and the newer spelling.
        old: The other one in normal form.
        new: The node in normal form.
    """
    if not (is_object(raw) and is_object(wanted)):
        return wanted
    templates = () if is_open(wanted) else dict(templated_values(wanted))
    target = dict(wanted)
    for key in templates:
        for path in _paths(raw, key):
            target[key] = _spaced_as(target[key], _value_at(raw, path))
    node: dict[str, Any] = dict(raw)
    for name in dict.fromkeys([*target, *old]):
        values = (side.get(name, node_defaults(side.get("type")).get(name, _MISSING)) for side in (old, new))
        if same(*values):
            continue
        paths = _paths(raw, name)
        for path in paths:
            node = _changed(node, path, target, name)
        if not paths and name in target:
            node = _with(node, name, target[name], [path[0] for key in target for path in _paths(raw, key) or [(key,)]])
    modern = in_todays_words({"nodes": [node]})
    (result,) = normalized(modern).nodes.values()
    return node if same(result, new) else target


def _paths(node: _Object, name: str) -> list[_Path]:
    """Return where a node has a field, by whatever names."""
    older = [key for key, newer in NODE_KEYS.items() if newer == name]
    paths: list[_Path] = [(name,), *((key,) for key in (*older, older_keys(node).get(name)) if key), ("config", name)]
    retry = {"max_retries": "max_attempts", "retry_delay": "delay"}.get(name)
    paths += [("retry", retry)] if retry else []
    return [path for path in paths if _value_at(node, path) is not None]


def _value_at(node: Any, path: _Path) -> Any:
    for key in path:
        node = node.get(key) if is_object(node) else None
    return node


def _changed(node: _Object, path: _Path, target: _Object, name: str) -> dict[str, Any]:
    """Return a node with another value of a field at a path, or without the field if there is no value."""
    key, *rest = path
    if rest:
        return {**node, key: _changed(node[key], tuple(rest), target, name)}
    if name not in target:
        return {member: value for member, value in node.items() if member != key}
    value, old = target[name], node[key]
    if key == "max_attempts" and isinstance(value, int | float):
        value += 1  # it counts the first attempt
    elif name in NODE_LISTS and is_array(old) and is_array(value):
        value = [*(item for item in old if item in value), *(item for item in value if item not in old)]
    return {**node, key: value}


def _spaced_as(value: Any, other: Any) -> Any:
    """Return a value of templates with the spaces inside their braces that another one has."""
    if same(unspaced(value), unspaced(other)):
        return other
    if isinstance(value, str) and isinstance(other, str):
        return spaced_as(value, other)
    if is_object(value) and is_object(other):
        return {key: _spaced_as(member, other.get(key)) for key, member in value.items()}
    if is_array(value) and is_array(other):
        equal = {canonical(unspaced(item)): item for item in other}
        pairs = [(item, other[index] if index < len(other) else None) for index, item in enumerate(value)]
        return [equal.get(canonical(unspaced(item)), _spaced_as(item, old)) for item, old in pairs]
    return value

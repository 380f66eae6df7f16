"""The dialect of fibonacci-sdk 0.2.4: its words, and the current word for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions.files.source import Element, Source
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import FIELDS
from fibonacci.definitions.operators import UNARY
from fibonacci.definitions.problems import Problem

DEPRECATED: Final = "deprecated_word"
"""The code of the problem that reports a word of the dialect."""

_NODE_KEYS: Final = {field.in_0_2_4: field.key for field in FIELDS if field.in_0_2_4 is not None}
"""The current key of a node for each key of the dialect that was renamed."""

_OPERATORS: Final[Mapping[str, str]] = {
    "==": "equals",
    "!=": "not_equals",
    ">": "greater_than",
    "<": "less_than",
}
_OPERATORS_WITHOUT_SUCCESSOR: Final[Mapping[str, str]] = {
    ">=": "use 'less_than', and swap 'true_branch' and 'false_branch'",
    "<=": "use 'greater_than', and swap 'true_branch' and 'false_branch'",
}
_KEYS_WITHOUT_SUCCESSOR: Final = ("is_active", "is_template")
SUCCESSORS: Final[Mapping[str, str]] = {
    **{old: f"write '{new}'" for old, new in _NODE_KEYS.items()},
    **dict.fromkeys(_KEYS_WITHOUT_SUCCESSOR, "nothing replaces it, so remove it"),
    "config": "write its keys directly in the node",
}
"""What to write instead of each key of the dialect."""

_IN_CONFIG: Final[Mapping[str, tuple[str, ...]]] = {
    "llm": ("model", "max_tokens", "temperature"),
    "tool": ("timeout",),
    "critic": (),
    "conditional": (),
}
"""The keys that 0.2.4 sends in a node's `config`, by type, including those for retries if there are any."""

_ONLY_THERE: Final = frozenset((*_NODE_KEYS, "config"))
_Object = dict[str, Element]


def modernize(root: Element, source: Source) -> None:
    """Replace the words of the dialect with the current ones, in place.

    The first occurrence of each word gets a warning that names the current word, or an error if there is none.

    Args:
        root: The definition. Values without the shape of a definition stay as they are.
        source: The text that contains it. Problems are added to it.
    """
    dialect = _Dialect(source)
    if isinstance(root.content, dict):
        dialect.workflow(root.content)
    dialect.report()


def warn_of_words(problems: Iterable[Problem]) -> None:
    """Emit a `DeprecationWarning` for each word of the dialect among the problems of a text."""
    deprecated = [problem for problem in problems if problem.code == DEPRECATED]
    if deprecated:
        from fibonacci._texts.migration import warn_of_deprecation

        for problem in deprecated:
            warn_of_deprecation(f"{problem.source}: {problem.message}")


def in_todays_words(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a definition, such as one from a server, in the current dialect. It is the same object if already current.

    Args:
        definition: The definition as plain JSON. It need not be valid.
    """
    nodes = [node for node in _array(definition.get("nodes")) if is_object(node)]
    if "edges" in definition and definition["edges"] == _edges(nodes):  # duplicates the dependencies
        definition = {key: value for key, value in definition.items() if key != "edges"}
    if any(node.get("type") == "condition" or not _ONLY_THERE.isdisjoint(node) for node in nodes):
        root = _element({"nodes": definition["nodes"]})
        modernize(root, Source("{}", "definition"))
        definition = {**definition, **root.plain()}
    return definition


def in_words_of_0_2_4(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a definition in the dialect that 0.2.4 sends, which `in_todays_words` reads.

    What 0.2.4 has no word for stays as it is.

    Args:
        definition: The definition as plain JSON. It need not be valid.
    """
    nodes = definition.get("nodes")
    if not is_array(nodes) or not all(map(is_object, nodes)):  # whoever reads it reports that
        return definition
    return {"edges": _edges(nodes), **definition, "nodes": [_with_words(node) for node in nodes]}


def _with_words(node: Mapping[str, Any]) -> Mapping[str, Any]:
    node_type = node.get("type")
    if not isinstance(node_type, str) or node_type not in _IN_CONFIG or not _ONLY_THERE.isdisjoint(node):
        return node  # the keys of a newer type may mean anything
    words = {new: old for old, new in _NODE_KEYS.items()}
    renamed = {words.get(key, key): value for key, value in node.items()}
    if node_type == "conditional":
        renamed["type"] = "condition"
    moved = list(_IN_CONFIG[node_type])
    if moved and renamed.get("enable_retry") is True and "max_retries" in renamed:
        del renamed["enable_retry"]
        moved += ["max_retries", "retry_delay"]
    config = {key: renamed.pop(key) for key in moved if key in renamed}
    return renamed | {"config": config} if config else renamed


def _edges(nodes: Sequence[Mapping[str, Any]]) -> list[object]:
    return [
        {"from": dependency, "to": node.get("id")} for node in nodes for dependency in _array(node.get("dependencies"))
    ]


def _array(value: object) -> Sequence[Any]:
    return value if is_array(value) else []


def _element(value: Any) -> Element:
    if is_object(value):
        return Element({key: _element(child) for key, child in value.items()}, 0)
    return Element([_element(child) for child in value] if is_array(value) else value, 0)


class _Dialect:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._words: dict[str, tuple[str, list[int]]] = {}
        """What to use instead of each word found, and the offsets of the word."""

    def report(self) -> None:
        """Add a warning for each word found."""
        for word, (successor, offsets) in self._words.items():
            lines = dict.fromkeys(str(self._source.line(offset)) for offset in sorted(offsets))
            others = ", ".join(list(lines)[1:])
            also = f" (also on line {others})" if others else ""
            message = f"{word} is from fibonacci-sdk 0.2.4: {successor}{also}"
            self._source.add(min(offsets), Problem(location="", code=DEPRECATED, message=message, severity="warning"))

    def _record_word(self, word: str, successor: str, offset: int) -> None:
        self._words.setdefault(word, (successor, []))[1].append(offset)

    def workflow(self, workflow: _Object) -> None:
        """Translate a definition."""
        for key in _KEYS_WITHOUT_SUCCESSOR:
            if key in workflow:
                self._record_word(f"'{key}'", SUCCESSORS[key], workflow.pop(key).key_offset)
        nodes = workflow.get("nodes")
        if nodes is not None and isinstance(nodes.content, list):
            for node in nodes.content:
                if isinstance(node.content, dict):
                    self._node(node.content)

    def _node(self, node: _Object) -> None:
        node_type = _text(node, "type")
        if node_type is not None and node_type not in (*_IN_CONFIG, "condition"):
            return  # the keys of a newer type may mean anything
        if node_type == "critic" and "evaluation_criteria" in node:
            self._critic(node)
        for old, new in _NODE_KEYS.items():
            if old in node:
                self._record_word(f"'{old}'", SUCCESSORS[old], node[old].key_offset)
                _replace(node, old, {new: node[old]}, self._source)
        self._config(node)
        if node_type == "condition":
            self._condition(node)

    def _config(self, node: _Object) -> None:
        """Move the entries of `config` into the node, and enable retries if it mentions them."""
        config = node.get("config")
        if config is None or not (isinstance(config.content, dict) or config.content is None):
            return
        self._record_word("'config'", SUCCESSORS["config"], config.key_offset)
        entries = config.content or {}
        if "max_retries" in entries:
            entries = {"enable_retry": Element(content=True, offset=config.offset), **entries}
        _replace(node, "config", entries, self._source)

    def _condition(self, node: _Object) -> None:
        """Translate a node of the type `condition`."""
        self._record_word("type 'condition'", "write 'conditional'", node["type"].offset)
        node["type"].content = "conditional"
        operator = _text(node, "operator") or ""
        if operator in _OPERATORS:
            self._record_word(f"operator '{operator}'", f"write '{_OPERATORS[operator]}'", node["operator"].offset)
            node["operator"].content = _OPERATORS[operator]
        elif operator in _OPERATORS_WITHOUT_SUCCESSOR:
            message = f"operator '{operator}' is from fibonacci-sdk 0.2.4: {_OPERATORS_WITHOUT_SUCCESSOR[operator]}"
            self._source.report(node["operator"].offset, "bad_operator", message)
        if "operator" in node and operator not in UNARY:
            node.setdefault("right_value", Element("", node["operator"].offset))

    def _critic(self, node: _Object) -> None:
        """Give a critic without a target its first dependency as the target."""
        dependencies = node.get("dependencies")
        if "target_node" not in node and dependencies is not None:
            targets = dependencies.content
            if isinstance(targets, list) and targets and isinstance(targets[0].content, str):
                successor = f"write 'target_node: {targets[0].content}'"
                self._record_word("a critic without 'target_node'", successor, dependencies.key_offset)
                node["target_node"] = targets[0]


def _text(node: _Object, key: str) -> str | None:
    """Return the text under a key, or None for anything else."""
    element = node.get(key)
    return element.content if element is not None and isinstance(element.content, str) else None


def _replace(node: _Object, key: str, by: _Object, source: Source) -> None:
    """Replace one key of a node with others at its position, and report keys that the node already has."""
    members = list(node.items())
    node.clear()
    for name, element in members:
        for new, value in by.items() if name == key else [(name, element)]:
            source.add_member(node, new, value)

"""Single changes of valid definitions, of the kinds that people make by mistake."""

from __future__ import annotations

import copy
import functools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from fibonacci.definitions.graph import TEMPLATED_KEYS, edges
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.operators import OPERATORS

Place = tuple[str | int, ...]
Definition = Mapping[str, Any]

WORKFLOWS: Final = (
    *("support_triage", "invoice_approval", "research_report", "moderation"),
    *("onboarding", "incident_response", "data_enrichment", "content_pipeline"),
)
"""Those of `workflows/`, of 5 to 40 nodes, with schemas, nested conditionals, critics, fallbacks, memory and tools."""

REMOVED: Final = object()
EXPRESSION: Final = re.compile(r"\{\{([^{}]+)\}\}")
_BRANCHES: Final = ("true_branch", "false_branch")
_SCHEMAS: Final = ("input_schema", "output_schema", "schema")
_NUMERIC: Final = ("greater_than", "less_than")
_ALONE: Final = ("is_empty", "is_not_empty")


NOT_ALWAYS: Final = {
    "A conditional inside a branch asks what the one around it has asked": (
        "Where a critic may have nodes run again, the two can differ; and an inner one that always holds, and has no "
        "other branch, keeps no node from running"
    ),
    "An enumeration does not have the value that it is compared with": (
        "The node has a `fallback`, and one of the two still gives the value"
    ),
    "A template is written in another language": (
        "`<%= name %>` and `{% name %}` may be meant as they are: an instruction can be about another language"
    ),
}
"""The kinds of fault of which some are not reported, and why not."""


class Edit(NamedTuple):
    """One change.

    Attributes:
        path: The place that is changed: keys and indexes. The index after the last of a list appends.
        value: What is there afterwards; `REMOVED` for nothing.
        key: The new name of the key at the end of the path, which keeps its value.
    """

    path: Place
    value: Any = REMOVED
    key: str | None = None

    def apply(self, definition: Definition) -> dict[str, Any]:
        """Return a changed copy of a definition."""
        changed: dict[str, Any] = copy.deepcopy(dict(definition))
        parent, last = _at(changed, self.path[:-1]), self.path[-1]
        if self.key is not None:
            renamed = {self.key if key == last else key: value for key, value in parent.items()}
            parent.clear()
            parent.update(renamed)
        elif self.value is REMOVED:
            del parent[last]
        elif last == len(parent):
            parent.append(self.value)
        else:
            parent[last] = copy.deepcopy(self.value)
        return changed


class Mutation(NamedTuple):
    """A definition with one change.

    Attributes:
        kind: The kind of the change.
        workflow: The name of the workflow, one of those in `workflows/`.
        change: The change.
        definition: The changed definition.
    """

    kind: str
    workflow: str
    change: Edit
    definition: dict[str, Any]

    def __str__(self) -> str:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.change.path)
        how = "removed" if self.change.value is REMOVED else f"= {self.change.value!r}"[:200]
        return f"{self.workflow}{path} {f'named {self.change.key!r}' if self.change.key is not None else how}"


Edits = Callable[[Definition, random.Random], Iterator[Edit]]

FAULTS: Final[dict[str, Edits]] = {}
"""The kinds of fault that a definition shows."""


@functools.cache
def read(workflow: str) -> Definition:
    """Return one of the workflows, as its file has it."""
    text = Path(__file__).with_name("workflows").joinpath(f"{workflow}.yaml").read_text("utf-8")
    definition: Definition = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return definition


def mutations(seed: int, size: int, kinds: Mapping[str, Edits] = FAULTS) -> list[Mutation]:
    """Return different changes, of each kind as many as of the others as far as there are so many.

    Args:
        seed: What chooses them.
        size: How many.
        kinds: The kinds of change.
    """
    definitions = {name: read(name) for name in WORKFLOWS}
    left = {kind: _of_kind(kind, make, definitions, random.Random(f"{seed} {kind}")) for kind, make in kinds.items()}
    chosen: list[Mutation] = []
    while left and len(chosen) < size:
        for kind, candidates in list(left.items()):
            mutation = next(candidates, None)
            if mutation is None:
                del left[kind]
            else:
                chosen.append(mutation)
    order = list(kinds)
    return sorted(chosen[:size], key=lambda mutation: order.index(mutation.kind))


def _of_kind(kind: str, make: Edits, definitions: Mapping[str, Definition], rng: random.Random) -> Iterator[Mutation]:
    """Yield the changes of a kind in random order; after all places, the same places with other misspellings."""
    seen: set[str] = set()
    while True:
        found = [(name, edit) for name, each in definitions.items() for edit in make(each, rng)]
        fresh = [each for each in found if repr(each) not in seen]
        if not fresh:
            return
        seen.update(map(repr, fresh))
        rng.shuffle(fresh)
        for name, edit in fresh:
            yield Mutation(kind, name, edit, edit.apply(definitions[name]))


def fault(name: str) -> Callable[[Edits], Edits]:
    """Add a kind of fault."""

    def add(make: Edits) -> Edits:
        FAULTS[name] = make
        return make

    return add


# -- what a definition has


def _at(value: Any, path: Place) -> Any:
    for part in path:
        value = value[part]
    return value


def _nodes(definition: Definition, *types: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, node in enumerate(definition["nodes"]):
        if not types or node["type"] in types:
            yield index, node


def _leaves(value: Any, path: Place) -> Iterator[tuple[Place, Any]]:
    if is_object(value):
        for key, entry in value.items():
            yield from _leaves(entry, (*path, key))
    elif is_array(value):
        for index, element in enumerate(value):
            yield from _leaves(element, (*path, index))
    else:
        yield path, value


def _expressions(definition: Definition) -> Iterator[tuple[Place, str, re.Match[str]]]:
    """Yield each template: the place of its text, the text, and where it is in that."""
    places = [
        (("nodes", index, key), node[key])
        for index, node in _nodes(definition)
        for key in TEMPLATED_KEYS
        if key in node
    ]
    for place, value in [*places, (("outputs",), definition["outputs"])]:
        for path, text in _leaves(value, place):
            for match in EXPRESSION.finditer(text) if isinstance(text, str) else ():
                yield path, text, match


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]


def _references(definition: Definition, *keys: str) -> Iterator[tuple[Place, str]]:
    """Yield the ids that keys of nodes name, with their places."""
    for index, node in _nodes(definition):
        for key in keys:
            value = node.get(key)
            if isinstance(value, str):
                yield ("nodes", index, key), value
            for place, target in enumerate(value if is_array(value) else ()):
                yield ("nodes", index, key, place), target


def _comparisons(definition: Definition) -> Iterator[tuple[Place, Mapping[str, Any], str, str]]:
    """Yield the place of each comparison, what holds it, and the keys of its operands."""
    for index, node in _nodes(definition):
        if node["type"] == "conditional":
            yield ("nodes", index), node, "left_value", "right_value"
        elif "condition" in node:
            yield ("nodes", index, "condition"), node["condition"], "field", "value"


def _schemas(definition: Definition) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each JSON Schema and each schema within one."""
    owners: list[tuple[Place, Mapping[str, Any]]] = [((), definition)]
    owners += [(("nodes", index), node) for index, node in _nodes(definition)]
    pending = [((*path, key), owner[key]) for path, owner in owners for key in _SCHEMAS if key in owner]
    while pending:
        path, schema = pending.pop(0)
        yield path, schema
        pending += [((*path, "properties", name), each) for name, each in schema.get("properties", {}).items()]
        pending += [((*path, "items"), schema["items"])] if "items" in schema else []


def _params(node: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    key = "inputs" if "inputs" in node else "params"
    return key, node.get(key, {})


def _skippable(definition: Definition) -> set[str]:
    """Return the ids of the nodes in branches."""
    return {target for _, target in _references(definition, *_BRANCHES)}


def _ids(definition: Definition) -> list[str]:
    return [node["id"] for _, node in _nodes(definition)]


_KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBORS: Final = {key: other for row in _KEYBOARD for key, other in zip(row, row[1:] + row[-2], strict=True)}


def _misspelled(word: str, rng: random.Random, taken: Iterable[str] = ()) -> str:
    """Return a word with a letter left out, doubled or hit beside, or with two exchanged."""
    avoided = {word, *taken}
    while True:
        at = rng.randrange(len(word))
        letter = word[at]
        ways = (
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + _NEIGHBORS.get(letter, letter) + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + letter + word[at + 2 :],
        )
        changed = rng.choice(ways)
        if changed and changed not in avoided:
            return changed


# -- keys


@fault("A key is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    owners: list[tuple[Place, Mapping[str, Any]]] = [((), definition)]
    owners += [(("nodes", index), node) for index, node in _nodes(definition)]
    for path, owner in owners:
        for key in owner:
            yield Edit((*path, key), key=_misspelled(key, rng, owner))
        for name in ("default_retry", "retry", "condition"):
            for key in owner.get(name, {}):
                yield Edit((*path, name, key), key=_misspelled(key, rng))


@fault("A key is written in the manner of another language")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        for key in node:
            if "_" in key:
                head, *rest = key.split("_")
                styles = ("-".join((head, *rest)), head + "".join(map(str.title, rest)))
                yield Edit(("nodes", index, key), key=rng.choice(styles))


@fault("A required key is missing")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        for key in ("id", "type", "instruction", "prompt", "tool", "target_node", "left_value", "operator"):
            if key in node:
                yield Edit(("nodes", index, key))


@fault("A key is left empty")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        for key in ("instruction", "prompt", "tool", "target_node", "true_branch", "params", "criteria", "timeout"):
            if key in node and not (key == "timeout" and node["type"] == "llm"):  # there it is the default
                yield Edit(("nodes", index, key), None)


@fault("A key has the wrong indentation")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        key, params = _params(node)
        for name in params:  # beside `params`, not in it
            shallow = node | {key: {each: value for each, value in params.items() if each != name}, name: params[name]}
            yield Edit(("nodes", index), shallow)
        for name in ("timeout", "condition", "enable_retry", "fallback", "on_error"):
            if name in node and key in node:
                deep = {each: value for each, value in node.items() if each != name}
                yield Edit(("nodes", index), deep | {key: params | {name: node[name]}})


# -- names of nodes


@fault("A node that another one names is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    keys = ("dependencies", *_BRANCHES, "target_node", "fallback", "on_error")
    for path, target in _references(definition, *keys):
        yield Edit(path, _misspelled(target, rng, _ids(definition)))


@fault("The id of a node is misspelled where the node is defined")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    named = {match[1].split(".")[0] for _, _, match in _expressions(definition)}
    named |= {target for _, target in _references(definition, "dependencies", *_BRANCHES, "target_node", "fallback")}
    for index, node in _nodes(definition):
        if node["id"] in named:
            yield Edit(("nodes", index, "id"), _misspelled(node["id"], rng, _ids(definition)))


@fault("A node is copied, and keeps its id")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for _, node in _nodes(definition):
        yield Edit(("nodes", len(definition["nodes"])), node)


@fault("An id has characters that ids do not have")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        other = rng.choice((node["id"].title(), node["id"] + " 1", node["id"] + ".a"))
        yield Edit(("nodes", index, "id"), other)


@fault("A node that others name is removed")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    named = {match[1].split(".")[0] for _, _, match in _expressions(definition)}
    named |= {target for _, target in _references(definition, "dependencies", *_BRANCHES, "target_node", "fallback")}
    for index, node in _nodes(definition):
        if node["id"] in named:
            yield Edit(("nodes", index))


# -- flow


@fault("A node depends on one that depends on it")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    followers = edges(definition["nodes"])
    for node_id, before in followers.items():
        for target in before:
            index = _ids(definition).index(target)
            yield Edit(("nodes", index, "dependencies"), [*definition["nodes"][index].get("dependencies", []), node_id])


@fault("A node is in both branches")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "conditional"):
        for target in node["true_branch"]:
            yield Edit(("nodes", index, "false_branch"), [*node.get("false_branch", ()), target])
        for target in node.get("false_branch", ()):
            yield Edit(("nodes", index, "true_branch"), [*node["true_branch"], target])


@fault("A conditional has no branches")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "conditional"):
        yield Edit(("nodes", index), {key: value for key, value in node.items() if key not in _BRANCHES})


@fault("A conditional inside a branch asks what the one around it has asked")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    by_id = {node["id"]: (index, node) for index, node in _nodes(definition, "conditional")}
    for outer in [node for _, node in _nodes(definition, "conditional")]:
        for target in (*outer["true_branch"], *outer.get("false_branch", ())):
            if target in by_id:
                index, inner = by_id[target]
                asked = {key: outer[key] for key in ("left_value", "operator", "right_value")}
                yield Edit(("nodes", index), inner | asked)


@fault("The text of an output has the answer of a node that may be skipped")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for target in sorted(_skippable(definition)):
        yield Edit(("outputs", "result"), f"It is done: {{{{{target}}}}}")


@fault("A node reads one of a branch that it is not in")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    skippable, depends_on = _skippable(definition), edges(definition["nodes"])
    always = [(index, node) for index, node in _nodes(definition, "llm") if node["id"] not in skippable]
    for index, node in always:
        key = "prompt" if "prompt" in node else "instruction"
        for target in sorted(skippable):
            # A node that read nothing else would be skipped as well.
            if depends_on[node["id"]] and node["id"] not in _before(depends_on, target):
                yield Edit(("nodes", index, key), f"{node[key]}\n{{{{{target}}}}}")


def _before(depends_on: Mapping[str, Sequence[str]], node_id: str) -> set[str]:
    """Return the ids of the nodes that a node depends on, directly or through others, itself included."""
    found, pending = {node_id}, [node_id]
    while pending:
        fresh = set(depends_on[pending.pop()]) - found
        found |= fresh
        pending += fresh
    return found


@fault("Nothing reads the answer of a language model any more")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    readers: dict[str, list[tuple[Place, str, re.Match[str]]]] = {}
    for path, text, match in _expressions(definition):
        readers.setdefault(match[1].split(".")[0], []).append((path, text, match))
    named = {target for _, target in _references(definition, "target_node", "dependencies", "fallback")}
    for _, node in _nodes(definition, "llm"):
        if len(reader := readers.get(node["id"], [])) == 1 and node["id"] not in named and "memory_write" not in node:
            path, text, match = reader[0]
            yield Edit(path, _replaced(text, match, "the text"))


@fault("A critic assesses a tool")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    free = {node["id"] for _, node in _nodes(definition, "tool")} - _skippable(definition)
    for index, node in _nodes(definition, "critic"):
        for target in sorted(free):
            if node["id"] not in _before(edges(definition["nodes"]), target):
                yield Edit(("nodes", index, "target_node"), target)


# -- comparisons


@fault("An operator is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, holder, _, _ in _comparisons(definition):
        yield Edit((*path, "operator"), _misspelled(holder["operator"], rng, OPERATORS))


@fault("An operator is that of another language")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, _, _, _ in _comparisons(definition):
        yield Edit((*path, "operator"), rng.choice(("==", ">", "eq", "gte", "in", "is", "!=", "matches", "EQUALS")))


@fault("A comparison has a value that the enumeration does not have")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    values = {value for _, schema in _schemas(definition) for value in schema.get("enum", ())}
    for path, holder, _, right in _comparisons(definition):
        if isinstance(holder[right], str) and holder[right] in values:
            other = (_misspelled(holder[right], rng, values), holder[right].swapcase(), f" {holder[right]}")
            yield Edit((*path, right), rng.choice(other))


@fault("An enumeration does not have the value that it is compared with")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    compared = {holder[right] for _, holder, _, right in _comparisons(definition) if isinstance(holder[right], str)}
    for path, schema in _schemas(definition):
        for index, value in enumerate(schema.get("enum", ())):
            if value in compared:
                yield Edit((*path, "enum", index), _misspelled(value, rng, schema["enum"]))


@fault("A number is compared with a word")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, holder, _, right in _comparisons(definition):
        if holder["operator"] in _NUMERIC:
            yield Edit((*path, right), rng.choice(("high", "five", "80 %", "1,000", "10k")))


@fault("A text is compared as a number")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, holder, _, right in _comparisons(definition):
        if isinstance(holder[right], str | bool):
            yield Edit((*path, "operator"), rng.choice(_NUMERIC))


@fault("An operand is missing")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, holder, left, right in _comparisons(definition):
        for key in (left, right):
            if holder["operator"] not in _ALONE:
                yield Edit((*path, key))


@fault("An operand has no braces")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, holder, left, _ in _comparisons(definition):
        yield Edit((*path, left), holder[left].strip("{}"))


# -- values


@fault("The type of a node is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        yield Edit(("nodes", index, "type"), _misspelled(node["type"], rng))


@fault("A value of a fixed list is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, value in _leaves(definition, ()):
        if path[-1] in ("output_format", "backoff"):
            yield Edit(path, _misspelled(value, rng))
    for path, holder in [((), definition), *((("nodes", index), node) for index, node in _nodes(definition))]:
        for key in ("default_retry", "retry"):
            if key in holder:
                yield Edit((*path, key, "backoff"), rng.choice(("expontial", "linaer", "constant", "none")))


@fault("A model is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        if "model" in node:
            yield Edit(("nodes", index, "model"), _misspelled(node["model"], rng))


_NUMBERS: Final = ("timeout", "max_tokens", "temperature", "min_score", "max_iterations", "max_retries", "retry_delay")


@fault("A number is a text")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        for key in _NUMBERS:
            if key in node:
                yield Edit(("nodes", index, key), rng.choice((str(node[key]), "five", f"{node[key]}s", "default")))


@fault("A number is out of range")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    wrong = {
        "timeout": 0,
        "max_tokens": -1,
        "temperature": 7,
        "min_score": 80,
        "max_iterations": 0,
        "max_retries": -1,
        "retry_delay": -2,
    }
    for index, node in _nodes(definition):
        for key in _NUMBERS:
            if key in node:
                yield Edit(("nodes", index, key), wrong[key])


@fault("A value has the wrong form")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        for key in ("dependencies", *_BRANCHES, "criteria", "memory_read"):
            if key in node:
                yield Edit(("nodes", index, key), rng.choice((", ".join(node[key]), dict.fromkeys(node[key], True))))
        for key in ("instruction", "prompt", "system_prompt", "tool", "target_node", "fallback"):
            if key in node:
                yield Edit(("nodes", index, key), rng.choice(([node[key]], {"text": node[key]})))
        for key in ("params", "inputs", "condition", "retry", "output_schema", "schema"):
            if key in node:
                yield Edit(("nodes", index, key), rng.choice(([node[key]], "text")))


@fault("A truth value is a text")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, value in _leaves(definition, ()):
        if path[-1] in ("enable_retry", "allow_partial_results"):
            yield Edit(path, rng.choice((str(value).lower(), "yes", "on", int(value))))


@fault("Retries are configured, and not enabled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition):
        if "max_retries" in node:
            yield Edit(("nodes", index, "enable_retry"))
        elif not {"retry", "enable_retry"} & set(node):
            yield Edit(("nodes", index, "max_retries"), rng.randint(1, 5))


# -- tools


@fault("A tool is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        yield Edit(("nodes", index, "tool"), _misspelled(node["tool"].replace(".", "_"), rng))


@fault("A parameter is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        key, params = _params(node)
        for name in params:
            yield Edit(("nodes", index, key, name), key=_misspelled(name, rng, params))


_OTHER_WORDS: Final = {
    "to": "recipient",
    "body": "text",
    "message": "content",
    "channel": "room",
    "query": "sql",
    "url": "uri",
    "path": "file",
    "text": "content",
    "expression": "formula",
    "limit": "max_results",
    "seconds": "duration",
    "values": "rows",
    "range": "cells",
    "key": "name",
    "method": "verb",
}


@fault("A parameter has the name that another tool gives it")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        key, params = _params(node)
        for name in params:
            if name in _OTHER_WORDS:
                yield Edit(("nodes", index, key, name), key=_OTHER_WORDS[name])


_OPTIONAL: Final = ("cc", "method", "headers", "limit", "parameters", "encoding", "scope", "user_id", "ttl")


@fault("A required parameter is missing")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        key, params = _params(node)
        for name in params:
            if not (name in _OPTIONAL or (name == "body" and node["tool"] in ("http_request", "http.request"))):
                yield Edit(("nodes", index, key, name))


@fault("A parameter has the wrong type")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for index, node in _nodes(definition, "tool"):
        key, params = _params(node)
        for name, value in params.items():
            if name == "seconds":
                other: object = "five"
            elif name in ("limit", "ttl"):
                other = rng.choice(("three", 2.5, [value]))
            elif is_array(value) or is_object(value):
                other = "name, number"
            else:
                other = rng.choice(([value], {"text": value}, 7, True))
            yield Edit(("nodes", index, key, name), other)


# -- schemas


@fault("A keyword of a schema is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, schema in _schemas(definition):
        for keyword in schema:
            yield Edit((*path, keyword), key=_misspelled(keyword, rng))


@fault("A type in a schema is not one of JSON Schema's")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    words = {
        "string": ("str", "text"),
        "integer": ("int",),
        "number": ("float", "decimal"),
        "boolean": ("bool",),
        "array": ("list",),
        "object": ("dict",),
    }
    for path, schema in _schemas(definition):
        kind = schema["type"]
        yield Edit((*path, "type"), rng.choice((*words[kind], _misspelled(kind, rng), kind.title())))


@fault("A schema requires a property that it does not have")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, schema in _schemas(definition):
        for index, name in enumerate(schema.get("required", ())):
            yield Edit((*path, "required", index), _misspelled(name, rng, schema["properties"]))


@fault("A property of a schema is misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, schema in _schemas(definition):
        for name in schema.get("properties", ()):
            yield Edit((*path, "properties", name), key=_misspelled(name, rng, schema["properties"]))


@fault("A property that is required or read is removed")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, schema in _schemas(definition):
        for name in schema.get("properties", ()):
            yield Edit((*path, "properties", name))


@fault("A part of a schema has the wrong form")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, schema in _schemas(definition):
        for name, each in schema.get("properties", {}).items():
            yield Edit((*path, "properties", name), rng.choice((each["type"], [each], each | {"required": True})))
        if "properties" in schema:
            properties = [{"name": name, **each} for name, each in schema["properties"].items()]
            yield Edit((*path, "properties"), properties)
            yield Edit((*path, "required"), schema["required"][0])
        if "enum" in schema:
            yield Edit((*path, "enum"), ", ".join(schema["enum"]))


@fault("An input that a template reads is not required")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    read_names = {match[1].split(".")[1] for _, _, match in _expressions(definition) if match[1].startswith("input.")}
    schema = definition["input_schema"]
    for index, name in enumerate(schema["required"]):
        if name in read_names:
            yield Edit(("input_schema", "required", index))
            optional = [each for each in schema["required"] if each != name]
            properties = schema["properties"] | {name: schema["properties"][name] | {"default": "none"}}
            if schema["properties"][name]["type"] == "string" and "enum" not in schema["properties"][name]:
                yield Edit(("input_schema",), schema | {"required": optional, "properties": properties})


@fault("An output that the schema requires is missing or misspelled")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for name in definition.get("output_schema", {}).get("required", ()):
        yield Edit(("outputs", name))
        yield Edit(("outputs", name), key=_misspelled(name, rng))


# -- templates


@fault("A template names a node that there is not")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, text, match in _expressions(definition):
        source, dot, rest = match[1].partition(".")
        if source in _ids(definition):
            changed = _misspelled(source, rng, _ids(definition))
            yield Edit(path, _replaced(text, match, f"{{{{{changed}{dot}{rest}}}}}"))


@fault("A template names an input that there is not")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, text, match in _expressions(definition):
        source, _, name = match[1].partition(".")
        if source == "input":
            first, dot, rest = name.partition(".")
            changed = _misspelled(first, rng, definition["input_schema"]["properties"])
            yield Edit(path, _replaced(text, match, f"{{{{input.{changed}{dot}{rest}}}}}"))


@fault("A template names a field that there is not")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    fields = {name for _, schema in _schemas(definition) for name in schema.get("properties", ())}
    for path, text, match in _expressions(definition):
        head, dot, name = match[1].rpartition(".")
        if dot and not name.isdigit() and head.split(".")[0] not in ("input", "env", "secrets"):
            changed = _misspelled(name, rng, fields)
            yield Edit(path, _replaced(text, match, f"{{{{{head}.{changed}}}}}"))


@fault("A template reads a field of what has none")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    texts = {
        node["id"] for _, node in _nodes(definition, "llm") if not {"schema", "output_schema", "fallback"} & set(node)
    }
    for path, text, match in _expressions(definition):
        name = rng.choice(("title", "text", "output", "content", "result", "0"))
        if match[1] in texts:
            yield Edit(path, _replaced(text, match, f"{{{{{match[1]}.{name}}}}}"))
        source, _, field = match[1].partition(".")
        inputs: dict[str, Any] = definition["input_schema"]["properties"] if source == "input" else {}
        if inputs.get(field, {}).get("type") in ("string", "number", "integer"):
            yield Edit(path, _replaced(text, match, f"{{{{{match[1]}.{name}}}}}"))


@fault("A template reads through a name that is not there")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    # Such as `{{classify.output.urgency}}`, as other platforms have it.
    schemas = {node["id"] for _, node in _nodes(definition, "llm") if {"schema", "output_schema"} & set(node)}
    for path, text, match in _expressions(definition):
        source, _, name = match[1].partition(".")
        if source in schemas and name:
            middle = rng.choice(("output", "result", "data", "json"))
            yield Edit(path, _replaced(text, match, f"{{{{{source}.{middle}.{name}}}}}"))


@fault("A template lacks braces")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, text, match in _expressions(definition):
        name = match[1]
        wrong = (f"{{{name}}}", f"{{{{{name}}}", f"{{{name}}}}}", f"{{{{{name}", f"{name}}}}}", f"{{ {{{name}}} }}")
        yield Edit(path, _replaced(text, match, rng.choice(wrong)))


@fault("A template is written in another language")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, text, match in _expressions(definition):
        name = match[1]
        wrong = (
            f"${{{{{name}}}}}",
            f"${{{name}}}",
            f"<<{name}>>",
            f"{{% {name} %}}",
            f"{{{{#if {name}}}}}",
            f"<%= {name} %>",
        )
        yield Edit(path, _replaced(text, match, rng.choice(wrong)))


@fault("A template computes")
def _(definition: Definition, rng: random.Random) -> Iterator[Edit]:
    for path, text, match in _expressions(definition):
        name = match[1]
        wrong = (
            f"{name} | upper",
            f"{name} or 'none'",
            f"{name}[0]",
            f"{name}.length()",
            f"{name} + 1",
            f"${name}",
            "",
        )
        yield Edit(path, _replaced(text, match, f"{{{{{rng.choice(wrong)}}}}}"))

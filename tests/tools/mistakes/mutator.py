"""Single changes of valid definitions, of the kinds that people make by mistake."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from fibonacci.definitions.json_types import is_array, is_object
from tests.tools.mistakes.valid import valid_definition

Place = tuple[str | int, ...]
REMOVED: Final = object()
_TEMPLATE: Final = re.compile(r"\{\{([\w-]+)(\.\w+)?([^{}]*)\}\}")
_REFERENCES: Final = ("dependencies", "true_branch", "false_branch", "target_node", "fallback", "on_error")
_WORDS: Final = ("type", "tool", "model", "operator", "output_format", "backoff")
_REQUIRED: Final = ("id", "type", "instruction", "prompt", "tool", "target_node", "left_value", "operator")
_NUMBERS: Final = ("timeout", "max_tokens", "temperature", "min_score", "max_iterations", "max_retries", "retry_delay")


class Mistake(NamedTuple):
    """A definition with one change.

    Attributes:
        kind: What is wrong.
        place: The place that is changed: keys and indexes.
        value: What is there afterwards; `REMOVED` for nothing.
        key: The new name of the key at the end of the place, which keeps its value.
    """

    kind: str
    place: Place
    value: Any = REMOVED
    key: str | None = None

    def made_in(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Return a changed copy of a definition."""
        changed: dict[str, Any] = copy.deepcopy(dict(definition))
        parent: Any = changed
        for part in self.place[:-1]:
            parent = parent[part]
        last = self.place[-1]
        if self.key is not None:
            renamed = {self.key if key == last else key: value for key, value in parent.items()}
            parent.clear()
            parent.update(renamed)
        elif self.value is REMOVED:
            del parent[last]
        elif last == "end":
            parent.append(self.value)
        else:
            parent[last] = self.value
        return changed


@st.composite
def mistaken(draw: st.DrawFn) -> tuple[Mistake, dict[str, Any]]:
    """Draw a mistake, and a definition that is valid but for it; a kind is drawn first, so that none is rare."""
    definition = valid_definition(draw(st.integers(0, 5_000)))
    found = list(mistakes(definition, draw(st.integers(0, 3)), draw(st.integers(0, 30))))
    kind = draw(st.sampled_from(sorted({each.kind for each in found})))
    mistake = draw(st.sampled_from([each for each in found if each.kind == kind]))
    return mistake, mistake.made_in(definition)


def mistakes(definition: Mapping[str, Any], way: int, at: int) -> Iterator[Mistake]:
    """Yield the mistakes that can be made in a definition.

    Args:
        definition: The definition.
        way: How words are misspelled.
        at: At which letter.
    """

    def misspelled(word: str) -> str:
        letters = [place for place, letter in enumerate(word) if letter.isalpha()]  # a digit may make it another name
        place = letters[at % len(letters)]
        ways = (
            word[:place] + word[place + 1 :] or "x",
            word[:place] + word[place] + word[place:],
            word[:place] + ("q" if word[place] != "q" else "w") + word[place + 1 :],
            word + "x",
        )
        return ways[way]

    for key in definition:
        yield Mistake("A key is misspelled", (key,), key=misspelled(key))
    nodes = definition["nodes"]
    names = {match[1] for _, text in _texts(definition) for match in _TEMPLATE.finditer(text)}
    for index, node in enumerate(nodes):
        place: Place = ("nodes", index)
        yield Mistake("Two nodes have one id", ("nodes", "end"), node)
        if node["id"] in names:
            yield Mistake("A node that a template names is removed", place)
        for key, value in node.items():
            yield Mistake("A key is misspelled", (*place, key), key=misspelled(key))
            if key in _REQUIRED:
                yield Mistake("A required key is missing", (*place, key))
            if key in _REQUIRED and key != "left_value":
                yield Mistake("A value has the wrong form", (*place, key), [value])
            if key in _NUMBERS:
                yield Mistake("A number is a text", (*place, key), f"{value}s")
                yield Mistake("A number is out of range", (*place, key), -1)
            if key in _WORDS:
                yield Mistake("A word of a fixed list is misspelled", (*place, key), misspelled(value))
            if key in _REFERENCES and isinstance(value, str):
                yield Mistake("A node that is named is misspelled", (*place, key), misspelled(value))
            elif key in _REFERENCES:
                for number, target in enumerate(value):
                    yield Mistake("A node that is named is misspelled", (*place, key, number), misspelled(target))
            if key in ("params", "inputs"):
                for name in value:
                    yield Mistake("A parameter is misspelled", (*place, key, name), key=misspelled(name))
    for found, schema in _schemas(definition):
        for keyword in schema:
            yield Mistake("A keyword of a schema is misspelled", (*found, keyword), key=misspelled(keyword))
        for number, name in enumerate(schema.get("required", ())):
            yield Mistake("A property is required that there is not", (*found, "required", number), misspelled(name))
    for found, text in _texts(definition):
        for match in _TEMPLATE.finditer(text):
            source, field, rest = match.groups(default="")
            before, after = text[: match.start()], text[match.end() :]
            wrong = {
                "A template names what there is not": f"{{{{{misspelled(source)}{field}{rest}}}}}",
                "A template lacks braces": f"{before}{{{{{source}{field}{rest}}}",
                "A template computes": f"{{{{{source}{field}{rest} | upper}}}}",
            }
            if source == "input" and field:
                wrong["A template names an input that there is not"] = f"{{{{input.{misspelled(field[1:])}{rest}}}}}"
            for kind, each in wrong.items():
                yield Mistake(kind, found, f"{before}{each}{after}")


def _texts(definition: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield each text that may have templates, with its place."""
    keys = {"instruction", "prompt", "system_prompt", "params", "inputs", "left_value", "memory_write"}
    pending: list[tuple[Place, Any]] = [(("outputs",), definition["outputs"])]
    pending += [
        (("nodes", at, key), node[key]) for at, node in enumerate(definition["nodes"]) for key in keys & node.keys()
    ]
    while pending:
        place, value = pending.pop(0)
        if is_object(value):
            pending += [((*place, key), each) for key, each in value.items()]
        elif is_array(value):
            pending += [((*place, number), each) for number, each in enumerate(value)]
        elif isinstance(value, str):
            yield place, value


def _schemas(definition: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each JSON Schema of an object, without those within it."""
    owners: list[tuple[Place, Mapping[str, Any]]] = [((), definition)]
    owners += [(("nodes", index), node) for index, node in enumerate(definition["nodes"])]
    for place, owner in owners:
        for key in ("input_schema", "output_schema"):
            if key in owner:
                yield (*place, key), owner[key]

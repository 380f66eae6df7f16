"""Random files of definitions as people write them, which change where the platform has changed them, and only there.

    python -m tests.tools.commented_files --files 300 --seed 1

The files have comments at every place, and all styles of YAML. Each is written as JSON too.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from fibonacci.definitions import diff, to_plain
from fibonacci.definitions.files.load_and_dump import read_text
from fibonacci.definitions.files.source import Source
from fibonacci.definitions.files.updating import updated_text
from fibonacci.definitions.files.writing import write_yaml
from fibonacci.definitions.json_types import is_array, is_object

_TEXTS: Final = (
    *(
        "Greet {{input.name}}",
        "Sort {{ input.mail }} #ops",
        "Grüße an 😀",
        "it's",
        'say "hi"',
        "a: b",
        "x # y",
        "- a",
        "yes",
    ),
    *("1:30", "null", "#", "", " padded ", "tab\there", "{{ input.a }}{{input.b}}", "C:\\temp", "[a], {b}"),
    "Line one\nLine two {{input.x}}\n\nLast\n",
    "First {{ input.y }}\n  indented\n# no comment\nlast",
    "A long text that is folded, because it has far more words than one line of a file should have: {{input.z}}\n",
    "Two paragraphs, of which the first one is longer than the width of a line in the file.\nThe second one is not.\n",
)
_WORDS: Final = ("kind", "polite", "{{input.tone}}", "#1", "two\nlines", "naïve", "'quoted'", "{{ input.new }}")

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_NEWER: Final = {"prompt": "instruction", "inputs": "params"}


@dataclass
class CommentedFile:
    """A file, and what is known of it.

    Attributes:
        text: The text.
        definition: What it says, in the newer spelling.
        comments: The comments, each with the path of the entry that it belongs to.
        nodes: The lines of each node, without comments around it, by its id.
    """

    text: str
    definition: dict[str, Any]
    comments: dict[str, tuple[str, ...]]
    nodes: dict[str, str]


def random_file(seed: int) -> CommentedFile:
    """Return a file of YAML."""
    return _FileAuthor(random.Random(seed)).write()


@dataclass
class _FileAuthor:
    random: random.Random
    comments: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    nodes: dict[str, str] = field(default_factory=dict[str, str])

    def write(self) -> CommentedFile:
        choice = self.random.random
        self._step = self.random.choice((2, 4))
        self._list_step = self.random.choice((0, 2))
        self._brackets = self.random.choice((0.0, 0.2, 0.5))
        self._density = self.random.choice((0.1, 0.4, 0.8))
        self._is_spaced = choice() < 0.5
        raw = self._definition()
        lines = [*self._own_lines(0, ()), *self._mapping(raw, 0, ()), *self._own_lines(0, ())]
        if choice() < 0.3:
            lines.insert(0, "---")
        if choice() < 0.2:
            lines.append("...")
        newline = self.random.choice(("\n", "\n", "\n", "\r\n", "\r\n", "\r"))
        text = newline.join("\n".join(lines).split("\n"))
        if choice() < 0.8 or yaml.safe_load(text) != yaml.safe_load(f"{text}\n"):
            text += newline
        nodes = {name: newline.join(part.split("\n")) for name, part in self.nodes.items()}
        start = "\ufeff" if choice() < 0.1 else ""
        return CommentedFile(start + text, to_plain(raw), self.comments, nodes)

    def _definition(self) -> dict[str, Any]:
        nodes = [self._node(index) for index in range(self.random.randint(1, 5))]
        optional = {
            "name": "Mail",
            "description": self._text(),
            "timeout": 60,
            "x-team": self._value(2),
            "outputs": {"answer": f"{{{{{nodes[0]['id']}}}}}", "note": self._text()},
        }
        chosen = {key: value for key, value in optional.items() if self.random.random() < 0.6}
        return self._shuffled({"nodes": nodes, **chosen})

    def _node(self, index: int) -> dict[str, Any]:
        kind = self.random.choice(("llm", "tool", "critic"))
        node: dict[str, Any] = {"id": f"n{index}", "type": kind}
        if kind == "llm":
            node[self.random.choice(("instruction", "prompt"))] = self._text()
            if self.random.random() < 0.5:
                node["temperature"] = self.random.choice((0, 0.5, 1.0))
            if self.random.random() < 0.3:
                node["retry"] = {"max_attempts": 3, "delay": 2.5}
        elif kind == "tool":
            node["tool"] = self.random.choice(("slack.send", "slack_send"))
            node[self.random.choice(("params", "inputs"))] = self._object(3)
        else:
            node |= {"target_node": "n0", "criteria": [self._text() for _ in range(self.random.randint(1, 4))]}
        if index and self.random.random() < 0.5:
            node["dependencies"] = [f"n{other}" for other in range(index)]
        return self._shuffled(node) if self.random.random() < 0.5 else node

    def _shuffled(self, members: dict[str, Any]) -> dict[str, Any]:
        return dict(self.random.sample(list(members.items()), len(members)))

    def _object(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(("to", "text", "a b", "when", "list", "n", "ä"), self.random.randint(1, 4))
        return {name: self._value(depth - 1) for name in names}

    def _value(self, depth: int) -> Any:
        choice = self.random.random()
        if depth and choice < 0.25:
            return self._object(depth)
        if depth and choice < 0.5:
            return [self._value(depth - 1) for _ in range(self.random.randint(1, 3))]
        others: tuple[Any, ...] = (5, 1.5, True, None, {}, [])
        return self.random.choice((self._text(), self._text(), *others))

    def _text(self) -> str:
        return self.random.choice(_TEXTS)

    # Comments.

    def _comment(self, owner: tuple[str, ...]) -> str:
        text = f"# {len(self.comments)} {self.random.choice(('why', 'TODO: x', 'a: b', '- c', '{{input.x}}', 'ü'))}"
        self.comments[text] = owner
        return text

    def _own_lines(self, indentation: int, owner: tuple[str, ...]) -> list[str]:
        """Return comments that belong to nothing below them, with empty lines around them."""
        if self.random.random() > self._density / 2:
            return []
        return [*self._empty(), " " * indentation + self._comment(owner), ""]

    def _empty(self) -> list[str]:
        return [""] if self.random.random() < 0.3 else []

    def _behind(self, owner: tuple[str, ...]) -> str:
        if self.random.random() > self._density:
            return ""
        return " " * self.random.randint(1, 3) + self._comment(owner)

    # Values.

    def _mapping(self, value: dict[str, Any], indentation: int, path: tuple[str, ...]) -> list[str]:
        lines: list[str] = []
        for index, (key, member) in enumerate(value.items()):
            inner = (*path, _NEWER.get(key, key))
            lines += self._above(indentation, path, inner, is_first=index == 0)
            lines += self._entry(self._key(key) + ":", member, indentation, inner, is_member=True)
        return lines

    def _sequence(self, value: list[Any], indentation: int, path: tuple[str, ...]) -> list[str]:
        lines: list[str] = []
        for index, element in enumerate(value):
            inner = (*path, element["id"] if path == ("nodes",) else str(index))
            above = self._above(indentation, path, inner, is_first=index == 0)
            lines += [""] if index and path == ("nodes",) and self._is_spaced and not (above and not above[0]) else []
            entry = self._entry("-", element, indentation, inner, is_member=False)
            if path == ("nodes",):
                self.nodes[element["id"]] = "\n".join(entry)
            lines += [*above, *entry]
        return lines

    def _above(self, indentation: int, path: tuple[str, ...], inner: tuple[str, ...], *, is_first: bool) -> list[str]:
        """Return the lines between an entry and the one before it."""
        if is_first and path and path[-1] not in ("nodes", "params", "inputs"):
            return []
        lines = self._own_lines(indentation, path) if self.random.random() < 0.3 else []
        while self.random.random() < self._density / 2:
            lines.append(" " * indentation + self._comment(inner))
        return lines

    def _key(self, key: str) -> str:
        return self.random.choice((key, key, f"'{key}'", f'"{key}"'))

    def _entry(self, start: str, value: Any, indentation: int, path: tuple[str, ...], *, is_member: bool) -> list[str]:
        margin = " " * indentation
        if value and (is_object(value) or is_array(value)):
            if path != ("nodes",) and self.random.random() < self._brackets:
                return [f"{margin}{start} {self._in_brackets(value, indentation, path)}{self._behind(path)}"]
            step = self._list_step if is_array(value) and is_member else self._step if is_member else 2
            write: Any = self._mapping if is_object(value) else self._sequence
            lines: list[str] = write(value, indentation + step, path)
            is_alone = is_member or lines[0].lstrip().startswith("#") or self.random.random() < 0.1 or not lines[0]
            if is_alone:
                return [f"{margin}{start}{self._behind(path)}", *lines]
            return [f"{margin}{start} {lines[0].lstrip()}", *lines[1:]]
        first, *rest = self._scalar(value, indentation)
        if first[:1] not in ("|", ">") and self.random.random() < 0.1:  # below its key or dash
            return [f"{margin}{start}{self._behind(path)}", f"{margin}  {first}", *rest]
        if rest and first[0] not in "|>":
            rest[-1] += self._behind(path)
        else:
            first += self._behind(path)
        return [f"{margin}{start} {first}", *rest]

    def _scalar(self, value: Any, indentation: int) -> list[str]:
        if not isinstance(value, str):
            return [json.dumps(value)]
        style = self.random.choice((None, None, "'", '"', "|", ">"))
        if value != value.strip() and style in ("|", ">") and not value.strip(" ").endswith("\n"):
            style = '"'
        written: str = cast("Any", yaml).dump(value, default_style=style, width=60, allow_unicode=True)
        lines = written.removesuffix("...\n").removesuffix("\n").split("\n")
        margin = " " * (indentation + 2)
        shift = 0 if lines[0][0] not in "|>" else 2
        return [lines[0], *(f"{margin}{line[shift:]}" if line else "" for line in lines[1:])]

    def _in_brackets(self, value: Any, indentation: int, path: tuple[str, ...]) -> str:
        if not value or not (is_object(value) or is_array(value)):
            plain = write_yaml([value], in_brackets=True)[1:-2]
            return self.random.choice((plain, json.dumps(value, ensure_ascii=False)))
        entries: list[str] = []
        margin = " " * (indentation + 2)
        has_lines = self.random.random() < 0.4
        members = value.items() if is_object(value) else ((str(index), item) for index, item in enumerate(value))
        for index, (key, member) in enumerate(members):
            start = f"{self._key(key)}: " if is_object(value) else ""
            comma = "," if index < len(value) - 1 or (has_lines and self.random.random() < 0.5) else ""
            text = f"{start}{self._in_brackets(member, indentation + 2, (*path, _NEWER.get(key, key)))}{comma}"
            inner = (*path, _NEWER.get(key, key))
            above = (
                f"{self._comment(inner)}\n{margin}  " if has_lines and self.random.random() < self._density / 3 else ""
            )
            entries.append(above + text + (self._behind(inner) if has_lines else ""))
        opening, closing = "{}" if is_object(value) else "[]"
        if not has_lines:
            return f"{opening}{' '.join(entries)}{closing}"
        lines = "\n".join(f"{margin}  {entry}" for entry in entries)
        return f"{opening}\n{lines}\n{margin}{closing}"


def changed_elsewhere(definition: dict[str, Any], seed: int) -> tuple[dict[str, Any], set[tuple[str, ...]]]:
    """Return a definition with a few random changes, and the paths of what was removed or replaced."""
    choice = random.Random(seed)
    changed, gone = copy.deepcopy(definition), set[tuple[str, ...]]()
    for number in range(choice.randint(1, 4)):
        node: Any = choice.choice(changed["nodes"])
        place = choice.choice(list(_objects(node, ("nodes", node["id"]))))
        kind = choice.choice(("text", "add", "remove", "add node", "remove node", "field", "list"))
        if kind == "add node":
            made = {"id": f"new{number}", "type": "llm", "instruction": f"Say {choice.choice(_WORDS)}"}
            changed["nodes"].insert(choice.randint(0, len(changed["nodes"])), made)
        elif kind == "remove node" and len(changed["nodes"]) > 1:
            changed["nodes"].remove(node)
            gone.add(("nodes", node["id"]))
        elif kind == "field":
            name = choice.choice(("description", "timeout", "name", "x-team"))
            if name in changed and choice.random() < 0.4:
                del changed[name]
            else:
                changed[name] = 90 if name == "timeout" else f"Now {choice.choice(_WORDS)}"
            gone.add((name,))
        else:
            change = _change_array if is_array(place[0]) else _change_object
            change(kind, *place, choice, gone)
    if not {node["id"] for node in definition["nodes"]} & {node["id"] for node in changed["nodes"]}:
        gone.add(("nodes",))
    return changed, gone


def _objects(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if is_object(value) or is_array(value):
        yield value, path
        for key, member in value.items() if is_object(value) else enumerate(value):
            yield from _objects(member, (*path, str(key)))


def _change_array(
    kind: str, place: Any, path: tuple[str, ...], choice: random.Random, gone: set[tuple[str, ...]]
) -> None:
    if kind == "add":
        place.insert(choice.randint(0, len(place)), f"added {choice.choice(_WORDS)}")
    elif kind == "remove" and place:
        del place[choice.randrange(len(place))]
    gone.add(path)


def _change_object(
    kind: str, place: Any, path: tuple[str, ...], choice: random.Random, gone: set[tuple[str, ...]]
) -> None:
    keys = [key for key in place if key not in ("id", "type", "tool", "target_node")]
    if kind == "add" and path[2:]:
        place[f"new key {len(place)}"] = choice.choice(([1, {"a": "b"}], "x: y", "a\nb", {"deep": [1]}, None))
    elif kind == "remove" and path[2:] and keys:
        key = choice.choice(keys)
        del place[key]
        gone.add((*path, key) if place else path)
    elif keys:
        key = choice.choice(keys)
        old = place[key]
        if isinstance(old, str):
            words = old.split(" ")
            words[choice.randrange(len(words))] = choice.choice(_WORDS)
            place[key] = " ".join(words)
        elif key != "dependencies":
            place[key] = choice.choice((old, {"a": [1]}, "text", 7)) if path[2:] else old
        gone.add((*path, key))


def faults(seed: int) -> Iterator[str]:
    """Yield what is wrong with a random file after a random change of its definition."""
    file = random_file(seed)
    if diff(_read(file.text), file.definition):
        yield "the file does not say what it was made from"
    definition, gone = changed_elsewhere(file.definition, seed)
    text = updated_text(file.text, "a.yaml", definition) or ""
    if diff(_read(text), definition):
        yield "it does not say what is wanted"
    lost = [
        comment
        for comment, owner in file.comments.items()
        if comment not in text and not any(owner[: len(path)] == path for path in gone)
    ]
    yield from (f"the comment {comment!r} is lost" for comment in lost)
    for node in file.definition["nodes"]:
        if node in definition["nodes"] and file.nodes[node["id"]] not in text:
            yield f"the lines of node {node['id']} have changed"
    if set(_LINE_BREAK.findall(text)) - set(_LINE_BREAK.findall(file.text)):
        yield "it has other line breaks"
    if text.startswith("\ufeff") != file.text.startswith("\ufeff"):
        yield "it has lost its byte order mark, or has one now"
    if updated_text(text, "a.yaml", definition) != text:
        yield "it changes a second time"
    yield from _faults_in_json(seed, file.definition, definition)


def _read(text: str) -> Any:
    return read_text(Source(text, "a.yaml"), "yaml").plain()


_JSON_STYLES: Final[Sequence[Mapping[str, Any]]] = (
    *({"indent": indent} for indent in (2, 4, "\t", None)),
    {"separators": (",", ":")},
)


def _faults_in_json(seed: int, old: Any, new: Any) -> Iterator[str]:
    style = _JSON_STYLES[seed % len(_JSON_STYLES)]
    before = json.dumps(old, ensure_ascii=seed % 2 == 0, **style)
    text = updated_text(before, "a.json", new) or "null"
    result = json.loads(text)
    if diff(result, new):
        yield "in JSON, it does not say what is wanted"
    if text != json.dumps(result, ensure_ascii="\\u" in before, **style):
        yield "in JSON, its style has changed"
    if [key for key in result if key in old] != [key for key in old if key in result]:
        yield "in JSON, its keys have another order"


def check_files(seed: int, files: int) -> int:
    """Check random files, and return how many; the first one with a fault is an AssertionError that shows it."""
    checked = 0
    for number in range(seed, seed + files):
        if wrong := list(faults(number)):
            raise AssertionError("\n".join([f"seed {number}:", random_file(number).text, *wrong]))
        checked += 1
    return checked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=300, help="how many files")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="which ones; it is printed")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    try:
        print(check_files(options.seed, options.files), "files")
    except AssertionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

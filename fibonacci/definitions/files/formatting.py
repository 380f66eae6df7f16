"""Formatting a definition's text: one order of keys, one style, today's words, and the comments of its author."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from fibonacci._system.files import write_file
from fibonacci.definitions.files.legacy_dialect import warn_of_words
from fibonacci.definitions.files.load_and_dump import dumps, format_of_file, read_text, text_of_file
from fibonacci.definitions.files.source import Element, Format, Source, events, format_of, read_yaml
from fibonacci.definitions.node_kinds import FIELDS
from fibonacci.definitions.spellings import Generation

_BLOCK_HEADER = re.compile(r"[|>]([-+0-9]*)[ \t]*(#[^\r\n]*)?")
_COMMENT_OR_EMPTY_LINE = re.compile(r"#[^\r\n]*|(?<=\n)[ \t]*(?=\r?\n)")

_NODE: Final = re.compile(r"^nodes\[([0-9]+)\]")

# The keys of a node that formatting may replace, in either direction: the two spellings.
_RENAMED: Final = (
    *((field.older, field.key) for field in FIELDS if field.older),
    ("retry.max_attempts", "max_retries"),
    ("retry.delay", "retry_delay"),
    ("retry", "enable_retry"),
)


class Comment(NamedTuple):
    """A comment, or an empty line, which is treated like one."""

    text: str
    """The comment with its `#`. Empty for an empty line."""

    offset: int
    """Where it begins."""

    has_own_line: bool
    """Whether it is alone on its line."""


def comments(source: Source) -> list[Comment]:
    """Return the comments and the empty lines between the values of a YAML text, in order."""
    comments: list[Comment] = []
    position = 0
    for event in events(source.text):
        if type(event).__name__ != "ScalarEvent":
            continue
        start: int = event.start_mark.index
        comments += _between(source, position, start)
        position = event.end_mark.index
        if event.style in ("|", ">"):
            header = _BLOCK_HEADER.match(source.text, start)
            if header and header[2]:
                comments.append(Comment(header[2].rstrip(), header.start(2), has_own_line=False))
            if header and "+" not in header[1]:  # empty lines at the end aren't part of the text
                position = start + len(source.text[start:position].rstrip()) + 1
    return [*comments, *_between(source, position, len(source.text))]


def _between(source: Source, start: int, end: int) -> Iterator[Comment]:
    for match in _COMMENT_OR_EMPTY_LINE.finditer(source.text, start, end):
        before = source.text_of_line(source.line(match.start()))[: source.column(match.start()) - 1]
        yield Comment(match[0].strip(), match.start(), has_own_line=before.strip() in ("", "---"))


def with_comments(text: str, source: Source, root: Element, *, nodes: Mapping[int, int | None] | None = None) -> str:
    """Return a YAML text with the comments from another text of the same definition.

    A comment on a separate line stays before its key or item. A comment after a value stays after that value. If the
    key, item or value is gone, the comment goes before what contained it. Comments at the end stay at the end.

    Args:
        text: The YAML text, as `write_yaml` writes it.
        source: The text with the comments.
        root: The definition in that text.
        nodes: The index of each node in the new text, or None for a node that is gone along with its comments.
            Default: the nodes are where they were.

    Returns:
        The text with the comments and the empty lines. Several empty lines in a row become one.
    """
    target = Source(text, source.name)
    places = _Places(source, root, target, nodes or {})
    before: dict[int, list[str]] = {}
    after: dict[int, str] = {}
    last: list[str] = []
    for comment in comments(source):
        location = places.before(comment) if comment.has_own_line else places.of(comment)
        if places.is_gone(location):
            continue
        line = None if location is None else places.line(location)
        if line is None:
            last.append(comment.text)
        elif comment.has_own_line or line in after:
            before.setdefault(line, []).append(comment.text)
        else:
            after[line] = comment.text
    lines: list[str] = []
    for number, content in enumerate(text.removesuffix("\n").split("\n"), 1):
        indentation = content[: len(content) - len(content.lstrip(" "))]
        above = before.get(number, ())
        lines += _lines(above, indentation, skip_empty=not lines)
        lines.append(f"{content}  {after[number]}" if number in after else content)
    while last and not last[-1]:
        last.pop()
    return "\n".join([*lines, *_lines(last, "")]) + "\n"


def _lines(texts: Iterable[str], indentation: str, *, skip_empty: bool = False) -> Iterator[str]:
    """Yield lines of comments. Several empty lines become one, and those at the start can be skipped."""
    for text in texts:
        if text or not skip_empty:
            yield indentation + text if text else ""
        skip_empty = not text


class _Places:
    """Maps the parts of one text to another text of the same definition."""

    def __init__(self, source: Source, root: Element, target: Source, nodes: Mapping[int, int | None]) -> None:
        self._source = source
        self._nodes = nodes
        self._target = target
        self._target_root = read_yaml(target)
        # If several elements begin at the same place, the outer one comes first.
        self._elements = sorted(root.walk(), key=lambda pair: pair[1].key_offset)
        self._offsets = [element.key_offset for _, element in self._elements]

    def before(self, comment: Comment) -> str | None:
        """Return the location of what is below a comment on its own line, or None at the end of the text."""
        index = bisect_right(self._offsets, comment.offset)
        return self._elements[index][0] if index < len(self._elements) else None

    def of(self, comment: Comment) -> str | None:
        """Return the location of what comes before a comment on the same line."""
        end = bisect_right(self._offsets, comment.offset)
        start = bisect_left(self._offsets, self._source.line_start(comment.offset), hi=end)
        chosen = None
        for location, element in self._elements[start:end] or self._elements[max(end - 1, 0) : end]:
            chosen = location
            if self._source.text.startswith(("[", "{"), element.offset) and element.is_container:
                break  # in brackets, so the comment is about all of it
        return self.before(comment) if chosen is None else chosen

    def is_gone(self, location: str | None) -> bool:
        """Whether a location is in a node that the other text doesn't have."""
        match = _NODE.match(location or "")
        return match is not None and self._nodes.get(int(match[1]), 0) is None

    def line(self, location: str) -> int:
        """Return the line in the other text for a location in this one."""
        location = _NODE.sub(lambda match: f"nodes[{self._nodes.get(int(match[1]), match[1])}]", location)
        element, exact = self._target_root.find(location)
        if not exact:
            element = self._renamed(location) or element
        return self._target.line(element.key_offset)

    def _renamed(self, location: str) -> Element | None:
        node, separator, key = location.partition("].")
        for pair in _RENAMED:
            for old, new in (pair, pair[::-1]):
                if key == old or key.startswith((f"{old}.", f"{old}[")):
                    element, exact = self._target_root.find(f"{node}{separator}{new}{key.removeprefix(old)}")
                    if exact:
                        return element
        return None


def format_definition(
    text: str, *, name: str = "<text>", generation: Generation = "newer", format: Format | None = None
) -> str:
    r"""Return the text of a definition in a normal form that keeps its comments.

    Keys get the same order as with `dumps`. Keys and operators that fibonacci-sdk 0.2.4 named differently get their
    current names. The definition doesn't have to be valid. Formatting a formatted text changes nothing.

    Args:
        text: A definition in YAML or JSON.
        name: The file name to show in the positions of errors.
        generation: Which of the platform's two spellings to write: `newer` (such as `instruction`) or `older` (such as
            `prompt`).
        format: The format of the text, which stays the same. With None (the default), a text that begins with `{` or
            `[` is JSON, and any other is YAML.

    Returns:
        The text in its normal form, which is the same text if it already has that form.

    Raises:
        DefinitionError: If the text can't be read, a field has different values in its two spellings, or a comment
            would be lost.
        ImportError: If the text is YAML and PyYAML isn't installed. The message has the command that installs it.
        TypeError: If the text isn't a str.

    Example:
        >>> print(format_definition("nodes:\n  - {type: llm, id: greet, prompt: Hello}  # politely\n"), end="")
        nodes:
        - id: greet  # politely
          type: llm
          instruction: Hello
    """
    source = Source(text, name)
    return _formatted(source, format or format_of(text), generation)


def format_file(path: str | os.PathLike[str], *, generation: Generation = "newer") -> bool:
    """Format the definition in a file, as `format_definition` does.

    The file is written completely or not at all.

    Args:
        path: The file. Its suffix decides the format: `.yaml` and `.yml`, or `.json`.
        generation: Which of the platform's two spellings to write: `newer` (such as `instruction`) or `older` (such as
            `prompt`).

    Returns:
        Whether the text changed. If it didn't, the file isn't written.

    Raises:
        DefinitionError: If the text can't be read, a field has different values in its two spellings, or a comment
            would be lost. The file then stays as it was.
        ImportError: If the file is YAML and PyYAML isn't installed. The message has the command that installs it.
        OSError: If the file can't be read or written.
        ValueError: If the file has another suffix.

    Example:
        ```python
        from pathlib import Path

        from fibonacci.definitions import format_file

        Path("greeter.yaml").write_text("nodes: [{type: llm, id: greet, prompt: Hello}]")
        print(format_file("greeter.yaml"), format_file("greeter.yaml"))  # prints: True False
        ```
    """
    text_format = format_of_file(path)
    text, name = text_of_file(path)
    formatted = _formatted(Source(text, name), text_format, generation)
    if formatted != text:
        write_file(path, formatted)
    return formatted != text


def _formatted(source: Source, text_format: Format, generation: Generation) -> str:
    """Format a text, with warnings for words of fibonacci-sdk 0.2.4."""
    root = read_text(source, text_format)
    source.raise_errors()
    warn_of_words(source.in_order())
    text = dumps(root.plain(), generation=generation, format=text_format)
    if text_format == "json":
        return text
    result = with_comments(text, source, root)
    _refuse_loss(source, result, text)
    return result


def _refuse_loss(source: Source, result: str, without_comments: str) -> None:
    """Refuse a result that lacks a comment of the source, or whose definition a comment has changed."""
    formatted = Source(result, source.name)
    left = Counter(comment.text for comment in comments(formatted))
    for comment in comments(source):
        left[comment.text] -= 1
        if comment.text and left[comment.text] < 0:
            source.report(comment.offset, "comment_lost", f"formatting would lose {comment.text!r}. Move the comment")
    if read_yaml(formatted).plain() != read_yaml(Source(without_comments, source.name)).plain():
        source.report(0, "comment_lost", "the comments would change the definition. Move or remove them")
    source.raise_errors()

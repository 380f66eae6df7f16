"""Comments of a YAML text: where they stand, and how they move into another text of the same definition."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from fibonacci.definitions.files.source import Element, Source
from fibonacci.definitions.files.yaml_reader import events, read_yaml

_BLOCK_HEADER = re.compile(r"[|>]([-+0-9]*)[ \t]*(#[^\r\n]*)?")
_COMMENT_OR_EMPTY_LINE = re.compile(r"#[^\r\n]*|(?<=\n)[ \t]*(?=\r?\n)")

# The keys of a node that can have become another one, in either direction: the two spellings.
_RENAMED: Final = (
    ("prompt", "instruction"),
    ("schema", "output_schema"),
    ("inputs", "params"),
    ("retry.max_attempts", "max_retries"),
    ("retry.delay", "retry_delay"),
    ("retry", "enable_retry"),
)


class Comment(NamedTuple):
    """A comment, or an empty line, which is carried along like one."""

    text: str
    """The comment with its `#`; empty for an empty line."""

    offset: int
    """Where it begins."""

    has_own_line: bool
    """Whether nothing else stands on its line."""


def comments(source: Source) -> list[Comment]:
    """Return the comments and the empty lines between the values of a YAML text, in order."""
    found: list[Comment] = []
    position = 0
    for event in events(source.text):
        if type(event).__name__ != "ScalarEvent":
            continue
        start: int = event.start_mark.index
        found += _between(source, position, start)
        position = event.end_mark.index
        if event.style in ("|", ">"):
            header = _BLOCK_HEADER.match(source.text, start)
            if header and header[2]:
                found.append(Comment(header[2].rstrip(), header.start(2), has_own_line=False))
            if header and "+" not in header[1]:  # the empty lines after the text are not part of it
                position = start + len(source.text[start:position].rstrip()) + 1
    return [*found, *_between(source, position, len(source.text))]


def _between(source: Source, start: int, end: int) -> Iterator[Comment]:
    for match in _COMMENT_OR_EMPTY_LINE.finditer(source.text, start, end):
        before = source.text_of_line(source.line(match.start()))[: source.column(match.start()) - 1]
        yield Comment(match[0].strip(), match.start(), has_own_line=before.strip() in ("", "---"))


def with_comments(text: str, source: Source, root: Element) -> str:
    """Return a YAML text with the comments of another text of the same definition.

    A comment on a line of its own stands before the key or item that it stood before; one after a value stands after
    it. What has no such place any more stands before what is around it, and what stood last stands last.

    Args:
        text: The YAML text, as `write_yaml` writes it.
        source: The text with the comments.
        root: The definition in that text.

    Returns:
        The text with the comments, and with the empty lines, of which several become one.
    """
    target = Source(text, source.name)
    places = _Places(source, root, target)
    before: dict[int, list[str]] = {}
    after: dict[int, str] = {}
    last: list[str] = []
    for comment in comments(source):
        line = places.line_before(comment) if comment.has_own_line else places.line_of(comment)
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
    """Yield lines of comments; several empty lines become one, and none if the first are to be skipped."""
    for text in texts:
        if text or not skip_empty:
            yield indentation + text if text else ""
        skip_empty = not text


class _Places:
    """Where what stands in one text stands in another text of the same definition."""

    def __init__(self, source: Source, root: Element, target: Source) -> None:
        self._source = source
        self._target = target
        self._target_root = read_yaml(target)
        # The outer element comes first where several begin at one place.
        self._elements = sorted(root.walk(), key=lambda pair: pair[1].key_offset)
        self._offsets = [element.key_offset for _, element in self._elements]

    def line_before(self, comment: Comment) -> int | None:
        """Return the line that a comment on its own line belongs before; None for the end of the text."""
        index = bisect_right(self._offsets, comment.offset)
        return self._line(self._elements[index][0]) if index < len(self._elements) else None

    def line_of(self, comment: Comment) -> int | None:
        """Return the line that a comment after a value belongs on."""
        end = bisect_right(self._offsets, comment.offset)
        start = bisect_left(self._offsets, self._source.line_start(comment.offset), hi=end)
        chosen = None
        for location, element in self._elements[start:end] or self._elements[max(end - 1, 0) : end]:
            chosen = location
            if self._source.text.startswith(("[", "{"), element.offset) and element.is_container:
                break  # written in brackets: the comment is about all of it
        return self.line_before(comment) if chosen is None else self._line(chosen)

    def _line(self, location: str) -> int:
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

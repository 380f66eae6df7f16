"""Edits a text in YAML or JSON in place, so that only what differs from another value changes.

An entry of an object or array is removed together with its comments:

- those directly above it, with the same indentation
- those below it that are indented deeper
- the one at the end of its last line

All other comments stay, and so do those at the top of the text. New entries get the style of their siblings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from fibonacci.definitions.comparison import canonical, same
from fibonacci.definitions.files.source import UNREADABLE, Element, Source
from fibonacci.definitions.files.writing import write_yaml
from fibonacci.definitions.json_types import is_array, is_object

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_LINE_END: Final = re.compile(rf"{_LINE_BREAK.pattern}|\Z")
_PROPERTIES: Final = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*)+")
_BETWEEN: Final = re.compile(r"(?:[ \t\r\n]+|(?<![^ \t\r\n])#[^\r\n]*)*")
"""Spaces, line breaks and comments."""

_BLANKS: Final = re.compile(r"[ \t]*")
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*")
_EMPTY_LINE: Final = re.compile(r"\n[ \t]*\r?\n")
_JSON_INDENTATION: Final = re.compile(r"\s*[\[{][ \t]*(?:\r\n|\r|\n)([ \t]+)")
_JSON_OBJECT: Final = re.compile(r'\{\s*"')
_COMPACT: Final = re.compile(r'\s*\{\s*"[^"\\]*":\S')
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*")
_WORDS: Final = re.compile(r"(?<=\S) (?=\S)")
_WIDTH: Final = 80
"""Characters of a line of a folded text that has had no longer ones."""


class _Entry(NamedTuple):
    """A member of an object, or an element of an array."""

    element: Element
    begin: int
    """Where its key, its dash or its value begins."""

    key: str | None


class _NewEntry(NamedTuple):
    key: str | None
    value: Any
    after: int | None
    """The index of the entry that it follows. None to be the first."""

    moved: int | None = None
    """The index of the entry that it was elsewhere, or None for an entry that there was not."""


def edited(source: Source, root: Element, wanted: Mapping[str, Any]) -> str:
    """Return a text that is changed where it differs from a value.

    Args:
        source: The text.
        root: The object in it.
        wanted: The object that the new text says.

    Raises:
        ValueError: If the text is written in a way that cannot be changed in place. It need not say what is wanted
            without this error, either: read it to know.
    """
    editor = _Editor(source, root)
    editor.merge(_Entry(root, root.offset, None), wanted)
    return editor.result()


class _Editor:
    def __init__(self, source: Source, root: Element) -> None:
        self._source = source
        self._root = root
        self._text = source.text
        self._is_compact = _COMPACT.match(source.text) is not None
        self._is_json_file = _JSON_OBJECT.match(source.text, root.offset) is not None
        self._newline = match[0] if (match := _LINE_END.search(source.text)) and match[0] else "\n"
        self._edits: list[tuple[int, int, str]] = []
        self._refused = {offset for offset, problem in source.problems if problem.code in ("alias", "tag")}
        self._has_indented_lists = self._indents_lists(root)

    def result(self) -> str:
        """Return the text with all edits."""
        for offset in self._refused:  # anchors and tags, whose values are written out
            properties = _PROPERTIES.match(self._text, offset)
            if properties and not any(start <= offset < end for start, end, _ in self._edits):
                is_last = self._line_end(offset) == properties.end()
                self._edit(len(self._text[:offset].rstrip(" ")) if is_last else offset, properties.end(), "")
        self._end_block_text()
        pieces: list[str] = []
        position = 0
        for start, end, text in sorted(self._edits, key=lambda edit: edit[:2]):
            if start < position:
                if text:
                    raise ValueError("edits overlap")
                start, end = position, max(position, end)  # removed twice, in part
            pieces += [self._text[position:start], text.replace("\n", self._newline)]
            position = end
        return "".join([*pieces, self._text[position:]])

    def _end_block_text(self) -> None:
        """Keep the end of a block text without a line break, when it is no longer the end of the text."""
        last = self._last(self._root)
        header = self._block_header(last)
        has_more = any(start == end == len(self._text) and text for start, end, text in self._edits)
        is_same = not any(last.offset <= start < last.end for start, _, _ in self._edits)
        if header and has_more and is_same and not self._text.endswith(("\n", "\r")):
            self._edit(header.start(), header.end(), re.sub("[-+]", "", header[0]) + "-")

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append((start, end, text))

    # Where things are.

    def _line_end(self, position: int) -> int:
        match = _LINE_END.search(self._text, position)
        assert match is not None
        return match.start()

    def _end_before(self, position: int) -> int:
        """Return where the line before that of a position ends, or -1 for the first line."""
        start = self._source.line_start(position)
        return start - (2 if self._text.startswith("\r\n", start - 2) else 1)

    def _indentation(self, position: int) -> str:
        """Return what is before a position on its line."""
        return self._text[self._source.line_start(position) : position]

    def _is_first(self, position: int) -> bool:
        return not self._indentation(position).strip()

    def _indents_lists(self, root: Element) -> bool:
        """Tell whether the first array of the text is indented deeper than its key."""
        for _, element in root.walk():
            if isinstance(element.content, list) and element.content and not self._is_in_brackets(element):
                return self._source.column(self._start(element)) > self._source.column(element.key_offset)
        return False

    def _start(self, element: Element) -> int:
        """Return where a value begins, behind its anchor and its tag."""
        properties = element.offset in self._refused and _PROPERTIES.match(self._text, element.offset)
        return self._skipped(properties.end()) if properties else element.offset

    def _skipped(self, position: int, pattern: re.Pattern[str] = _BETWEEN) -> int:
        match = pattern.match(self._text, position)
        return position if match is None else match.end()

    def _end(self, element: Element) -> int:
        """Return where a value ends, without the line breaks behind a block text that are not part of it."""
        start = self._start(element)
        if element.end <= start:
            return element.end
        if self._is_kept_text(element):
            return self._end_before(element.end) if self._is_first(element.end) else element.end
        return start + len(self._text[start : element.end].rstrip(" \t\r\n"))

    def _is_kept_text(self, element: Element) -> bool:
        """Tell whether a value ends with a block text that has the empty lines below it."""
        header = self._block_header(self._last(element))
        return header is not None and "+" in header[0]

    def _last(self, element: Element) -> Element:
        """Return the last value inside a value in block style."""
        content = element.content
        while isinstance(content, dict | list) and content and not self._is_in_brackets(element):
            element = list(content.values())[-1] if isinstance(content, dict) else content[-1]
            content = element.content
        return element

    def _block_header(self, element: Element) -> re.Match[str] | None:
        """Return the header of a block text, or None for any other value."""
        return _BLOCK_HEADER.match(self._text, self._start(element)) if isinstance(element.content, str) else None

    def _is_in_brackets(self, element: Element) -> bool:
        return self._text.startswith(("{", "["), self._start(element))

    def _above(self, begin: int, floor: int) -> int:
        """Return where the comments directly above an entry at its indentation begin, or else the entry itself."""
        indentation = self._indentation(begin)
        line = first = self._source.line(begin)
        while first > 1 and self._source.text_of_line(first - 1).startswith(f"{indentation}#"):
            first -= 1
        start = self._source.line_start(begin)
        if first == 1 or self._source.text_of_line(first - 1).startswith("---"):
            return begin  # what is at the top of a text is about all of it
        while first < line and start > floor:
            start = self._source.line_start(start - 1)
            line -= 1
        return start + len(indentation)

    def _below(self, end: int, begin: int) -> int:
        """Return the end of the last line of an entry, with the comments below that are indented deeper than it."""
        end = self._line_end(end)
        column = self._source.column(begin)
        while end < len(self._text):
            match = _LINE_END.match(self._text, end)
            assert match is not None
            line = self._text[match.end() : self._line_end(match.end())]
            if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) < column:
                break
            end = match.end() + len(line)
        return end

    def _entries(self, element: Element) -> list[_Entry]:
        if isinstance(element.content, dict):
            return [_Entry(child, child.key_offset, key) for key, child in element.content.items()]
        assert isinstance(element.content, list)
        if self._is_in_brackets(element):
            return [_Entry(child, child.offset, None) for child in element.content]
        entries: list[_Entry] = []
        position = self._start(element)
        for child in element.content:
            position = self._skipped(position)
            if not self._text.startswith("-", position):
                raise ValueError("no dash before an element")
            entries.append(_Entry(child, position, None))
            position = self._end(child)
        return entries

    # What becomes of a value.

    def merge(self, entry: _Entry, wanted: Any, *, in_brackets: bool = False) -> None:
        """Change a value where it differs from what is wanted."""
        element = entry.element
        plain = element.plain()
        is_alias = element.offset in self._refused and self._text.startswith("*", element.offset)
        if same(plain, wanted) and not is_alias:
            return
        values: list[tuple[str | None, Any]] = []
        sources: Sequence[int | None] = ()
        if plain and is_object(plain) and is_object(wanted):
            keys = list(plain)
            values, sources = [*wanted.items()], [keys.index(key) if key in plain else None for key in wanted]
        elif plain and is_array(plain) and is_array(wanted):
            values, sources = [(None, value) for value in wanted], _aligned(plain, wanted)
        kept = {index for index in sources if index is not None}
        if not kept:
            self._replace(entry, wanted, in_brackets=in_brackets)
            return
        in_brackets = self._is_in_brackets(element)
        entries = self._entries(element)
        new: list[_NewEntry] = []
        last = None
        elements = plain if is_array(plain) else ()
        gone = {canonical(value): index for index, value in enumerate(elements) if index not in kept}
        for (key, value), index in zip(values, sources, strict=True):
            if index is None:
                new.append(_NewEntry(key, value, last, gone.pop(canonical(value), None)))
            else:
                self.merge(entries[index], value, in_brackets=in_brackets)
                last = index
        if new or len(kept) < len(entries):
            change = self._change_in_brackets if in_brackets else self._change_in_lines
            change(element, entries, kept, new)

    def _replace(self, entry: _Entry, wanted: Any, *, in_brackets: bool) -> None:
        if in_brackets:
            self._replace_in_brackets(entry, wanted)
        elif entry.key is None and self._start(entry.element) == entry.begin:
            raise ValueError("nothing of the text stays")
        else:
            self._replace_in_lines(entry, wanted)

    # Block style: each entry has separate lines.

    def _replace_in_lines(self, entry: _Entry, wanted: Any) -> None:
        element, (_, begin, key) = entry.element, entry
        start, end = self._start(element), self._end(element)
        indentation = " " * (self._source.column(begin) - 1)
        if key is None or not is_array(wanted) or self._has_indented_lists:
            indentation += "  "
        # The first line of the new value replaces the head of the old one, and the others replace its tail.
        head, tail = (element.offset, end), (self._line_end(end),) * 2
        if header := self._block_header(element):
            head, tail = (element.offset, header.end()), (self._line_end(start), end)
            body = self._text[tail[0] : end].lstrip("\r\n")
            indentation = body[: len(body) - len(body.lstrip(" "))] or indentation
        elif element.is_container and element.content and not self._is_in_brackets(element):
            below = self._below(end, begin)
            if self._source.line(begin) == self._source.line(start):
                head, tail = (start, below), (below, below)
            else:
                after_key = self._after_key(entry)
                head, tail = (after_key, after_key), (self._line_end(after_key), below)
        first, *rest = self._value_lines(element, wanted, is_member=key is not None)
        if first:
            gap = " " if self._text[head[0] - 1] in ":-" else ""
            self._edit(head[0], head[1], gap + first)
        else:  # all of the value is below the line of its key, or of the comment above it
            is_below = self._is_first(head[0]) and self._source.line(head[0]) > self._source.line(begin)
            self._edit(self._end_before(head[0]) if is_below else self._after_key(entry), head[1], "")
        self._edit(tail[0], tail[1], "".join(f"\n{indentation if line else ''}{line}" for line in rest))

    def _after_key(self, entry: _Entry) -> int:
        """Return the place behind the colon of a member, or behind the dash of an element."""
        if entry.key is None:
            return entry.begin + 1
        colon = self._skipped(entry.element.key_end, _BLANKS)
        if not self._text.startswith(":", colon):
            raise ValueError("no colon behind a key")
        return colon + 1

    def _value_lines(self, element: Element, wanted: Any, *, is_member: bool) -> list[str]:
        """Return a value as lines, in the style of the one that it replaces, with the first one after the key."""
        if isinstance(wanted, str):
            return self._text_lines(element, wanted)
        if wanted and (is_object(wanted) or is_array(wanted)):
            lines = self._lines(wanted)
            return ["", *lines] if is_member else lines
        return [write_yaml([wanted])[2:-1]]

    def _text_lines(self, element: Element, wanted: str) -> list[str]:
        start = self._start(element)
        style = self._text[start : start + 1] if isinstance(element.content, str) and element.end > start else ""
        is_block_text = not (wanted[:1].isspace() or wanted.endswith("\n\n") or UNREADABLE.search(wanted))
        if style in ("|", ">") and wanted and "\r" not in wanted and is_block_text:
            chomping = "" if wanted.endswith("\n") else "-"
            lines = wanted.removesuffix("\n").split("\n")
            if style == "|" or any(line[:1].isspace() for line in lines):
                return [f"|{chomping}", *lines]
            body = self._text[self._line_end(start) : self._end(element)]
            return [f">{chomping}", *_folded(lines, [line.strip() for line in _LINE_BREAK.split(body)])]
        quote = style if style == '"' or (style == "'" and "\n" not in wanted) else None
        first, *rest = write_yaml({"k": wanted}, quote=quote)[3:-1].split("\n")
        return [first, *(line[2:] for line in rest)]

    def _lines(self, value: Any) -> list[str]:
        """Return an object or array in block style, as lines without indentation."""
        lines: list[str] = []
        if is_object(value):
            for key, member in value.items():
                lines += self._member_lines(key, member)
        elif is_array(value):
            for element in value:
                lines += self._element_lines(element)
        return lines

    def _member_lines(self, key: str, value: Any) -> list[str]:
        if not value or not (is_object(value) or is_array(value)):
            return write_yaml({key: value})[:-1].split("\n")
        indentation = "  " if is_object(value) or self._has_indented_lists else ""
        name = write_yaml({key: None}).removesuffix(" null\n")
        return [*name.split("\n"), *(f"{indentation if line else ''}{line}" for line in self._lines(value))]

    def _element_lines(self, value: Any) -> list[str]:
        if not value or not (is_object(value) or is_array(value)):
            return write_yaml([value])[:-1].split("\n")
        first, *rest = self._lines(value)
        return [f"- {first}", *(f"{'  ' if line else ''}{line}" for line in rest)]

    def _change_in_lines(
        self, element: Element, entries: Sequence[_Entry], kept: set[int], new: Sequence[_NewEntry]
    ) -> None:
        ends = [self._below(self._end(entry.element), entry.begin) for entry in entries]
        floors = [element.key_end, *ends]
        first = entries[0].begin
        above = self._above(first, floors[0])
        # An entry after a dash goes with those that follow, up to the first one that stays.
        behind_dash = 0 if self._is_first(first) else min(kept)
        if behind_dash:
            until = entries[behind_dash].begin
            if self._text[ends[behind_dash - 1] : until].strip():  # a comment of what stays
                self._edit(len(self._text[:first].rstrip(" ")), ends[behind_dash - 1], "")
            else:
                self._edit(first, until, "")
        for index in range(behind_dash, len(entries)):
            if index not in kept:
                self._remove_lines(self._above(entries[index].begin, floors[index]), ends[index])
        is_spaced = len(entries) > 1 and all(
            _EMPTY_LINE.search(self._text, end, following.begin)
            for end, following in zip(ends, entries[1:], strict=False)
        )
        indentation = " " * (self._source.column(first) - 1)
        space = "\n" if is_spaced else ""
        for key, value, after, moved in new:
            if moved is not None and self._is_first(first):
                start = self._above(entries[moved].begin, floors[moved]) - len(indentation)
                lines = _LINE_BREAK.split(self._text[start : ends[moved]])
            else:
                lines = self._element_lines(value) if key is None else self._member_lines(key, value)
                lines = [f"{indentation if line else ''}{line}" for line in lines]
            text = "\n".join(lines)
            if after is not None:
                self._edit(ends[after], ends[after], f"\n{space}{text}")
            elif not self._is_first(first):
                self._edit(first, first, f"{text[len(indentation) :]}\n{space}{indentation}")
            elif (before := self._end_before(above)) >= 0 and 0 not in kept:
                self._edit(ends[0], ends[0], f"\n{space}{text}")  # in place of the first one
            elif before >= 0:
                self._edit(before, before, f"\n{text}{space}")
            else:
                self._edit(0, 0, f"{text}\n{space}")

    def _remove_lines(self, start: int, end: int) -> None:
        """Remove the lines from a position to the end of a line, and the empty lines above, if some follow too."""
        before = self._end_before(start)
        match = _LINE_END.match(self._text, end)
        following = end if match is None else match.end()
        if before < 0:
            self._edit(0, following, "")
            return
        if not self._text[following : self._line_end(following)].strip():
            while before > 0 and not self._indentation(before).strip():
                before = self._end_before(before)
        self._edit(before, end, "")

    # In brackets: commas separate the entries, which may be on one line or on many.

    def _replace_in_brackets(self, entry: _Entry, wanted: Any) -> None:
        element = entry.element
        start = self._start(element)
        if self._is_json(entry):
            text = self._json(wanted, indentation=self._line_indentation(start))
        else:
            quote = self._text[start] if self._text.startswith(("'", '"'), start) else None
            text = write_yaml([wanted], in_brackets=True, quote=quote)[1:-2]
        self._edit(element.offset, element.end, text if element.end > element.offset else f" {text}")

    def _is_json(self, entry: _Entry) -> bool:
        return self._is_json_file or self._text.startswith('"', entry.begin)

    def _line_indentation(self, position: int) -> str:
        line = self._source.text_of_line(self._source.line(position))
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _json(self, value: Any, *, indentation: str | None) -> str:
        """Return a value as JSON: with lines that are indented as those of the text, or on one line."""
        unit = None if indentation is None else _JSON_INDENTATION.match(self._text)
        text = json.dumps(
            value,
            ensure_ascii=self._text.isascii() and "\\u" in self._text,
            indent=unit and unit[1],
            separators=(",", ":") if self._is_compact else None,
        )
        return text.replace("\n", f"\n{indentation}")

    def _change_in_brackets(
        self, element: Element, entries: Sequence[_Entry], kept: set[int], new: Sequence[_NewEntry]
    ) -> None:
        commas: list[int | None] = []
        starts = [self._start(element) + 1]  # where the space before each entry begins
        for entry in entries:
            end = entry.element.end
            comma = self._skipped(end)
            commas.append(comma if self._text.startswith(",", comma) else None)
            end = end if commas[-1] is None else comma + 1
            comment = self._skipped(end, _BLANKS)
            has_comment = comment > end and self._text.startswith("#", comment)
            starts.append(self._skipped(comment, _REST_OF_LINE) if has_comment else end)
        has_own_line = [
            "\n" in self._text[start : entry.begin] or "\r" in self._text[start : entry.begin]
            for start, entry in zip(starts, entries, strict=False)
        ]
        stays = min(kept)
        for index, entry in enumerate(entries):
            if index in kept:
                continue
            if has_own_line[index]:
                above = self._above(entry.begin, starts[index])
                self._edit(self._end_before(above), starts[index + 1], "")
            elif index >= stays:
                self._edit(starts[index], starts[index + 1], "")
            else:
                until = starts[index + 1] if has_own_line[index + 1] else entries[index + 1].begin
                self._edit(entry.begin, until, "")
        self._add_in_brackets(entries, kept, new, commas, starts, has_own_line)

    def _add_in_brackets(
        self,
        entries: Sequence[_Entry],
        kept: set[int],
        new: Sequence[_NewEntry],
        commas: Sequence[int | None],
        starts: Sequence[int],
        has_own_line: Sequence[bool],
    ) -> None:
        last, ends_with_comma = len(entries) - 1, commas[-1] is not None
        appended = [entry for entry in new if entry.after is not None and entry.after >= max(kept)]
        if last in kept and appended and not ends_with_comma:
            self._edit(entries[last].element.end, entries[last].element.end, ",")
        comma = commas[max(kept)]
        if not appended and max(kept) != last and not ends_with_comma and comma is not None:
            self._edit(comma, comma + 1, "")
        sample = next((entry.begin for entry, own in zip(entries, has_own_line, strict=True) if own), None)
        if sample is not None:
            lead = f"\n{self._indentation(sample)}"
        else:
            lead = self._text[starts[1] : entries[1].begin] if len(entries) > 1 else " " * (not self._is_compact)
        for entry in new:
            text = self._entry_in_brackets(entry, entries[0], is_alone=sample is not None)
            is_last = bool(appended) and entry is appended[-1]
            text += "" if is_last and not ends_with_comma else ","
            if entry.after is not None:
                place = starts[entry.after + 1]
                self._edit(place, place, lead + text)
            elif has_own_line[0]:
                place = self._end_before(self._above(entries[0].begin, starts[0]))
                self._edit(place, place, lead + text)
            else:
                self._edit(entries[0].begin, entries[0].begin, text + (lead if sample is None else " "))

    def _entry_in_brackets(self, entry: _NewEntry, sibling: _Entry, *, is_alone: bool) -> str:
        if self._is_json(sibling):
            value = self._json(entry.value, indentation=self._line_indentation(sibling.begin) if is_alone else None)
            if entry.key is None:
                return value
            colon = self._text[sibling.element.key_end : sibling.element.offset]
            return f"{json.dumps(entry.key, ensure_ascii=False)}{colon}{value}"
        in_yaml = [entry.value] if entry.key is None else {entry.key: entry.value}
        return write_yaml(in_yaml, in_brackets=True)[1:-2]


def _aligned(old: Sequence[Any], new: Sequence[Any]) -> list[int | None]:
    """Return for each element of an array the index of the old element that it was, or None for a new one."""
    old_names, new_names = ([_name(element) for element in elements] for elements in (old, new))
    # Of equal elements, those at both ends stay: `SequenceMatcher` would take the first ones.
    begin = _common(old_names, new_names)
    end = _common(old_names[begin:][::-1], new_names[begin:][::-1])
    old_end, new_end = len(old) - end, len(new) - end
    sources: list[int | None] = [*range(begin), *[None] * (new_end - begin), *range(old_end, len(old))]
    matcher = SequenceMatcher(None, old_names[begin:old_end], new_names[begin:new_end], autojunk=False)
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        places = range(begin + start, begin + stop), range(begin + new_start, begin + new_stop)
        for index, new_index in zip(*places, strict=False):
            if (
                tag == "equal"
                or not (_id(old[index]) or _id(new[new_index]))
                or _is_renamed(old[index], new[new_index])
            ):
                sources[new_index] = index
    return sources


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many of their first elements two sequences have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (name, same_place) in pairs if name != same_place), min(len(one), len(other)))


def _is_renamed(old: Any, new: Any) -> bool:
    """Tell whether two objects differ in their `id` alone."""
    return is_object(old) and is_object(new) and same({**old, "id": None}, {**new, "id": None})


def _name(element: Any) -> str:
    return _id(element) or canonical(element)


def _id(element: Any) -> str | None:
    """Return what an object with an `id` is known by, whatever else it has."""
    return f"id {element['id']}" if is_object(element) and isinstance(element.get("id"), str) else None


def _folded(lines: Sequence[str], old: Sequence[str]) -> list[str]:
    """Return the lines of a text as those of a folded block, broken where the old block is, as far as it is the same.

    Args:
        lines: The lines of the text.
        old: The lines of the old block, without indentation.
    """
    width = max(_WIDTH, *map(len, old))
    folded: list[str] = []
    for number, line in enumerate(lines):
        folded += [""] if number else []
        if "  " in line:  # a line break there would lose a space
            folded.append(line)
            continue
        while same_line := next((text for text in old if text and line.startswith(f"{text} ")), None):
            folded.append(same_line)
            line = line[len(same_line) + 1 :]
        end: list[str] = []
        while same_line := next((text for text in old if text and line.endswith(f" {text}")), None):
            end.insert(0, same_line)
            line = line[: -len(same_line) - 1]
        folded += [*_wrapped(line, width), *end]
    return folded


def _wrapped(line: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in _WORDS.split(line) if line else ():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines

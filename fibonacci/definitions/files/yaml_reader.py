"""YAML with the place of each value, by PyYAML's parser, which comes with the extra `yaml`.

Values are those of YAML 1.2's core schema, except that octal numbers stay text. What a definition does not need is
refused: anchors and aliases, merge keys, tags, keys that are no text, several documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from fibonacci.definitions.files.source import MAX_DEPTH, Element, Source

if TYPE_CHECKING:
    from types import ModuleType

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OCTAL = re.compile(r"[-+]?0o?[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

UNREADABLE: Final = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""The characters that YAML does not allow, and those that are line breaks in YAML 1.1 and none in YAML 1.2."""

_UNQUOTED_TEMPLATE = re.compile(r"(?:^|[:\-,\[{])[ \t]*\{\{", re.MULTILINE)
_QUOTE_TEMPLATE: Final = "a text that begins with {{ needs quotes: '{{input.name}}'"
_TOO_DEEP: Final = f"more than {MAX_DEPTH} levels of lists and mappings"


def pyyaml() -> ModuleType:
    """Import PyYAML.

    Raises:
        ImportError: If it is not installed; the message has the command that installs it.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError("YAML needs PyYAML: pip install 'fibonacci-sdk[yaml]'") from error
    return yaml


def events(text: str) -> Iterator[Any]:
    """Yield the events of PyYAML's parser, which is libyaml's where PyYAML has it."""
    yaml = pyyaml()
    yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def is_text(token: str) -> bool:
    """Tell whether a scalar without quotes is a text, not a number, a boolean, null or a merge key."""
    if token in _CONSTANTS or token == "<<":
        return False
    if _OCTAL.fullmatch(token):
        return True
    return not any(pattern.fullmatch(token) for pattern in (_DECIMAL, _HEXADECIMAL, _NOT_FINITE))


def read_yaml(source: Source) -> Element:
    """Read a YAML document.

    Args:
        source: The text; what is wrong without ending the reading is added to its problems.

    Returns:
        The value of the document.

    Raises:
        ImportError: If PyYAML is not installed.
        DefinitionError: If the text is no YAML document, or too deep.
    """
    yaml = pyyaml()
    unreadable = UNREADABLE.search(source.text)
    if unreadable:
        raise source.failure(unreadable.start(), "bad_character", _bad_character(unreadable[0]))
    reader = _Reader(source)
    try:
        # Events and not nodes: PyYAML composes nodes recursively, and a deep text would end in a RecursionError.
        for event in events(source.text):
            reader.read(type(event).__name__, event)
    except yaml.MarkedYAMLError as error:
        raise source.failure(*_syntax_error(source, error)) from None
    return reader.document()


class _Frame:
    """An object or array that is being read."""

    def __init__(self, element: Element, *, is_key: bool) -> None:
        self.element = element
        self.is_key = is_key
        self.key: tuple[str | None, int] | None = None
        """The key whose value comes next, with its offset; None in the pair is a key that has been refused."""


class _Reader:
    """Builds elements from the parser's events, without recursion."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._frames: list[_Frame] = []
        self._document: Element | None = None

    def document(self) -> Element:
        """Return the value of the document."""
        if self._document is None:
            raise self._source.failure(0, "empty_document", "the document is empty; it has at least the key 'nodes'")
        return self._document

    def read(self, kind: str, event: Any) -> None:
        """Take the next event."""
        offset: int = event.start_mark.index
        if kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent"):
            self._refuse_properties(event, offset)
        match kind:
            case "DocumentStartEvent" if self._document is not None:
                raise self._source.failure(offset, "several_documents", "a file holds one definition: this is a second")
            case "AliasEvent":
                message = f"the alias *{event.anchor} is refused: write the value out"
                self._source.report(offset, "alias", message)
                self._add(Element(None, offset))
            case "ScalarEvent":
                self._add_scalar(event, offset)
            case "SequenceStartEvent" | "MappingStartEvent":
                self._open(Element([] if kind == "SequenceStartEvent" else {}, offset))
            case "SequenceEndEvent" | "MappingEndEvent":
                frame = self._frames.pop()
                if not frame.is_key:
                    self._add(frame.element)
            case _:  # the start of the stream and of the document, and their ends
                pass

    def _refuse_properties(self, event: Any, offset: int) -> None:
        if event.anchor is not None:
            message = f"the anchor &{event.anchor} is refused: write the value out where it is needed"
            self._source.report(offset, "alias", message)
        if event.tag is not None:
            message = f"the tag {event.tag} is refused: write a text in quotes, and everything else as it is"
            self._source.report(offset, "tag", message)

    def _open(self, element: Element) -> None:
        if len(self._frames) >= MAX_DEPTH:
            raise self._source.failure(element.offset, "too_deep", _TOO_DEEP)
        is_key = self._awaits_key()
        if is_key and self._source.text.startswith("{{", element.offset - 1):
            self._refuse_key(element.offset - 1, _QUOTE_TEMPLATE)
        elif is_key:
            self._refuse_key(element.offset, "a key is a text, not a list or a mapping")
        self._frames.append(_Frame(element, is_key=is_key))

    def _awaits_key(self) -> bool:
        return (
            bool(self._frames) and isinstance(self._frames[-1].element.content, dict) and self._frames[-1].key is None
        )

    def _refuse_key(self, offset: int, message: str) -> None:
        self._source.report(offset, "bad_key", message)
        self._frames[-1].key = (None, offset)

    def _add_scalar(self, event: Any, offset: int) -> None:
        is_plain = not event.style
        if not self._awaits_key():
            self._add(Element(self._scalar(event.value, offset, is_plain=is_plain), offset))
        elif is_plain and event.value == "<<":
            message = "the merge key << is refused: write the keys out"
            self._source.report(offset, "merge_key", message)
            self._frames[-1].key = (None, offset)
        elif is_plain and not is_text(event.value):
            self._refuse_key(offset, f'a key is a text: write "{event.value}" in quotes')
        else:
            self._frames[-1].key = (self._source.text_value(event.value, offset), offset)

    def _scalar(self, token: str, offset: int, *, is_plain: bool) -> str | int | float | bool | None:
        if not is_plain or is_text(token) or token == "<<":
            return self._source.text_value(token, offset)
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if _NOT_FINITE.fullmatch(token):
            message = f"{token} is not JSON; write a number, or a text in quotes"
            self._source.report(offset, "bad_number", message)
            return None
        return self._source.number(token, offset)

    def _add(self, element: Element) -> None:
        if not self._frames:
            self._document = element
            return
        frame = self._frames[-1]
        if isinstance(frame.element.content, list):
            frame.element.content.append(element)
        elif isinstance(frame.element.content, dict) and frame.key is not None:
            key, element.key_offset = frame.key
            frame.key = None
            if key is not None:
                self._source.add_member(frame.element.content, key, element)


def _syntax_error(source: Source, error: Any) -> tuple[int, str, str]:
    """Return offset, code and message of an error of the parser."""
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(source.text)) if mark else 0
    line = source.text_of_line(source.line(offset))
    begin = error.context_mark and source.text_of_line(source.line(error.context_mark.index))
    if "maximum nesting depth" in str(error.problem):  # libyaml's own limit, when it reads ahead
        return offset, "too_deep", _TOO_DEEP
    message = f"not a YAML document: {error.problem or error.context}"
    if error.context and error.problem:
        message += f" ({error.context})"
    if _UNQUOTED_TEMPLATE.search(line) or (begin and _UNQUOTED_TEMPLATE.search(begin)):
        message += f"; {_QUOTE_TEMPLATE}"
    elif source.text.startswith("\t", offset) or re.match(r" *\t", line):
        message += "; indent with spaces, not with tabs"
    elif "mapping values are not allowed" in message:
        message += "; a text with a colon and a space in it needs quotes"
    return offset, "syntax_error", message


def _bad_character(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character in "\x85\u2028\u2029":
        return f"{code} is a line break in YAML 1.1 and none in YAML 1.2: write it as an escape, in double quotes"
    return f"{code} is not allowed in YAML: write it as an escape, in double quotes"

"""The template language of workflow definitions.

The expressions are `{{input.a.b}}`, `{{node}}`, `{{node.0.x}}`, `{{memory.key}}`, `{{env.VAR}}` and `{{secrets.NAME}}`:
each is a source and a dotted path into its value, where a part made of digits indexes a list. Only the values of a
structure are templates, never its keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object

_EXPRESSION = re.compile(r"\{\{([^{}]*)\}\}")
_PATH = re.compile(r"[^\s.{}]+(?:\.[^\s.{}]+)*")
_INDEX = re.compile(r"[0-9]{1,9}")
_SINGLE_BRACES = re.compile(r"(?<!\{)\{([^\s.{}]+(?:\.[^\s.{}]+)*)\}(?!\})")
_ARGUMENT = re.compile(r"[\w\\^})\]]")  # what comes before braces in LaTeX (\emph{name}, x^{name}) and in programs

_MOST_CHARACTERS: Final = 32 * 1024 * 1024

INPUT: Final = "input"
NAMED_SOURCES: Final = frozenset({"memory", "env", "secrets"})
"""Sources of which an expression must name one entry: `{{env.HOME}}`, never `{{env}}`."""


class TemplateError(ValueError):
    """An expression cannot be parsed, names a value that does not exist, or the values are too long.

    Example:
        >>> try:
        ...     parse("the name")
        ... except TemplateError as error:
        ...     print(error)
        {{the name}} is not a template: expected a name and a dotted path
    """


class Absent:
    """The value of a node that was skipped or failed: `None` on its own, and empty inside a text."""


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Reference:
    """One expression of a template, parsed.

    Example:
        >>> reference = parse("search.0.title")
        >>> reference.source, reference.path, reference.is_node
        ('search', ('0', 'title'), True)
    """

    text: str
    """The expression as it was written, without braces and outer spaces."""

    source: str
    """The source: `input`, `memory`, `env`, `secrets`, or the ID of a node."""

    path: tuple[str, ...]
    """The parts of the dotted path after the source, in order. Digits are the index of a list."""

    @property
    def is_node(self) -> bool:
        """Whether the source is a node's output."""
        return self.source != INPUT and self.source not in NAMED_SOURCES


Resolver = Callable[[Reference], Any]
"""Returns the value of a reference, or raises `TemplateError`."""


@lru_cache(maxsize=1024)
def parse(expression: str) -> Reference:
    """Parse one expression, given without its braces.

    Args:
        expression: For example `input.user.name`.

    Returns:
        The reference.

    Raises:
        TemplateError: If the expression is empty, contains spaces, or names no entry of memory, env or secrets.

    Example:
        >>> parse(" search.0.title ").path
        ('0', 'title')
    """
    text = expression.strip()
    if not _PATH.fullmatch(text):
        raise TemplateError(f"{{{{{expression}}}}} is not a template: expected a name and a dotted path")
    source, *path = text.split(".")
    if source in NAMED_SOURCES and not path:
        raise TemplateError(f"{{{{{text}}}}} must name an entry, such as {{{{{source}.NAME}}}}")
    return Reference(text, source, tuple(path))


def expressions(text: str) -> list[str]:
    """Return the text between each pair of double braces."""
    return _EXPRESSION.findall(text)


def placed_expressions(text: str) -> Iterator[tuple[int, str]]:
    """Yield each expression with its offset: how many characters of the text are before its braces."""
    for match in _EXPRESSION.finditer(text):
        yield match.start(), match[1]


def whole_expression(text: str) -> str | None:
    """Return the expression that a text consists of, without its braces, or None for any other text."""
    whole = _EXPRESSION.fullmatch(text)
    return None if whole is None else whole[1]


def adjoining(text: str) -> list[list[str]]:
    """Return the expressions of a text, grouping those with nothing between them.

    Example:
        >>> adjoining("Dear {{name}}: {{refund}}{{denial}}")
        [['name'], ['refund', 'denial']]
    """
    groups: list[list[str]] = []
    end = -1
    for match in _EXPRESSION.finditer(text):
        if match.start() == end:
            groups[-1].append(match[1])
        else:
            groups.append([match[1]])
        end = match.end()
    return groups


def without_expressions(text: str) -> str:
    """Replace each expression in a text with spaces, so that its length stays the same."""
    return _EXPRESSION.sub(lambda match: " " * len(match[0]), text)


def unspaced(value: Any) -> Any:
    """Remove the spaces inside the braces of expressions in a JSON value, which doesn't change its meaning.

    Example:
        >>> unspaced({"to": "{{ input.name }}", "text": "{{ no expression }}"})
        {'to': '{{input.name}}', 'text': '{{ no expression }}'}
    """
    if isinstance(value, str):
        return _EXPRESSION.sub(_unspaced, value) if "{{" in value else value
    if is_object(value):
        return {key: unspaced(entry) for key, entry in value.items()}
    if is_array(value):
        return [unspaced(element) for element in value]
    return value


def _unspaced(match: re.Match[str]) -> str:
    text = match[1].strip()
    return f"{{{{{text}}}}}" if _PATH.fullmatch(text) else match[0]


def single_braced(text: str, node_ids: Collection[str], inputs: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """Yield what is in single braces but was meant as a template, because an f-string left it or the f is missing.

    Args:
        text: The text.
        node_ids: The IDs of the nodes.
        inputs: The names of the inputs. A variable of the author's program may precede one, as in `{mail.subject}`.

    Yields:
        Its offset in the text, the text in the braces, and the intended expression.
    """
    for match in _SINGLE_BRACES.finditer(text):
        is_argument = "." not in match[1] and _ARGUMENT.match(text[match.start() - 1 : match.start()])
        name = match[1].rpartition(".")[2]
        meant = match[1] if names_value(match[1], node_ids) else f"{INPUT}.{name}" if name in inputs else None
        if meant is not None and not is_argument:
            yield match.start(), match[1], meant


def names_value(path: str, node_ids: Collection[str]) -> bool:
    """Tell whether a path begins with a node or a source, so that double braces would make it an expression."""
    source, dot, _ = path.partition(".")
    return source in node_ids or bool(dot and (source == INPUT or source in NAMED_SOURCES))


def strings(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text inside a JSON value, in order.

    Args:
        value: Any JSON value.

    Yields:
        The place of the text relative to the value (like `.to[0]`, empty for the value itself), and the text.
    """
    if isinstance(value, str):
        yield "", value
    elif is_object(value):
        yield from ((f".{key}{place}", text) for key, inner in value.items() for place, text in strings(inner))
    elif is_array(value):
        yield from ((f"[{index}]{place}", text) for index, inner in enumerate(value) for place, text in strings(inner))


def references(value: Any) -> Iterator[Reference]:
    """Yield the expressions inside a JSON value, skipping those that can't be parsed."""
    for _, text in strings(value):
        for expression in expressions(text):
            with suppress(TemplateError):
                yield parse(expression)


def render(value: Any, resolve: Resolver) -> Any:
    """Replace every expression inside a JSON value.

    A text that is exactly one expression becomes the value itself, with its type. In any other text the values are
    written out: texts as they are, everything else as JSON.

    Args:
        value: A text, or a structure that holds texts.
        resolve: A function from a `Reference` to its value, any JSON.

    Returns:
        A new structure. The argument is not changed.

    Raises:
        TemplateError: If an expression cannot be parsed or resolved, or if the values have more than 32 Mi characters.

    Example:
        >>> render({"n": "{{input.n}}", "text": "n is {{input.n}}"}, lambda reference: 5)
        {'n': 5, 'text': 'n is 5'}
    """
    return _Renderer(resolve).render(value)


class _Renderer:
    """Renders one value, up to a limit, because a few bytes that repeat a long value can become gigabytes."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        self._left = _MOST_CHARACTERS

    def render(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if is_object(value):
            return {key: self.render(entry) for key, entry in value.items()}
        if is_array(value):
            return [self.render(element) for element in value]
        return value

    def _text(self, text: str) -> Any:
        if "{{" not in text:
            return text
        match _EXPRESSION.split(text):
            case ["", whole, ""]:
                value = as_json(self._resolve(parse(whole)))
                self._as_part_of_text(value)
                return value
            case parts:  # texts and expressions, alternating
                for place in range(1, len(parts), 2):
                    parts[place] = self._as_part_of_text(self._resolve(parse(parts[place])))
                return "".join(parts)

    def _as_part_of_text(self, value: Any) -> str:
        text = as_text(value)
        self._left -= len(text)
        if self._left < 0:
            raise TemplateError(f"the values of the templates have more than {_MOST_CHARACTERS:,} characters")
        return text


def as_json(value: Any) -> Any:
    """Return a value as it is rendered on its own."""
    return None if isinstance(value, Absent) else value


def as_text(value: Any) -> str:
    """Return a value as it is rendered inside a text."""
    if isinstance(value, Absent):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def follow(value: Any, reference: Reference, path: tuple[str, ...]) -> Any:
    """Follow a dotted path into a value.

    Args:
        value: Where to start.
        reference: The whole expression, for the message.
        path: The parts to follow.

    Returns:
        The value at the end of the path.

    Raises:
        TemplateError: If a part does not exist. The message names the expression and the part.
    """
    for part in path:
        if isinstance(value, Absent):
            return value
        if is_object(value) and part in value:
            value = value[part]
        elif is_array(value) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no {part!r}")
    return value

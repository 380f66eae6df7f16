"""Braces that were probably meant as a template and are none, and templates of other languages.

JSON, CSS, LaTeX and programs in an instruction have braces as well, and are no fault: what is in the braces has to be
the name of a node or of a source, the braces have to be unbalanced, or the syntax has to be one of another language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.templates import names_value, single_braced, without_expressions

_PATH: Final = r"[^\s.{}<>]++(?:\.[^\s.{}<>]++)*+"
_BRACED: Final = re.compile(rf"(?<!\{{)(\{{++)\s*+({_PATH})\s*+(\}}++)")
_LAST_PATH: Final = re.compile(rf"({_PATH})\s*+$")
_ANGLES: Final = re.compile(rf"(?<!<)<<({_PATH})>>(?!>)")
_DOLLAR: Final = re.compile(r"\$\{\{([^{}]*)\}\}")
_STATEMENT: Final = re.compile(
    r"\{%[-+]?\s*(?:if|elif|else|endif|for|endfor|set|unless|endunless|case|when|assign|include|macro|block|with)\b"
    r"[^{}\n]*%\}"
)
_LONGEST_PATH: Final = 200
_AS_IT_IS: Final = "if you mean the characters, put a space between them"

MayBeNumber = Callable[[str], bool | None]
"""Tells whether an expression may give a number; None if nothing is known of it."""


def brace_problems(location: str, text: str, ids: Collection[str], may_be_number: MayBeNumber) -> Iterator[Problem]:
    """Yield the braces of a text that make no template, and were probably meant to."""
    if "<<" in text:
        for match in _ANGLES.finditer(text):
            name = match[1]
            if names_value(name, ids):
                message = f"'<<{name}>>' is plain text; write '{{{{{name}}}}}'; {_AS_IT_IS}"
                yield problem(location, "foreign_template", message, offset=match.start())
    if "{" not in text and "}" not in text:
        return
    yield from _foreign(location, text, may_be_number)
    yield from _incomplete(location, text, ids)


def _foreign(location: str, text: str, may_be_number: MayBeNumber) -> Iterator[Problem]:
    statement = _STATEMENT.search(text) if "{%" in text else None
    if statement is not None:
        message = f"{statement[0]!r} is plain text: templates have no statements; use a conditional node; {_AS_IT_IS}"
        yield problem(location, "foreign_template", message, offset=statement.start())
    for match in _DOLLAR.finditer(text) if "${{" in text else ():
        expression = match[1]
        is_number = may_be_number(expression)
        # "${{input.price}}" is an amount in dollars, unless it is all that the text has, or is spaced as on GitHub.
        is_meant = is_number is False or (is_number is None and (match[0] == text or expression != expression.strip()))
        if is_meant:
            message = (
                f"the '$' of '{match[0]}' is plain text before the value; write '{{{{{expression.strip()}}}}}'; "
                f"{_AS_IT_IS}"
            )
            yield problem(location, "foreign_template", message, offset=match.start())


def _incomplete(location: str, text: str, ids: Collection[str]) -> Iterator[Problem]:
    """Yield the templates of which braces are missing."""
    rest = without_expressions(text)
    if "{" not in rest and "}" not in rest:
        return
    single = list(single_braced(text, ids))
    excess = rest.count("{") - rest.count("}")
    unclosed: list[Problem] = []
    for match in _BRACED.finditer(rest):
        surplus, name = len(match[1]) - len(match[3]), match[2]
        if not surplus or 1 not in (len(match[1]), len(match[3])) or not names_value(name, ids):
            continue
        if surplus * excess > 0:
            unclosed.append(_unclosed(location, match.start(), text[match.start() : match.end()], name))
        elif "." in name:  # else it may be an argument of LaTeX or a program, as in {{name}_i}: the braces are balanced
            single.append((match.start(), name))
    for offset, name in sorted(single):
        message = f"'{{{name}}}' is plain text; write '{{{{{name}}}}}', in a Python f-string with four braces"
        yield problem(location, "single_braces", message, offset=offset)
    yield from unclosed
    if unclosed:
        return
    if excess > 0 and "{{" in rest:
        message = "'{{' starts no template; write '{{name}}' or '{{name.field}}'"
        yield problem(location, "unclosed_template", message, offset=rest.index("{{"))
    elif excess < 0 and "}}" in rest:
        end = rest.index("}}")
        last = _LAST_PATH.search(rest, max(0, end - _LONGEST_PATH), end)
        if last is not None and names_value(last[1], ids):
            yield _unclosed(location, last.start(), f"{last[0]}}}}}", last[1])


def _unclosed(location: str, offset: int, written: str, name: str) -> Problem:
    message = f"'{written}' is plain text; write '{{{{{name}}}}}'; {_AS_IT_IS}"
    return problem(location, "unclosed_template", message, offset=offset)

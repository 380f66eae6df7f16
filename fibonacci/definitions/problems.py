"""The problems of a definition, the severity of each code, and the line of each problem with a caret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from fibonacci._display.text import cell_width
from fibonacci._texts.text import printable_line, visible

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

Severity = Literal["error", "warning"]
"""How bad a problem is.

With an `error`, the definition can't run. With a `warning`, it runs, but probably not as you meant it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem of a definition, as `check_definition` lists it.

    https://docs.fibonacci.today/reference/checking-definitions has every code.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> (problem,) = check_definition({"nodes": [{"id": "greet", "type": "llm"}]})
        >>> problem.code, problem.location, problem.severity
        ('missing_field', 'nodes[0].instruction', 'error')
    """

    location: str
    """The place, such as `nodes[2].dependencies[0]`. Empty if the problem is in the definition as a whole."""

    code: str
    """A stable name for this kind of problem, such as `unknown_dependency`."""

    message: str
    """What is wrong, in words for people."""

    severity: Severity = "error"
    """How bad it is: `error` or `warning`."""

    source: str | None = None
    """The place in your file, such as `triage.yaml:12:7` or `triage.py:22`, or None if it isn't known."""

    offset: int | None = None
    """The number of characters before the problem, in the text at `location`. None if the problem is the whole value.
    """

    snippet: str | None = field(default=None, compare=False, repr=False)
    """The line of your file, and below it a line with a caret under the place. None if it isn't known."""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.source, self.location) if part)
        return printable_line(f"{place}: " * bool(place) + f"{self.severity}: {self.message}")


class Problems(list[Problem]):
    """A list of the problems of a definition, in the order of the definition.

    The list is empty if there are none.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> node = {"id": "greet", "type": "llm", "instruction": "Greet {{nobody}}", "mood": "kind"}
        >>> problems = check_definition({"nodes": [node]})
        >>> [problem.code for problem in problems.errors], [problem.code for problem in problems.warnings]
        (['unknown_template_source'], ['unknown_key'])
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core.core_schema import no_info_after_validator_function

        return no_info_after_validator_function(cls, handler(list[Problem]))

    @property
    def errors(self) -> list[Problem]:
        """What can't run, or what the platform refuses, in the order of the definition."""
        return [problem for problem in self if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What runs, but probably not as you meant it, in the order of the definition."""
        return [problem for problem in self if problem.severity == "warning"]


MAX_DEPTH: Final = 64
"""How deep objects and arrays may be nested. Deeper definitions are refused in any form."""

TOO_DEEP: Final = f"more than {MAX_DEPTH} levels of objects and arrays"

INVALID: Final = (
    "bad_id", "bad_operator", "bad_template", "conflicting_spellings", "cycle", "duplicate_id",
    "invalid_value", "missing_field", "misspelled_node_type", "no_nodes", "not_json", "too_deep",
    "unknown_branch_target", "unknown_critic_target", "unknown_dependency", "unknown_error_handler", "unknown_fallback",
    "unknown_template_source", "wrong_type",
)  # fmt: skip
"""The errors that make a definition meaningless. The emulator refuses these even if it isn't strict."""

SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(
        (
            *INVALID, "bad_schema", "misspelled_schema_keyword", "missing_parameter", "not_a_number", "unknown_field",
            "unknown_input", "unknown_parameter", "unknown_property", "unknown_tool", "wrong_parameter_type",
        ),
        "error",
    ),
    **dict.fromkeys(
        (
            "constant_condition", "critic_of_no_answer", "empty_instruction", "foreign_template", "high_temperature",
            "in_both_branches", "may_have_no_value", "missing_output", "never_matches", "no_branches", "no_effect",
            "output_without_value", "reserved_id", "single_braces", "unclosed_template", "unknown_category",
            "unknown_key", "unknown_model", "unknown_node_type", "unknown_output_format", "unknown_schema_keyword",
            "unreachable_node", "unused_node",
        ),
        "warning",
    ),
}  # fmt: skip
"""What can't run, or what the platform refuses according to its documentation, is an error. The rest are warnings."""

MAY_HAPPEN: Final = frozenset({"may_have_no_value"})
"""The problems that depend on the run. The others are about the definition, and a strict emulator refuses them."""


def problem(location: str, code: str, message: str, *, offset: int | None = None) -> Problem:
    """Return a problem with the severity of its code."""
    return Problem(location=location, code=code, message=message, severity=SEVERITIES[code], offset=offset)


_WIDEST: Final = 100
"""How many cells of a line are shown. A longer line is cut around the place."""
_BEFORE: Final = 60
"""How many cells before the place such a line keeps."""
_CUT: Final = "..."
_TAB: Final = "    "


def snippet(number: int, line: str, column: int | None = None) -> str:
    r"""Return a line with its number and, below it, a caret.

    Args:
        number: The number of the line.
        line: The line, without its break.
        column: The place in the line, counted from 1 in characters. None shows no caret.

    Returns:
        One line of text, or two. They are safe to print to a terminal. The caret is under the place even after
        wide or escaped characters.

    Example:
        >>> print(snippet(12, "name: 日本\t{{x}}", 10))
           12 | name: 日本    {{x}}
              |               ^
    """
    place = len(line) if column is None else column - 1
    before, after = _visible(line[:place]), _visible(line[place:])
    if cell_width(before) + cell_width(after) > _WIDEST:
        width = 1 if line.isascii() else 2  # the cells of the widest character
        if len(before) > _BEFORE // width:
            before = _CUT + before[-_BEFORE // width :]
        rest = after[: (_WIDEST - cell_width(before)) // width]
        after = rest if rest == after else rest + _CUT
    shown = f"{number:>5} | {before}{after}".rstrip()
    return shown if column is None else f"{shown}\n      | {' ' * cell_width(before)}^"


def _visible(text: str) -> str:
    return visible(text.replace("\t", _TAB))

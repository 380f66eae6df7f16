"""What is wrong with a definition: problems, and the error that holds all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
"""An `error` cannot run; a `warning` runs, and probably not as its author means."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a definition, as `check_definition` lists it.

    https://docs.fibonacci.today/reference/checking-definitions has every code.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> (problem,) = check_definition({"nodes": [{"id": "greet", "type": "llm"}]})
        >>> problem.code, problem.location, problem.severity
        ('missing_field', 'nodes[0].instruction', 'error')
    """

    location: str
    """The place, such as `nodes[2].dependencies[0]`; empty for the definition as a whole."""

    code: str
    """A stable name of the kind of fault, such as `unknown_dependency`."""

    message: str
    """The fault in words, for a person."""

    severity: Severity = "error"
    """How bad it is: `error` or `warning`."""

    source: str | None = None
    """The place in the author's file, such as `triage.yaml:12:7` or `triage.py:22`; None when it is not known."""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.source, self.location) if part)
        return f"{place}: {self.severity}: {self.message}" if place else f"{self.severity}: {self.message}"


class DefinitionError(ValueError):
    """A definition has errors; it holds all of its faults.

    Example:
        >>> from fibonacci.definitions import loads
        >>> try:
        ...     loads('{"nodes": [{"id": "greet", "type": "llm"}]}', name="greeter.json")
        ... except DefinitionError as error:
        ...     print([(problem.source, problem.code) for problem in error.problems])
        [('greeter.json:1:12', 'missing_field')]
    """

    problems: tuple[Problem, ...]
    """The faults, errors and warnings, in the order of the definition."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def _repr_html_(self) -> str:
        from fibonacci._display.errors import error_html

        return error_html(self)

    def _render_traceback_(self) -> list[str]:
        from fibonacci._display.tracebacks import traceback_lines

        return traceback_lines(self)

    def __reduce__(self) -> tuple[type[DefinitionError], tuple[Sequence[Problem]]]:
        return type(self), (self.problems,)

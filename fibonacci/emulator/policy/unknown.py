"""What a caller asks for that the emulator does not know or do: warnings, and refusals in strict mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fibonacci.definitions import Problem
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.policy.categories import nearest_category


def report_categories(context: RequestContext, owner: str, names: Iterable[str]) -> None:
    """Warn about categories that seem to be misspelled: no tool has them. Categories of one's own are fine.

    Args:
        context: The request.
        owner: What names them, such as `workflows/wf-abc123`.
        names: The names.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [
            EmulatorWarning("unknown_category", f"{owner} {name}", f"no tool has this category; did you mean {near!r}?")
            for name in names
            if (near := nearest_category(name)) is not None
        ]
    )


def report_problems(context: RequestContext, owner: str, problems: Sequence[Problem]) -> None:
    """Warn about what a definition asks for that is not known.

    Args:
        context: The request.
        owner: What has the definition, such as `workflows/wf-abc123`.
        problems: What is not known.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [EmulatorWarning(each.code, f"{owner} {each.location}", each.message) for each in problems]
    )

"""What a caller asks for that the emulator does not know or do: warnings, and refusals in strict mode."""

from __future__ import annotations

from collections.abc import Sequence

from fibonacci.definitions import Problem
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning


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

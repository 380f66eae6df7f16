"""`fibonacci doctor`: check the configuration, the way to the platform, and the key; say what to do."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE, FAILED, NO_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fibonacci.cli.context import Context
    from fibonacci.cli.diagnosis import Finding
    from fibonacci.cli.parser import CommandParser

_INDENT = " " * 22
_UNWRAPPED = 10_000


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command, which has none of its own."""


def run(context: Context) -> int:
    """Print a line for each check as it ends, or all of them as JSON."""
    findings: list[Finding] = []
    for finding in _checks(context.options.profile):
        findings.append(finding)
        if not context.output.is_json:
            context.output.text(_line(finding, is_wrapped=context.output.is_terminal))
    if context.output.is_json:
        context.output.value(_as_data(findings))
    return _exit_code(findings)


def _checks(profile: str | None) -> Iterator[Finding]:
    from fibonacci.cli.diagnosis import Configuration

    configuration = Configuration(profile)
    yield from configuration.checks()
    address, key = configuration.address, configuration.key
    if address is None:
        return
    from fibonacci.cli.diagnosis import NetworkChecks

    network = NetworkChecks(address)
    yield from network.checks()
    if network.is_reachable and key is not None:
        from fibonacci.cli.diagnosis import call_checks

        yield from call_checks(key, address, configuration)


def _line(finding: Finding, *, is_wrapped: bool) -> str:
    width = shutil.get_terminal_size().columns if is_wrapped else _UNWRAPPED
    lines = [f"{finding.status:<8} {finding.name:<12} {finding.detail}"]
    if finding.remedy:
        lines.append(f"{_INDENT}-> {finding.remedy}")
    return "\n".join(textwrap.fill(line, width, subsequent_indent=_INDENT, break_long_words=False) for line in lines)


def _as_data(findings: Iterable[Finding]) -> dict[str, object]:
    rows = [{name: getattr(each, name) for name in ("name", "status", "detail", "remedy")} for each in findings]
    return {"ok": all(row["status"] == "ok" for row in rows), "checks": rows}


def _exit_code(findings: Iterable[Finding]) -> int:
    problems = [finding for finding in findings if finding.status == "problem"]
    if any(finding.is_about_key for finding in problems):
        return NO_CREDENTIALS
    return FAILED if problems else DONE

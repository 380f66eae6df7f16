"""The command line: a help and one call, in a new process each time; the CPU of the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tools.benchmarks.bench import Bench

# The name of each command, the environment that has it, and the arguments of a call.
COMMANDS = {
    "fibonacci": ("sdk", ["workflows", "get", "wf-abc123"]),
    "openai": ("openai-command", ["api", "models.retrieve", "-i", "wf-abc123"]),
}
VARIABLES = {
    "FIBONACCI_API_KEY": "key",
    "FIBONACCI_BASE_URL": "{url}/v1",
    "OPENAI_API_KEY": "key",
    "OPENAI_BASE_URL": "{url}/bare",
}
# Runs the installed script.
SCRIPT = """\
import os, sys
os.environ.update({variables!r})
path = os.path.join(os.path.dirname(sys.executable), {name!r})
sys.argv = [path, *{arguments!r}]
exec(compile(open(path).read(), path, "exec"))
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Measure `--help` of each command, and a call."""
    variables = {name: text.format(url=bench.url) for name, text in VARIABLES.items()}

    def script(name: str, arguments: list[str]) -> tuple[str, str]:
        return COMMANDS[name][0], SCRIPT.format(variables=variables, name=name, arguments=arguments)

    helps = {name: script(name, ["--help"]) for name in COMMANDS}
    helps["the interpreter alone"] = ("sdk", "pass")
    return [
        *_measured(bench, "command: --help", helps),
        *_measured(bench, "command: a call", {name: script(name, line) for name, (_, line) in COMMANDS.items()}),
    ]


def _measured(bench: Bench, measurement: str, scripts: Mapping[str, tuple[str, str]]) -> list[FigureRow]:
    spent = bench.scripts(scripts, bench.runs(3, 15))
    cpu = {name: [run.cpu * 1000 for run in found] for name, found in spent.items()}
    return rows(measurement, "ms of CPU", cpu, "fibonacci")

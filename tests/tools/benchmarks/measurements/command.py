"""The command line: a help and one call, in a new process each time; the CPU and the memory of the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.tools.benchmarks.bench import Bench

BASELINE = "fibonacci"
BARE = "the interpreter alone"
# The name of each command and the environment that has it.
COMMANDS = {
    "fibonacci": "sdk",
    "openai": "openai-command",
    "prefect": "prefect",
    "modal": "modal",
    "hf": "huggingface_hub",
}
# modal speaks gRPC, which the server does not.
CALLS: Mapping[str, Sequence[str]] = {
    "fibonacci": ("workflows", "get", "wf-abc123"),
    "openai": ("api", "models.retrieve", "-i", "wf-abc123"),
    "prefect": ("api", "GET", "/workflows/wf-abc123"),
    "hf": ("models", "info", "team/wf-abc123"),
}
VARIABLES = {
    "FIBONACCI_API_KEY": "key",
    "FIBONACCI_BASE_URL": "{url}/v1",
    "OPENAI_API_KEY": "key",
    "OPENAI_BASE_URL": "{url}/bare",
    "PREFECT_API_URL": "{url}/api",
    "PREFECT_HOME": "{home}",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
    "HF_ENDPOINT": "{url}/bare",
    "HF_HOME": "{home}",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
# The largest memory since the program was started, in MB.
MEMORY = """\
import sys
def memory():
    if sys.platform != "linux":
        return 0
    return next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line) / 1024
"""
# Runs the installed script, and prints its memory.
SCRIPT = """\
import atexit, os
os.environ.update({variables!r})
atexit.register(lambda: print("\\n", memory()))
path = os.path.join(os.path.dirname(sys.executable), {name!r})
sys.argv = [path, *{arguments!r}]
exec(compile(open(path).read(), path, "exec"))
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Measure `--help` of each command, and a call of those that can be pointed to the server."""
    variables = {name: text.format(url=bench.url, home=bench.authority.parent) for name, text in VARIABLES.items()}

    def script(name: str, arguments: Sequence[str]) -> tuple[str, str]:
        return COMMANDS[name], MEMORY + SCRIPT.format(variables=variables, name=name, arguments=list(arguments))

    helps = {name: script(name, ["--help"]) for name in COMMANDS}
    helps[f"{BASELINE} workflows get"] = script(BASELINE, ["workflows", "get", "--help"])
    helps[BARE] = ("sdk", f"{MEMORY}print(memory())")
    return [
        *_measured(bench, "command: --help", helps),
        *_measured(bench, "command: a call", {name: script(name, line) for name, line in CALLS.items()}),
    ]


def _measured(bench: Bench, measurement: str, scripts: Mapping[str, tuple[str, str]]) -> list[FigureRow]:
    spent = bench.scripts(scripts, bench.runs(3, 15))
    cpu = {name: [run.cpu * 1000 for run in found] for name, found in spent.items()}
    memory = {name: [float(run.result.split()[-1]) for run in found] for name, found in spent.items()}
    return [
        *rows(measurement, "ms of CPU", cpu, BASELINE),
        *rows(f"{measurement}: memory", "MB", memory, BASELINE),
    ]

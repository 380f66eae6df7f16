"""Importing, in a new process each time: CPU, modules, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench

BASELINE = "httpx, pydantic"
STATEMENTS = {
    "fibonacci": ("sdk", "import fibonacci"),
    "fibonacci, a client made": ("sdk", "from fibonacci import Fibonacci; Fibonacci('key')"),
    BASELINE: ("sdk", "import httpx; from pydantic import BaseModel"),
    "httpx": ("sdk", "import httpx"),
    "httpx2": ("httpx2", "import httpx2"),
    "aiohttp": ("aiohttp", "import aiohttp"),
    "openai": ("openai", "import openai"),
    "anthropic": ("anthropic", "import anthropic"),
    "stripe": ("stripe", "import stripe"),
    "langgraph-sdk": ("langgraph-sdk", "import langgraph_sdk"),
}
SCRIPT = """\
import sys, time
def memory(): return int(open('/proc/self/statm').read().split()[1]) * 4 / 1024 if sys.platform == 'linux' else 0
held, modules, began = memory(), len(sys.modules), time.process_time()
{statement}
print((time.process_time() - began) * 1000, len(sys.modules) - modules, memory() - held)
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the statement alone, without the start of the interpreter."""
    scripts = {name: (where, SCRIPT.format(statement=statement)) for name, (where, statement) in STATEMENTS.items()}
    spent = bench.scripts(scripts, bench.runs(5, 25))
    figures = {name: [tuple(map(float, run.result.split())) for run in runs] for name, runs in spent.items()}
    cpu, modules, memory = (
        {name: [figure[column] for figure in runs] for name, runs in figures.items()} for column in range(3)
    )
    return [
        *rows("import", "ms of CPU", cpu, BASELINE),
        *rows("import: modules", "modules", modules, BASELINE),
        *rows("import: memory", "MB", memory, BASELINE),
    ]

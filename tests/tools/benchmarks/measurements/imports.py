"""Importing, in a new process each time."""

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
    "aiohttp": ("aiohttp", "import aiohttp"),
    "openai": ("openai", "import openai"),
    "anthropic": ("anthropic", "import anthropic"),
}
SCRIPT = """\
import time
began = time.process_time()
{statement}
print((time.process_time() - began) * 1000)
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the statement alone, without the start of the interpreter."""
    scripts = {name: (where, SCRIPT.format(statement=statement)) for name, (where, statement) in STATEMENTS.items()}
    spent = bench.scripts(scripts, bench.runs(5, 25))
    return rows(
        "import", "ms of CPU", {name: [float(run.result) for run in runs] for name, runs in spent.items()}, BASELINE
    )

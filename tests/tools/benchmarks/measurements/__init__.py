"""The measurements, in the order of the table; each is a module with `measure(bench)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.measurements import (
    cold,
    command,
    construct,
    dead_address,
    emulator,
    emulator_growth,
    few_descriptors,
    flood,
    imports,
    in_flight,
    long_calls,
    many_pages,
    one_call,
    overhead,
    pages,
    parts,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.benchmarks.bench import Bench
    from tests.tools.benchmarks.figures import FigureRow

MEASUREMENTS: dict[str, Callable[[Bench], list[FigureRow]]] = {
    "import": imports.measure,
    "cold": cold.measure,
    "command": command.measure,
    "client": construct.measure,
    "call": one_call.measure,
    "parts": parts.measure,
    "in-flight": in_flight.measure,
    "long-calls": long_calls.measure,
    "descriptors": few_descriptors.measure,
    "flood": flood.measure,
    "waiting": waiting.measure,
    "dead-address": dead_address.measure,
    "pages": pages.measure,
    "many-pages": many_pages.measure,
    "overhead": overhead.measure,
    "emulator": emulator.measure,
    "emulator-growth": emulator_growth.measure,
}

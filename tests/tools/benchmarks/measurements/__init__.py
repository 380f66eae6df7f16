"""The measurements, in the order of the table; each is a module with `measure(bench)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.measurements import (
    cold,
    command,
    construct,
    dead_address,
    emulator,
    flood,
    imports,
    in_flight,
    long_calls,
    one_call,
    pages,
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
    "in-flight": in_flight.measure,
    "long-calls": long_calls.measure,
    "flood": flood.measure,
    "dead-address": dead_address.measure,
    "pages": pages.measure,
    "emulator": emulator.measure,
}

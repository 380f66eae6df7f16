"""The measurements, in the order of the table; each is a module with `measure(bench)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.measurements import (
    cold,
    command,
    construct,
    emulator,
    imports,
    in_flight,
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
    "pages": pages.measure,
    "emulator": emulator.measure,
}

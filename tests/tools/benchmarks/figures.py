"""From many runs to one figure: interleaving, medians, spread, ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class FigureRow:
    """One figure of one subject.

    Attributes:
        measurement: What was measured.
        subject: What was measured there.
        unit: The unit of the figure.
        median: The median of the runs.
        spread: Return the distance between the quartiles, relative to the median.
        ratio: The median of the runs' ratios to the baseline's; None when there is no baseline.
        runs: How many runs there were.
    """

    measurement: str
    subject: str
    unit: str
    median: float
    spread: float
    ratio: float | None
    runs: int


def interleaved(actions: Mapping[str, Callable[[], T]], runs: int) -> dict[str, list[T]]:
    """Carry out each action in turn, and all of that so many times, each time beginning with another.

    What disturbs the machine for a while then disturbs all of them.
    """
    names = list(actions)
    results: dict[str, list[T]] = {name: [] for name in names}
    for run in range(runs):
        start = run % len(names)
        for name in names[start:] + names[:start]:
            results[name].append(actions[name]())
    return results


def rows(
    measurement: str, unit: str, samples: Mapping[str, Sequence[float]], baseline: str | None = None
) -> list[FigureRow]:
    """Return a row for each subject; the ratios compare neighboring runs."""
    base = None if baseline is None else samples.get(baseline)
    return [
        FigureRow(
            measurement,
            subject,
            unit,
            median(values),
            spread(values),
            None if base is None else median(value / other for value, other in zip(values, base, strict=True)),
            len(values),
        )
        for subject, values in samples.items()
    ]


def spread(values: Sequence[float]) -> float:
    """Return the distance between the quartiles, relative to the median."""
    if len(values) < 2 or not median(values):
        return 0.0
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / median(values)

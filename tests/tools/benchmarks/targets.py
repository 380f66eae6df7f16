"""The targets, and whether the figures meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tools.benchmarks.figures import FigureRow


@dataclass(frozen=True)
class Bound:
    """A bound for one figure.

    Attributes:
        text: What is bounded.
        measurement: The measurement that has the figure.
        bound: The bound itself.
        at: Whether it is the most or the least that the figure may be.
        beside: What the figure is divided by: the measurement's baseline when it is empty, nothing when it is None,
            else another subject, or another measurement of the same subject.
        subject: Whose figure it is.
    """

    text: str
    measurement: str
    bound: float
    at: Literal["most", "least"] = "most"
    beside: str | None = ""
    subject: str = "fibonacci"

    def figure(self, rows: Sequence[FigureRow]) -> float | None:
        """Return the figure; None when it was not measured."""
        own = _find(rows, self.measurement, self.subject)
        if own is None:
            return None
        if self.beside is None:
            return own.median
        if not self.beside:
            return own.ratio
        other = _find(rows, self.measurement, self.beside) or _find(rows, self.beside, self.subject)
        return None if other is None else own.median / other.median

    def is_met(self, figure: float) -> bool:
        """Whether a figure is within the bound."""
        return figure <= self.bound if self.at == "most" else figure >= self.bound


def _find(rows: Sequence[FigureRow], measurement: str, subject: str) -> FigureRow | None:
    return next((row for row in rows if (row.measurement, row.subject) == (measurement, subject)), None)


_DECODING = "fibonacci, decoding"
_MADE = "fibonacci, a client made"
_YOURS = "fibonacci, your httpx client"
TARGETS = (
    Bound("`import fibonacci`, relative to httpx and pydantic", "import", 0.02),
    Bound("import and a client made, relative to httpx and pydantic", "import", 1.0, subject=_MADE),
    Bound("cold script, relative to the one by hand", "cold script", 0.85),
    Bound("cold script over https, relative to the one by hand", "cold script, https", 0.97),
    Bound("cold script, async, relative to the one by hand", "cold script, async", 1.1),
    Bound("`fibonacci --help`, relative to openai's", "command: --help", 0.15, beside="openai"),
    Bound(
        "`fibonacci --help`, relative to the interpreter alone", "command: --help", 6, beside="the interpreter alone"
    ),
    Bound("`fibonacci workflows get`, relative to openai's", "command: a call", 0.5, beside="openai"),
    Bound("a client, ms", "client: each of many", 0.1, beside=None),
    Bound("a client, KB", "client: memory of each of many", 10, beside=None),
    Bound("a call, relative to `httpx.Client.get`", "one call", 0.75),
    Bound("a call with your httpx client, relative to `httpx.Client.get`", "one call", 1.25, subject=_YOURS),
    Bound("a call with your httpx client, async", "one call, async", 1.25, subject=_YOURS),
    Bound("a call, relative to openai's", "one call", 0.4, beside="openai"),
    Bound("a call, relative to anthropic's", "one call", 0.4, beside="anthropic"),
    Bound("a call, async, relative to `httpx.AsyncClient.get`", "one call, async", 0.8),
    Bound("10 in flight, relative to httpx", "10 calls in flight", 2, "least"),
    Bound("100 in flight, relative to httpx", "100 calls in flight", 5, "least"),
    Bound("1,000 in flight, relative to httpx", "1,000 calls in flight", 5, "least"),
    Bound("1,000 in flight, relative to 10", "1,000 calls in flight", 0.8, "least", "10 calls in flight"),
    Bound("100 in flight, relative to openai[aiohttp]", "100 calls in flight", 1.5, "least", "openai[aiohttp]"),
    Bound("1,000 in flight, relative to openai[aiohttp]", "1,000 calls in flight", 1.5, "least", "openai[aiohttp]"),
    Bound("a burst of 1,000, relative to httpx", "burst of 1,000 calls", 30, "least"),
    Bound(
        "decoding a page of 100, relative to json.loads and model_validate",
        "page of 100 objects",
        0.72,
        subject=_DECODING,
    ),
    Bound(
        "decoding a page of 10,000, relative to json.loads and model_validate",
        "page of 10,000 objects",
        0.75,
        subject=_DECODING,
    ),
    Bound("its peak memory, relative to that by hand", "page of 10,000 objects: peak memory", 0.75, subject=_DECODING),
)


def judged(rows: Sequence[FigureRow]) -> list[tuple[Bound, float, bool]]:
    """Return the bounds whose figures were measured, each with its figure and whether it is met."""
    figures: list[tuple[Bound, float | None]] = [(target, target.figure(rows)) for target in TARGETS]
    return [(target, figure, target.is_met(figure)) for target, figure in figures if figure is not None]

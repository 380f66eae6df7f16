"""The three plans: their rate limits, which are documented, and their quotas, which are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fibonacci.emulator.option_values import PlanName


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The limits of a plan.

    Attributes:
        per_minute: Requests per minute.
        per_day: Requests per day; `None` for no limit.
        quota: The plan's own limits.
        ceilings: The highest values that an organization's owner may set.
    """

    per_minute: int
    per_day: int | None
    quota: Mapping[str, int]
    ceilings: Mapping[str, int]


def _quota(runs: int, concurrent: int, memory: int) -> dict[str, int]:
    return {"workflow_runs_per_hour": runs, "concurrent_executions": concurrent, "memory_mb": memory}


PLANS: Final[Mapping[PlanName, AccountPlan]] = {
    "free": AccountPlan(60, 1_000, _quota(60, 2, 256), _quota(120, 5, 512)),
    "pro": AccountPlan(300, 50_000, _quota(1_000, 20, 2_048), _quota(5_000, 100, 8_192)),
    "enterprise": AccountPlan(
        1_000_000, None, _quota(10_000_000, 1_000, 65_536), _quota(100_000_000, 10_000, 1_048_576)
    ),
}

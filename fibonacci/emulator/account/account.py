"""The account: its plan and its rate limit, which can be changed while the emulator runs."""

from __future__ import annotations

import math
from typing import Final

from fibonacci.emulator.account.plans import PLANS
from fibonacci.emulator.account.rate_limits import Rate, RateLimits
from fibonacci.emulator.option_values import PlanName


class Account:
    """The plan of the emulator's organization, and its rate limit.

    Args:
        plan: The plan.
        rate: The limit of a window, in place of the plan's requests per minute.

    Attributes:
        limits: Counts the requests.

    Raises:
        ValueError: If the plan is unknown, or the rate is not positive.
    """

    def __init__(self, plan: PlanName = "enterprise", rate: Rate | None = None) -> None:
        _check_plan(plan)
        _check_rate(rate)
        self._plan: PlanName = plan
        self._rate = rate
        self.limits: Final = RateLimits(rate or _rate_of(plan), PLANS[plan].per_day)

    @property
    def plan(self) -> PlanName:
        """The plan: rate limits and quotas."""
        return self._plan

    @plan.setter
    def plan(self, plan: PlanName) -> None:
        _check_plan(plan)
        self._plan = plan
        self._apply()

    @property
    def rate(self) -> Rate:
        """The limit of a window."""
        return self._rate or _rate_of(self._plan)

    @property
    def own_rate(self) -> Rate | None:
        """The limit of a window that was set in place of the plan's; `None` if there is none."""
        return self._rate

    def set_rate(self, rate: Rate | None) -> None:
        """Set the limit of a window; `None` for the plan's. Every window begins anew, as with another plan.

        Raises:
            ValueError: If it is not positive.
        """
        _check_rate(rate)
        self._rate = rate
        self._apply()

    def _apply(self) -> None:
        self.limits.change(self.rate, PLANS[self._plan].per_day)


def _rate_of(plan: PlanName) -> Rate:
    return Rate(PLANS[plan].per_minute, 60.0)


def _check_plan(plan: str) -> None:
    if plan not in PLANS:
        raise ValueError(f"plan is one of {', '.join(PLANS)}, not {plan!r}")


def _check_rate(rate: Rate | None) -> None:
    if rate is not None and (rate.limit < 1 or not 0 < rate.seconds < math.inf):
        raise ValueError("rate_limit is a number of requests and a number of seconds, both positive")

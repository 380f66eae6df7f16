"""The part of `Emulator` with the settings that can be changed while it runs."""

from __future__ import annotations

from collections.abc import MutableMapping

from fibonacci.emulator.account.rate_limits import Rate
from fibonacci.emulator.app.app import App
from fibonacci.emulator.option_values import PlanName


class EmulatorSettings:
    """The settings of an emulator.

    Attributes:
        env: The values of `{{env.NAME}}` in workflows, by name: `emulator.env["TEAM"] = "Tides"`.
        secrets: The values of `{{secrets.NAME}}` in workflows, by name; its repr does not show them.
        models: The names of the known models, in any order; a workflow that names another is a warning. Names can be
            added.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator(secrets={"TOKEN": "t-1"})
        >>> emulator.env["TEAM"] = "Tides"
        >>> emulator.secrets
        {'TOKEN': '***'}
    """

    _app: App
    env: MutableMapping[str, str]
    secrets: MutableMapping[str, str]
    models: list[str]

    @property
    def plan(self) -> PlanName:
        """The plan: rate limits and quotas. Another one begins new windows of the rate limit.

        Raises:
            ValueError: If it is set to an unknown plan.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> emulator.plan = "free"
            >>> emulator.rate_limit
            (60, 60.0)
        """
        return self._app.account.plan

    @plan.setter
    def plan(self, plan: PlanName) -> None:
        self._app.account.plan = plan

    @property
    def rate_limit(self) -> tuple[int, float]:
        """The number of requests in a window and its seconds, in this order.

        Setting it begins a new window; `None` sets the plan's.

        Raises:
            ValueError: If it is set to what is not positive.
        """
        rate = self._app.account.rate
        return rate.limit, rate.seconds

    @rate_limit.setter
    def rate_limit(self, rate_limit: tuple[int, float] | None) -> None:
        self._app.account.set_rate(None if rate_limit is None else Rate(*rate_limit))

    @property
    def keep(self) -> int | None:
        """How many executions that have ended are kept; `None` for all. It applies with the next change of the state.

        Raises:
            ValueError: If it is set to less than 1.
        """
        return self._app.retention.keep

    @keep.setter
    def keep(self, keep: int | None) -> None:
        self._app.retention.keep = keep

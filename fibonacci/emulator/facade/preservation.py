"""The part of `Emulator` that undoes what is done in a block."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.facade.settings import EmulatorSettings
from fibonacci.emulator.facade.snapshots import Snapshots


class Preservation(EmulatorSettings, Snapshots):
    """Undoes changes of the state, of the settings, and of what stands in for nodes."""

    _environment: Environment

    @contextmanager
    def preserve_state(self) -> Generator[None]:
        """Undo what is done in a block when it ends: state, settings, handlers and scripts are as they were.

        For an emulator that several tests share: what was there before remains, and what one of them creates is gone.
        Recorded requests, injected failures and warnings are dropped, those from before included. The time does not go
        back, and the rate limits begin anew.

        Returns:
            A context manager, which gives nothing.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> workflow = emulator.client().workflows.create(name="greeting")
            >>> with emulator.preserve_state():
            ...     emulator.client().workflows.delete(workflow.id)
            >>> emulator.client().workflows.get(workflow.id).name
            'greeting'
        """
        environment = self._environment
        snapshot, handlers, scripts = self.snapshot(), environment.handlers.copy(), environment.scripts.copy()
        try:
            with self._preserve_settings():
                yield
        finally:
            self.reset()
            self.restore(snapshot)
            environment.handlers.replace_by(handlers)
            environment.scripts.replace_by(scripts)

    @contextmanager
    def _preserve_settings(self) -> Generator[None]:
        account, keep, models = self._app.account, self.keep, list(self.models)
        plan, rate = account.plan, account.own_rate
        variables = [(each, dict(each)) for each in (self.env, self.secrets)]
        try:
            yield
        finally:
            account.plan, self.keep, self.models[:] = plan, keep, models
            account.set_rate(rate)
            for each, before in variables:
                each.clear()
                each.update(before)

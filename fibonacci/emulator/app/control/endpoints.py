"""The table of the control API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from fibonacci.emulator.app.control import (
    approvals,
    clock,
    environment,
    failures,
    keys,
    requests,
    scripts,
    settings,
    state,
)
from fibonacci.emulator.app.control.parts import ControlHandler, EmulatorParts
from fibonacci.emulator.context import Handler

CONTROL_ENDPOINTS: Final[list[tuple[str, str, ControlHandler]]] = [
    ("POST", "/keys", keys.make_key),
    ("POST", "/approvals/{execution_id}", approvals.decide),
    ("GET", "/failures", failures.list_failures),
    ("POST", "/failures", failures.inject_failure),
    ("DELETE", "/failures", failures.clear_failures),
    ("POST", "/chaos", failures.start_chaos),
    ("GET", "/requests", requests.list_requests),
    ("DELETE", "/requests", requests.clear_requests),
    ("GET", "/scripts", scripts.list_scripts),
    ("POST", "/scripts", scripts.add_script),
    ("DELETE", "/scripts", scripts.clear_scripts),
    ("GET", "/warnings", environment.list_warnings),
    ("GET", "/models", environment.list_models),
    ("POST", "/models", environment.add_model),
    ("DELETE", "/models/{name}", environment.remove_model),
    ("GET", "/env", environment.list_env),
    ("PUT", "/env/{name}", environment.set_env),
    ("DELETE", "/env/{name}", environment.delete_env),
    ("GET", "/secrets", environment.list_secrets),
    ("PUT", "/secrets/{name}", environment.set_secret),
    ("DELETE", "/secrets/{name}", environment.delete_secret),
    ("GET", "/clock", clock.read_clock),
    ("POST", "/clock/advance", clock.advance),
    ("GET", "/settings", settings.read_settings),
    ("PATCH", "/settings", settings.change_settings),
    ("GET", "/snapshot", state.snapshot),
    ("POST", "/restore", state.restore),
    ("POST", "/reset", state.reset),
]


def control_endpoints(parts: EmulatorParts) -> Iterator[tuple[str, str, Handler]]:
    """Yield method, path and handler of each endpoint, for the parts of one emulator."""
    return ((method, path, partial(handler, parts)) for method, path, handler in CONTROL_ENDPOINTS)

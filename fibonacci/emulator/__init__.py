"""The platform on the user's machine, for tests and experiments.

Example:
    >>> from fibonacci.emulator import Emulator
    >>> with Emulator() as emulator:
    ...     emulator.base_url.startswith("http://127.0.0.1:")
    True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.app.request_log import RecordedRequest, Requests
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.scripts import Fault, Script, Scripts
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall
from fibonacci.emulator.facade.emulator import Emulator
from fibonacci.emulator.faults.fault import Failure, FailureKind
from fibonacci.emulator.faults.injector import Failures
from fibonacci.emulator.input_files import InputFileError
from fibonacci.emulator.state.errors import StateError

if TYPE_CHECKING:
    from fibonacci.emulator.engine.cassette import Cassette
    from fibonacci.emulator.engine.recorded_calls import RecordedCall

__all__ = [
    "Cassette",
    "CriticCall",
    "Emulator",
    "EmulatorWarning",
    "Failure",
    "FailureKind",
    "Failures",
    "Fault",
    "InputFileError",
    "KeyRole",
    "LLMCall",
    "RecordedCall",
    "RecordedRequest",
    "Requests",
    "Script",
    "Scripts",
    "StateError",
    "ToolCall",
]

if not TYPE_CHECKING:  # else every name would be one of this module

    def __getattr__(name: str) -> Any:
        if name not in ("Cassette", "RecordedCall"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from fibonacci.emulator.engine import cassette  # most emulators use none

        return getattr(cassette, name)

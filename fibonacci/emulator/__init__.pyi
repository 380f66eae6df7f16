# Derived from fibonacci/emulator/__init__.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.engine.cassettes import Cassette, CassetteMode, RecordedCall
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.scripts import NodeFailure, NodeFailureKind, Script, Scripts
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall
from fibonacci.emulator.facade import Emulator
from fibonacci.emulator.faults import FailureKind, InjectedFailure, InjectedFailures
from fibonacci.emulator.input_files import InputFileError
from fibonacci.emulator.option_values import PlanName, TimeMode
from fibonacci.emulator.request_log import RecordedRequest, Requests
from fibonacci.emulator.state.clock import EmulatorClock
from fibonacci.emulator.state.snapshot import StateError

__all__ = [
    "Cassette",
    "CassetteMode",
    "CriticCall",
    "Emulator",
    "EmulatorClock",
    "EmulatorWarning",
    "FailureKind",
    "InjectedFailure",
    "InjectedFailures",
    "InputFileError",
    "KeyRole",
    "LLMCall",
    "NodeFailure",
    "NodeFailureKind",
    "PlanName",
    "RecordedCall",
    "RecordedRequest",
    "Requests",
    "Script",
    "Scripts",
    "StateError",
    "TimeMode",
    "ToolCall",
]

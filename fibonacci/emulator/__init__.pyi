# Derived from fibonacci/emulator/__init__.py by tests/stubs.py; change that file, not this one.
from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.app.request_log import RecordedRequest, Requests
from fibonacci.emulator.engine.answers.cassette import Cassette
from fibonacci.emulator.engine.answers.recorded_calls import RecordedCall
from fibonacci.emulator.engine.answers.scripted_fault import Fault
from fibonacci.emulator.engine.answers.scripts import Script, Scripts
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall
from fibonacci.emulator.facade.emulator import Emulator
from fibonacci.emulator.faults.fault import Failure, FailureKind
from fibonacci.emulator.faults.injector import Failures
from fibonacci.emulator.input_files import InputFileError
from fibonacci.emulator.state.errors import StateError

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

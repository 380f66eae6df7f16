"""The platform on the user's machine, for tests and for trying things out.

Example:
    >>> from fibonacci.emulator import Emulator
    >>> with Emulator() as emulator:
    ...     emulator.base_url.startswith("http://127.0.0.1:")
    True
"""

from __future__ import annotations

from fibonacci.emulator._emulator import Emulator
from fibonacci.emulator.failures import Failure, FailureKind
from fibonacci.emulator.faults import Failures
from fibonacci.emulator.handlers import CriticCall, LLMCall, ToolCall
from fibonacci.emulator.keys import Role
from fibonacci.emulator.record import RecordedRequest, Requests
from fibonacci.emulator.store import StateError

__all__ = [
    "CriticCall",
    "Emulator",
    "Failure",
    "FailureKind",
    "Failures",
    "LLMCall",
    "RecordedRequest",
    "Requests",
    "Role",
    "StateError",
    "ToolCall",
]

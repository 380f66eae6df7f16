"""The platform on the user's machine, for tests and experiments.

Example:
    >>> from fibonacci.emulator import Emulator
    >>> with Emulator() as emulator:
    ...     emulator.base_url.startswith("http://127.0.0.1:")
    True
"""

from fibonacci._lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci.emulator.account.auth": ["KeyRole"],
        "fibonacci.emulator.app.request_log": ["RecordedRequest", "Requests"],
        "fibonacci.emulator.engine.answers.cassette": ["Cassette"],
        "fibonacci.emulator.engine.answers.recorded_calls": ["RecordedCall"],
        "fibonacci.emulator.engine.answers.scripted_fault": ["Fault"],
        "fibonacci.emulator.engine.answers.scripts": ["Script", "Scripts"],
        "fibonacci.emulator.engine.emulator_warnings": ["EmulatorWarning"],
        "fibonacci.emulator.engine.user_handlers": ["CriticCall", "LLMCall", "ToolCall"],
        "fibonacci.emulator.facade.emulator": ["Emulator"],
        "fibonacci.emulator.faults.fault": ["Failure", "FailureKind"],
        "fibonacci.emulator.faults.injector": ["Failures"],
        "fibonacci.emulator.input_files": ["InputFileError"],
        "fibonacci.emulator.state.errors": ["StateError"],
    },
)

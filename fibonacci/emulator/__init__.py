"""An emulator of the platform on your machine, for tests and experiments.

Example:
    >>> from fibonacci.emulator import Emulator
    >>> with Emulator() as emulator:
    ...     emulator.base_url.startswith("http://127.0.0.1:")
    True
"""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci.emulator.account": ["KeyRole"],
        "fibonacci.emulator.request_log": ["RecordedRequest", "Requests"],
        "fibonacci.emulator.engine.cassettes": ["Cassette", "CassetteMode", "RecordedCall"],
        "fibonacci.emulator.engine.emulator_warnings": ["EmulatorWarning"],
        "fibonacci.emulator.engine.scripts": ["NodeFailure", "NodeFailureKind", "Script", "Scripts"],
        "fibonacci.emulator.engine.user_handlers": ["CriticCall", "LLMCall", "ToolCall"],
        "fibonacci.emulator.facade": ["Emulator"],
        "fibonacci.emulator.faults": ["FailureKind", "InjectedFailure", "InjectedFailures"],
        "fibonacci.emulator.input_files": ["InputFileError"],
        "fibonacci.emulator.option_values": ["PlanName", "TimeMode"],
        "fibonacci.emulator.state.clock": ["EmulatorClock"],
        "fibonacci.emulator.state.snapshot": ["StateError"],
    },
)

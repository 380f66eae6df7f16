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
        "fibonacci.emulator.engine.answers.cassette": ["Cassette", "CassetteMode"],
        "fibonacci.emulator.engine.answers.node_failure": ["NodeFailure", "NodeFailureKind"],
        "fibonacci.emulator.engine.answers.recorded_calls": ["RecordedCall"],
        "fibonacci.emulator.engine.answers.scripts": ["Script", "Scripts"],
        "fibonacci.emulator.engine.emulator_warnings": ["EmulatorWarning"],
        "fibonacci.emulator.engine.user_handlers": ["CriticCall", "LLMCall", "ToolCall"],
        "fibonacci.emulator.facade.emulator": ["Emulator"],
        "fibonacci.emulator.faults.fault": ["FailureKind", "InjectedFailure"],
        "fibonacci.emulator.faults.injector": ["InjectedFailures"],
        "fibonacci.emulator.input_files": ["InputFileError"],
        "fibonacci.emulator.option_values": ["PlanName", "TimeMode"],
        "fibonacci.emulator.state.clock": ["EmulatorClock"],
        "fibonacci.emulator.state.errors": ["StateError"],
    },
)

"""What `read_docs` returns: public names, and nothing else."""

from __future__ import annotations

import sys

import pytest

from fibonacci.cli.mcp_server.fixed_tools import documentation_of


def test_public_names() -> None:
    for name, text in (
        ("", "# fibonacci-sdk"),
        ("workflows.run", "Start a workflow, wait until it ends"),
        ("client.workflows.run()", "cancel_on_exit"),
        ("Fibonacci.workflows", "- run: Start a workflow"),
        ("Execution", "- outputs: The value of each node or named output"),
        ("fibonacci.Fibonacci", "api_key"),
        ("fibonacci.emulator", "- Emulator:"),
        ("errors", "FibonacciError"),
        ("emulator.Emulator", "- fail:"),
        ("fibonacci.definitions.check_definition", "List all problems"),
        ("organizations.quota", "- update:"),
        ("OpenTelemetryTracing", "OpenTelemetry spans and metrics"),
        ("fibonacci.integrations.opentelemetry.OpenTelemetryTracing", "OpenTelemetry spans and metrics"),
    ):
        assert text in documentation_of(name), name


def test_a_name_is_looked_for_without_the_extras_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fibonacci.integrations.opentelemetry", None)
    with pytest.raises(ValueError, match="there is no 'OpenTelemetryTracing' in the documentation"):
        documentation_of("OpenTelemetryTracing")


def test_no_other_name() -> None:
    for name in (
        *("nothing", "workflows.rum", "workflows._send", "__builtins__", "Fibonacci.__init__.__globals__", "os.system"),
        *(
            "fibonacci.cli",
            "fibonacci.os",
            "emulator.facade",
            "../x",
            "workflows.run.__globals__",
            "Execution.model_fields",
        ),
    ):
        with pytest.raises(ValueError, match=r"is not a public name|in the documentation"):
            documentation_of(name)

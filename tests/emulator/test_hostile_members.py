"""What a member sends does not stop the emulator for everybody else: each request ends, in bounded steps."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.errors import ValidationError
from tests.definitions.test_schema_limits import fan
from tests.kit.nodes import llm

pytestmark = pytest.mark.slow

LONG = "y" * 500_000


def test_another_client_is_answered_while_a_member_runs_what_never_ends() -> None:
    endless: dict[str, Any] = {"properties": {"n": {"$ref": "#/$defs/a60"}}, "$defs": fan()["$defs"], "required": ["n"]}
    with Emulator() as emulator:
        member = emulator.client(api_key=emulator.key("member", name="eve"), timeout=60, max_retries=0)
        other = emulator.client(timeout=60, max_retries=0)
        outcomes: dict[str, str] = {}

        def run(name: str, definition: dict[str, Any], inputs: dict[str, Any]) -> None:
            try:
                workflow = other.workflows.create(name=name, definition=definition)
                started = member.workflows.execute(workflow.id, inputs=inputs)
                outcomes[name] = str(member.executions.wait(started.id).error)
            except ValidationError as error:
                outcomes[name] = str(error)

        hostile: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("inputs", {"nodes": [llm("a", "Hi")], "input_schema": endless}, {"n": 1}),
            ("render", {"nodes": [llm("a", "{{input.x}}" * 9_000)]}, {"x": LONG}),
        ]
        threads = [Thread(target=run, args=each) for each in hostile]
        for thread in threads:
            thread.start()
        for _ in range(5):
            assert other.health.check()
        for thread in threads:
            thread.join()
        assert len(list(other.workflows.list())) == 2
    assert "takes more than 1,000,000 steps on this value" in outcomes["inputs"]
    assert "the values of the templates have more than 33,554,432 characters" in outcomes["render"]

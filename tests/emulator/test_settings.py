"""What can be changed while the emulator runs, from Python."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import RateLimitError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


def output(emulator: Emulator, instruction: str) -> Any:
    """Run a workflow with one node and return its output."""
    client = emulator.client()
    workflow = client.workflows.create(name="x", definition={"nodes": [llm("n", instruction)]})
    return client.workflows.run(workflow.id).outputs["n"]


def test_env_and_secrets_can_be_changed() -> None:
    emulator = Emulator(env={"A": "1"}, secrets={"B": "2"})
    emulator.env["A"] = "one"
    emulator.env.update(C="3")
    emulator.secrets["B"] = "two"
    assert output(emulator, "{{env.A}} {{env.C}} {{secrets.B}}") == "[default model] one 3 two"
    assert dict(emulator.env) == {"A": "one", "C": "3"}
    del emulator.env["A"]
    with pytest.raises(KeyError):
        del emulator.env["A"]
    assert list(emulator.env) == ["C"]


def test_no_repr_shows_a_secret() -> None:
    emulator = Emulator(secrets={"TOKEN": "s3cret-1"})
    emulator.secrets["OTHER"] = "s3cret-2"
    for shown in (emulator.secrets, str(emulator.secrets), vars(emulator), app_of(emulator).environment):
        assert "s3cret" not in repr(shown)
    assert repr(emulator.secrets) == "{'TOKEN': '***', 'OTHER': '***'}"


@each_row("name", ["", "A.B", "A B", " A", "A ", "{A}", "A\n", "A}}"])
@each_row("argument", ["env", "secrets"])
def test_a_name_that_no_template_can_have_is_refused(name: str, argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument} cannot have the name"):
        _ = Emulator(env={name: "x"}) if argument == "env" else Emulator(secrets={name: "x"})
    emulator = Emulator()
    with pytest.raises(ValueError, match=f"{argument} cannot have the name"):
        getattr(emulator, argument)[name] = "x"
    assert dict(getattr(emulator, argument)) == {}


def test_a_value_that_is_no_text_is_refused_without_being_shown() -> None:
    values: Any = {"PIN": 4242}
    with pytest.raises(TypeError, match=r"secrets\['PIN'\] must be a string, not int$"):
        Emulator(secrets=values)


def test_the_rate_limit_can_be_changed() -> None:
    emulator = Emulator(rate_limit=(1, 60))
    client = emulator.client(max_retries=0, rate_limiter="off")
    client.health.check()
    with pytest.raises(RateLimitError):
        client.tools.get("wait")
    emulator.rate_limit = (2, 60.0)
    assert emulator.rate_limit == (2, 60.0)
    assert [client.tools.get("wait").name for _ in range(2)] == ["wait"] * 2
    with pytest.raises(RateLimitError):
        client.tools.get("wait")
    emulator.rate_limit = None
    assert emulator.rate_limit == (1_000_000, 60.0)
    client.tools.get("wait")


@each_row(
    ("name", "value"),
    [("plan", "gold"), ("rate_limit", (0, 1)), ("rate_limit", (1, 0)), ("rate_limit", (1, float("inf"))), ("keep", 0)],
)
def test_bad_settings_are_refused_and_change_nothing(name: str, value: Any) -> None:
    emulator = Emulator(plan="pro")
    with pytest.raises(ValueError, match=rf"{name} must be"):
        setattr(emulator, name, value)
    assert (emulator.plan, emulator.rate_limit, emulator.keep) == ("pro", (300, 60.0), 10_000)

"""One folder is deployed to any number of platforms, each with a separate state."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci import ConfigurationError, DeploymentError
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, client_of
from tests.kit.assertions import each_row
from tests.kit.mode import Mode


def test_two_platforms_from_one_folder(flows: Flows, mode: Mode) -> None:
    production = Flows(mode, client_of(mode, Emulator(), base_url="http://127.0.0.1:1/v1"), flows.folder)
    flows.write("a.yaml", "flow-a")
    flows.write("b.yaml", "flow-b")
    for place, environment in ((flows, "staging"), (production, "production")):
        place.apply(place.plan(environment=environment))
        assert not place.plan(environment=environment).has_changes
    assert flows.names() == production.names() == ["flow-a", "flow-b"]
    assert {path.name for path in (flows.folder / ".fibonacci").iterdir()} == {"staging", "production"}
    ids = [{state["id"] for state in flows.states(name).values()} for name in ("staging", "production")]
    assert ids[0].isdisjoint(ids[1])

    flows.write("a.yaml", "flow-a", "changed")
    flows.apply(flows.plan(environment="staging"))
    assert [change.file for change in production.plan(environment="production").changes] == ["a.yaml"]
    with pytest.raises(DeploymentError) as caught:
        flows.plan(environment="production")
    assert str(caught.value) == (
        f"environment 'production' of {str(flows.folder)!r} belongs to http://127.0.0.1:1/v1, but the client"
        " calls http://127.0.0.1/v1. Pass the client that it was deployed with, or another environment=..., which adds"
        " a state to .fibonacci. In a test, use a copy of the folder without .fibonacci"
    )


def test_the_default_is_the_variable_and_then_the_profile(
    flows: Flows, mode: Mode, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flows.write("a.yaml", "a")
    assert flows.plan().environment == "default"
    profile = tmp_path / "profiles" / "config.toml"
    profile.parent.mkdir()
    profile.write_text('[profiles.acme]\nbase_url = "http://127.0.0.1/v1"\n')
    profile.chmod(0o600)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(profile.parent))
    named = Flows(mode, client_of(mode, emulator, profile="acme"), flows.folder)
    assert named.plan().environment == "acme"
    monkeypatch.setenv("FIBONACCI_ENVIRONMENT", "staging")
    assert named.plan().environment == "staging"
    assert named.plan(environment="mine").environment == "mine"
    monkeypatch.setenv("FIBONACCI_ENVIRONMENT", "../x")
    with pytest.raises(ConfigurationError, match=r"FIBONACCI_ENVIRONMENT must be the name .*, not '\.\./x'"):
        named.plan()


@each_row("name", ["", ".", "..", "a/b", "a\\b", ".hidden", "a.", "x" * 65, "pr\N{DIGIT ONE}d\n"])
def test_what_is_no_name(flows: Flows, name: str) -> None:
    with pytest.raises(ConfigurationError, match="environment must be the name of an environment"):
        flows.plan(environment=name)
    with pytest.raises(TypeError, match="environment must be the name of an environment, not int"):
        flows.pull("wf-1", environment=7)

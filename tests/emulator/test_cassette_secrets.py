"""Values of secrets are not in a cassette, and are put back on replay."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fibonacci.emulator import Emulator, LLMCall
from tests.emulator.cassettes import failure, run, stored
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

pytestmark = pytest.mark.usefixtures("quick_digits")


def test_secrets_are_not_in_the_file_and_are_put_back(cassette: Path) -> None:
    secret = 'pass"word/é'
    emulator = Emulator(secrets={"TOKEN": secret, "USER": "ada-1815"})

    @emulator.llm
    def reply(call: LLMCall) -> Any:
        if "fail" in call.instruction:
            raise RuntimeError(f"{secret} is wrong")
        texts = [f"it is {secret}", json.dumps([secret]), "?t=pass%22word%2F%C3%A9", "<secret:TOKEN> stays"]
        return {"texts": texts, secret: "ada-1815"}

    nodes = [llm("a", "Log in as {{secrets.USER}} with {{secrets.TOKEN}}"), llm("b", "fail", fallback="a")]
    emulator.record(cassette)
    outputs = run(emulator.client(), nodes[0])
    assert secret in failure(emulator.client(), nodes[1], nodes[0])
    text = cassette.read_text("utf-8")
    for spelling in (secret, "pass", "word", "ada-1815"):
        assert spelling not in text
    calls = stored(cassette)
    assert calls[0]["input"]["instruction"] == "Log in as <secret:USER> with <secret:TOKEN>"
    assert calls[0]["answer"]["texts"][3] == "<\\secret:TOKEN> stays"
    assert calls[1]["error"] == "<secret:TOKEN> is wrong"

    other = Emulator(secrets={"TOKEN": secret, "USER": "ada-1815"})
    other.replay(cassette)
    assert run(other.client(), nodes[0]) == outputs
    changed = Emulator(secrets={"TOKEN": "new", "USER": "ada-1815"})
    changed.replay(cassette)
    replayed = run(changed.client(), nodes[0])["a"]
    assert replayed["texts"] == ["it is new", '["new"]', "?t=new", "<secret:TOKEN> stays"]
    missing = Emulator(secrets={"USER": "ada-1815", "OTHER": "x"})
    missing.replay(cassette)
    assert "pass" not in failure(missing.client(), llm("a", "Log in as ada-1815 with <secret:TOKEN>"))


def test_a_secret_that_the_emulator_does_not_have_fails_the_node(cassette: Path) -> None:
    emulator = Emulator(secrets={"TOKEN": "s3cret"})
    emulator.llm(lambda call: "s3cret")
    emulator.record(cassette)
    run(emulator.client(), llm("a"))
    other = Emulator()
    other.replay(cassette)
    assert failure(other.client(), llm("a")) == (
        "the recorded answer contains the secret 'TOKEN': pass its value in Emulator(secrets=...)"
    )


NODES = [
    llm("a", "As {{secrets.USER}} with {{secrets.TOKEN}}: the admin page, about tides", system_prompt="{{input.who}}"),
    tool("b", "look_up", {"auth": "Bearer {{secrets.TOKEN}}", "text": "{{a}}", "who": "{{input.who}}"}),
    {"id": "c", "type": "critic", "target_node": "b", "criteria": ["no {{secrets.TOKEN}}", "{{secrets.ROLE}}"]},
    llm("d", "{{b}} and <secret:TOKEN>"),
]
REAL = {"TOKEN": "tok/47 11", "USER": "ada-1815", "ROLE": "chief-2"}


def passing_on(emulator: Emulator) -> None:
    """Register handlers that pass secrets on in several forms."""
    token = emulator.secrets["TOKEN"]

    @emulator.llm
    def reply(call: LLMCall) -> Any:
        return {"text": f"with {token}", "url": quote(token, safe=""), token: [1]}

    emulator.tool("look_up")(lambda call: dict(call.params))
    emulator.critic(lambda call: 9)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, quick_digits: None) -> Path:
    """Return a cassette of a run with the real secrets."""
    path = tmp_path_factory.mktemp("recorded") / "calls.json"
    emulator = Emulator(secrets=REAL)
    passing_on(emulator)
    emulator.record(path)
    run(emulator.client(), *NODES, inputs={"who": "admin"})
    return path


@each_row("dummy", ["tok/47 11", "", "admin", "<secret:TOKEN>"])
def test_a_cassette_is_replayed_with_any_secrets(recorded: Path, dummy: str) -> None:
    inputs = [call["input"] for call in stored(recorded)]
    assert inputs[0]["instruction"] == "As <secret:USER> with <secret:TOKEN>: the admin page, about tides"
    assert inputs[2]["criteria"] == ["no <secret:TOKEN>", "<secret:ROLE>"]
    other = Emulator(secrets=dict.fromkeys(REAL, dummy))
    replayed = other.replay(recorded)
    outputs = run(other.client(), *NODES, inputs={"who": "admin"})
    assert outputs["a"]["text"] == f"with {dummy}"
    assert replayed.unused == []


@pytest.mark.parametrize("secret", ["4815162342108", 'wörd-T/+~ "(1)" & \\ more'])
def test_no_form_of_a_secret_is_in_a_file(tmp_path: Path, secret: str) -> None:
    forms = forms_of(secret)
    answer: dict[str, Any] = {name: f"Basic {text}" for name, text in forms.items()}
    emulator = Emulator(secrets={"TOKEN": secret}, db=tmp_path / "state.db", api_key="fib-test")
    emulator.llm(lambda call: answer)
    nodes = [llm("a", memory_write={"note": "{{a}}"}), llm("b", "{{a}}", memory_read=["note"])]
    emulator.record(tmp_path / "calls.json")
    outputs = run(emulator.client(), *nodes)
    assert outputs["a"] == answer
    (tmp_path / "snapshot").write_bytes(emulator.snapshot())
    emulator.close()
    kept = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    assert {"state.db", "calls.json", "snapshot"} <= kept.keys()
    cores = {name: text.strip("=")[4:-4] if name.startswith("base64") else text for name, text in forms.items()}
    assert [
        (file, name) for file, content in kept.items() for name, text in cores.items() if text.encode() in content
    ] == []

    again = Emulator(secrets={"TOKEN": secret}, db=tmp_path / "state.db", api_key="fib-test")
    (execution,) = again.client().executions.list()
    assert again.client().executions.get(execution.id).outputs == outputs
    again.close()
    other = Emulator(secrets={"TOKEN": secret})
    other.replay(tmp_path / "calls.json")
    assert run(other.client(), *nodes) == outputs
    if secret.isdigit():  # the other one is in the input of `b` in JSON within JSON, which is not looked for
        dummy = Emulator(secrets={"TOKEN": "dummy"})
        replayed = dummy.replay(tmp_path / "calls.json")
        assert run(dummy.client(), *nodes)["a"]["plain"] == "Basic dummy"
        assert replayed.unused == []


def forms_of(secret: str) -> dict[str, str]:
    """Return how programs write a secret; in base64 behind and before other bytes."""
    forms = {
        "plain": secret,
        "json": json.dumps(secret)[1:-1],
        "json as text": json.dumps(secret, ensure_ascii=False)[1:-1],
        "url": quote(secret, safe=""),
    }
    for before, after in product((b"", b"u", b"us", b"me:"), (b"", b"a", b"ab")):
        forms[f"base64 {before!r} {after!r}"] = b64encode(before + secret.encode() + after).decode()
    return forms


def test_a_short_secret_is_not_redacted_and_a_warning_says_so(cassette: Path) -> None:
    emulator = Emulator(secrets={"TOKEN": "abc", "EMPTY": "", "LONG": "abcd"})
    (warning,) = emulator.warnings
    assert (warning.code, warning.location) == ("short_secret", "secrets['TOKEN']")
    assert "fewer than 4 characters" in warning.message
    assert "abc" not in str(warning)
    emulator.secrets["TOKEN"] = "abd"
    assert len(emulator.warnings) == 1
    emulator.llm(lambda call: "abc abd abcd")
    emulator.record(cassette)
    run(emulator.client(), llm("a", "Use {{secrets.TOKEN}}"))
    (call,) = stored(cassette)
    assert call["input"] == {"instruction": "Use abd"}
    assert call["answer"] == "abc abd <secret:LONG>"

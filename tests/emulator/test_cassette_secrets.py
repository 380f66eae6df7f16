"""Values of secrets are not in a cassette, and are put back on replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator import Emulator, LLMCall
from fibonacci.emulator.engine.variables import SecretPlaceholders
from tests.emulator.cassettes import failure, run, stored
from tests.kit.nodes import llm


def test_secrets_are_not_in_the_file_and_are_put_back(cassette: Path) -> None:
    secret = 'pass"word/é'
    emulator = Emulator(secrets={"TOKEN": secret, "USER": "ada"})

    @emulator.llm
    def reply(call: LLMCall) -> Any:
        if "fail" in call.instruction:
            raise RuntimeError(f"{secret} is wrong")
        texts = [f"it is {secret}", json.dumps([secret]), "?t=pass%22word%2F%C3%A9", "<secret:TOKEN> stays"]
        return {"texts": texts, secret: "ada"}

    nodes = [llm("a", "Log in as {{secrets.USER}} with {{secrets.TOKEN}}"), llm("b", "fail", fallback="a")]
    emulator.record(cassette)
    outputs = run(emulator.client(), nodes[0])
    assert secret in failure(emulator.client(), nodes[1], nodes[0])
    text = cassette.read_text("utf-8")
    for spelling in (secret, "pass", "word", "ada"):
        assert spelling not in text
    calls = stored(cassette)
    assert calls[0]["input"]["instruction"] == "Log in as <secret:USER> with <secret:TOKEN>"
    assert calls[0]["answer"]["texts"][3] == "<\\secret:TOKEN> stays"
    assert calls[1]["error"] == "<secret:TOKEN> is wrong"

    other = Emulator(secrets={"TOKEN": secret, "USER": "ada"})
    other.replay(cassette)
    assert run(other.client(), nodes[0]) == outputs
    changed = Emulator(secrets={"TOKEN": "new", "USER": "ada"})
    changed.replay(cassette)
    replayed = run(changed.client(), nodes[0])["a"]
    assert replayed["texts"] == ["it is new", '["new"]', "?t=new", "<secret:TOKEN> stays"]
    missing = Emulator(secrets={"USER": "ada", "OTHER": "x"})
    missing.replay(cassette)
    plain = llm("a", "Log in as ada with <secret:TOKEN>")
    assert "pass" not in failure(missing.client(), plain)


def test_a_secret_that_the_emulator_does_not_have_fails_the_node(cassette: Path) -> None:
    emulator = Emulator(secrets={"TOKEN": "s3cret"})
    emulator.llm(lambda call: "s3cret")
    emulator.record(cassette)
    run(emulator.client(), llm("a"))
    other = Emulator()
    other.replay(cassette)
    assert failure(other.client(), llm("a")) == (
        "the recorded answer holds the secret 'TOKEN': pass its value in Emulator(secrets=...)"
    )


def test_secrets_that_are_changed_later_are_hidden_too(cassette: Path) -> None:
    emulator = Emulator(secrets={"TOKEN": "former"})
    emulator.llm(lambda call: "former and present")
    emulator.record(cassette)
    emulator.secrets["TOKEN"] = "present"
    run(emulator.client(), llm("a"))
    assert stored(cassette)[0]["answer"] == "*** and <secret:TOKEN>"


TEXTS = st.text(alphabet='<>\\secrt:TOKENab"/ %é', max_size=30)
JSON = st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


@given(JSON, st.dictionaries(st.text(max_size=5), st.text(alphabet='<\\:secrt"/ab>', max_size=5), max_size=3))
def test_what_is_hidden_is_put_back(value: Any, secrets: dict[str, str]) -> None:
    placeholders = SecretPlaceholders(secrets)
    assert placeholders.put_back(placeholders.hide(value)) == value

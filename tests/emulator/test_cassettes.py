"""Cassettes: calls of handlers, recorded once and replayed."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import Fibonacci
from fibonacci.emulator import Cassette, CriticCall, Emulator, InputFileError, LLMCall, RecordedCall, ToolCall
from fibonacci.emulator.engine.cassette_file import read_calls, text_of, write_calls
from fibonacci.emulator.engine.recorded_calls import differences
from fibonacci.emulator.engine.secret_placeholders import SecretPlaceholders
from tests.emulator.api import llm, tool
from tests.emulator.handling import create, details, node_of, wait_until

CRITIC = {"id": "judge", "type": "critic", "target_node": "draft", "criteria": ["short"]}


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "calls.json"


def counting(emulator: Emulator) -> list[str]:
    """Register handlers that answer with the number of the call; return what they are asked."""
    asked: list[str] = []

    @emulator.llm
    async def reply(call: LLMCall) -> str:
        asked.append(call.instruction)
        return f"answer {len(asked)}"

    @emulator.critic
    def judge(call: CriticCall) -> int:
        asked.append(f"judge {call.output}")
        return 9

    @emulator.tool("gmail.send")
    def send(call: ToolCall) -> dict[str, Any]:
        asked.append(f"send {call.params['to']}")
        return {"sent": len(asked)}

    return asked


def stored(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text("utf-8"))
    assert content["format"] == 1
    return list(content["calls"])


def run(client: Fibonacci, *nodes: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return client.workflows.run(create(client, *nodes), inputs=inputs or {}, timeout=20).outputs


def failure(client: Fibonacci, *nodes: dict[str, Any]) -> str:
    execution = client.workflows.execute(create(client, *nodes))
    return str(node_of(details(client, execution.id), nodes[0]["id"])["error"])


def test_what_is_recorded_once_is_replayed_without_handlers(cassette: Path) -> None:
    nodes = [
        llm("draft", "Draft {{input.topic}}", model="claude-haiku-4-5", temperature=0),
        CRITIC,
        tool("mail", "gmail_send", {"to": "{{draft}}"}),
        tool("sum", "calculator"),
    ]
    emulator = Emulator()
    asked = counting(emulator)
    recording = emulator.record(cassette)
    assert isinstance(recording, Cassette)
    first = run(emulator.client(), *nodes, inputs={"topic": "tides"})
    assert sorted(asked) == ["Draft tides", "judge answer 1", "send answer 1"]
    assert [call.kind for call in recording.calls] == ["llm", "critic", "tool gmail_send"]
    assert recording.unused == []
    draft = stored(cassette)[0]
    assert draft | {"key": "x"} == {
        "kind": "llm",
        "node": "draft",
        "key": "x",
        "input": {"model": "claude-haiku-4-5", "instruction": "Draft tides", "temperature": 0},
        "answer": "answer 1",
    }

    replaying = Emulator()
    replayed = replaying.replay(str(cassette))
    assert len(replayed.unused) == 3
    assert run(replaying.client(), *nodes, inputs={"topic": "tides"}) == first
    assert replayed.unused == []


def test_a_registered_handler_is_not_called_on_replay(cassette: Path) -> None:
    emulator = Emulator()
    counting(emulator)
    with emulator.record(cassette):
        run(emulator.client(), llm("a"))
    asked = counting(emulator)
    with emulator.replay(cassette):
        assert run(emulator.client(), llm("a")) == {"a": "answer 1"}
    assert asked == []
    assert run(emulator.client(), llm("a")) == {"a": "answer 1"}  # the block has ended: the handler is called
    assert asked == ["do"]


def test_a_changed_prompt_is_a_miss_that_says_what_differs(cassette: Path) -> None:
    emulator = Emulator()
    asked = counting(emulator)
    emulator.record(cassette)
    run(emulator.client(), llm("a", "Sum up the news of Monday, in three lines"), llm("b", "Say hello"))
    emulator.replay(cassette)
    error = failure(emulator.client(), llm("a", "Sum up the news of Tuesday, in three lines", temperature=1))
    assert error == (
        f"there is no recorded answer for node 'a' (llm) in {cassette}; the nearest is of node 'a' and differs in "
        "instruction: recorded 'Sum up the news of Monday, in three lines', "
        "now 'Sum up the news of Tuesday, in three lines'; temperature: recorded nothing, now '1.0'; "
        "record it with emulator.record(), or change the node back"
    )
    assert "no call of this kind was recorded" in failure(emulator.client(), tool("m", "gmail_send"))
    assert len(asked) == 2


def test_ids_make_no_difference(cassette: Path) -> None:
    emulator = Emulator()
    counting(emulator)
    emulator.record(cassette)
    run(emulator.client(), llm("a"))
    run(emulator.client(), tool("m", "gmail.send"))
    other = Emulator()
    other.replay(cassette)
    assert run(other.client(), llm("renamed"), tool("m-2", "gmail_send")) == {"renamed": "answer 1", "m-2": {"sent": 2}}


def test_equal_calls_are_replayed_in_sequence_and_each_node_has_its_own_first(cassette: Path) -> None:
    emulator = Emulator()
    counting(emulator)
    emulator.record(cassette)
    first = run(emulator.client(), llm("a"))["a"]
    second = run(emulator.client(), llm("b"))["b"]
    third = run(emulator.client(), llm("a"))["a"]
    emulator.replay(cassette)
    client = emulator.client()
    assert run(client, llm("b")) == {"b": second}
    assert run(client, llm("a")) == {"a": first}
    assert run(client, llm("c")) == {"c": third}
    assert "this input was recorded 3 times, and all of that has been replayed" in failure(client, llm("a"))


def test_failures_are_recorded_too(cassette: Path) -> None:
    emulator = Emulator(time="skip")

    @emulator.llm
    def reply(call: LLMCall) -> str:
        if call.attempt == 1:
            raise RuntimeError("overloaded")
        return "done"

    emulator.record(cassette)
    node = llm("a", enable_retry=True)
    run(emulator.client(), node)
    assert [call.get("error") for call in stored(cassette)] == ["overloaded", None]
    other = Emulator(time="skip")
    other.replay(cassette)
    client = other.client()
    execution = details(client, client.workflows.execute(create(client, node)).id)
    assert (execution["outputs"], node_of(execution, "a")["attempts"]) == ({"a": "done"}, 2)


def test_recording_goes_on_where_a_cassette_ends(cassette: Path) -> None:
    emulator = Emulator()
    asked = counting(emulator)
    with emulator.record(cassette):
        run(emulator.client(), llm("a", "one"))
    with emulator.record(cassette) as again:
        assert len(again.unused) == 1
        run(emulator.client(), llm("a", "one"), llm("b", "two"))
        assert again.unused == []
    assert asked == ["one", "two"]
    assert [call["input"]["instruction"] for call in stored(cassette)] == ["one", "two"]


def test_scripts_and_default_nodes_are_not_recorded(cassette: Path) -> None:
    emulator = Emulator()
    emulator.script("a", ["scripted"], repeat=True)

    @emulator.tool("own")
    def own(call: ToolCall) -> int:
        return 1

    recording = emulator.record(cassette)
    assert run(emulator.client(), llm("a"), llm("b")) == {"a": "scripted", "b": "[default model] do"}
    assert (recording.calls, cassette.exists()) == ([], False)
    run(emulator.client(), tool("c", "own"))
    emulator.replay(cassette)
    assert run(emulator.client(), llm("a"), llm("b"), tool("c", "own"), tool("d")) == {
        "a": "scripted",
        "b": "[default model] do",  # no language model was recorded, so they have their default
        "c": 1,
        "d": {"tool": "calculator", "params": {"expression": "x"}},
    }


def test_answers_are_checked_on_replay_too(cassette: Path) -> None:
    emulator = Emulator()
    emulator.llm(lambda call: '{"n": 1}')
    emulator.record(cassette)
    assert run(emulator.client(), llm("a", output_format="json")) == {"a": {"n": 1}}
    assert stored(cassette)[0]["answer"] == '{"n": 1}'
    text = cassette.read_text("utf-8").replace('"{\\"n\\": 1}"', '"no"')
    cassette.write_text(text, "utf-8")
    emulator.replay(cassette)
    assert "the answer is not JSON" in failure(emulator.client(), llm("a", output_format="json"))


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


def test_calls_are_written_in_the_order_in_which_they_began(cassette: Path) -> None:
    emulator = Emulator()
    go = threading.Event()

    @emulator.llm
    def reply(call: LLMCall) -> str:
        assert call.node_id == "b" or go.wait(10)
        return call.node_id

    recording = emulator.record(cassette)
    client = emulator.client()
    execution = client.workflows.execute(create(client, llm("a"), llm("b")))
    wait_until(cassette.exists)
    assert [call["node"] for call in stored(cassette)] == ["b"]  # a killed process has lost nothing
    go.set()
    wait_until(lambda: client.executions.get(execution.id).is_terminal)
    assert [call["node"] for call in stored(cassette)] == ["a", "b"]
    assert [call.answer for call in recording.calls] == ["a", "b"]
    assert sorted(each.name for each in cassette.parent.iterdir()) == ["calls.json"]


def test_texts_stay_readable_and_any_text_is_kept(cassette: Path) -> None:
    emulator = Emulator()
    emulator.llm(lambda call: "Übung")
    emulator.record(cassette)
    run(emulator.client(), llm("a", "Grüße"))
    assert '"instruction": "Grüße"' in cassette.read_text("utf-8")
    call = RecordedCall("llm", "a", {}, answer=["Ü", "\ud800"])
    write_calls(cassette, [text_of(call)])
    assert read_calls(cassette) == [call]


def test_a_long_prompt_is_shown_around_the_difference() -> None:
    one, other = (RecordedCall("llm", "a", {"instruction": f"{'x' * 900} {day} {'y' * 900}"}) for day in ("one", "two"))
    assert differences(one, other) == (
        f"instruction: recorded ...{'x' * 19 + ' one ' + 'y' * 56!r}..., now ...{'x' * 19 + ' two ' + 'y' * 56!r}..."
    )


def test_an_answer_that_cannot_be_stored_fails_the_node(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    emulator = Emulator()
    counting(emulator)
    emulator.record(folder / "calls.json")
    folder.rmdir()
    error = failure(emulator.client(), llm("a"))
    assert error == f"the cassette {folder / 'calls.json'} cannot be written: No such file or directory"


def test_a_cassette_that_another_process_changes_is_left_as_it_is(cassette: Path) -> None:
    one, other = Emulator(), Emulator()
    for emulator in (one, other):
        counting(emulator)
        emulator.record(cassette)
    run(one.client(), llm("a", "one"))
    error = failure(other.client(), llm("a", "other"))
    assert error.startswith(f"another process has changed the cassette {cassette}, which is left as it is")
    run(one.client(), llm("a", "two"))
    assert [call["input"]["instruction"] for call in stored(cassette)] == ["one", "two"]


CALL = {"kind": "llm", "node": "a", "input": {"instruction": "do"}, "answer": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ":1:1: not a JSON document"),
        ('{"format": 1,\n "calls": [}', ":2:12: not a JSON document: Expecting value"),
        ('{"format": 1, "calls": [NaN]}', ": not a JSON document in UTF-8: NaN is not a JSON number"),
        ([], ":1:1: a cassette is an object with format and calls"),
        ({"calls": []}, ":1:1: the format of a cassette is a number, not None"),
        ({"format": 2, "calls": []}, ":1:12: format: the format is 2, and this version reads 1: update fibonacci-sdk"),
        ({"format": True, "calls": []}, ":1:12: format: the format of a cassette is a number, not True"),
        ({"format": 1}, ":1:1: the calls of a cassette are a list"),
        ({"format": 1, "calls": {}}, ":1:24: calls: the calls of a cassette are a list"),
        ({"format": 1, "calls": [], "more": 1}, ":1:36: more: a cassette has the keys format and calls only"),
        ({"format": 1, "calls": [1]}, ":1:25: calls[0]: a call is an object with kind, node, input, and answer or"),
        ({"format": 1, "calls": [CALL, {**CALL, "x": 1}]}, "calls[1].x: a call has the keys kind, node, input, key"),
        ({"format": 1, "calls": [{"kind": "llm", "node": "a", "answer": 1}]}, "calls[0]: a call has input"),
        ({"format": 1, "calls": [{**CALL, "error": "x"}]}, "calls[0]: a call has either an answer or an error"),
        ({"format": 1, "calls": [{**CALL, "node": 1}]}, "calls[0].node: it is a text"),
        ({"format": 1, "calls": [{**CALL, "input": "do"}]}, "calls[0].input: the input of a call is an object"),
        ({"format": 1, "calls": [{**CALL, "key": "x"}]}, "calls[0].key: it is not the hash of kind and input: remove"),
    ],
)
def test_a_malformed_cassette_is_refused_with_its_place(cassette: Path, content: Any, message: str) -> None:
    cassette.write_text(content if isinstance(content, str) else json.dumps(content))
    for use in (Emulator().replay, Emulator().record):
        with pytest.raises(InputFileError) as caught:
            use(cassette)
        assert str(caught.value).startswith(f"{cassette}:")
        assert message in str(caught.value)


def test_a_call_that_was_edited_by_hand_needs_no_key(cassette: Path) -> None:
    cassette.write_text(json.dumps({"format": 1, "calls": [CALL]}))
    emulator = Emulator()
    emulator.replay(cassette)
    assert run(emulator.client(), llm("a")) == {"a": 1}


def test_a_cassette_without_a_line_number_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "calls.cassette"  # a suffix of its own
    path.write_text('{"format": 3}')
    with pytest.raises(InputFileError, match=r"calls\.cassette: format: the format is 3"):
        Emulator().replay(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputFileError, match=r"calls\.cassette: not a JSON document in UTF-8"):
        Emulator().replay(path)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
CALLS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys((*CALL, "key", "error"), ANY)) | ANY, max_size=2)


@given(st.fixed_dictionaries({"format": st.integers(0, 2) | ANY, "calls": CALLS | ANY}, optional={"more": ANY}))
def test_any_json_is_a_cassette_or_refused(content: Any) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "calls.json"
        path.write_text(json.dumps(content))
        with suppress(InputFileError):
            assert len(read_calls(path)) == len(content["calls"])


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.json: there is no such cassette: record it with"):
        Emulator().replay(tmp_path / "none.json")
    with pytest.raises(InputFileError, match=r"there is no folder .*: create it"):
        Emulator().record(tmp_path / "none" / "calls.json")
    with pytest.raises(InputFileError, match="cannot be read"):
        Emulator().record(tmp_path)
    emulator = Emulator()
    assert (
        repr(emulator.record(tmp_path / "c.json")) == f"<Cassette '{tmp_path / 'c.json'}': record, 0 calls, 0 unused>"
    )

"""Nothing that is not valid Unicode is stored: hardly any client can read a response with half of a character."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, InputFileError, NodeFailure
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import JSON_BODY, ServerRequest
from tests.emulator.handling import create, node_of
from tests.emulator.page_client import PageClient
from tests.kit.nodes import llm, tool

CUT = "wave \ud83d"
REASON = "is not valid Unicode: it has a lone surrogate, probably because it was cut inside a character"


def failing(call: Any) -> Any:
    raise ValueError(f"{CUT} is wrong")


ANSWERS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("llm", lambda call: {"answer": [0, {"text": CUT}]}, f"outputs.a.answer[1].text {REASON}"),
    ("tool", lambda call: [{CUT: 1}], f"outputs.a[0].wave \\ud83d {REASON}"),
    ("llm", lambda call: CUT, f"outputs.a {REASON}"),
    ("tool", failing, "wave \\ud83d is wrong (the text of the ValueError is not valid Unicode)"),
]


def error_of(client: Fibonacci, workflow_id: str, node_id: str = "a") -> str:
    execution = client.executions.wait(client.workflows.execute(workflow_id).id, timeout=20)
    assert execution.status == "failed"
    return str(node_of(execution.model_dump(), node_id)["error"])


@pytest.mark.parametrize("in_file", [False, True])
def test_an_answer_fails_its_node_and_every_list_stays_readable(tmp_path: Path, *, in_file: bool) -> None:
    path = tmp_path / "state.db" if in_file else None
    with Emulator(db=path, api_key="fib-test") as emulator:
        client = emulator.client()
        workflows = {name: create(client, node) for name, node in (("llm", llm("a")), ("tool", tool("a", "look_up")))}
        for kind, answer, message in ANSWERS:
            emulator.llm(answer)
            emulator.tool("look_up")(answer)
            assert error_of(client, workflows[kind]) == message
        assert [execution.status for execution in client.executions.list()] == ["failed"] * len(ANSWERS)
        assert PageClient(emulator).sign_in().get("/ui/runs").status == 200
    if path is not None:
        again = Emulator(db=path, api_key="fib-test")
        assert len(list(again.client().executions.list())) == len(ANSWERS)
        assert not again.warnings
        again.close()


def test_json_in_an_answer_is_read_first() -> None:
    emulator = Emulator()
    emulator.llm(lambda call: '{"text": "\\ud83d"}')
    assert error_of(emulator.client(), create(emulator.client(), llm("a", output_format="json"))) == (
        f"outputs.a.text {REASON}"
    )
    emulator.llm(lambda call: '{"text": "\\ud83d\\ude00"}')
    workflow_id = create(emulator.client(), llm("a", output_format="json"))
    assert emulator.client().workflows.run(workflow_id).outputs == {"a": {"text": "\U0001f600"}}


def test_what_is_given_in_python_is_refused_at_once(tmp_path: Path) -> None:
    emulator = Emulator()
    with pytest.raises(ValueError, match=r"^answers\[1\]\.t is not valid Unicode"):
        emulator.script("a", ["high", {"t": CUT}])
    with pytest.raises(ValueError, match=r"^name is not valid Unicode"):
        emulator.script(CUT, ["high"])
    with pytest.raises(ValueError, match=r"^message is not valid Unicode"):
        NodeFailure(kind="error", message=CUT)
    with pytest.raises(ValueError, match=r"^a\[0\] is not valid Unicode"):
        Emulator(scripts={"a": [CUT]})
    assert not emulator.scripts
    for variables in (emulator.env, emulator.secrets):
        with pytest.raises(ValueError, match=r"\['TOKEN'\] is not valid Unicode") as refusal:
            variables["TOKEN"] = CUT
        assert "wave" not in str(refusal.value)
    scripts, folder, cassette = tmp_path / "scripts.json", tmp_path / "seed", tmp_path / "calls.json"
    scripts.write_text('{"a": ["\\ud83d"]}')
    with pytest.raises(InputFileError, match=r"scripts\.json:1:8: .*surrogate"):
        Emulator(scripts=scripts)
    folder.mkdir()
    (folder / "greet.json").write_text(json.dumps({"nodes": [llm("a", CUT)]}))
    with pytest.raises(InputFileError, match=r"greet\.json:1:.*surrogate"):
        Emulator(seed=folder)
    call = {"kind": "llm", "node": "a", "input": {"instruction": "do"}, "answer": [CUT]}
    cassette.write_text(json.dumps({"format": 1, "calls": [call]}))
    with pytest.raises(InputFileError, match=r"calls\.json: calls\[0\]\.answer\[0\]: is not valid Unicode"):
        emulator.replay(cassette)


def test_what_comes_by_http_is_refused() -> None:
    emulator = Emulator()
    workflow_id = create(emulator.client(), llm("a"))

    def send(method: str, path: str, body: Any) -> tuple[int, str]:
        headers = {"authorization": f"Bearer {emulator.api_key}", **JSON_BODY}
        response = app_of(emulator).handle(ServerRequest(method, path, headers, json.dumps(body).encode()))
        return response.status, json.loads(response.body)["error"]["details"][0]["field"]

    inputs = {"inputs": {"topic": [CUT]}}
    assert send("POST", f"/v1/workflows/{workflow_id}/execute", inputs) == (422, "inputs.topic[0]")
    definition = {"nodes": [llm("a", CUT)]}
    refused = send("POST", "/v1/workflows", {"name": "x", "definition": definition})
    assert refused == (422, "definition.nodes[0].instruction")
    refused = send("PUT", "/v1/memory/k?scope=global", {"value": {CUT: 1}, "scope": "global"})
    assert refused == (422, "value.wave \\ud83d")
    assert send("POST", "/_emulator/scripts", {"name": "a", "answers": [CUT]}) == (422, "answers[0]")
    assert list(emulator.client().executions.list()) == []

"""What a tool is connected with, and the owner's key, are nowhere: every place is searched after a full run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import APIConnectionError, Fibonacci
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator import Emulator
from fibonacci.emulator.cli import log_request
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.request_log import without_secrets
from fibonacci.emulator.routes.control import ENDPOINTS as CONTROL_ENDPOINTS
from tests.emulator.api import Api

KEY = "owner-key-9d7f3c1a5b"
SECRETS = ["s3cr3t-in-params", "n3sted-s3cret", "listed-s3cret", "42424242", "misspelled-s3cret", "malformed-s3cret"]
PARAMS = {"token": SECRETS[0], "oauth": {"client": SECRETS[1], "scopes": [SECRETS[2], None]}, "pin": int(SECRETS[3])}


def raw_calls(root: str) -> None:
    """Make the mistakes that no client makes, and repeat an idempotency key, with other secrets as well."""
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k-1"}
    with httpx.Client(base_url=root, headers=headers, trust_env=False) as http:
        for number, (path, body, status) in enumerate(
            [
                ("/v1/tools/slack_send_message/connect", json.dumps(PARAMS), 200),
                ("/v1/tools/slack_send_message/connect", json.dumps(PARAMS), 200),
                ("/v1/tools/slack_send_message/connect", json.dumps({"token": SECRETS[4]}), 409),
                ("/v1/tools/slack_send_message/connect", f'{{"token": "{SECRETS[5]}"', 400),
                ("/v1/tools/slack_send_message/connect", f'["{SECRETS[4]}"]', 422),
                ("/v1/tools/slack_send_message/conect", json.dumps({"token": SECRETS[4]}), 404),
                ("/v1/tools/slack_send_message/connect/", json.dumps({"token": SECRETS[4]}), 404),
                ("/v1/%74ools/slack_send_message/%63onnect", json.dumps(PARAMS), 200),
                ("/v1/Tools/slack_send_message/connect", json.dumps({"token": SECRETS[4]}), 404),
                ("/tools/slack_send_message/connect", json.dumps({"token": SECRETS[4]}), 404),
                ("/v1/tools/%ff/connect", json.dumps({"token": SECRETS[4]}), 400),
                ("/v1/tools/none/connect", json.dumps({"token": SECRETS[4]}), 404),
            ]
        ):
            own_key = {} if status == 409 or number < 2 else {"Idempotency-Key": f"k-{number}"}
            assert http.post(path, content=body, headers=own_key).status_code == status, path
        assert http.put("/v1/tools/slack_send_message/connect", json=PARAMS).status_code == 405


def a_full_run(emulator: Emulator) -> None:
    """Connect a tool, run a workflow with it, let requests fail, and decide about a run."""
    with Fibonacci(KEY, base_url=emulator.base_url) as client:
        connection = client.tools.connect("slack_send_message", params=PARAMS)
        assert connection.status == "connected"
        emulator.fail("POST /tools/{tool_name}/connect", "no_reply")
        with pytest.raises(APIConnectionError) as caught:
            client.with_options(max_retries=0).tools.connect("slack_send_message", params=PARAMS)
        assert SECRETS[0] not in repr(vars(caught.value))
        client.organizations.governance.update("default", require_approval_for_external_comm=True)
        node = {"id": "n", "type": "tool", "tool": "slack_send_message", "params": {"channel": "c", "message": "m"}}
        workflow = client.workflows.create(name="x", definition={"nodes": [node]})
        execution = client.workflows.execute(workflow.id)
        emulator.failures.clear()
        emulator.approve(execution.id, by="admin")
        assert client.executions.get(execution.id).trace is not None
    raw_calls(emulator.base_url.removesuffix("/v1"))


def control_answers(emulator: Emulator) -> str:
    """Return what every reading endpoint of the control API says, and the error of each other one."""
    headers = {"Authorization": f"Bearer {KEY}"}
    root = emulator.base_url.removesuffix("/v1")
    with httpx.Client(base_url=f"{root}/_emulator", headers=headers, trust_env=False) as http:
        return "\n".join(
            http.request(each.method, each.path, json={"what": 1}).text
            for each in CONTROL_ENDPOINTS
            if each.method != "DELETE" and each.path != "/reset"
        )


def test_they_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Emulator(db=tmp_path / "state.db", api_key=KEY) as emulator:
        app_of(emulator).observers.append(log_request)
        a_full_run(emulator)
        snapshot = emulator.snapshot().decode("ascii")
        assert '"slack_send_message"' in snapshot
        found = {
            "snapshot": snapshot,
            "request log": "\n".join(map(repr, emulator.requests)) + repr(emulator.requests),
            "kept requests": repr(app_of(emulator).log.matching(None)).replace(f"Bearer {KEY}", ""),
            "warnings": repr(emulator.warnings),
            "emulator": repr(emulator) + repr(emulator.failures),
            "control API": control_answers(emulator),
            "log": caplog.text + "".join(str(vars(record)) for record in caplog.records),
        }
        found |= {file.name: file.read_bytes().decode("latin-1") for file in tmp_path.glob("state.db*")}
        assert "state.db" in found
    found |= {f"{file.name}, closed": file.read_bytes().decode("latin-1") for file in tmp_path.glob("state.db*")}
    assert [(place, secret) for place, text in found.items() for secret in (*SECRETS, KEY) if secret in text] == []
    assert found["control API"].count("***") > 10
    assert "POST /v1/tools/slack_send_message/connect 200" in found["log"]


def test_the_request_log_shows_what_was_given_without_the_values(api: Api) -> None:
    api("POST", "/tools/slack_send_message/connect", PARAMS)
    (request,) = api.app.log.matching(None)
    hidden = {"token": "***", "oauth": {"client": "***", "scopes": ["***", "***"]}, "pin": "***"}
    assert json.loads(request.request.body) == hidden


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["/v1/tools/x/connect", "/tools", "/v1/%54OOLS/a/b/c", "/v1/tools/%ff"]))
def test_no_value_of_any_body_is_left(value: Any, target: str) -> None:
    body = json.dumps(value).encode()
    left = without_secrets(ServerRequest("POST", target, {}, body)).body

    def values(content: Any) -> list[Any]:
        if is_object(content):
            return [leaf for inner in content.values() for leaf in values(inner)]
        return [leaf for inner in content for leaf in values(inner)] if is_array(content) else [content]

    assert set(values(json.loads(left))) <= {"***"}
    assert len(values(json.loads(left))) == len(values(value))


@given(st.binary(min_size=1, max_size=30))
def test_no_byte_of_a_body_that_is_not_json_is_left(body: bytes) -> None:
    left = without_secrets(ServerRequest("POST", "/v1/tools/x/connect", {}, b"{" + body)).body
    assert left == b"***" or set(json.loads(left).values()) <= {"***"}

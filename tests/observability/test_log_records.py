"""The records of the SDK's loggers as a user's formatter reads them: each has every field, and none holds the key."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import fibonacci
from fibonacci import APIError, Fibonacci, NotFoundError
from fibonacci._texts.logging import log
from fibonacci.emulator import Emulator
from fibonacci.emulator.cli import log_request
from fibonacci.emulator.facade import app_of
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.systems import needs_permissions

FIELDS = ("method", "path", "status", "attempt", "elapsed", "request_id", "execution_id")
WORKFLOW = {"data": {"id": "wf-1"}}
# Every character that `quote` escapes and a header takes.
KEY = "sk-test/0123+456=789~"


class JSONLines(logging.Formatter):
    """A formatter as an application has one: an object for each record, with the fields by their names."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        fields = {name: getattr(record, name) for name in FIELDS}
        return json.dumps({"level": record.levelname, "message": record.getMessage(), **fields})


@pytest.fixture
def read() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that returns the records since the last call, as JSON has them."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONLines())
    logger = logging.getLogger("fibonacci")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

    def records() -> list[dict[str, Any]]:
        lines = stream.getvalue().splitlines()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in lines]

    yield records
    logger.removeHandler(handler)
    logger.setLevel(level)


Read = Callable[[], list[dict[str, Any]]]


def test_an_attempt_and_its_retry(mode: Mode, server: ScriptedServer, clock: FakeClock, read: Read) -> None:
    server.add_response({"meta": {"request_id": "req_8"}}, status=503, headers={"Retry-After": "3"})
    server.add_response(WORKFLOW, headers={"X-Request-Id": "req_9"})
    client = mode.client_of(server)
    mode.run(client.workflows.get("wf-1"))
    failed, retry, done = read()
    common = {"method": "GET", "path": "/workflows/wf-1", "execution_id": None}
    refused = {**common, "status": 503, "attempt": 1, "request_id": "req_8", "elapsed": 0}
    assert failed == {"level": "DEBUG", "message": failed["message"], **refused}
    assert retry == {"level": "INFO", "message": retry["message"], **refused}
    assert {**done, "elapsed": 0, "message": ""} == {
        "level": "DEBUG",
        "message": "",
        **common,
        "status": 200,
        "attempt": 2,
        "request_id": "req_9",
        "elapsed": 0,
    }
    assert 3 <= done["elapsed"] < 3.5  # seconds since the call began, waits included


def test_a_wait_for_the_rate_limit(mode: Mode, server: ScriptedServer, clock: FakeClock, read: Read) -> None:
    reset = str(int(clock.time() + 4))
    exhausted = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    server.add_response(WORKFLOW, headers=exhausted)
    server.add_response(WORKFLOW)
    client = mode.client_of(server)
    mode.run(client.workflows.get("wf-1"))
    mode.run(client.workflows.get("wf-1"))
    (wait,) = (record for record in read() if "waiting" in record["message"])
    fields = {"method": "GET", "path": "/workflows/wf-1", "status": None, "attempt": 1, "elapsed": 0}
    assert wait == {"level": "INFO", "message": wait["message"], **fields, "request_id": None, "execution_id": None}


def test_an_attempt_without_a_response(mode: Mode, read: Read) -> None:
    client = mode.client("key-of-a-test", base_url="http://127.0.0.1:1/v1", max_retries=0)
    with pytest.raises(APIError):
        mode.run(client.executions.get("exec_1"))
    (failed,) = read()
    assert [failed[name] for name in FIELDS if name != "elapsed"] == [
        *("GET", "/executions/exec_1", None, 1, None, "exec_1")
    ]


def test_the_execution_is_known_from_the_response_to_execute_and_from_paths(mode: Mode, read: Read) -> None:
    client = mode.close_later(Emulator().async_client() if mode.is_async else Emulator().client())
    workflow = mode.run(client.workflows.create(name="Empty"))
    execution = mode.run(client.workflows.execute(workflow.id))
    mode.run(client.executions.get(execution.id))
    mode.run(client.executions.list())
    with pytest.raises(NotFoundError):
        mode.run(client.request("POST", "/executions/exec%20of%20me/cancel?a=b"))
    requests = [record for record in read() if record["path"] is not None]  # there is a warning too, of `a=b`
    assert [(record["path"].split("/")[-1], record["execution_id"]) for record in requests] == [
        ("workflows", None),
        ("execute", execution.id),
        (execution.id, execution.id),
        ("executions", None),
        ("cancel", "exec of me"),
    ]


def test_a_path_has_no_query(mode: Mode, server: ScriptedServer, read: Read) -> None:
    server.add_response(WORKFLOW)
    client = mode.client_of(server, api_key=KEY)
    mode.run(client.request("GET", f"/workflows/wf-1?key={KEY}", params={"more": "x"}))
    (record,) = read()
    assert record["path"] == "/workflows/wf-1"
    assert "?" not in record["message"]
    assert KEY not in json.dumps(record)


@pytest.mark.parametrize("path", ["/executions/{key}", "/{quoted}/execute", "/x?{quoted}"])
def test_a_key_is_in_no_field_of_a_record(path: str, mode: Mode, server: ScriptedServer, read: Read) -> None:
    echo = {"data": {"execution_id": KEY}, "meta": {"request_id": KEY}, "error": {"message": KEY}}
    server.add_response(echo, status=503, headers={"X-Request-Id": KEY, "Retry-After": "0"})
    server.add_response(echo)
    client = mode.client_of(server, api_key=KEY, idempotency="server")
    where = path.format(key=KEY, quoted=quote(KEY, safe=""))
    mode.run(client.request("POST", where))
    with pytest.raises(APIError) as caught:
        mode.run(client.with_options(max_retries=0).request("POST", where))
    records = read()
    assert len(records) == 4
    for text in (*map(json.dumps, records), str(caught.value), repr(vars(caught.value))):
        assert KEY not in text
        assert quote(KEY, safe="") not in text
    assert {record["request_id"] for record in records} == {"[API key]", None}


def test_the_records_of_the_emulator_have_the_fields_too(read: Read) -> None:
    emulator = Emulator()
    app_of(emulator).observers.append(log_request)
    client = emulator.client()
    workflow = client.workflows.create(
        name="Broken", definition={"nodes": [{"id": "a", "type": "llm", "instruction": "Go"}]}
    )

    @emulator.llm
    def broken(call: object) -> str:
        raise ValueError("no model")

    client.workflows.execute(workflow.id)
    requests = [record for record in read() if record["path"] and record["path"].startswith("/v1")]
    assert requests[0]["status"] == 201
    assert requests[0]["request_id"].startswith("req_")
    assert requests[0]["attempt"] is None


@needs_permissions
def test_the_record_about_a_file_of_profiles_has_the_fields_too(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[profiles.work]\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    file.chmod(0o644)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path))
    Fibonacci("key", profile="work")
    (record,) = read()
    assert "is accessible to other users" in record["message"]
    assert [record[name] for name in FIELDS] == [None] * len(FIELDS)


def test_every_record_is_logged_with_the_fields() -> None:
    sources = {path: path.read_text("utf-8") for path in Path(str(fibonacci.__file__)).parent.rglob("*.py")}
    without = r"(?:\blog|logger|getLogger\([^()]*\))\.(?:debug|info|warning|error|exception|critical|log)\("
    assert [path.name for path, text in sources.items() if re.search(without, text)] == []


def test_the_application_s_own_request_id_stays(mode: Mode, server: ScriptedServer, read: Read) -> None:
    """A record factory that adds a request id is in many applications; with `extra=` each call would be a KeyError."""
    factory = logging.getLogRecordFactory()

    def with_request_id(*args: Any, **named: Any) -> logging.LogRecord:
        record = factory(*args, **named)
        record.request_id = "theirs"
        return record

    server.add_response(WORKFLOW, headers={"X-Request-Id": "req_9"})
    client = mode.client_of(server)
    logging.setLogRecordFactory(with_request_id)
    try:
        mode.run(client.workflows.get("wf-1"))
    finally:
        logging.setLogRecordFactory(factory)
    (record,) = read()
    assert (record["request_id"], record["status"]) == ("theirs", 200)


def test_no_field_has_a_name_of_the_record_s_own() -> None:
    own = vars(logging.LogRecord("fibonacci", logging.INFO, "", 0, "", (), None))
    assert not {*own, "message", "asctime"} & {*FIELDS}


def test_a_record_names_the_place_that_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log(logging.getLogger("fibonacci"), logging.INFO, "hello %s", "you", method="GET")
    (record,) = caplog.records
    assert (record.funcName, record.filename) == ("test_a_record_names_the_place_that_logs", "test_log_records.py")
    assert record.getMessage() == "hello you"


def test_the_key_is_redacted_in_what_others_add_to_the_records_of_http_libraries(
    mode: Mode, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.add_response(WORKFLOW)
    mode.run(mode.client_of(server, api_key=KEY).workflows.get("wf-1"))
    logging.getLogger("httpx").warning("sent", extra={"authorization": f"Bearer {KEY}", "size": 7})
    (record,) = (record for record in caplog.records if record.name == "httpx")
    assert (vars(record)["authorization"], vars(record)["size"]) == ("Bearer [API key]", 7)

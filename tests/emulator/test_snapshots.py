"""Restoring malformed snapshots: one error that names the place, and a state that is as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import get_type_hints

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.option_values import TimeMode
from fibonacci.emulator.policy.approvals import GovernanceUpdate
from fibonacci.emulator.state.clock import LAST
from fibonacci.emulator.state.records import DEFAULT_GOVERNANCE, StoredExecution, StoredGovernance, StoredNode
from tests.kit.assertions import each_row

KEY = "fib-test"
NODES = [
    {"id": "a", "type": "tool", "tool": "wait", "params": {"seconds": 600}},
    {"id": "b", "type": "llm", "instruction": "Say {{input.x}}"},
    {"id": "c", "type": "tool", "tool": "email_send", "params": {"to": "{{b}}"}, "dependencies": ["a"]},
]


@lru_cache
def complete_snapshot() -> bytes:
    """Return a snapshot with records in every table."""
    emulator = Emulator(api_key=KEY, time="manual")
    client = emulator.client()
    workflow = client.workflows.create(name="x", definition={"nodes": NODES})
    client.workflows.execute(workflow.id, inputs={"x": 1})
    client.workflows.execute(client.workflows.create(name="y").id)
    client.versions.rollback(workflow.id, 1)
    client.registry.approve_template(workflow.id)
    client.organizations.quota.update("default", memory_mb=5)
    client.organizations.tool_policies.create("default", tool_name="calculator")
    client.organizations.tool_policies.create_role_override(
        "default", role="viewer", tool_name="calculator", enabled=False
    )
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    held = [client.workflows.execute(workflow.id, inputs={"x": 1}) for _ in range(2)]
    client.organizations.quota.update("default", concurrent_executions=1)
    emulator.approve(held[0].id, by="admin")
    client.memory.set("k", {"v": [1]}, ttl=60)
    client.tools.connect("calculator")
    emulator.clock.advance(1)
    return emulator.snapshot()


def content() -> Any:
    return json.loads(complete_snapshot())


@pytest.fixture
def emulator() -> Emulator:
    found = Emulator(api_key=KEY, time="manual")
    found.client().workflows.create(name="before")
    return found


def test_the_snapshot_of_these_tests_is_complete_and_can_be_restored(emulator: Emulator) -> None:
    tables = content()["tables"]
    assert [name for name, rows in tables.items() if not rows] == []
    emulator.restore(complete_snapshot())
    assert emulator.snapshot() == complete_snapshot()


Place = tuple[str | int, ...]
Change = tuple[Place, str, Any]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the path of every value."""
    yield place
    if is_object(value):
        for name, member in value.items():
            yield from places(member, (*place, name))
    elif is_array(value):
        for number, element in enumerate(value):
            yield from places(element, (*place, number))


PLACES = st.deferred(lambda: st.sampled_from(list(places(content()))[1:]))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**70, -1, 1e300, "running", "workflow", "call", "retry"])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def changed(changes: list[Change]) -> bytes:
    """Return the snapshot with values replaced, removed or repeated."""
    found = content()
    for place, how, value in changes:
        parent: Any = found
        try:
            for step in place[:-1]:
                parent = parent[step]
            if how == "replace":
                parent[place[-1]] = value
            elif how == "remove":
                del parent[place[-1]]
            else:
                parent.append(parent[place[-1]])
        except (LookupError, TypeError, AttributeError):  # another change has removed it
            continue
    return json.dumps(found).encode()


CHANGES = st.lists(
    st.tuples(PLACES, st.sampled_from(["replace", "remove", "repeat"]), JSON),
    min_size=1,
    max_size=3,
)
READS = [
    "/workflows",
    "/executions",
    "/executions?include=inputs",
    "/workflow-registry?include_archived=true",
    "/organizations/default/governance",
    "/organizations/default/governance/report",
    "/organizations/default/governance/audit",
    "/organizations/default/governance/approvals",
    "/organizations/default/quota",
    "/organizations/default/tool-policies",
    "/organizations/default/role-policy-overrides",
    "/tools",
    "/memory/k",
]


def status_of(emulator: Emulator, method: str, path: str, body: bytes = b"") -> int:
    headers = {"authorization": f"Bearer {KEY}"}
    return app_of(emulator).handle(ServerRequest(method, f"/v1{path}", headers, body)).status


@given(CHANGES)
def test_a_malformed_snapshot_is_refused_or_can_be_worked_with(
    changes: list[Change],
) -> None:
    emulator = Emulator(api_key=KEY, time="manual")
    emulator.client().workflows.create(name="before")
    before = emulator.snapshot()
    try:
        emulator.restore(changed(changes))
    except StateError as error:
        assert emulator.snapshot() == before
        text = str(error)
        assert "snapshot" in text
        assert any(word in text for word in ("schema", "tables", "not a snapshot", "does not know")), text
        return
    statuses = {path: status_of(emulator, "GET", path) for path in READS}
    statuses["POST"] = status_of(emulator, "POST", "/workflows", b'{"name": "after"}')
    emulator.clock.advance(LAST)
    statuses["later"] = status_of(emulator, "GET", "/executions")
    with app_of(emulator).store.reading():
        assert app_of(emulator).store.executions.count("running") == 0, "all time has passed"
    with app_of(emulator).store.reading():
        keys = [run["id"] for run in app_of(emulator).store.executions.records()]
    safe = [key for key in keys if re.fullmatch("[a-z0-9_]+", key)]
    statuses |= {key: status_of(emulator, "GET", f"/executions/{key}") for key in safe}
    assert all(status < 500 for status in statuses.values()), statuses


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_not_a_snapshot(snapshot: bytes) -> None:
    emulator = Emulator()
    with pytest.raises(StateError, match="not a snapshot"):
        emulator.restore(snapshot)


@each_row(
    ("place", "value", "message"),
    [
        (("schema",), "1", "schema is not a version"),
        (("tables",), [], "tables is not an object"),
        (("tables", "memory"), {}, "tables.memory is not an array"),
        (("tables", "memory", 0), [1], "tables.memory[0] is not a key and a record"),
        (("tables", "memory", 0, 0), ["k", 1], "tables.memory[0][0] is not a key (an array of strings)"),
        (("tables", "memory", 0, 0), ["k"], "tables.memory[0][0] is not a key of memory"),
        (("tables", "memory", 0, 1), [], "tables.memory[0][1] is not a record (an object)"),
        (
            ("tables", "executions", 0, 1, "nodes", 1, "status"),
            7,
            "tables.executions[0][1].nodes[1].status is not valid",
        ),
        (("tables", "executions", 0, 1, "nodes", 1, "earlier_attempts"), -1, "nodes[1].earlier_attempts is not valid"),
        (
            ("tables", "workflows", 0, 1, "definition", "nodes", 1, "type"),
            "lm",
            "tables.workflows[0][1].definition.nodes[1].type",
        ),
        (
            ("tables", "executions", 2, 1, "definition"),
            {},
            "tables.executions[2][1].definition.nodes is not valid",
        ),
        (("tables", "executions", 0, 1, "id"), "exec_x", "tables.executions[0][0] has another id than its record"),
        (("tables", "versions", 0, 1, "version"), 7, "tables.versions[0][0] has another version than its record"),
        (
            ("tables", "audit", 0, 1, "changes", "status"),
            {"from": 1},
            "tables.audit[0][1].changes.status.to is not valid",
        ),
        (("tables", "tool_policies", 0, 1, "tool_name"), "email.send", "tables.tool_policies[0][1].tool_name is not"),
        (("tables", "role_overrides", 0, 1, "tool_name"), "email.send", "tables.role_overrides[0][1].tool_name is not"),
        (("tables", "clock_state", 0, 1, "now"), 1e300, "tables.clock_state[0][1].now is not valid"),
        (("tables", "dreams"), [], "has a table 'dreams', which this version does not know"),
    ],
)
def test_the_error_names_the_place(emulator: Emulator, place: Place, value: object, message: str) -> None:
    before = emulator.snapshot()
    with pytest.raises(StateError) as caught:
        emulator.restore(changed([(place, "replace", value)]))
    assert message in str(caught.value)
    assert emulator.snapshot() == before


@each_row(
    ("place", "value", "reason"),
    [
        (("nodes",), [], "its nodes are not those of its definition"),
        (("ended",), 1e9, "it is running, but has ended"),
        (("nodes", 0, "phase"), None, "no run has a node like 'a'"),
    ],
)
def test_a_run_that_cannot_go_on_fails_with_the_reason(
    emulator: Emulator, place: Place, value: object, reason: str
) -> None:
    emulator.restore(changed([(("tables", "executions", 0, 1, *place), "replace", value)]))
    run = emulator.client().executions.get(content()["tables"]["executions"][0][0][0])
    assert (run.status, run.error) == ("failed", f"it cannot go on after the restore of a snapshot: {reason}")
    assert emulator.client().executions.list(status="pending_approval").first() is not None


@each_row(
    "place",
    [
        *(("nodes", number, field) for number in (0, 1) for field in sorted(StoredNode.__required_keys__)),
        *((field,) for field in sorted(StoredExecution.__required_keys__)),
    ],
)
def test_a_run_never_stays_running_for_ever(place: Place) -> None:
    for value in (None, 1e9, "x", "running", "completed", "call", {"result": True}):
        emulator = Emulator(api_key=KEY, time="manual")
        with suppress(StateError):
            emulator.restore(changed([(("tables", "executions", 0, 1, *place), "replace", value)]))
            emulator.clock.advance(5000)
            run = emulator.client().executions.get(content()["tables"]["executions"][0][0][0])
            assert run.is_terminal, value


@pytest.mark.parametrize(
    "text", [b"NaN", b"1e999", b"[" * 100_000 + b"]" * 100_000, b"1" * 10_000, b'"\xff"'], ids=lambda text: text[:5]
)
def test_json_that_cannot_be_kept_is_refused(emulator: Emulator, text: bytes) -> None:
    found = content()
    found["tables"]["memory"][0][1]["value"] = "HERE"
    before = emulator.snapshot()
    with pytest.raises(StateError, match="not a snapshot"):
        emulator.restore(json.dumps(found).encode().replace(b'"HERE"', text))
    assert emulator.snapshot() == before


def test_a_refused_snapshot_changes_no_file(tmp_path: Path) -> None:
    with Emulator(db=tmp_path / "state.db") as emulator:
        emulator.client().workflows.create(name="before")
        before = emulator.snapshot()
        with pytest.raises(StateError, match="malformed"):
            emulator.restore(changed([(("tables", "memory", 0, 1, "key"), "remove", None)]))
        assert emulator.snapshot() == before


def a_record(kind: str) -> dict[str, Any]:
    """Return a record of a table; that of an execution is one that has ended."""
    record: dict[str, Any] = content()["tables"][kind][-1][1]
    return record


@each_row("kind", list(content()["tables"]))
def test_what_is_written_is_what_its_type_says(kind: str) -> None:
    """A field that is added to the code alone, or to the type alone, is named here."""
    record_type = app_of(Emulator()).store.tables[kind].record
    fields = get_type_hints(record_type, include_extras=True)
    required = {name for name, hint in fields.items() if record_type.__total__ and "NotRequired[" not in str(hint)}
    assert a_record(kind).keys() <= fields.keys(), f"{record_type.__name__} lacks what is written"
    assert required <= a_record(kind).keys(), f"{record_type.__name__} requires what is not written"


def test_the_settings_of_governance_are_those_of_its_record() -> None:
    assert GovernanceUpdate().model_dump() == DEFAULT_GOVERNANCE
    assert StoredGovernance.__annotations__.keys() == DEFAULT_GOVERNANCE.keys()


def test_a_status_that_there_is_not_is_refused(emulator: Emulator) -> None:
    with pytest.raises(StateError, match=r"nodes\[1\]\.status is not valid: Input should be 'pending', 'running'"):
        emulator.restore(changed([(("tables", "executions", 0, 1, "nodes", 1, "status"), "replace", "asleep")]))


@each_row("time", ["manual", "skip", "real"])
def test_a_snapshot_at_the_end_of_all_time_can_be_restored(time: TimeMode) -> None:
    emulator = Emulator(api_key=KEY, time=time)
    emulator.restore(complete_snapshot())
    emulator.clock.advance(1e12)
    client = emulator.client()
    for workflow in client.workflows.list():
        client.workflows.execute(workflow.id, inputs={"x": 1})
    client.memory.set("k", 1, ttl=60)
    emulator.restore(emulator.snapshot())

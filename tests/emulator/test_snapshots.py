"""Restoring malformed snapshots: one error that names the place, and a state that is as it was."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator import Emulator, StateError

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_not_a_snapshot(snapshot: bytes) -> None:
    with pytest.raises(StateError, match="not a snapshot"):
        Emulator().restore(snapshot)


@pytest.mark.parametrize("in_file", [True, False])
def test_a_snapshot_that_was_changed_is_refused(tmp_path: Path, *, in_file: bool) -> None:
    emulator = Emulator(db=tmp_path / "state.db" if in_file else None)
    emulator.client().workflows.create(name="before")
    before = emulator.snapshot()
    for old, new in ((b'"running', b'"asleep'), (b'"memory"', b'"dreams"'), (b"[]", b"[[]]"), (b"1", b"1e999")):
        changed = complete_snapshot().replace(old, new)
        assert changed != complete_snapshot()
        with pytest.raises(StateError, match="not a snapshot"):
            emulator.restore(changed)
        assert emulator.snapshot() == before
    emulator.close()

"""The calls of the table against the emulator, which is written apart from the client: both conform to the document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fibonacci import Fibonacci, NotFoundError
from fibonacci.emulator import Emulator
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.transports import AsyncSocketTransport
from tests.contract.conforming_transport import AsyncConformingTransport
from tests.contract.document import operations
from tests.endpoints.endpoint_row import EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_rows
from tests.kit.mode import Mode

SLOW = {"name": "Slow", "nodes": [{"id": "nap", "type": "tool", "tool": "wait", "params": {"seconds": 600}}]}
# Cursors are the platform's own, and there is nothing behind the encoded names.
PLAIN = [
    row
    for row in ROWS
    if "cursor=" not in row.target and "..." not in row.target and "%" not in row.target.replace("user%2Fprefs", "")
]
# An organization is there as soon as it is named.
MISSING = [row for row in ROWS if "%" in row.target.partition("?")[0] and "/organizations/" not in row.target]


def created(client: Fibonacci) -> dict[str, str]:
    """Create an object for each id of the table; return the ids that they have at the emulator."""
    workflow = client.workflows.create(name="Slow", definition=SLOW)
    execution = client.workflows.execute(workflow.id)
    client.memory.set("user/prefs", 1)
    client.memory.set("k", 1)
    return {"wf-abc123": workflow.id, "exec_abc123": execution.id}


def prepared(row: EndpointRow, client: Fibonacci, real: dict[str, str]) -> EndpointRow:
    """Return the row with the ids of this emulator; create what it needs."""
    if row.call in ("organizations.tool_policies.update", "organizations.tool_policies.delete"):
        client.organizations.tool_policies.create("acme", tool_name=row.arguments[1])
    if row.call.startswith("registry.") and row.arguments and row.call != "registry.approve_template":
        client.registry.approve_template(real["wf-abc123"])
    return replace(
        row, arguments=tuple(real.get(each, each) if isinstance(each, str) else each for each in row.arguments)
    )


def test_the_emulator_has_the_operations_of_the_document() -> None:
    assert sorted((each.method, each.path) for each in ENDPOINTS) == sorted(
        (each.method, each.path) for each in operations()
    )


def test_every_operation_is_called() -> None:
    assert {row.call for row in PLAIN} == {each.id for each in operations()}


def test_a_call_is_understood(mode: Mode, emulator: Emulator) -> None:
    transport = mode.close_later(AsyncConformingTransport(AsyncSocketTransport()))
    conforming, client = mode.client_of(emulator, transport=transport), emulator.client()
    real: dict[str, str] = {}

    def check(row: EndpointRow) -> None:
        if row.method != "GET" or not real:
            emulator.reset()
            real.update(created(client))
        transport.calls.clear()
        result = mode.run(prepared(row, client, real).on(conforming))
        assert set(transport.calls) == {row.call}
        assert {type(each) for each in (result if row.is_list else [result])} <= {row.returns}
        if row.data and not row.is_list:
            # 200 or 201, as the document has it for the call.
            assert result.response.status_code == row.status
            assert result.response.request_id

    rows = {row.call: row for row in PLAIN}.values()  # the last of a call has most of its options
    check_rows(((str(row), row) for row in sorted(rows, key=lambda row: row.method != "GET")), check)


def test_an_encoded_name_arrives_as_one_segment(mode: Mode, emulator: Emulator, any_client: Any) -> None:
    def check(row: EndpointRow) -> None:
        emulator.reset()
        if row.call == "memory.set":
            assert mode.run(row.on(any_client)).key == row.arguments[0]
        else:
            with pytest.raises(NotFoundError):
                mode.run(row.on(any_client))

    assert len(MISSING) > 5
    check_rows(((str(row), row) for row in MISSING), check)

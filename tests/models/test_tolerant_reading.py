"""What the platform sends otherwise than documented costs nothing else: only an id cannot be done without."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter

from fibonacci import APIResponseError
from fibonacci.models import (
    Execution,
    GovernanceSettings,
    Model,
    NodeTrace,
    Quota,
    SecretsHealth,
    Tool,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
    _reading,
)
from fibonacci.models._base import other_names, plain_names, plain_types
from tests.kit.assertions import check_each, check_rows, each_row
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json
from tests.kit.transport import ScriptedTransport, http_response
from tests.models.test_models import LEAST, exactly

WRONG: list[Any] = [
    *(None, True, 0, 1.5, 10**30, "", "text", " 7 ", "NaN", "yes", "2026-11-25T01:02:03Z"),
    *([], [7, None, {}], {}, {"a": "7", "b": None, "c": []}, {"a": {"b": [{"c": 1}]}}),
]
"""What may come where something else is expected."""

NO_IDS: list[Any] = [None, True, [], {}]
_IDS: dict[type[Model], str] = {
    Execution: "execution_id",
    NodeTrace: "id",
    Tool: "name",
    ToolPolicy: "tool_name",
    Workflow: "id",
}


def hostile() -> Iterator[tuple[type[Model], str, dict[str, Any]]]:
    """Yield an object for every field of every model and every wrong value, but for ids that cannot be done without."""
    for model, least in LEAST.items():
        for name in (*plain_names(model), *other_names(model)):
            for value in WRONG:
                is_id = name == _IDS.get(model) or (model, name) == (WorkflowVersion, "version")
                if not is_id or (value != "" and type(value) in (str, int, float)):
                    yield model, name, {**least, name: value}


@cache
def adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(strict=True))


def check_object(made: Model, model: type[Model], document: dict[str, Any]) -> None:
    """Check that an object has everything that was received, and that its attributes have their types."""
    assert type(made) is model
    assert exactly(made.model_dump(mode="json")) == exactly(document)
    assert exactly(json.loads(made.model_dump_json())) == exactly(document)
    for name, annotation in plain_types(model).items():
        value = getattr(made, name)
        if name != "trace":
            adapter(annotation).validate_python(value)
    assert made.to_dict().keys() >= {*plain_names(model)}
    assert repr(made)


def test_every_field_of_every_model_may_be_anything_and_no_item_costs_a_list(mode: Mode) -> None:
    cases = list(hostile())[::2]  # an odd number of values: each value is for every other field
    assert len(cases) > 600
    lists = {model: [document for of, _, document in cases if of is model] for model in LEAST}
    with ScriptedServer(*(respond_json({"data": documents}) for documents in lists.values())) as server:
        client = mode.client_of(server)

        made = [mode.run(client.request("GET", "/any", returns=list[model])) for model in lists]  # type: ignore[valid-type]
    rows = zip(chain.from_iterable(made), cases, strict=True)
    check_rows(
        (
            (f"{model.__name__}, {name}: {document[name]!r}", (each, model, document))
            for each, (model, name, document) in rows
        ),
        lambda row: check_object(*row),
    )


def test_every_field_of_an_object_that_comes_alone_may_be_anything(mode: Mode) -> None:
    cases = list(hostile())[:: len(WRONG) + 1]  # a value for each field, another one for the next
    client = mode.client_of(ScriptedTransport(*(http_response({"data": document}) for _, _, document in cases)))

    def check(case: tuple[type[Model], str, dict[str, Any]]) -> None:
        model, _, document = case
        check_object(mode.run(client.request("GET", "/any", returns=model)), model, document)

    check_each(cases, check)


def test_an_item_without_an_id_is_left_out_of_a_list(mode: Mode) -> None:
    items: list[Any] = [{"id": "wf-1"}, {"name": "no id"}, None, {"id": {}}, {"id": 7, "name": []}]
    with ScriptedServer(respond_json({"data": items, "meta": {"next_cursor": None}})) as server:
        found = mode.run(mode.client_of(server).workflows.list())
    assert [workflow.id for workflow in found] == ["wf-1", "7"]


@each_row(
    ("model", "document"),
    lambda: [(model, {**LEAST[model], name: wrong}) for model, name in _IDS.items() for wrong in NO_IDS],
)
def test_an_object_without_its_id_is_refused(
    model: type[Model], document: dict[str, Any], mode: Mode, server: ScriptedServer, caller: Any
) -> None:
    server.add_response({"data": document})
    with pytest.raises(APIResponseError):
        mode.run(caller.request("GET", "/any", returns=model))


def test_a_run_never_loses_its_execution(mode: Mode, clock: FakeClock) -> None:
    started: dict[str, Any] = {
        "execution_id": 7,
        "status": ["odd"],
        "outputs": "none",
        "duration_ms": "soon",
        "nodes_executed": ["a"],
    }
    ended: dict[str, Any] = {
        "execution_id": 7,
        "status": "completed",
        "outputs": {"a": 1},
        "nodes_failed": "0",
        "created_at": [],
    }
    with ScriptedServer(respond_json({"data": started}), respond_json({"data": ended})) as server:
        execution = mode.run(mode.client_of(server).workflows.run("wf-1"))
    assert (execution.id, execution.outputs, execution.nodes_failed, execution.created_at) == ("7", {"a": 1}, 0, None)
    assert execution.model_dump(mode="json") == ended
    assert [request.method for request in server.requests] == ["POST", "GET"]


def test_a_start_without_an_id_has_an_unknown_outcome(mode: Mode) -> None:
    started = respond_json({"data": {"status": "running", "execution_id": []}})
    with ScriptedServer(started) as server, pytest.raises(APIResponseError) as caught:
        mode.run(mode.client_of(server).workflows.run("wf-1"))
    assert caught.value.outcome_unknown


@each_row(
    ("model", "name", "received", "read"),
    [
        (Workflow, "organization_id", 7, "7"),
        (Workflow, "version", 1.5, "1.5"),
        (Workflow, "version", 2.0, 2),
        (Workflow, "name", 7, "7"),
        (Workflow, "definition", [1], None),
        (WorkflowVersion, "version", 1.5, "1.5"),
        (Execution, "duration_ms", "1523", 1523),
        (Execution, "duration_ms", "NaN", None),
        (Execution, "nodes_executed", ["a"], None),
        (Execution, "nodes_executed", 3.0, 3),
        (Execution, "inputs", "none", None),
        (Execution, "outputs", ["a"], {}),
        (Execution, "id", 7, "7"),
        (GovernanceSettings, "allow_self_approval", "yes", True),
        (GovernanceSettings, "category_flags", {"pii": 1, "financial": "perhaps"}, {"pii": True, "financial": None}),
        (Quota, "limits", {"memory_mb": "unlimited", "runs": "60"}, {"memory_mb": None, "runs": 60}),
        (SecretsHealth, "checks", {"get": 1, "list": []}, {"get": "1", "list": None}),
        (ToolPolicy, "allowed_roles", ["owner", 7, None], ["owner", "7"]),
        (ToolPolicy, "allowed_roles", "owner", []),
        (NodeTrace, "usage", {"cost": "0.5", "tokens": None}, {"cost": 0.5}),
        (NodeTrace, "warnings", [{}], []),
    ],
)
def test_what_fits_is_converted_and_the_rest_is_none(
    model: type[Model], name: str, received: Any, read: Any, mode: Mode, server: ScriptedServer, caller: Any
) -> None:
    least = {} if (model, name) == (Execution, "id") else LEAST[model]
    server.add_response({"data": {**least, name: received}})
    made = mode.run(caller.request("GET", "/any", returns=model))
    assert exactly(getattr(made, name)) == exactly(read)
    assert exactly((made.model_extra or {})[name]) == exactly(received)
    assert exactly(made.to_dict()[name]) == exactly(read)
    assert made.model_copy() == made


def test_a_trace_has_the_nodes_that_can_be_read(mode: Mode) -> None:
    nodes = [{"id": "a", "attempts": "2"}, {"id": 7}, {"name": "no id"}, "b"]
    with ScriptedServer(respond_json({"data": {"id": "e", "trace": nodes}})) as server:
        execution = mode.run(mode.client_of(server).executions.get("e"))
    assert [(node.id, node.attempts) for node in execution.trace] == [("a", 2), ("7", None)]
    assert execution.model_dump(mode="json")["trace"] == nodes


def test_both_names_of_the_id_may_come(mode: Mode) -> None:
    documents: list[dict[str, Any]] = [
        {"execution_id": 7, "id": "row"},
        {"execution_id": "7", "id": []},
        {"execution_id": [], "id": 7},
        {"execution_id": "7", "id": None},
        {"execution_id": None, "id": "7"},
        {"execution_id": "7", "id": "7"},
    ]
    with ScriptedServer(respond_json({"data": documents})) as server:
        found = mode.run(mode.client_of(server).executions.list())
    assert [execution.id for execution in found] == ["7"] * len(documents)
    assert [execution.model_dump(mode="json") for execution in found] == documents


class TestLog:
    """The log says once for each field what is not as documented, and no value."""

    def test_a_line_for_each_field(
        self, mode: Mode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_reading, "_reported", set[str]())
        caplog.set_level(logging.WARNING, logger="fibonacci")
        document = {"id": "wf-1", "organization_id": 700, "name": ["secret"], "created_at": "secret", "status": None}
        with ScriptedServer(respond_json({"data": [document, document]})) as server:
            for _ in range(2):
                first, second = mode.run(mode.client_of(server).workflows.list())
                assert (first.created_at, second.created_at) == (None, None)
        assert [record.getMessage() for record in caplog.records] == [
            "Workflow.organization_id: the platform sent int, which does not fit: it is converted."
            " model_extra has what was sent",
            "Workflow.name: the platform sent list, which does not fit: it is left out. model_extra has what was sent",
            "Workflow.created_at: the platform sent str, which does not fit: it is left out."
            " model_extra has what was sent",
        ]

    def test_a_line_for_what_is_left_out_of_lists(
        self, mode: Mode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_reading, "_reported", set[str]())
        caplog.set_level(logging.WARNING, logger="fibonacci")
        with ScriptedServer(respond_json({"data": [{"id": "wf-1"}, {"name": "secret"}]})) as server:
            assert len(mode.run(mode.client_of(server).workflows.list())) == 1
        assert [record.getMessage() for record in caplog.records] == [
            "Workflow: the platform sent a list with an item that has no id. The item is left out"
        ]

    def test_what_is_as_documented_is_no_line(self, mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, logger="fibonacci")
        with ScriptedServer(respond_json({"data": [LEAST[Workflow]]})) as server:
            mode.run(mode.client_of(server).workflows.list())
        assert caplog.records == []

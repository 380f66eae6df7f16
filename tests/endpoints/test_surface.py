"""The public methods of both clients are those of the document, with its parameters and the types of the table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fibonacci import AsyncPager, Pager
from fibonacci.models import Workflow
from tests.contract.document import JSON, Operation, load_document, operations, read_operations
from tests.endpoints.signatures import (
    as_documented,
    documented_parameters,
    is_page,
    parameters,
    refused_types,
    type_hints,
    undocumented_nulls,
)
from tests.endpoints.table import NOT_ENDPOINTS, ROWS
from tests.kit.assertions import check_rows
from tests.kit.mode import Mode, both_modes

OTHER_SIGNATURES = {
    "workflows.apply": "plan, *, allow_delete=, allow_empty=, overwrite=, on_change=",
    "workflows.plan": "folder, *, environment=, moved=",
    "workflows.pull": "workflow_id, path, *, overwrite=, merge=, environment=",
    "workflows.run_many": "workflow_id, rows, *, key=, inputs=, journal=, resume=, concurrency=, timeout=, "
    "max_failures=, max_rows=, if_unknown=, if_quota_exceeded=, if_new_version=, "
    "retry_failed=, ordered=, progress=",
    "workflows.run": "workflow_id, *, inputs=, idempotency_key=, timeout=, on_update=, cancel_on_exit=, progress=",
    "workflows.find": "name",
    "workflows.ensure": "workflow=, *, name=, description=, definition=",
    "executions.cancel_all": "*, workflow_id",
    "executions.retry": "execution_id",
    "executions.wait": "execution_id, *, timeout=, on_update=, progress=",
    "executions.wait_all": "ids, *, timeout=",
    "executions.watch": "execution_id, *, timeout=",
    "request": "method, path, *, params=, json=, headers=, timeout=, returns=",
    "with_options": "*, api_key=, base_url=, timeout=, max_retries=, headers=",
    "reset_rate_limit": "",
    "close": "",
    "aclose": "",
}
"""The parameters of the methods that are no endpoint of their own."""


POLICIES = {"executions.cancel": ", *, if_ended=", "executions.list": ", since="}
"""The parameters of an endpoint's method that are not of its operation: what the SDK does with the response."""


def methods(owner: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every public method of a client and of its namespaces, by dotted name."""
    for name in dir(type(owner)):
        member = None if name.startswith("_") else getattr(owner, name)
        if callable(member):
            yield f"{prefix}{name}", member
        elif type(member).__module__.startswith(("fibonacci._async.", "fibonacci._sync.")):
            yield from methods(member, f"{prefix}{name}.")


@pytest.fixture
def public(mode: Mode) -> dict[str, Any]:
    """Return the public methods of a client."""
    return dict(methods(mode.client("key")))


@both_modes
def test_the_methods_are_the_operations_of_the_document(mode: Mode, public: dict[str, Any]) -> None:
    other = set(NOT_ENDPOINTS) - {"close" if mode.is_async else "aclose"}
    assert set(public) == {each.id for each in operations()} | other


@both_modes
def test_the_parameters_and_the_result_are_the_documented_ones(mode: Mode, public: dict[str, Any]) -> None:
    pager: Any = AsyncPager if mode.is_async else Pager

    def check(operation: Operation) -> None:
        method = as_documented(public[operation.id])
        assert parameters(method) == documented_parameters(operation) + POLICIES.get(operation.id, "")
        assert refused_types(operation, method) == []
        assert undocumented_nulls(operation, method) == []
        (returns,) = {row.returns for row in ROWS if row.call == operation.id}
        annotated = type_hints(method)["return"]
        assert annotated == (pager[returns] if is_page(operation) else returns)

    check_rows(((operation.id, operation) for operation in operations()), check)


@both_modes
def test_the_parameters_of_the_other_methods(public: dict[str, Any]) -> None:
    assert set(OTHER_SIGNATURES) == set(NOT_ENDPOINTS)
    found = {name: parameters(method) for name, method in public.items() if name in NOT_ENDPOINTS}
    assert found == {name: written for name, written in OTHER_SIGNATURES.items() if name in public}


@both_modes
def test_all_but_lists_are_awaited(mode: Mode, public: dict[str, Any]) -> None:
    paged = {each.id for each in operations() if is_page(each)}
    awaited = {name for name, method in public.items() if inspect.iscoroutinefunction(method)}
    assert awaited == (
        set(public) - paged - {"with_options", "reset_rate_limit", "workflows.run_many", "executions.watch"}
        if mode.is_async
        else set()
    )
    assert paged == {row.call for row in ROWS if row.is_list} > {"workflows.list"}


@both_modes
def test_lists_are_pagers_that_send_nothing_by_themselves(mode: Mode) -> None:
    client = mode.client("key", base_url="http://127.0.0.1:9")
    kind = AsyncPager if mode.is_async else Pager
    lists = {row.call: row.on(client) for row in ROWS if row.is_list}
    assert {type(each) for each in lists.values()} == {kind}
    assert repr(lists["tools.list"]) == f"{kind.__name__}(GET /tools)"


def test_every_method_and_resource_is_documented(public: dict[str, Any]) -> None:
    assert [name for name, method in public.items() if not inspect.getdoc(method)] == []


class TestTheChecks:
    """A method that is not as documented is refused: these are beside `workflows.update`."""

    def missing(self, workflow_id: str, *, name: str = "", definition: Any = None) -> None: ...
    def extra(
        self, workflow_id: str, *, name: str = "", description: str = "", definition: Any = None, tag: str = ""
    ) -> None: ...
    def reordered(self, workflow_id: str, *, description: str = "", name: str = "", definition: Any = None) -> None: ...
    def required(self, workflow_id: str, *, name: str, description: str = "", definition: Any = None) -> None: ...
    def positional(self, workflow_id: str, name: str = "", *, description: str = "", definition: Any = "") -> None: ...
    def keyword(self, *, workflow_id: str, name: str = "", description: str = "", definition: Any = None) -> None: ...
    def optional(
        self, workflow_id: str = "", *, name: str = "", description: str = "", definition: Any = None
    ) -> None: ...
    def renamed(self, id: str, *, name: str = "", description: str = "", definition: Any = None) -> None: ...
    def narrow(self, workflow_id: str, *, name: int = 0, description: str = "", definition: Workflow) -> None: ...

    def test_a_method_with_other_parameters(self) -> None:
        documented = documented_parameters(operation_of(load_document(), "workflows.update"))
        for name in ("missing", "extra", "reordered", "required", "positional", "keyword", "optional", "renamed"):
            method: Callable[..., object] = getattr(self, name)
            assert parameters(method) != documented

    def test_a_method_with_narrow_types(self) -> None:
        found = refused_types(operation_of(load_document(), "workflows.update"), self.narrow)
        assert found == ["name: str", "description: NoneType", "definition: Mapping", "definition: NoneType"]


def operation_of(document: JSON, call: str) -> Operation:
    """Return the operation of a call."""
    return next(each for each in read_operations(document) if each.id == call)

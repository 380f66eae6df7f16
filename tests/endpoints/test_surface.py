"""The public methods of both clients are those of the document, with its parameters and the types of the table."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import AsyncPager, Pager
from tests.contract.document import Operation, operations
from tests.endpoints.signatures import (
    as_documented,
    documented_parameters,
    is_page,
    parameters,
    refused_types,
    type_hints,
)
from tests.endpoints.table import NOT_ENDPOINTS, ROWS
from tests.kit.assertions import check_rows
from tests.kit.mode import Mode, both_modes

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
        (returns,) = {row.returns for row in ROWS if row.call == operation.id}
        annotated = type_hints(method)["return"]
        assert annotated == (pager[returns] if is_page(operation) else returns)

    check_rows(((operation.id, operation) for operation in operations()), check)


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

"""Lists over many pages: where the next page is named, in which order of precedence, and cycles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fibonacci import APIResponseError, NotFoundError, Page, PaginationError
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, respond_json

ID = {"X-Request-Id": "req_9"}


def page(*names: str, **meta: Any) -> dict[str, Any]:
    return {"data": [{"name": name} for name in names], "meta": meta}


def queries(server: ScriptedServer) -> list[str]:
    return [sent.query for sent in server.requests]


def listed(mode: Mode, *responses: Step | dict[str, Any], **options: Any) -> tuple[list[str], list[str]]:
    """List the tools of a server that has these pages; return their names, and the queries that it received."""
    steps = (respond_json(each) if isinstance(each, dict) else each for each in responses)
    with ScriptedServer(*steps) as server:
        found = mode.run(mode.client_of(server, max_retries=0).tools.list(**options))
    return [tool.name for tool in found], queries(server)


class TestNextPage:
    @each_row(
        ("meta", "query"),
        [
            ({"next_cursor": "a/b="}, "cursor=a%2Fb%3D"),
            ({"next_cursor": 7}, "cursor=7"),
            ({"next_cursor": 0}, "cursor=0"),
            ({"pagination": {"next_cursor": "c"}}, "cursor=c"),
            ({"page": 1, "total_pages": 2}, "page=2"),
            ({"pagination": {"page": 3, "total_pages": 9}}, "page=4"),
            ({"next_cursor": "first", "pagination": {"next_cursor": "second"}}, "cursor=first"),
            ({"next_cursor": None, "pagination": {"next_cursor": "second"}}, "cursor=second"),
            ({"pagination": {"next_cursor": "c"}, "page": 1, "total_pages": 2}, "cursor=c"),
        ],
    )
    def test_the_next_page_is_named_in_meta(self, mode: Mode, meta: Any, query: str) -> None:
        assert listed(mode, page("a", **meta), page("b")) == (["a", "b"], ["", query])

    @each_row(
        "meta",
        [
            {},
            *({"next_cursor": cursor} for cursor in (None, "", False, True, ["x"])),
            {"pagination": None},
            {"pagination": []},
            {"page": 2, "total_pages": 2},
            {"page": 3, "total_pages": 2},
            {"page": "1", "total_pages": 2},
            {"page": 1},
            {"total_pages": 9},
        ],
    )
    def test_none(self, mode: Mode, meta: Any) -> None:
        assert listed(mode, page("a", **meta)) == (["a"], [""])

    def test_filters_go_with_every_page(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": [{"id": "e1"}], "meta": {"next_cursor": "2"}})
        server.add_response({"data": [{"id": "e2"}]})
        found = mode.run(caller.executions.list(status="failed", workflow_id="wf", page_size=1, cursor="1"))
        assert [each.id for each in found] == ["e1", "e2"]
        assert queries(server) == [f"workflow_id=wf&status=failed&limit=1&cursor={cursor}" for cursor in "12"]


class TestCycles:
    @each_row("cursors", [["x", "x"], ["x", "y", "x"], ["x", "y", "y"]])
    def test_a_repeated_cursor_ends_it(
        self, mode: Mode, server: ScriptedServer, caller: Any, cursors: list[str]
    ) -> None:
        server.requests.clear()
        for number, cursor in enumerate(cursors):
            server.add_response(page(f"t-{number}", next_cursor=cursor), headers=ID)
        error: Any = mode.end(caller.tools.list).error
        assert isinstance(error, PaginationError)
        assert isinstance(error, APIResponseError)
        assert len(server.requests) == len(cursors)
        assert (error.method, error.path, error.status_code, error.attempts) == ("GET", "/tools", 200, 1)
        assert (error.request_id, error.content_type) == ("req_9", "application/json")
        assert f"'{cursors[-1]}'" in str(error)
        assert "a second time" in str(error)

    def test_the_items_of_the_page_before_end_it(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        for number, each in enumerate((["a", "b"], ["b", "c"], [], ["b", "c"])):
            server.add_response(page(*each, next_cursor=number), headers={"X-Request-Id": f"req_{number}"})
        seen: list[str] = []
        with pytest.raises(PaginationError, match="the same items a second time, so iterating") as caught:
            mode.each(caller.tools.list(), lambda tool: seen.append(tool.name))
        assert seen == ["a", "b", "b", "c"]
        assert caught.value.request_id == "req_3"

    def test_items_without_ids_are_not_compared(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        calls: list[tuple[dict[str, str], Callable[[], Any]]] = [
            ({"action": "x"}, lambda: caller.organizations.governance.audit("acme")),
            ({"status": "approved"}, caller.registry.list),
        ]
        for item, call in calls:
            for cursor in ("2", None):
                server.add_response({"data": [item], "meta": {"next_cursor": cursor}})
            assert len(mode.run(call())) == 2


class TestPager:
    def test_pages_are_iterated_with_their_responses(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response(page("a", "b", next_cursor="2", request_id="req_1"), headers={"X-RateLimit-Limit": "5"})
        server.add_response(page(request_id="req_2"), 200)
        pages: list[Page[Any]] = mode.run(caller.tools.list().pages())
        assert [[tool.name for tool in each.items] for each in pages] == [["a", "b"], []]
        assert [each.response.request_id for each in pages] == ["req_1", "req_2"]
        assert pages[0].response.headers["x-ratelimit-limit"] == "5"
        assert pages[0].items[0].response == pages[0].response
        assert [len(each) for each in pages] == [2, 0]
        assert [each.next_cursor for each in pages] == ["2", None]

    def test_iterating_again_fetches_again(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        for name in ("a", "b", "c", "d"):
            server.add_response(page(name, **({"next_cursor": "2"} if name in "ac" else {})))
        pager = caller.tools.list()
        assert [[tool.name for tool in mode.run(pager)] for _ in range(2)] == [["a", "b"], ["c", "d"]]
        assert queries(server) == ["", "cursor=2"] * 2

    @each_row(
        ("pages", "first"),
        [
            ([page("a", "b", next_cursor="2")], "a"),
            ([page(next_cursor="2"), page("b")], "b"),
            ([page()], None),
        ],
    )
    def test_first_fetches_what_it_needs(self, mode: Mode, pages: list[dict[str, Any]], first: str | None) -> None:
        with ScriptedServer(*map(respond_json, pages)) as server:
            found = mode.run(mode.client_of(server).tools.list().first())
        assert (found and found.name, len(server.requests)) == (first, len(pages))

    def test_pages_are_fetched_when_they_are_needed(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response(page("a", "b", next_cursor="2"))
        server.add_response(page("c"))
        seen: list[tuple[str, int]] = []
        mode.each(caller.tools.list(), lambda tool: seen.append((tool.name, len(server.requests))))
        assert seen == [("a", 1), ("b", 1), ("c", 2)]

    def test_an_error_on_a_later_page_is_raised(self, mode: Mode) -> None:
        gone = respond_json({"error": {"code": "gone", "message": "The cursor has expired"}}, 404)
        with pytest.raises(NotFoundError, match="The cursor has expired"):
            listed(mode, page("a", next_cursor="2"), gone)


class TestTake:
    @each_row(
        ("n", "page_size", "taken", "sent"),
        [
            (2, None, ["a", "b"], ["limit=2"]),
            (3, None, ["a", "b", "c"], ["limit=3", "limit=3&cursor=2"]),
            (49, None, ["a", "b", "c", "d"], ["limit=49", "limit=49&cursor=2"]),
            (50, None, ["a", "b", "c", "d"], ["", "cursor=2"]),
            (3, 2, ["a", "b", "c"], ["limit=2", "limit=2&cursor=2"]),
            (0, None, [], []),
        ],
    )
    def test_the_first_items_with_no_more_pages_than_needed(
        self, mode: Mode, n: int, page_size: int | None, taken: list[str], sent: list[str]
    ) -> None:
        first, second = page("a", "b", next_cursor="2"), page("c", "d")
        with ScriptedServer(respond_json(first), respond_json(second)) as server:
            pager = mode.client_of(server).tools.list(page_size=page_size)
            assert [tool.name for tool in mode.run(pager.take(n))] == taken
        assert queries(server) == sent


NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


WRONG: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda client: client.tools.list().take(-1), ValueError, "n must be 0 or more, not -1"),
    (lambda client: client.tools.list().take("5"), TypeError, "n must be an int, not str"),
    (lambda client: client.tools.list().take(2.0), TypeError, "n must be an int, not float"),
    (lambda client: client.tools.list().take(None), TypeError, "n must be an int, not None"),
    (lambda client: client.tools.list(page_size="5"), TypeError, "page_size must be an int, not str"),
    (lambda client: client.tools.list(page_size=True), TypeError, "page_size must be an int, not bool"),
    # It could be taken for a total.
    (lambda client: client.workflows.list(limit=10), TypeError, ".*unexpected keyword argument 'limit'"),
    (
        lambda client: client.executions.list(since="1h"),
        TypeError,
        "since must be a datetime or a timedelta, not str",
    ),
    (
        lambda client: client.executions.list(since=NOON.replace(tzinfo=None)),
        ValueError,
        "since must be a timedelta above 0, or a datetime with a time zone",
    ),
    (
        lambda client: client.executions.list(since=timedelta(hours=-1)),
        ValueError,
        "since must be a timedelta above 0",
    ),
]


@each_row(("list_with", "error", "text"), WRONG)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    mode: Mode, server: ScriptedServer, caller: Any, list_with: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{text}"):
        mode.run(list_with(caller))
    assert server.requests == []


class TestSince:
    """Executions since a time, which the SDK picks from the list."""

    @pytest.fixture(autouse=True)
    def history(self, server: ScriptedServer) -> None:
        """Make the server have pages of executions, the last of which is not needed for those since noon."""
        pages: list[list[tuple[str, int | None]]] = [
            [("e9", 9), ("e8", 8), ("late", None)],
            [("e1", 1), ("e0", 0), ("old", -1)],
            [("older", -2)],
        ]
        for number, rows in enumerate(pages):
            data = [{"id": id, **({} if hour is None else {"created_at": at(hour)})} for id, hour in rows]
            server.add_response({"data": data, "meta": {"next_cursor": f"c{number}"}})

    def test_only_those_are_listed_and_the_list_ends_at_a_page_of_older_ones(
        self, mode: Mode, server: ScriptedServer, caller: Any
    ) -> None:
        found = mode.run(caller.executions.list(since=NOON, status="failed"))
        assert [execution.id for execution in found] == ["e9", "e8", "late", "e1", "e0"]
        assert queries(server) == ["status=failed", *(f"status=failed&cursor=c{number}" for number in (0, 1))]

    def test_pages(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        pager = caller.executions.list(since=NOON + timedelta(hours=1))
        assert [len(each.items) for each in mode.run(pager.pages())] == [3, 1, 0]
        assert len(server.requests) == 3

    def test_some(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        found = mode.run(caller.executions.list(since=NOON).take(4))
        assert [each.id for each in found] == ["e9", "e8", "late", "e1"]
        assert queries(server) == ["limit=4", "limit=4&cursor=c0"]


def at(hour: int) -> str:
    return (NOON + timedelta(hours=hour)).isoformat()

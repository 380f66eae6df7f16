"""Lists over many pages: where the next page is, in which order places are looked at, and what never ends."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import APIResponseError, NotFoundError, Page, PaginationError
from tests.colours import Colour
from tests.endpoints.recorder import Recorder


def tools(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def page(*names: str, **meta: Any) -> dict[str, Any]:
    return {"data": tools(*names), "meta": meta}


def names(colour: Colour, client: Any, **options: Any) -> list[str]:
    return [tool.name for tool in colour.run(client.tools.list(**options))]


def queries(recorder: Recorder) -> list[str]:
    return [sent.query for sent in recorder.sent]


class TestNextPage:
    @pytest.mark.parametrize(
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
    def test_by_meta(self, colour: Colour, recorder: Recorder, recorded: Any, meta: Any, query: str) -> None:
        recorder.give(page("a", **meta))
        recorder.give(page("b"))
        assert names(colour, recorded) == ["a", "b"]
        assert queries(recorder) == ["", query]

    @pytest.mark.parametrize(
        "meta",
        [
            {},
            {"next_cursor": None},
            {"next_cursor": ""},
            {"next_cursor": False},
            {"next_cursor": True},
            {"next_cursor": ["x"]},
            {"pagination": None},
            {"pagination": []},
            {"page": 2, "total_pages": 2},
            {"page": 3, "total_pages": 2},
            {"page": "1", "total_pages": 2},
            {"page": 1},
            {"total_pages": 9},
        ],
    )
    def test_none(self, colour: Colour, recorder: Recorder, recorded: Any, meta: Any) -> None:
        recorder.give(page("a", **meta))
        assert names(colour, recorded) == ["a"]
        assert len(recorder.sent) == 1

    @pytest.mark.parametrize(
        "link",
        [
            '</v1/tools?cursor=x%20y&limit=2>; rel="next"',
            "<?cursor=x%20y&limit=2>; rel=next",
            '<{origin}/v1/tools?cursor=x%20y&limit=2>; REL="Next"',
            '</v1/tools?cursor=p>; rel="prev", </v1/tools?cursor=x%20y&limit=2>; title="a, b"; rel="last next"',
            "</v1/tools?cursor=x%20y&limit=2>;rel=next;title=z",
        ],
    )
    def test_by_link(self, colour: Colour, recorder: Recorder, recorded: Any, link: str) -> None:
        recorder.give(page("a"), headers={"Link": link.format(origin=recorder.origin)})
        recorder.give(page("b"))
        assert names(colour, recorded, limit=1) == ["a", "b"]
        assert queries(recorder) == ["limit=1", "limit=2&cursor=x+y"]

    @pytest.mark.parametrize(
        "link",
        [
            '<https://elsewhere.example/v1/tools?cursor=x>; rel="next"',
            '<//127.0.0.1:1/v1/tools?cursor=x>; rel="next"',
            '</v1/workflows?cursor=x>; rel="next"',
            '</v1/tools?cursor=x>; rel="prev"',
            '</v1/tools?cursor=x>; rel="nextish"',
            '</v1/tools?cursor=x>; title="; rel=next"',
            "</v1/tools?cursor=x>",
            '<http://[broken>; rel="next"',
            "nonsense",
            "",
        ],
    )
    def test_a_link_that_is_not_followed(self, colour: Colour, recorder: Recorder, recorded: Any, link: str) -> None:
        recorder.give(page("a"), headers={"Link": link})
        assert names(colour, recorded) == ["a"]
        assert len(recorder.sent) == 1

    def test_meta_goes_before_a_link(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page("a", next_cursor="meta"), headers={"Link": '<?cursor=link>; rel="next"'})
        recorder.give(page("b"))
        assert names(colour, recorded) == ["a", "b"]
        assert queries(recorder) == ["", "cursor=meta"]

    def test_filters_go_with_every_page(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give({"data": [{"id": "e1"}], "meta": {"next_cursor": "2"}})
        recorder.give({"data": [{"id": "e2"}]})
        found = colour.run(recorded.executions.list(status="failed", workflow_id="wf", limit=1, cursor="1"))
        assert [each.id for each in found] == ["e1", "e2"]
        assert queries(recorder) == [f"workflow_id=wf&status=failed&limit=1&cursor={cursor}" for cursor in "12"]


class TestCycles:
    @pytest.mark.parametrize(
        "cursors", [["x", "x"], ["x", "y", "x"], ["x", "y", "y"]], ids=["itself", "two back", "the last"]
    )
    def test_a_repeated_cursor_ends_it(
        self, colour: Colour, recorder: Recorder, recorded: Any, cursors: list[str]
    ) -> None:
        for cursor in cursors:
            recorder.give(page("t", next_cursor=cursor), headers={"X-Request-Id": "req_9"})
        with pytest.raises(PaginationError, match="a second time") as caught:
            names(colour, recorded)
        error = caught.value
        assert len(recorder.sent) == len(cursors)
        assert (error.method, error.path, error.status_code, error.attempts) == ("GET", "/tools", 200, 1)
        assert error.request_id == "req_9"
        assert error.content_type == "application/json"
        assert "'x'" in str(error) or "'y'" in str(error)
        assert isinstance(error, APIResponseError)

    def test_the_items_before_are_not_lost(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        for cursor in ("x", "x"):
            recorder.give(page(f"t-{len(recorder.sent)}", next_cursor=cursor))
        seen: list[str] = []
        with pytest.raises(PaginationError):
            colour.each(recorded.tools.list(), lambda tool: seen.append(tool.name))
        assert len(seen) == 2

    def test_the_cursor_that_was_begun_with_may_come_back_once(
        self, colour: Colour, recorder: Recorder, recorded: Any
    ) -> None:
        for _ in range(2):
            recorder.give(page("t", next_cursor="x"))
        with pytest.raises(PaginationError):
            names(colour, recorded, cursor="x")
        assert len(recorder.sent) <= 2


class TestPager:
    def test_pages(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page("a", "b", next_cursor="2", request_id="req_1"), headers={"X-RateLimit-Limit": "5"})
        recorder.give(page(request_id="req_2"), 200)
        pages: list[Page[Any]] = colour.run(recorded.tools.list().pages())
        assert [[tool.name for tool in each.items] for each in pages] == [["a", "b"], []]
        assert [each.response.request_id for each in pages] == ["req_1", "req_2"]
        assert pages[0].response.headers["x-ratelimit-limit"] == "5"
        assert pages[0].items[0].response == pages[0].response
        assert [len(each) for each in pages] == [2, 0]
        assert [each.next_cursor for each in pages] == ["2", None]

    def test_iterating_again_fetches_again(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        for name in ("a", "b", "c", "d"):
            recorder.give(page(name, **({"next_cursor": "2"} if name in "ac" else {})))
        pager = recorded.tools.list()
        assert [[tool.name for tool in colour.run(pager)] for _ in range(2)] == [["a", "b"], ["c", "d"]]
        assert queries(recorder) == ["", "cursor=2"] * 2

    def test_first(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page("a", "b", next_cursor="2", request_id="req_1"))
        first = colour.run(recorded.tools.list().first())
        assert (first.name, first.response.request_id) == ("a", "req_1")
        assert len(recorder.sent) == 1

    def test_first_of_none(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page())
        assert colour.run(recorded.tools.list().first()) is None

    def test_first_looks_behind_an_empty_page(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page(next_cursor="2"))
        recorder.give(page("b"))
        assert colour.run(recorded.tools.list().first()).name == "b"

    def test_an_empty_list(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give({"data": []})
        assert colour.run(recorded.tools.list()) == []

    def test_nothing_is_sent_before_it_is_iterated(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorded.tools.list().pages()
        assert recorder.sent == []

    def test_pages_are_fetched_when_they_are_needed(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give(page("a", "b", next_cursor="2"))
        recorder.give(page("c"))
        seen: list[tuple[str, int]] = []
        colour.each(recorded.tools.list(), lambda tool: seen.append((tool.name, len(recorder.sent))))
        assert seen == [("a", 1), ("b", 1), ("c", 2)]

    def test_an_error_on_a_later_page_is_that_of_the_call(
        self, colour: Colour, recorder: Recorder, recorded: Any
    ) -> None:
        recorder.give(page("a", next_cursor="2"))
        recorder.give({"error": {"code": "gone", "message": "The cursor has expired"}}, 404)
        with pytest.raises(NotFoundError, match="The cursor has expired"):
            names(colour, recorded)

    def test_items_have_the_response_of_their_page(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        recorder.give({"data": [{"name": "t", "created_at": "x"}]})
        (tool,) = colour.run(recorded.tools.list())
        assert tool.response.status_code == 200

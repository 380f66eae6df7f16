"""From the bytes of a success to typed objects: the shapes of a response, and what cannot be read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from fibonacci import APIResponseError, NotFoundError
from fibonacci._core.decoding import decode, decode_any, decode_list, unwrap
from fibonacci._core.response import APIResponse
from fibonacci.models import AuditEntry, Execution, MemoryEntry, Quota, Tool, Workflow
from tests.core.responses import api_response
from tests.endpoints.table import ROWS
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "meta", "items", "error"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


class Labeled(BaseModel):
    """A model of a user, which has a field with the name of that of an envelope."""

    model_config = ConfigDict(extra="allow")

    label: str | None = None
    data: dict[str, Any] | None = None


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


class TestEnvelope:
    @each_row(
        ("document", "data", "meta"),
        [
            ({"data": {"id": "x"}, "meta": {"request_id": "r"}}, {"id": "x"}, {"request_id": "r"}),
            ({"data": {"id": "x"}}, {"id": "x"}, {}),
            ({"data": None}, None, {}),
            ({"data": [1], "meta": None}, [1], {}),
            ({"data": 1, "meta": "text"}, 1, {}),
            ({"id": "x"}, {"id": "x"}, {}),
            ({"data": 1, "other": 2}, {"data": 1, "other": 2}, {}),
            ({"data": 1, "meta": {}, "id": "x"}, {"data": 1, "meta": {}, "id": "x"}, {}),
            ({"data": {"a": 1}, "meta": {"b": 2}, "links": {}}, {"a": 1}, {"links": {}, "b": 2}),
            ({"data": {"a": 1}, "success": True}, {"data": {"a": 1}, "success": True}, {}),
            ({"meta": {"request_id": "r"}}, {"meta": {"request_id": "r"}}, {}),
            ([{"data": 1}], [{"data": 1}], {}),
            ({}, {}, {}),
            ("data", "data", {}),
            (None, None, {}),
        ],
    )
    def test_an_untyped_envelope_has_data_and_an_object_meta_if_there_is_more(
        self, document: Any, data: Any, meta: Any
    ) -> None:
        assert unwrap(document) == (data, meta)
        assert decode_any(api_response(encoded(document)))[0] == data

    @given(JSON)
    def test_any_json_has_a_shape(self, document: Any) -> None:
        data, meta = unwrap(document)
        assert isinstance(meta, dict)
        assert data is document or data == document["data"]

    def test_a_bare_object_with_a_field_named_data(self) -> None:
        entry, meta = decode(api_response(b'{"data": {"deep": 1}, "action": "x", "meta": 7}'), AuditEntry)
        assert entry.model_dump(mode="json") == {"data": {"deep": 1}, "action": "x", "meta": 7}
        assert meta == {}

    @each_row(
        "beside",
        [
            {"links": {"self": "/"}, "warnings": [], "success": True},
            {"meta": {"request_id": "r"}, "jsonapi": {"version": "1.1"}},
            {"status": "success", "error": None, "meta": None},
        ],
    )
    def test_members_beside_data_and_meta_cost_nothing(self, beside: dict[str, Any]) -> None:
        data = {"id": "x", "status": "active"}
        inner: dict[str, Any] = beside.get("meta") or {}
        meta = {name: value for name, value in beside.items() if name != "meta"} | inner
        found: list[tuple[Any, object]] = [
            decode(api_response(encoded({"data": data, **beside})), returns) for returns in (Workflow, Execution)
        ]
        assert [(each.id, each.status, told) for each, told in found] == [("x", "active", meta)] * 2
        items, told = decode_list(api_response(encoded({"data": [data], **beside})), Workflow, "workflows")
        assert ([each.id for each in items], told) == (["x"], meta)
        assert decode(api_response(encoded({"data": [data], **beside})), list[Workflow])[0] == items

    @each_row(
        ("document", "returns"),
        [
            ({"id": "x", "data": {"id": "inner"}, "meta": {}}, Workflow),
            ({"execution_id": "x", "data": {"id": "inner"}}, Execution),
            ({"plan": "pro", "data": {"plan": "free"}}, Quota),
            ({"key": "k", "data": {"key": "inner"}, "meta": {}}, MemoryEntry),
            ({"data": {"label": "a"}, "more": 1}, Labeled),
            ({"label": "a", "data": {}, "more": 1}, Labeled),
        ],
    )
    def test_an_object_with_a_field_of_what_was_asked_for_is_bare(self, document: Any, returns: Any) -> None:
        read, _ = decode(api_response(encoded(document)), returns)
        assert read.model_dump(mode="json", exclude_unset=True) == document

    @each_row("shape", ['{"data": %s, "meta": {"request_id": "r"}}', '{"data": %s}', "%s"])
    def test_all_three_shapes_decode_to_the_same_object(self, shape: str) -> None:
        body = (shape % '{"execution_id": "e", "status": "completed", "outputs": {"data": 1}}').encode()
        execution, _ = decode(api_response(body), Execution)
        assert execution == Execution.model_validate(
            {"execution_id": "e", "status": "completed", "outputs": {"data": 1}}
        )

    def test_a_nested_envelope_is_unwrapped_once(self) -> None:
        assert decode_any(api_response(b'{"data": {"data": 1}}'))[0] == {"data": 1}
        entry, _ = decode(api_response(b'{"data": {"data": 1}}'), AuditEntry)
        assert entry.model_dump(mode="json") == {"data": 1}

    def test_the_last_of_repeated_names_counts(self) -> None:
        assert decode_any(api_response(b'{"data": 1, "data": 2}'))[0] == 2

    @each_row("body", [b"", b"{", b"OK", b'{"data": {"deleted": true}}', b"\xff"])
    def test_what_does_not_matter_is_not_read(self, body: bytes) -> None:
        assert decode(api_response(body), NoneType) == (None, {})

    @each_row("body", [b"<html>Sign in", b" \n<!DOCTYPE html>", b"\xef\xbb\xbf<html>"])
    def test_a_page_of_html_is_not_the_platforms(self, body: bytes) -> None:
        with pytest.raises(APIResponseError, match="the response is a page of HTML"):
            decode(api_response(body), NoneType)


class TestLists:
    @each_row(
        "document",
        [
            {"data": [{"name": "a"}, {"name": "b"}], "meta": {}},
            {"data": [{"name": "a"}, {"name": "b"}]},
            {"data": {"items": [{"name": "a"}, {"name": "b"}]}},
            {"data": {"results": [{"name": "a"}, {"name": "b"}], "total": 2}},
            {"data": {"tools": [{"name": "a"}, {"name": "b"}], "tags": ["other", "lists"]}},
            {"tools": [{"name": "a"}, {"name": "b"}]},
            {"items": [{"name": "a"}, {"name": "b"}], "results": None, "data": 7},
        ],
    )
    def test_where_the_items_may_be(self, document: Any) -> None:
        items, _ = decode_list(api_response(encoded(document)), Tool, "tools")
        assert [item.name for item in items] == ["a", "b"]

    @each_row(
        "document",
        [
            {"data": {"items": [], "results": []}},
            {"data": {"items": [], "tools": []}},
            {"data": {"things": [{"name": "a"}]}},
            {"data": {"items": {"name": "a"}}},
            {"data": {}},
            {"data": None},
            {"data": "text"},
            {},
            7,
            None,
        ],
    )
    def test_what_is_no_list_is_refused(self, document: Any) -> None:
        with pytest.raises(APIResponseError, match="no list of tools"):
            decode_list(api_response(encoded(document)), Tool, "tools")

    def test_a_list_of_which_no_item_has_an_id_is_refused(self) -> None:
        with pytest.raises(APIResponseError, match=r"0\.name"):
            decode_list(api_response(b'{"data": [{"name": null}, {"name": {}}]}'), Tool, "tools")

    def test_a_run_of_the_other_api_may_have_run_without_inputs(self) -> None:
        run: dict[str, Any] = {"id": "run-1", "status": "completed", "input_data": {}, "output_data": {}}
        with pytest.raises(APIResponseError, match=r"input_data in place of inputs, .*, set api_version=.0\.2"):
            decode(api_response(encoded(run)), Execution)
        assert decode(api_response(encoded({"data": run})), Execution)[0].id == "run-1"

    @each_row("document", [[], [{"name": "a"}]])
    def test_a_bare_array_would_end_with_its_first_page(self, document: Any) -> None:
        with pytest.raises(
            APIResponseError, match=r"bare array, without a cursor for the next page: .*API, set api_version=.0\.2"
        ):
            decode_list(api_response(encoded(document)), Tool, "tools")

    @each_row("document", [{"data": []}, {"data": {"items": []}}])
    def test_an_empty_list_is_read_in_each_form(self, document: Any) -> None:
        assert decode_list(api_response(encoded(document)), Tool, "tools")[0] == []


READ_ANYWAY: list[tuple[bytes, Any]] = [
    (b'"cut \\ud83d"', "cut \ufffd"),
    (b'"\\ude00 cut, \\ud83d\\ude00 whole"', "\ufffd cut, 😀 whole"),
    (b'"\\\\ud83d \\ud83d\\ud83d\\ude00"', "\\ud83d \ufffd😀"),
    (b'"cut \xed\xa0\xbd"', "cut \ufffd"),
]
"""What JSON.parse reads and Pydantic does not, and what becomes of it."""


class TestReadAnyway:
    @each_row(("sent", "read"), READ_ANYWAY)
    def test_what_others_write_costs_no_object(self, sent: bytes, read: Any) -> None:
        body = b'{"data": {"id": "x", "note": %s, "name": "ok"}, "meta": {"request_id": "r"}}' % sent
        expected = {"id": "x", "note": read, "name": "ok"}
        workflow, meta = decode(api_response(body), Workflow)
        assert (workflow.model_dump(mode="json"), meta) == (expected, {"request_id": "r"})
        assert decode_any(api_response(body)) == (expected, {"request_id": "r"})
        page = body.replace(b'{"id"', b'[{"id": "first"}, {"id"').replace(b'"ok"}', b'"ok"}]')
        items, _ = decode_list(api_response(page), Workflow, "workflows")
        assert [each.model_dump(mode="json") for each in items] == [{"id": "first"}, expected]

    @each_row("body", [b'{"id": "x"}', b'{"data": {"id": "x"}}', b'{"data": [{"id": "x"}]}'])
    def test_a_byte_order_mark_is_skipped(self, body: bytes) -> None:
        marked = api_response(b"\xef\xbb\xbf" + body)
        if b"[" in body:
            assert decode_list(marked, Workflow, "workflows")[0][0].id == "x"
        else:
            assert decode(marked, Workflow)[0].id == "x"

    def test_the_bounds_hold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        half = b'{"id": "x", "note": ["\\ud83d", %s]}'
        for rest in (b"[" * 250 + b"]" * 250, b"[" * 100_000, b"1] oops"):
            assert "hex escape" in refused(half % rest).message
        monkeypatch.setattr("fibonacci._core.json_bodies._MOST_READ_TWICE", 20)
        assert "hex escape" in refused(half % b"1").message


def refused(body: bytes, returns: Any = Workflow, status: int = 200, **headers: str) -> APIResponseError:
    fields = {name.replace("_", "-"): value for name, value in headers.items()} or None
    with pytest.raises(APIResponseError) as caught:
        decode(api_response(body, status, fields), returns)
    return caught.value


class TestUnreadable:
    def test_a_page_of_a_proxy_or_login(self) -> None:
        error = refused(b"<!doctype html>\n<title>Sign in</title>", content_type="text/html; charset=utf-8")
        assert error.status_code == 200
        assert error.content_type == "text/html; charset=utf-8"
        assert error.body == "<!doctype html>\n<title>Sign in</title>"
        assert "not JSON" in error.message
        assert "text/html" in error.message
        assert "'<!doctype html> <title>Sign in</title>'" in error.message
        assert "proxy or a login page" in error.message

    def test_markup_is_known_without_its_content_type(self) -> None:
        assert "login page" in refused(b"<html>").message
        assert "login page" not in refused(b"plain").message

    @each_row("body", [b"", b"  \n"])
    def test_an_empty_body(self, body: bytes) -> None:
        assert "empty" in refused(body).message

    @each_row(
        "body",
        [b"{", b'{"data": {"id": "x"}', b"nope", b'{"id": "x"} {}', b"\xff\xfe", b'{"id": "\xff"}', b"{'id': 'x'}"],
    )
    def test_broken_json_is_an_error_with_the_body(self, body: bytes) -> None:
        error = refused(body)
        assert "not JSON" in error.message
        assert error.body == body.decode("utf-8", "replace")

    @each_row("opening", [b"[", b'{"data":{"id":"x","definition":{"a":['])
    def test_deep_nesting_is_an_error_with_the_begin_of_the_body(self, opening: bytes) -> None:
        error = refused(opening * 100_000)
        assert len(str(error)) < 1000
        assert len(error.body) == 64 * 1024

    @each_row(
        ("body", "place"),
        [
            (b'{"data": {"id": true}}', "id"),
            (b'{"data": {"name": "x"}}', "id"),
            (b'{"data": null}', "the response"),
            (b"[]", "the response"),
            (b'"text"', "the response"),
        ],
    )
    def test_a_wrong_type_is_named(self, body: bytes, place: str) -> None:
        error = refused(body)
        assert f"not a Workflow ({place}" in error.message
        assert error.body == body.decode()

    def test_faults_that_cost_no_object_are_not_counted(self) -> None:
        assert "1 problem(s)" in refused(b'{"id": [], "name": 2, "description": {}}').message

    def test_the_text_stays_short(self) -> None:
        error = refused(b"x" * 1_000_000)
        assert len(str(error)) < 400
        assert error.body == "x" * 65536


class TestCompressed:
    BODY = b'{"data": {"id": "wf-1"}}'

    @each_row(
        ("encoding", "body", "problem"),
        [
            ("gzip", packed(BODY)[:-9], "truncated"),
            ("zstd", b"anything", "'zstd' was not requested"),
            ("gzip", packed(b"0" * 2_000_000), "larger than 1000000 bytes"),
        ],
    )
    def test_what_cannot_be_undone_is_refused(self, encoding: str, body: bytes, problem: str) -> None:
        given = api_response(body, 200, {"content-encoding": encoding})
        with pytest.raises(APIResponseError, match=problem) as caught:
            decode(given, Workflow)
        assert caught.value.body == body[:65536].decode("utf-8", "replace")


class TestArbitraryJSON:
    """Any bytes are decoded or raise an `APIResponseError`."""

    @given(
        body=st.binary(max_size=200) | JSON.map(encoded) | JSON.map(lambda data: encoded({"data": data})),
        encoding=st.sampled_from(["", "gzip", "gzip, deflate"]),
        returns=st.sampled_from([Workflow, Execution, MemoryEntry, Quota, AuditEntry, int, list[str], dict[str, Any]]),
    )
    def test_any_json_is_decoded_or_an_error_of_the_package(self, body: bytes, encoding: str, returns: Any) -> None:
        headers = {"content-encoding": encoding, "content-type": "text/x"}
        reads: list[Callable[[APIResponse], object]] = [
            lambda given: decode(given, returns),
            decode_any,
            lambda given: decode_list(given, returns, "things"),
        ]
        for read in reads:
            try:
                read(api_response(body, 200, headers))
            except APIResponseError as error:
                told = (error.status_code, error.content_type, bool(error.message))
            else:
                continue
            assert told == (200, "text/x", True)


ASKS_FOR_ONE: list[tuple[Callable[[Any], Any], str]] = [
    (lambda client: client.workflows.get("wf-1"), "wf-1"),
    (lambda client: client.workflows.update("wf-1", name="x"), "wf-1"),
    (lambda client: client.executions.get("exec-1"), "exec-1"),
    (lambda client: client.executions.cancel("exec-1"), "exec-1"),
]


class TestOnASocket:
    def test_the_error_has_the_circumstances_of_the_call(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response("<html>Sign in</html>", headers={"Content-Type": "text/html", "X-Request-Id": "req_7"})
        with pytest.raises(APIResponseError) as caught:
            mode.run(caller.workflows.get("wf-1"))
        error = caught.value
        assert (error.method, error.path, error.attempts, error.request_id) == ("GET", "/workflows/wf-1", 1, "req_7")
        assert not error.outcome_unknown
        assert error.elapsed > 0
        assert str(error).startswith("GET /workflows/wf-1: status 200, the response is not JSON")
        assert "request id req_7, 1 attempt, " in str(error)

    @pytest.mark.parametrize("name", ["workflows.create", "organizations.quota.update"])
    def test_an_unreadable_success_may_have_been_carried_out(
        self, mode: Mode, server: ScriptedServer, caller: Any, name: str
    ) -> None:
        server.add_response("oops", 201)
        row = next(row for row in ROWS if row.call == name)
        with pytest.raises(APIResponseError) as caught:
            mode.run(row.on(caller))
        assert caught.value.outcome_unknown
        assert "may have been carried out" in str(caught.value)
        assert len(server.requests) == 1

    def test_an_error_with_half_of_a_surrogate_pair_is_read(
        self, mode: Mode, server: ScriptedServer, caller: Any
    ) -> None:
        body = b'{"error": {"code": "not_found", "message": "cut \\ud83d", "details": []}}'
        server.add_response(b"\xef\xbb\xbf" + body, 404)
        with pytest.raises(NotFoundError, match="cut \ufffd") as caught:
            mode.run(caller.workflows.get("wf-1"))
        assert caught.value.code == "not_found"

    @each_row(("call", "asked"), ASKS_FOR_ONE)
    def test_a_response_about_another_object_is_an_error(
        self, mode: Mode, server: ScriptedServer, call: Callable[[Any], Any], asked: str
    ) -> None:
        client = mode.client_of(server)
        server.add_response({"data": {"id": server.api_key, "status": "completed"}})
        with pytest.raises(APIResponseError, match=rf"is about '\[API key\]' instead of '{asked}'") as caught:
            mode.run(call(client))
        assert caught.value.outcome_unknown == (server.last.method == "POST")
        server.add_response({"data": {"id": asked, "status": "completed"}})
        assert mode.run(call(client)).id == asked

    def test_an_id_may_be_a_number(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": {"id": 7}})
        assert mode.run(caller.workflows.get("7")).id == "7"

    def test_a_list_that_cannot_be_read(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": {"nope": 1}})
        with pytest.raises(APIResponseError, match="no list of audit"):
            mode.run(caller.organizations.governance.audit("acme"))

from __future__ import annotations

from base64 import urlsafe_b64encode

from tests.emulator.api import Api, ApiResponse
from tests.kit.assertions import each_row


def pages(api: Api, path: str) -> list[ApiResponse]:
    found = [api("GET", path)]
    while cursor := found[-1].json["meta"]["next_cursor"]:
        found.append(api("GET", f"{path}&cursor={cursor}"))
    return found


def test_pages_have_every_item_once(api: Api) -> None:
    ids = [api.workflow() for _ in range(7)]
    for limit, sizes in ((3, [3, 3, 1]), (7, [7]), (1, [1] * 7), (200, [7])):
        responses = pages(api, f"/workflows?limit={limit}")
        assert [len(response.data) for response in responses] == sizes
        assert [workflow["id"] for response in responses for workflow in response.data] == ids


def test_newest_first_is_stable_under_changes(api: Api) -> None:
    workflow = api.workflow()
    ids = [api("POST", f"/workflows/{workflow}/execute", {}).data["execution_id"] for _ in range(5)]
    first = api("GET", "/executions?limit=2")
    api("POST", f"/workflows/{workflow}/execute", {})
    rest = api("GET", f"/executions?cursor={first.json['meta']['next_cursor']}")
    assert [execution["execution_id"] for execution in first.data + rest.data] == ids[::-1]


def test_the_default_is_50_after_filtering(api: Api) -> None:
    one, other = api.workflow(), api.workflow()
    for workflow in [one, other] * 51:
        api("POST", f"/workflows/{workflow}/execute", {})
    responses = pages(api, f"/executions?workflow_id={one}")
    assert [len(response.data) for response in responses] == [50, 1]
    assert {execution["workflow_id"] for response in responses for execution in response.data} == {one}


@each_row("limit", ["0", "201", "-1", "x", "1.0", "", "+1", "1_0", "%D9%A3", "9" * 30])
def test_a_bad_limit_is_422(api: Api, limit: str) -> None:
    response = api("GET", f"/workflows?limit={limit}")
    assert (response.status, response.fields) == (422, ["limit"])


def cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@each_row(
    "text", ["", "x", "%20", "a" * 5, cursor("tools:1"), cursor("workflows:x"), cursor("workflows: 1"), "%C3%A4%C3%A4"]
)
def test_a_bad_cursor_is_422(api: Api, text: str) -> None:
    response = api("GET", f"/workflows?cursor={text}")
    assert (response.status, response.fields) == (422, ["cursor"])


def test_a_cursor_belongs_to_its_list(api: Api) -> None:
    one, other = api.workflow(), api.workflow()
    api("PUT", f"/workflows/{one}", {"name": "again"})
    found = api("GET", f"/workflows/{one}/versions?limit=1").json["meta"]["next_cursor"]
    assert api("GET", f"/workflows/{one}/versions?cursor={found}").status == 200
    assert api("GET", f"/workflows/{other}/versions?cursor={found}").status == 422

"""What a mutant does wrong: changes of a request on its way to the emulator, or of its response.

Each kind is a function; what it does is what a wrong server does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fibonacci.transports import HTTPRequest, HTTPResponse
from tests.tools.mutants.messages import (
    Change,
    JSONObject,
    Send,
    body_object,
    header_of,
    is_success,
    json_of,
    of_objects,
    of_request,
    of_response,
    of_status,
    of_success,
    path_below,
    read_path,
    with_body,
    with_headers,
    with_json,
    with_key,
    with_objects,
    without_property,
)

# -- fields


def drop(field: str) -> Change:
    """Leave a field out."""
    return of_objects(lambda found: {name: value for name, value in found.items() if name != field})


def empty(field: str) -> Change:
    """Empty a text, list or object."""
    nothing: dict[type, object] = {str: "", list: [], dict: {}}

    def emptied(found: JSONObject) -> JSONObject:
        return {**found, field: nothing[type(found[field])]} if type(found.get(field)) in nothing else found

    return of_objects(emptied)


def retype(field: str, value: object) -> Change:
    """Give a field a value of another type."""
    return of_objects(lambda found: {**found, field: value})


# -- envelope and headers


def without_envelope() -> Change:
    """Send the object without its envelope."""
    return of_success(lambda response: with_json(response, json_of(response)["data"]))


def with_envelope() -> Change:
    """Send the object in an envelope where none is documented."""
    return of_success(lambda response: with_json(response, {"data": json_of(response)}))


def with_meta() -> Change:
    """Send `meta` where none is documented."""
    return of_success(lambda response: with_json(response, {**json_of(response), "meta": {"request_id": "req_1"}}))


def no_request_id() -> Change:
    """Leave the request id out."""
    return of_success(lambda response: with_json(response, {**json_of(response), "meta": {"next_cursor": None}}))


def one_request_id() -> Change:
    """Give all responses one request id."""
    return of_success(lambda response: with_json(response, {**json_of(response), "meta": {"request_id": "req_1"}}))


def no_header(name: str) -> Change:
    """Leave a header of the rate limit out."""
    return of_response(lambda response: with_headers(response, {name.lower(): None}))


def header(name: str, value: str) -> Change:
    """Send a header of the rate limit that is no whole number."""
    return of_response(lambda response: with_headers(response, {name.lower(): value}))


def remaining_never_falls() -> Change:
    """Never let the remaining requests fall."""
    return of_response(
        lambda response: with_headers(response, {"x-ratelimit-remaining": header_of(response, "x-ratelimit-limit")})
    )


def limit_of_each_key(owner: str) -> Change:
    """Count the requests of each key apart."""

    def counting(request: HTTPRequest, send: Send) -> HTTPResponse:
        response, is_owner = send(request), header_of(request, "authorization") == f"Bearer {owner}"
        limit = header_of(response, "x-ratelimit-limit")
        return response if is_owner or not limit else with_headers(response, {"x-ratelimit-remaining": limit})

    return counting


def untouched_limit() -> Change:
    """Show a limit that seems untouched to an unknown key."""
    untouched = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "60", "x-ratelimit-reset": "2000000000"}
    return of_status(401, lambda response: with_headers(response, untouched))


def text_content() -> Change:
    """Send JSON as plain text."""
    return of_response(lambda response: with_headers(response, {"content-type": "text/plain"}))


def content_after_delete() -> Change:
    """Answer a deletion with 200 and a body."""
    return of_success(lambda response: with_json(response, {"data": {}}, 200))


def empty_object() -> Change:
    """Send an empty object."""
    return of_objects(lambda _: {})


def unavailable() -> Change:
    """Send a 503 whose body is not JSON."""
    return of_success(
        lambda response: HTTPResponse(status=503, headers=[(b"Content-Type", b"text/html")], body=b"<h1>503</h1>")
    )


# -- lists


def _of_list(change: Callable[[list[Any]], list[Any]]) -> Change:
    def changed(response: HTTPResponse) -> HTTPResponse:
        content = json_of(response)
        return with_json(response, {**content, "data": change(content["data"])})

    return of_success(changed)


def lose_last() -> Change:
    """Leave the last item of each page out."""
    return _of_list(lambda items: items[:-1])


def lose_first() -> Change:
    """Leave the first item of each page out."""
    return _of_list(lambda items: items[1:])


def repeat_item() -> Change:
    """Send the first item of each page twice."""
    return _of_list(lambda items: [*items[:1], *items])


def empty_list() -> Change:
    """Send an empty list."""
    return _of_list(lambda _: [])


def lose_items_with(text: str) -> Change:
    """Leave the items about one subject out of the list."""
    return _of_list(lambda items: [item for item in items if text not in json.dumps(item)])


def no_next_page() -> Change:
    """End the list after a page."""

    def changed(response: HTTPResponse) -> HTTPResponse:
        content = json_of(response)
        return with_json(response, {**content, "meta": {**content["meta"], "next_cursor": None}})

    return of_success(changed)


# -- what is sent


def ignore_parameter(name: str) -> Change:
    """Ignore a parameter of the query."""

    def ignoring(request: HTTPRequest) -> HTTPRequest:
        path, _, query = request.target.partition("?")
        kept = [(key, value) for key, value in parse_qsl(query) if key != name]
        return replace(request, target=f"{path}?{urlencode(kept)}" if kept else path)

    return of_request(ignoring)


def ignore_other_words(name: str) -> Change:
    """Ignore a parameter of the query that is written in other words than true and false."""

    def ignoring(request: HTTPRequest) -> HTTPRequest:
        path, _, query = request.target.partition("?")
        kept = [(key, value) for key, value in parse_qsl(query) if key != name or value in ("true", "false")]
        return replace(request, target=f"{path}?{urlencode(kept)}" if kept else path)

    return of_request(ignoring)


def lose_of_definition(field: str, kind: str | None) -> Change:
    """Lose a field of definitions, or of their nodes of one type."""

    def losing(request: HTTPRequest) -> HTTPRequest:
        content = body_object(request)
        definition = content.get("definition")
        if not isinstance(definition, dict):
            return request
        lost: JSONObject = {**definition}
        if kind is None:
            lost.pop(field, None)
        else:
            lost["nodes"] = [
                {name: value for name, value in node.items() if name != field or node.get("type") != kind}
                for node in lost.get("nodes", [])
            ]
        return with_body(request, {**content, "definition": lost})

    return of_request(losing)


def split_key() -> Change:
    """Take an encoded slash in a key for one that divides the path."""
    return of_request(lambda request: replace(request, target=request.target.replace("%2F", "/")))


def ignore_property(name: str) -> Change:
    """Ignore a property of the body."""
    return of_request(lambda request: without_property(request, name))


def echo_property(name: str) -> Change:
    """Echo a property of the body without storing it."""

    def echo(request: HTTPRequest, send: Send) -> HTTPResponse:
        response, content = send(without_property(request, name)), body_object(request)
        given = {name: content[name]} if name in content else {}
        return with_objects(response, lambda found: {**found, **given})

    return echo


def replace_property(name: str) -> Change:
    """Store something else than a property of the body."""

    def replacing(request: HTTPRequest) -> HTTPRequest:
        content = body_object(request)
        return (
            with_body(request, {**content, name: "something else"}) if isinstance(content.get(name), str) else request
        )

    return of_request(replacing)


def reset_the_rest(cleared: JSONObject) -> Change:
    """Reset what the body does not name."""
    return of_request(lambda request: with_body(request, {**cleared, **body_object(request)}))


# -- writes


def ignore_write() -> Change:
    """Change nothing."""
    return of_request(lambda request: with_body(request, {}) if body_object(request) else request)


def echo_write() -> Change:
    """Echo the changes without storing them."""

    def echo(request: HTTPRequest, send: Send) -> HTTPResponse:
        given = body_object(request)
        response = send(with_body(request, {}) if given else request)
        return with_objects(response, lambda found: {**found, **given})

    return echo


def write_elsewhere() -> Change:
    """Store a value under another key."""
    return of_request(lambda request: replace(request, target=f"{request.target}-elsewhere"))


def ignore_delete() -> Change:
    """Delete nothing, and say that it was."""

    def ignoring(request: HTTPRequest, send: Send) -> HTTPResponse:
        return with_json(read_path(request, send, "/health"), None, 204)

    return ignoring


def forget() -> Change:
    """Forget what was created."""

    def forgetting(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = send(request)
        if is_success(response):
            data = json_of(response)["data"]
            send(replace(request, method="DELETE", target=f"{request.target}/{data.get('id') or data['tool_name']}"))
        return response

    return forgetting


def pretend(read: Callable[[str], str], pretended: JSONObject) -> Change:
    """Do nothing, and say that it was done."""

    def pretending(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = read_path(request, send, read(path_below(request)))
        return with_objects(response, lambda found: {**found, "workflow_id": found.get("id"), **pretended})

    return pretending


def show_instead(read: Callable[[str], str], *fields: str) -> Change:
    """Show the present version for an old one."""

    def showing(request: HTTPRequest, send: Send) -> HTTPResponse:
        now = read_path(request, send, read(path_below(request)))
        if not is_success(now):
            return send(request)
        present = json_of(now)["data"]
        return with_objects(send(request), lambda found: {**found, **{name: present[name] for name in fields}})

    return showing


# -- refusals


def refuse_with(status: int, other: int) -> Change:
    """Refuse with another status."""
    return of_status(status, lambda response: replace(response, status=other))


def accept(status: int) -> Change:
    """Accept what has to be refused."""
    return of_status(status, lambda response: with_json(response, {"data": {}, "meta": {"request_id": "req_1"}}, 200))


def error_field(status: int, name: str, value: object) -> Change:
    """Empty a field of the error, or give it another type."""

    def changed(response: HTTPResponse) -> HTTPResponse:
        return with_json(response, {"error": {**json_of(response)["error"], name: value}})

    return of_status(status, changed)


def error_without_envelope(status: int) -> Change:
    """Send the error without its envelope."""
    return of_status(status, lambda response: with_json(response, json_of(response)["error"]))


def ignore_key(owner: str) -> Change:
    """Accept every key."""
    return of_request(lambda request: with_key(request, owner))


def ignore_role(owner: str) -> Change:
    """Ignore roles."""
    return of_request(lambda request: with_key(request, owner) if header_of(request, "authorization") else request)


def refuse_roles(owner: str) -> Change:
    """Refuse all roles but the owner's."""

    def refusing(request: HTTPRequest, send: Send) -> HTTPResponse:
        if header_of(request, "authorization") in (f"Bearer {owner}", ""):
            return send(request)
        error: JSONObject = {"code": "permission_denied", "message": "Only owners.", "details": []}
        return with_json(send(request), {"error": error}, 403)

    return refusing

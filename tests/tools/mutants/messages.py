"""What mutations are made of: requests and responses with something changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from fibonacci.transports import HTTPRequest, HTTPResponse

Send = Callable[[HTTPRequest], HTTPResponse]
Change = Callable[[HTTPRequest, Send], HTTPResponse]
JSONObject = dict[str, Any]


def json_of(message: HTTPRequest | HTTPResponse) -> Any:
    return json.loads(message.body) if message.body else {}


def with_json(response: HTTPResponse, content: Any, status: int | None = None) -> HTTPResponse:
    body = b"" if content is None else json.dumps(content).encode()
    kept = [(name, value) for name, value in response.headers if name.lower() != b"content-length"]
    headers = [*kept, (b"Content-Length", str(len(body)).encode())]
    return HTTPResponse(status=status or response.status, headers=headers, body=body)


def with_body(request: HTTPRequest, content: Any) -> HTTPRequest:
    return replace(request, body=json.dumps(content).encode())


def with_headers(response: HTTPResponse, changes: Mapping[str, str | None]) -> HTTPResponse:
    """Return the response with other values of some headers; None is for none."""
    kept = [(name, value) for name, value in response.headers if name.decode().lower() not in changes]
    added = [(name.encode(), text.encode()) for name, text in changes.items() if text is not None]
    return replace(response, headers=[*kept, *added])


def header_of(message: HTTPRequest | HTTPResponse, name: str) -> str:
    return next((value.decode() for key, value in message.headers if key.decode().lower() == name), "")


def is_success(response: HTTPResponse) -> bool:
    return response.status < 300


def is_enveloped(content: Any) -> bool:
    return "data" in content and set(content) <= {"data", "meta"}


def with_objects(response: HTTPResponse, change: Callable[[JSONObject], JSONObject]) -> HTTPResponse:
    """Return the response with its object, or each object of its list, changed."""
    if not is_success(response) or not response.body:
        return response
    content = json_of(response)
    if not is_enveloped(content):
        return with_json(response, change(content))
    data: JSONObject | list[JSONObject] = content["data"]
    changed = [change(item) for item in data] if isinstance(data, list) else change(data)
    return with_json(response, {**content, "data": changed})


def of_response(change: Callable[[HTTPResponse], HTTPResponse]) -> Change:
    return lambda request, send: change(send(request))


def of_request(change: Callable[[HTTPRequest], HTTPRequest]) -> Change:
    return lambda request, send: send(change(request))


def of_objects(change: Callable[[JSONObject], JSONObject]) -> Change:
    return of_response(lambda response: with_objects(response, change))


def of_success(change: Callable[[HTTPResponse], HTTPResponse]) -> Change:
    return of_response(lambda response: change(response) if is_success(response) else response)


def of_status(status: int, change: Callable[[HTTPResponse], HTTPResponse]) -> Change:
    return of_response(lambda response: change(response) if response.status == status else response)


def body_object(request: HTTPRequest) -> JSONObject:
    try:
        content: Any = json_of(request)
    except ValueError:
        return {}
    return cast("JSONObject", content) if type(content) is dict else {}


def without_property(request: HTTPRequest, name: str) -> HTTPRequest:
    content = body_object(request)
    return with_body(request, {key: content[key] for key in content if key != name}) if name in content else request


def path_below(request: HTTPRequest) -> str:
    """Return the path of a request below that of the base URL."""
    return request.target.partition("?")[0].removeprefix("/v1")


def read_path(request: HTTPRequest, send: Send, path: str) -> HTTPResponse:
    return send(replace(request, method="GET", target=f"/v1{path}", body=b""))


def with_key(request: HTTPRequest, key: str) -> HTTPRequest:
    rest = [(name, value) for name, value in request.headers if name.lower() != b"authorization"]
    return replace(request, headers=[*rest, (b"authorization", f"Bearer {key}".encode())])

"""Whether requests and responses conform to `docs/openapi.yaml`.

The functions take plain data, so that any test can hand them what went over the wire, whatever HTTP library it used.
`validate_exchange` is the one to call; the two others are its halves, for tests that send a bad request on purpose.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.contract.document import Operation, load_document, operations, resolve

_SPELLINGS = {"boolean": "true|false", "integer": "-?[0-9]+", "string": "(?s).+"}
"""How a query value of each type is spelled; openapi-core would let `True` and `1_0` pass."""


class ConformanceError(AssertionError):
    """A request or a response is not what the document says."""


def find_operation(method: str, url: str) -> Operation:
    """Return the operation that a request is for.

    Args:
        method: The method.
        url: The whole URL as it was sent. Its origin may be any; its path begins as that of the documented server does.

    Raises:
        ConformanceError: The document has no such operation.
    """
    path = _path_below_server(url)
    segments = path.split("/")
    for operation in operations():
        template = operation.path.split("/")
        if operation.method == method.upper() and len(template) == len(segments):
            pairs = zip(template, segments, strict=True)
            if all(want == got or (want.startswith("{") and got) for want, got in pairs):
                return operation
    raise ConformanceError(f"{method} {path} is not an operation of the document")


def validate_request(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Operation:
    """Raise `ConformanceError` unless the document allows the request; return its operation.

    Beyond the schemas: no query parameter that is not declared, is there twice or is spelled in a Python way, no body
    where none is declared, the JSON content type on every request (also without a body, as the platform documents it),
    and a key.
    """
    operation = find_operation(method, url)
    request = _Request.of(operation, method, url, headers, body)
    problems = [_words(error) for error in _openapi().iter_request_errors(request)]
    problems += _request_problems(operation, request)
    _refuse(problems, f"request {method} {url}", body)
    return operation


def validate_response(
    method: str, url: str, status: int, response_headers: Mapping[str, str], response_body: bytes
) -> Operation:
    """Raise `ConformanceError` unless the document allows the response to such a request; return the operation.

    Beyond the schemas: a success has a status that the operation declares, and a response without content is empty.
    """
    operation = find_operation(method, url)
    request = _Request.of(operation, method, url, {}, None)
    response = _Response(status, Headers(list(response_headers.items())), response_body)
    problems = [_words(error) for error in _openapi().iter_response_errors(request, response)]
    if status < 400 and str(status) not in operation.responses:
        problems.append(f"status {status} is not declared; declared are {', '.join(sorted(operation.responses))}")
    if status == 204 and response_body:
        problems.append("a response without content has a body")
    _refuse(problems, f"response {status} to {method} {url}", response_body)
    return operation


def validate_exchange(
    method: str,
    url: str,
    request_headers: Mapping[str, str],
    request_body: bytes | None,
    status: int,
    response_headers: Mapping[str, str],
    response_body: bytes,
) -> str:
    """Check that a request and its response conform to the document.

    Args:
        method: The request's method.
        url: The whole URL as it was sent, percent-encoding and query included. Its origin may be any; its path begins
            with that of the documented server (`/v1`).
        request_headers: The request's headers; names in any case.
        request_body: The request's body; None or empty when there was none.
        status: The response's status.
        response_headers: The response's headers; names in any case.
        response_body: The response's body, decompressed; empty when there was none.

    Returns:
        The operation's id, which is the Python call's name, such as `"workflows.list"`.

    Raises:
        ConformanceError: Either side is not what the document says; the text names every fault.
    """
    operation = validate_request(method, url, request_headers, request_body)
    validate_response(method, url, status, response_headers, response_body)
    return operation.id


@functools.cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(load_document())


def _server() -> SplitResult:
    return urlsplit(cast("str", load_document()["servers"][0]["url"]))


def _path_below_server(url: str) -> str:
    base = _server().path
    path = urlsplit(url).path
    if not path.startswith(f"{base}/"):
        raise ConformanceError(f"the path {path!r} does not begin with {base!r}")
    return path.removeprefix(base)


def _request_problems(operation: Operation, request: _Request) -> Iterator[str]:
    names = [name for name, _ in request.query]
    types = {each["name"]: resolve(each["schema"])["type"] for each in operation.parameters_in("query")}
    for name, value in request.query:
        if name not in types:
            yield f"the query parameter {name!r} is not declared"
        elif not re.fullmatch(_SPELLINGS[types[name]], value):
            yield f"the query parameter {name!r} is spelled {value!r}"
    for name in sorted(name for name in set(names) if names.count(name) > 1):
        yield f"the query parameter {name!r} is there more than once"
    if request.content_type.partition(";")[0].strip() != "application/json":
        yield f"the content type is {request.content_type!r}"
    if request.body and operation.body is None:
        yield "there is a body, and none is declared"


def _refuse(problems: list[str], what: str, body: bytes | None) -> None:
    if problems:
        shown = (body or b"")[:2000].decode(errors="replace")
        raise ConformanceError("\n- ".join([f"{what} does not conform:", *problems]) + f"\nbody: {shown}")


def _words(error: Exception) -> str:
    """Describe an error with the schema's own complaints, which openapi-core keeps in the cause."""
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        inner = cast("list[Exception]", list(getattr(cause, "schema_errors", [])))
        causes += [f"{'.'.join(map(str, getattr(each, 'path', [])))}: {each}".splitlines()[0] for each in inner]
        cause = cause.__cause__
    return "; ".join([str(error).splitlines()[0], *causes])


@dataclass
class _Request:
    """A request, as openapi-core wants it."""

    host_url: str
    path: str
    method: str
    content_type: str
    body: bytes | None
    query: list[tuple[str, str]]
    parameters: RequestParameters = field(default_factory=RequestParameters)

    @classmethod
    def of(
        cls, operation: Operation, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> _Request:
        """Gather it, with the origin of the documented server in the place of the real one."""
        server = _server()
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        named = Headers(list(headers.items()))
        segments = zip(operation.path.split("/"), _path_below_server(url).split("/"), strict=True)
        path = {want[1:-1]: unquote(got) for want, got in segments if want.startswith("{")}
        return cls(
            host_url=f"{server.scheme}://{server.netloc}",
            path=parts.path,
            method=method.lower(),
            content_type=named.get("content-type", "").lower(),
            body=body or None,
            query=query,
            parameters=RequestParameters(query=ImmutableMultiDict(query), header=named, path=path),
        )


@dataclass
class _Response:
    """A response, as openapi-core wants it."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").lower()

"""A program that reads bodies which are small and cost much, and may take little memory for each.

It prints a line for each body and way to read it: how that ended.
"""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fibonacci import APIResponseError, APIStatusError, Fibonacci
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse

MB = 1024 * 1024
#: What may be added to the memory of the process while it reads a body that is refused, and one that is just allowed.
REFUSED, ALLOWED = 200 * MB, 512 * MB
NESTED = b'{"":' * 150 + b"0" + b"}" * 150

Read = Callable[[Fibonacci], object]
READS: dict[str, Read] = {
    "untyped": lambda client: client.request("GET", "/x"),
    "typed": lambda client: client.workflows.get("wf-1"),
    "list of numbers": lambda client: client.request("GET", "/x", returns=list[int]),
    "page": lambda client: next(iter(client.workflows.list().pages())).items,
}


class OneResponse:
    """A transport that returns the same response each time."""

    def __init__(self, status: int, twice_compressed: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip, gzip")]
        self._response = HTTPResponse(status=status, headers=headers, body=twice_compressed)

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Return the response."""
        return self._response

    def close(self) -> None:
        """Do nothing."""


def many(value: bytes, size: int) -> bytes:
    """Return an array of the same value, of so many bytes."""
    return b"[" + b",".join([value] * (size // (len(value) + 1))) + b"]"


def compressed(body: bytes) -> bytes:
    """Return a body that is compressed twice."""
    return gzip.compress(gzip.compress(body, 1), 1)


def page() -> bytes:
    """Return a page of 10,000 workflows of twelve fields, with commas in their texts."""
    fields = {f"field_{number}": "one, two, three" for number in range(10)}
    return json.dumps({"data": [{"id": f"wf-{number}", "name": "A", **fields} for number in range(10_000)]}).encode()


def hostile() -> dict[str, bytes]:
    """Return bodies that cost more than is allowed."""
    values = {"arrays": b"[]", "objects": b"{}", "members": b'{"":0}', "numbers": b"0", "nested": NESTED}
    return {name: many(value, 12 * MB) for name, value in values.items()}


def allowed() -> dict[str, bytes]:
    """Return bodies that cost much, and less than is allowed; the last are legitimate."""
    return {
        "fewer arrays": many(b"[]", 3 * 500_000),
        "fewer nested": many(NESTED, len(NESTED) * 3_000),
        "a text": b'"' + b"a" * (60 * MB) + b'"',
        "commas": b'"' + b',[{\\"' * (12 * MB) + b'"',
        "half of a pair": many(b'{"":[]}', 3 * MB // 2)[:-1] + b',"' + "😀".encode() * (3 * MB) + b'\\ud83d"]',
    }


def outcome(status: int, body: bytes, read: Read, extra: int) -> str:
    """Return how it ends to read a response with so much more memory."""
    transport = OneResponse(status, body)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + extra, resource.RLIM_INFINITY))
    try:
        with Fibonacci("key-of-a-test", base_url="https://api.example/v1", transport=transport) as client:
            result: Any = read(client)
    except APIStatusError as error:
        return f"status {error.status_code}, body of {type(error.body).__name__}"
    except APIResponseError as error:
        return "too many values" if "more than 1,048,576 JSON values" in str(error) else f"refused: {error}"[:99]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return f"{type(result).__name__} of {len(result)}"


def main() -> None:
    """Read the bodies; what holds for the first in each way to read it need not be repeated with the others."""
    arrays, *others = hostile().items()
    for way, read in READS.items():
        print(f"bare arrays, {way}: {outcome(200, compressed(arrays[1]), read, REFUSED)}")
    for name, bare in (arrays, *others):
        body = compressed(b'{"data":' + bare + b"}")
        print(f"{name}, page: {outcome(200, body, READS['page'], REFUSED)}")
        print(f"{name}, error: {outcome(400, body, READS['untyped'], REFUSED)}")
    for name, bare in allowed().items():
        body = compressed(bare)
        print(f"{name}: {outcome(200, body, READS['untyped'], ALLOWED)}")
    print(f"page: {outcome(200, compressed(page()), READS['page'], ALLOWED)}")


if __name__ == "__main__":
    main()

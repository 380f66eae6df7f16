"""A server that costs as little as one in Python can, so that what is measured is the client.

    python server.py [certificate key]

It prints its port. The response to every path is a workflow of 400 bytes, except those that hold:

    bare        the same workflow without an envelope
    limit=N     a page of N workflows of twelve fields; with `pages=M` the first of M
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
from email.utils import formatdate
from functools import lru_cache
from time import time

WORKFLOW = {
    "id": "wf-abc123",
    "name": "Summarise",
    "description": "d" * 182,
    "definition": None,
    "version": 3,
    "status": "active",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
UNKNOWN = {"owner": "user-1", "team": "team-1", "runs": 17, "tags": ["a", "b"]}


def head(length: int) -> bytes:
    fields = {
        "Content-Type": "application/json",
        "Content-Length": length,
        "Date": formatdate(usegmt=True),
        "X-RateLimit-Limit": 10_000_000,
        "X-RateLimit-Remaining": 9_999_990,  # as in nearly all responses: not the first of a window
        "X-RateLimit-Reset": int(time()) + 3600,
    }
    return "".join(["HTTP/1.1 200 OK\r\n", *(f"{k}: {v}\r\n" for k, v in fields.items()), "\r\n"]).encode()


def response(document: object) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    return head(len(body)) + body


@lru_cache(maxsize=16)
def one(target: bytes) -> bytes:
    """Return the workflow that a path ends with, as what it names has to be."""
    workflow = {**WORKFLOW, "id": target.partition(b"?")[0].rpartition(b"/")[2].decode()}
    return response(workflow if b"bare" in target else {"data": workflow, "meta": {"request_id": "req_abc123"}})


@lru_cache(maxsize=4)
def page(limit: int, following: int) -> bytes:
    fields = {**WORKFLOW, **UNKNOWN, "description": "d" * 20}
    meta = {"request_id": "req_abc123", "next_cursor": following or None}
    return response({"data": [{**fields, "id": f"wf-{following}-{i}"} for i in range(limit)], "meta": meta})


def number(name: bytes, target: bytes) -> int:
    found = re.search(rb"[?&]" + name + rb"=(\d+)", target)
    return int(found[1]) if found else 0


def response_to(target: bytes) -> bytes:
    limit = number(b"limit", target)
    if not limit:
        return one(target)
    # The cursor counts down; the path `/v1/pages=M/workflows` says where it begins.
    pages = re.search(rb"pages=(\d+)", target)
    left = number(b"cursor", target) or (int(pages[1]) if pages else 1)
    return page(limit, left - 1)


class BenchmarkServer(asyncio.Protocol):
    """Responds to each request as soon as all of it is received."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            request, _, self.received = self.received.partition(b"\r\n\r\n")
            target = request.split(b" ", 2)[1]
            self.transport.write(response_to(target))


async def main(certificate: list[str]) -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    server = await asyncio.get_running_loop().create_server(BenchmarkServer, "127.0.0.1", 0, backlog=2048, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

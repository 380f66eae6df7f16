"""The conformance check can fail: good exchanges pass, and each that is broken in one place is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from tests.contract.conformance import ConformanceError, validate_exchange
from tests.kit.assertions import check_each


@dataclass(frozen=True)
class Exchange:
    """A good exchange, to be broken with `replace`."""

    method: str = "GET"
    url: str = "http://127.0.0.1:8000/v1/memory/key"
    request_headers: Mapping[str, str] = field(
        default_factory=lambda: {"authorization": "Bearer secret", "content-type": "application/json"}
    )
    request_body: bytes | None = None
    status: int = 200
    response_headers: Mapping[str, str] = field(
        default_factory=lambda: {
            "Content-Type": "application/json; charset=utf-8",
            "X-RateLimit-Limit": "60",
            "X-RateLimit-Remaining": "59",
            "X-RateLimit-Reset": "1764000000",
        }
    )
    response_body: bytes = b'{"data": {"key": "key", "value": 1}, "meta": {"request_id": "req_abc123"}}'

    def check(self) -> str:
        return validate_exchange(
            self.method,
            self.url,
            self.request_headers,
            self.request_body,
            self.status,
            self.response_headers,
            self.response_body,
        )


READ = Exchange()
WRITE = replace(READ, method="PUT", request_body=b'{"value": 1}')
DELETE = replace(READ, method="DELETE", status=204, response_body=b"")
FAILED = replace(READ, status=404, response_body=b'{"error": {"code": "not_found", "message": "No such key"}}')
EXECUTED = replace(
    READ,
    method="POST",
    url="http://127.0.0.1:8000/v1/workflows/wf-abc123/execute",
    request_body=b"{}",
    response_body=b'{"data": {"execution_id": "exec_abc123", "status": "completed"}}',
)
QUOTA = replace(
    READ,
    url="https://api.fibonacci.dev/v1/organizations/org/quota",
    response_body=b'{"plan": "pro", "limits": {"memory_mb": 512}, "overrides": {}, "effective": {"memory_mb": 512}}',
)
LIST = replace(
    READ,
    url="https://api.fibonacci.dev/v1/workflow-registry?include_archived=true&limit=5",
    response_body=b'{"data": [{"workflow_id": "wf-abc123", "status": "approved"}], "meta": {"request_id": "req_1"}}',
)


def test_a_good_exchange_passes() -> None:
    paths = replace(READ, url=f"{READ.url}%2Fwith%2Fslashes?scope=user&user_id=ada")
    more = replace(READ, response_body=READ.response_body.replace(b'"value"', b'"new_field": {}, "value"'))
    good = [READ, paths, more, WRITE, DELETE, replace(FAILED, status=502), EXECUTED, QUOTA, LIST]
    calls = ["memory.get"] * 3 + ["memory.set", "memory.delete", "memory.get"]
    calls += ["workflows.execute", "organizations.quota.get", "registry.list"]
    assert [exchange.check() for exchange in good] == calls


def without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() != name}


def test_a_broken_exchange_is_refused() -> None:
    def check(row: tuple[Exchange, str]) -> None:
        exchange, complaint = row
        with pytest.raises(ConformanceError, match=complaint):
            exchange.check()

    rows: list[tuple[Exchange, str]] = [
        (replace(READ, url="http://127.0.0.1:8000/v1/memory/a/b"), "not an operation"),
        (replace(READ, url=f"{READ.url}?scope=galaxy"), "'galaxy' is not one of"),
        (replace(READ, url=f"{READ.url}?scop=user"), "'scop' is not declared"),
        (replace(LIST, url=LIST.url.replace("true", "True")), "'include_archived' is spelled 'True'"),
        (replace(READ, request_headers=without(READ.request_headers, "authorization")), "Security"),
        (replace(READ, request_headers=without(READ.request_headers, "content-type")), "the content type is ''"),
        (replace(READ, request_body=b"{}"), "there is a body, and none is declared"),
        (replace(WRITE, request_body=b'{"value": 1, "scope": "user"}'), "'user_id' is a required property"),
        (replace(READ, status=201), "status 201 is not declared"),
        (replace(DELETE, response_body=b"{}"), "a response without content has a body"),
        (replace(READ, response_headers={**READ.response_headers, "Content-Type": "text/html"}), "text/html"),
        (replace(READ, response_headers=without(READ.response_headers, "x-ratelimit-reset")), "X-RateLimit-Reset"),
        (replace(READ, response_body=b'{"key": "key", "value": 1}'), "'data' is a required property"),
        (replace(QUOTA, response_body=b'{"data": ' + QUOTA.response_body + b"}"), "'plan' is a required property"),
    ]
    check_each(rows, check)

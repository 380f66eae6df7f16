"""Rows: memory, tools, health."""

from __future__ import annotations

from typing import Any

from fibonacci.models import Health, MemoryEntry, SecretsHealth, Tool, ToolConnection
from tests.endpoints.endpoint_row import EndpointRow

ENTRY: dict[str, Any] = {
    "key": "user/prefs",
    "value": {"theme": "dark", "data": [1, 1.0, None]},
    "scope": "user",
    "user_id": "ada",
    "workflow_id": None,
    "ttl": 3600,
    "expires_at": "2026-11-25T02:02:03Z",
}
TOOL: dict[str, Any] = {"name": "email_send", "description": "Send an e-mail.", "parameters": {"type": "object"}}
CONNECTION: dict[str, Any] = {"name": "email_send", "status": "connected", "account": {"id": 7}}
HEALTH: dict[str, Any] = {"status": "healthy", "version": "2026.11", "uptime": 1.5}
SECRETS: dict[str, Any] = {
    "status": "healthy",
    "backend": "aws_secrets_manager",
    "checks": {"list_secrets": "ok", "get_secret": None},
}
WHOSE: dict[str, Any] = {"scope": "user", "user_id": "ada/1", "workflow_id": "wf-1"}
AS_QUERY = "scope=user&user_id=ada%2F1&workflow_id=wf-1"
NOBODY: dict[str, Any] = {"scope": None, "user_id": None, "workflow_id": None}

ROWS = [
    EndpointRow("memory.get", "GET", "/memory/user%2Fprefs", ENTRY, MemoryEntry, ("user/prefs",)),
    EndpointRow("memory.get", "GET", f"/memory/a%20b?{AS_QUERY}", ENTRY, MemoryEntry, ("a b",), WHOSE),
    EndpointRow("memory.get", "GET", "/memory/k", {"value": None}, MemoryEntry, ("k",), NOBODY),
    EndpointRow("memory.set", "PUT", "/memory/user%2Fprefs", ENTRY, MemoryEntry, ("user/prefs", {"theme": "dark"}),
        body={"value": {"theme": "dark"}}),
    EndpointRow("memory.set", "PUT", "/memory/k", ENTRY, MemoryEntry, ("k", None), body={"value": None}),
    EndpointRow("memory.set", "PUT", "/memory/k", ENTRY, MemoryEntry, ("k", [False, 0, 0.5, ""]), {**WHOSE, "ttl": 60},
        body={"value": [False, 0, 0.5, ""], **WHOSE, "ttl": 60}),
    EndpointRow("memory.set", "PUT", "/memory/k", ENTRY, MemoryEntry, ("k", "v"), {"user_id": None, "ttl": None},
        body={"value": "v", "user_id": None, "ttl": None}),
    EndpointRow("memory.delete", "DELETE", "/memory/user%2Fprefs", None, type(None), ("user/prefs",), status=204),
    EndpointRow("memory.delete", "DELETE", f"/memory/%E6%97%A5%E6%9C%AC?{AS_QUERY}", None, type(None), ("日本",), WHOSE,
        status=204),
    EndpointRow("tools.list", "GET", "/tools", [TOOL, {"name": "wait", "description": None}], Tool),
    EndpointRow("tools.list", "GET", "/tools?limit=2&cursor=%2B", [TOOL], Tool,
        options={"page_size": 2, "cursor": "+"}),
    EndpointRow("tools.get", "GET", "/tools/email_send", TOOL, Tool, ("email_send",)),
    EndpointRow("tools.connect", "POST", "/tools/email_send/connect", CONNECTION, ToolConnection, ("email_send",),
        body={}),
    EndpointRow("tools.connect", "POST", "/tools/email_send/connect", CONNECTION, ToolConnection, ("email_send",),
        {"params": {"token": "t", "scopes": ["read"]}}, body={"token": "t", "scopes": ["read"]}),
    EndpointRow("health.check", "GET", "/health", HEALTH, Health),
    EndpointRow("health.secrets", "GET", "/health/secrets", SECRETS, SecretsHealth, bare=True),
]  # fmt: skip

"""Factories of memory entries, tools and health."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.models import Health, MemoryEntry, ResponseInfo, SecretsHealth, Tool, ToolConnection
from fibonacci.testing.factories.build import CREATED, build

_MEMORY: Final = {
    "key": "prefs",
    "value": {"theme": "dark"},
    "scope": "workflow",
    "user_id": None,
    "workflow_id": None,
    "ttl": None,
    "expires_at": None,
    "created_at": CREATED,
    "updated_at": CREATED,
}
_TOOL: Final = {"name": "slack_send_message", "description": "Send a message to a Slack channel."}
_CONNECTION: Final = {"name": "slack_send_message", "status": "connected"}
_HEALTH: Final = {"status": "healthy"}
_SECRETS: Final = {
    "status": "healthy",
    "backend": "aws_secrets_manager",
    "checks": {"list_secrets": "ok", "get_secret": "ok"},
}


def make_memory_entry(*, response: ResponseInfo | None = None, **changes: Any) -> MemoryEntry:
    """Make a memory entry, in the scope `workflow` and without expiry by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_memory_entry(value=[1, 2]).value
        [1, 2]
    """
    return build(MemoryEntry, _MEMORY, changes, response)


def make_tool(*, response: ResponseInfo | None = None, **changes: Any) -> Tool:
    """Make a tool of the catalog, `slack_send_message` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_tool(name="web_search").name
        'web_search'
    """
    return build(Tool, _TOOL, changes, response)


def make_tool_connection(*, response: ResponseInfo | None = None, **changes: Any) -> ToolConnection:
    """Make the connection of a tool, `connected` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_tool_connection(status="expired").status
        'expired'
    """
    return build(ToolConnection, _CONNECTION, changes, response)


def make_health(*, response: ResponseInfo | None = None, **changes: Any) -> Health:
    """Make the health of the platform, `healthy` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> from fibonacci.testing import make_response
        >>> make_health(response=make_response(503)).healthy
        False
    """
    return build(Health, _HEALTH, changes, response)


def make_secrets_health(*, response: ResponseInfo | None = None, **changes: Any) -> SecretsHealth:
    """Make the health of the secret store, `healthy` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_secrets_health(backend="vault").backend
        'vault'
    """
    return build(SecretsHealth, _SECRETS, changes, response)

"""What a Redis server keeps when it ends, as far as it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci._batch.redis_commands import RedisCommands
from fibonacci._core.lease_messages import StoreError

_SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
_LOSES: Final = "what the journal has survives this process, but not"


def can_wait_for_sync(commands: RedisCommands) -> bool:
    """Whether the server tells when what was written is on its disk."""
    try:
        commands.run(("WAITAOF", 1, 0, 1))
    except StoreError:  # an older server, or one without an append-only file
        return False
    return True


def dangers(commands: RedisCommands, *, is_synced: bool) -> list[str]:
    """Return what the server may lose, as ends of sentences on the journal.

    Args:
        commands: The server.
        is_synced: Whether each write waits until it is on the disk.
    """
    try:
        replies = commands.run(*(("CONFIG", "GET", name) for name in _SETTINGS))
    except StoreError:  # many hosted servers refuse it
        return (
            [] if is_synced else [f"is on a server that does not say whether it syncs its writes: {_LOSES} surely it"]
        )
    appendonly, appendfsync, policy = map(_value, replies)
    found: list[str] = []
    if not is_synced and appendonly != "yes":
        found.append(f"is on a server without an append-only file (appendonly no): {_LOSES} a crash of the server")
    elif not is_synced and appendfsync != "always":
        found.append(f"is on a server that syncs later (appendfsync {appendfsync}): {_LOSES} a crash of its machine")
    if policy.startswith("allkeys"):
        found.append(
            f"is on a server that may remove it when memory is short: set maxmemory-policy noeviction ({policy})"
        )
    return found


def _value(reply: Any) -> str:
    """Return the value of a setting, from a list of name and value or a mapping."""
    values = list(reply.values()) if isinstance(reply, Mapping) else list(reply)[1:]
    return values[0].decode() if values else ""

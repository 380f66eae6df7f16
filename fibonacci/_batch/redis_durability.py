"""What a Redis server keeps when it ends, as far as it tells."""

from __future__ import annotations

from typing import Any, Final

from fibonacci._batch.redis_commands import RedisCommands
from fibonacci._core.lease_messages import StoreError

_SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
_LOSES: Final = "what the journal has survives this process, but"


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
        if is_synced:
            return []
        return [f"is on a server that does not say whether it syncs its writes: {_LOSES} perhaps not a crash of it"]
    appendonly, appendfsync, policy = map(_value, replies)
    found: list[str] = []
    if not is_synced and appendonly != "yes":
        found.append(f"is on a server without an append-only file (appendonly no): {_LOSES} not a crash of the server")
    elif not is_synced and appendfsync != "always":
        found.append(f"is on a server with appendfsync {appendfsync}: {_LOSES} not a crash of the server's machine")
    if policy.startswith("allkeys"):
        remedy = f"set maxmemory-policy noeviction, which is {policy}"
        found.append(f"is on a server that may remove it when memory is short: {remedy}")
    return found


def _value(reply: Any) -> str:
    """Return the value of a setting, from a list of name and value or a mapping."""
    values: list[bytes] = [*reply.values()] if hasattr(reply, "values") else [*reply][1:]
    return values[0].decode() if values else ""

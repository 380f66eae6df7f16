"""Whether a Redis server keeps what a journal writes, as far as it tells."""

from __future__ import annotations

from typing import Any, Final

from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_location import DURABILITIES
from fibonacci._batch.redis_commands import RedisCommands
from fibonacci._core.lease_messages import StoreError
from fibonacci._core.logs import log_journal

_SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
_NONE, _, _ALWAYS = DURABILITIES


def check_durability(path: str, commands: RedisCommands, required: str) -> bool:
    """Check what a server promises of its writes, and return whether each write can wait until it is on the disk.

    Args:
        path: The URL of the journal, for messages.
        commands: The server.
        required: The least that it has to promise.

    Raises:
        JournalError: If it promises less.
        StoreError: If the server cannot be used.
    """
    commands.run(("PING",))
    is_synced = _can_wait_for_sync(commands)
    faults = _faults(commands, required, is_synced=is_synced)
    if required != _NONE:
        if faults:
            raise journal_error(path, faults[0])
        return is_synced
    for fault in faults:
        log_journal(path, fault.partition(":")[0], is_warning=True)
    return False


def _faults(commands: RedisCommands, required: str, *, is_synced: bool) -> list[str]:
    """Return in what a server promises too little, as ends of sentences on the journal."""
    try:
        replies = commands.run(*(("CONFIG", "GET", name) for name in _SETTINGS))
    except StoreError:  # many hosted servers refuse it
        if is_synced:  # which they do only with an append-only file
            return []
        return [
            "is on a server that does not say whether it keeps its writes (CONFIG is refused): if its provider states"
            " that it does, add durability=none to the URL, which asks for nothing"
        ]
    appendonly, appendfsync, policy = map(_value, replies)
    promised = appendfsync if appendonly == "yes" else _NONE
    promised = promised if promised in DURABILITIES else _NONE
    found: list[str] = []
    if DURABILITIES.index(promised) < DURABILITIES.index(_ALWAYS if required == _NONE else required):
        setting = f"appendfsync {appendfsync}" if appendonly == "yes" else "appendonly no"
        loses = "its last writes" if promised != _NONE else "all of it"
        found.append(
            f"is on a server with {setting}, which may lose {loses} in a crash, and rows would run again: set"
            f" appendonly yes and appendfsync {_ALWAYS} on the server, or add durability={promised} to the URL"
        )
    if policy.startswith("allkeys"):
        found.append(
            f"is on a server with maxmemory-policy {policy}, which may remove it when memory is short: set"
            f" maxmemory-policy noeviction on the server, or add durability={_NONE} to the URL"
        )
    return found


def _can_wait_for_sync(commands: RedisCommands) -> bool:
    """Whether the server tells when what was written is on its disk."""
    try:
        commands.run(("WAITAOF", 1, 0, 1))
    except StoreError:  # an older server, or one without an append-only file
        return False
    return True


def _value(reply: Any) -> str:
    """Return the value of a setting, from a list of name and value or a mapping."""
    values: list[bytes] = [*reply.values()] if hasattr(reply, "values") else [*reply][1:]
    return values[0].decode() if values else ""

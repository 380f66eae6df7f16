"""The keys of a journal in Redis, and rows as fields of them.

Each fact is a field of a hash, named by the key of its row:

    rows        [number, index, digest, inputs, earlier starts]
    intents     [idempotency key, Unix time]; without the key when the intent is withdrawn
    executions  [ID of the execution, version of the workflow that it runs]
    results     [index, status, execution, error]
    ids         the other way round: the key of the row, by the ID of its execution

The header is a hash, the lease a string, and `order` a sorted set of the keys of rows with results, by their indexes.
Each field but those of the header begins with a checksum of its value and of where it belongs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

from fibonacci._batch.journal import JournalEntry, attempts_text
from fibonacci._batch.rows import Row
from fibonacci.models.run_results import RunResult

PARTS: Final = ("header", "lease", "rows", "intents", "executions", "ids", "results", "order")
HEADER, LEASE, ROWS, INTENTS, EXECUTIONS, IDS, RESULTS, ORDER = range(len(PARTS))

COUNTED: Final = (ROWS, INTENTS, EXECUTIONS, IDS, RESULTS, ORDER)
"""The parts whose counts are in the header."""

FACTS: Final = (ROWS, INTENTS, EXECUTIONS, RESULTS)
"""The hashes that have what is known of a row."""

Change = tuple[str, int, str | bytes, str | bytes]
"""A command that writes, the place of its key among the keys, and its two arguments."""

Facts = Sequence[bytes | None]


def keys_of(name: str) -> list[str]:
    """Return the keys of a journal. Those of one journal are in one slot of a cluster."""
    return [f"fibonacci:journal:{{{name}}}:{part}" for part in PARTS]


def begun(row: Row) -> Iterator[Change]:
    """Yield what writes a row, with its intent if it has one."""
    yield _set(ROWS, row.key, _inputs(row))
    if row.idempotency_key:
        yield _set(INTENTS, row.key, json.dumps([row.idempotency_key, row.intended_at]))
    if row.earlier:
        yield _removed(EXECUTIONS, row.key)
        yield from _without_result(row)


def withdrawn(row: Row) -> Iterator[Change]:
    """Yield what takes an intent back."""
    yield _set(INTENTS, row.key, json.dumps([None, row.intended_at]))


def started(row: Row) -> Iterator[Change]:
    """Yield what writes the ID of an execution."""
    yield _set(EXECUTIONS, row.key, json.dumps([row.execution_id, row.version]))
    yield _set(IDS, row.execution_id, row.key)


def finished(row: Row, result: RunResult, execution: str | None, error: str | None) -> Iterator[Change]:
    """Yield what writes a result.

    Args:
        row: The row.
        result: Its result.
        execution: The execution of the result, in JSON.
        error: Its error, in JSON.
    """
    yield _set(RESULTS, row.key, json.dumps([row.index, result.status, execution, error]))
    yield "ZADD", ORDER, str(row.index), row.key
    if row.execution_id:
        yield from started(row)


def renewed(row: Row) -> Iterator[Change]:
    """Yield what replaces the inputs of a row, and removes its result."""
    yield _set(ROWS, row.key, _inputs(row))
    yield from _without_result(row)


def continued_with(version: str) -> Iterator[Change]:
    """Yield what writes the version of the workflow with which rows are started from now on."""
    yield "HSET", HEADER, "workflow_version", version


def progress_noted(note: str) -> Iterator[Change]:
    """Yield what writes the note on the progress of the run, on which no row depends."""
    yield "HSET", HEADER, "progress", note


def entry_of(key: str, facts: Facts) -> JournalEntry | None:
    """Return what the journal has of a row, or None if it has nothing.

    Args:
        key: The key of the row.
        facts: The fields of the row in the hashes that `FACTS` names.

    Raises:
        ValueError: If one of them isn't what was written.
    """
    row, intent, started_as, result = (
        None if fact is None else _value(part, key, fact) for part, fact in zip(FACTS, facts, strict=True)
    )
    if row is None:
        return None
    number, index, digest, inputs, earlier = json.loads(row)
    idempotency_key, intended_at = (None, None) if intent is None else json.loads(intent)
    result_index, status, execution, error = (index, None, None, None) if result is None else json.loads(result)
    execution_id, version = (None, None) if started_as is None else json.loads(started_as)
    ended = (execution_id, status, version, None, execution, error, earlier, None)
    return JournalEntry(
        (number, key, result_index, bytes.fromhex(digest), inputs, idempotency_key, intended_at, *ended)
    )


def _inputs(row: Row) -> str:
    return json.dumps([row.number, row.index, row.digest.hex(), row.text, attempts_text(row.earlier)])


def _without_result(row: Row) -> Iterator[Change]:
    yield _removed(RESULTS, row.key)
    yield "ZREM", ORDER, row.key, row.key


def _set(place: int, field: str, value: str) -> Change:
    return "HSET", place, field, _checksum(place, field, value) + value


def _value(place: int, field: str, stored: bytes) -> str:
    """Return the value of a field.

    Raises:
        ValueError: If its checksum is another.
    """
    text = stored.decode()
    value = text[8:]
    if text[:8] != _checksum(place, field, value):
        raise ValueError(f"the checksum of row {field} in {PARTS[place]} is wrong")
    return value


def _checksum(place: int, field: str, value: str) -> str:
    return f"{crc32(f'{place} {field} {value}'.encode()):08x}"


def _removed(place: int, field: str) -> Change:
    return "HDEL", place, field, field  # the second time it removes nothing: every change has two arguments

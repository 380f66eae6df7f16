"""The state of an emulator in memory (`sqlite` keeps the same in a file), and the processes that share a state.

A process ID doesn't tell whether a process still runs: two containers have the same IDs, and neither sees the processes
of the other. A lock does: the system releases it when the process ends, however it ends.

Records are plain JSON objects. A stored record is replaced and never changed in place, so that records need no copies
and other kinds of store are possible.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final, cast

from fibonacci._files import lock_file, open_state
from fibonacci._text import printable_line
from fibonacci.definitions.json_types import map_texts
from fibonacci.emulator.state.clock import milliseconds
from fibonacci.emulator.state.json_encoding import SURROGATE, in_unicode, unicode_fault
from fibonacci.emulator.state.records import (
    STATUSES,
    TERMINAL,
    StoredAudit,
    StoredCalls,
    StoredClock,
    StoredConnection,
    StoredExecution,
    StoredGovernance,
    StoredHold,
    StoredMemory,
    StoredQuota,
    StoredRegistry,
    StoredReplay,
    StoredRoleOverride,
    StoredRun,
    StoredRunWindow,
    StoredTimer,
    StoredToolPolicy,
    StoredTrace,
    StoredVersion,
    StoredWorkflow,
)
from fibonacci.emulator.state.snapshot import (
    SCHEMA,
    SNAPSHOT_FORMAT,
    StateError,
    StateFullError,
    StateReadOnlyError,
    Tables,
    read_snapshot,
)
from fibonacci.emulator.state.tables import SECRET, Key, MemoryTable, RecordT, Table, TableKind

_TROUBLES: Final[Mapping[int, type[StateError]]] = {
    errno.ENOSPC: StateFullError,
    errno.EDQUOT: StateFullError,
    errno.EACCES: StateReadOnlyError,
    errno.EROFS: StateReadOnlyError,
}
"""What it means for the state if no file can be created next to it."""


def _created(path: Path) -> int:
    try:
        return open_state(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        kind = _TROUBLES.get(error.errno or 0, StateError)
        raise kind(f"{path} cannot be created ({error.strerror}): nothing was changed") from error


def _remove(path: Path) -> None:
    """Remove the file of an owner. One that stays, in a folder that is read-only, belongs to nobody."""
    with suppress(OSError):
        path.unlink()


class Owners:
    """The owners of one state.

    Args:
        path: The file that keeps the state, or `None` for memory, which has one owner.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path: Final = path
        self._name = secrets.token_hex(8)
        self._held: tuple[int, int] | None = None  # the process and its lock
        self._mutex = threading.Lock()

    def own(self) -> str:
        """Return the name of this process as an owner, which holds a lock from the first call on.

        Raises:
            StateError: If the file of the lock cannot be created. Its subclasses say why.
        """
        with self._mutex:
            if self._path is not None and (self._held is None or self._held[0] != os.getpid()):
                self._forget()
                self._name = secrets.token_hex(8)
                file = _created(self._file_of(self._name))
                lock_file(file)
                self._held = (os.getpid(), file)
            return self._name

    def is_alive(self, name: str) -> bool:
        """Return whether another owner still holds its lock, and remove the file of one that does not."""
        if self._path is None or name == self._name or not name.isalnum():
            return False
        path = self._file_of(name)
        try:
            file = open_state(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # it cannot be asked, and is assumed to live
            return True
        try:
            lock_file(file)
        except OSError:
            return True
        finally:
            os.close(file)
        _remove(path)
        return False

    def release(self) -> None:
        """Give up the lock: for the others, this process has ended, whatever it still does."""
        with self._mutex:
            if self._held is not None and self._held[0] == os.getpid():
                _remove(self._file_of(self._name))
            self._forget()

    def _forget(self) -> None:
        """Close the lock. In a child process, the lock of the parent stays."""
        if self._held is not None:
            os.close(self._held[1])
        self._held = None

    def _file_of(self, name: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}-owner-{name}")


Check = Callable[[Tables, Mapping[str, TableKind[Any]]], None]
"""Checks the tables of a snapshot, given what kinds of tables there are."""


def _accept(tables: object, kinds: object) -> None:
    """Accept any tables."""


def _unchanged(value: Any, shape: object = None) -> Any:
    return value


def _unreported(place: str) -> None:
    """Report nothing."""


class Store:
    """One table per kind of record.

    Args:
        path: The file that keeps the records, if there is one.

    Attributes:
        hide: Returns a record, given its type too, as a file or a snapshot has it: without secrets.
        put_back: Returns a record that was read with the secrets put back.
        report_bad_text: Called with the place of a stored text that was not valid Unicode, as earlier versions stored
            it.
        owners: The processes that share the state.
        is_closed: Whether the file was closed.
        kinds: The kinds of records, by the name of their table.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.hide: Callable[[Any, Any], Any] = _unchanged
        self.put_back: Callable[[Any], Any] = _unchanged
        self.report_bad_text: Callable[[str], None] = _unreported
        self.owners: Final = Owners(path)
        self.is_closed = False
        self.kinds: dict[str, TableKind[Any]] = {}
        self._tables: dict[str, Table[Any]] = {}
        self._timed: list[Table[Any]] = []  # the tables whose records may be due
        self._marked = 0
        self._lock = threading.RLock()
        self._declare()

    def _declare(self) -> None:
        self.workflows: Table[StoredWorkflow] = self._add(TableKind("workflows", StoredWorkflow, ("id",)))
        self.versions: Table[StoredVersion] = self._add(
            TableKind("versions", StoredVersion, ("workflow_id", "version"), prefix=1)
        )
        self.executions: Table[StoredExecution] = self._add(
            TableKind(
                "executions",
                StoredExecution,
                ("id",),
                lists=_lists_of_execution,
                parts=_parts_of_executions,
                amount=_duration_of,
                apart="inputs",
            )
        )
        self.runs: Table[StoredRun] = self._add(TableKind("runs", StoredRun, ("execution",)))  # only while it runs
        # Only while it is approved and waits for a place, in the order of the approvals:
        self.queue: Table[StoredRun] = self._add(TableKind("queue", StoredRun, ("execution",)))
        # Only while something is due in the execution:
        self.timers: Table[StoredTimer] = self._add(TableKind("timers", StoredTimer, ("execution",), due="due"))
        # Only while a handler of it works, and only while it waits for approval:
        self.calls: Table[StoredCalls] = self._add(TableKind("calls", StoredCalls, ("execution",)))
        self.held: Table[StoredHold] = self._add(TableKind("held", StoredHold, ("execution",), due="expires"))
        # What only the trace of an execution shows:
        self.traces: Table[StoredTrace] = self._add(
            TableKind("traces", StoredTrace, ("execution", "node"), prefix=1, is_listed=False)
        )
        self.registry: Table[StoredRegistry] = self._add(
            TableKind("registry", StoredRegistry, ("workflow_id",), lists=_lists_of_entry)
        )
        self.governance: Table[StoredGovernance] = self._add(
            TableKind("governance", StoredGovernance, ("organization",))
        )
        self.quota_overrides: Table[StoredQuota] = self._add(
            TableKind("quota_overrides", StoredQuota, ("organization",))
        )
        self.tool_policies: Table[StoredToolPolicy] = self._add(
            TableKind("tool_policies", StoredToolPolicy, ("organization", "tool_name"), prefix=1)
        )
        self.role_overrides: Table[StoredRoleOverride] = self._add(
            TableKind("role_overrides", StoredRoleOverride, ("organization", "role", "tool_name"), prefix=1)
        )
        self.audit: Table[StoredAudit] = self._add(
            TableKind("audit", StoredAudit, ("organization", "id"), prefix=1, lists=_lists_of_change)
        )
        self.memory: Table[StoredMemory] = self._add(
            TableKind("memory", StoredMemory, ("scope", "owner", "key"), prefix=2, due="expires")
        )
        self.connections: Table[StoredConnection] = self._add(TableKind("connections", StoredConnection, ("name",)))
        self.run_windows: Table[StoredRunWindow] = self._add(
            TableKind("run_windows", StoredRunWindow, ("organization",))
        )
        self.clock_state: Table[StoredClock] = self._add(
            TableKind("clock_state", StoredClock, ("clock",))
        )  # only after the clock was moved
        # The keys are the fingerprint of the API key and the idempotency key:
        self.replays: Table[StoredReplay] = self._add(
            TableKind("replays", StoredReplay, ("fingerprint", "key"), due="until")
        )

    @property
    def is_reading(self) -> bool:
        """Whether the transaction must not write."""
        return False

    def transaction(self, patience: float | None = None) -> AbstractContextManager[object]:
        """Lock the state, and with a file also make all changes inside or none.

        Every access to the state is inside this or `reading`. A nested transaction is part of the outer one.

        Args:
            patience: Seconds to wait for another process that is writing. Default: the store's busy timeout.

        Raises:
            StateError: If the file cannot be used. Nothing is changed. Its subclasses say why.
        """
        return self._lock

    def reading(self) -> AbstractContextManager[object]:
        """Lock the state for reading, which also works with a file while another process writes or the disk is full.

        Raises:
            StateError: If the file cannot be used.
        """
        return self._lock

    def has_due(self, now: float) -> bool:
        """Return whether a record of any table is due by a time."""
        return any(True for table in self._timed for _ in table.due(now))

    def snapshot(self) -> bytes:
        """Return the complete state.

        Returns:
            JSON for `restore`, of this store or another, of either kind.
        """
        with self.reading():
            tables = {name: list(self._hidden_rows(name)) for name in self._tables}
            return json.dumps({"format": SNAPSHOT_FORMAT, "schema": SCHEMA, "tables": tables}).encode("ascii")

    def _hidden_rows(self, name: str) -> Iterator[tuple[list[str], Any]]:
        """Yield keys and records without secrets. In a key, only a part named `key` may have one, as in memory."""
        kind = self.kinds[name]
        for key, record in self._tables[name].items():
            parts = [self.hide(part, str) if name == "key" else part for name, part in zip(kind.key, key, strict=False)]
            yield parts, self.hide(record, kind.record)

    def heal(self, kind: str, key: Key, record: Any) -> Any:
        """Return a record in which invalid Unicode is replaced, since no response could have it, and report it."""
        fault = unicode_fault(record)
        if fault is None:
            return record
        self.report_bad_text(f"{'/'.join((kind, *map(printable_line, key)))} {fault[0]}")
        return map_texts(record, in_unicode)

    def restore(self, snapshot: bytes, check: Check = _accept) -> None:
        """Replace the state with that of a snapshot.

        Args:
            snapshot: The snapshot.
            check: Called with the tables before anything is changed. Raises `StateError` to refuse them.

        Raises:
            StateError: If it is not a snapshot, is malformed, or is from a newer version. Nothing is changed.
        """
        tables = read_snapshot(snapshot, self.kinds)
        if SECRET.encode() in snapshot:
            tables = {
                name: [(tuple(key), record) for key, record in self.put_back(rows)] for name, rows in tables.items()
            }
        if SURROGATE.encode() in snapshot.lower():
            tables = {
                name: [(tuple(map(in_unicode, key)), self.heal(name, key, record)) for key, record in rows]
                for name, rows in tables.items()
            }
        check(tables, self.kinds)
        with self.transaction():
            self.reset()
            for name, rows in tables.items():
                for key, record in rows:
                    self._tables[name].put(*key, record=record)

    @property
    def is_marked(self) -> bool:
        """Whether the changes since a mark may be undone."""
        return self._marked > 0

    def mark(self) -> int:
        """Mark the state as it is now, and return the mark for `undo`."""
        with self.transaction():
            self._set_mark(self._marked)
            self._marked += 1
            return self._marked - 1

    def undo(self, mark: int) -> None:
        """Undo all changes since a mark, even those of other processes, and drop the mark and those after it.

        The cost depends on the changes, not on the size of the state. Records keep their numbers.

        Raises:
            StateError: If that cannot be stored. Nothing is changed.
        """
        with self.transaction():
            for later in reversed(range(mark, self._marked)):
                self._undo(later)
        self._marked = min(mark, self._marked)

    def _set_mark(self, number: int) -> None:
        for table in self._tables.values():
            cast("MemoryTable[Any]", table).mark()

    def _undo(self, number: int) -> None:
        for table in self._tables.values():
            cast("MemoryTable[Any]", table).undo()

    def reset(self) -> None:
        """Delete all records."""
        with self.transaction():
            for table in self._tables.values():
                table.delete_all()

    def open(self) -> None:
        """Open the file again after `close`, if there is one."""

    def close(self) -> None:
        """Close the file, if there is one. Only `open` opens it again."""

    def _add(self, kind: TableKind[RecordT]) -> Table[RecordT]:
        self.kinds[kind.name] = kind
        table = self._tables[kind.name] = self._new_table(kind)
        if kind.due is not None:
            self._timed.append(table)
        return table

    def _new_table(self, kind: TableKind[RecordT]) -> Table[RecordT]:
        return MemoryTable(kind)


def _lists_of_execution(key: Key, record: StoredExecution) -> Iterable[Key]:
    """Return `("status", ...)`, and that below `("workflow_id", ...)`."""
    status = ("status", str(record.get("status")))
    return (status, ("workflow_id", str(record.get("workflow_id")), *status))


_BY_STATUS: Final[tuple[Key, ...]] = tuple([("status", status) for status in sorted(STATUSES)])
_ENDED: Final[tuple[Key, ...]] = tuple([("status", status) for status in sorted(TERMINAL)])
_UNFINISHED: Final[tuple[Key, ...]] = tuple([("status", status) for status in sorted(STATUSES - TERMINAL)])


def _parts_of_executions(name: Key) -> tuple[Key, ...]:
    """Return the lists by status whose union a list is: all, those that have ended or not, or those of a workflow."""
    match name:
        case ():
            return _BY_STATUS
        case ("ended",):
            return _ENDED
        case ("unfinished",):
            return _UNFINISHED
        case ("workflow_id", _):
            return tuple([(*name, *status) for status in _BY_STATUS])
        case ("status", _) | ("workflow_id", _, "status", _):
            return (name,)
        case _:
            return ()


def _duration_of(execution: StoredExecution) -> int:
    """Return how many milliseconds an execution took, by its times as they are shown, or 0 if it has not ended."""
    ended = execution.get("ended")
    return 0 if ended is None else max(0, milliseconds(ended) - milliseconds(execution.get("started", ended)))


def _lists_of_entry(key: Key, record: StoredRegistry) -> Iterable[Key]:
    """Return `("status", ...)`, and `("listed",)` of the entries that are not archived."""
    status = str(record.get("status"))
    lists = (("status", status),)
    return lists if status == "archived" else (*lists, ("listed",))


def _lists_of_change(key: Key, record: StoredAudit) -> Iterable[Key]:
    """Return the organization with the action."""
    return ((key[0], str(record.get("action"))),)

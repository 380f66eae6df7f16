"""The table of executions: each run is one row, which is rewritten at each of its events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from fibonacci.emulator.state.json_encoding import JSONObject, to_text
from fibonacci.emulator.state.records import (
    STATUSES,
    TERMINAL,
    ExecutionStatus,
    StoredExecution,
    StoredTrace,
    calls_of,
)
from fibonacci.emulator.state.schema import LAST_NUMBER
from fibonacci.emulator.state.snapshot import SECRET

if TYPE_CHECKING:
    from fibonacci.emulator.state.store import Store

LARGE: Final = 65_536
"""Brief records leave out inputs with more characters of JSON than this."""

ENDED: Final = tuple(sorted(TERMINAL))
UNFINISHED: Final = tuple(sorted(STATUSES - TERMINAL))

_FIELDS: Final = (
    "number, id, workflow_id, workflow_version, status, error, role, created, started, ended, approval, outputs, nodes"
)
_ADD: Final = f"""
INSERT INTO executions (id, workflow_id, workflow_version, role, created, inputs_size, inputs,
    status, error, started, ended, due, place, calls, approval, outputs, nodes, trace)
VALUES ({", ".join("?" * 18)})
"""
_UPDATE: Final = """
UPDATE executions SET status = ?, error = ?, started = ?, ended = ?, due = ?, place = ?, calls = ?, approval = ?,
    outputs = ?, nodes = ?, trace = coalesce(?, trace), definition = CASE WHEN ? THEN definition END
WHERE id = ?
"""


class Search(NamedTuple):
    """Which executions to find.

    Attributes:
        text: A text in the JSON of their inputs or outputs. The case of ASCII letters doesn't matter.
        begin: The earliest time of their creation, or `None` for any.
        end: The time before which they were created, or `None` for any.
    """

    text: str = ""
    begin: float | None = None
    end: float | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """Return the conditions of the search in SQL, and their values."""
        begin, end = 0.0 if self.begin is None else self.begin, inf if self.end is None else self.end
        times = " AND created >= ? AND created < ?"
        if not self.text:
            return times, [begin, end]
        escaped = re.sub("[%_!]", r"!\g<0>", to_text(self.text)[1:-1])
        pattern = f"%{escaped}%"
        text = " AND (inputs LIKE ? ESCAPE '!' OR outputs LIKE ? ESCAPE '!')"
        return times + text, [begin, end, pattern, pattern]


class ExecutionTable:
    """The executions, in the order in which they were added.

    Args:
        store: The store that it is part of.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[str, int] = {}  # by status, empty if they are not known
        store.caches.append(self._counts)

    def get(self, execution_id: str) -> StoredExecution | None:
        """Return an execution, or `None`.

        Raises:
            StateError: If its record is damaged.
        """
        sql = f"SELECT {_FIELDS}, inputs FROM executions WHERE id = ?"
        row = self._store.execute(sql, (execution_id,)).fetchone()
        return None if row is None else self._read(row)

    def add(
        self,
        execution: StoredExecution,
        notes: Mapping[str, StoredTrace] | None = None,
        *,
        due: float | None = None,
        place: int | None = None,
    ) -> None:
        """Add a new execution.

        Args:
            execution: The execution.
            notes: What its trace shows, by node.
            due: When its next event or the end of its wait for approval is due.
            place: Its place in the queue.
        """
        hidden = self._store.hide(execution, StoredExecution)
        inputs = to_text(hidden["inputs"])
        identity = (execution["id"], execution["workflow_id"], execution["workflow_version"])
        origin = (execution.get("role"), execution["created"], len(inputs), inputs)
        changing = self._changing(execution, hidden, due, place)
        self._store.execute(_ADD, (*identity, *origin, *changing, self._trace_text(notes)))
        if self._counts:
            status = execution["status"]
            self._counts[status] = self._counts.get(status, 0) + 1

    def update(
        self,
        before: StoredExecution,
        execution: StoredExecution,
        notes: Mapping[str, StoredTrace] | None = None,
        *,
        due: float | None = None,
        place: int | None = None,
    ) -> None:
        """Replace an execution.

        Args:
            before: The execution as it is stored.
            execution: The new one.
            notes: What is new for its trace, by node.
            due: When its next event or the end of its wait for approval is due.
            place: Its place in the queue.
        """
        hidden = self._store.hide(execution, StoredExecution)
        changing = self._changing(execution, hidden, due, place)
        if notes:
            earlier = self.trace(execution["id"])
            notes = {**earlier, **{node: earlier.get(node, {}) | note for node, note in notes.items()}}
        is_open = execution["ended"] is None
        self._store.execute(_UPDATE, (*changing, self._trace_text(notes), is_open, execution["id"]))
        if before["status"] != execution["status"]:
            self._counts.clear()

    def _changing(
        self, execution: StoredExecution, hidden: StoredExecution, due: float | None, place: int | None
    ) -> tuple[object, ...]:
        """Return the columns that change with the events of a run, but not its trace."""
        calls = calls_of(execution["nodes"]) if execution["ended"] is None else None
        return (
            execution["status"],
            hidden["error"],
            execution["started"],
            execution["ended"],
            due,
            place,
            to_text(calls) if calls else None,
            to_text(hidden["approval"]) if "approval" in hidden else None,
            to_text(hidden["outputs"]),
            to_text(hidden["nodes"]),
        )

    def _trace_text(self, notes: Mapping[str, StoredTrace] | None) -> str | None:
        return to_text(self._store.hide(notes, dict[str, StoredTrace])) if notes else None

    def trace(self, execution_id: str) -> dict[str, StoredTrace]:
        """Return what the trace of an execution shows, by node."""
        sql = "SELECT coalesce(trace, '{}') FROM executions WHERE id = ?"
        row = self._store.execute(sql, (execution_id,)).fetchone()
        return {} if row is None else self._decoded(row[0], execution_id)

    def definition_of(self, execution_id: str) -> JSONObject | None:
        """Return the definition that is stored with an execution because its version is gone, or `None`."""
        sql = "SELECT coalesce(definition, 'null') FROM executions WHERE id = ?"
        row = self._store.execute(sql, (execution_id,)).fetchone()
        return None if row is None else self._decoded(row[0], execution_id)

    def keep_definitions(self, workflow_id: str) -> None:
        """Before a workflow is deleted, store its definitions with its unfinished runs."""
        definition = (
            "SELECT json_extract(record, '$.definition') FROM versions"
            " WHERE workflow_id = executions.workflow_id AND version = executions.workflow_version"
        )
        sql = f"UPDATE executions SET definition = ({definition}) WHERE workflow_id = ? AND status = ?"
        for status in ("pending", "running"):
            self._store.execute(sql, (workflow_id, status))

    def drop_oldest(self, keep: int) -> None:
        """Remove the oldest finished executions, and keep this many."""
        excess = self.count(*ENDED) - keep
        if excess > 0:
            sql, values = _selected("number", ENDED, None, "ASC", "number > 0", ())
            self._store.execute(f"DELETE FROM executions WHERE number IN ({sql} LIMIT ?)", (*values, excess))
            self._counts.clear()

    def rows(
        self,
        *,
        workflow_id: str | None = None,
        statuses: Sequence[str] = (),
        newest_first: bool = False,
        after: int | None = None,
        brief: bool = False,
        search: Search | None = None,
    ) -> Iterator[tuple[int, StoredExecution]]:
        """Iterate over executions, each with its permanent number.

        Args:
            workflow_id: The workflow that they belong to. Default: any.
            statuses: The statuses that they may have. Default: any.
            newest_first: Whether numbers descend. Otherwise they ascend.
            after: Begin after this number, in this order.
            brief: Leave out inputs that are large.
            search: Which of them to find.
        """
        order, beyond, first = ("DESC", "<", LAST_NUMBER) if newest_first else ("ASC", ">", 0)
        condition = f"number {beyond} ?"
        values: list[object] = [first if after is None else after]
        inputs = f"CASE WHEN inputs_size <= {LARGE} THEN inputs END" if brief else "inputs"
        if search is not None:
            more, wanted = search.conditions()
            condition += more
            values += wanted
        sql, values = _selected(f"{_FIELDS}, {inputs}", statuses, workflow_id, order, condition, values)
        for row in self._store.execute(sql, values):
            yield row[0], self._read(row)

    def records(self, *statuses: str) -> Iterator[StoredExecution]:
        """Iterate over executions with any of some statuses. Default: all."""
        return (execution for _, execution in self.rows(statuses=statuses))

    def counts(self, workflow_id: str | None = None) -> dict[str, int]:
        """Return how many executions there are with each status, of all or of a workflow."""
        sql = "SELECT status, n FROM tally WHERE workflow_id = ? AND n > 0"
        if workflow_id is not None:
            return dict(self._store.execute(sql, (workflow_id,)))
        if not self._counts:
            self._counts.update(self._store.execute(sql, ("",)))
        return self._counts.copy()

    def totals(self, workflow_id: str) -> tuple[dict[str, int], int]:
        """Return how many executions a workflow has had, by status and including dropped ones, and their total ms."""
        sql = "SELECT status, total, ms FROM tally WHERE workflow_id = ? AND total > 0"
        rows = self._store.execute(sql, (workflow_id,)).fetchall()
        return {status: total for status, total, _ in rows}, sum(ms for _, _, ms in rows)

    def count(self, *statuses: str) -> int:
        """Return how many executions have any of some statuses. Default: all."""
        counts = self._counts or self.counts()
        return sum([counts.get(status, 0) for status in statuses or counts])

    def last_number(self) -> int:
        """Return the number of the newest execution, or 0 if there is none."""
        return int(self._store.execute("SELECT coalesce(max(number), 0) FROM executions").fetchone()[0])

    def due(self, status: ExecutionStatus, now: float, limit: int = -1) -> list[tuple[str, float]]:
        """Return the executions of a status in which something is due by a time, each with its time, earliest first."""
        sql = "SELECT id, due FROM executions WHERE status = ? AND due <= ? ORDER BY due, number LIMIT ?"
        return list(self._store.execute(sql, (status, now, limit)))

    def due_of(self, execution_id: str) -> float | None:
        """Return when something is due in an execution, or `None`."""
        row = self._store.execute("SELECT due FROM executions WHERE id = ?", (execution_id,)).fetchone()
        return None if row is None else row[0]

    def calls(self) -> list[tuple[str, list[str]]]:
        """Return the executions whose handlers are running, each with the IDs of the calls."""
        if not self.count("running"):
            return []
        rows = self._store.execute("SELECT id, calls FROM executions WHERE calls > ''")
        return [(name, json.loads(calls)) for name, calls in rows]

    def first_queued(self) -> StoredExecution | None:
        """Return the execution that is first in the queue, or `None`."""
        if not self.count("pending"):
            return None
        sql = f"SELECT {_FIELDS}, inputs FROM executions WHERE place > 0 ORDER BY place LIMIT 1"
        row = self._store.execute(sql).fetchone()
        return None if row is None else self._read(row)

    def next_place(self) -> int:
        """Return the next place in the queue."""
        return int(
            self._store.execute("SELECT coalesce(max(place), 0) + 1 FROM executions WHERE place > 0").fetchone()[0]
        )

    def _read(self, row: Sequence[Any]) -> StoredExecution:
        _, name, workflow_id, version, status, error, role, created, started, ended, approval, *texts = row
        outputs, nodes, inputs = texts[:3]
        text = f"[{outputs},{nodes},{inputs or 'null'},{approval or 'null'}]"
        content = self._decoded(text, name)
        execution: dict[str, Any] = {
            "id": name,
            "workflow_id": workflow_id,
            "workflow_version": version,
            "status": status,
            "outputs": content[0],
            "error": self._store.put_back(error) if error is not None and SECRET in error else error,
            "nodes": content[1],
            "created": created,
            "started": started,
            "ended": ended,
        }
        if inputs is not None:
            execution["inputs"] = content[2]
        if role is not None:
            execution["role"] = role
        if approval is not None:
            execution["approval"] = content[3]
        return cast("StoredExecution", execution)

    def _decoded(self, text: str, execution_id: str) -> Any:
        return self._store.decoded(text, "executions", execution_id)


def _selected(
    fields: str,
    statuses: Sequence[str],
    workflow_id: str | None,
    order: str,
    condition: str,
    values: Sequence[object],
) -> tuple[str, list[object]]:
    """Return a query of executions by number, and its values. SQLite merges the lists without sorting them."""
    if workflow_id is not None and not statuses:
        statuses = (*UNFINISHED, *ENDED)
    owner = {} if workflow_id is None else {"workflow_id": workflow_id}
    lists = [{**owner, "status": status} for status in statuses] or [owner]
    parts = [
        f"SELECT {fields} FROM executions WHERE {''.join([f'{column} = ? AND ' for column in given])}{condition}"
        for given in lists
    ]
    found = [value for given in lists for value in (*given.values(), *values)]
    return f"{' UNION ALL '.join(parts)} ORDER BY 1 {order}", found

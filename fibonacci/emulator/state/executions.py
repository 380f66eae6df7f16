"""The table of executions: a run is one row.

A run that waits is stored after each of its events. So that an event of a long one does not write all of its nodes,
those are rows in a second table until the run ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.state.json_encoding import JSONObject, to_text
from fibonacci.emulator.state.records import (
    STATUSES,
    TERMINAL,
    ExecutionSnapshot,
    ExecutionStatus,
    StoredExecution,
    StoredTrace,
    StoredVersion,
    calls_of,
)
from fibonacci.emulator.state.schema import LAST_NUMBER
from fibonacci.emulator.state.snapshot import SECRET, Key

if TYPE_CHECKING:
    from fibonacci.emulator.state.store import Store

LARGE: Final = 65_536
"""From how many characters of JSON inputs are left out of brief records."""

FEW: Final = 8
"""The most nodes that a run has in its row while it has not ended."""

ENDED: Final = tuple(sorted(TERMINAL))
UNFINISHED: Final = tuple(sorted(STATUSES - TERMINAL))

# For each `None`, `sqlite3` searches for an adapter, which takes a microsecond: an empty text is stored as NULL.
_TEXT: Final = "nullif(?, '')"
# Rows come in the order of the primary key, and so do nodes:
_FIELDS: Final = (
    "number, id, workflow_id, workflow_version, status, error, role, created, started, ended, approval, outputs,"
    " coalesce(nodes, (SELECT '[' || group_concat(node) || ']' FROM nodes WHERE execution = number))"
)
_TRACE: Final = (
    "coalesce(trace, (SELECT '{' || group_concat(json_quote(id) || ':' || trace) || '}' FROM nodes"
    " WHERE execution = executions.number AND trace IS NOT NULL), '{}')"
)
_TRACE_OF_NODE: Final = "SELECT coalesce(trace, '{}') FROM nodes WHERE execution = ? AND place = ?"
_PUT_NODE: Final = f"""
INSERT INTO nodes VALUES (?, ?, ?, ?, {_TEXT})
ON CONFLICT (execution, place) DO UPDATE SET node = excluded.node, trace = coalesce(excluded.trace, trace)
"""
_ADD: Final = f"""
INSERT INTO executions (number, id, workflow_id, workflow_version, role, created, inputs_size, inputs,
    status, error, started, ended, due, place, calls, approval, outputs, nodes, trace, definition)
VALUES ({_TEXT}, ?, ?, ?, {_TEXT}, ?, ?, ?,
    ?, {_TEXT}, ?, {_TEXT}, {_TEXT}, {_TEXT}, {_TEXT}, {_TEXT}, ?, {_TEXT}, {_TEXT}, {_TEXT})
"""
_UPDATE: Final = f"""
UPDATE executions SET status = ?, error = {_TEXT}, started = ?, ended = {_TEXT}, due = {_TEXT}, place = {_TEXT},
    calls = {_TEXT}, approval = {_TEXT}, outputs = ?, nodes = {_TEXT}, trace = coalesce({_TEXT}, trace),
    definition = CASE WHEN ? THEN definition END
WHERE id = ?
"""


class Search(NamedTuple):
    """Which executions are wanted.

    Attributes:
        text: A text that their inputs or outputs mention, whatever its case: in each text, key, number and word.
        begin: The earliest time of their creation, or `None` for any.
        end: The time before which they were created, or `None` for any.
    """

    text: str = ""
    begin: float | None = None
    end: float | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """Return conditions that all wanted executions meet, and few others, and their values."""
        begin, end = 0.0 if self.begin is None else self.begin, inf if self.end is None else self.end
        times = " AND created >= ? AND created < ?"
        if not self.text:
            return times, [begin, end]
        pattern = _pattern(self.text)
        text = " AND (inputs LIKE ? ESCAPE '!' OR outputs LIKE ? ESCAPE '!')"
        return times + text, [begin, end, pattern, pattern]

    def accepts(self, execution: StoredExecution) -> bool:
        """Return whether an execution mentions the text."""
        text = self.text.lower()
        return not text or _mentions(execution["inputs"], text) or _mentions(execution["outputs"], text)


def _mentions(content: object, text: str) -> bool:
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if is_object(value):
            waiting.extend(value)
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
        elif text in (value if isinstance(value, str) else to_text(value)).lower():
            return True
    return False


def _pattern(text: str) -> str:
    """Return a pattern for the JSON of what mentions a text. `LIKE` knows the cases of ASCII letters alone."""
    parts = [
        re.sub("[%_!]", r"!\g<0>", to_text(character)[1:-1])
        if character.lower() == character.upper() or character.isascii()
        else "%"
        for character in text
    ]
    return f"%{''.join(parts)}%"


_DROPPED: Final = """
INSERT INTO tally SELECT 'dropped', workflow_id, status, 1, ms FROM executions WHERE number = ?
    ON CONFLICT DO UPDATE SET n = n + 1, ms = ms + excluded.ms
"""
"""Counts an execution that is going to be dropped."""


def _is_split(execution: StoredExecution) -> bool:
    return execution["ended"] is None and len(execution["nodes"]) > FEW


class ExecutionTable:
    """The executions, in the order in which they were added.

    Args:
        store: The store that it is part of.
    """

    def __init__(self, store: Store) -> None:
        self.name: Final = "executions"
        self.record: Final = ExecutionSnapshot
        self.key: Final[Key] = ("id",)
        self._store = store
        self._counts: dict[str, int] = {}  # by status, empty if they are not known
        self._last: dict[str, int] = {}  # the number of the newest one, if it is known
        store.caches += self._counts, self._last

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
        definition: JSONObject | None = None,
        number: int | None = None,
    ) -> None:
        """Add a new execution.

        Args:
            execution: The execution.
            notes: What its trace shows, by node.
            due: When its next event or the end of its wait for approval is due.
            place: Its place in the queue.
            definition: Its definition, if no version of its workflow has it.
            number: Its number. Default: the next one.
        """
        hidden = self._store.hide(execution, StoredExecution)
        inputs = to_text(hidden["inputs"])
        row = self._changing(execution, hidden, due, place)
        trace = "" if not notes or _is_split(execution) else self._trace_text(notes)
        identity = (execution["id"], execution["workflow_id"], execution["workflow_version"])
        origin = (execution.get("role", ""), execution["created"], len(inputs), inputs)
        given = "" if number is None else number
        values = (given, *identity, *origin, *row, trace, self._definition_text(definition))
        self._last["number"] = self._store.execute(_ADD, values).lastrowid
        if self._counts:
            status = execution["status"]
            self._counts[status] = self._counts.get(status, 0) + 1
        if _is_split(execution):
            self._split(execution, hidden, (), notes or {})

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
        was_split, is_split = _is_split(before), _is_split(execution)
        hidden = self._store.hide(execution, StoredExecution)
        row = self._changing(execution, hidden, due, place)
        trace = ""
        if not is_split and (notes or was_split):
            trace = self._trace_text(_merged(self.trace(execution["id"]), notes or {}))
        self._store.execute(_UPDATE, (*row, trace, int(execution["ended"] is None), execution["id"]))
        if is_split:
            self._split(execution, hidden, before["nodes"] if was_split else (), notes or {})
        elif was_split:
            self._store.execute("DELETE FROM nodes WHERE execution = ?", (self._number_of(execution),))
        if before["status"] != execution["status"]:
            self._counts.clear()

    def _changing(
        self, execution: StoredExecution, hidden: StoredExecution, due: float | None, place: int | None
    ) -> tuple[object, ...]:
        """Return the columns that change with the events of a run, but not its trace."""
        self._store.note_due(due)
        ended = execution["ended"]
        calls = calls_of(execution["nodes"]) if ended is None else None
        return (
            execution["status"],
            hidden["error"] or "",
            execution["started"],
            "" if ended is None else ended,
            "" if due is None else due,
            "" if place is None else place,
            to_text(calls) if calls else "",
            to_text(hidden["approval"]) if "approval" in hidden else "",
            to_text(hidden["outputs"]),
            "" if _is_split(execution) else to_text(hidden["nodes"]),
        )

    def _split(
        self,
        execution: StoredExecution,
        hidden: StoredExecution,
        before: Sequence[object],
        notes: Mapping[str, StoredTrace],
    ) -> None:
        """Store the nodes that have changed in rows."""
        number = self._number_of(execution)
        for place, node in enumerate(execution["nodes"]):
            note = notes.get(node["id"])
            if before and note is None and before[place] == node:
                continue
            if before and note is not None:
                row = self._store.execute(_TRACE_OF_NODE, (number, place)).fetchone()
                note = {**self._decoded(row[0], execution["id"]), **note}
            trace = "" if note is None else to_text(self._store.hide(note, StoredTrace))
            self._store.execute(_PUT_NODE, (number, place, node["id"], to_text(hidden["nodes"][place]), trace))

    def _number_of(self, execution: StoredExecution) -> int:
        row = self._store.execute("SELECT number FROM executions WHERE id = ?", (execution["id"],)).fetchone()
        return int(row[0])

    def _trace_text(self, notes: Mapping[str, StoredTrace]) -> str:
        return to_text(self._store.hide(notes, dict[str, StoredTrace]))

    def trace(self, execution_id: str) -> dict[str, StoredTrace]:
        """Return what the trace of an execution shows, by node."""
        row = self._store.execute(f"SELECT {_TRACE} FROM executions WHERE id = ?", (execution_id,)).fetchone()
        return {} if row is None else self._decoded(row[0], execution_id)

    def definition_of(self, execution_id: str) -> JSONObject | None:
        """Return the definition of an execution that is not that of a version anymore, or `None`."""
        sql = "SELECT coalesce(definition, 'null') FROM executions WHERE id = ?"
        row = self._store.execute(sql, (execution_id,)).fetchone()
        return None if row is None else self._decoded(row[0], execution_id)

    def attach_definition(self, workflow_id: str, version: int, definition: JSONObject | None) -> None:
        """Store the definition of a version that is deleted with the runs that have not ended."""
        sql = (
            f"UPDATE executions SET definition = {_TEXT} WHERE workflow_id = ? AND status = ? AND workflow_version = ?"
        )
        for status in ("pending", "running"):
            self._store.execute(sql, (self._definition_text(definition), workflow_id, status, version))

    def _definition_text(self, definition: JSONObject | None) -> str:
        if definition is None:
            return ""
        return to_text(self._store.hide({"definition": definition}, StoredVersion)["definition"])

    def delete(self, execution_id: str) -> bool:
        """Remove an execution, and return whether it existed."""
        self._forget()
        return bool(self._store.execute("DELETE FROM executions WHERE id = ?", (execution_id,)).rowcount)

    def delete_all(self) -> None:
        """Remove all executions."""
        self._forget()
        self._store.execute("DELETE FROM executions")
        self._store.execute("DELETE FROM tally WHERE list = 'dropped'")

    def drop_oldest(self, keep: int) -> None:
        """Remove the oldest executions that have ended beyond a number."""
        excess = self.count(*ENDED) - keep
        if excess > 0:
            sql, values = _selected("number", ENDED, None, "ASC", "number > 0", ())
            oldest = self._store.execute(f"{sql} LIMIT ?", (*values, excess)).fetchall()
            for number in oldest:
                self._store.execute(_DROPPED, number)
                self._store.execute("DELETE FROM executions WHERE number = ?", number)
            self._counts.clear()

    def rows(
        self,
        *,
        workflow_id: str | None = None,
        statuses: Sequence[str] = (),
        newest_first: bool = False,
        after: int | None = None,
        brief: bool = False,
        skip: int = 0,
        search: Search | None = None,
    ) -> Iterator[tuple[int, StoredExecution]]:
        """Iterate over executions, each with its permanent number.

        Args:
            workflow_id: The workflow that they are of. Default: any.
            statuses: The statuses that they may have. Default: any.
            newest_first: The order of the numbers: descending, else ascending.
            after: Begin behind this number, in this order.
            brief: Leave out inputs that are large.
            skip: How many to skip without reading them.
            search: Which of them are wanted.
        """
        order, beyond, first = ("DESC", "<", LAST_NUMBER) if newest_first else ("ASC", ">", 0)
        condition = f"number {beyond} ?"
        values: list[object] = [first if after is None else after]
        inputs = f"CASE WHEN inputs_size <= {LARGE} THEN inputs END" if brief else "inputs"
        if search is not None:
            more, wanted = search.conditions()
            condition, inputs = condition + more, "inputs"
            values += wanted
        sql, values = _selected(f"{_FIELDS}, {inputs}, inputs_size", statuses, workflow_id, order, condition, values)
        for row in self._store.execute(f"{sql} LIMIT -1 OFFSET ?", (*values, skip)):
            execution = self._read(row)
            if search is None or search.accepts(execution):
                yield row[0], _brief(execution) if brief and row[-1] > LARGE else execution

    def records(self, *statuses: str) -> Iterator[StoredExecution]:
        """Iterate over executions with any of some statuses. Default: all."""
        return (execution for _, execution in self.rows(statuses=statuses))

    def items(self) -> Iterator[tuple[Key, ExecutionSnapshot]]:
        """Iterate over all executions with their keys and all that is stored of each."""
        sql = f"SELECT {_FIELDS}, inputs, {_TRACE}, coalesce(definition, 'null'), due, place FROM executions"
        for row in self._store.execute(f"{sql} ORDER BY number"):
            yield (row[1],), self._complete(row)

    def restore(self, key: Key, record: ExecutionSnapshot) -> None:
        """Add an execution of a snapshot."""
        place = record.get("place")
        if record["status"] == "pending" and place is None:
            place = self.next_place()
        if record["status"] in ("pending", "pending_approval"):  # it has not started
            record = {**record, "nodes": []}
        more: Any = {"definition": record.get("definition"), "number": record.get("number")}
        self.add(record, record.get("trace"), due=record.get("due"), place=place, **more)

    def counts(self, workflow_id: str | None = None) -> dict[str, int]:
        """Return how many executions there are with each status, of all or of a workflow."""
        sql = "SELECT value, n FROM tally WHERE list = 'executions' AND owner = ?"
        if workflow_id is not None:
            return dict(self._store.execute(sql, (workflow_id,)))
        if not self._counts:
            self._counts.update(self._store.execute(sql, ("",)))
        return self._counts.copy()

    def totals(self, workflow_id: str) -> tuple[dict[str, int], int]:
        """Return how many executions of a workflow there were by status, also if they are not kept, and their ms."""
        sql = (
            "SELECT value, sum(n), sum(ms) FROM tally WHERE list IN ('executions', 'dropped') AND owner = ? GROUP BY 1"
        )
        rows = self._store.execute(sql, (workflow_id,)).fetchall()
        return {status: n for status, n, _ in rows}, sum(ms for _, _, ms in rows)

    def count(self, *statuses: str) -> int:
        """Return how many executions have any of some statuses. Default: all."""
        counts = self._counts or self.counts()
        return sum([counts.get(status, 0) for status in statuses or counts])

    def last_number(self) -> int:
        """Return the number of the newest execution, or 0 if there is none."""
        if not self._last:
            (self._last["number"],) = self._store.execute("SELECT coalesce(max(number), 0) FROM executions").fetchone()
        return self._last["number"]

    def due(self, status: ExecutionStatus, now: float, limit: int = -1) -> list[tuple[str, float]]:
        """Return the executions of a status in which something is due by a time, each with its time, in that order."""
        sql = "SELECT id, due FROM executions WHERE status = ? AND due <= ? ORDER BY due, number LIMIT ?"
        return list(self._store.execute(sql, (status, now, limit)))

    def due_of(self, execution_id: str) -> float | None:
        """Return when something is due in an execution, or `None`."""
        row = self._store.execute("SELECT due FROM executions WHERE id = ?", (execution_id,)).fetchone()
        return None if row is None else row[0]

    def calls(self) -> list[tuple[str, list[str]]]:
        """Return the executions for which handlers work, each with the IDs of the calls."""
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

    def _forget(self) -> None:
        self._counts.clear()
        self._last.clear()

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

    def _complete(self, row: Sequence[Any]) -> ExecutionSnapshot:
        execution, (trace, definition, due, place) = self._read(row), row[-4:]
        found = {"number": row[0], "trace": self._decoded(trace, execution["id"]), "due": due, "place": place}
        found["definition"] = self._decoded(definition, execution["id"])
        more = {name: value for name, value in found.items() if value is not None}
        return cast("ExecutionSnapshot", {**execution, **more})

    def _decoded(self, text: str, execution_id: str) -> Any:
        return self._store.decoded(text, self.name, execution_id)


def _selected(
    fields: str,
    statuses: Sequence[str],
    workflow_id: str | None,
    order: str,
    condition: str,
    values: Sequence[object],
) -> tuple[str, list[object]]:
    """Return a query of executions by number, and its values. Of a union of lists in this order, nothing is sorted."""
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


def _brief(execution: StoredExecution) -> StoredExecution:
    return cast("StoredExecution", {name: value for name, value in execution.items() if name != "inputs"})


def _merged(earlier: Mapping[str, StoredTrace], later: Mapping[str, StoredTrace]) -> dict[str, StoredTrace]:
    return {**earlier, **{name: earlier.get(name, {}) | note for name, note in later.items()}}

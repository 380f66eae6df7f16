"""Reading snapshots, which checks everything before it replaces any of the state, and errors about states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError

from fibonacci.definitions.json_types import is_array, is_object, place_of
from fibonacci.emulator.state.clock import later
from fibonacci.emulator.state.json_encoding import JSONObject, parse_json, to_json
from fibonacci.emulator.state.records import (
    DEFAULT_GOVERNANCE,
    StoredExecution,
    StoredNode,
    StoredVersion,
    StoredWorkflow,
    calls_of,
    is_possible,
    is_terminal,
)
from fibonacci.emulator.state.tables import SECRET, Key, TableKind


class StateError(ValueError):
    """A file or a snapshot isn't an emulator's state, is from a newer version, or can't be used.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> try:
        ...     Emulator().restore(b"something else")
        ... except StateError as error:
        ...     print("nothing was changed")
        nothing was changed
    """


class SnapshotError(StateError):
    """A snapshot is malformed or of a newer version: nothing was changed."""


class StateFullError(StateError):
    """The disk of the file is full: nothing was changed. What is stored can be read."""


class StateLockedError(StateError):
    """Another process has locked the file for longer than the busy timeout: nothing was changed."""


class StateReadOnlyError(StateError):
    """The file can be read and not written: nothing was changed."""


class UnreadableRecordError(StateError):
    """One record is damaged. The others can be used. `restore` and `reset` replace it."""


SCHEMA: Final = 1
"""The version of the snapshots that are written."""

SNAPSHOT_FORMAT: Final = "fibonacci emulator"


def check_schema(schema: int, newest: int, what: str) -> None:
    """Refuse a state that a newer version of this package wrote.

    Raises:
        StateError: If it is newer. The message names the remedy.
    """
    if schema > newest:
        raise StateError(
            f"{what} was written by a newer fibonacci-sdk (schema {schema}, but this version reads up to {newest}): "
            "upgrade fibonacci-sdk"
        )


Tables = dict[str, list[tuple[Key, JSONObject]]]
"""The records of each table with their keys, in order."""

_NO_SNAPSHOT: Final = "this is not a snapshot of an emulator"


def read_snapshot(snapshot: bytes, kinds: Mapping[str, TableKind[Any]]) -> Tables:
    """Return the tables of a snapshot.

    Args:
        snapshot: The snapshot.
        kinds: The tables that a snapshot may have.

    Raises:
        SnapshotError: If it is not a snapshot, is malformed, or is from a newer version. The message names the place.
    """
    content = _parsed(snapshot)
    if not is_object(content) or content.get("format") != SNAPSHOT_FORMAT:
        raise SnapshotError(_NO_SNAPSHOT)
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise malformed("schema", "is not a version")
    try:
        check_schema(schema, SCHEMA, "the snapshot")
    except StateError as error:
        raise SnapshotError(str(error)) from None
    tables = content.get("tables")
    if not is_object(tables):
        raise malformed("tables", "is not an object")
    for name in tables:
        if name not in kinds:
            raise SnapshotError(f"the snapshot has a table {name!r}, which this version does not know")
    return {name: _rows(kinds[name], rows) for name, rows in tables.items()}


def malformed(place: str, message: str) -> SnapshotError:
    """Return the error for a snapshot that is malformed at a place."""
    return SnapshotError(f"the snapshot is malformed: {place} {message}")


def _parsed(snapshot: bytes) -> Any:
    try:
        content = parse_json(snapshot)
        to_json(content)  # what can be read can be deeper than what can be written
        return content
    except (ValueError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{_NO_SNAPSHOT}: {error}") from error


def _rows(kind: TableKind[Any], rows: object) -> list[tuple[Key, JSONObject]]:
    place = f"tables.{kind.name}"
    if not is_array(rows):
        raise malformed(place, "is not an array")
    records: dict[Key, JSONObject] = {}
    for number, row in enumerate(rows):
        key, record = _row(f"{place}[{number}]", row)
        if key in records:
            raise malformed(f"{place}[{number}]", f"repeats the key {'/'.join(key)!r}")
        records[key] = record
    return list(records.items())


def _row(place: str, row: Any) -> tuple[Key, JSONObject]:
    if not is_array(row) or len(row) != 2:
        raise malformed(place, "is not a key and a record")
    key, record = row
    if not is_array(key) or not key or not all(isinstance(part, str) for part in key):
        raise malformed(f"{place}[0]", "is not a key (an array of strings)")
    if not is_object(record):
        raise malformed(f"{place}[1]", "is not a record (an object)")
    return tuple(key), dict(record)


_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {"governance": DEFAULT_GOVERNANCE}
"""What is read in place of fields that records of earlier versions lack, by table."""


def check_records(tables: Tables, kinds: Mapping[str, TableKind[Any]]) -> None:
    """Check that each record is of the type of its table, and that its key fits both.

    Raises:
        SnapshotError: If one is malformed. The message names the place.
    """
    for name, rows in tables.items():
        adapter: TypeAdapter[Any] = TypeAdapter(kinds[name].record)
        defaults: Mapping[str, object] = _DEFAULTS.get(name) or {}
        for number, (key, record) in enumerate(rows):
            place = f"tables.{name}[{number}]"
            if len(key) != len(kinds[name].key):
                raise malformed(f"{place}[0]", f"is not a key of {name}")
            try:
                adapter.validate_python({**defaults, **record}, strict=True)
            except ValidationError as error:
                fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
                raise malformed(place_of((f"{place}[1]", *fault["loc"])), f"is not valid: {fault['msg']}") from None
            for part, field in zip(key, kinds[name].key, strict=True):
                # A secret that is part of a key may be hidden in the record alone, as a file has it.
                if field in record and str(record[field]) != part and SECRET not in str(record[field]):
                    raise malformed(f"{place}[0]", f"has another {field} than its record")


def check_versions(tables: Tables) -> None:
    """Check that no workflow has a version later than its own. The next change would replace it.

    Raises:
        SnapshotError: If one has. The message names the place.
    """
    workflows = tables.get("workflows", ())
    present = {key[0]: cast("StoredWorkflow", workflow)["version"] for key, workflow in workflows}
    for number, ((workflow_id, _), record) in enumerate(tables.get("versions", ())):
        version = cast("StoredVersion", record)["version"]
        if version > present.get(workflow_id, version):
            text = f"is later than that of the workflow, which is {present[workflow_id]}"
            raise malformed(f"tables.versions[{number}][1].version", text)


class ExecutionPlan(NamedTuple):
    """What the definition of an execution that runs says of it.

    Attributes:
        types: The types of its nodes, by ID.
        timeout: The seconds that it may take, or `None`.
    """

    types: Mapping[str, str]
    timeout: float | None


_KEPT_WHILE: Final = {"runs": "running", "queue": "pending", "held": "pending_approval"}
"""The status that those executions have of which a table has a record."""


def check_executions(tables: Tables, plans: Mapping[str, ExecutionPlan]) -> None:
    """Check that what is kept of executions until they end fits them. Else one would never end, or would start twice.

    Args:
        tables: The tables, whose records have been checked.
        plans: What the definitions in `runs` say, by execution.

    Raises:
        SnapshotError: If something does not fit. The message names the place.
    """
    executions = {key[0]: cast("StoredExecution", record) for key, record in tables.get("executions", ())}
    kept = {
        name: {key[0]: record for key, record in tables.get(name, ())} for name in (*_KEPT_WHILE, "timers", "calls")
    }
    for name, records in kept.items():
        for number, execution_id in enumerate(records):
            if execution_id not in executions:
                raise malformed(f"tables.{name}[{number}][0]", f"belongs to no execution: there is no {execution_id!r}")
    for number, (execution_id, execution) in enumerate(executions.items()):
        place, status = f"tables.executions[{number}][1]", execution["status"]
        for name, while_it_is in _KEPT_WHILE.items():
            if (status == while_it_is) != (execution_id in kept[name]):
                text = f"is not valid: those that are {while_it_is} have a record in tables.{name}, and no others"
                raise malformed(f"{place}.status", text)
        if (execution["ended"] is not None) != is_terminal(status):
            raise malformed(f"{place}.ended", f"is not valid: it is {status}")
        if status == "pending_approval" and "approval" not in execution:
            raise malformed(place, "lacks the approval that it waits for")
        plan = plans.get(execution_id)
        if plan is not None:
            _check_nodes(place, execution, plan)
        for name, field, wait in _waits_of(execution, plan):
            if kept[name].get(execution_id, {}).get(field) != wait:
                raise malformed(f"{place}.nodes", f"do not fit tables.{name}, whose {field!r} of it must be {wait}")


def _check_nodes(place: str, execution: StoredExecution, plan: ExecutionPlan) -> None:
    if sorted(plan.types) != sorted(node["id"] for node in execution["nodes"]):
        raise malformed(f"{place}.nodes", "are not those of the definition that it runs")
    for index, node in enumerate(execution["nodes"]):
        if not is_possible(node, plan.types[node["id"]]):
            raise malformed(f"{place}.nodes[{index}]", "is not valid: no run has a node in this state")


def _waits_of(execution: StoredExecution, plan: ExecutionPlan | None) -> Iterator[tuple[str, str, object]]:
    """Yield what an execution waits for: a table, a field, and what its record there has in it, `None` without one."""
    nodes: list[StoredNode] = [] if plan is None else execution["nodes"]
    times = [node["until"] for node in nodes if node["until"] is not None]
    if plan is not None and plan.timeout is not None:
        times.append(later(execution["started"], plan.timeout))
    yield "timers", "due", min(times, default=None)
    yield "calls", "calls", calls_of(nodes) or None

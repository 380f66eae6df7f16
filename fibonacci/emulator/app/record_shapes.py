"""The shapes of records: whether a snapshot holds what the emulator can work on.

The models name the fields that are read; further ones are kept. They are imported when a snapshot is restored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fibonacci.definitions import check_definition
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.state.clock import LAST
from fibonacci.emulator.state.snapshot import malformed
from fibonacci.emulator.state.tables import Key, Record

_Time = Annotated[float, Field(ge=0, le=LAST)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Amount = Annotated[int, Field(ge=0)]


class StoredRecord(BaseModel):
    """The base of all shapes: exact types, and any further fields."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", strict=True, frozen=True)


class StoredDefinition(StoredRecord):
    """What has a definition."""

    name: str
    description: str | None
    definition: dict[str, Any] | None
    version: _Count


class StoredWorkflow(StoredDefinition):
    """A workflow."""

    id: str
    updated_at: str
    is_template: bool = False


class StoredVersion(StoredDefinition):
    """A version of a workflow."""

    workflow_id: str


class StoredUsage(StoredRecord):
    """What the attempts of a node have used."""

    input_tokens: _Amount = 0
    output_tokens: _Amount = 0
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0


class StoredNode(StoredRecord):
    """A node of an execution."""

    id: str
    type: str
    status: str
    output: Any
    error: str | None
    started: _Time | None
    ended: _Time | None
    attempts: _Count
    stopped: bool
    phase: Literal["wait", "call", "retry"] | None
    until: _Time | None
    call: str | None
    usage: StoredUsage | None = None
    iteration: _Count = 1
    earlier_attempts: _Count = 0
    improvement: str = ""


class StoredApproval(StoredRecord):
    """What an execution that waits for approval waits for."""

    requested_by: str
    approved_by: list[str]


class StoredExecution(StoredRecord):
    """An execution."""

    id: str
    workflow_id: str
    workflow_version: _Count
    inputs: dict[str, Any]
    status: str
    outputs: dict[str, Any]
    error: str | None
    nodes: list[StoredNode]
    created: _Time
    started: _Time
    ended: _Time | None
    approval: StoredApproval | None = None


class StoredRun(StoredRecord):
    """What is kept beside an execution while it runs."""

    definition: dict[str, Any] | None


class StoredTimer(StoredRecord):
    """When something is due in an execution."""

    due: _Time


class StoredCalls(StoredRecord):
    """The calls of handlers that work for an execution."""

    calls: list[str]


class StoredHold(StoredRecord):
    """Until when an execution waits for approval."""

    expires: _Time


class StoredNote(StoredRecord):
    """What only the trace of a node shows."""

    input: Any = None
    reason: str | None = None
    warnings: list[str] = Field(default_factory=list[str])
    without_value: list[str] = Field(default_factory=list[str])


class StoredEntry(StoredRecord):
    """An entry of the registry."""

    workflow_id: str
    name: str
    status: str
    created_at: str


class StoredSettings(StoredRecord):
    """The settings of an organization; one that is missing has its default."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: _Amount = 1
    category_flags: dict[str, bool] = Field(default_factory=dict[str, bool])


class StoredOverrides(StoredRecord):
    """The overrides of a quota."""

    workflow_runs_per_hour: _Amount = 0
    concurrent_executions: _Amount = 0
    memory_mb: _Amount = 0


class StoredPolicy(StoredRecord):
    """A policy of a tool."""

    tool_name: str
    enabled: bool
    allowed_roles: list[str]


class StoredRoleOverride(StoredRecord):
    """An override for a role."""

    role: str
    tool_name: str
    enabled: bool


class StoredChange(StoredRecord):
    """An entry of an audit log."""

    id: str
    action: str


class StoredValue(StoredRecord):
    """A value of memory."""

    key: str
    value: Any
    scope: str
    created_at: str
    expires: _Time | None
    description: str | None = None
    tags: list[str] = Field(default_factory=list[str])


class StoredConnection(StoredRecord):
    """A connected tool."""

    name: str


class StoredRunWindow(StoredRecord):
    """The window of a quota of runs."""

    ends: _Time
    used: _Count


class StoredClock(StoredRecord):
    """The time."""

    now: _Time


class StoredReplay(StoredRecord):
    """The response to an idempotency key."""

    request: str
    status: Annotated[int, Field(ge=200, le=599)]
    body: Annotated[str, Field(pattern=r"^[\x00-\x7f]*$")]
    request_id: Annotated[str, Field(pattern=r"^[!-~]+$")]
    headers: dict[Annotated[str, Field(pattern=r"^[!-~]+$")], Annotated[str, Field(pattern=r"^[ -~]*$")]]
    until: _Time


SHAPES: Final[Mapping[str, type[StoredRecord]]] = {
    "workflows": StoredWorkflow,
    "versions": StoredVersion,
    "executions": StoredExecution,
    "runs": StoredRun,
    "timers": StoredTimer,
    "calls": StoredCalls,
    "held": StoredHold,
    "traces": StoredNote,
    "registry": StoredEntry,
    "governance": StoredSettings,
    "quota_overrides": StoredOverrides,
    "tool_policies": StoredPolicy,
    "role_overrides": StoredRoleOverride,
    "audit": StoredChange,
    "memory": StoredValue,
    "connections": StoredConnection,
    "run_windows": StoredRunWindow,
    "clock_state": StoredClock,
    "replays": StoredReplay,
}
"""The shape of the records of each table."""

_KEY_PARTS: Final[Mapping[str, int]] = {
    "versions": 2,
    "traces": 2,
    "tool_policies": 2,
    "role_overrides": 3,
    "audit": 2,
    "memory": 3,
    "replays": 2,
}
"""The number of parts of the keys of a table, if it is not one."""

Rows = Sequence[tuple[Key, Record]]


def check_shapes(tables: Mapping[str, Rows]) -> None:
    """Check the records of a snapshot, and that those that belong together do.

    Raises:
        StateError: If one is malformed; the message names the place.
    """
    for name, rows in tables.items():
        for number, (key, record) in enumerate(rows):
            place = f"tables.{name}[{number}]"
            if len(key) != _KEY_PARTS.get(name, 1):
                raise malformed(f"{place}[0]", f"is not a key of {name}")
            _check_record(f"{place}[1]", SHAPES.get(name, StoredRecord), record)
            _check_definition(f"{place}[1].definition", record.get("definition") if name in _DEFINED else None)
    executions = {key[0]: record for key, record in tables.get("executions", ())}
    for number, (key, run) in enumerate(tables.get("runs", ())):
        _check_run(f"tables.runs[{number}]", key[0], run, executions)


_DEFINED: Final = frozenset({"workflows", "versions", "runs"})


def _check_record(place: str, shape: type[StoredRecord], record: Record) -> None:
    try:
        shape.model_validate(record)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
        raise malformed(f"{place}{where}", f"is not valid: {fault['msg']}") from None


def _check_definition(place: str, definition: Record | None) -> None:
    if definition is None:
        return
    errors = check_definition(definition).errors
    if errors:
        raise malformed(f"{place}.{errors[0].location}".rstrip("."), f"is not valid: {errors[0].message}")


def _check_run(place: str, execution_id: str, run: Record, executions: Mapping[str, Record]) -> None:
    execution = executions.get(execution_id)
    if execution is None:
        raise malformed(f"{place}[0]", f"is of no execution: there is no {execution_id!r}")
    expected, found = compiled(run["definition"]).order, [node["id"] for node in execution["nodes"]]
    if sorted(expected) != sorted(found):
        raise malformed(f"{place}[1].definition", "has other nodes than the execution")

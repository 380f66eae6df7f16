"""What is stored: a type for the records of each table.

The parts of a record that may hold a secret are derived from these types: texts and JSON, but never the names of
fields, states or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal, NotRequired, TypeGuard, get_args

from typing_extensions import TypedDict, get_type_hints, is_typeddict

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.state.json_encoding import JSON, JSONObject

Definition = JSONObject | None

NodeUsage = dict[str, int | float]
"""What the attempts of a node have used: whichever of `input_tokens`, `output_tokens` and `cost` were reported."""

ExecutionStatus = Literal["pending", "running", "pending_approval", "completed", "failed", "cancelled"]
EndStatus = Literal["completed", "failed", "skipped"]
"""How a node ends."""

NodeStatus = Literal["pending", "running", EndStatus, "cancelled"]
NodePhase = Literal["wait", "call", "retry"]
RegistryStatus = Literal["approved", "deprecated", "archived"]


def is_terminal(status: ExecutionStatus) -> bool:
    """Return whether an execution with this status has ended."""
    match status:
        case "completed" | "failed" | "cancelled":
            return True
        case "pending" | "running" | "pending_approval":
            return False


STATUSES: Final[frozenset[ExecutionStatus]] = frozenset(get_args(ExecutionStatus))
TERMINAL: Final[frozenset[ExecutionStatus]] = frozenset([status for status in STATUSES if is_terminal(status)])


class StoredWorkflow(TypedDict):
    """A workflow."""

    id: str
    name: str
    description: str | None
    definition: Definition
    version: int
    organization_id: str
    status: str
    created_at: str
    updated_at: str
    is_template: NotRequired[bool]


class StoredVersion(TypedDict):
    """A version of a workflow."""

    version: int
    workflow_id: str
    name: str
    description: str | None
    definition: Definition
    created_at: str
    rolled_back_from: int | None


class StoredNode(TypedDict):
    """A node of an execution: its public fields, and what it waits for while it runs."""

    id: str
    type: str
    status: NodeStatus
    output: JSON
    error: str | None
    started: float | None
    ended: float | None
    attempts: int
    stopped: bool
    phase: NodePhase | None
    until: float | None
    call: str | None
    usage: NotRequired[NodeUsage | None]
    iteration: NotRequired[int]
    earlier_attempts: NotRequired[int]
    improvement: NotRequired[str]


def is_decision(output: JSON) -> TypeGuard[JSONObject]:
    """Return whether an output is that of a conditional."""
    return isinstance(output, dict) and "result" in output


def calls_of(nodes: Iterable[StoredNode]) -> list[str]:
    """Return the IDs of the handler calls that nodes wait for."""
    return [node["call"] for node in nodes if node["phase"] == "call" and node["call"] is not None]


class StoredApproval(TypedDict):
    """The approval that an execution waits for."""

    reasons: list[str]
    requested_by: str
    requested_at: str
    approved_by: list[str]
    rejected_by: str | None
    expires_at: NotRequired[str]


class StoredExecution(TypedDict):
    """An execution. A brief record, as in lists, leaves out large inputs."""

    id: str
    workflow_id: str
    workflow_version: int
    inputs: JSONObject
    status: ExecutionStatus
    outputs: JSONObject
    error: str | None
    nodes: list[StoredNode]
    created: float
    started: float
    ended: float | None
    approval: NotRequired[StoredApproval]
    role: NotRequired[str]


class StoredTrace(TypedDict, total=False):
    """What only the trace of a node shows."""

    input: JSON
    reason: str | None
    warnings: list[str]
    without_value: list[str]
    remarks: list[str]


class StoredRegistry(TypedDict):
    """An entry of the registry."""

    workflow_id: str
    name: str
    status: RegistryStatus
    version: int
    created_at: str
    updated_at: str


class StoredGovernance(TypedDict):
    """The settings of an organization."""

    require_approval_for_external_comm: bool
    require_approval_for_public_writes: bool
    require_approval_for_permission_changes: bool
    allow_self_approval: bool
    approval_threshold: int
    category_flags: dict[str, bool]


DEFAULT_GOVERNANCE: Final[StoredGovernance] = {
    "require_approval_for_external_comm": False,
    "require_approval_for_public_writes": False,
    "require_approval_for_permission_changes": False,
    "allow_self_approval": False,
    "approval_threshold": 1,
    "category_flags": {},
}
"""The settings of a new organization."""


class StoredQuota(TypedDict, total=False):
    """The overrides of a quota."""

    workflow_runs_per_hour: int
    concurrent_executions: int
    memory_mb: int


class StoredToolPolicy(TypedDict):
    """A policy of a tool."""

    tool_name: str
    enabled: bool
    allowed_roles: list[str]
    created_at: str
    updated_at: str


class StoredRoleOverride(TypedDict):
    """An override for a role."""

    role: str
    tool_name: str
    enabled: bool
    created_at: str
    updated_at: str


StoredChange = TypedDict("StoredChange", {"from": JSON, "to": JSON})
"""The old and the new value of a field."""


class StoredAudit(TypedDict):
    """An entry of an audit log."""

    id: str
    actor: str
    action: str
    target: str
    changes: dict[str, StoredChange]
    created_at: str


class StoredMemory(TypedDict):
    """A value of memory."""

    key: str
    value: JSON
    scope: str
    user_id: str | None
    workflow_id: str | None
    ttl: int | None
    created_at: str
    updated_at: str
    expires: float | None
    description: NotRequired[str | None]
    tags: NotRequired[list[str]]


class StoredConnection(TypedDict):
    """A connected tool."""

    name: str
    tool: str
    status: str
    connected_at: str


class StoredRunWindow(TypedDict):
    """The window of a quota of runs. Its runs are those numbered from `first` on, so that no run has to write it."""

    ends: float
    first: int


class StoredClock(TypedDict):
    """The time."""

    now: float


class StoredReplay(TypedDict):
    """The response to an idempotency key."""

    request: str
    status: int
    body: str
    headers: dict[str, str]
    until: float


Change = Callable[[Any, bool], Any]
"""Returns a text or JSON changed. The second argument says whether users chose its keys."""


def map_content(shape: Any, value: Any, change: Change) -> Any:
    """Return a stored value with what comes from users changed: texts and JSON, but no names, states and numbers.

    Args:
        shape: The type of the value, such as that of a record.
        value: The value.
        change: What is done with a text or with JSON.
    """
    if is_typeddict(shape):
        hints = _hints_of(shape)
        return {name: _changed_field(name, hints.get(name, Any), inner, change) for name, inner in value.items()}
    if shape in (Any, JSONObject) or (isinstance(value, str) and shape is str):
        return change(value, True)
    if is_array(value):
        return [map_content(get_args(shape)[0], element, change) for element in value]
    if is_object(value):
        return {key: map_content(get_args(shape)[1], entry, change) for key, entry in value.items()}
    return value


_WRITTEN_HERE: Final = frozenset(
    ("id", "type", "status", "scope", "action", "role", "call", "calls", "request", "tool_name")
)
"""Fields, besides IDs and times, that only the emulator writes, so that they can't contain a secret."""


def _changed_field(name: str, shape: Any, value: Any, change: Change) -> Any:
    if name in _WRITTEN_HERE or name.endswith(("_id", "_at")):
        return value
    # The keys of a definition belong to its language: if they changed, it couldn't be read.
    return change(value, False) if name == "definition" else map_content(shape, value, change)


@cache
def _hints_of(shape: Any) -> Mapping[str, Any]:
    """Return the types of a record's fields. If a field may be null, its other type is returned."""
    hints = get_type_hints(shape).items()
    return {name: get_args(hint)[0] if type(None) in get_args(hint) else hint for name, hint in hints}

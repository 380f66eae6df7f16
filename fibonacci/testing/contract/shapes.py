"""The fields of objects in responses, and their types, as `docs/openapi.yaml` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.testing.contract.check import require, require_type
from fibonacci.testing.contract.server import Disagreement

Shape = Mapping[str, str]
"""The types of the fields, in the words of JSON Schema: `string|null`; that of a field that may be absent begins with
`?`. A text that has to be there is not empty."""

_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
_TIMES: Final = {"created_at": "?string|null", "updated_at": "?string|null"}
_TEXT: Final = "?string|null"

WORKFLOW: Final[Shape] = {
    "id": "string",
    "name": _TEXT,
    "description": _TEXT,
    "definition": "?object|null",
    "version": "?integer|string|null",
    "organization_id": _TEXT,
    "status": _TEXT,
    **_TIMES,
}
VERSION: Final[Shape] = {
    "version": "integer|string",
    "workflow_id": _TEXT,
    "name": _TEXT,
    "description": _TEXT,
    "definition": "?object|null",
    "created_at": _TEXT,
}
EXECUTION: Final[Shape] = {
    "execution_id": "string",
    "workflow_id": _TEXT,
    "status": "string",
    "outputs": "?object|null",
    "duration_ms": "?number|null",
    "nodes_executed": "?integer|null",
    "nodes_failed": "?integer|null",
    "trace": "?array|null",
    **_TIMES,
}
REGISTRY_ENTRY: Final[Shape] = {"workflow_id": "string", "name": _TEXT, "status": "string", **_TIMES}
GOVERNANCE: Final[Shape] = {
    "require_approval_for_external_comm": "boolean|null",
    "require_approval_for_public_writes": "boolean|null",
    "require_approval_for_permission_changes": "boolean|null",
    "allow_self_approval": "boolean|null",
    "approval_threshold": "integer|null",
    "category_flags": "object|null",
}
QUOTA: Final[Shape] = {"plan": "string|null", **dict.fromkeys(("limits", "overrides", "effective"), "object|null")}
TOOL_POLICY: Final[Shape] = {
    "tool_name": "string",
    "enabled": "?boolean|null",
    "allowed_roles": "?array|null",
    **_TIMES,
}
ROLE_OVERRIDE: Final[Shape] = {"role": "string", "tool_name": "string", "enabled": "boolean", **_TIMES}
MEMORY_ENTRY: Final[Shape] = {
    "key": _TEXT,
    "value": "",
    "scope": _TEXT,
    "user_id": _TEXT,
    "workflow_id": _TEXT,
    "ttl": "?number|null",
    "expires_at": _TEXT,
    **_TIMES,
}
TOOL: Final[Shape] = {"name": "string", "description": "string|null"}
TOOL_CONNECTION: Final[Shape] = {"name": _TEXT, "status": _TEXT}
HEALTH: Final[Shape] = {"status": "string|null"}
SECRETS_HEALTH: Final[Shape] = {"status": "string|null", "backend": "string|null", "checks": "object|null"}
OPEN: Final[Shape] = {}
"""An object whose fields are not documented."""


def require_shape(found: Any, shape: Shape, what: str) -> None:
    """Raise `Disagreement` unless a value is an object of a shape; fields that the shape does not have are let through.

    Args:
        found: The value in the response.
        shape: The shape.
        what: The name of the value, for the message.
    """
    require_type(found, dict, what)
    for name, kinds in shape.items():
        if name in found:
            _require_field(found[name], kinds, f"{what}.{name}")
        else:
            require(kinds.startswith("?"), f"{what} has no {name}: it has {', '.join(found) or 'no fields'}")


def _require_field(value: object, kinds: str, what: str) -> None:
    allowed = kinds.removeprefix("?").split("|")
    if not kinds.removeprefix("?"):
        return
    for kind in allowed:
        try:
            require_type(value, _TYPES[kind], what)
        except Disagreement:
            continue
        require(value != "" or kinds.startswith("?"), f"{what} is empty")
        return
    raise Disagreement(f"{what} is {value!r}, not {' or '.join(allowed)}")

"""What nodes read from memory and write to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from fibonacci.emulator.engine.default_nodes import NodeError
from fibonacci.emulator.engine.memory import MemorySet, MemoryToolSet, find_value, owner_of, set_value
from fibonacci.emulator.state.store import Store


class NodeMemory:
    """The memory of one workflow at one time, as its nodes read and write it.

    Args:
        store: The store.
        workflow_id: The id of the workflow.
        now: The time in Unix seconds.
    """

    def __init__(self, store: Store, workflow_id: str, now: float) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._now = now

    def read(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return values by key; `None` for a key that has none."""
        return {key: find_value(self._store, self._workflow_id, key, self._now)[1] for key in keys}

    def write(self, key: str, value: Any) -> None:
        """Write what a node keeps for its workflow."""
        body = MemorySet(value=value, workflow_id=self._workflow_id)
        set_value(self._store, (body.scope, self._workflow_id, key), body, self._now)

    def set_by_tool(self, params: Mapping[str, Any]) -> None:
        """Write a value by the parameters of the tool `memory_set`.

        Raises:
            NodeError: If the parameters are not valid.
        """
        try:
            body = MemoryToolSet.model_validate(params)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise NodeError(f"the tool memory_set: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        if body.scope == "user" and body.user_id is None:
            raise NodeError("the tool memory_set: user_id is required with the scope user")
        owner = owner_of(body.scope, body.user_id, body.workflow_id or self._workflow_id)
        set_value(self._store, (body.scope, owner, body.key), body, self._now)

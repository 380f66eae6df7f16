"""The values of templates in a run: outputs of nodes, inputs, memory, environment and secrets."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.definitions.templates import INPUT, Absent, Reference, TemplateError, follow
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.memory import find_value
from fibonacci.emulator.engine.node_states import NodeStates
from fibonacci.emulator.state.tables import Record


class TemplateValues:
    """The values of the templates of one execution at one time.

    Args:
        environment: What workflows can reach.
        execution: The record of the execution.
        nodes: Its nodes.
        now: The time in Unix seconds.

    Attributes:
        without_value: The expressions that were resolved and had no value, each with the reason, until they are
            cleared.
    """

    def __init__(self, environment: Environment, execution: Record, nodes: NodeStates, now: float) -> None:
        self._environment = environment
        self._execution = execution
        self._nodes = nodes
        self._now = now
        self.without_value: Final[dict[str, str]] = {}

    def resolve(self, reference: Reference) -> Any:
        """Return the value of a reference, and note in `without_value` if a node or an input has none.

        Raises:
            TemplateError: If it has none.
        """
        try:
            value = self._value_of(reference)
        except TemplateError as error:
            if reference.is_node or reference.source == INPUT:
                self.without_value[reference.text] = str(error)
            raise
        if isinstance(value, Absent):
            reason = f"{{{{{reference.text}}}}} has no value: {reference.source!r} was skipped"
            self.without_value[reference.text] = reason
        return value

    def _value_of(self, reference: Reference) -> Any:
        if reference.is_node:
            return follow(self._nodes.output_of(reference.source), reference, reference.path)
        match reference.source:
            case "memory":
                return self._of_memory(reference)
            case "env":
                return follow(self._environment.env, reference, reference.path)
            case "secrets":
                return follow(self._environment.secrets, reference, reference.path)
            case _:
                return follow(self._execution["inputs"], reference, reference.path)

    def resolve_shown(self, reference: Reference) -> Any:
        """Return the value of a reference for the trace; what must not or cannot be shown is the expression itself."""
        try:
            if reference.source not in ("secrets", "env"):
                return self._value_of(reference)
        except TemplateError:
            pass
        return f"{{{{{reference.text}}}}}"

    def resolve_or_nothing(self, reference: Reference) -> Any:
        """Return the value of a reference for `is_empty` and `is_not_empty`: a missing value is empty and no error."""
        try:
            return self._value_of(reference)
        except TemplateError:
            return None

    def _of_memory(self, reference: Reference) -> Any:
        key, *path = reference.path
        found, value = find_value(self._environment.store, self._execution["workflow_id"], key, self._now)
        if not found:
            raise TemplateError(f"{{{{{reference.text}}}}} has no value: there is no memory {key!r}")
        return follow(value, reference, tuple(path))

"""The base of the models of a definition: strict, open for unknown keys, and dumped without defaults."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, field_validator, model_serializer

from fibonacci._interrupts import passing_interrupts
from fibonacci.definitions.json_types import whole

_FIRST: Final = ("id", "type", "name")
_LAST: Final = (
    "condition", "fallback", "on_error", "dependencies", "enable_retry", "max_retries", "retry_delay", "retry",
)  # fmt: skip


@passing_interrupts
class DefinitionModel(BaseModel):
    """A part of a definition.

    `model_dump` returns the fields that were given, and the type of a node, which is always written.
    What a node is comes first, then what it does, then when it runs.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # importing the emulator is 5 % faster: WorkflowDefinition builds the nodes with itself
        populate_by_name=True,
        # A NaN inside `params` would be written as null, which has another meaning; the client refuses a NaN.
        ser_json_inf_nan="constants",
    )

    @field_validator("max_attempts", "max_iterations", "max_retries", "max_tokens", mode="before", check_fields=False)
    @classmethod
    def _read_whole_number(cls, value: object) -> object:
        return whole(value)

    @model_serializer(mode="wrap")
    def _as_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said = self.model_fields_set.union(self.model_extra or ())
        fields = {name: value for name, value in dump(self).items() if name in said}
        first = {name: fields[name] for name in _FIRST if name in fields}
        last = {name: fields.pop(name) for name in _LAST if name in fields}
        return first | fields | last

"""What the models of all node types have in common, and the objects inside nodes."""

from __future__ import annotations

from typing import Any, Final, Literal, Self, cast

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.model.definition_model import DefinitionModel
from fibonacci.definitions.model.spellings import OLDER_KEYS, Conflict, conflicts, split_retry, without_repeats

NODE_ID: Final = r"^[a-z0-9_-]+$"
"""The pattern of the id of a node."""

Operator = Literal[
    "equals",
    "not_equals",
    "contains",
    "not_contains",
    "greater_than",
    "less_than",
    "starts_with",
    "ends_with",
    "is_empty",
    "is_not_empty",
]
"""The name of a comparison, one of the ten that the platform documents."""

Backoff = Literal["linear", "exponential"]
"""How the delay grows from retry to retry."""


class RetryPolicy(DefinitionModel):
    """How a node is retried, in the older spelling; a workflow's `default_retry` has this one only.

    Example:
        >>> RetryPolicy(max_attempts=3, delay=2.0, backoff="exponential").max_attempts
        3
    """

    max_attempts: int | None = Field(default=None, ge=1)
    """The maximum number of attempts, the first one included; None for the platform's default."""

    delay: float | None = Field(default=None, ge=0)
    """The seconds before the first retry; None for the platform's default."""

    backoff: Backoff | None = None
    """How the delay grows from retry to retry: `linear` or `exponential`; None if it is always the same."""


class Condition(DefinitionModel):
    """A comparison that decides whether its node runs.

    Example:
        >>> Condition(field="{{input.team}}", operator="equals", value="sales").operator
        'equals'
    """

    field: Any
    """The left operand: a template, or any JSON."""

    operator: Operator
    """The operator, such as `equals`."""

    value: Any = None
    """The right operand: a template, or any JSON. `is_empty` and `is_not_empty` ignore it."""


class BaseNode(DefinitionModel):
    """The fields of every node, whatever its type."""

    id: str = Field(pattern=NODE_ID)
    """The id, unique within the definition: lower-case letters, digits, `_` and `-`."""

    name: str | None = None
    """The name shown to people; None when there is none."""

    dependencies: list[str] = Field(default_factory=list[str])
    """The ids of the nodes that run before this one, in any order."""

    enable_retry: bool = False
    """Whether the node is run again after it has failed."""

    max_retries: int = Field(default=3, ge=0)
    """The maximum number of retries, when `enable_retry` is true."""

    retry_delay: float = Field(default=1.0, ge=0)
    """The seconds between two attempts."""

    retry: RetryPolicy | None = None
    """The older spelling of retries. Only the backoff stays here; the rest is read into the three fields above."""

    @model_validator(mode="wrap")
    @classmethod
    def _read_either_spelling(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        found: list[Conflict] = []
        if is_object(data):
            keys = OLDER_KEYS[cls.model_fields["type"].default]
            data = _with_plain_retry(data)
            found = conflicts(data, keys)
            data = without_repeats(data, keys)
        if not found:
            return handler(data)._said()
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("conflicting_spellings", cast("Any", conflict.message)),
                loc=conflict.older,
                input=conflict.value,
            )
            for conflict in found
        ]
        try:
            handler(data)
        except ValidationError as error:
            errors += [
                InitErrorDetails(type=each["type"], loc=each["loc"], input=each["input"], ctx=each.get("ctx", {}))
                for each in error.errors(include_url=False)
            ]
        raise ValidationError.from_exception_data(cls.__name__, errors)

    def _said(self) -> Self:
        """Return the node with `type` among the fields that were given, and `retry` in the newer fields."""
        self.model_fields_set.add("type")
        if self.retry is not None:
            newer, rest = split_retry(self.retry.model_dump())
            vars(self).update(newer, retry=RetryPolicy.model_validate(rest) if rest else None)
            self.model_fields_set.update(newer)
            if not rest:
                self.model_fields_set.discard("retry")
        return self


def _with_plain_retry(data: Any) -> Any:
    """Return the data of a node with a retry that is a model as plain JSON."""
    retry = data.get("retry")
    return {**data, "retry": retry.model_dump()} if isinstance(retry, RetryPolicy) else data

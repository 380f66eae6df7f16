"""Models of a workflow definition and of its nodes: one per type, and one for types that the platform adds later.

The models read what the documentation shows, including the older spellings (`prompt` for `instruction`, `inputs` for
`params`), and keep every key that they don't know. They are strict: the text `"30"` isn't a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from fibonacci.definitions.json_types import is_object, whole
from fibonacci.definitions.node_kinds import OLDER_KEYS, NodeType, known_type
from fibonacci.definitions.spellings import conflicts, split_retry, without_repeats

_FIRST: Final = ("id", "type", "name")
_LAST: Final = (
    "condition", "fallback", "on_error", "dependencies", "enable_retry", "max_retries", "retry_delay", "retry",
)  # fmt: skip


class DefinitionModel(BaseModel):
    """A part of a definition.

    `model_dump` returns the fields that were given. It always includes the type of a node. First comes what a node is,
    then what it does, then when it runs.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # importing the emulator is 5% faster: WorkflowDefinition builds the nodes along with itself
        populate_by_name=True,
        # A NaN in `params` would be written as null, which means something else. The client refuses a NaN.
        ser_json_inf_nan="constants",
    )

    @field_validator("max_attempts", "max_iterations", "max_retries", "max_tokens", mode="before", check_fields=False)
    @classmethod
    def _read_whole_number(cls, value: object) -> object:
        return whole(value)

    def _given_names(self) -> set[str]:
        """Return the names of the fields that were given."""
        return self.model_fields_set.union(self.model_extra or ())

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given = self._given_names()
        fields = {name: value for name, value in dump(self).items() if name in given}
        first = {name: fields[name] for name in _FIRST if name in fields}
        last = {name: fields.pop(name) for name in _LAST if name in fields}
        return first | fields | last


NODE_ID: Final = r"^[a-z0-9_-]+$"
"""The pattern of the ID of a node."""

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
    """How to retry a node, in the older spelling.

    A workflow's `default_retry` has only this spelling.

    Example:
        >>> RetryPolicy(max_attempts=3, delay=2.0, backoff="exponential").max_attempts
        3
    """

    max_attempts: int | None = Field(default=None, ge=1)
    """The maximum number of attempts, including the first. If None, the platform uses its default."""

    delay: float | None = Field(default=None, ge=0)
    """How many seconds to wait before the first retry. If None, the platform uses its default."""

    backoff: Backoff | None = None
    """How the delay grows from retry to retry: `linear` or `exponential`. If None, it stays constant."""


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
    """The ID, unique within the definition: lowercase letters, digits, `_` and `-`."""

    name: str | None = None
    """The name that people see, or None."""

    dependencies: list[str] = Field(default_factory=list[str])
    """The IDs of the nodes that run before this one, in any order."""

    enable_retry: bool = False
    """Whether to retry the node if it fails."""

    max_retries: int = Field(default=3, ge=0)
    """The maximum number of retries, if `enable_retry` is true."""

    retry_delay: float = Field(default=1.0, ge=0)
    """How many seconds to wait between two attempts."""

    retry: RetryPolicy | None = None
    """The older spelling of retries. The model keeps only `backoff` here, and moves the rest to `enable_retry`,
    `max_retries` and `retry_delay`."""

    @model_validator(mode="wrap")
    @classmethod
    def _read_either_spelling(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not is_object(data):
            return handler(data)._as_written()
        keys = OLDER_KEYS[cls.model_fields["type"].default]
        data = _with_plain_retry(data)
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("conflicting_spellings", cast("Any", conflict.message)),
                loc=conflict.older,
                input=conflict.value,
            )
            for conflict in conflicts(data, keys)
        ]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return handler(without_repeats(data, keys))._as_written()

    def _as_written(self) -> Self:
        """Return the node with `type` among the fields that were given, and `retry` in the newer fields."""
        self.model_fields_set.add("type")
        if self.retry is not None:
            given = self.retry._given_names()
            newer, rest = split_retry({name: value for name, value in self.retry if name in given})
            vars(self).update(newer, retry=RetryPolicy.model_validate(rest) if rest else None)
            self.model_fields_set.update(newer)
            if not rest:
                self.model_fields_set.discard("retry")
        return self


def _with_plain_retry(data: Any) -> Any:
    """Return the data of a node, with a `retry` model converted to plain JSON."""
    retry = data.get("retry")
    return {**data, "retry": retry.model_dump()} if isinstance(retry, RetryPolicy) else data


DEFAULT_CRITERIA: Final = ("quality", "correctness", "completeness")
"""The default criteria of a critic."""


class _FallibleNode(BaseNode):
    """The fields of the nodes that call something outside the workflow."""

    condition: Condition | None = None
    """The condition for running the node. If it is false, the node is skipped. If None, the node always runs."""

    fallback: str | None = None
    """The ID of the node to run if this one fails. Its output replaces this node's output."""

    on_error: str | None = None
    """The ID of the node to run if this one fails. Its output doesn't replace this node's output."""


class LLMNode(_FallibleNode):
    """A node that calls a language model with a rendered instruction.

    Example:
        >>> LLMNode(id="greet", instruction="Greet {{input.name}}").model_dump()
        {'id': 'greet', 'type': 'llm', 'instruction': 'Greet {{input.name}}'}
    """

    type: Literal["llm"] = "llm"
    """Always `llm`, which is the type of this node."""

    instruction: str = Field(validation_alias=AliasChoices("instruction", "prompt"))
    """The instruction, which can have templates. The older key `prompt` works too."""

    system_prompt: str | None = None
    """The system prompt of the model, which can have templates, or None."""

    model: str | None = None
    """The name of the model. If None, the platform uses its default."""

    max_tokens: int | None = Field(default=None, ge=1)
    """The maximum number of tokens that the model generates. If None, the platform uses its default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """The sampling temperature, a number from 0 to 2 (0 to 1 in the platform's newer documentation). If None, the
    platform uses its default."""

    output_format: str | None = None
    """The form of the answer: `json` to have it parsed. Otherwise the answer is a text."""

    output_schema: dict[str, Any] | None = Field(default=None, validation_alias=AliasChoices("output_schema", "schema"))
    """The JSON Schema to check the answer against. The older key `schema` works too."""

    timeout: float | None = Field(default=None, gt=0)
    """How many seconds the model may take. If None, the platform uses its default."""

    memory_read: list[str] = Field(default_factory=list[str])
    """The keys to read from memory before the node runs, in any order."""

    memory_write: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What to write to memory after the node has run: values by key. Texts in them can have templates."""


class ToolNode(_FallibleNode):
    """A node that calls one tool of the catalog with rendered parameters.

    Example:
        >>> ToolNode(id="search", tool="web_search", params={"query": "{{input.topic}}"}).timeout
        30
    """

    type: Literal["tool"] = "tool"
    """Always `tool`, which is the type of this node."""

    tool: str = Field(min_length=1)
    """The name of the tool, such as `"slack_send_message"`."""

    params: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("params", "inputs"))
    """The parameters of the tool, by name. Texts in them can have templates. The older key `inputs` works too."""

    timeout: float = Field(default=30, gt=0)
    """How many seconds the tool may take."""


class CriticNode(BaseNode):
    """A node that assesses another node's output by a list of criteria.

    Example:
        >>> CriticNode(id="judge", target_node="draft", min_score=8).criteria
        ['quality', 'correctness', 'completeness']
    """

    type: Literal["critic"] = "critic"
    """Always `critic`, which is the type of this node."""

    target_node: str
    """The ID of the node whose output it assesses."""

    criteria: list[str] = Field(default_factory=lambda: list(DEFAULT_CRITERIA))
    """What to assess the output by, in order. Each text can have templates."""

    model: str | None = None
    """The name of the model that assesses. If None, the platform uses its default."""

    min_score: float = Field(default=7, ge=1, le=10)
    """The lowest score that passes, a number from 1 to 10."""

    max_iterations: int = Field(default=3, ge=1)
    """The maximum number of times that the target may run again if it doesn't pass."""

    improvement_prompt: str | None = None
    """The instruction for the target when it runs again, which can have templates. If None, the platform uses its
    default."""

    timeout: float | None = Field(default=None, gt=0)
    """How many seconds the critic may take. If None, the platform uses its default."""


class ConditionalNode(BaseNode):
    """A comparison that decides which of two branches runs.

    Example:
        >>> node = ConditionalNode(
        ...     id="gate", left_value="{{input.n}}", operator="greater_than", right_value=7, true_branch=["page"]
        ... )
        >>> node.false_branch
        []
    """

    type: Literal["conditional"] = "conditional"
    """Always `conditional`, which is the type of this node."""

    left_value: Any
    """The left operand: any JSON, or a template."""

    operator: Operator
    """The operator, such as `equals`."""

    right_value: Any = None
    """The right operand: any JSON, or a template. `is_empty` and `is_not_empty` ignore it."""

    true_branch: list[str] = Field(default_factory=list[str])
    """The IDs of the nodes that run only if the comparison is true, in any order."""

    false_branch: list[str] = Field(default_factory=list[str])
    """The IDs of the nodes that run only if the comparison is false, in any order."""


class CriticOutput(BaseModel):
    """A critic's assessment of its target.

    Example:
        >>> CriticOutput(passed=True, overall_score=8, criteria_scores={"correctness": 8}).passed
        True
    """

    passed: bool
    """Whether the score is at least `min_score`."""

    overall_score: float
    """The score, a number from 0 to 10."""

    criteria_scores: dict[str, float]
    """The score of each criterion, a number from 0 to 10, by criterion."""


class ConditionalOutput(BaseModel):
    """The decision of a conditional.

    Example:
        >>> ConditionalOutput(result=True, branch=["page"]).branch
        ['page']
    """

    result: bool
    """Whether the comparison is true."""

    branch: list[str]
    """The IDs of the nodes in the branch that runs, in the order of the definition."""


class OpenNode(DefinitionModel):
    """A node of a type that this version of the SDK doesn't know, such as one that the platform has added since.

    You can read the fields that all nodes have in common. Every other field is in `model_extra`, and is written as it
    was read.

    Example:
        >>> node = OpenNode.model_validate({"id": "each", "type": "loop", "over": "{{input.mails}}"})
        >>> node.type, node.model_extra
        ('loop', {'over': '{{input.mails}}'})
    """

    id: str = Field(pattern=NODE_ID)
    """The ID, unique within the definition: lowercase letters, digits, `_` and `-`."""

    type: str = Field(min_length=1)
    """The type, such as `loop`."""

    name: str | None = None
    """The name that people see, or None."""

    dependencies: list[str] = Field(default_factory=list[str])
    """The IDs of the nodes that run before this one, in any order."""


def _tag_of(node: object) -> str | None:
    """Return the tag of the model that reads a node, or None for an object without a type."""
    if is_object(node):
        if "type" not in node:
            return None
        node_type = node["type"]
    else:
        node_type = getattr(node, "type", None)
    return known_type(node_type) or "open"


Node = Annotated[
    Annotated[LLMNode, Tag("llm")]
    | Annotated[ToolNode, Tag("tool")]
    | Annotated[CriticNode, Tag("critic")]
    | Annotated[ConditionalNode, Tag("conditional")]
    | Annotated[OpenNode, Tag("open")],
    Discriminator(_tag_of),
]
"""A node of any type, as in `WorkflowDefinition.nodes`, where `type` tells which one."""

NODE_MODELS: Final[Mapping[NodeType, type[BaseNode]]] = {
    "llm": LLMNode,
    "tool": ToolNode,
    "critic": CriticNode,
    "conditional": ConditionalNode,
}
"""The model of each type of node that this version knows. Other types have `OpenNode`."""


class WorkflowDefinition(DefinitionModel):
    """The definition of a workflow: its nodes and its named outputs.

    Example:
        >>> definition = WorkflowDefinition.model_validate(
        ...     {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
        ... )
        >>> definition.nodes[0].instruction
        'Greet {{input.name}}'
    """

    name: str | None = None
    """The name of the workflow that people see, or None."""

    description: str | None = None
    """What the workflow does."""

    version: str | int | float | None = None
    """The version of the definition, a number or a text of your choice."""

    timeout: float | None = Field(default=None, gt=0)
    """How many seconds a whole run may take. If None, the platform uses its default."""

    default_retry: RetryPolicy | None = None
    """How to retry nodes that don't set their retries themselves. If None, they aren't retried."""

    input_schema: dict[str, Any] | None = None
    """The JSON Schema to check the inputs of a run against, before anything runs."""

    output_schema: dict[str, Any] | None = None
    """The JSON Schema to check the outputs of a run against."""

    allow_partial_results: bool = False
    """Whether a failed run has the outputs of the nodes that completed."""

    nodes: list[Node]
    """The nodes, in any order. Dependencies and templates decide which runs first."""

    outputs: dict[str, Any] | None = None
    """The outputs by name, with templates. If None, the workflow outputs what each node outputs, by node ID."""

    def _repr_html_(self) -> str:
        """Return the diagram, for notebooks."""
        from fibonacci.definitions.diagrams.svg import diagram_html  # which imports this module

        return diagram_html(self)


def with_default_retry(node: Node, default: RetryPolicy | None) -> Node:
    """Return a node with the default retry of its workflow, unless it sets its retries itself."""
    if default is None or isinstance(node, OpenNode):
        return node
    if not node.model_fields_set.isdisjoint(("enable_retry", "max_retries", "retry_delay", "retry")):
        return node
    newer, rest = split_retry(default.model_dump())
    return node.model_copy(update={**newer, "retry": RetryPolicy.model_validate(rest) if rest else None})

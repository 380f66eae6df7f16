"""Models of a workflow definition: one per node type, and the workflow around them.

The models read what the documentation shows, including the older spellings (`prompt` for `instruction`, `inputs` for
`params`), and keep every key that they do not know. They are strict: the text `"30"` is not a number.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from fibonacci.definitions.json_types import Whole

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

NodeId = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
"""The id of a node: lower-case letters, digits, `_` and `-`."""


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
        # A NaN inside `params` would be written as null, which has another meaning; the client refuses a NaN.
        ser_json_inf_nan="constants",
    )


class BaseNode(_Part):
    """The fields of every node, whatever its type."""

    id: NodeId
    """The id, unique within the definition: lower-case letters, digits, `_` and `-`."""

    name: str | None = None
    """The name shown to people; None when there is none."""

    dependencies: list[str] = []
    """The ids of the nodes that run before this one."""

    enable_retry: bool = False
    """Whether the node is run again after it has failed."""

    max_retries: Whole = Field(default=3, ge=0)
    """The maximum number of retries, when `enable_retry` is true."""

    retry_delay: float = Field(default=1.0, ge=0)
    """The seconds between two attempts."""


class LLMNode(BaseNode):
    """A call of a language model with a rendered instruction."""

    type: Literal["llm"]
    """The type of the node: `llm`."""

    instruction: str = Field(validation_alias=AliasChoices("instruction", "prompt"))
    """The instruction, a template. The older key `prompt` is read too."""

    model: str | None = None
    """The name of the model; None for the platform's default."""

    max_tokens: Whole | None = Field(default=None, ge=1)
    """The maximum number of tokens that the model generates; None for the platform's default."""

    temperature: float | None = Field(default=None, ge=0)
    """The sampling temperature, a number from 0; None for the platform's default."""


class ToolNode(BaseNode):
    """A call of one tool of the catalog with rendered parameters."""

    type: Literal["tool"]
    """The type of the node: `tool`."""

    tool: str = Field(min_length=1)
    """The name of the tool, such as `"slack_send_message"`."""

    params: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("params", "inputs"))
    """The parameters of the tool, by name; their texts are templates. The older key `inputs` is read too."""

    timeout: float = Field(default=30, gt=0)
    """The time that the tool may take, in seconds."""


class CriticNode(BaseNode):
    """An assessment of another node's output by a list of criteria."""

    type: Literal["critic"]
    """The type of the node: `critic`."""

    target_node: str
    """The id of the node whose output is assessed."""

    criteria: list[str] = []
    """The criteria, which are templates."""


class ConditionalNode(BaseNode):
    """A comparison that decides which of two branches runs."""

    type: Literal["conditional"]
    """The type of the node: `conditional`."""

    left_value: Any
    """The left operand: any JSON, or a template."""

    operator: Operator
    """The operator, such as `equals`."""

    right_value: Any = None
    """The right operand: any JSON, or a template. `is_empty` and `is_not_empty` ignore it."""

    true_branch: list[str] = []
    """The ids of the nodes that run only when the comparison holds."""

    false_branch: list[str] = []
    """The ids of the nodes that run only when the comparison does not hold."""


Node = Annotated[LLMNode | ToolNode | CriticNode | ConditionalNode, Field(discriminator="type")]


class WorkflowDefinition(_Part):
    """The definition of a workflow: its nodes and its named outputs.

    Example:
        >>> definition = WorkflowDefinition.model_validate(
        ...     {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
        ... )
        >>> definition.nodes[0].instruction
        'Greet {{input.name}}'
    """

    nodes: list[Node]
    """The nodes."""

    name: str | None = None
    """The name of the workflow."""

    description: str | None = None
    """What the workflow does."""

    version: str | int | float | None = None
    """The version of the definition, a number or a text, as its author writes it."""

    outputs: dict[str, Any] | None = None
    """The templates of the outputs, by name; None for the output of each node, by node id."""

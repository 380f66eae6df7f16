"""The typed form of a workflow definition: one model per node type, and the workflow around them.

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
        # A NaN inside `params` would be written as null, which means something else; left as it is, the client says so.
        ser_json_inf_nan="constants",
    )


class BaseNode(_Part):
    """What every node has, whatever its type."""

    id: NodeId
    name: str | None = None
    dependencies: list[str] = []
    enable_retry: bool = False
    max_retries: Whole = Field(default=3, ge=0)
    retry_delay: float = Field(default=1.0, ge=0)
    """Seconds between two attempts."""


class LLMNode(BaseNode):
    """A call of a language model with a rendered instruction."""

    type: Literal["llm"]
    instruction: str = Field(validation_alias=AliasChoices("instruction", "prompt"))
    model: str | None = None
    max_tokens: Whole | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)


class ToolNode(BaseNode):
    """A call of one tool of the catalogue with rendered parameters."""

    type: Literal["tool"]
    tool: str = Field(min_length=1)
    params: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("params", "inputs"))
    timeout: float = Field(default=30, gt=0)
    """Seconds that the tool may take."""


class CriticNode(BaseNode):
    """A judgement of another node's output by a list of criteria."""

    type: Literal["critic"]
    target_node: str
    criteria: list[str] = []


class ConditionalNode(BaseNode):
    """A comparison that decides which of two branches runs."""

    type: Literal["conditional"]
    left_value: Any
    operator: Operator
    right_value: Any = None
    true_branch: list[str] = []
    false_branch: list[str] = []


Node = Annotated[LLMNode | ToolNode | CriticNode | ConditionalNode, Field(discriminator="type")]


class WorkflowDefinition(_Part):
    """A whole workflow: its nodes, and the names under which their results are given out.

    Example:
        >>> definition = WorkflowDefinition.model_validate(
        ...     {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
        ... )
        >>> definition.nodes[0].instruction
        'Greet {{input.name}}'
    """

    nodes: list[Node]
    name: str | None = None
    description: str | None = None
    version: str | int | float | None = None
    outputs: dict[str, Any] | None = None
    """Templates by output name; without them the outputs are the nodes' own, by node id."""

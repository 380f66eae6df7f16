"""Models of the nodes of a workflow definition, one per type, and one for the types that come later.

The models read what the documentation shows, including the older spellings (`prompt` for `instruction`, `inputs` for
`params`), and keep every key that they do not know. They are strict: the text `"30"` is not a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, BaseModel, Discriminator, Field, Tag

from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.model.base_node import NODE_ID, BaseNode, Condition, Operator
from fibonacci.definitions.model.definition_model import DefinitionModel

DEFAULT_CRITERIA: Final = ("quality", "correctness", "completeness")
"""The criteria of a critic that names none."""


class _FallibleNode(BaseNode):
    """The fields of the nodes that call something outside the workflow."""

    condition: Condition | None = None
    """The condition under which the node runs, else it is skipped; None to run it always."""

    fallback: str | None = None
    """The id of the node that runs when this one has failed, and whose output stands in for it."""

    on_error: str | None = None
    """The id of the node that runs when this one has failed."""


class LLMNode(_FallibleNode):
    """A call of a language model with a rendered instruction.

    Example:
        >>> LLMNode(id="greet", instruction="Greet {{input.name}}").model_dump()
        {'id': 'greet', 'type': 'llm', 'instruction': 'Greet {{input.name}}'}
    """

    type: Literal["llm"] = "llm"
    """Always `llm`, by which a definition tells the types of nodes apart."""

    instruction: str = Field(validation_alias=AliasChoices("instruction", "prompt"))
    """The instruction, a template. The older key `prompt` is read too."""

    system_prompt: str | None = None
    """The system prompt of the model, a template; None for none."""

    model: str | None = None
    """The name of the model; None for the platform's default."""

    max_tokens: int | None = Field(default=None, ge=1)
    """The maximum number of tokens that the model generates; None for the platform's default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """The sampling temperature, a number from 0 to 2, or to 1 in the newer documentation; None for the default."""

    output_format: str | None = None
    """The form of the answer: `json` for an answer that is parsed, else it is a text."""

    output_schema: dict[str, Any] | None = Field(default=None, validation_alias=AliasChoices("output_schema", "schema"))
    """The JSON Schema that the answer is checked against. The older key `schema` is read too."""

    timeout: float | None = Field(default=None, gt=0)
    """The time that the model may take, in seconds; None for the platform's default."""

    memory_read: list[str] = Field(default_factory=list[str])
    """The keys that are read from memory before the node runs, in any order."""

    memory_write: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What is written to memory after the node has run: values by key; their texts are templates."""


class ToolNode(_FallibleNode):
    """A call of one tool of the catalog with rendered parameters.

    Example:
        >>> ToolNode(id="search", tool="web_search", params={"query": "{{input.topic}}"}).timeout
        30
    """

    type: Literal["tool"] = "tool"
    """Always `tool`, by which a definition tells the types of nodes apart."""

    tool: str = Field(min_length=1)
    """The name of the tool, such as `"slack_send_message"`."""

    params: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("params", "inputs"))
    """The parameters of the tool, by name; their texts are templates. The older key `inputs` is read too."""

    timeout: float = Field(default=30, gt=0)
    """The time that the tool may take, in seconds."""


class CriticNode(BaseNode):
    """An assessment of another node's output by a list of criteria.

    Example:
        >>> CriticNode(id="judge", target_node="draft", min_score=8).criteria
        ['quality', 'correctness', 'completeness']
    """

    type: Literal["critic"] = "critic"
    """Always `critic`, by which a definition tells the types of nodes apart."""

    target_node: str
    """The id of the node whose output is assessed."""

    criteria: list[str] = Field(default_factory=lambda: list(DEFAULT_CRITERIA))
    """What the output is assessed by, in order; texts that are templates."""

    model: str | None = None
    """The name of the model that assesses; None for the platform's default."""

    min_score: float = Field(default=7, ge=1, le=10)
    """The score that passes, a number from 1 to 10."""

    max_iterations: int = Field(default=3, ge=1)
    """The maximum number of times that the target runs again until it passes."""

    improvement_prompt: str | None = None
    """The instruction for the target when it runs again, a template; None for the platform's default."""

    timeout: float | None = Field(default=None, gt=0)
    """The time that the critic may take, in seconds; None for the platform's default."""


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
    """Always `conditional`, by which a definition tells the types of nodes apart."""

    left_value: Any
    """The left operand: any JSON, or a template."""

    operator: Operator
    """The operator, such as `equals`."""

    right_value: Any = None
    """The right operand: any JSON, or a template. `is_empty` and `is_not_empty` ignore it."""

    true_branch: list[str] = Field(default_factory=list[str])
    """The ids of the nodes that run only when the comparison holds, in any order."""

    false_branch: list[str] = Field(default_factory=list[str])
    """The ids of the nodes that run only when the comparison does not hold, in any order."""


class CriticOutput(BaseModel):
    """The assessment of a target by a critic.

    Example:
        >>> CriticOutput(passed=True, overall_score=8, criteria_scores={"correctness": 8}).passed
        True
    """

    passed: bool
    """Whether the score is `min_score` at least."""

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
    """Whether the comparison holds."""

    branch: list[str]
    """The ids of the nodes in the branch that it takes, in the order of the definition."""


class OpenNode(DefinitionModel):
    """A node of a type that this version of the SDK does not know, such as one that the platform has added since.

    What all nodes have in common can be read. Every other field is in `model_extra`, and is written as it was read.

    Example:
        >>> node = OpenNode.model_validate({"id": "each", "type": "loop", "over": "{{input.mails}}"})
        >>> node.type, node.model_extra
        ('loop', {'over': '{{input.mails}}'})
    """

    id: str = Field(pattern=NODE_ID)
    """The id, unique within the definition: lower-case letters, digits, `_` and `-`."""

    type: str = Field(min_length=1)
    """The type, such as `loop`."""

    name: str | None = None
    """The name shown to people; None when there is none."""

    dependencies: list[str] = Field(default_factory=list[str])
    """The ids of the nodes that run before this one, in any order."""


def _tag_of(node: object) -> str | None:
    """Return the tag of the model that reads a node; None for an object without a type."""
    if is_object(node):
        if "type" not in node:
            return None
        node_type = node["type"]
    else:
        node_type = getattr(node, "type", None)
    return node_type if isinstance(node_type, str) and node_type in NODE_MODELS else "open"


Node = Annotated[
    Annotated[LLMNode, Tag("llm")]
    | Annotated[ToolNode, Tag("tool")]
    | Annotated[CriticNode, Tag("critic")]
    | Annotated[ConditionalNode, Tag("conditional")]
    | Annotated[OpenNode, Tag("open")],
    Discriminator(_tag_of),
]
"""A node of any type, as `WorkflowDefinition.nodes` has them; `type` tells which one."""

NODE_MODELS: Final[Mapping[str, type[LLMNode | ToolNode | CriticNode | ConditionalNode]]] = {
    "llm": LLMNode,
    "tool": ToolNode,
    "critic": CriticNode,
    "conditional": ConditionalNode,
}
"""The model of each type of node that this version knows; `OpenNode` is that of the others."""

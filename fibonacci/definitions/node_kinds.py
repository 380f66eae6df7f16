"""The kinds of nodes and their keys: what the SDK knows about each besides the models, in two tables.

A kind has a model in `nodes.py`, entries here and a method of `WorkflowBuilder`. Code that depends on the type of a
node looks it up here, or matches all of `NodeType` or `Node`, where a missing kind is a type error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

NodeType = Literal["llm", "tool", "critic", "conditional"]
"""The type of a node that this version knows."""

LinkKind = Literal["dependency", "template", "branch", "critic", "fallback", "on_error", "mention"]
"""How a node names another. A mention is a template in a node of an unknown type, where it may mean something else."""


class NodeKind(NamedTuple):
    """What the SDK knows about a type of node."""

    is_fallible: bool
    """Whether it calls something outside the workflow, so it may have a `condition`, a `fallback` and an `on_error`."""

    method: str
    """The method of `WorkflowBuilder` that adds a node of this type."""

    subject: str
    """The key that describes a node best in a diagram. Empty if the type is enough."""

    mermaid: str
    """The shape in Mermaid, with `{}` for the label."""

    light: str
    """The color of the icon on a light page."""

    dark: str
    """The color of the icon on a dark page."""

    icon: str
    """The icon: lines in a 16 by 16 square, as an SVG path."""

    outline: Callable[[float, float], tuple[str, str]]
    """Returns the SVG outline of a box (element and attributes) for its width and height."""


_POINT: Final = 12.0  # how far the sides of a conditional's box stick out


def rectangle(width: float, height: float) -> tuple[str, str]:
    """Return the outline of a node of an unknown type."""
    return "rect", f'width="{width:g}" height="{height:g}" rx="3"'


def _rounded(width: float, height: float) -> tuple[str, str]:
    return "rect", f'width="{width:g}" height="{height:g}" rx="14"'


def _barred(width: float, height: float) -> tuple[str, str]:
    return "path", f'd="M0 0H{width:g}V{height:g}H0ZM6 0V{height:g}M{width - 6:g} 0V{height:g}"'


def _folded(width: float, height: float) -> tuple[str, str]:
    return "path", f'd="M0 0H{width - 14:g}L{width:g} 14V{height:g}H0ZM{width - 14:g} 0V14H{width:g}"'


def _pointed(width: float, height: float) -> tuple[str, str]:
    middle, right = height / 2, width - _POINT
    outline = f"M{_POINT:g} 0H{right:g}L{width:g} {middle:g} {right:g} {height:g}H{_POINT:g}L0 {middle:g}Z"
    return "path", f'd="{outline}"'


NODE_KINDS: Final[Mapping[NodeType, NodeKind]] = {
    "llm": NodeKind(
        is_fallible=True,
        method="llm",
        subject="model",
        mermaid='("{}")',
        light="#7c3aed",
        dark="#b794ff",
        icon="M8 1C8.6 5.7 10.3 7.4 15 8 10.3 8.6 8.6 10.3 8 15 7.4 10.3 5.7 8.6 1 8 5.7 7.4 7.4 5.7 8 1Z",
        outline=_rounded,
    ),
    "tool": NodeKind(
        is_fallible=True,
        method="tool",
        subject="tool",
        mermaid='[["{}"]]',
        light="#0969da",
        dark="#6cb6ff",
        icon="M8 5a3 3 0 1 0 .01 0M8 1.5V3.4M8 12.6v1.9M1.5 8H3.4M12.6 8h1.9M3.4 3.4 4.7 4.7M11.3 11.3l1.3 1.3"
        "M3.4 12.6l1.3-1.3M11.3 4.7l1.3-1.3",
        outline=_barred,
    ),
    "critic": NodeKind(
        is_fallible=False,
        method="critic",
        subject="target_node",
        mermaid='(["{}"])',
        light="#9a6700",
        dark="#e3b341",
        icon="M8 1.8a6.2 6.2 0 1 0 .01 0M5 8.2l2.1 2.1L11 6",
        outline=_folded,
    ),
    "conditional": NodeKind(
        is_fallible=False,
        method="when",
        subject="",
        mermaid='{{{{"{}"}}}}',
        light="#bf3989",
        dark="#f78bc4",
        icon="M8 1.5V6L3.5 10.5V14M8 6l4.5 4.5V14M1.7 12.2 3.5 14l1.8-1.8M10.7 12.2 12.5 14l1.8-1.8",
        outline=_pointed,
    ),
}
"""The kind of each type of node that this version knows."""


class NodeField(NamedTuple):
    """A key of nodes."""

    key: str
    """The key, in the newer spelling."""

    of: tuple[NodeType, ...] = ()
    """The types that have it, if what follows depends on the type. Empty if all have it, or none of that is known."""

    older: str | None = None
    """The older spelling, if it differs. For retries, see `spellings`."""

    in_0_2_4: str | None = None
    """The name in fibonacci-sdk 0.2.4, if it differed."""

    link: LinkKind | None = None
    """How the value names other nodes. Dependencies and branches are lists of names."""

    templates: Literal["before", "after"] | None = None
    """Whether the texts in it are templates, which are rendered before the node runs, or after: then they may name the
    node itself."""


_CALLS: Final[tuple[NodeType, ...]] = ("llm", "tool")

FIELDS: Final = (
    NodeField("id"),
    NodeField("type"),
    NodeField("name"),
    NodeField("dependencies", link="dependency"),
    NodeField("condition", _CALLS, templates="before"),
    NodeField("tool", ("tool",), in_0_2_4="tool_name"),
    NodeField("model"),
    NodeField("system_prompt", ("llm",), templates="before"),
    NodeField("instruction", ("llm",), older="prompt", templates="before"),
    NodeField("max_tokens"),
    NodeField("temperature"),
    NodeField("output_format"),
    NodeField("output_schema", ("llm",), older="schema"),
    NodeField("memory_read"),
    NodeField("memory_write", ("llm",), templates="after"),
    NodeField("params", ("tool",), older="inputs", in_0_2_4="tool_params", templates="before"),
    NodeField("left_value", ("conditional",), templates="before"),
    NodeField("operator"),
    NodeField("right_value", ("conditional",), templates="before"),
    NodeField("true_branch", ("conditional",), link="branch"),
    NodeField("false_branch", ("conditional",), link="branch"),
    NodeField("target_node", ("critic",), link="critic"),
    NodeField("criteria", ("critic",), in_0_2_4="evaluation_criteria", templates="before"),
    NodeField("min_score"),
    NodeField("max_iterations"),
    NodeField("improvement_prompt", ("critic",), templates="after"),
    NodeField("timeout"),
    NodeField("enable_retry"),
    NodeField("max_retries"),
    NodeField("retry_delay"),
    NodeField("retry"),
    NodeField("fallback", _CALLS, link="fallback"),
    NodeField("on_error", _CALLS, link="on_error"),
)
"""The keys of nodes, in the order in which they are written. Their types and defaults are in the models."""

NODE_KEYS: Final = tuple(key for field in FIELDS for key in (field.key, field.older) if key is not None)
"""Both spellings of each key."""

OLDER_KEYS: Final[Mapping[NodeType, Mapping[str, str]]] = {
    node_type: {field.key: field.older for field in FIELDS if field.older is not None and node_type in field.of}
    for node_type in NODE_KINDS
}
"""The older key of each newer key that has one, by type."""


_TYPES: Final[Mapping[str, NodeType]] = {node_type: node_type for node_type in NODE_KINDS}


def known_type(node_type: object) -> NodeType | None:
    """Return the type of a node, or None if this version doesn't know it."""
    return _TYPES.get(node_type) if isinstance(node_type, str) else None


def node_kind(node: Mapping[str, Any]) -> NodeKind | None:
    """Return the kind of a node, or None if its type is missing or unknown."""
    node_type = known_type(node.get("type"))
    return None if node_type is None else NODE_KINDS[node_type]


def is_open(node: Mapping[str, Any]) -> bool:
    """Tell whether this version doesn't know the type of a node, so that its keys may mean anything."""
    node_type = node.get("type")
    return isinstance(node_type, str) and node_type not in NODE_KINDS

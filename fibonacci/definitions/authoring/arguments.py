"""Arguments of the builder as plain JSON, with errors that name the argument and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic import BaseModel

from fibonacci.definitions.authoring.handles import NodeHandle, Template
from fibonacci.definitions.authoring.inputs import template_of
from fibonacci.definitions.authoring.schemas import json_schema
from fibonacci.definitions.authoring.value_types import is_model

_MAX_DEPTH: Final = 100
# An address changes from process to process, and so would the definition.
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9A-Fa-f]+>")
_REMEDIES: Final = {
    "bytes": "decode it, or encode it as base64 text",
    "date": "use .isoformat()",
    "datetime": "use .isoformat()",
    "Decimal": "use str() or float()",
    "UUID": "use str()",
    "set": "use sorted() or list()",
}


class ArgumentReader:
    """Reads the arguments of one builder, and refuses handles of another.

    Args:
        builder: The builder.
    """

    def __init__(self, builder: object) -> None:
        self._builder = builder

    def text(self, value: object, argument: str) -> str:
        """Return a text, which may hold templates.

        Raises:
            TypeError: If it is no text.
            ValueError: If it has the text of an object without a text of its own, or a handle of another builder.
        """
        value = template_of(value)
        if not isinstance(value, str):
            raise TypeError(f"{argument} must be a text, not {_kind(value)}")
        self._check_owner(value, argument)
        if found := _ADDRESS.search(value):
            raise ValueError(f"{argument} holds {found[0]!r}, which is no template; insert a node or one of the inputs")
        return str.__str__(value)

    def plain(self, value: object, argument: str, depth: int = 0) -> Any:
        """Return a value as plain JSON, with handles as their templates.

        Raises:
            TypeError: If something in it has no JSON form.
            ValueError: If it has NaN, an infinity, itself, or a handle of another builder in it.
        """
        if depth > _MAX_DEPTH:
            raise ValueError(f"{argument[:80]}... is nested too deeply, or holds itself; give plain, finite data")
        value = template_of(value)
        if isinstance(value, str):
            return self.text(value, argument)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{argument} is {value}, which JSON does not know; use None or a finite number")
        if isinstance(value, int | float | None):
            return value
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return {self._key(key, argument): self.plain(each, f"{argument}.{key}", depth + 1) for key, each in items}
        if isinstance(value, list | tuple):
            elements = cast("Sequence[object]", value)
            return [self.plain(each, f"{argument}[{index}]", depth + 1) for index, each in enumerate(elements)]
        raise TypeError(f"{argument} is {_kind(value)}, which has no JSON form; {_remedy(value)}")

    def node(self, value: object, argument: str) -> str:
        """Return the id of a node of this builder.

        Raises:
            TypeError: If the value is no node.
            ValueError: If it is a node of another builder.
        """
        if isinstance(value, NodeHandle):
            self._check_owner(value, argument)
            return value.id
        remedy = "give what flow.llm(...), flow.tool(...), flow.when(...) or flow.critic(...) returned"
        shown = f"the text {str(value)!r}" if isinstance(value, str) else _kind(value)
        raise TypeError(f"{argument} must be a node, not {shown}; {remedy}")

    def nodes(self, value: object, argument: str) -> list[str]:
        """Return the ids of a list of nodes.

        Raises:
            TypeError: If the value is no list, or something in it no node.
            ValueError: If a node is one of another builder.
        """
        if not isinstance(value, list | tuple):
            shown = f"the node {value.id!r}" if isinstance(value, NodeHandle) else _kind(value)
            raise TypeError(f"{argument} must be a list of nodes, not {shown}; write {argument}=[node]")
        items = cast("Sequence[object]", value)
        return list(dict.fromkeys(self.node(each, f"{argument}[{index}]") for index, each in enumerate(items)))

    def schema(self, value: object, argument: str) -> dict[str, Any]:
        """Return the JSON Schema that a model has, or that is given as a mapping.

        Raises:
            TypeError: If the value is neither.
            ValueError: If the model has no JSON Schema.
        """
        if is_model(value):
            return json_schema(value)
        if isinstance(value, Mapping):
            schema: dict[str, Any] = self.plain(cast("Mapping[str, Any]", value), argument)
            return schema
        raise TypeError(f"{argument} must be a pydantic model (the class) or a JSON Schema, not {_kind(value)}")

    def _key(self, key: object, argument: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"{argument} has the key {key!r}; JSON has texts as keys")
        if isinstance(key, Template):
            raise TypeError(f"{argument} has the key {str(key)!r}; only values can be templates, keys cannot")
        return str.__str__(key)

    def _check_owner(self, value: str, argument: str) -> None:
        if isinstance(value, Template) and value.builder is not self._builder:
            raise ValueError(f"{argument} is {str(value)!r} of another WorkflowBuilder; use nodes of this one")


def _kind(value: object) -> str:
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"


def _remedy(value: object) -> str:
    if isinstance(value, BaseModel):
        return "use .model_dump(mode='json'), or flow.inputs(...) for what each run is given"
    return _REMEDIES.get(type(value).__name__, "give plain data: dict, list, str, numbers, bool, None")

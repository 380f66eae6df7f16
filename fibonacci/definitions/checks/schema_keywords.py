"""The JSON Schemas of a definition: keywords and types that are misspelled, and what in them is not checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.schema_keywords import schema_faults


def schema_problems(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the faults of the schemas of inputs, of outputs, and of answers."""
    schemas = {name: definition.get(name) for name in ("input_schema", "output_schema")}
    for index, node in nodes.items():
        if node.get("type") == "llm":
            schemas |= {f"nodes[{index}].{name}": node.get(name) for name in ("output_schema", "schema")}
    for place, schema in schemas.items():
        for fault in schema_faults(schema, place) if is_object(schema) else ():
            yield problem(*fault)

"""Models: the nodes that name one which is not among the given ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.problems import Problem

_MOST_SHOWN: Final = 10


def model_names(models: Iterable[str]) -> list[str]:
    """Return the given names of models.

    Raises:
        TypeError: If they are no names; the message names what to pass.
    """
    given = cast("object", models)
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"models must be names of models, not {type(models).__name__}; pass a list of names")
    names = list(cast("Iterable[object]", given))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"models holds a {type(name).__name__}; pass names of models")
    return cast("list[str]", names)


def unknown_models(nodes: NodesByIndex, names: list[str]) -> Iterator[Problem]:
    """Yield the models that are not among the given ones."""
    for index, node in nodes.items():
        model = node.get("model")
        if isinstance(model, str) and model not in names:
            remedy = did_you_mean(model, names) or f"; use {', '.join(names[:_MOST_SHOWN]) or 'none'}"
            message = f"{model!r} is not one of the given models{remedy}"
            yield problem(f"nodes[{index}].model", "unknown_model", message)

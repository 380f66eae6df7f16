"""The free choices of a run: which results the comparisons of one value may have together.

Two conditionals that compare the same template confirm or contradict each other: it cannot be both "high" and "low".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, Final, NamedTuple

from fibonacci.definitions.checks.comparisons import Comparison
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.operators import UNARY, OperatorError, evaluate, is_numeric
from fibonacci.definitions.templates import INPUT, Reference, TemplateError, expressions, parse, strings

_OPPOSITE: Final[Mapping[str, str]] = {
    "not_equals": "equals",
    "not_contains": "contains",
    "is_not_empty": "is_empty",
}
_OF_TEXTS: Final = ("contains", "not_contains", "starts_with", "ends_with")
_MOST_OF_TEXTS: Final = 3  # of one value: each doubles the options
_ANOTHER: Final = "\0 a text that no definition compares with"
_ALONE: Final = "node "
_LONG: Final = 300  # digits of a number that fits no float
_MISSING: Final = object()  # a field that a value may not have


class Choice(NamedTuple):
    """What decides about one comparison in a run."""

    key: str
    """The same for comparisons that one choice decides."""

    options: Sequence[Sequence[bool | None]]
    """The results that these comparisons may have together; None for one that fails."""

    position: int
    """The position of this one's result."""


class Schemas(NamedTuple):
    """The JSON Schemas of the inputs, and of the outputs of nodes by id; anything but an object for none."""

    inputs: Any
    nodes: Mapping[str, Any]


def node_sources(comparison: Comparison) -> list[str] | None:
    """Return the ids that a comparison reads; None if it reads anything that is no node."""
    references = _references([comparison.left] if comparison.operator in UNARY else [*_operands(comparison)])
    if references is None or not all(reference.is_node for reference in references):
        return None
    return [reference.source for reference in references]


def choices_of(comparisons: Mapping[str, Comparison], schemas: Schemas, *, may_repeat: bool) -> dict[str, Choice]:
    """Return the choice that decides about each comparison, by node.

    Args:
        comparisons: The comparisons by node.
        schemas: What is known of the values.
        may_repeat: Whether nodes may run again, so that their templates may have several values in one run.
    """
    groups: dict[str, list[str]] = {}
    for node_id, comparison in comparisons.items():
        groups.setdefault(_key(node_id, comparison, may_repeat=may_repeat), []).append(node_id)
    for key, node_ids in list(groups.items()):
        of_texts = [node_id for node_id in node_ids if comparisons[node_id].operator in _OF_TEXTS]
        if len({_atom(comparisons[node_id]) for node_id in of_texts}) > _MOST_OF_TEXTS:
            groups[key] = [node_id for node_id in node_ids if node_id not in of_texts]
            for node_id in of_texts:  # equal ones stay together
                groups.setdefault(f"{key} {_atom(comparisons[node_id])}", []).append(node_id)
    choices: dict[str, Choice] = {}
    for key, node_ids in groups.items():
        options = _options(key, [comparisons[node_id] for node_id in node_ids], schemas)
        choices |= {node_id: Choice(key, options, index) for index, node_id in enumerate(node_ids)}
    return choices


def _operands(comparison: Comparison) -> Iterator[Any]:
    yield comparison.left
    if comparison.operator not in UNARY:
        yield comparison.right


def _references(values: Iterable[Any]) -> list[Reference] | None:
    """Return the templates in some values; None if one cannot be parsed."""
    texts = (text for value in values for _, text in strings(value))
    try:
        return [parse(expression) for text in texts for expression in expressions(text)]
    except TemplateError:
        return None


def _key(node_id: str, comparison: Comparison, *, may_repeat: bool) -> str:
    """Return the same text for comparisons of the same value with something fixed."""
    left, *right = (_references([operand]) for operand in _operands(comparison))
    is_fixed = left and not any(right) and None not in right and isinstance(comparison.left, str)
    if not is_fixed or any(r.source == "memory" or (may_repeat and r.is_node) for r in left or ()):
        return _ALONE + node_id
    return f"value {comparison.left}"


def _atom(comparison: Comparison) -> tuple[str, object]:
    """Return what a comparison of texts and its opposite have in common."""
    right = comparison.right
    return _OPPOSITE.get(comparison.operator, comparison.operator), right if isinstance(right, str) else id(right)


def _options(key: str, comparisons: Sequence[Comparison], schemas: Schemas) -> Sequence[Sequence[bool | None]]:
    """Return the results that comparisons of one value may have together: all that are possible, hardly more."""
    if key.startswith(_ALONE):
        return [(True,), (False,)]
    of_texts = list(dict.fromkeys(_atom(each) for each in comparisons if each.operator in _OF_TEXTS))
    found: dict[tuple[bool | None, ...], None] = {}
    for value, is_exact in _samples(comparisons, schemas):
        for holding in product((True, False), repeat=0 if is_exact else len(of_texts)):
            assumed = dict(zip(of_texts, holding, strict=False))
            found[tuple(_result(each, value, assumed) for each in comparisons)] = None
    results = list(found)
    # A failure only stops what runs without it: it matters where it goes with another result. What always fails is a
    # fault of its own, and left open here.
    return [each for each in results if each != (None,)] or [(True,), (False,)]


def _result(comparison: Comparison, value: Any, assumed: Mapping[tuple[str, object], bool]) -> bool | None:
    atom = _atom(comparison)
    if atom in assumed:
        return assumed[atom] is (comparison.operator not in _OPPOSITE)
    if value is _MISSING:
        return comparison.operator == "is_empty" if comparison.operator in UNARY else None
    try:
        return evaluate(comparison.operator, value, comparison.right)
    except (OperatorError, TypeError, ValueError, RecursionError):
        return None


def _samples(comparisons: Sequence[Comparison], schemas: Schemas) -> Iterator[tuple[Any, bool]]:
    """Yield a value of each kind that some comparisons tell apart, and whether comparisons of its text are exact."""
    known = _known_values(comparisons[0].left, schemas)
    if known is not None:
        yield from ((value, True) for value in known)
        return
    fixed = [each.right for each in comparisons if each.operator not in (*UNARY, *_OF_TEXTS)]
    numbers = sorted({float(value) for value in fixed if is_numeric(value) and len(str(value)) < _LONG})
    yield from ((value, isinstance(value, str) and not is_numeric(value)) for value in fixed)
    yield from (((low + high) / 2, False) for low, high in pairwise(numbers))
    yield from ((number, False) for number in ((numbers[0] - 1, numbers[-1] + 1) if numbers else ()))
    yield _ANOTHER, False
    yield from (("", True), (None, True))


def _known_values(left: str, schemas: Schemas) -> list[Any] | None:
    """Return all values that a template may have by a schema; None when they are not known."""
    found = expressions(left)
    if len(found) != 1 or left != f"{{{{{found[0]}}}}}":
        return None
    reference = parse(found[0])
    schema = schemas.inputs if reference.source == INPUT else schemas.nodes.get(reference.source)
    is_required = True
    for part in reference.path:
        properties = schema.get("properties") if is_object(schema) else None
        if not is_object(schema) or not is_object(properties):
            return None
        required = schema.get("required")
        is_required = is_required and is_array(required) and part in required
        schema = properties.get(part)
    values = schema.get("enum") if is_object(schema) else None
    if is_object(schema) and schema.get("type") == "boolean":
        values = [True, False]
    if not is_array(values) or not values:
        return None
    return list(values) if is_required else [*values, _MISSING]

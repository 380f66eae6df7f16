"""Comparisons that always have the same result, and comparisons whose operands can't be compared.

Two conditionals that compare the same template confirm or contradict each other: it cannot be both "high" and "low".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, Final, NamedTuple

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.graph import NodesByIndex
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.node_kinds import is_open
from fibonacci.definitions.operators import OPERATORS, UNARY, OperatorError, evaluate, is_numeric
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.template_types import TEXT, Form, Kind, TemplateTypes, ValueType, kind_of, listed
from fibonacci.definitions.templates import (
    Reference,
    TemplateError,
    as_text,
    expressions,
    parse,
    strings,
    whole_expression,
    without_expressions,
)

_NUMERIC: Final = ("greater_than", "less_than")
_IN_NUMBERS: Final = frozenset("0123456789.eE+- ")
_MOST_SHOWN: Final = 80
_MOST_COMPARISONS: Final = 1_000
_MOST_PAIRS: Final = 1_000
_IN_WORDS: Final[Mapping[str, str]] = {
    "equals": "equals",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
}


class Comparison(NamedTuple):
    """A comparison of a node: that of a conditional, or a `condition`."""

    left: Any
    """The left operand."""

    operator: str
    """The operator, which is a known one."""

    right: Any
    """The right operand."""

    keys: tuple[str, str]
    """Where the operands are in the node."""

    @property
    def constant(self) -> bool | None:
        """The result if the operands have no templates and can be compared. Otherwise None."""
        if _has_template(self.left) or (self.operator not in UNARY and _has_template(self.right)):
            return None
        try:
            return evaluate(self.operator, self.left, self.right)
        except OperatorError:
            return None


def comparison_of(node: Mapping[str, Any]) -> Comparison | None:
    """Return the comparison of a node, or None unless it has a known operator and a left operand."""
    if is_open(node):
        return None
    if node.get("type") == "conditional":
        return _read(node, "left_value", "right_value", "")
    condition = node.get("condition")
    return _read(condition, "field", "value", "condition.") if is_object(condition) else None


def _read(value: Mapping[str, Any], left: str, right: str, prefix: str) -> Comparison | None:
    operator = value.get("operator")
    if left not in value or not isinstance(operator, str) or operator not in OPERATORS:
        return None
    return Comparison(value[left], operator, value.get(right), (prefix + left, prefix + right))


def has_too_many_comparisons(nodes: NodesByIndex) -> bool:
    """Tell whether the checks for what never runs or has no value would take too long."""
    return sum(comparison_of(node) is not None for node in nodes.values()) > _MOST_COMPARISONS


def comparison_problems(nodes: NodesByIndex, types: TemplateTypes) -> Iterator[Problem]:
    """Yield the comparisons that always have the same result, and those of numbers with something else."""
    for index, node in nodes.items():
        comparison = comparison_of(node)
        if comparison is None:
            continue
        result = comparison.constant
        if result is not None:
            message = (
                f"the comparison is always {str(result).lower()}, because it uses no value of the run. Use a template"
            )
            yield problem(f"nodes[{index}].{comparison.keys[0]}", "constant_condition", message)
        elif comparison.operator in _NUMERIC:
            yield from _not_numbers(comparison, types, f"nodes[{index}].")
        elif comparison.operator not in UNARY and comparison.right is not None:  # a missing operand is null
            yield from _never_matches(comparison, types, f"nodes[{index}].")


def has_number(value_type: ValueType) -> bool:
    """Return whether a known type includes a number, or a known text that contains one."""
    return any(form.kind == "number" or any(map(is_numeric, form.values or ())) for form in value_type.forms)


def _not_numbers(comparison: Comparison, types: TemplateTypes, prefix: str) -> Iterator[Problem]:
    for key, operand in zip(comparison.keys, (comparison.left, comparison.right), strict=True):
        value_type = types.of_value(operand)
        is_text = any(form.kind == "text" and form.values is None for form in value_type.forms)
        if isinstance(operand, str) and not _IN_NUMBERS.issuperset(without_expressions(operand)):
            is_text = False  # whatever its templates become, it contains more than a number
        if value_type.is_known and not is_text and not has_number(value_type):
            message = f"{comparison.operator} compares numbers, not this value. Use a number or a template"
            if _has_template(operand):
                it_is = "never one" if value_type == TEXT else str(value_type)
                message = f"{comparison.operator} compares numbers, and {_operand_text(operand)} is {it_is}"
            yield problem(prefix + key, "not_a_number", message)


def _never_matches(comparison: Comparison, types: TemplateTypes, prefix: str) -> Iterator[Problem]:
    left, right = types.of_value(comparison.left), types.of_value(comparison.right)
    operator = comparison.operator.removeprefix("not_")
    if not (left.is_known and right.is_known) or any(
        _may_match(operator, first, second) for first, second in product(left.forms, right.forms)
    ):
        return
    result = str(operator != comparison.operator).lower()
    message = f"{_operand_text(comparison.left)} never {_IN_WORDS[operator]} {_operand_text(comparison.right)}"
    message += f", so the comparison is always {result}: "
    words: Sequence[Any] | None
    if not _has_template(comparison.left):
        key, written, words = comparison.keys[0], comparison.left, right.values
        message += f"{_operand_text(comparison.right)} is {right}"
    else:
        key, written = comparison.keys[1], comparison.right
        description, words = _contents(left) if operator == "contains" else (str(left), left.values)
        message += f"it is {description}" + (
            f", and {_operand_text(written)} is {right}" if _has_template(written) else ""
        )
    near = did_you_mean(written, map(str, words or ())) if isinstance(written, str) else ""
    yield problem(prefix + key, "never_matches", message + near)


def _contents(value_type: ValueType) -> tuple[str, Sequence[Any] | None]:
    """Return what `contains` searches: in words, and all values that it may find there."""
    fields = value_type.fields()
    if fields:
        return f"{value_type.in_words} with the fields {listed(fields)}", fields
    item = value_type.part("0")
    if item is None or not item.type.is_known:
        return str(value_type), value_type.values
    return f"{value_type.in_words}, each item of which is {item.type}", item.type.values


def _may_match(operator: str, left: Form, right: Form) -> bool:
    """Return whether an operator may hold for two values. The operator is never a negated one."""
    if left.values is not None and right.values is not None:
        if len(left.values) * len(right.values) > _MOST_PAIRS:
            return True
        return any(evaluate(operator, first, second) for first, second in product(left.values, right.values))
    if operator == "equals":
        return _may_equal(left, right)
    if operator == "contains" and left.kind == "list" and "prefixItems" not in (left.schema or {}):
        element = left.part("0")
        forms = () if element is None else element.type.forms
        return not forms or any(_may_match("equals", form, right) for form in forms)
    if operator == "contains" and left.kind == "object" and right.values is not None:
        return any(left.part(as_text(value)) is not None for value in right.values)
    return True


def _may_equal(left: Form, right: Form) -> bool:
    if left.values is not None:
        left, right = right, left
    if right.values is not None:
        return any(_may_be(left.kind, value) for value in right.values)
    return left.kind == right.kind or {left.kind, right.kind} == {"text", "number"}


def _may_be(kind: Kind, value: Any) -> bool:
    """Return whether a value of a kind may equal a known value. The text "5" equals 5, and "true" equals true."""
    if kind == "number" and isinstance(value, str):
        return is_numeric(value)
    return kind_of(value) == kind or (kind == "text" and kind_of(value) in ("number", "boolean"))


def _operand_text(operand: Any) -> str:
    if not isinstance(operand, str):
        operand = as_text(operand)
    elif not _has_template(operand):
        operand = repr(operand)
    return operand if len(operand) <= _MOST_SHOWN else f"{operand[:_MOST_SHOWN]}..."


def _has_template(value: Any) -> bool:
    return any(expressions(text) for _, text in strings(value))


_OPPOSITE: Final[Mapping[str, str]] = {
    "not_equals": "equals",
    "not_contains": "contains",
    "is_not_empty": "is_empty",
}
_OF_TEXTS: Final = ("contains", "not_contains", "starts_with", "ends_with")
_MOST_OF_TEXTS: Final = 3  # comparisons of one value, because each doubles the options
_ANOTHER: Final = "\0 a text that no definition compares with"
_ALONE: Final = "node "
_LONG: Final = 300  # so many digits that no float can hold the number
_MISSING: Final = object()  # stands for a missing field


class Choice(NamedTuple):
    """What decides a comparison when the workflow runs."""

    key: str
    """Identifies the choice. Comparisons that it decides share the key."""

    options: Sequence[Sequence[bool | None]]
    """The results that these comparisons may have together. None means that the comparison fails."""

    position: int
    """The position of this comparison's result in an option."""


def node_sources(comparison: Comparison) -> list[str] | None:
    """Return the IDs that a comparison reads, or None if it reads anything but nodes."""
    references = _references([comparison.left] if comparison.operator in UNARY else [*_operands(comparison)])
    if references is None or not all(reference.is_node for reference in references):
        return None
    return [reference.source for reference in references]


def choices_of(comparisons: Mapping[str, Comparison], types: TemplateTypes, *, may_repeat: bool) -> dict[str, Choice]:
    """Return the choice that decides each comparison, by node.

    Args:
        comparisons: The comparisons by node.
        types: What is known about the values.
        may_repeat: Whether nodes may run again, so that their templates may have several values in one execution.
    """
    keys = {node_id: _key(node_id, each, may_repeat=may_repeat) for node_id, each in comparisons.items()}
    distinct = {(keys[node_id], _atom(each)) for node_id, each in comparisons.items() if each.operator in _OF_TEXTS}
    of_texts = Counter(key for key, _ in distinct)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for node_id, each in comparisons.items():
        key = keys[node_id]
        if each.operator in _OF_TEXTS and of_texts[key] > _MOST_OF_TEXTS:  # then only equal ones share a choice
            key = f"{key} {_atom(each)}"
        groups[key].append(node_id)
    choices: dict[str, Choice] = {}
    for key, node_ids in groups.items():
        options = _options(key, [comparisons[node_id] for node_id in node_ids], types)
        choices |= {node_id: Choice(key, options, index) for index, node_id in enumerate(node_ids)}
    return choices


def _operands(comparison: Comparison) -> Iterator[Any]:
    yield comparison.left
    if comparison.operator not in UNARY:
        yield comparison.right


def _references(values: Iterable[Any]) -> list[Reference] | None:
    """Return the templates in some values, or None if one can't be parsed."""
    texts = (text for value in values for _, text in strings(value))
    try:
        return [parse(expression) for text in texts for expression in expressions(text)]
    except TemplateError:
        return None


def _key(node_id: str, comparison: Comparison, *, may_repeat: bool) -> str:
    """Return a key, which is the same for all comparisons of one value with something fixed."""
    left, *right = (_references([operand]) for operand in _operands(comparison))
    is_fixed = left and not any(right) and None not in right and isinstance(comparison.left, str)
    if not is_fixed or any(r.source == "memory" or (may_repeat and r.is_node) for r in left or ()):
        return _ALONE + node_id
    return f"value {comparison.left}"


def _atom(comparison: Comparison) -> tuple[str, object]:
    """Return a key that a comparison of texts shares with its opposite."""
    right = comparison.right
    return _OPPOSITE.get(comparison.operator, comparison.operator), right if isinstance(right, str) else id(right)


def _options(key: str, comparisons: Sequence[Comparison], types: TemplateTypes) -> Sequence[Sequence[bool | None]]:
    """Return the results that comparisons of one value may have together: all possible ones, and hardly any others."""
    if key.startswith(_ALONE):
        return [(True,), (False,)]
    of_texts = list(dict.fromkeys(_atom(comparison) for comparison in comparisons if comparison.operator in _OF_TEXTS))
    results_seen: dict[tuple[bool | None, ...], None] = {}
    for value, is_exact in _samples(comparisons, types):
        for holding in product((True, False), repeat=0 if is_exact else len(of_texts)):
            assumed = dict(zip(of_texts, holding, strict=False))
            results_seen[tuple(_result(comparison, value, assumed) for comparison in comparisons)] = None
    results = list(results_seen)
    # A failure only stops nodes that would run otherwise, so it matters only together with another result. What always
    # fails is a separate problem, and ignored here.
    return [result for result in results if result != (None,)] or [(True,), (False,)]


def _result(comparison: Comparison, value: Any, assumed: Mapping[tuple[str, object], bool]) -> bool | None:
    atom = _atom(comparison)
    if atom in assumed:
        return assumed[atom] is (comparison.operator not in _OPPOSITE)
    if value is _MISSING:
        return comparison.operator == "is_empty" if comparison.operator in UNARY else None
    try:
        return evaluate(comparison.operator, value, comparison.right)
    except OperatorError:
        return None


def _samples(comparisons: Sequence[Comparison], types: TemplateTypes) -> Iterator[tuple[Any, bool]]:
    """Yield a sample of each kind of value that the comparisons tell apart, and whether its text is exact."""
    known = _known_values(comparisons[0].left, types)
    if known is not None:
        yield from ((value, True) for value in known)
        return
    fixed = [comparison.right for comparison in comparisons if comparison.operator not in (*UNARY, *_OF_TEXTS)]
    numbers = sorted({float(value) for value in fixed if is_numeric(value) and len(str(value)) < _LONG})
    yield from ((value, isinstance(value, str) and not is_numeric(value)) for value in fixed)
    yield from (((low + high) / 2, False) for low, high in pairwise(numbers))
    yield from ((number, False) for number in ((numbers[0] - 1, numbers[-1] + 1) if numbers else ()))
    yield _ANOTHER, False
    yield from (("", True), (None, True))


def _known_values(left: str, types: TemplateTypes) -> list[Any] | None:
    """Return all values that a template may have according to a schema, or None if they are unknown."""
    expression = whole_expression(left)
    reading = None if expression is None else types.read(parse(expression))
    if reading is None or reading.type.values is None:
        return None
    return [*reading.type.values, *([_MISSING] if reading.optional else [])]

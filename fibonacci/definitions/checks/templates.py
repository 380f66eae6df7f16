"""Templates that are probably mistakes: fields that don't exist, values that may be missing, stray braces.

JSON, CSS, LaTeX and programs in an instruction have braces as well, and are fine. Braces are reported only if they hold
the name of a node or a source, are unbalanced, or use the syntax of another template language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.checks.comparisons import comparison_of, has_number, has_too_many_comparisons
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import NodesByIndex, templated_values
from fibonacci.definitions.json_types import as_object
from fibonacci.definitions.node_kinds import is_open
from fibonacci.definitions.operators import UNARY
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.template_types import TemplateTypes, ValueType, listed
from fibonacci.definitions.templates import (
    INPUT,
    Reference,
    TemplateError,
    names_value,
    parse,
    placed_expressions,
    single_braced,
    strings,
    whole_expression,
    without_expressions,
)

_PATH: Final = r"[^\s.{}<>]++(?:\.[^\s.{}<>]++)*+"
_BRACED: Final = re.compile(rf"(?<!\{{)(\{{++)\s*+({_PATH})\s*+(\}}++)")
_LAST_PATH: Final = re.compile(rf"({_PATH})\s*+$")
_ANGLES: Final = re.compile(rf"(?<!<)<<({_PATH})>>(?!>)")
_DOLLAR: Final = re.compile(r"\$\{\{([^{}]*)\}\}")
_STATEMENT: Final = re.compile(
    r"\{%[-+]?\s*(?:if|elif|else|endif|for|endfor|set|unless|endunless|case|when|assign|include|macro|block|with)\b"
    r"[^{}\n]*%\}"
)
_LONGEST_PATH: Final = 200
_AS_IT_IS: Final = "If you mean the characters, put a space between them"

_Paths = frozenset[tuple[str, ...]]
"""Paths to values, including those of their containers."""

MayBeNumber = Callable[[str], bool | None]
"""Tells whether an expression may be a number, or None if nothing is known about it."""


def brace_problems(
    location: str, text: str, ids: Collection[str], inputs: Collection[str], may_be_number: MayBeNumber
) -> Iterator[Problem]:
    """Yield braces in a text that don't form a template, but were probably meant to."""
    if "<<" in text:
        for match in _ANGLES.finditer(text):
            name = match[1]
            if names_value(name, ids):
                message = f"'<<{name}>>' is plain text. Write '{{{{{name}}}}}'. {_AS_IT_IS}"
                yield problem(location, "foreign_template", message, offset=match.start())
    if "{" not in text and "}" not in text:
        return
    yield from _foreign(location, text, may_be_number)
    yield from _incomplete(location, text, ids, inputs)


def _foreign(location: str, text: str, may_be_number: MayBeNumber) -> Iterator[Problem]:
    statement = _STATEMENT.search(text) if "{%" in text else None
    if statement is not None:
        message = (
            f"{statement[0]!r} is plain text, because templates have no statements. Use a conditional node. {_AS_IT_IS}"
        )
        yield problem(location, "foreign_template", message, offset=statement.start())
    for match in _DOLLAR.finditer(text) if "${{" in text else ():
        expression = match[1]
        is_number = may_be_number(expression)
        # "${{input.price}}" is a dollar amount, unless it is the whole text or is spaced as on GitHub.
        is_meant = is_number is False or (is_number is None and (match[0] == text or expression != expression.strip()))
        if is_meant:
            message = (
                f"the '$' of '{match[0]}' is plain text before the value. Write '{{{{{expression.strip()}}}}}'."
                f" {_AS_IT_IS}"
            )
            yield problem(location, "foreign_template", message, offset=match.start())


def _incomplete(location: str, text: str, ids: Collection[str], inputs: Collection[str]) -> Iterator[Problem]:
    """Yield the templates with missing braces."""
    rest = without_expressions(text)
    if "{" not in rest and "}" not in rest:
        return
    single = list(single_braced(text, ids, inputs))
    excess = rest.count("{") - rest.count("}")
    unclosed: list[Problem] = []
    for match in _BRACED.finditer(rest):
        surplus, name = len(match[1]) - len(match[3]), match[2]
        if not surplus or 1 not in (len(match[1]), len(match[3])) or not names_value(name, ids):
            continue
        if surplus * excess > 0:
            unclosed.append(_unclosed(location, match.start(), text[match.start() : match.end()], name))
        elif "." in name:  # balanced braces may belong to LaTeX or a program, as in {{name}_i}
            single.append((match.start(), name, name))
    for offset, name, meant in sorted(single):
        message = f"'{{{name}}}' is plain text. Write '{{{{{meant}}}}}', in a Python f-string with four braces"
        yield problem(location, "single_braces", message, offset=offset)
    yield from unclosed
    if unclosed:
        return
    if excess > 0 and "{{" in rest:
        message = "'{{' starts no template. Write '{{name}}' or '{{name.field}}'"
        yield problem(location, "unclosed_template", message, offset=rest.index("{{"))
    elif excess < 0 and "}}" in rest:
        end = rest.index("}}")
        last = _LAST_PATH.search(rest, max(0, end - _LONGEST_PATH), end)
        if last is not None and names_value(last[1], ids):
            yield _unclosed(location, last.start(), f"{last[0]}}}}}", last[1])


def _unclosed(location: str, offset: int, written: str, name: str) -> Problem:
    message = f"'{written}' is plain text. Write '{{{{{name}}}}}'. {_AS_IT_IS}"
    return problem(location, "unclosed_template", message, offset=offset)


def template_problems(
    definition: Mapping[str, Any], nodes: NodesByIndex, types: TemplateTypes, flow: Flow
) -> Iterator[Problem]:
    """Yield templates that are probably mistakes."""
    inputs = as_object(as_object(definition.get("input_schema")).get("properties"))
    check = _TemplateCheck(nodes, inputs, types, flow)
    for index, node in nodes.items():
        comparison = comparison_of(node)
        # The operands of `is_empty` and `is_not_empty` may have no value, since that is what these test.
        exempt = comparison.keys if comparison is not None and comparison.operator in UNARY else ()
        for key, value in () if is_open(node) else templated_values(node):
            for place, text in strings(value):
                at = key + place
                yield from check.text(f"nodes[{index}].{at}", text, None if at.startswith(exempt) else node["id"])
    for place, text in strings(definition.get("outputs")):
        yield from check.text(f"outputs{place}", text, "")


class _TemplateCheck:
    def __init__(self, nodes: NodesByIndex, inputs: Collection[str], types: TemplateTypes, flow: Flow) -> None:
        self._flow = flow
        self._inputs = inputs
        self._nodes = nodes
        self._types = types
        self._ids = {node["id"] for node in nodes.values()}
        self._has_too_many_comparisons = has_too_many_comparisons(nodes)

    def text(self, location: str, text: str, reader: str | None) -> Iterator[Problem]:
        """Yield the problems of one text.

        Args:
            location: Its place.
            text: The text.
            reader: The ID of the node that reads it, empty for an output, or None if its values may be missing.
        """
        yield from brace_problems(location, text, self._ids, self._inputs, self._may_be_number)
        for offset, expression in placed_expressions(text):
            try:
                reference = parse(expression)
            except TemplateError:
                continue  # a separate problem
            reading = self._types.read(reference)
            if reading.missing is not None:
                yield replace(_unknown(location, reference, reading.missing, reading.owner), offset=offset)
            if reader is None or not reading.optional or self._has_too_many_comparisons:
                continue
            path = (reference.source, *reference.path)
            present = self._present.get(reader, frozenset())
            for end in (position + 2 for position in reading.optional):
                if path[:end] not in present:
                    yield replace(_optional(location, reference, path[:end]), offset=offset)

    def _may_be_number(self, expression: str) -> bool | None:
        try:
            value_type = self._types.read(parse(expression)).type
        except TemplateError:
            return True  # a separate problem
        return has_number(value_type) if value_type.is_known else None

    @cached_property
    def _present(self) -> dict[str, _Paths]:
        """The paths that have a value whenever a node runs, by its ID, because an earlier comparison used them."""
        by_id = {node["id"]: node for node in self._nodes.values()}
        present: dict[str, _Paths] = {}
        for node_id in self._flow.order():
            gates = self._flow.gates.get(node_id, [])
            # For a node to run, it is enough that one of its conditionals and one of its dependencies ran.
            ways = [present[each.conditional] | _asked_by(by_id[each.conditional], holds=each.when) for each in gates]
            conditionals = {gate.conditional for gate in gates}
            others = (*self._flow.depends_on[node_id], *self._flow.rescues.get(node_id, ()))
            needed = [present[other] for other in others if other not in conditionals]
            is_gate = by_id[node_id].get("type") == "conditional"
            own: _Paths = frozenset() if is_gate else _asked_by(by_id[node_id], holds=True)
            known = own.union(*(paths[0].intersection(*paths[1:]) for paths in (ways, needed) if paths))
            # A chain of nodes without comparisons shares one set.
            present[node_id] = needed[0] if needed and needed[0] == known else known
        return present


def _asked_by(node: Mapping[str, Any], *, holds: bool) -> _Paths:
    """Return the paths that have a value once the comparison of a node has been made, with this result."""
    comparison = comparison_of(node)
    if comparison is None or (comparison.operator in UNARY and holds is (comparison.operator == "is_empty")):
        return frozenset()
    operands = (comparison.left,) if comparison.operator in UNARY else (comparison.left, comparison.right)
    paths: set[tuple[str, ...]] = set()
    for operand in operands:
        expression = whole_expression(operand) if isinstance(operand, str) else None
        if expression is not None:
            path = tuple(expression.strip().split("."))
            paths.update(path[:end] for end in range(2, len(path) + 1))
    return frozenset(paths)


def _unknown(location: str, reference: Reference, position: int, owner: ValueType) -> Problem:
    """Return the problem for a part that no value has."""
    code = "unknown_input" if reference.source == INPUT else "unknown_field"
    part, fields = reference.path[position], owner.fields()
    name = ".".join((reference.source, *reference.path[:position]))
    name = "input_schema" if name == INPUT else repr(name)
    kinds = {form.kind for form in owner.forms}
    if "object" in kinds:
        reason = f"has no {part!r}{f', only {listed(fields)}' if fields else ''}{did_you_mean(part, fields)}"
    elif "list" in kinds:
        reason = f"is {owner.in_words}: {part!r} is not an index of it. Use a number, such as 0"
    else:
        is_answer = reference.is_node and position == 0
        remedy = ". An answer has fields if the node has an output_schema, or output_format: json" if is_answer else ""
        reason = f"is {owner.in_words}, which has no fields{remedy}"
    return problem(location, code, f"{{{{{reference.text}}}}}: {name} {reason}")


def _optional(location: str, reference: Reference, path: tuple[str, ...]) -> Problem:
    """Return the problem for a part that a valid value may lack."""
    if reference.source == INPUT:
        reason = f"input_schema does not require {path[-1]!r}, and no default is filled in"
    else:
        reason = f"the output_schema of {reference.source!r} does not require {path[-1]!r}"
    remedy = "Require it there, or read it only in a branch where is_not_empty holds"
    return problem(location, "may_have_no_value", f"{{{{{reference.text}}}}} may have no value: {reason}. {remedy}")

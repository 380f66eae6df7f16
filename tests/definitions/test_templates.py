from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.templates import (
    Reference,
    TemplateError,
    expressions,
    follow,
    parse,
    render,
)
from tests.kit.assertions import each_row

VALUES: dict[str, Any] = {
    "input": {"name": "Ada", "user": {"age": 36}, "tags": ["x", "y"], "zero": 0},
    "search": [{"title": "first"}, {"title": "second"}],
}


def resolve(reference: Reference) -> Any:
    return follow(VALUES[reference.source], reference, reference.path)


@each_row(
    ("template", "expected"),
    [
        ("{{input.name}}", "Ada"),
        ("{{ input.name }}", "Ada"),
        ("{{input.user.age}}", 36),
        ("{{input.user}}", {"age": 36}),
        ("{{input.tags.1}}", "y"),
        ("{{search.1.title}}", "second"),
        ("{{input}}", VALUES["input"]),
        ("Dear {{input.name}}, {{input.user.age}}", "Dear Ada, 36"),
        ("{{input.user}}!", '{"age": 36}!'),
        ("{{input.zero}}{{input.zero}}", "00"),
        ("no template", "no template"),
        ("a } } and { { b", "a } } and { { b"),
        ('{"user": {{input.user}}}', '{"user": {"age": 36}}'),
        ({"a": ["{{input.zero}}", 5, None, True], "{{input.name}}": 1}, {"a": [0, 5, None, True], "{{input.name}}": 1}),
        (("{{input.name}}",), ["Ada"]),
    ],
)
def test_a_template_keeps_the_type_of_a_value_that_stands_alone(template: Any, expected: Any) -> None:
    assert render(template, resolve) == expected


@each_row(
    "path",
    ["nobody", "tags.2", "tags.x", "name.0", "tags.-1", "tags.\N{ARABIC-INDIC DIGIT THREE}", "tags." + "9" * 5000],
)
def test_a_missing_value_is_named(path: str) -> None:
    with pytest.raises(TemplateError, match=r"has no value: there is no '"):
        render(f"text {{{{input.{path}}}}}", resolve)


@each_row("expression", ["", "  ", "a b", ".a", "a.", "a..b", "memory", "env", "secrets"])
def test_invalid_expressions(expression: str) -> None:
    with pytest.raises(TemplateError):
        parse(expression)


@given(st.text(alphabet="{}. ab\n", max_size=30))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    for expression in expressions(text):
        assert "{" not in expression
        with contextlib.suppress(TemplateError):
            assert parse(expression).text == expression.strip()

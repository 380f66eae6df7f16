from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.templates import (
    ABSENT,
    Reference,
    TemplateError,
    expressions,
    follow,
    parse,
    render,
    strings,
)
from tests.kit.assertions import each_row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
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


def test_a_skipped_node_renders_as_none_or_empty_text() -> None:
    assert render("{{gone}}", lambda _: ABSENT) is None
    assert render("a{{gone}}b", lambda _: ABSENT) == "ab"
    assert follow(ABSENT, parse("gone.x.y"), ("x", "y")) is ABSENT


@each_row("expression", ["", "  ", "a b", ".a", "a.", "a..b", "memory", "env", "secrets"])
def test_invalid_expressions(expression: str) -> None:
    with pytest.raises(TemplateError):
        parse(expression)


@each_row(
    ("expression", "source", "path", "is_node"),
    [
        ("input", "input", (), False),
        (" input.a.b ", "input", ("a", "b"), False),
        ("memory.user/prefs", "memory", ("user/prefs",), False),
        ("env.HOME", "env", ("HOME",), False),
        ("secrets.TOKEN", "secrets", ("TOKEN",), False),
        ("node-1.0.x", "node-1", ("0", "x"), True),
    ],
)
def test_an_expression_names_a_source_and_a_path(
    expression: str, source: str, path: tuple[str, ...], is_node: bool
) -> None:
    reference = parse(expression)
    assert (reference.source, reference.path, reference.is_node) == (source, path, is_node)
    assert reference.text == expression.strip()


def test_texts_are_found_in_order_and_in_values_only() -> None:
    value = {"b": ["{{x}} {{y.0}}", {"{{key}}": "{{z}}"}], "a": ("{{input.q}}",), "n": 1}
    assert [place for place, _ in strings(value)] == [".b[0]", ".b[1].{{key}}", ".a[0]"]


@given(JSON)
def test_any_json_is_searched_and_rendered(value: Any) -> None:
    try:
        rendered = render(value, lambda reference: reference.text)
    except TemplateError:
        return
    if not any(expressions(text) for _, text in strings(value)):
        assert rendered == value


@given(st.text(alphabet="{}. ab\n", max_size=30))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    for expression in expressions(text):
        assert "{" not in expression
        with contextlib.suppress(TemplateError):
            assert parse(expression).text == expression.strip()

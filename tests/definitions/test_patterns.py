"""Patterns of schemas: what they match, and that they do so in bounded time."""

from __future__ import annotations

import pytest

from fibonacci.definitions.json_schema import all_faults, first_fault, schema_faults
from fibonacci.definitions.patterns import PatternError, Steps, matches
from tests.kit.assertions import each_row


@each_row(
    ("pattern", "right", "wrong"),
    [
        ("^[0-9]{4}-[0-9]{2}$", ["2026-11"], ["2026-11\n", "26-11", "\u0662\u0660\u0662\u0666-\u0661\u0661"]),
        (r"^\d+$", ["12"], ["\u0661\u0662", ""]),
        (r"^.$", ["a", "\x85", "😀"], ["\n", "ab"]),
        (r"^\s$", [" ", "\u00a0", "\u2003"], ["a"]),
        (r"^(?<year>\d\d)\B", ["263"], ["26"]),
        (r"^[\w-.]+$", ["a-.b"], ["a b"]),
        (r"^\p{Lu}\P{L}$", ["É1"], ["é1", "ÉA"]),
        (r"^[\u{1F600}-\u{1F64F}]$", ["😀"], ["a"]),
        (r"^\/\x41\$$", ["/A$"], [""]),
        (r"^[\w-\.]+@([\w-]+\.)+[\w-]{2,4}$", ["a.b@c-d.org"], ["a b@c.org", "a@c"]),
        ("^(ab){2,3}?c$", ["ababc", "abababc"], ["abc", "ababababc"]),
        ("", ["", "a"], []),
    ],
)
def test_patterns_are_those_of_ecma_262(pattern: str, right: list[str], wrong: list[str]) -> None:
    assert [text for text in right if not matches(pattern, text, Steps())] == []
    assert [text for text in wrong if matches(pattern, text, Steps())] == []


@each_row(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * 100_000 + "!"),
        ("^(a|a)*$", "a" * 100_000 + "!"),
        ("^(a*)*(a*)*(a*)*$", "a" * 100_000 + "!"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 100_000),
        ("(.*)(.*)(.*)(.*)(.*)x", "a" * 100_000),
        ("(?:a?){100}a{100}x", "a" * 10_000),
        (r"(?:\w{1,30}){1,30}!", "a" * 10_000),
        ("(" * 99 + "a" + ")*" * 99 + "b", "a" * 1000),
    ],
)
def test_a_pattern_that_takes_re_for_ever_is_matched(pattern: str, text: str) -> None:
    assert not matches(pattern, text, Steps())


def test_what_is_left_to_grow_ends_at_a_limit() -> None:
    schema = {"properties": {"code": {"pattern": "(?:a{0,1000}){0,100}x"}}}
    fault = first_fault(schema, {"code": "ab" * 10_000}, "inputs", steps=Steps(20_000))
    assert fault is not None
    assert fault.place == "inputs.code"
    assert fault.message.startswith("the pattern '(?:a{0,1000}){0,100}x' takes more than 20,000 steps on this value")
    assert (fault.is_certain, fault.is_over_limit) == (False, True)


@each_row(
    ("pattern", "reason"),
    [
        ("(", "unclosed group"),
        ("[a", "unclosed character class"),
        ("*a", "repetition operator missing expression"),
        ("a{3,2}", "the start must be <= the end"),
        (r"(a)\1", "backreferences are not supported"),
        (r"^(?=.*\d)", "look-around, including look-ahead and look-behind, is not supported"),
        (r"a\Z", "unrecognized escape sequence"),
        ("(?:a{0,1000}){0,1000}x", "exceeds size limit"),
        ("a" * 10_001, "has more than 10,000 characters"),
    ],
)
def test_why_a_pattern_cannot_be_matched(pattern: str, reason: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}}}
    (named,) = schema_faults(schema, "input_schema")
    assert named.place == "input_schema.properties.a.pattern"
    assert reason in named.message
    (fault,) = all_faults({"not": {"pattern": pattern}}, "a", "it")  # which does not take it for a no
    assert reason in fault.message
    assert not fault.is_certain


def test_a_pattern_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(PatternError, match=r"^cannot be read: unclosed group$"):
        matches("(", "", Steps())

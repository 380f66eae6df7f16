"""Patterns of schemas: what they match, and that they do so in bounded time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.json_schema import all_faults, first_fault, schema_faults
from fibonacci.definitions.patterns import PatternError, Steps, matches
from tests.kit.assertions import each_row

_PARTS = r"a b 1 _ - . \d \w \s \D \W \S [ab] [^a1] [\d-] [a-c_] [^\w] ^ $ \b \n \x61 \u0062 \. [\b] (?<=a) (?<!\d)"
PATTERNS = st.recursive(
    st.sampled_from(_PARTS.split()),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(st.sampled_from(["({}|)", "(?={})", "(?!{})"]), inner).map(lambda pair: pair[0].format(pair[1])),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?", "+?"])).map(
            "(?:{0[0]}){0[1]}".format
        ),
    ),
    max_leaves=10,
)


@given(PATTERNS, st.text("ab1_ -\n", max_size=7))
def test_an_ordinary_pattern_matches_as_it_does_in_re(pattern: str, text: str) -> None:
    expected = re.search(pattern.replace("$", r"\Z"), text, re.ASCII)
    assert matches(pattern, text, Steps()) is (expected is not None)


@each_row(
    ("pattern", "right", "wrong"),
    [
        ("^[0-9]{4}-[0-9]{2}$", ["2026-11"], ["2026-11\n", "26-11", "\u0662\u0660\u0662\u0666-\u0661\u0661"]),
        (r"^\d+$", ["12"], ["\u0661\u0662", ""]),
        (r"^.$", ["a", "\x85", "😀"], ["\n", "\r", "\u2028"]),
        (r"^\s$", [" ", "\u00a0", "\ufeff", "\u2003"], ["\x85", "a"]),
        (r"^(?=.*[A-Z])(?=.*\d).{8,}$", ["Abcdefg1"], ["abcdefg1", "Abcdef1"]),
        ("^(?!.*--)[a-z-]+$", ["a-b"], ["a--b"]),
        (r"(?<=[a-z]+)\d", ["ab1"], ["1", "A1"]),
        (r"(?<![a-z]{2,}-?)\d", ["a1"], ["ab1", "ab-1"]),
        (r"(?=(?<=^a)b)", ["ab"], ["aab", "b"]),
        (r"^(?<year>\d\d)\B", ["263"], ["26"]),
        (r"^[\w-.]+$", ["a-.b"], ["a b"]),
        (r"^[^]$", ["\n"], [""]),
        ("[]", [], ["", "a"]),
        (r"^\p{Lu}\P{L}$", ["É1"], ["é1", "ÉA"]),
        (r"^[\uD83D\uDE00-\u{1F64F}]$", ["😀"], ["a"]),
        (r"^\/\cJ\0\x41\$$", ["/\n\0A$"], [""]),
        ("^{{a},b{,2}]$", ["{{a},b{,2}]"], ["{{a},bb]"]),
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
        ("(?:a?){1000}a{1000}x", "a" * 100_000),
        ("(?:a{0,1000}){0,1000}x", "a" * 100_000),
        ("^(?:(?=(?:ab)*c)a|b)*$", "ab" * 50_000),
        (r"(?:\w{1,100}){1,100}!", "a" * 100_000),
        ("(" * 99 + "a" + ")*" * 99 + "b", "a" * 1000),
    ],
)
def test_a_pattern_that_takes_re_for_ever_is_matched(pattern: str, text: str) -> None:
    assert not matches(pattern, text, Steps())


def test_what_is_left_to_grow_ends_at_a_limit() -> None:
    schema = {"properties": {"code": {"pattern": "^(?:a[ab])*$"}}}
    fault = first_fault(schema, {"code": "ab" * 10_000}, "inputs", steps=Steps(20_000))
    assert fault is not None
    assert fault.place == "inputs.code"
    assert fault.message.startswith("the pattern '^(?:a[ab])*$' takes more than 20,000 steps on this value")
    assert (fault.is_certain, fault.is_over_limit) == (False, True)


def test_the_limit_is_that_of_the_whole_check() -> None:
    steps, schema = Steps(20_000), {"items": {"pattern": "^(?:a[ab])*$"}}
    fault = first_fault(schema, ["ab" * 1_000] * 10, steps=steps)
    assert fault is not None
    assert fault.place == "[6]"


@each_row(
    ("pattern", "reason"),
    [
        ("(", "at character 2: a ')' is missing"),
        ("a)", "at character 2: ')' closes nothing"),
        ("[a", "at character 3: a ']' is missing"),
        ("*a", "at character 1: there is nothing to repeat"),
        ("a{2}{3}", "at character 5: there is nothing to repeat"),
        ("^*", "at character 2: there is nothing to repeat"),
        ("a{3,2}", "{3,2} has its bounds in the wrong order"),
        ("[z-a]", "z-a is in the wrong order"),
        ("a\\", "it ends in a backslash"),
        (r"\u{110000}", "there is no such character"),
        (r"(a)\1", "back references are not supported"),
        (r"(?<n>a)\k<n>", "back references are not supported"),
        ("(?i)a", "'(?i' is not supported"),
        (r"a\Z", r"'\Z' is not supported"),
        (r"\p{Script=Greek}", r"'\p' is not supported"),
        ("(" * 101 + ")" * 101, "has more than 100 groups inside each other"),
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
    with pytest.raises(PatternError, match=r"^cannot be read at character 2: a '\)' is missing$"):
        matches("(", "", Steps())

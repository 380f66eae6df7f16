"""Definitions for property tests, with the texts that formats get wrong."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fibonacci.definitions import WorkflowDefinition

ODD_TEXTS = (
    *("", " ", "\n", "\t", "no", "on", "1:30", "010", "0o17", "0x1F", "1e3", "1_000", "null", "~", "true", "<<", "="),
    *("2026-01-01", ".inf", ".nan", "-", "- a", "-1", "?", ": ", "a: b", "a #b", "# a", "&a", "*a", "!a", "%a", "@a"),
    *("`a", "'", '"', "\\", "{a", "[a", "a,", "|", ">", " a", "a ", "a\n", "a\n\n", "\na", " a\nb", "a\n b", "a \nb"),
    *("a\tb\nc", "a\r\nb", "a\rb", "a\n\n\nb\n", "a\n \nb", "\x00", "\x07", "\x7f", "\x85", "a\x85b", "\xa0", "\u2028"),
    *(
        "a\u2028b\nc",
        "\u2029",
        "\ufeff",
        "\ufeffa\nb",
        "\ufffe",
        "\uffff",
        "😀",
        "é\n😀\n",
        "---",
        "...",
        "--- a\n...\n",
    ),
    *("x" * 200, "x " * 100 + "x", "#!/bin/sh\necho # no\n", "key: |\n  text\n", "a" * 130 + "\nb"),
)
TEXTS = st.sampled_from(ODD_TEXTS) | st.text(max_size=20) | st.text("a \n\t:#-'\"{[|\\\x85\u2028", max_size=12)
_WITHOUT_TEMPLATES = TEXTS.filter(lambda text: "{{" not in text)
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    _WITHOUT_TEMPLATES | _NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)

_RETRIES = {"enable_retry": st.just(True), "max_retries": st.integers(0, 9), "retry_delay": st.floats(0, 100)}
_COMMON = {"name": _WITHOUT_TEMPLATES, "dependencies": st.just([]), **_RETRIES}
_LLM = st.fixed_dictionaries(
    {"type": st.just("llm"), "instruction": _WITHOUT_TEMPLATES},
    optional={
        **_COMMON,
        "model": TEXTS,
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 10**6),
        "output_schema": st.dictionaries(TEXTS, JSON, max_size=2),
        "system_prompt": _WITHOUT_TEMPLATES,
    },
)
_TOOL = st.fixed_dictionaries(
    {"type": st.just("tool"), "tool": TEXTS.filter(bool)},
    optional={**_COMMON, "params": st.dictionaries(TEXTS, JSON, max_size=3), "timeout": st.floats(0.1, 100)},
)
_CONDITIONAL = st.fixed_dictionaries(
    {"type": st.just("conditional"), "left_value": JSON, "operator": st.just("equals")},
    optional={**_COMMON, "right_value": JSON, "true_branch": st.just([])},
)

_OPEN = st.fixed_dictionaries(
    {"type": st.just("loop")},
    optional={"dependencies": st.just([]), "prompt": JSON, "retry": JSON, "config": JSON, "over": JSON},
)


def _definition(content: dict[str, Any]) -> WorkflowDefinition:
    content["nodes"] = [{"id": f"node{index}", **node} for index, node in enumerate(content["nodes"])]
    return WorkflowDefinition.model_validate(content)


DEFINITIONS = st.fixed_dictionaries(
    {"nodes": st.lists(_LLM | _TOOL | _CONDITIONAL | _OPEN, min_size=1, max_size=3)},
    optional={
        "name": TEXTS,
        "description": TEXTS,
        "version": TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "outputs": st.dictionaries(TEXTS, JSON, max_size=3),
        "x-team": JSON,
    },
).map(_definition)

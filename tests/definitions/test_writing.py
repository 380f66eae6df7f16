"""Definitions as text: what is written is read back, and people can read it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions import (
    DefinitionError,
    ToolNode,
    WorkflowDefinition,
    dumps,
    loads,
    to_plain,
)
from fibonacci.definitions.files.source import Source, read_yaml
from fibonacci.definitions.files.writing import FIRST_KEYS, LAST_KEYS
from fibonacci.definitions.node_kinds import NODE_KEYS, OLDER_KEYS
from fibonacci.definitions.nodes import NODE_MODELS
from tests.definitions.documents import DEFINITIONS, ODD_TEXTS
from tests.kit.assertions import check_each, each_row

FORMATS: tuple[Literal["yaml", "json"], ...] = ("yaml", "json")
GENERATIONS: tuple[Literal["newer", "older"], ...] = ("newer", "older")


@given(DEFINITIONS, st.sampled_from(GENERATIONS), st.sampled_from(FORMATS))
def test_what_is_written_is_read_back(definition: WorkflowDefinition, generation: Any, text_format: Any) -> None:
    text = dumps(definition, generation=generation, format=text_format)
    assert loads(text) == definition
    assert loads(text).model_dump() == definition.model_dump()


def test_odd_texts_are_read_back() -> None:
    def check(text: str) -> None:
        definition = {"name": text, "outputs": {text: text, "list": [text, [text]], "nested": {"key": {text: text}}}}
        written = dumps(definition)
        assert read_yaml(Source(written, "a.yaml")).plain() == definition
        if "." not in text:  # PyYAML does not read every number that it should, and what is written as one is one
            assert yaml.load(written, yaml.CSafeLoader) == definition

    check_each(ODD_TEXTS, check)
    params = {str(index): {text: [text]} for index, text in enumerate(ODD_TEXTS)}
    definition = WorkflowDefinition(nodes=[ToolNode(id="a", tool="t", params=params)])
    for text_format in FORMATS:
        assert loads(dumps(definition, format=text_format)) == definition


def test_yaml_is_written_as_people_write_it() -> None:
    definition = {
        "outputs": {"text": "{{greet}}"},
        "nodes": [
            {
                "prompt": "Greet {{input.name}}.\n\nBe brief:\n  two lines\n",
                "retry": {"max_attempts": 3, "delay": 2, "backoff": "linear"},
                "x-owner": "me",
                "dependencies": ["ask"],
                "name": "Greet",
                "type": "llm",
                "id": "greet",
            }
        ],
        "x-team": "no",
        "description": "Yes: 1",
        "version": 2,
        "name": "Grüße 😀",
    }
    assert dumps(definition) == (
        "name: Grüße 😀\n"
        "description: 'Yes: 1'\n"
        "version: 2\n"
        "x-team: 'no'\n"
        "nodes:\n"
        "- id: greet\n"
        "  type: llm\n"
        "  name: Greet\n"
        "  dependencies:\n"
        "  - ask\n"
        "  instruction: |\n"
        "    Greet {{input.name}}.\n"
        "\n"
        "    Be brief:\n"
        "      two lines\n"
        "  enable_retry: true\n"
        "  max_retries: 2\n"
        "  retry_delay: 2\n"
        "  retry:\n"
        "    backoff: linear\n"
        "  x-owner: me\n"
        "outputs:\n"
        "  text: '{{greet}}'\n"
    )


def test_every_field_has_its_place_in_the_order() -> None:
    assert {"$schema", *WorkflowDefinition.model_fields} == {*FIRST_KEYS, *LAST_KEYS}
    fields = {name for model in NODE_MODELS.values() for name in model.model_fields}
    older = {key for keys in OLDER_KEYS.values() for key in keys.values()}
    assert fields | older == set(NODE_KEYS)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@each_row(
    ("value", "words"),
    [
        (float("nan"), "outputs.x: error: is nan, which JSON cannot represent"),
        ([float("-inf")], r"outputs.x\[0\]: error: is -inf"),
        ("\ud800", "outputs.x: error: contains half of a surrogate pair"),
        ({1: 2}, "outputs.x.1: error: has the key 1, but a key in JSON is a string"),
        ({"k": {3}}, "outputs.x.k: error: is a set, which has no JSON form"),
        (b"x", "outputs.x: error: is a bytes"),
        (nested(2000), "more than 64 levels of objects and arrays"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(value: object, words: str) -> None:
    for text_format in FORMATS:
        with pytest.raises(DefinitionError, match=words):
            dumps({"outputs": {"x": value}}, format=text_format)


def test_another_generation_is_refused() -> None:
    old: Any = "old"
    for write in (dumps, to_plain):
        with pytest.raises(ValueError, match=r"'old' is not a generation\. Use 'newer' or 'older'"):
            write({"nodes": []}, generation=old)


def test_another_format_is_refused() -> None:
    options: Any = {"format": "toml"}
    with pytest.raises(ValueError, match=r"'toml' is not a format\. Use 'yaml' or 'json'"):
        dumps({}, **options)

"""`fibonacci schema`: the JSON Schema of definition files."""

from __future__ import annotations

import json
from importlib.resources import files

from tests.cli.invocation import invoke


def test_the_schema_is_printed_as_it_is_in_the_package() -> None:
    text = files("fibonacci.definitions").joinpath("definition.schema.json").read_text("utf-8")
    assert invoke("schema") == (0, text, "")
    assert invoke("schema", "--json").data == json.loads(text)
    assert invoke("schema", "greeter.yaml").code == 64

"""Schemas of other people, compared with values in a bounded number of steps."""

from __future__ import annotations

from typing import Any

from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.patterns import Steps
from fibonacci.definitions.tools import unfit_parameters
from tests.kit.assertions import each_row

LIMIT = 10_000


def fan(keyword: str = "allOf", levels: int = 60) -> dict[str, Any]:
    """Return a schema that reaches its last one 2**levels times."""
    doubled = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, levels + 1)}
    return {"$defs": {"a0": {"type": "integer"}, **doubled}, "$ref": f"#/$defs/a{levels}"}


@each_row(
    ("schema", "value"),
    [
        (fan(), 1),
        (fan("anyOf"), "a"),
        (fan("oneOf"), 1),
        ({"$defs": fan()["$defs"], "not": {"$ref": "#/$defs/a60"}}, 1),
        ({"$defs": fan()["$defs"], "anyOf": [{"$ref": "#/$defs/a60"}, {}]}, 1),
        ({"allOf": [{"items": True}] * 500}, [0] * 500),
        ({"items": {"required": ["a"] * 5_000}}, [{"a": 1}] * 500),
        ({"items": {"properties": {str(n): {} for n in range(5_000)}}}, [{}] * 500),
        ({"items": {"type": ["null"] * 5_000 + ["integer"]}}, [1] * 500),
        ({"items": {"x": 1, **dict.fromkeys(map(str, range(5_000)))}}, [1] * 500),
        ({"allOf": [{"additionalProperties": {}}] * 500}, dict.fromkeys(map(str, range(500)))),
        ({"items": {"anyOf": [{"enum": [0]}] * 500}}, [list(range(500))] * 500),
        ({"pattern": f"^(?:{'^|' * 1000}a)*b"}, "a" * 500),
    ],
)
def test_what_takes_too_long_is_refused(schema: dict[str, Any], value: Any) -> None:
    fault = first_fault(schema, value, "inputs", steps=Steps(LIMIT))
    assert fault is not None
    assert f"takes more than {LIMIT:,} steps on this value. Simplify it, or shorten the value" in fault.message
    assert (fault.place, fault.is_certain, fault.is_over_limit) == ("inputs", False, True)


def test_inputs_and_parameters_that_take_too_long_are_errors() -> None:
    nodes = [{"id": "a", "type": "llm", "instruction": "{{input.n}}"}]
    pattern = "(?:a{0,1000}){0,100}x"  # counted before it is done
    schema = {"properties": {"n": {"pattern": pattern}}}
    inputs = {"n": "a" * 2_000}
    (problem,) = check_inputs({"nodes": nodes, "input_schema": schema}, inputs)
    assert (problem.code, problem.severity, problem.location) == ("too_many_steps", "error", "inputs.n")
    ((place, reason),) = unfit_parameters(schema, inputs)
    assert place == "n"
    assert "takes more than 1,000,000 steps" in reason

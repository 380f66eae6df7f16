"""Inputs as people type them, checked before anything is sent."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.values import STDIN, JSONValue, NotJSONError, content_of, json_value

if TYPE_CHECKING:
    from fibonacci.definitions import Problem


_ASSIGNMENT: Final = re.compile(r"(?P<name>[^=:@]+)(?P<kind>:?=@?)(?P<value>.*)", re.DOTALL)


class InputValue(NamedTuple):
    """One input of the command line.

    Attributes:
        name: Its name.
        value: Its value, any JSON.
        source: Where it comes from, for messages.
    """

    name: str
    value: Any
    source: str


def input_value(text: str) -> InputValue:
    """Read one input: `NAME=TEXT` or `NAME:=JSON`. With `@FILE` as the value, the file's content is used.

    Raises:
        argparse.ArgumentTypeError: If it has another form, the file can't be read, or the value isn't JSON.
    """
    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither NAME=TEXT nor NAME:=JSON")
    name, value, kind = assignment["name"].strip(), assignment["value"], assignment["kind"]
    is_file, is_json = kind.endswith("@"), kind.startswith(":")
    try:
        if is_json:
            found = json_value(f"@{value}" if is_file else value)
            return InputValue(name, found.value, found.source)
        return InputValue(name, *reversed(content_of(value) if is_file else ("the argument", value)))
    except NotJSONError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}. For a string, write {name}=...") from None
    except argparse.ArgumentTypeError as error:
        remedy = f""". For a string that begins with @, write {name}:='"@..."'""" if is_file else ""
        raise argparse.ArgumentTypeError(f"{name}: {error}{remedy}") from None


def merged_inputs(whole: JSONValue | None, single: Sequence[InputValue]) -> dict[str, Any]:
    """Merge the inputs of `--inputs` and `--input`. An `--input` replaces the one with the same name in the object.

    Raises:
        UsageError: If the result is not an object, or stdin is named more than once.
    """
    from fibonacci._core.json_bodies import is_object  # the help doesn't need it

    sources = [assigned.source for assigned in single] + ([] if whole is None else [whole.source])
    if sources.count(STDIN) > 1:
        raise UsageError("stdin can be read only once: use it in --inputs or in one --input")
    if whole is not None and not is_object(whole.value):
        raise UsageError(
            f'--inputs: the inputs must be a JSON object such as {{"name": "Ada"}}, but {whole.source} has none'
        )
    inputs: dict[str, Any] = {} if whole is None else dict(whole.value)
    return inputs | {assigned.name: assigned.value for assigned in single}


def input_problems(
    definition: Mapping[str, Any] | None, inputs: Mapping[str, Any]
) -> tuple[list[Problem], list[Problem]]:
    """Return why a workflow must not be started with these inputs, and what to warn about.

    Unlike an unused column of a row, an unused input is refused: it was typed for this execution, so it is a slip.
    """
    from fibonacci.definitions import check_inputs

    problems = check_inputs(definition, inputs)
    refused = [problem for problem in problems if problem.severity == "error" or problem.code == "unused_input"]
    return refused, [problem for problem in problems if problem not in refused]


def check_typed_inputs(
    definition: Mapping[str, Any] | None, inputs: Mapping[str, Any], warn: Callable[[str], object]
) -> None:
    """Check the inputs of an execution against the definition of its workflow.

    Args:
        definition: The definition as the platform has it.
        inputs: The inputs.
        warn: Called with the text of each warning.

    Raises:
        InputsError: If they are not what it needs.
    """
    from fibonacci.definitions.checks.inputs import InputsError, in_one_line

    refused, warnings = input_problems(definition, inputs)
    for warning in warnings:
        warn(in_one_line([warning]))
    if not refused:
        return
    text = in_one_line(refused)
    if (name := next(untyped_inputs(refused, inputs), None)) is not None:
        text += f". --input {name}=TEXT is always a string, {name}:=JSON has the type of the JSON"
    raise InputsError(text, refused, inputs)


def untyped_inputs(problems: Iterable[Problem], inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the inputs that don't fit as text, but look like JSON of another type."""
    for problem in problems:
        name = problem.location.removeprefix("inputs.")
        value = inputs.get(name)
        if problem.code == "invalid_input" and isinstance(value, str):
            with suppress(ValueError, RecursionError):
                if not isinstance(json.loads(value), str):
                    yield name

"""One name, one meaning: the parameters of calls, builder and emulator, the command's options, the API's document.

A parameter whose type does not fit the other uses of its name has a second meaning. `SECOND` has the places where that
cannot be avoided.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.contract.document import operations
from tests.endpoints.signatures import documented_parameters
from tests.tools.reference.command_line import commands, listed_options
from tests.tools.reference.public_api import LISTING

SECOND: Final = {
    ("Fibonacci.workflows.create", "workflow"): "a builder or a definition",
    ("Fibonacci.workflows.ensure", "workflow"): "a builder or a definition that the workflow of its name gets",
    ("Fibonacci.request", "params"): "the query of a request",
    ("Fibonacci.request", "path"): "the path of a request",
    ("Fibonacci.workflows.run_many", "inputs"): "makes the inputs of a row",
    ("Fibonacci.workflows.run_many", "key"): "what a row is known by",
    ("definitions.WorkflowBuilder.inputs", "model"): "the pydantic model of the inputs",
    ("emulator.Emulator", "plan"): "the plan that an organization has",
    ("emulator.Emulator.fail", "headers"): "the headers of a response",
    ("emulator.Emulator.fail", "status"): "the status of a response",
    ("emulator.Emulator.script", "name"): "the node or model that a script is for",
}
"""The places in Python where a name means something else."""

REFUSED: Final = {"exec_id", "execution", "limit", "max_items", "org", "org_id", "organization", "per_page", "size"} | {
    "tool", "toolname", "wf", "wf_id", "workflow",
}  # fmt: skip
"""Second names, in Python and in the document, of what has one."""
REFUSED_IN_COMMANDS: Final = {"workflow_id", "org", "organization", "tool", "name_or_id", "page_size"}

_PARAMETER: Final = re.compile(r"fibonacci\.([\w.]+)\((?:_, )*(?:\*, )?(\w+): (.+?)(?: = .+?)?(?:, /)?\)$")
_OWNERS: Final = re.compile(r"Fibonacci\b|Pager\.|definitions\.WorkflowBuilder\b|emulator\.Emulator\b")
_SAME_TYPES: Final = {"ApiKey": "str", "KeyRole": "Role", "Path": "os.PathLike"}


def python_parameters() -> Iterator[tuple[str, str, set[str]]]:
    """Yield the call, the name and the types of each parameter."""
    for line in LISTING.read_text("utf-8").splitlines():
        found = _PARAMETER.match(line)
        if found and _OWNERS.match(found[1]):
            yield found[1], found[2], _types(found[3])


def _types(annotation: str) -> set[str]:
    """Return the alternatives of an annotation, without what is in brackets, None and Unset."""
    bare = annotation
    while (shorter := re.sub(r"\[[^\[\]]*\]", "", bare)) != bare:
        bare = shorter
    return {_SAME_TYPES.get(each, each) for each in bare.split(" | ")} - {"None", "Unset"}


def command_options() -> Iterator[tuple[str, str]]:
    """Yield each command with the names of its options and arguments."""
    for command in commands():
        for action in listed_options(command.parser):
            typed = next((each for each in action.option_strings if each.startswith("--")), action.metavar or "")
            yield command.name, str(typed).removeprefix("--").replace("-", "_")


def test_each_parameter_in_python_has_one_meaning() -> None:
    types: dict[str, set[str]] = defaultdict(set)
    faults: list[str] = []
    left = {*SECOND}
    for call, name, own in python_parameters():
        if (call, name) in SECOND:
            left.remove((call, name))
            continue
        if name in REFUSED:
            faults.append(f"{call}({name}): a second name of something")
        if types[name] and own and not types[name] & own:
            faults.append(f"{call}({name}): {own} is not {types[name]}, so it means something else")
        types[name] |= own
    assert faults == []
    assert left == set()


def test_no_option_of_the_command_is_a_second_name() -> None:
    assert [(command, name) for command, name in command_options() if name.lower() in REFUSED_IN_COMMANDS] == []


def test_no_parameter_of_the_document_is_a_second_name() -> None:
    for operation in operations():
        names = set(re.findall(r"\w+", documented_parameters(operation)))
        assert names & REFUSED == set(), operation.id

"""The inputs of a workflow: which ones a definition uses, and whether given inputs are what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel

from fibonacci._texts.suggestions import nearest
from fibonacci._texts.text import printable_line
from fibonacci.definitions.document import Document, JSONReader
from fibonacci.definitions.files.legacy_dialect import in_todays_words
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import nodes_of, templated_values
from fibonacci.definitions.json_schema import Fault, all_faults, is_closed, schema_faults, target_of
from fibonacci.definitions.json_types import as_object, is_array, is_object
from fibonacci.definitions.problems import TOO_DEEP, Problem, Problems, Severity
from fibonacci.definitions.templates import (
    INPUT,
    Reference,
    TemplateError,
    follow,
    references,
    strings,
    whole_expression,
)
from fibonacci.errors import DefinitionError

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder

INPUT_SEVERITIES: Final[Mapping[str, Severity]] = {
    "missing_input": "error",
    "misspelled_input": "error",
    "invalid_input": "error",
    "too_many_steps": "error",
    "unset_input": "warning",
    "unused_input": "warning",
    "unchecked_input": "warning",
}
"""The codes of problems with inputs."""

_ROOT: Final = "inputs"
_TEXTS: Final = frozenset(
    ("instruction", "prompt", "system_prompt", "improvement_prompt")
)  # for models, which accept text
_RESEMBLES: Final = 0.7  # rows may have columns that aren't inputs, so `state` isn't a misspelled `date`


def check_inputs(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel | None,
    inputs: Mapping[str, Any] | BaseModel | None,
) -> Problems:
    """List what is wrong with the inputs of a run, before you send anything.

    The inputs are compared with the definition's `input_schema`, if it has one, and with its `{{input.field}}`
    templates. `run_many` and the commands `run` and `run-many` do this check. The calls `workflows.run` and `execute`
    don't, because reading the definition would cost one more request for each run.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition`, or plain JSON, such as that of a
            `Workflow`. If it is None or unreadable, no problems are reported.
        inputs: The inputs of the run by name, as `run` takes them. None means no inputs.

    Returns:
        The problems, each at a place in the inputs, such as `inputs.user.name`. An input that is missing, misspelled or
        doesn't fit `input_schema` is an error. A missing input is only a warning if the run may not need it. An input
        that nothing uses is a warning too.

    Raises:
        DefinitionError: If the definition has more than 64 levels, or contains itself.
        TypeError: If the definition or the inputs are neither a mapping nor a model. The message says what to pass.

    Example:
        >>> from fibonacci.definitions import check_inputs
        >>> definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
        >>> for problem in check_inputs(definition, {"nmae": "Ada"}):
        ...     print(problem)
        inputs.name: error: it is missing, but used by node 'greet'
        inputs.nmae: error: there is no such input. Did you mean 'name'?
    """
    try:
        given = _plain(inputs)
    except DefinitionError:
        return Problems([_problem("", "unchecked_input", f"they have {TOO_DEEP}, so they aren't checked")])
    plain = {} if definition is None else Document.of(definition).value
    if not is_array(plain.get("nodes")):
        return Problems()
    schema = plain.get("input_schema")
    root = _root_of(schema)
    uses = input_uses(plain)
    misfits = _misfits(schema, given) if is_object(schema) else ()
    by_place: dict[str, Problem] = {}  # one for each place, preferring errors to warnings
    for problem in (*_missing(uses, given, root), *_unknown(uses, given, root), *misfits):
        if problem.location not in by_place or by_place[problem.location].severity == "warning":
            by_place[problem.location] = problem
    return Problems(by_place.values())


def changes_for_callers(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return how a new definition affects programs that run the workflow, in words.

    These are the inputs that `check_inputs` now calls missing, and those that nothing uses anymore.

    Args:
        old: The current definition, as plain JSON.
        new: The new definition.
    """
    before, after = ({each.location for each in check_inputs(side, {}).errors} for side in (old, new))
    given = _known(input_uses(old), _root_of(old.get("input_schema")))
    unused = (each for each in check_inputs(new, given) if each.code in ("unused_input", "misspelled_input"))
    required = (f"{location} is required now" for location in sorted(after - before))
    gone = (f"{problem.location} is gone" for problem in unused)
    return [text.replace(_ROOT, INPUT, 1) for text in (*required, *gone)]


class InputsError(ValueError):
    """The given inputs aren't what the workflow needs.

    Attributes:
        problems: What is wrong with them.
        inputs: The inputs.
    """

    def __init__(self, text: str, problems: Sequence[Problem], inputs: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.problems = problems
        self.inputs = inputs


def in_one_line(problems: Iterable[Problem]) -> str:
    """Return the problems with inputs on one line, for an error."""
    return printable_line("; ".join(f"{problem.location}: {problem.message}" for problem in problems))


class InputUse(NamedTuple):
    """A place that uses an input."""

    reference: Reference
    """The template."""

    place: str
    """The node or the output of the workflow, as messages name it."""

    is_certain: bool
    """Whether every execution renders it. Otherwise, its node may be skipped."""

    is_text: bool
    """Whether it is rendered as part of a text, rather than as a whole value."""


def input_uses(definition: Mapping[str, Any]) -> list[InputUse]:
    """Return the uses of inputs in the order of the definition, skipping templates that can't be parsed."""
    nodes = nodes_of(in_todays_words(definition)).values()
    skippable = Flow(nodes).skippable({node["id"] for node in nodes if node.get("condition") is not None})
    of_nodes = [
        InputUse(reference, f"node {node['id']!r}", node["id"] not in skippable, is_text or key in _TEXTS)
        for node in nodes
        for key, value in templated_values(node)
        for reference, is_text in _references(value)
    ]
    outputs = _references(definition.get("outputs"))
    return of_nodes + [InputUse(reference, "the outputs", True, is_text) for reference, is_text in outputs]


def _references(value: Any) -> Iterator[tuple[Reference, bool]]:
    """Yield the inputs that a value names, and whether each is part of a text."""
    for _, text in strings(value):
        is_text = whole_expression(text) is None
        yield from ((reference, is_text) for reference in references(text) if reference.source == INPUT)


def _plain(inputs: object) -> Mapping[str, Any]:
    """Return inputs as JSON, as they are sent."""
    plain = JSONReader(lambda model: model.model_dump(mode="json", by_alias=True)).read(
        {} if inputs is None else inputs
    )
    if not is_object(plain):
        kind = type(inputs).__name__
        raise TypeError(f"inputs must be a mapping of names to values, or a Pydantic model with fields, not {kind}")
    return plain


def _root_of(schema: object) -> Mapping[str, Any]:
    """Return the schema of the inputs as an object, with the schema that it refers to merged in."""
    target = target_of(schema, schema) if is_object(schema) else None
    if not (is_object(schema) and is_object(target)):
        return {}
    return {key: value for key, value in schema.items() if key != "$ref"} | {**target}


def _missing(uses: list[InputUse], inputs: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    places: dict[str, list[InputUse]] = {}
    for use in uses:
        try:
            follow(inputs, use.reference, use.reference.path)
        except TemplateError:
            places.setdefault(".".join(use.reference.path), []).append(use)
    required = root.get("required")
    required = required if is_array(required) else ()
    optional = [name for name in as_object(root.get("properties")) if name not in required]
    for name, missing in places.items():
        used_by = f"used by {', '.join(dict.fromkeys(use.place for use in missing))}"
        if not any(use.is_certain for use in missing):
            yield _problem(name, "unset_input", f"it is not given, but may be {used_by}")
        elif missing[0].reference.path[0] in optional:
            yield _problem(name, "unset_input", f"it is not given, but {used_by}")
        else:
            yield _problem(name, "missing_input", f"it is missing, but {used_by}")


def _unknown(uses: list[InputUse], inputs: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each unused input, or only for misspelled ones if any input may be used."""
    known = _known(uses, root)
    is_open = any(not use.reference.path for use in uses)  # {{input}} uses all inputs
    is_open |= not is_closed(root)
    unset = {name.lower(): name for name in known if name not in inputs}
    for name in inputs:
        if name in known:
            continue
        near = nearest(name.lower(), unset, cutoff=_RESEMBLES)
        if near is not None:
            yield _problem(name, "misspelled_input", f"there is no such input. Did you mean {unset[near]!r}?")
        elif not is_open:
            others = f"the inputs are {', '.join(known)}" if known else "the workflow has none"
            yield _problem(name, "unused_input", f"there is no such input: {others}")


def _known(uses: list[InputUse], root: Mapping[str, Any]) -> dict[str, None]:
    """Return the names of the inputs that are used or declared."""
    properties = root.get("properties")
    known = {use.reference.path[0]: None for use in uses if use.reference.path}
    return known | (dict.fromkeys(properties) if is_object(properties) else {})


def _misfits(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why the inputs don't fit their schema. A schema that isn't fully understood is skipped."""
    misread = (fault for fault in schema_faults(schema) if fault.code != "unknown_property")
    # Only schemas that refer to nothing but their own parts can be checked.
    is_whole = all(text.startswith("#") for place, text in strings(schema) if place.endswith(".$ref"))
    if is_whole and all(fault.place.endswith(".pattern") for fault in misread):
        yield from map(_misfit, all_faults(schema, inputs, _ROOT))


def _misfit(fault: Fault) -> Problem:
    code = "invalid_input" if fault.is_certain else "too_many_steps" if fault.is_over_limit else "unchecked_input"
    path = f"{fault.place}.{fault.name}" if fault.name else fault.place
    return _problem(path.removeprefix(_ROOT).removeprefix("."), code, fault.message)


def _problem(path: str, code: str, message: str) -> Problem:
    location = f"{_ROOT}.{path}" if path else _ROOT
    return Problem(location=location, code=code, message=message, severity=INPUT_SEVERITIES[code])

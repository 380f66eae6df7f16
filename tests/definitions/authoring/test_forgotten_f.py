"""A text without its f, in which a template of the author's program stands in single braces, is an error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import WorkflowBuilder
from tests.kit.assertions import check_each

flow = WorkflowBuilder("of the module")
of_the_module = flow.inputs()
REFUSED = "the string has no f prefix. Write f"


@pytest.fixture
def flow_and_given() -> tuple[WorkflowBuilder, Any]:
    flow = WorkflowBuilder("triage")
    return flow, flow.inputs()


def test_it_says_what_is_meant_and_how_braces_are_written(flow_and_given: tuple[WorkflowBuilder, Any]) -> None:
    flow, given = flow_and_given
    with pytest.raises(ValueError, match="has no f prefix") as caught:
        flow.llm("a", "Hello {given.mail}")
    assert str(caught.value) == (
        'instruction: {given.mail} stays plain text, because the string has no f prefix. Write f"...", or'
        " { given.mail } with spaces if you mean the braces"
    )
    flow.llm("a", "Hello { given.mail }")
    assert len(flow.definition.nodes) == 1
    assert str(given) == "{{input}}"


def test_whatever_an_f_string_would_insert() -> None:
    def check(text: str) -> None:
        flow = WorkflowBuilder("triage")
        given = flow.inputs()
        classify = flow.llm("classify", given.mail)
        mail, verdict = given.mail, classify.output
        with pytest.raises(ValueError, match="stays plain text, because the string has no f"):
            flow.tool("a", "t", {"x": ["so", f"Answer {text} now"]})
        with pytest.raises(ValueError, match="stays plain text, because the string has no f"):
            flow.output(x=text)
        assert f"{mail} {verdict}" == "{{input.mail}} {{classify}}"

    rows = [
        "{given.mail}",
        "v{given.version}",
        "({given})",
        "{given.items[0].name}",
        "{mail}",
        "{mail!r}",
        "{classify}",
        "{classify:>20}",
    ]
    check_each([*rows, "{classify['reason']}", "{classify.output.reason}", "{verdict.reason}"], check)


def test_a_name_that_is_no_template_says_nothing(flow_and_given: tuple[WorkflowBuilder, Any]) -> None:
    flow, given = flow_and_given
    reason, number = "text", 7
    texts = [
        "{reason}",
        "{number}",
        "{nobody}",
        "{reason.given}",
        "{}",
        "{0}",
        '{"given": 1}',
        "{given",
        "{{input.given}}",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for index, text in enumerate(
            [
                *texts,
                "{ given }",
                "{given: a mail}",
                r"\emph{given}",
                r"\frac{given}{given}",
                "x^{given}",
                "{len}",
                "{print.x}",
                f"{given.mail}",
            ]
        ):
            flow.llm(f"node-{index}", text)
    assert (reason, number) == ("text", 7)


def test_the_innermost_name_counts(flow_and_given: tuple[WorkflowBuilder, Any]) -> None:
    flow, _ = flow_and_given

    def add(of_the_module: str) -> None:
        flow.llm("a", "The text {of_the_module}")

    add("which is no template here")
    with pytest.raises(ValueError, match=REFUSED):
        flow.llm("b", "The template {of_the_module.mail}")


class FlowInClass:
    """A workflow that a class builds in a method."""

    def __init__(self) -> None:
        self.flow = WorkflowBuilder("triage")
        self.given = self.flow.inputs()

    def build(self) -> None:
        self.flow.llm("a", "Hello {self.given.mail}")


def test_in_functions_generators_classes_and_methods(flow_and_given: tuple[WorkflowBuilder, Any]) -> None:
    flow, given = flow_and_given
    text = "Hello {given.mail}"

    def in_a_function() -> None:
        flow.llm("a", text)

    def in_a_generator() -> Iterator[object]:
        yield flow.llm("a", text)

    def in_a_class() -> type:
        class Built:
            node = flow.llm("a", text)

        return Built

    def deeper() -> None:
        in_a_function()

    def in_a_comprehension() -> None:
        _ = [flow.llm("a", text) for _ in range(1)]

    def in_a_lambda() -> None:
        (lambda: flow.llm("a", text))()

    rows = [in_a_function, lambda: list(in_a_generator()), in_a_class, deeper, in_a_comprehension, in_a_lambda]
    rows.append(FlowInClass().build)

    def check(build: Any) -> None:
        with pytest.raises(ValueError, match=REFUSED):
            build()

    check_each(rows, check)
    assert str(given) == "{{input}}"


def test_in_the_interpreter_and_at_the_line_of_the_call() -> None:
    program = """\
from fibonacci import WorkflowBuilder
flow = WorkflowBuilder("news")
given = flow.inputs()
flow.llm("a", "Hello {given.mail}")
"""
    with pytest.raises(ValueError, match=REFUSED) as caught:
        exec(compile(program, "<ipython-input-3-abc>", "exec"), {})
    lines = {each.path if isinstance(each.path, str) else each.path.name: each.lineno + 1 for each in caught.traceback}
    assert lines["<ipython-input-3-abc>"] == 4

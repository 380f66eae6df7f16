"""A mistake is an error in the line that makes it; it names the argument and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fibonacci import Fibonacci, WorkflowBuilder
from tests.kit.assertions import each_row
from tests.kit.transport import ScriptedTransport, http_response

NOTHING: Any = None


class Note(BaseModel):
    text: str = ""


class Number:
    """As those of numpy, which not every environment has."""

    dtype = "int64"


class Desk:
    """What a table of mistakes works on: a builder (untyped, to make mistakes) with two nodes and an output."""

    def __init__(self) -> None:
        self.flow: Any = WorkflowBuilder("news")
        self.given: Any = self.flow.inputs()
        self.draft: Any = self.flow.llm("draft", "x")
        self.page: Any = self.flow.tool("page", "t")
        self.flow.output(answer=self.draft)
        self.other: Any = WorkflowBuilder("other").llm("draft", "x")


NODE = "must be a node, not the string"
NESTED: list[object] = []
NESTED.append(NESTED)


@each_row(
    ("mistake", "kind", "message"),
    [
        (lambda on: on.flow.llm("a", None), TypeError, "instruction must be a str, not None"),
        (lambda on: on.flow.llm("a", Note()), TypeError, "instruction must be a str, not of type Note"),
        (lambda on: on.flow.llm("a", Note), TypeError, "instruction must be a str, not the class Note"),
        (lambda on: on.flow.llm("a", f"Do {object()}"), ValueError, "instruction contains '<object"),
        (lambda on: on.flow.llm("a", f"Do {on.flow}"), TypeError, "WorkflowBuilder is not a template"),
        (lambda on: on.flow.llm("draft", "x"), ValueError, "id 'draft' is already taken: see test_builder_faults.py:"),
        (lambda on: on.flow.llm("My Node", "x"), ValueError, "id 'My Node' is not an id. Use lowercase letters"),
        (lambda on: on.flow.llm(None, "x"), TypeError, "id must be a str, not None"),
        (lambda on: on.flow.llm("input", "x"), ValueError, "id 'input' is a built-in source of templates"),
        (
            lambda on: on.flow.llm("a", "Improve {{darft}}"),
            ValueError,
            "instruction: {{darft}} names no node that exists yet. Did you mean 'draft'?",
        ),
        (
            lambda on: on.flow.tool("a", "t", {"x": ["{{summary}}"]}),
            ValueError,
            "params.x[0]: {{summary}} names no node that exists yet. Add that node first",
        ),
        (lambda on: on.flow.llm("a", "{{a}}"), ValueError, "{{a}} names no node that exists yet"),
        (lambda on: on.flow.llm("a", "{{a b}}"), ValueError, "instruction: {{a b}} is not a template"),
        (
            lambda on: on.flow.llm("a", "x", after=[on.other]),
            ValueError,
            "after[0] is {{draft}} of another WorkflowBuilder",
        ),
        (
            lambda on: on.flow.tool("a", "t", {"x": WorkflowBuilder("o").inputs().x}),
            ValueError,
            "params.x is {{input.x}} of another WorkflowBuilder",
        ),
        (lambda on: on.flow.llm("a", "x", timeout="5"), TypeError, "timeout='5'"),
        (lambda on: on.flow.llm("a", "x", timeout=0), ValueError, "timeout=0"),
        (lambda on: on.flow.llm("a", "x", temperature=9), ValueError, "temperature=9"),
        (lambda on: on.flow.llm("a", "x", max_tokens=1.5), Exception, "max_tokens=1.5"),
        (lambda on: on.flow.llm("a", "x", retries="3"), TypeError, "retries must be a whole number"),
        (lambda on: on.flow.llm("a", "x", retries=True), TypeError, "retries must be a whole number"),
        (lambda on: on.flow.llm("a", "x", retries=-1), ValueError, "retries must be 0 or more"),
        (lambda on: on.flow.llm("a", "x", retry_delay=1), ValueError, "retry_delay without retries"),
        (lambda on: on.flow.llm("a", "x", retries=1, retry_delay="1"), TypeError, "retry_delay='1'"),
        (lambda on: on.flow.llm("a", "x", retries=1, retry_backoff="exp"), ValueError, "retry_backoff='exp'"),
        (lambda on: on.flow.llm("a", "x", memory_read="key"), TypeError, "memory_read='key'"),
        (lambda on: on.flow.llm("a", "x", output_schema=Note()), TypeError, "output_schema must be a Pydantic"),
        (lambda on: on.flow.llm("a", "x", temprature=1), TypeError, "temprature"),
        (lambda on: on.flow.llm("a", "x", fallback="draft"), TypeError, f"fallback {NODE} 'draft'"),
        (
            lambda on: on.flow.critic("a", "draft"),
            TypeError,
            f"target {NODE} 'draft': pass what flow.llm(...), flow.tool(...)",
        ),
        (lambda on: on.flow.llm("a", "x", condition=on.draft), TypeError, "condition must be (left, operator"),
        (
            lambda on: on.flow.llm("a", "x", condition=(on.draft, "equal", "x")),
            ValueError,
            "condition[1]='equal': it should be 'equals'",
        ),
        (lambda on: on.flow.llm("a", "x", condition=(on.draft, "equals")), ValueError, "condition: the"),
        (lambda on: on.flow.tool("a", "t", "x"), TypeError, "params='x'"),
        (lambda on: on.flow.tool("a", ""), ValueError, "tool_name=''"),
        (lambda on: on.flow.tool("a", "t", {"x": Note()}), TypeError, "params.x is of type Note"),
        (
            lambda on: on.flow.tool("a", "t", {"x": [date(2026, 1, 1)]}),
            TypeError,
            "params.x[0] is of type date, which has no JSON form: use .isoformat()",
        ),
        (lambda on: on.flow.tool("a", "t", {"x": frozenset({1})}), TypeError, "use sorted()"),
        (lambda on: on.flow.tool("a", "t", {"x": Number()}), TypeError, "use .item()"),
        (lambda on: on.flow.tool("a", "t", {"x": float("nan")}), ValueError, "params.x is nan"),
        (lambda on: on.flow.tool("a", "t", {1: "x"}), TypeError, "params has the key 1"),
        (lambda on: on.flow.tool("a", "t", {on.draft: "x"}), TypeError, "Only values can be templates"),
        (lambda on: on.flow.tool("a", "t", {"x": NESTED}), ValueError, "is nested too deeply"),
        (lambda on: on.flow.critic("a", on.draft, min_score=11), ValueError, "min_score=11"),
        (lambda on: on.flow.when("a", on.draft, "equal", "x"), ValueError, "operator='equal': it should be"),
        (lambda on: on.flow.when("a", on.draft, "equals"), ValueError, "needs a right operand"),
        (lambda on: on.flow.when("a", on.draft, "is_empty", 1), ValueError, "has no right operand"),
        (lambda on: on.flow.when("a", on.draft, "is_empty", then=["page"]), TypeError, f"then[0] {NODE} 'page'"),
        (
            lambda on: on.flow.when("a", on.draft, "is_empty", otherwise=[on.page["x"]]),
            TypeError,
            "otherwise[0] must be a node, not {{page.x}}: pass what flow.llm",
        ),
        (
            lambda on: on.flow.when("a", on.draft, "is_empty", then=on.page),
            TypeError,
            "then must be a list of nodes, not the node 'page'. Write then=[node]",
        ),
        (
            lambda on: on.flow.when("a", on.draft, "is_empty", then=[on.page], otherwise=[on.page]),
            ValueError,
            "then and otherwise: 'page' is in both",
        ),
        (
            lambda on: on.flow.output(answer=on.page),
            ValueError,
            "there is already an output 'answer': see test_builder_faults.py:",
        ),
        (lambda on: on.flow.output(x="{{nope}}"), ValueError, "x: {{nope}} names no node"),
        (lambda on: on.flow.output(x={1}), TypeError, "x is of type set, which has no JSON form"),
        (lambda on: WorkflowBuilder(NOTHING), TypeError, "name must be a str, not None"),
        (
            lambda on: on.flow.llm("a", "x", timeout=on.given.seconds),
            TypeError,
            "timeout cannot be {{input.seconds}}, because it is the same in every run. Pass plain data",
        ),
        (lambda on: on.flow.llm(on.draft, "x"), TypeError, "id cannot be {{draft}}"),
        (lambda on: on.flow.tool("a", on.draft), TypeError, "tool_name cannot be {{draft}}"),
        (lambda on: on.flow.node("a", on.draft), TypeError, "type cannot be {{draft}}"),
        (lambda on: on.flow.llm("a", "x", retries=on.draft), TypeError, "not {{draft}}"),
        (lambda on: WorkflowBuilder("a", timeout=-1), ValueError, "timeout=-1"),
    ],
)
def test_a_mistake_is_an_error_that_leaves_the_workflow_as_it_was(
    mistake: Callable[[Desk], object], kind: type[Exception], message: str
) -> None:
    on = Desk()
    before = on.flow.definition
    with pytest.raises(kind) as caught:
        mistake(on)
    assert message in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert on.flow.definition == before


@each_row(
    ("text", "shown"),
    [
        ("Greet {input.name}", "{input.name}"),
        ("Improve {draft}", "{draft}"),
        ("Improve {draft.text}", "{draft.text}"),
        ("With {secrets.TOKEN}", "{secrets.TOKEN}"),
    ],
)
def test_single_braces_warn_in_the_line_of_the_node(text: str, shown: str) -> None:
    on = Desk()
    with pytest.warns(UserWarning, match=f"{shown} is not a template. In an f-string, write the value itself") as seen:
        on.flow.tool("a", "t", {"x": [text]})
    assert Path(seen[0].filename) == Path(__file__)


def test_an_input_in_a_text_that_has_lost_its_f_warns() -> None:
    flow = WorkflowBuilder("news")
    flow.inputs(Note)
    with pytest.warns(UserWarning, match=r"^a\.instruction: \{note\.text\} is not a template"):
        flow.llm("a", "Sum up {note.text}")
    with pytest.warns(UserWarning, match=r"^outputs\.b: \{note\.text\} is not a template"):
        flow.output(b="About {note.text}")
    problem = next(problem for problem in flow.check() if problem.code == "single_braces")
    assert problem.location == "nodes[0].instruction"
    assert problem.message.startswith("'{note.text}' is plain text. Write '{{input.text}}'")


@each_row("text", ['{"a": 1}', "{name}", "{input}", "{a.b}", "{{input.name}}", "{{{input.name}}}"])
def test_other_braces_do_not(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Desk().flow.llm("a", text)


def test_a_call_refuses_a_builder_and_a_template_and_says_what_to_do() -> None:
    flow = WorkflowBuilder("news")
    given = flow.inputs()
    transport = ScriptedTransport(http_response())
    with Fibonacci("key", transport=transport) as client:
        with pytest.raises(TypeError, match=r"definition is of type WorkflowBuilder.*use its \.definition"):
            client.request("POST", "/workflows", json={"name": "News", "definition": flow})
        with pytest.raises(
            TypeError, match=r"inputs\.name is of type Template, which has no JSON form: it has a value"
        ):
            client.workflows.execute("wf-1", inputs={"name": given.name})
    assert transport.requests == []

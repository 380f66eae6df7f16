"""A mistake is an error in the line that makes it; it names the argument and the remedy."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fibonacci import Fibonacci, WorkflowBuilder
from tests.kit.assertions import each_row
from tests.kit.transport import ScriptedTransport, http_response


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
        self.today = date(2026, 1, 1)


NODE = "must be a node, not the string"
NESTED: list[object] = []
NESTED.append(NESTED)


@each_row(
    ("mistake", "kind", "message"),
    [
        ("flow.llm('a', None)", TypeError, "instruction must be a str, not None"),
        ("flow.llm('a', Note())", TypeError, "instruction must be a str, not of type Note"),
        ("flow.llm('a', Note)", TypeError, "instruction must be a str, not the class Note"),
        ("flow.llm('a', f'Do {object()}')", ValueError, "instruction contains '<object"),
        ("flow.llm('a', f'Do {flow}')", TypeError, "WorkflowBuilder is not a template"),
        ("flow.llm('draft', 'x')", ValueError, "id 'draft' is already taken: see test_builder_faults.py:"),
        ("flow.llm('My Node', 'x')", ValueError, "id 'My Node' is not an id. Use lowercase letters"),
        ("flow.llm(None, 'x')", TypeError, "id must be a str, not None"),
        ("flow.llm('input', 'x')", ValueError, "id 'input' is a built-in source of templates"),
        (
            "flow.llm('a', 'Improve {{darft}}')",
            ValueError,
            "instruction: {{darft}} names no node that exists yet. Did you mean 'draft'?",
        ),
        (
            "flow.tool('a', 't', {'x': ['{{summary}}']})",
            ValueError,
            "params.x[0]: {{summary}} names no node that exists yet. Add that node first",
        ),
        ("flow.llm('a', '{{a}}')", ValueError, "{{a}} names no node that exists yet"),
        ("flow.llm('a', '{{a b}}')", ValueError, "instruction: {{a b}} is not a template"),
        ("flow.llm('a', 'x', after=[other])", ValueError, "after[0] is {{draft}} of another WorkflowBuilder"),
        (
            "flow.tool('a', 't', {'x': WorkflowBuilder('o').inputs().x})",
            ValueError,
            "params.x is {{input.x}} of another WorkflowBuilder",
        ),
        ("flow.llm('a', 'x', timeout='5')", TypeError, "timeout='5'"),
        ("flow.llm('a', 'x', timeout=0)", ValueError, "timeout=0"),
        ("flow.llm('a', 'x', temperature=9)", ValueError, "temperature=9"),
        ("flow.llm('a', 'x', max_tokens=1.5)", Exception, "max_tokens=1.5"),
        ("flow.llm('a', 'x', retries='3')", TypeError, "retries must be a whole number"),
        ("flow.llm('a', 'x', retries=True)", TypeError, "retries must be a whole number"),
        ("flow.llm('a', 'x', retries=-1)", ValueError, "retries must be 0 or more"),
        ("flow.llm('a', 'x', retry_delay=1)", ValueError, "retry_delay without retries"),
        ("flow.llm('a', 'x', retries=1, retry_delay='1')", TypeError, "retry_delay='1'"),
        ("flow.llm('a', 'x', retries=1, retry_backoff='exp')", ValueError, "retry_backoff='exp'"),
        ("flow.llm('a', 'x', memory_read='key')", TypeError, "memory_read='key'"),
        ("flow.llm('a', 'x', output_schema=Note())", TypeError, "output_schema must be a Pydantic"),
        ("flow.llm('a', 'x', temprature=1)", TypeError, "temprature"),
        ("flow.llm('a', 'x', fallback='draft')", TypeError, f"fallback {NODE} 'draft'"),
        ("flow.critic('a', 'draft')", TypeError, f"target {NODE} 'draft': pass what flow.llm(...), flow.tool(...)"),
        ("flow.llm('a', 'x', condition=draft)", TypeError, "condition must be (left, operator"),
        (
            "flow.llm('a', 'x', condition=(draft, 'equal', 'x'))",
            ValueError,
            "condition[1]='equal': it should be 'equals'",
        ),
        ("flow.llm('a', 'x', condition=(draft, 'equals'))", ValueError, "condition: the"),
        ("flow.tool('a', 't', 'x')", TypeError, "params='x'"),
        ("flow.tool('a', '')", ValueError, "tool_name=''"),
        ("flow.tool('a', 't', {'x': Note()})", TypeError, "params.x is of type Note"),
        (
            "flow.tool('a', 't', {'x': [today]})",
            TypeError,
            "params.x[0] is of type date, which has no JSON form: use .isoformat()",
        ),
        ("flow.tool('a', 't', {'x': frozenset({1})})", TypeError, "use sorted()"),
        ("flow.tool('a', 't', {'x': Number()})", TypeError, "use .item()"),
        ("flow.tool('a', 't', {'x': float('nan')})", ValueError, "params.x is nan"),
        ("flow.tool('a', 't', {1: 'x'})", TypeError, "params has the key 1"),
        ("flow.tool('a', 't', {draft: 'x'})", TypeError, "Only values can be templates"),
        ("flow.tool('a', 't', {'x': NESTED})", ValueError, "is nested too deeply"),
        ("flow.critic('a', draft, min_score=11)", ValueError, "min_score=11"),
        ("flow.when('a', draft, 'equal', 'x')", ValueError, "operator='equal': it should be"),
        ("flow.when('a', draft, 'equals')", ValueError, "needs a right operand"),
        ("flow.when('a', draft, 'is_empty', 1)", ValueError, "has no right operand"),
        ("flow.when('a', draft, 'is_empty', then=['page'])", TypeError, f"then[0] {NODE} 'page'"),
        (
            "flow.when('a', draft, 'is_empty', otherwise=[page['x']])",
            TypeError,
            "otherwise[0] must be a node, not {{page.x}}: pass what flow.llm",
        ),
        (
            "flow.when('a', draft, 'is_empty', then=page)",
            TypeError,
            "then must be a list of nodes, not the node 'page'. Write then=[node]",
        ),
        (
            "flow.when('a', draft, 'is_empty', then=[page], otherwise=[page])",
            ValueError,
            "then and otherwise: 'page' is in both",
        ),
        ("flow.output(answer=page)", ValueError, "there is already an output 'answer': see test_builder_faults.py:"),
        ("flow.output(x='{{nope}}')", ValueError, "x: {{nope}} names no node"),
        ("flow.output(x={1})", TypeError, "x is of type set, which has no JSON form"),
        ("WorkflowBuilder(None)", TypeError, "name must be a str, not None"),
        (
            "flow.llm('a', 'x', timeout=given.seconds)",
            TypeError,
            "timeout cannot be {{input.seconds}}, because it is the same in every run. Pass plain data",
        ),
        ("flow.llm(draft, 'x')", TypeError, "id cannot be {{draft}}"),
        ("flow.tool('a', draft)", TypeError, "tool_name cannot be {{draft}}"),
        ("flow.node('a', draft)", TypeError, "type cannot be {{draft}}"),
        ("flow.llm('a', 'x', retries=draft)", TypeError, "not {{draft}}"),
        ("WorkflowBuilder('a', timeout=-1)", ValueError, "timeout=-1"),
    ],
)
def test_a_mistake_is_an_error_that_leaves_the_workflow_as_it_was(
    mistake: str, kind: type[Exception], message: str
) -> None:
    on = Desk()
    before = on.flow.definition
    with pytest.raises(kind) as caught:
        eval(mistake, globals(), vars(on))
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

"""What differs between two definitions, and what does not."""

from __future__ import annotations

import copy
from typing import Any

from fibonacci.definitions import DefinitionChange, WorkflowDefinition, diff
from tests.kit.assertions import check_each, each_row

OLD: dict[str, Any] = {
    "name": "News",
    "nodes": [
        {"id": "search", "type": "tool", "tool": "web_search", "params": {"query": "{{input.topic}}", "limit": 5}},
        {"id": "sum", "type": "llm", "instruction": "Sum up {{search}}"},
        {"id": "gate", "type": "conditional", "left_value": "{{sum}}", "operator": "is_empty", "true_branch": ["tell"]},
        {"id": "tell", "type": "tool", "tool": "slack_send_message", "dependencies": ["sum", "gate"]},
    ],
    "outputs": {"answer": "{{sum}}"},
}


def changed(node: int | None, **fields: Any) -> dict[str, Any]:
    """Return OLD with other fields in one of its nodes, or in itself; what is `...` is taken out."""
    new = copy.deepcopy(OLD)
    place = new if node is None else new["nodes"][node]
    place.update(fields)
    for name in [name for name, value in place.items() if value is ...]:
        del place[name]
    return new


SAME: dict[str, dict[str, Any]] = {
    "itself": OLD,
    "prompt": changed(1, instruction=..., prompt="Sum up {{search}}"),
    "inputs": changed(0, params=..., inputs=OLD["nodes"][0]["params"]),
    "a dotted tool": changed(0, tool="web.search"),
    "defaults of the workflow": changed(None, description=None, version=None, allow_partial_results=False),
    "defaults of every node": changed(1, name=None, dependencies=[], enable_retry=False, max_retries=3, retry_delay=1),
    "defaults of an llm": changed(1, model=None, temperature=None, max_tokens=None, memory_read=[], memory_write={}),
    "defaults of a tool": changed(0, timeout=30.0, condition=None),
    "defaults of a conditional": changed(2, false_branch=[], right_value=None),
    "the order of nodes": changed(None, nodes=OLD["nodes"][::-1]),
    "the order of dependencies": changed(3, dependencies=["gate", "sum"]),
    "a dependency twice": changed(3, dependencies=["gate", "sum", "gate"]),
    "the order of keys": dict(reversed(OLD.items())),
    "spaces in the braces of a template": changed(0, params={"query": "{{ input.topic\t}}", "limit": 5}),
    "spaces in the braces of an instruction": changed(1, instruction="Sum up {{  search }}"),
    "spaces in the braces of an output": changed(None, outputs={"answer": "{{ sum }}"}),
    "5 and 5.0": changed(0, params={"limit": 5.0, "query": "{{input.topic}}"}),
}


def test_what_is_no_difference() -> None:
    def check(kind: str) -> None:
        models = [WorkflowDefinition.model_validate(each) for each in (OLD, SAME[kind])]
        for old, new in ((OLD, SAME[kind]), (SAME[kind], OLD), models, (OLD, models[1]), (models[0], SAME[kind])):
            found = diff(old, new)
            assert not found, str(found)
            assert found.changes == ()
            assert str(found) == "no differences"

    check_each(SAME, check)


def test_spaces_that_are_not_inside_the_braces_of_a_template() -> None:
    loop = {"id": "again", "type": "loop"}
    for old, new in (
        (changed(None, description="{{sum}}"), changed(None, description="{{ sum }}")),
        (OLD, changed(1, instruction="Sum up  {{search}}")),
        (changed(1, instruction="{{the sum}}"), changed(1, instruction="{{ the sum }}")),
        ({"nodes": [{**loop, "over": "{{sum}}"}]}, {"nodes": [{**loop, "over": "{{ sum }}"}]}),
    ):
        assert len(diff(old, new).changes) == 1


def test_retries_in_either_spelling() -> None:
    older = changed(1, retry={"max_attempts": 3, "delay": 2.0, "backoff": "linear"})
    newer = changed(1, enable_retry=True, max_retries=2, retry_delay=2, retry={"backoff": "linear"})
    assert not diff(older, newer)
    assert str(diff(OLD, older)).splitlines() == [
        "~ sum.enable_retry: False -> True",
        "~ sum.max_retries:  3 -> 2",
        "~ sum.retry_delay:  1.0 -> 2.0",
        '~ sum.retry:        None -> {"backoff":"linear"}',
    ]


@each_row(
    ("new", "text"),
    [
        (changed(None, name="Views"), "~ name: 'News' -> 'Views'"),
        (changed(None, description="x"), "~ description: None -> 'x'"),
        (changed(None, labels=["a"]), '+ labels: ["a"]'),
        (changed(None, outputs={"answer": "{{tell}}"}), "~ outputs.answer: '{{sum}}' -> '{{tell}}'"),
        (changed(None, outputs={"answer": "{{sum}}", "told": "{{tell}}"}), "+ outputs.told: '{{tell}}'"),
        (changed(None, outputs=...), """~ outputs: {"answer":"{{sum}}"} -> None"""),
        (
            changed(1, instruction="Sum up all of {{search}}"),
            "~ sum.instruction: 'Sum up {{search}}' -> 'Sum up all of {{search}}'",
        ),
        (changed(0, timeout=5), "~ search.timeout: 30 -> 5"),
        (changed(0, params={"query": "{{input.topic}}", "limit": True}), "~ search.params.limit: 5 -> True"),
        (changed(0, params={"query": "{{input.topic}}"}), "- search.params.limit: 5"),
        (changed(0, params={"query": "{{input.topic}}", "limit": 5, "a.b": None}), "+ search.params['a.b']: None"),
        (changed(3, dependencies=["sum"]), '~ tell.dependencies: ["gate","sum"] -> ["sum"]'),
        (
            changed(2, true_branch=..., false_branch=["tell"]),
            '~ gate.false_branch: [] -> ["tell"]\n~ gate.true_branch:  ["tell"] -> []',
        ),
        (changed(None, nodes=OLD["nodes"][:3]), "- tell (tool)"),
        (changed(None, nodes=[{"id": "new", "type": "llm", "prompt": "x"}, *OLD["nodes"]]), "+ new (llm)"),
    ],
)
def test_what_is_a_difference(new: dict[str, Any], text: str) -> None:
    found, back = diff(OLD, new), diff(new, OLD)
    assert found
    assert str(found) == text
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    reversed_ = {(opposite[each.kind], each.location, repr(each.new), repr(each.old)) for each in back.changes}
    assert {(each.kind, each.location, repr(each.old), repr(each.new)) for each in found.changes} == reversed_


def test_a_change_has_its_place_its_node_and_both_values() -> None:
    (change,) = diff(OLD, changed(0, params={"query": "{{input.topic}}", "limit": True})).changes
    assert change == DefinitionChange(kind="changed", location="search.params.limit", old=5, new=True, node="search")
    (change,) = diff(OLD, changed(None, nodes=[{"id": "new", "type": "llm", "prompt": "x"}, *OLD["nodes"]])).changes
    new = {"id": "new", "type": "llm", "instruction": "x"}
    assert change == DefinitionChange(kind="added", location="new", new=new, node="new")


def test_long_texts_are_compared_line_by_line() -> None:
    old = changed(1, instruction="You are kind.\nSum up {{search}}\nin one line.\n")
    new = changed(1, instruction="You are terse.\nSum up {{search}}\nin one line.\n", model="small")
    assert (
        str(diff(old, new))
        == """\
~ sum.instruction:
    @@ -1,2 +1,2 @@
    -You are kind.
    +You are terse.
     Sum up {{search}}
~ sum.model: None -> 'small'"""
    )
    assert (
        str(diff(changed(1, instruction="a\n"), changed(1, instruction="a")))
        == """\
~ sum.instruction:
    -'a\\n'
    +'a'"""
    )
    many = changed(1, instruction="\n".join(map(str, range(100))))
    assert str(diff(changed(1, instruction="x" * 61), many)).endswith("    ... 78 more lines")


def test_nothing_reaches_a_terminal_that_it_would_carry_out() -> None:
    new = changed(1, instruction="red \x1b[31m", **{"\x1b[2J": 1})
    new = changed(None, nodes=[*new["nodes"], {"id": "\x1b]0;x\x07", "type": "\x1b[1m"}], description="a\n\x1b[31m" * 9)
    assert str(diff(OLD, new)).replace("\n", "").isprintable()

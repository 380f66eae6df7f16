"""What differs between two definitions, and what does not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from fibonacci.definitions import DefinitionChange, DefinitionDiff, WorkflowDefinition, diff
from tests.kit.assertions import check_each

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


DIFFERENT: dict[str, tuple[dict[str, Any], DefinitionChange, str]] = {
    "the name": (
        changed(None, name="Views"),
        DefinitionChange(kind="changed", location="name", old="News", new="Views"),
        "~ name: 'News' -> 'Views'",
    ),
    "a description": (
        changed(None, description="x"),
        DefinitionChange(kind="changed", location="description", new="x"),
        "~ description: None -> 'x'",
    ),
    "an unknown key": (
        changed(None, labels=["a"]),
        DefinitionChange(kind="added", location="labels", new=["a"]),
        '+ labels: ["a"]',
    ),
    "an output": (
        changed(None, outputs={"answer": "{{tell}}"}),
        DefinitionChange(kind="changed", location="outputs.answer", old="{{sum}}", new="{{tell}}"),
        "~ outputs.answer: '{{sum}}' -> '{{tell}}'",
    ),
    "one output more": (
        changed(None, outputs={"answer": "{{sum}}", "told": "{{tell}}"}),
        DefinitionChange(kind="added", location="outputs.told", new="{{tell}}"),
        "+ outputs.told: '{{tell}}'",
    ),
    "no outputs": (
        changed(None, outputs=...),
        DefinitionChange(kind="changed", location="outputs", old={"answer": "{{sum}}"}),
        """~ outputs: {"answer":"{{sum}}"} -> None""",
    ),
    "an instruction": (
        changed(1, instruction="Sum up all of {{search}}"),
        DefinitionChange(
            kind="changed",
            location="sum.instruction",
            old="Sum up {{search}}",
            new="Sum up all of {{search}}",
            node="sum",
        ),
        "~ sum.instruction: 'Sum up {{search}}' -> 'Sum up all of {{search}}'",
    ),
    "a field with a default": (
        changed(0, timeout=5),
        DefinitionChange(kind="changed", location="search.timeout", old=30, new=5, node="search"),
        "~ search.timeout: 30 -> 5",
    ),
    "a parameter": (
        changed(0, params={"query": "{{input.topic}}", "limit": True}),
        DefinitionChange(kind="changed", location="search.params.limit", old=5, new=True, node="search"),
        "~ search.params.limit: 5 -> True",
    ),
    "a parameter less": (
        changed(0, params={"query": "{{input.topic}}"}),
        DefinitionChange(kind="removed", location="search.params.limit", old=5, node="search"),
        "- search.params.limit: 5",
    ),
    "a parameter with a strange name": (
        changed(0, params={"query": "{{input.topic}}", "limit": 5, "a.b": None}),
        DefinitionChange(kind="added", location="search.params['a.b']", node="search"),
        "+ search.params['a.b']: None",
    ),
    "dependencies": (
        changed(3, dependencies=["sum"]),
        DefinitionChange(kind="changed", location="tell.dependencies", old=["gate", "sum"], new=["sum"], node="tell"),
        '~ tell.dependencies: ["gate","sum"] -> ["sum"]',
    ),
    "a branch": (
        changed(2, true_branch=..., false_branch=["tell"]),
        DefinitionChange(kind="changed", location="gate.false_branch", old=[], new=["tell"], node="gate"),
        '~ gate.false_branch: [] -> ["tell"]\n~ gate.true_branch:  ["tell"] -> []',
    ),
    "a node less": (
        changed(None, nodes=OLD["nodes"][:3]),
        DefinitionChange(
            kind="removed",
            location="tell",
            old={"id": "tell", "type": "tool", "tool": "slack_send_message", "dependencies": ["gate", "sum"]},
            node="tell",
        ),
        "- tell (tool)",
    ),
    "a node more": (
        changed(None, nodes=[{"id": "new", "type": "llm", "prompt": "x"}, *OLD["nodes"]]),
        DefinitionChange(
            kind="added", location="new", new={"id": "new", "type": "llm", "instruction": "x"}, node="new"
        ),
        "+ new (llm)",
    ),
}


def test_what_is_a_difference() -> None:
    def check(kind: str) -> None:
        new, change, text = DIFFERENT[kind]
        found = diff(OLD, new)
        assert found
        assert found.changes[0] == change
        assert str(found) == text
        back = diff(new, OLD)
        assert len(back.changes) == len(found.changes)
        opposite = {"added": "removed", "removed": "added", "changed": "changed"}
        reverse = next(each for each in back.changes if each.location == change.location)
        assert (reverse.kind, reverse.old, reverse.new) == (opposite[change.kind], change.new, change.old)

    check_each(DIFFERENT, check)


def test_all_changes_come_in_the_order_of_the_definition_and_aligned() -> None:
    new = changed(None, version=2, nodes=[{**OLD["nodes"][1], "model": "small"}, *OLD["nodes"][2:]], outputs={})
    new["nodes"].append({"id": "end", "type": "llm", "instruction": "x"})
    assert (
        str(diff(OLD, new))
        == """\
~ version:        None -> 2
~ sum.model:      None -> 'small'
+ end (llm)
- search (tool)
- outputs.answer: '{{sum}}'"""
    )


def test_the_type_of_a_node() -> None:
    new = changed(1, type="critic", instruction=..., target_node="search")
    assert [(each.kind, each.location) for each in diff(OLD, new).changes] == [
        ("changed", "sum.type"),
        ("added", "sum.target_node"),
        ("removed", "sum.instruction"),
    ]


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


def test_faulty_definitions_can_be_compared() -> None:
    faulty = {
        "nodes": [{"id": "a"}, {"id": "a", "type": ["llm"]}, "x", {"type": "llm", "prompt": "p", "instruction": "q"}]
    }
    assert not diff(faulty, copy.deepcopy(faulty))
    assert len(diff({}, faulty).changes) == 4
    assert diff({"nodes": 5}, {"nodes": []}) == DefinitionDiff()
    wrongs: list[Any] = [None, 5, "nodes", []]
    for wrong in wrongs:
        with pytest.raises(
            TypeError, match="a definition must be a WorkflowBuilder, a WorkflowDefinition or a mapping, not"
        ):
            diff(OLD, wrong)


def test_the_arguments_stay_as_they_are_and_the_result_can_be_copied() -> None:
    old, new = copy.deepcopy(OLD), changed(0, timeout=5)
    found = diff(old, new)
    assert (old, new) == (OLD, changed(0, timeout=5))
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    frozen: Any = found
    with pytest.raises(AttributeError):
        frozen.changes = ()

"""When nodes run, in the function of the flow, in the engine of the emulator and in the checks."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.definitions import check_definition
from fibonacci.definitions.flow import Fate, Flow, FlowStep
from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import llm
from tests.tools.flows import play

COMPLETED, FAILED, SKIPPED = Fate("completed"), Fate("failed", stopped=True), Fate("skipped")
TAKES_TRUE, TAKES_FALSE = Fate("completed", result=True), Fate("completed", result=False)


def gate(node_id: str, left: Any, operator: str, right: Any = None, **branches: list[str]) -> dict[str, Any]:
    values = {"left_value": left, "operator": operator, "right_value": right}
    return {"id": node_id, "type": "conditional", **values, **branches}


def refunds(*, refund: str = "Refund", left: str = "{{input.decision}}", amount: Any = "{{input.amount}}") -> list[Any]:
    """Return the nodes of a decision with a smaller one in one of its branches."""
    return [
        llm("decide", "Decide"),
        gate("ok", left, "equals", "yes", true_branch=["small"], false_branch=["deny"]),
        gate("small", amount, "less_than", 100, true_branch=["refund"]),
        llm("refund", refund),
        llm("deny"),
    ]


@each_row(
    "nodes",
    [
        refunds(),  # it reads nothing
        refunds(refund="Refund what {{decide}} says"),  # it reads a node that has run
        refunds(refund="{{decide}}", left="no"),  # it is behind a conditional that never takes it
        refunds(refund="{{decide}}", amount=5),  # its own conditional would always take it
    ],
)
def test_a_skipped_conditional_takes_no_branch(nodes: list[Any]) -> None:
    run = Api().run(*nodes, inputs={"decision": "no", "amount": 5})
    assert [node["id"] for node in run["trace"] if node["status"] == "completed"] == ["decide", "ok", "deny"]
    assert {node["id"]: node["reason"] for node in run["trace"] if node["status"] == "skipped"} == {
        "small": "it is not in the branch taken by 'ok'",
        "refund": "it is in a branch of 'small', which was skipped",
    }


RUN, WAIT = FlowStep("run"), FlowStep("wait")
NEXT = Flow(
    [
        llm("a", fallback="spare", on_error="alarm"),
        llm("b"),
        gate("one", "{{input.x}}", "is_empty", true_branch=["x"]),
        gate("two", "{{input.y}}", "is_empty", false_branch=["x"]),
        llm("x", "{{b}}"),
        llm("y", "{{a}} {{b}}"),
        llm("spare"),
        llm("alarm", "{{b}}"),
    ]
)


def skip(reason: str, *, stopped: bool = False) -> FlowStep:
    return FlowStep("skip", reason, stopped=stopped)


@each_row(
    ("node_id", "fates", "step"),
    [
        ("x", {"b": Fate("pending")}, WAIT),
        ("y", {"a": FAILED, "spare": Fate("pending")}, WAIT),  # for what may stand in
        ("x", {"one": TAKES_FALSE, "two": TAKES_FALSE}, RUN),
        ("x", {"one": SKIPPED, "two": TAKES_FALSE}, RUN),
        ("x", {"one": FAILED, "two": TAKES_FALSE}, RUN),
        ("x", {"one": TAKES_FALSE, "two": TAKES_TRUE}, skip("it is not in the branch taken by 'one' and 'two'")),
        ("x", {"one": FAILED, "two": TAKES_TRUE}, skip("it depends on 'one', which failed", stopped=True)),
        ("x", {"one": TAKES_TRUE, "b": SKIPPED}, skip("all nodes that it depends on were skipped: b")),
        ("y", {"b": SKIPPED}, RUN),  # some of what it reads was skipped
        ("y", {"a": FAILED}, RUN),  # the fallback has completed
        ("y", {"a": FAILED, "spare": FAILED}, skip("it depends on 'a', which failed", stopped=True)),
        ("spare", {}, skip("it runs only if 'a' fails")),
        ("alarm", {"a": FAILED, "b": SKIPPED}, RUN),  # a failure is reason enough
    ],
)
def test_what_a_node_does_next(node_id: str, fates: dict[str, Fate], step: FlowStep) -> None:
    others = dict.fromkeys(("a", "b", "one", "two", "x", "y", "spare", "alarm"), COMPLETED)
    assert NEXT.step(node_id, (others | fates).__getitem__) == step


def test_a_number_between_two_others_may_have_any_digits() -> None:
    nodes = [
        gate("above", "{{input.x}}", "greater_than", 1, true_branch=["below"]),
        gate("below", "{{input.x}}", "less_than", 3, true_branch=["digit"]),
        gate("digit", "{{input.x}}", "contains", "5", true_branch=["n"]),  # 2.5 does
        llm("n"),
    ]
    assert check_definition({"nodes": nodes}) == []


def test_a_node_whose_conditionals_contradict_each_other_never_runs() -> None:
    def problems(first: tuple[str, Any], second: tuple[str, Any], left: str = "{{input.x}}", **more: Any) -> list[str]:
        nodes = [
            gate("outer", left, *first, true_branch=["inner"]),
            gate("inner", left, *second, true_branch=["n"]),
            llm("n"),
        ]
        return [each.location for each in check_definition({"nodes": nodes, **more}) if each.code == "unreachable_node"]

    never = ["nodes[2]"]
    rows: list[tuple[tuple[str, Any], tuple[str, Any], list[str]]] = [
        (("equals", "high"), ("equals", "low"), never),
        (("equals", "high"), ("not_equals", "high"), never),
        (("equals", "high"), ("is_empty", None), never),
        (("greater_than", 10), ("less_than", 5), never),
        (("greater_than", 10), ("equals", 10), never),
        (("contains", "a"), ("not_contains", "a"), never),
        (("equals", "high"), ("contains", "low"), never),
        (("greater_than", 5), ("less_than", 10), []),
        (("less_than", 10), ("less_than", 5), []),
        (("not_equals", "high"), ("not_equals", "low"), []),
        (("contains", "a"), ("contains", "b"), []),
        (("not_equals", "high"), ("starts_with", "hi"), []),
        (("equals", "high"), ("equals", "high"), []),
    ]
    for outer, inner, expected in rows:
        assert problems(outer, inner) == expected, (outer, inner)
    assert problems(("equals", "a"), ("equals", "b"), left="{{memory.x}}") == []  # another node may write it
    both = {"properties": {"x": {"enum": ["a", "b"]}}, "required": ["x"]}
    assert problems(("not_equals", "a"), ("not_equals", "b"), input_schema=both) == never
    assert problems(("not_equals", "a"), ("equals", "b"), input_schema=both) == []
    assert problems(("equals", "a"), ("contains", "b"), input_schema=both) == never
    assert problems(("is_empty", None), ("is_empty", None), input_schema=both) == ["nodes[1]", *never]
    assert problems(("is_empty", None), ("is_empty", None), input_schema=both | {"required": []}) == []
    assert problems(("equals", "x a"), ("not_equals", "x"), left="x {{input.x}}", input_schema=both) == []


def test_any_number_of_texts_may_be_looked_for_in_one_value() -> None:
    gates = [gate(f"gate-{n}", "{{a}}", "contains", f"word {n}", true_branch=["n"]) for n in range(5)]
    assert check_definition({"nodes": [llm("a"), *gates, llm("n")]}) == []


def test_a_reader_is_told_what_may_be_missing_and_what_to_do() -> None:
    nodes = [
        gate("ok", "{{input.x}}", "equals", "yes", true_branch=["refund"], false_branch=["deny"]),
        llm("refund"),
        llm("deny"),
        llm("mail", "Dear {{input.name}}, {{refund}}. {{ok.result}}"),
    ]
    (problem,) = check_definition({"nodes": nodes, "outputs": {"mail": "{{mail}}", "answer": "{{refund}}{{deny}}"}})
    assert str(problem) == (
        "nodes[3].instruction: warning: {{refund}} may have no value: 'refund' may be skipped, because it is not in"
        " the branch taken by 'ok'. Read it only in that branch, or give the node the condition that it is_not_empty"
    )


def test_what_runs_on_a_failure_alone_may_have_no_value() -> None:
    nodes = [llm("reply") | {"on_error": "excuse"}, llm("excuse")]
    (problem,) = check_definition({"nodes": nodes, "outputs": {"mail": "{{excuse}} and {{reply}}"}})
    assert (problem.location, problem.code) == ("outputs.mail", "may_have_no_value")
    assert "'excuse' may be skipped, because it runs only if 'reply' fails" in str(problem)


def test_what_a_failure_starts_reads_nothing_of_the_node_that_failed() -> None:
    nodes = [
        llm("draft", "{{input.missing}}", output_format="json", fallback="plain", on_error="alarm"),
        llm("plain", "Dear customer, {{draft.title}}."),
        llm("alarm", "What was sent: {{draft}}"),
    ]
    outputs = {"sent": "{{draft}}", "alarm": "{{alarm}}"}
    plain, alarm = check_definition({"nodes": nodes, "outputs": outputs})
    assert str(plain) == (
        "nodes[1].instruction: warning: {{draft.title}} may have no value: 'plain' runs when 'draft' has failed."
        " Leave it out"
    )
    assert (alarm.location, alarm.code) == ("nodes[2].instruction", "may_have_no_value"), "the fallback may fail too"
    run = Api().run(*nodes, outputs=outputs)
    assert run["outputs"]["sent"] == "[default model] Dear customer, ."
    _, sent, told = run["trace"]
    assert sent["warnings"][-1] == "instruction: {{draft.title}} has no value: 'draft' failed"
    assert told["input"]["instruction"] == f"What was sent: {sent['output']}"


def test_where_a_missing_value_is_meant() -> None:
    split = [
        gate("ok", "{{input.x}}", "equals", "yes", true_branch=["a"], false_branch=["b"]),
        llm("a"),
        llm("b"),
        llm("c"),
    ]

    asks = gate("asks", "{{a}}", "is_empty", true_branch=["then"]) | {"dependencies": ["c"]}
    fails = gate("asks", "{{a}}", "greater_than", 5, true_branch=["then"]) | {"dependencies": ["c"]}
    filled = {"field": "{{a}}", "operator": "is_not_empty"}
    late = [llm("draft", "{{c}}", fallback="plain", on_error="alarm"), llm("plain", "{{alarm}}")]
    critic = {"id": "k", "type": "critic", "target_node": "a", "criteria": ["{{c}}"]}
    rows: list[tuple[str, list[Any], dict[str, str], list[str]]] = [
        ("alternatives that adjoin", [], {"o": "{{a}}{{b}}"}, []),
        ("alternatives inside a text", [llm("n", "Send {{a}}{{b}}!")], {}, []),
        ("alternatives apart", [], {"o": "{{a}} {{b}}"}, ["outputs.o", "outputs.o"]),
        ("one that always has a value beside", [], {"o": "{{a}}{{c}}"}, ["outputs.o"]),
        ("an output alone", [], {"o": "{{a}}"}, []),
        ("a text in an output", [], {"o": "A: {{a}}"}, ["outputs.o"]),
        ("its only dependency", [llm("n", "{{a}}")], {}, []),
        ("another dependency", [llm("n", "{{a}} {{c}}")], {}, ["nodes[4].instruction"]),
        ("a conditional that asks", [asks, llm("then", "{{c}}")], {}, []),
        ("a comparison that fails without it", [fails, llm("then", "{{c}}")], {}, ["nodes[4].left_value"]),
        ("a condition that asks", [llm("n", "{{a}} {{c}}", condition=filled)], {}, []),
        ("a fallback that comes after the reader", [*late, llm("alarm", "{{c}}{{draft}}")], {}, []),
        ("a critic", [critic], {}, ["nodes[4].target_node"]),
    ]
    for name, nodes, outputs, expected in rows:
        problems = check_definition({"nodes": [*split, *nodes], "outputs": {"c": "{{c}}", "ok": "{{ok}}", **outputs}})
        assert [each.location for each in problems if each.code == "may_have_no_value"] == expected, name


def test_random_definitions_do_in_every_outcome_what_the_rules_and_the_checks_say() -> None:
    """Many, which run each night: `python -m tests.tools.flows`."""
    counts = play(seed=5, graphs=12)
    assert counts["unreachable_node"] > 5
    assert counts["may_have_no_value"] > 5


def test_the_enumeration_finds_a_rule_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_anyway(*_: object) -> FlowStep:
        return FlowStep("run")

    monkeypatch.setattr(Flow, "_not_taken", run_anyway)
    with pytest.raises(AssertionError, match="no gate has taken it"):
        play(seed=1, graphs=10)


def test_in_a_long_chain_each_reader_waits_for_the_critic_of_what_it_reads() -> None:
    nodes: list[dict[str, Any]] = []
    for index in range(2_500):
        nodes += [
            {"id": f"n{index}", "type": "llm", "dependencies": [f"n{index - 1}"] if index else []},
            {"id": f"c{index}", "type": "critic", "target_node": f"n{index}"},
        ]
    starts_after = Flow(nodes).starts_after
    assert all(f"c{index - 1}" in starts_after[f"n{index}"] for index in range(1, 2_500))

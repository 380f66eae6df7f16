"""A node prints its template; what needs its value is refused, or warned of."""

from __future__ import annotations

import copy
import json
import operator
import pickle
import pprint
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import WorkflowBuilder
from fibonacci.definitions import NodeHandle
from tests.kit.assertions import check_each, each_row


@pytest.fixture
def flow() -> WorkflowBuilder:
    return WorkflowBuilder("news")


@pytest.fixture
def search(flow: WorkflowBuilder) -> NodeHandle:
    return flow.tool("search", "web_search")


def test_it_prints_its_template_in_texts(search: NodeHandle) -> None:
    assert (str(search), f"{search}", search.id) == ("{{search}}", "{{search}}", "search")
    assert f"{search['hits'][0]['url']}" == "{{search.hits.0.url}}"
    assert f"{search.output.hits[0].url}" == "{{search.hits.0.url}}"
    assert "a " + search + " b" == "a {{search}} b"
    assert "{} and {:}".format(search, search["x"]) == "{{search}} and {{search.x}}"
    assert operator.mod("%s", search["0"]) == "{{search.0}}"
    assert type(f"{search}") is type(str(search)) is str
    assert not isinstance(search, str)
    assert pprint.pformat([search["x" * 100]]) == repr([search["x" * 100]]) == f"[{search['x' * 100]}]"
    assert not isinstance(search["x"], NodeHandle)
    copies: list[object] = [copy.copy(search), copy.deepcopy(search), pickle.loads(pickle.dumps(search))]
    assert [(each, type(each)) for each in copies] == [("{{search}}", str)] * 3


def test_completion_offers_what_there_is(flow: WorkflowBuilder, search: NodeHandle) -> None:
    gate = flow.when("gate", search, "is_empty")
    judge = flow.critic("judge", search)
    offered: list[tuple[object, list[str]]] = [
        (search, ["id", "output"]),
        (gate, ["id", "otherwise", "output"]),
        (search["x"], []),
        (search.output.x, []),
        (gate.output, ["branch", "result"]),
        (judge.output, ["criteria_scores", "overall_score", "passed"]),
    ]
    for template, names in offered:
        assert dir(template) == names
        for name in names:
            getattr(template, name)


NEEDS_THE_VALUE: dict[str, Callable[[Any], object]] = {
    "a condition in Python": lambda node: 1 if node else 2,
    "iteration": list,
    "the operator 'in'": lambda node: "urgent" in node,
    "len()": len,
    "the operator '<'": lambda node: node < 7,
    "the operator '>='": lambda node: node >= 7,
    "the operator '+'": lambda node: 1 + node,
    "the format '>20'": lambda node: f"{node:>20}",
}
FAILS_BY_ITSELF: dict[str, Callable[[Any], object]] = {
    "unsupported operand": lambda node: 2 * node,
    "must be a string": int,
    "not callable": lambda node: node.upper(),
    "expected str instance": lambda node: "".join([node]),
    "not JSON serializable": json.dumps,
}


def test_what_needs_the_value_is_refused(search: NodeHandle) -> None:
    def check(what: str) -> None:
        with pytest.raises(TypeError) as caught:
            NEEDS_THE_VALUE[what](search["x"])
        assert str(caught.value).startswith(f"{what} cannot apply to {{{{search.x}}}}, whose value is known only when")
        assert "flow.when(...)" in str(caught.value)

    check_each(NEEDS_THE_VALUE, check)
    for message, operation in FAILS_BY_ITSELF.items():
        with pytest.raises(TypeError, match=message):
            operation(search["x"])


@each_row("other", ["high", 7, 0.5, True])
def test_comparing_it_with_a_value_warns_in_the_line_of_the_comparison(search: NodeHandle, other: object) -> None:
    with pytest.warns(
        UserWarning, match=r"is compared while the workflow is built, and is always False\. Use flow.when"
    ) as seen:
        equal = search["urgency"] == other
    with pytest.warns(UserWarning, match=r"\{\{search.urgency\}\} == "):
        assert search["urgency"] != other
    assert not equal
    assert seen[0].filename == __file__


@each_row(
    ("key", "error", "message"),
    [
        (slice(0, 2), TypeError, "{{search}} cannot be sliced: a template names one item"),
        ("a.b", ValueError, "'a.b' is not allowed in a template"),
        ("a b", ValueError, "'a b' is not allowed in a template"),
        ("{a}", ValueError, "'{a}' is not allowed in a template"),
        ("", ValueError, "'' is not allowed in a template"),
        (-1, ValueError, "{{search}}[-1]: a template counts from the beginning of a list"),
        (True, TypeError, "a name or an index, not bool"),
        (None, TypeError, "a name or an index, not NoneType"),
        (1.5, TypeError, "a name or an index, not float"),
    ],
)
def test_a_key_that_cannot_stand_in_a_template_is_refused(
    search: NodeHandle, key: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        search[key]
    assert message in str(caught.value)

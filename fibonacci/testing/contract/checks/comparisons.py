"""What conditionals compare: the ten operators, booleans, numbers, and what is no number."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require, require_equal
from fibonacci.testing.contract.server import Server

OPERATORS: Final = [
    ("equals", "a", "a", "b"),
    ("not_equals", "a", "b", "a"),
    ("contains", "abc", "b", "d"),
    ("not_contains", "abc", "d", "b"),
    ("greater_than", "10", "9", "11"),
    ("less_than", "9", "10", "8"),
    ("starts_with", "abc", "a", "b"),
    ("ends_with", "abc", "c", "b"),
]
"""An operator, its left value, a right value with which it holds, and one with which it does not."""

Question = tuple[str, str, Any, str, bool]
"""An id, an operator, a left value, a right value, and whether it holds."""

CHECKS: Final = Checks()


@CHECKS.documented(
    "POST /workflows/{id}/execute", "Eight operators compare two values, as their names say", changes=True
)
def _operators(server: Server) -> None:
    questions = [
        (f"{operator}-{number}", operator, left, right, number == 0)
        for operator, left, *rights in OPERATORS
        for number, right in enumerate(rights)
    ]
    _decide(server, questions)


@CHECKS.documented("POST /workflows/{id}/execute", "is_empty and is_not_empty look at one value", changes=True)
def _emptiness(server: Server) -> None:
    questions = [
        ("empty-0", "is_empty", "", "", True),
        ("empty-1", "is_empty", "a", "", False),
        ("full-0", "is_not_empty", "a", "", True),
        ("full-1", "is_not_empty", "", "", False),
    ]
    _decide(server, questions)


@CHECKS.documented("POST /workflows/{id}/execute", "equals is exact on texts, and numeric on numbers", changes=True)
def _exact(server: Server) -> None:
    _decide(
        server,
        [
            ("case", "equals", "a", "A", False),
            ("blank", "equals", "a", "a ", False),
            ("part", "equals", "ab", "a", False),
            ("decimals", "equals", "10", "10.0", True),
            ("other-case", "not_equals", "a", "A", True),
            ("other-decimals", "not_equals", "10", "10.0", False),
        ],
    )
    _decide(
        server,
        [
            ("number", "equals", "{{input.number}}", "10.0", True),
            ("text", "equals", "{{input.text}}", "10", True),
            ("other", "equals", "{{input.number}}", "11", False),
        ],
        {"number": 10, "text": "10.0"},
    )


@CHECKS.choice("POST /workflows/{id}/execute", "A JSON boolean equals its text, and no other", changes=True)
def _booleans(server: Server) -> None:
    _decide(
        server,
        [
            ("true-0", "equals", "{{input.passed}}", "true", True),
            ("true-1", "equals", "{{input.passed}}", "false", False),
            ("true-2", "equals", "{{input.passed}}", "1", False),
            ("true-3", "not_equals", "{{input.passed}}", "true", False),
            ("false-0", "equals", "{{input.refused}}", "false", True),
            ("false-1", "equals", "{{input.refused}}", "true", False),
            ("false-2", "not_equals", "{{input.refused}}", "true", True),
        ],
        {"passed": True, "refused": False},
    )


@CHECKS.documented(
    "POST /workflows/{id}/execute", "greater_than and less_than fail their node if a value is no number", changes=True
)
def _no_number(server: Server) -> None:
    for operator in ("greater_than", "less_than"):
        for left, right in (("{{input.value}}", "5"), ("5", "{{input.value}}")):
            nodes = _nodes("ask", operator, left, right)
            nodes[0]["false_branch"] = ["else-ask"]
            nodes.append({**nodes[1], "id": "else-ask"})
            execution = server.run_definition({"nodes": nodes}, {"value": "many"})
            what = f"after {operator} with a text that is no number"
            require_equal((execution.status, execution.nodes_failed), ("failed", 1), f"status and nodes_failed {what}")
            require_equal(execution.nodes_executed, 1, f"nodes_executed {what}")


def _decide(server: Server, questions: list[Question], inputs: dict[str, Any] | None = None) -> None:
    nodes = [node for question in questions for node in _nodes(*question[:4])]
    outputs = server.run_definition({"nodes": nodes}, inputs or {}).outputs or {}
    for name, operator, left, right, holds in questions:
        require((f"then-{name}" in outputs) == holds, f"{left!r} {operator} {right!r} is {not holds}")


def _nodes(name: str, operator: str, left: object, right: str) -> list[dict[str, object]]:
    asks = {"type": "conditional", "left_value": left, "operator": operator, "right_value": right}
    then = {"id": f"then-{name}", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    return [{"id": name, **asks, "true_branch": [then["id"]]}, dict(then)]

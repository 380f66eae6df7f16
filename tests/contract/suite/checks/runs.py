"""What a run says of itself: its fields, its trace, its place in the list, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.contract.suite.calls import running
from tests.contract.suite.check import (
    UNKNOWN,
    CheckRun,
    Checks,
    require,
    require_equal,
    require_field,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.lives import data_of, require_listed, time_of
from tests.contract.suite.checks.paging import find_item
from tests.contract.suite.server import CHEAP, Node, Server, Skipped, fails, holds, require_tool, waits

CHECKS: Final = Checks("runs")


@dataclass(frozen=True, slots=True)
class RunCase:
    """A workflow, and what its run says.

    Attributes:
        nodes: Its nodes.
        statuses: The status of each node: `c`ompleted, `f`ailed or `s`kipped, in their order.
        inputs: The inputs.
        definition: The rest of the definition.
        outputs: The outputs. By default those of the nodes that completed, if the run did.
        attempts: The attempts of the nodes that failed, or of each of them.
        seconds: How long it takes at least.
        shown: What the trace says a node was given, by its ID.
        error: What the error of the run has in it. Empty for none.
        documented: Whether the platform documents it.
    """

    nodes: Sequence[Node]
    statuses: str
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    definition: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outputs: Mapping[str, Any] | None = None
    attempts: int | Sequence[int] = 1
    seconds: float = 0
    shown: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""
    documented: bool = False

    def check(self, server: Server) -> None:
        """Run it, and check what the run says."""
        for tool in {str(node["tool"]).replace(".", "_") for node in self.nodes if "tool" in node}:
            require_tool(server, tool)
        definition = {"nodes": [*self.nodes], **self.definition} if self.nodes else None
        if self.seconds or server.api_version == "v1":
            self._check_all(server, definition)
        else:  # no trace, but the client reads what became of it
            run = server.run_definition(definition, self.inputs)
            names = self.outputs if self.outputs is not None else [] if self.error else self._of_status("c")
            expected = ("failed" if self.error else "completed", sorted(names))
            require_equal((run.status, sorted(run.outputs or ())), expected, "status and the names of outputs")

    def _of_status(self, letter: str) -> list[str]:
        return [node["id"] for node, status in zip(self.nodes, self.statuses, strict=True) if status == letter]

    def _check_all(self, server: Server, definition: Mapping[str, Any] | None) -> None:
        made = server.create_workflow(definition=definition)
        started = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": {**self.inputs}}))
        name = started["execution_id"]
        if self.seconds:
            require_running(started)
        if started["status"] not in ("completed", "failed"):
            server.client.executions.wait(name, timeout=180)
        run = data_of(server.raw("GET", f"/executions/{name}"))
        self._require(run, made.id)
        require_field(require_refusal(server.raw("POST", f"/executions/{name}/cancel"), 409), "status")
        require_equal(data_of(server.raw("GET", f"/executions/{name}")), run, "the run after canceling was refused")
        item = find_item(server, "/executions", {"workflow_id": made.id}, execution_id=name)
        require_listed(item, run, "trace")
        require("trace" not in item, "the list has the trace")
        require_equal(run.get("workflow_version", made.version), made.version, "workflow_version")

    def _require(self, run: Mapping[str, Any], workflow_id: str) -> None:
        by_letter = {"c": "completed", "f": "failed", "s": "skipped"}
        statuses = {name: status for letter, status in by_letter.items() for name in self._of_status(letter)}
        trace = require_trace(run, {node["id"]: node["type"] for node in self.nodes}, statuses)
        counted = [status for status in statuses.values() if status in ("completed", "failed")]
        values = {name: trace[name]["output"] for name, status in statuses.items() if status == "completed"}
        stopped = bool(self.error)
        outputs = self.outputs if self.outputs is not None else {} if stopped else values
        expected: dict[str, Any] = {
            "workflow_id": workflow_id,
            "status": "failed" if stopped else "completed",
            "inputs": dict(self.inputs),
            "outputs": dict(outputs),
            "nodes_executed": len(counted),
            "nodes_failed": counted.count("failed"),
        }
        require_equal({name: run.get(name) for name in expected}, expected, "the run")
        error = run.get("error")
        require(self.error in error if isinstance(error, str) else not stopped, f"error is {error!r}")
        for name, node in trace.items():
            if name in self.shown:
                require_equal(node.get("input"), self.shown[name], f"what {name} was given")
        failed = [trace[name]["attempts"] for name, status in statuses.items() if status == "failed"]
        attempts = [self.attempts] * len(failed) if isinstance(self.attempts, int) else self.attempts
        require_equal(failed, attempts, "the attempts of the nodes that failed")
        self._require_times(run)

    def _require_times(self, run: Mapping[str, Any]) -> None:
        begin, end = time_of(run, "created_at"), time_of(run, "completed_at")
        require_equal(run.get("updated_at"), run["completed_at"], "updated_at")
        taken = (end - begin).total_seconds() * 1000
        require(abs(run["duration_ms"] - taken) <= 1000, f"duration_ms is {run['duration_ms']}: it took {taken:.0f} ms")
        least, most = self.seconds * 1000, (self.seconds + 6) * 1000
        require(least <= run["duration_ms"] < most, f"duration_ms is {run['duration_ms']}, not from {least} to {most}")


def require_running(run: Mapping[str, Any]) -> None:
    """Raise `Disagreement` unless a run goes on.

    Args:
        run: The run.
    """
    require_equal(run["status"], "running", "the status while it waits")
    require_equal(run.get("completed_at"), None, "completed_at while it waits")


def require_trace(
    run: Mapping[str, Any], types: Mapping[str, str], statuses: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the trace by the IDs of nodes, after a look at each.

    Args:
        run: The run, as it is read alone.
        types: The type of each node.
        statuses: The status of each node.
    """
    require_type(run.get("trace"), list, "trace")
    trace = {node["id"]: node for node in run["trace"]}
    require_equal((len(run["trace"]), sorted(trace)), (len(types), sorted(types)), "the nodes of the trace")
    for name, node in trace.items():
        require_equal(
            (node.get("type"), node.get("status")), (types[name], statuses[name]), f"type and status of {name}"
        )
        _require_node(name, node)
        ends = [time_of(run, "created_at"), time_of(run, "updated_at")]
        times = [time_of(node, at) for at in ("started_at", "ended_at") if node.get(at) is not None]
        require([*ends[:1], *times, *ends[1:]] == sorted([*ends, *times]), f"{name} ran at another time than the run")
    for node in run.get("nodes") or ():  # not documented: where it is there, it says the same
        require_equal(node, {key: trace[node.get("id")].get(key) for key in node}, "a node")
        require_equal({"id", "type", "status", "attempts", "error"} - node.keys(), set[str](), "what a node lacks")
    return trace


def _require_node(name: str, node: Mapping[str, Any]) -> None:
    status, attempts = node["status"], node.get("attempts")
    has_run = status in ("completed", "failed")
    require_type(attempts, int, f"attempts of {name}")
    is_tried = (attempts or 0) > 0
    fits = status == "cancelled" or (is_tried if status == "completed" else has_run or not is_tried)
    require(fits, f"attempts of {name}, which is {status}: {attempts}")
    for field_name, is_there in (
        ("started_at", has_run),
        ("ended_at", has_run),
        ("input", is_tried),
        ("output", status == "completed"),
        ("error", status == "failed"),
        ("reason", status == "skipped"),
    ):
        value = node.get(field_name)
        if status != "cancelled":
            require((value is not None) == is_there, f"{field_name} of {name}, which is {status}, is {value!r}")
    for field_name in ("error", "reason"):
        require_type(node.get(field_name), (str, type(None)), f"{field_name} of {name}")
    require_equal(node.get("usage"), None, f"usage of {name}")
    require_type(node.get("warnings", []), list, f"warnings of {name}")


GATE: Final[dict[str, Any]] = {**CHEAP["nodes"][0], "true_branch": ["yes"], "false_branch": ["no"]}
_LATE: Final = {"timeout": 1}
_OPEN: Final = {"allow_partial_results": True}
_HELD: Final[dict[str, Any]] = {"result": True, "branch": []}
"""The output of a conditional that holds."""

_NEEDS_WORD: Final = {"type": "object", "required": ["word"]}

Question = tuple[str, object, object, bool]
"""An operator, its left value, its right value, and whether it holds."""


def _asks(*questions: Question, **inputs: object) -> RunCase:
    """Return a case of conditionals, each with a node that runs if it holds, and another that runs if it does not."""
    nodes: list[Node] = []
    for number, (operator, left, right, _) in enumerate(questions):
        branches = {"true_branch": [f"then-{number}"], "false_branch": [f"else-{number}"]}
        nodes.append(holds(f"ask-{number}", left_value=left, operator=operator, right_value=right, **branches))
        nodes += (holds(f"{branch}-{number}") for branch in ("then", "else"))
    statuses = "".join("ccs" if is_true else "csc" for *_, is_true in questions)
    return RunCase(nodes, statuses, inputs, documented=True)


CASES: Final[Mapping[str, tuple[str, RunCase]]] = {
    "branch": (
        "The branch that a conditional does not take is skipped, with everything that depends only on it",
        RunCase(
            [holds("last", "no-more", "yes"), holds("no-more", "no"), holds("yes"), GATE, holds("no")],
            "csccs", {"word": "yes"}, documented=True, shown={"ask": {"left_value": "yes", "right_value": "yes"}},
        ),
    ),
    "other_branch": (
        "With the other input, it is the other branch",
        RunCase(
            [GATE, holds("yes"), holds("no"), holds("next", "yes")], "cscs", {"word": "nó 🎈"}, documented=True
        ),
    ),
    "order": (
        "Nodes run after the nodes they depend on, wherever they are in the definition",
        RunCase(
            [
                holds("d", left_value="{{b.result}}{{c.branch}}", right_value="false[]"),
                holds("c", "a", left_value="{{a.result}}", right_value="true"),
                *(holds("b", "a", operator="not_equals"), holds("a")),
            ],
            "cccc", shown={"d": {"left_value": "false[]", "right_value": "false[]"}},
        ),
    ),
    "failure": (
        "A node that fails only stops the nodes that depend on it, and the error names it",
        RunCase(
            [fails("bad"), holds("after", "bad"), holds("then", "after"), holds("free")],
            "fssc", error="bad", documented=True,
        ),
    ),
    "partial": (
        "With allow_partial_results, a failed run has the outputs of the nodes that completed",
        RunCase(
            [fails("bad"), holds("after", "bad"), holds("free")],
            "fsc", definition=_OPEN, outputs={"free": _HELD}, error="bad", documented=True,
        ),
    ),
    "skipped_value": (
        "A template reads nothing from a skipped node. A node runs unless all nodes it depends on were skipped",
        RunCase(
            [
                holds("last", left_value="<{{no.result}}{{yes.result}}>", right_value="<true>"),
                *(GATE, holds("yes"), holds("no")),
            ],
            "cccs", {"word": "yes"},
            {"outputs": {"within": "{{no.result}}{{yes.result}}", "alone": "{{no}}", "deep": "{{no.branch.0}}"}},
            {"within": "true", "alone": None, "deep": None},
            shown={"last": {"left_value": "<true>", "right_value": "<true>"}},
        ),
    ),
    "missing_value": (
        "A template without a value fails its node, but is_empty treats it as empty",
        RunCase(
            [
                holds("bad", left_value="{{input.missing}}"),
                holds("empty", left_value="{{input.missing}}", operator="is_empty"),
                holds("deep", left_value="{{input.word.more}}", operator="is_not_empty"),
            ],
            "fcc", {"word": "yes"}, error="input.missing",
        ),
    ),
    "named_outputs": (
        "An output without a value fails the run",
        RunCase([holds("a")], "c", definition={"outputs": {"x": "{{input.missing}}"}}, error="input.missing"),
    ),
    "no_nodes": ("A workflow without a definition completes without outputs", RunCase([], "")),
    "condition": (
        "A node whose condition is false is skipped",
        RunCase(
            [
                waits("yes", 0, condition={"field": "{{input.word}}", "operator": "equals", "value": "yes"}),
                waits("no", 0, condition={"field": "{{input.word}}", "operator": "equals", "value": "no"}),
                waits("bad", 0, condition={"field": "{{input.word}}", "operator": "less_than", "value": "1"}),
            ],
            "csf", {"word": "yes"}, error="bad", attempts=0,
        ),
    ),
    "wait": (
        "A node that takes two seconds keeps the run running for two seconds, in milliseconds",
        RunCase(
            [waits("pause", 2, timeout=20), holds("after", "pause")],
            "cc", seconds=2, shown={"pause": {"params": {"seconds": 2}}},
        ),
    ),
    "wait_for_nothing": (
        "A wait fails if its seconds are not a number, or negative",
        RunCase([waits("a", "long"), waits("b", -1), waits("c", True), waits("d", 0)], "fffc", error="a"),
    ),
    "timeout": (
        "A node that exceeds its timeout fails at that moment",
        RunCase([waits("pause", 20, **_LATE), holds("after", "pause")], "fs", seconds=1, error="pause"),
    ),
    "retry": (
        "With enable_retry a node runs again max_retries times, after retry_delay",
        RunCase(
            [waits("pause", 20, **_LATE, enable_retry=True, max_retries=2, retry_delay=0.5)],
            "f", seconds=4, attempts=3, error="pause",
        ),
    ),
    "retry_exponential": (
        "With backoff exponential the delays double",
        RunCase(
            [waits("pause", 20, **_LATE, retry={"max_attempts": 4, "delay": 1, "backoff": "exponential"})],
            "f", seconds=11, attempts=4, error="pause",
        ),
    ),
    "default_retry": (
        "default_retry applies to nodes without their own retry. With backoff linear, the delays grow by one "
        "retry_delay",
        RunCase(
            [
                waits("pause", 20, **_LATE),
                waits("other", 20, **_LATE, enable_retry=False),
                waits("number", 20, **_LATE, max_retries=2),
                waits("delay", 20, **_LATE, retry_delay=1),
                waits("older", 20, **_LATE, retry={"max_attempts": 2, "delay": 1}),
            ],
            "fffff", definition={"default_retry": {"max_attempts": 3, "delay": 1, "backoff": "linear"}},
            seconds=6, attempts=(3, 1, 1, 1, 2), error="pause",
        ),
    ),
    "fallback": (
        "A fallback runs if its node has failed, its output replaces the missing one, and the run completes",
        RunCase(
            [
                waits("pause", 20, **_LATE, fallback="spare"),
                *(holds("spare"), holds("after", left_value="{{pause.result}}")),
            ],
            "fcc", outputs={"pause": _HELD, "spare": _HELD, "after": {**_HELD, "result": False}}, seconds=1,
        ),
    ),
    "no_fallback": (
        "A fallback of a node that has not failed is skipped",
        RunCase([waits("pause", 0, fallback="spare"), holds("spare"), holds("after", "pause")], "csc"),
    ),
    "no_parameter": (
        "A tool that lacks a required parameter is not called, and its node fails",
        RunCase(
            [
                {"id": name, "type": "tool", "tool": "http.request", "params": params}
                for name, params in (("none", {}), ("null", {"url": None}), ("other", {"method": "GET"}))
            ],
            "fff", error="none",
        ),
    ),
    "on_error": (
        "If a node fails, the node it names as on_error runs, and the run fails",
        RunCase(
            [waits("pause", 20, **_LATE, on_error="alarm"), holds("alarm"), waits("well", 0, on_error="unused"),
             holds("unused")],
            "fccs", seconds=1, error="pause",
        ),
    ),
    "run_timeout": (
        "The timeout of a workflow ends the run: nodes that are running fail, and nodes that have not started are "
        "skipped",
        RunCase(
            [waits("pause", 20, timeout=30), holds("after", "pause"), holds("first")],
            "fsc", definition={"timeout": 1}, seconds=1, error="timeout",
        ),
    ),
    "operators": (
        "Eight operators compare two values as their names say",
        _asks(
            *(("equals", "a", "a", True), ("equals", "a", "b", False)),
            *(("not_equals", "a", "b", True), ("not_equals", "a", "a", False)),
            *(("contains", "abc", "b", True), ("contains", "abc", "d", False)),
            *(("not_contains", "abc", "d", True), ("not_contains", "abc", "b", False)),
            *(("greater_than", "10", "9", True), ("greater_than", "10", "11", False)),
            *(("less_than", "9", "10", True), ("less_than", "9", "8", False)),
            *(("starts_with", "abc", "a", True), ("starts_with", "abc", "b", False)),
            *(("ends_with", "abc", "c", True), ("ends_with", "abc", "b", False)),
        ),
    ),
    "emptiness": (
        "is_empty and is_not_empty look at one value",
        _asks(
            *(("is_empty", "", "", True), ("is_empty", "a", "", False)),
            *(("is_not_empty", "a", "", True), ("is_not_empty", "", "", False)),
        ),
    ),
    "exact": (
        "equals compares texts exactly, and numbers by value",
        _asks(
            *(("equals", "a", "A", False), ("equals", "a", "a ", False), ("equals", "ab", "a", False)),
            *(("equals", "10", "10.0", True), ("not_equals", "a", "A", True), ("not_equals", "10", "10.0", False)),
            *(("equals", "{{input.number}}", "10.0", True), ("equals", "{{input.text}}", "10", True)),
            ("equals", "{{input.number}}", "11", False),
            number=10, text="10.0",
        ),
    ),
    "booleans": (
        "A JSON boolean equals its text, and no other text",
        replace(
            _asks(
                *(("equals", "{{input.yes}}", "true", True), ("equals", "{{input.yes}}", "false", False)),
                *(("equals", "{{input.yes}}", "1", False), ("not_equals", "{{input.yes}}", "true", False)),
                *(("equals", "{{input.no}}", "false", True), ("equals", "{{input.no}}", "true", False)),
                ("not_equals", "{{input.no}}", "true", True),
                yes=True, no=False,
            ),
            documented=False,
        ),
    ),
    "no_number": (
        "greater_than and less_than fail their node if a value is not a number, and neither branch runs",
        RunCase(
            [
                holds("a", left_value="{{input.word}}", operator="greater_than", right_value="5", true_branch=["yes"]),
                holds("b", left_value="5", operator="greater_than", right_value="{{input.word}}"),
                holds("c", left_value="{{input.word}}", operator="less_than", right_value="5", false_branch=["no"]),
                holds("d", left_value="5", operator="less_than", right_value="{{input.word}}"),
                *(holds("yes"), holds("no")),
            ],
            "ffffss", {"word": "many"}, error="a", documented=True,
        ),
    ),
    "templates": (
        "Templates read inputs by dots and list indexes",
        RunCase(
            [holds("a")], "c", {"mail": {"subject": "Tides", "to": ["ada", "grace"]}},
            {"outputs": {"to": "{{input.mail.to.1}}", "all": "To {{input.mail.to.0}}: {{input.mail.subject}}"}},
            {"to": "grace", "all": "To ada: Tides"}, documented=True,
        ),
    ),
    "output_schema": (
        "Outputs that fit output_schema are those of the run",
        RunCase(
            [holds("a")], "c", {"word": "yes"}, {"outputs": {"word": "{{input.word}}"}, "output_schema": _NEEDS_WORD},
            {"word": "yes"}, documented=True,
        ),
    ),
    "unfit_outputs": (
        "Outputs that do not fit output_schema fail the run",
        RunCase(
            [holds("a")], "c", {"word": "yes"}, {"outputs": {"other": "{{input.word}}"}, "output_schema": _NEEDS_WORD},
            error="word", documented=True,
        ),
    ),
}  # fmt: skip
"""What each case shows, and the case."""


def _case_check(name: str, case: RunCase) -> CheckRun:
    def check(server: Server) -> None:
        case.check(server)

    check.__name__ = name
    return check


for _name, (_expected, _case) in CASES.items():
    _add = CHECKS.documented if _case.documented else CHECKS.choice
    _add("POST /workflows/{workflow_id}/execute", f"{_expected}. The trace and the list say so", changes=True)(
        _case_check(_name, _case)
    )


@CHECKS.choice(
    "POST /workflows/{workflow_id}/execute",
    "Inputs can be any JSON, stay unchanged alone and in the list, and templates read them: numbers, emoji, lists",
    changes=True,
)
def _values(server: Server) -> None:
    inputs = {**server.values.json(), "word": server.values.text(), "Word": 1, "one": 1.5}
    outputs = {name: f"{{{{input.{name}}}}}" for name in inputs} | {"within": "<{{input.word}}{{input.one}}>"}
    expected = {**inputs, "within": f"<{inputs['word']}1.5>"}
    RunCase([holds("a")], "c", inputs, {"outputs": outputs}, expected).check(server)


@CHECKS.choice(
    "POST /executions/{execution_id}/cancel",
    "A canceled run is listed as canceled, can be canceled only once, and does not continue",
    changes=True,
)
def _canceled(server: Server) -> None:
    require_tool(server, "wait")
    nodes = [holds("first"), waits("pause", 3, "first", timeout=20), waits("late", 20, timeout=15)]
    nodes.append(holds("after", "pause"))
    made = server.create_workflow(definition={"nodes": nodes})
    started = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body={}))
    path = f"/executions/{started['execution_id']}"
    server.sleep(1.2)
    before = data_of(server.raw("GET", path))
    for run in (started, before):
        require_running(run)
        require_equal((run["nodes_executed"], run["nodes_failed"]), (1, 0), "the numbers of nodes while it waits")
        require_equal(run["outputs"], {"first": {"result": True, "branch": []}}, "outputs while it waits")
    require(1000 <= before["duration_ms"] < 20_000, f"duration_ms is {before['duration_ms']} after 1.2 seconds")
    trace = {node["id"]: node["status"] for node in before["trace"]}
    expected = {"first": "completed", "pause": "running", "late": "running", "after": "pending"}
    require_equal(trace, expected, "the statuses of the trace")
    for node in (*before["trace"], *(before.get("nodes") or ())):
        if node["id"] != "first":
            ended = [node.get(name) for name in ("output", "error", "ended_at")]
            require_equal(ended, [None] * 3, f"output, error and ended_at of {node['id']}, which has not ended")
    canceled = data_of(server.raw("POST", f"{path}/cancel"))
    server.sleep(4)
    after = data_of(server.raw("GET", path))
    require_listed(canceled, after, "trace")
    require_equal((after["status"], after["outputs"]), ("cancelled", before["outputs"]), "status and outputs")
    require_trace(
        after,
        {"first": "conditional", "pause": "tool", "late": "tool", "after": "conditional"},
        {"first": "completed", "pause": "cancelled", "late": "cancelled", "after": "cancelled"},
    )
    taken = (time_of(after, "completed_at") - time_of(after, "created_at")).total_seconds() * 1000
    require(abs(after["duration_ms"] - taken) < 1000, f"duration_ms is {after['duration_ms']}, and it took {taken}")
    require_refusal(server.raw("POST", f"{path}/cancel"), 409)
    for status, listed in (("cancelled", [after["execution_id"]]), ("completed", []), ("running", [])):
        items = [item.id for item in server.client.executions.list(workflow_id=made.id, status=status)]
        require_equal(items, listed, f"the executions of the workflow that are {status}")


@CHECKS.choice(
    "GET /executions",
    "`workflow_id` lists the executions of one workflow, the newest first. A run that has ended is listed as ended, "
    "whether or not it was read before",
    changes=True,
)
def _listed(server: Server) -> None:
    require_tool(server, "wait")
    server.run_workflow()
    made = server.create_workflow(definition={"nodes": [waits("pause", 1, timeout=20)]})
    runs = [server.client.workflows.execute(made.id).id for _ in range(2)][::-1]
    for status in ("running", "completed"):
        listed = [item.id for item in server.client.executions.list(workflow_id=made.id, status=status, page_size=1)]
        require_equal(listed, runs, f"the executions that are {status}")
        server.sleep(1.5)


@CHECKS.choice(
    "POST /workflows/{workflow_id}/execute",
    "A run keeps the definition that the workflow had when it started",
    changes=True,
)
def _as_it_was(server: Server) -> None:
    server.require_documented("a trace")
    execution_id = running(server)
    run = server.client.executions.get(execution_id)
    server.add_cleanup(server.client.executions.cancel, execution_id)
    server.client.workflows.update(run.workflow_id or "", definition=CHEAP)
    names = [node.id for node in server.client.executions.get(execution_id).trace or ()]
    require_equal(names, ["first", "pause"], "the nodes of the trace")


@CHECKS.choice(
    "POST /workflows/{workflow_id}/execute",
    "{{memory.key}} is the value of the workflow, or else of all workflows, of the organization, or of everyone",
    changes=True,
)
def _memory(server: Server) -> None:
    outputs = {"value": "{{memory.contract-suite-nearest}}"}
    made = server.create_workflow(definition={"nodes": [holds("a")], "outputs": outputs})
    places: list[dict[str, Any]] = [
        {"scope": "global"},
        {"scope": "organization"},
        {"scope": "workflow"},
        {"scope": "workflow", "workflow_id": made.id},
    ]
    for number, place in enumerate(places):
        server.client.memory.set(server.memory_key("nearest", **place), number, **place)
        run = server.client.workflows.run(made.id, timeout=180)
        require_equal(run.outputs, {"value": number}, f"what is read after the value of {place} was set")


@CHECKS.choice(
    "POST /workflows/{workflow_id}/execute",
    "The tool memory_set stores a value in the given scope and for the given time. Where it may not, its node fails",
    changes=True,
)
def _memory_set(server: Server) -> None:
    server.require_documented("`ttl` in a response")
    require_tool(server, "memory_set")
    value, user = server.values.json(), {"scope": "user", "user_id": "contract-suite-1"}
    keys = {name: server.memory_key(name) for name in ("kept", "shared", "refused")}
    params: list[dict[str, Any]] = [
        {"key": keys["kept"], "value": value},
        {"key": keys["shared"], "value": [1], "ttl": 600, **user},
        {"key": keys["refused"], "value": 1, "scope": "user"},
        {"key": keys["refused"], "value": 1, "ttl": 0},
        {"key": keys["refused"], "value": 1, "workflow_id": UNKNOWN},
        {"key": keys["refused"]},
    ]
    nodes = [
        {"id": f"set-{number}", "type": "tool", "tool": "memory_set", "params": given}
        for number, given in enumerate(params)
    ]
    run = server.client.executions.get(server.run_definition({"nodes": nodes}, {}).id)
    require_equal((run.nodes_executed, run.nodes_failed), (6, 4), "nodes_executed and nodes_failed")
    server.add_cleanup(server.client.memory.delete, keys["kept"], workflow_id=run.workflow_id)
    server.add_cleanup(server.client.memory.delete, keys["shared"], **user)
    require_equal(server.client.memory.get(keys["kept"], workflow_id=run.workflow_id).value, value, "the value")
    shared = server.client.memory.get(keys["shared"], **user)
    require_equal((shared.value, shared.ttl), ([1], 600), "the user's value and its ttl")


@CHECKS.choice(
    "GET /executions/{execution_id}",
    "Time passes while a run waits, so a ttl can expire. The warnings of its trace stay, and correct nodes have none",
    changes=True,
)
def _meanwhile(server: Server) -> None:
    for tool in ("wait", "memory_set"):
        require_tool(server, tool)
    key = server.memory_key("meanwhile")
    nodes: list[Node] = [
        {"id": "keep", "type": "tool", "tool": "memory_set", "params": {"key": key, "value": 1, "ttl": 3}},
        waits("first", "{{input.seconds}}", "keep", timeout=20),
        waits("second", 2, "first", timeout=20),
        holds("gone", "second", left_value=f"{{{{memory.{key}}}}}", operator="is_empty"),
    ]
    made = server.create_workflow(definition={"nodes": nodes})
    body = {"inputs": {"seconds": 2}}
    started = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body=body))
    path = f"/executions/{started['execution_id']}"
    before = {node["id"]: node for node in data_of(server.raw("GET", path))["trace"]}
    server.sleep(4.5)
    server.client.executions.wait(started["execution_id"], timeout=180)
    run = data_of(server.raw("GET", path))
    require_equal(run["outputs"].get("gone"), {"result": True, "branch": []}, "whether the value was gone")
    for node in run["trace"]:
        warnings: list[str] = node.get("warnings") or []
        lost = [text for text in before[node["id"]].get("warnings") or () if text not in warnings]
        require(not lost, f"{node['id']} had the warnings {lost} before it ran")
        require(node["type"] != "tool" or not warnings, f"{node['id']} has the warnings {warnings}")


@CHECKS.choice(
    "POST /workflows/{workflow_id}/execute",
    "If a policy changes while a run waits, the node that calls its tool fails, by the role of whoever requested "
    "the run",
    changes=True,
)
def _refused_meanwhile(server: Server) -> None:
    member, policies = server.authorization_of("member"), server.client.organizations.tool_policies
    for tool in ("wait", "memory_set"):
        require_tool(server, tool)
    if "memory_set" in [policy.tool_name for policy in policies.list(server.organization_id)]:
        raise Skipped("the tool memory_set already has a policy")
    key = server.memory_key("refused-meanwhile")
    params = {"key": key, "value": 1}
    use = {"id": "use", "type": "tool", "tool": "memory_set", "params": params, "dependencies": ["pause"]}
    made = server.create_workflow(definition={"nodes": [waits("pause", 2, timeout=20), use]})
    path = f"/workflows/{made.id}/execute"
    runs = [data_of(server.raw("POST", path, json_body={}, authorization=who)) for who in ("", member)]
    server.add_cleanup(policies.delete, server.organization_id, "memory_set")
    policies.create(server.organization_id, tool_name="memory_set", allowed_roles=["owner"])
    server.sleep(2.5)
    for run, status in zip(runs, ("completed", "failed"), strict=True):
        ended = server.client.executions.wait(run["execution_id"], timeout=180)
        require_equal((ended.status, ended.nodes_executed), (status, 2), "status and nodes_executed")

"""What a run says of itself: its fields, its trace, its place in the list, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.contract.suite.calls import running
from tests.contract.suite.check import (
    UNKNOWN,
    CheckRun,
    Checks,
    require,
    require_equal,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.lives import data_of, require_listed, time_of
from tests.contract.suite.checks.paging import find_item
from tests.contract.suite.server import CHEAP, Server, Skipped

CHECKS: Final = Checks("runs")

Node = Mapping[str, Any]


def holds(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a conditional that holds.

    Args:
        name: Its ID.
        after: The nodes that it depends on.
        fields: Further fields, which replace others.
    """
    node = {"id": name, "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    return {**node, **({"dependencies": [*after]} if after else {}), **fields}


def fails(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a conditional that fails: what it compares as numbers is none.

    Args:
        name: Its ID.
        after: The nodes that it depends on.
        fields: Further fields.
    """
    return holds(name, *after, left_value="many", operator="greater_than", right_value="5", **fields)


def waits(name: str, seconds: Any, *after: str, **fields: Any) -> dict[str, Any]:
    """Return a node that waits.

    Args:
        name: Its ID.
        seconds: How long.
        after: The nodes that it depends on.
        fields: Further fields.
    """
    node = {"id": name, "type": "tool", "tool": "wait", "params": {"seconds": seconds}}
    return {**node, **({"dependencies": [*after]} if after else {}), **fields}


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

    def check(self, server: Server) -> None:
        """Run it, and check what the run says."""
        if any(node.get("tool") == "wait" for node in self.nodes):
            require_tool(server, "wait")
        definition = {"nodes": [*self.nodes], **self.definition} if self.nodes else None
        made = server.create_workflow(definition=definition)
        started = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body={"inputs": {**self.inputs}}))
        name = started["execution_id"]
        if self.seconds:
            require_running(started)
        if started["status"] not in ("completed", "failed"):
            server.client.executions.wait(name, timeout=180)
        run = data_of(server.raw("GET", f"/executions/{name}"))
        self._require(run, made.id)
        item = find_item(server, "/executions", {"workflow_id": made.id}, execution_id=name)
        require_listed(item, run, "trace")
        require("trace" not in item, "the list has the trace")
        require_equal(run.get("workflow_version", made.version), made.version, "workflow_version")

    def _require(self, run: Mapping[str, Any], workflow_id: str) -> None:
        by_letter = {"c": "completed", "f": "failed", "s": "skipped"}
        statuses = dict(
            zip([node["id"] for node in self.nodes], map(by_letter.__getitem__, self.statuses), strict=True)
        )
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


def require_tool(server: Server, name: str) -> None:
    """Skip the check unless there is a tool.

    Args:
        server: The server.
        name: Its name.

    Raises:
        Skipped: When there is none.
    """
    if name not in [tool.name for tool in server.client.tools.list()]:
        raise Skipped(f"there is no tool {name}")


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

CASES: Final[Mapping[str, tuple[str, RunCase]]] = {
    "branch": (
        "The branch that a conditional does not take is skipped, with everything that depends only on it",
        RunCase(
            [holds("last", "no-more", "yes"), holds("no-more", "no"), holds("yes"), GATE, holds("no")],
            "csccs",
            {"word": "yes"},
            shown={"ask": {"left_value": "yes", "right_value": "yes"}},
        ),
    ),
    "other_branch": (
        "With the other input, it is the other branch",
        RunCase([GATE, holds("yes"), holds("no"), holds("next", "yes")], "cscs", {"word": "nó 🎈"}),
    ),
    "order": (
        "Nodes run after the nodes they depend on, wherever they are in the definition",
        RunCase(
            [
                holds("d", left_value="{{b.result}}{{c.branch}}", right_value="false[]"),
                holds("c", "a", left_value="{{a.result}}", right_value="true"),
                holds("b", "a", operator="not_equals"),
                holds("a"),
            ],
            "cccc",
            shown={"d": {"left_value": "false[]", "right_value": "false[]"}},
        ),
    ),
    "failure": (
        "A node that fails only stops the nodes that depend on it, and the error names it",
        RunCase([fails("bad"), holds("after", "bad"), holds("then", "after"), holds("free")], "fssc", error="bad"),
    ),
    "partial": (
        "With allow_partial_results, a failed run has the outputs of the nodes that completed",
        RunCase(
            [fails("bad"), holds("after", "bad"), holds("free")],
            "fsc",
            definition=_OPEN,
            outputs={"free": {"result": True, "branch": []}},
            error="bad",
        ),
    ),
    "skipped_value": (
        "A template reads nothing from a skipped node. A node runs unless all nodes it depends on were skipped",
        RunCase(
            [
                holds("last", left_value="<{{no.result}}{{yes.result}}>", right_value="<true>"),
                GATE,
                holds("yes"),
                holds("no"),
            ],
            "cccs",
            {"word": "yes"},
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
            "fcc",
            {"word": "yes"},
            error="input.missing",
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
            "csf",
            {"word": "yes"},
            error="bad",
            attempts=0,
        ),
    ),
    "wait": (
        "A node that takes two seconds keeps the run running for two seconds, in milliseconds",
        RunCase(
            [waits("pause", 2, timeout=20), holds("after", "pause")],
            "cc",
            seconds=2,
            shown={"pause": {"params": {"seconds": 2}}},
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
            "f",
            seconds=4,
            attempts=3,
            error="pause",
        ),
    ),
    "retry_exponential": (
        "With backoff exponential the delays double",
        RunCase(
            [waits("pause", 20, **_LATE, retry={"max_attempts": 4, "delay": 1, "backoff": "exponential"})],
            "f",
            seconds=11,
            attempts=4,
            error="pause",
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
            "fffff",
            definition={"default_retry": {"max_attempts": 3, "delay": 1, "backoff": "linear"}},
            seconds=6,
            attempts=(3, 1, 1, 1, 2),
            error="pause",
        ),
    ),
    "fallback": (
        "A fallback runs if its node has failed, its output replaces the missing one, and the run completes",
        RunCase(
            [
                waits("pause", 20, **_LATE, fallback="spare"),
                holds("spare"),
                holds("after", left_value="{{pause.result}}"),
            ],
            "fcc",
            outputs={
                "pause": {"result": True, "branch": []},
                "spare": {"result": True, "branch": []},
                "after": {"result": False, "branch": []},
            },
            seconds=1,
        ),
    ),
    "no_fallback": (
        "A fallback of a node that has not failed is skipped",
        RunCase([waits("pause", 0, fallback="spare"), holds("spare"), holds("after", "pause")], "csc"),
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
}  # fmt: skip
"""What each case shows, and the case."""


def _case_check(name: str, case: RunCase) -> CheckRun:
    def check(server: Server) -> None:
        case.check(server)

    check.__name__ = name
    return check


for _name, (_expected, _case) in CASES.items():
    CHECKS.choice("POST /workflows/{id}/execute", f"{_expected}. The trace and the list say so", changes=True)(
        _case_check(_name, _case)
    )


@CHECKS.choice(
    "POST /workflows/{id}/execute",
    "Inputs can be any JSON, stay unchanged alone and in the list, and templates read them: numbers, emoji, lists",
    changes=True,
)
def _values(server: Server) -> None:
    inputs = {**server.values.json(), "word": server.values.text(), "Word": 1, "one": 1.5}
    outputs = {name: f"{{{{input.{name}}}}}" for name in inputs} | {"within": "<{{input.word}}{{input.one}}>"}
    expected = {**inputs, "within": f"<{inputs['word']}1.5>"}
    RunCase([holds("a")], "c", inputs, {"outputs": outputs}, expected).check(server)


@CHECKS.choice(
    "POST /executions/{id}/cancel",
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
    "GET /executions", "A run that has ended is listed as ended, whether or not it was read before", changes=True
)
def _listed_ended(server: Server) -> None:
    require_tool(server, "wait")
    made = server.create_workflow(definition={"nodes": [waits("pause", 1, timeout=20)]})
    started = server.client.workflows.execute(made.id)
    listed: list[list[str]] = []
    for status in ("running", "completed"):
        listed.append([item.id for item in server.client.executions.list(workflow_id=made.id, status=status)])
        server.sleep(1.5)
    require_equal(listed, [[started.id], [started.id]], "the executions that are running, and those that are completed")


@CHECKS.choice("GET /executions", "The newest execution comes first", changes=True)
def _newest_first(server: Server) -> None:
    made = server.create_workflow(definition=CHEAP)
    runs = [server.client.workflows.execute(made.id, inputs={"word": "yes"}).id for _ in range(3)]
    listed = [item.id for item in server.client.executions.list(workflow_id=made.id, page_size=2)]
    require_equal(listed, runs[::-1], "the list")


@CHECKS.choice(
    "POST /workflows/{id}/execute", "A run keeps the definition that the workflow had when it started", changes=True
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
    "POST /workflows/{id}/execute",
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
    "POST /workflows/{id}/execute",
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
    "POST /workflows/{id}/execute", "A tool that lacks a required parameter is not called, and its node fails",
    changes=True,
)  # fmt: skip
def _missing_parameter(server: Server) -> None:
    require_tool(server, "http_request")
    for params in ({}, {"url": None}, {"method": "GET"}):
        run = server.run_definition(
            {"nodes": [{"id": "a", "type": "tool", "tool": "http.request", "params": params}]}, {}
        )
        require_equal((run.status, run.nodes_failed), ("failed", 1), "status and nodes_failed")


@CHECKS.choice(
    "GET /executions/{id}",
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
    "POST /workflows/{id}/execute",
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


@CHECKS.choice(
    "POST /workflows/{id}/execute",
    "A run that has ended or was canceled frees a place in concurrent_executions",
    changes=True,
)
def _makes_place(server: Server) -> None:
    require_tool(server, "wait")
    path, name = server.path("quota"), "concurrent_executions"
    before = server.raw("GET", path).json["overrides"].get(name)
    made = server.create_workflow(definition={"nodes": [waits("pause", 1, timeout=20)]})
    server.add_cleanup(server.raw, "PATCH", path, json_body={name: before})
    require_equal(server.raw("PATCH", path, json_body={name: 1}).status, 200, "the status")
    for number in range(3):
        run = data_of(server.raw("POST", f"/workflows/{made.id}/execute", json_body={}))
        require_running(run)
        if number == 0:
            server.sleep(1.5)
            server.client.executions.wait(run["execution_id"], timeout=180)
        else:
            server.client.executions.cancel(run["execution_id"])

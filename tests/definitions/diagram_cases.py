"""Definitions and executions for the tests of diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from fibonacci.definitions.operators import OPERATORS
from fibonacci.models import Execution

Plain = dict[str, Any]

TRIAGE: Plain = {
    "name": "Triage",
    "nodes": [
        {"id": "classify", "type": "llm", "name": "Classify the mail", "instruction": "Classify {{input.mail}}"},
        {
            "id": "gate",
            "type": "conditional",
            "name": "Urgent?",
            "left_value": "{{classify.urgency}}",
            "operator": "equals",
            "right_value": "high",
            "true_branch": ["page"],
            "false_branch": ["draft"],
        },
        {"id": "page", "type": "tool", "tool": "slack_send_message", "params": {"message": "{{classify.reason}}"}},
        {"id": "draft", "type": "llm", "instruction": "Answer {{input.mail}}"},
        {"id": "judge", "type": "critic", "target_node": "draft", "criteria": ["correctness"]},
    ],
}

HOSTILE_TEXTS = (
    "<script>document.title = 'hit'</script>",
    "</title><script>document.title = 'hit'</script>",
    '" onload="document.title = 1" x="',
    "<img src=x onerror=\"document.title='hit'\">",
    "]]></style><script>document.title = 'hit'</script>",
    "--><svg onload=document.title=1>",
    "&lt;&amp;&#60;",
    "\x00\x01\x0b\x1b\x7f\x85\ufffe\uffff\ud800\udfff",
    "\u202egnp.exe\u2066\u200f\u2069",
    "emoji 🎉👩‍👩‍👧 e\u0301\u0302\u0303 四半期の報告 قيم الإجابة ﷽",
    "\n\t \r\n",
    "x" * 10_000,
    "W" * 60,
    "a_very_long_name_without_any_space_in_it_that_goes_on_and_on",
)


def llm(node_id: str, *dependencies: str, **fields: Any) -> Plain:
    """Return an llm node."""
    return {"id": node_id, "type": "llm", "instruction": "Work", "dependencies": list(dependencies), **fields}


def trace_of(**nodes: tuple[Any, ...]) -> list[Plain]:
    """Return a trace: the status of each node, the seconds that it took, and its error."""
    return [_entry(node_id, *values) for node_id, values in nodes.items()]


def _entry(node_id: str, status: str, seconds: float | None = None, error: object = None) -> Plain:
    times: Plain = {}
    if seconds is not None:
        times = {"started_at": "2026-01-01T10:00:00Z", "ended_at": f"2026-01-01T10:00:{seconds:09.6f}Z"}
    return {"id": node_id, "status": status, "attempts": 1, "error": error, **times}


def execution_of(status: str = "completed", trace: object = None, **fields: Any) -> Execution:
    """Return an execution as the platform would send it."""
    return Execution.model_validate({"id": "exec_1", "status": status, "trace": trace, **fields})


def hostile_definition(texts: Sequence[str] = HOSTILE_TEXTS) -> Plain:
    """Return a definition that has each text wherever a text can stand."""
    nodes: list[Plain] = []
    for index, text in enumerate(texts):
        before = texts[index - 1] if index else "nobody"
        nodes.append(llm(text, before, name=text, model=text))
        nodes.append({"id": f"{text}-tool", "type": "tool", "tool": text, "dependencies": [text]})
        condition = {"left_value": text, "operator": text, "right_value": text, "true_branch": [f"{text}!"]}
        nodes.append({"id": f"{text}-if", "type": "conditional", **condition})
        nodes.append({"id": f"{text}-critic", "type": "critic", "target_node": text})
        nodes.append({"id": f"{text}-other", "type": text})
    return {"name": texts[0], "nodes": nodes}


def hostile_execution(texts: Sequence[str] = HOSTILE_TEXTS) -> Execution:
    """Return an execution whose states and errors are hostile."""
    trace = [{"id": text, "status": "failed" if index % 2 else text, "error": text} for index, text in enumerate(texts)]
    return Execution.model_validate({"id": texts[0], "status": texts[0], "trace": trace})


def random_definition(seed: int) -> Plain:
    """Return a definition with up to 24 nodes of all types, branches, critics and long edges."""
    random = Random(seed)
    nodes: list[Plain] = []
    for index in range(random.randint(2, 24)):
        earlier = [node["id"] for node in nodes]
        dependencies = [other for other in earlier if random.random() < 2.0 / (len(earlier) + 1)]
        name = " ".join("Summarize MAIL wörter"[: random.randint(3, 20)] for _ in range(random.randint(1, 4)))
        node: Plain = {"id": f"node-{index}", "name": name, "dependencies": dependencies}
        kind = random.choice(["llm", "llm", "tool", "critic", "conditional"])
        if kind == "critic" and earlier:
            node |= {"type": "critic", "target_node": random.choice(earlier)}
        elif kind == "conditional":
            later = [f"node-{index + step}" for step in range(1, 4)]
            operator = random.choice(list(OPERATORS))
            node |= {"type": "conditional", "left_value": "{{input.kind}}", "operator": operator, "right_value": 3}
            node |= {"true_branch": later[:1], "false_branch": later[1 : random.randint(1, 3)]}
        else:
            node |= {"type": "tool", "tool": "slack_send_message"} if kind == "tool" else {"type": "llm"}
        nodes.append(node)
    return {"name": f"Workflow {seed}", "nodes": nodes}


_TEXTS = st.one_of(st.sampled_from(["a", "b", "c", "llm", "{{a.x}}", *HOSTILE_TEXTS[:11]]), st.text(max_size=8))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(_TEXTS, values, max_size=3)),
    max_leaves=5,
)
_IDS = st.lists(st.one_of(_TEXTS, _JSON), max_size=3)
_ANY = ("name", "model", "instruction", "target_node", "on_error", "condition", "left_value", "operator", "right_value")
_KINDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(_ANY, _JSON),
    "id": _TEXTS | _JSON,
    "type": st.sampled_from(["llm", "tool", "critic", "conditional"]) | _JSON,
    "dependencies": _IDS | _JSON,
    "true_branch": _IDS,
    "false_branch": _IDS,
}
_NODES = st.fixed_dictionaries({}, optional=_KINDS)

any_definitions: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"name": _JSON, "nodes": st.one_of(st.lists(st.one_of(_NODES, _JSON), max_size=7), _JSON)}
)
"""Definitions of any kind, most of them with faults."""

_STATUSES = st.one_of(_TEXTS, st.sampled_from(["completed", "failed", "skipped", "pending"]))
_TRACED: dict[str, st.SearchStrategy[Any]] = {
    "status": _STATUSES,
    "started_at": st.one_of(_JSON, st.just("2026-01-01T10:00:00Z")),
    "ended_at": st.one_of(_JSON, st.just("2026-01-01T10:00:01")),
    "error": _JSON,
}
_TRACE = st.lists(st.fixed_dictionaries({"id": _TEXTS}, optional=_TRACED), max_size=4)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "status": _STATUSES,
    "outputs": st.dictionaries(_TEXTS, _JSON, max_size=3),
    "duration_ms": st.one_of(st.integers(), st.floats()),
    "trace": st.one_of(_JSON, _TRACE),
}

any_executions: st.SearchStrategy[Execution] = st.fixed_dictionaries({"id": _TEXTS.filter(bool)}, optional=_FIELDS).map(
    Execution.model_validate
)
"""Executions with any trace."""

"""The published 0.2.4 and this version on one emulator: each reads what the other has written, field by field.

0.2.4 runs in an environment of its own, and prints what it has read. Version 1.0 then reads the same objects, with
`api_version="0.2"` and with the documented API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from fibonacci import Fibonacci, FibonacciError
from fibonacci._core.json_bodies import is_array
from fibonacci.emulator import Emulator, LLMCall, ToolCall
from fibonacci.emulator.http.messages import bare
from tests.api_0_2.old_release import KEY, OldRelease

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("0.2.4")]

READINGS: Final = Path(__file__).with_name("readings.py")

PLACES: Final[list[dict[str, str]]] = [
    {"scope": "workflow"},
    {"scope": "workflow", "workflow_id": "that of a workflow"},
    {"scope": "user"},  # of the key's own user
    {"scope": "user", "user_id": "ada"},
    {"scope": "organization"},
    {"scope": "global"},
]

FIRST: Final = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.city}}"}]}
FAILING: Final[dict[str, Any]] = {"nodes": [{"id": "post", "type": "tool", "tool": "post", "params": {}}]}
HELD: Final = {
    "nodes": [{"id": "ask", "type": "tool", "tool": "http_request", "params": {"url": "https://a.example/"}}]
}

DOCUMENTED: Final[Mapping[str, Mapping[str, str]]] = {
    "workflow": {
        name: name for name in ("id", "name", "description", "definition", "version", "created_at", "updated_at")
    },
    "run": {
        **{name: name for name in ("id", "workflow_id", "status", "completed_at", "nodes_executed", "nodes_failed")},
        "input_data": "inputs",
        "output_data": "outputs",
        "error_message": "error",
        "started_at": "created_at",
    },
    "tool": {**{name: name for name in ("name", "description", "category")}, "input_schema": "parameters"},
    "memory": {name: name for name in ("key", "value", "scope", "workflow_id", "user_id", "expires_at")},
}
"""The fields that the documented API has too, and their names there."""

ERRORS: Final[Mapping[str, tuple[str, str, int]]] = {
    "wrong key": ("AuthenticationError", "AuthenticationError", 401),
    "deleted": ("APIError", "NotFoundError", 404),
    "no run": ("APIError", "NotFoundError", 404),
    "no name": ("APIError", "ValidationError", 422),
    "negative": ("APIError", "ValidationError", 422),
    "too many": ("RateLimitError", "RateLimitError", 429),
    "broken": ("APIError", "ServerError", 500),
    "login": ("APIError", "NotFoundError", 404),
    "generation": ("APIError", "NotFoundError", 404),
    "stats": ("APIError", "NotFoundError", 404),
    "workflow stats": ("APIError", "NotFoundError", 404),
}
"""What 0.2.4 raises, what this version raises, and the status code."""


class Readings:
    """What 0.2.4 has read on an emulator, and clients of this version that read there.

    Attributes:
        client: A client with `api_version="0.2"`.
        documented: A client of the documented API.
        old: What 0.2.4 has printed.
        places: Those of memory, with the id of a workflow.
    """

    def __init__(self, release: OldRelease, emulator: Emulator, workflows: int) -> None:
        self._emulator = emulator
        self._root = emulator.base_url.removesuffix("/v1")
        self.client: Final = self.client_of(KEY)
        self.documented: Final = emulator.client()
        given = self._write(workflows)
        self.break_workflows()
        self.old: Final[dict[str, Any]] = release.read(READINGS, self._root, given)

    def client_of(self, key: str) -> Fibonacci:
        return Fibonacci(key, base_url=self._root, api_version="0.2", max_retries=0)

    def _write(self, workflows: int) -> dict[str, Any]:
        """Write and run workflows, write memory, and return what 0.2.4 has to know of it."""
        client = self.client
        self.documented.organizations.governance.update("default", require_approval_for_external_comm=True)
        made = client.workflows.create(name="Written by 1.0", description="Greets", definition=FIRST)
        client.workflows.update(made.id, description="Greets a city")
        ran = client.workflows.run(made.id, inputs={"city": "Łódź", "days": [1, 2.5, None]})
        failing, held = (client.workflows.create(name="Other", definition=each) for each in (FAILING, HELD))
        failed, waits = (client.workflows.execute(each.id) for each in (failing, held))
        for number in range(workflows):
            client.workflows.create(name=f"Workflow {number}", definition=FIRST)
        self.places = [{**place, "workflow_id": made.id} if "workflow_id" in place else place for place in PLACES]
        for place in self.places:
            client.memory.set("by-1.0", {"theme": "dark"}, ttl=7200, **arguments(place))
        return {
            "workflows": [made.id, failing.id, held.id],
            "runs": [ran.id, failed.id, waits.id],
            "tools": [tool.name for tool in client.tools.list()],
            "categories": ["communication", "none"],
            "places": self.places,
        }

    def break_workflows(self) -> None:
        """Let the next reads of two workflows fail."""
        self._emulator.fail("GET /api/v1/workflows/too-many", "rate_limit", retry_after=7)
        self._emulator.fail("GET /api/v1/workflows/broken", status=500)

    def compare(self) -> Iterator[str]:
        """Yield what this version reads otherwise with `api_version="0.2"`: any field of any object."""
        client, lists = self.client, self.old["reads"]["list"]
        calls: dict[str, Callable[[str], Any]] = {
            "workflow": client.workflows.get,
            "update": client.workflows.get,
            "run": client.executions.get,
            "execute": client.executions.get,
            "runs": lambda label: list(client.executions.list(**json.loads(label))),
            "tool": client.tools.get,
            "tools": lambda label: client.request("GET", f"/tools{quote(label, safe='/?=')}"),
        }
        for kind, call in calls.items():
            for label, old in self.old["reads"][kind].items():
                yield from differences(f"{kind} {label}", old, dump(call(label)))
        for kind in ("workflow", "run", "tool"):  # what the documented API has too has its name and value
            for label, old in self.old["reads"][kind].items():
                yield from differences(f"{kind} {label}", old, dump(calls[kind](label)), DOCUMENTED[kind])
        every = dump(list(client.workflows.list()))
        yield from differences("list", lists["all"], every)
        yield from differences("list limit=1000", lists["limit=1000"], every[:100])  # this server sends no more
        for flag, value in (("is_active", False), ("is_template", True)):
            yield from differences(f"list {flag}", lists[flag], [each for each in every if each[flag] is value])

    def compare_documented(self) -> Iterator[str]:
        """Yield what the documented API says otherwise of the same objects."""
        client = self.documented
        calls = {"workflow": client.workflows.get, "run": client.executions.get, "tool": client.tools.get}
        for kind, call in calls.items():
            for label, old in self.old["reads"][kind].items():
                found = dump(call(label))
                if found.get("status") == "pending_approval":
                    found["status"] = "pending"  # which has no name for it
                yield from differences(f"{kind} {label} (documented)", old, found, DOCUMENTED[kind])

    def compare_memory(self) -> Iterator[str]:
        """Yield what this version reads otherwise in the memory, with each API."""
        for place in self.places:
            found = self.old["memory"][json.dumps(place)]
            by_key = {entry["key"]: entry for entry in found["list"]}
            assert [*by_key] == ["by-1.0", "of-0.2.4"]
            yield from differences(f"set {place}", found["set"], by_key["of-0.2.4"])
            yield from differences(f"prefix {place}", found["prefix"], [by_key["by-1.0"]])
            yield from differences(f"tags {place}", found["tags"], [by_key["of-0.2.4"]])
            yield from differences(f"search {place}", found["search"], found["list"])
            for key, old in by_key.items():
                assert found["get"][key] == old["value"]
                yield from differences(f"{key} {place}", old, dump(self.client.memory.get(key, **arguments(place))))
                owner = {"user_id": old["user_id"]} if place["scope"] == "user" else {}
                documented = dump(self.documented.memory.get(key, **arguments({**place, **owner})))
                yield from differences(f"{key} {place} (documented)", old, documented, DOCUMENTED["memory"])

    def check_errors(self) -> None:
        """Compare what this version raises for the same requests."""
        client, of_workflow = self.client, self.old["ids"]["workflow"]
        login, description = {"email": "ada@example.com", "password": "secret"}, {"description": "greets a city"}
        calls: dict[str, Callable[[], object]] = {
            "wrong key": lambda: self.client_of("fib_wrong").workflows.get("wf"),
            "deleted": lambda: client.workflows.get(self.old["ids"]["deleted"]),
            "no run": lambda: client.executions.get("no-run"),
            "no name": lambda: client.workflows.create(name="", definition=FIRST),
            "negative": lambda: client.request("GET", "/workflows", params={"skip": -1, "limit": 100}),
            "too many": lambda: client.workflows.get("too-many"),
            "broken": lambda: client.workflows.get("broken"),
            "login": lambda: client.request("POST", "/auth/login", json=login),
            "generation": lambda: client.request("POST", "/workflows/generate/simple", json=description),
            "stats": lambda: client.request("GET", "/stats"),
            "workflow stats": lambda: client.request("GET", f"/workflows/{of_workflow}/stats"),
        }
        assert calls.keys() == ERRORS.keys() == self.old["errors"].keys()
        self.break_workflows()
        for name, (kind, kind_now, status) in ERRORS.items():
            old = self.old["errors"][name]
            with pytest.raises(FibonacciError) as caught:
                calls[name]()
            new: Any = caught.value
            assert (old["type"], type(new).__name__, new.status_code) == (kind, kind_now, status), (name, old, new)
            if kind == "APIError":  # the others keep neither the status code nor the body
                assert (old["status_code"], old["response"]) == (status, {"detail": new.body["detail"]}), name
            assert (old["retry_after"] or None) == new.retry_after, name
            assert new.message, name


def arguments(place: Mapping[str, str]) -> dict[str, Any]:
    return dict(place)


def dump(found: Any) -> Any:
    """Return a model of this version, or several in a list, as JSON values."""
    if is_array(found):
        return [dump(each) for each in found]
    if not hasattr(found, "model_dump"):
        return found
    fields = found.model_dump(mode="json")
    if fields.get("duration_seconds") is not None:
        assert fields["duration_ms"] == round(1000 * fields["duration_seconds"])
    read = ("id", "inputs", "outputs", "error")  # under the names that programs use
    return fields | {name: getattr(found, name) for name in read if hasattr(found, name)}


def differences(place: str, old: Any, new: Any, names: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the fields of what 0.2.4 has read that something else does not have, or has with another value.

    Args:
        place: What is compared.
        old: What 0.2.4 has read: an object, or several in a list.
        new: The same as JSON values.
        names: Which fields to compare, and their names in `new`; all by default.
    """
    if is_array(old):
        if len(old) != len(new):
            yield f"{place}: 0.2.4 reads {len(old)}, this version {len(new)}"
        for number, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from differences(f"{place}[{number}]", one, other, names)
        return
    for name, value in old.items():
        other = name if names is None else names.get(name, "")
        if other and other not in new:
            yield f"{place}.{name}: 0.2.4 reads {value!r}, this version has no {other}"
        elif other and new[other] != value:
            yield f"{place}.{name}: 0.2.4 reads {value!r}, this version {new[other]!r}"


@contextmanager
def migration(release: OldRelease, workflows: int) -> Generator[Readings]:
    """Let both versions write on an emulator, and 0.2.4 read."""
    with Emulator(api_key=KEY, rate_limit=(100_000, 60)) as emulator:
        emulator.llm(greet)
        emulator.tool("post")(refuse)
        yield Readings(release, emulator, workflows)


def greet(call: LLMCall) -> str:
    call.report_usage(input_tokens=12, output_tokens=3, cost=0.0021)
    return "Hello"


def refuse(call: ToolCall) -> None:
    raise ValueError("no such channel")


def test_each_reads_what_the_other_has_written(release: OldRelease, monkeypatch: pytest.MonkeyPatch) -> None:
    with migration(release, 110) as both:
        assert [*both.compare(), *both.compare_documented(), *both.compare_memory()] == []
        both.check_errors()
        for place in both.places:  # a time to live in seconds, and one in days and hours
            for entry in both.old["memory"][json.dumps(place)]["list"]:
                created, expires = (datetime.fromisoformat(entry[name]) for name in ("created_at", "expires_at"))
                assert expires - created == timedelta(hours=2 if entry["key"] == "by-1.0" else 26)
        reads = both.old["reads"]
        assert (len(reads["list"]["all"]), len(reads["list"]["limit=1000"])) == (115, 100)
        assert {run["status"] for run in reads["run"].values()} == {"completed", "failed", "pending"}
        assert sorted(reads["run"][both.old["ids"]["slow"]]["output_data"]) == ["judge", "pause", "urgent", "write"]

        # What the server changes from now on is named.
        monkeypatch.setattr("fibonacci.emulator.routes.api_0_2.bare", changed)
        found = [*both.compare(), *both.compare_memory()]
    fields = {re.search(r"\.(\w+): 0\.2\.4 reads", each) for each in found}
    assert {each and each[1] for each in fields} == {"total_runs", "output_data", "expires_at"}, found


def changed(data: Any, *status: int) -> Any:
    if "total_runs" in data:
        data["runs"] = data.pop("total_runs")
    if "output_data" in data:
        data["output_data"] = {}
    if "expires_at" in data:
        data["expires_at"] = "2026-01-01T00:00:00Z"
    return bare(data, *status)

"""Hold a platform to the rules of definitions: `python run.py --base-url URL`, with FIBONACCI_API_KEY set.

It needs Python alone. For each case of the JSON files next to it, it creates the definition over the REST API, starts
its runs, and compares what became of them. Before a run it says what the nodes answer, by these requests of the
emulator's control API, which a test build of another platform has to serve: `DELETE /_emulator/scripts`,
`POST /_emulator/scripts`, `PUT /_emulator/env/NAME`, `PUT /_emulator/secrets/NAME`, `POST /_emulator/approvals/ID`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

Call = Callable[..., tuple[int, Any]]
NO_APPROVAL: Any = {"require_approval_for_external_comm": False, "allow_self_approval": False, "category_flags": {}}


def cases() -> Iterator[tuple[str, Any]]:
    """Yield each case with its name."""
    for file in sorted(Path(__file__).parent.glob("*.json")):
        for case in json.loads(file.read_text("utf-8"))["cases"]:
            yield f"{file.stem}: {case['case']}", case


@contextmanager
def caller(base_url: str, api_key: str) -> Generator[Call]:
    """Yield a function that sends a request, and returns the status and the `data` of the response."""
    base = urlsplit(base_url)
    connection = (HTTPSConnection if base.scheme == "https" else HTTPConnection)(base.netloc)
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, urljoin(f"{base.path}/", path), content, headers)
        response = connection.getresponse()
        received = response.read()
        return response.status, json.loads(received or b"{}").get("data") if response.status < 400 else None

    with closing(connection):
        yield call


def disagreements(call: Call, case: Any) -> Iterator[str]:
    """Create the definition of a case and start its runs, and yield what is not as expected."""
    governance = NO_APPROVAL | {"approval_threshold": 1} | case.get("governance", {})
    call("PATCH", "organizations/default/governance", governance)
    for kind in ("env", "secrets"):
        for name, value in case.get(kind, {}).items():
            call("PUT", f"../_emulator/{kind}/{name}", {"value": value})
    status, workflow = call("POST", "workflows", {"name": "Case", "definition": case["definition"]})
    if (status == 422) != case.get("refused", False):
        yield f"the definition is {'refused' if status == 422 else 'accepted'}"
    elif status != 422:
        for key, value in case.get("memory", {}).items():
            call("PUT", f"memory/{key}", {"value": value, "scope": "workflow", "workflow_id": workflow["id"]})
        for number, run in enumerate(case.get("runs", ()), 1):
            found = ended_run(call, workflow["id"], case["definition"]["nodes"], run)
            for key in found.keys() & run.keys():
                if found[key] != run[key]:
                    yield f"run {number}: {key}: expected {json.dumps(run[key])}, not {json.dumps(found[key])}"


def ended_run(call: Call, workflow_id: str, nodes: list[Any], run: Any) -> Any:
    """Start a run, and return what became of it under the names of a case."""
    call("DELETE", "../_emulator/scripts")
    for node in (node for node in nodes if node["type"] in ("llm", "tool", "critic")):
        always = [10 if node["type"] == "critic" else node["id"]]
        answers = run.get("answers", {}).get(node["id"])
        script = {"name": node["id"], "answers": answers or always, "repeat": answers is None}
        call("POST", "../_emulator/scripts", script)
    status, started = call("POST", f"workflows/{workflow_id}/execute", {"inputs": run.get("inputs", {})})
    if status == 422:
        return {"status": "refused"}
    if "decision" in run:
        call("POST", f"../_emulator/approvals/{started['execution_id']}", {"by": "admin", "decision": run["decision"]})
    while (ended := call("GET", f"executions/{started['execution_id']}")[1])["status"] in ("pending", "running"):
        time.sleep(0.05)
    trace = {node["id"]: node for node in ended["trace"]}
    fields = {"nodes": "status", "attempts": "attempts", "given": "input", "values": "output"}
    of_nodes = {key: {node: trace[node][field] for node in run.get(key, ())} for key, field in fields.items()}
    return {"status": ended["status"], "outputs": ended["outputs"], "seconds": ended["duration_ms"] // 1000, **of_nodes}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base-url", required=True, help="such as http://127.0.0.1:8787/v1")
    with caller(parser.parse_args().base_url, os.environ["FIBONACCI_API_KEY"]) as to_platform:
        faults = {name: list(disagreements(to_platform, case)) for name, case in cases()}
    print("".join(f"{name}: {fault}\n" for name, found in faults.items() for fault in found), end="")
    print(f"{len(faults)} cases: {sum(map(bool, faults.values()))} disagree")
    raise SystemExit(any(faults.values()))

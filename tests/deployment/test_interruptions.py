"""After an apply that ended early, a plan and an apply continue it, and nothing is done twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from fibonacci import APIError, Fibonacci
from fibonacci._system.files import write_file
from fibonacci.deployment import state as deployment_state
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.faults import FailureKind
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, SocketTransport, TransportError
from tests.deployment.flows import Flows, client_of, undone
from tests.kit.mode import Mode
from tests.kit.systems import needs_fork

MOVED = {"flow-c": None, "x": "moved"}
THREE = [f"flow-{letter}" for letter in "abc"]
KINDS: dict[FailureKind, bool] = {"no_reply": True, "reset": False}
"""Failures after which the outcome is unknown, and whether the request is carried out."""


def interrupt(
    flows: Flows, emulator: Emulator, kind: FailureKind, number: int = 1, route: str = "POST /workflows"
) -> APIError:
    """Apply the folder, while the request of that number to a route fails; return the error."""
    plan = flows.plan()
    if number > 1:
        emulator.fail(route, "delay", seconds=0.001, times=number - 1)
    failure = emulator.fail(route, kind)
    with pytest.raises(APIError) as caught:
        flows.apply(plan, allow_delete=True)
    assert failure.delivered == 1
    return caught.value


def check_resumed(flows: Flows, names: list[str], **options: Any) -> None:
    """Go on, and check that each workflow is there once, with no needless version, and that nothing is left to do."""
    flows.apply(flows.plan(**options), allow_delete=True)
    assert flows.names() == names
    assert flows.is_deployed(), str(flows.plan())
    versions = {each.name: len(flows.mode.run(flows.client.versions.list(each.id))) for each in flows.workflows()}
    assert versions == {name: 2 if name == "updated" else 1 for name in names}
    assert set(flows.states()) == {path.name for path in flows.folder.glob("*.yaml")}


@pytest.mark.parametrize(("kind", "carried_out"), [*KINDS.items(), ("status", False)])
def test_a_creation_whose_outcome_is_unknown(
    flows: Flows, emulator: Emulator, kind: FailureKind, carried_out: bool
) -> None:
    flows.write_three()
    error = interrupt(flows, emulator, kind, 2)
    assert error.outcome_unknown
    assert error.__notes__ == ["apply ended early after 1 of 3 changes. To continue, make a new plan and apply it"]
    assert len(flows.workflows()) == (2 if carried_out else 1)
    reason = flows.plan().changes[0].reason
    assert reason.startswith(
        "its creation was interrupted after wf-" if carried_out else "its creation was interrupted"
    )
    check_resumed(flows, THREE)


def test_a_creation_that_the_platform_refuses_leaves_no_trace(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()
    failure = emulator.fail("POST /workflows", status=422)
    with pytest.raises(APIError):
        flows.apply()
    assert failure.delivered == 1
    assert flows.states() == {}
    assert [change.reason for change in flows.plan().changes] == ["the file is new"] * 3


def test_what_was_created_is_deleted_before_the_next_plan(flows: Flows, emulator: Emulator) -> None:
    """The server still has the response to the key of the creation; it is no workflow any more."""
    flows.write("a.yaml", "flow-a")
    interrupt(flows, emulator, "no_reply")
    flows.delete("flow-a")
    check_resumed(flows, ["flow-a"])


def test_a_creation_that_arrives_late(emulator: Emulator, tmp_path: Path) -> None:
    """The interrupted request arrives while the next apply sends its own: they have one idempotency key."""
    late: list[HTTPRequest] = []
    inner = InProcessTransport(app_of(emulator))

    class LosingTransport:
        def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
            if request.method == "POST" and not late:
                late.append(request)
                raise TransportError("unknown", ConnectionResetError("lost"))
            if request.method == "POST" and len(late) == 1:
                late.append(request)
                assert inner.send(late[0], deadline).status == 201
            return inner.send(request, deadline)

        def close(self) -> None:
            inner.close()

    with Mode("sync") as mode:
        flows = Flows(mode, client_of(mode, emulator, transport=LosingTransport()), tmp_path)
        flows.write("a.yaml", "flow-a")
        with pytest.raises(APIError):
            flows.apply()
        check_resumed(flows, ["flow-a"])
        assert len(late) == 2


def test_a_key_in_the_clients_headers_is_not_that_of_every_creation(
    mode: Mode, emulator: Emulator, flows: Flows
) -> None:
    client = client_of(mode, emulator, headers={"Idempotency-Key": "always-the-same"})
    flows.write_three()
    Flows(mode, client, flows.folder).apply()
    assert flows.names() == THREE


def test_two_that_could_be_what_was_created(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "flow-a")
    interrupt(flows, emulator, "no_reply")
    flows.create("flow-a")
    first, second = (workflow.id for workflow in flows.workflows())
    assert flows.problems() == [
        f"a.yaml: {first} and {second} on the platform are also called 'flow-a': rename or delete it, because each "
        "workflow needs its own name"
    ]
    flows.mode.run(flows.client.workflows.delete(second))
    check_resumed(flows, ["flow-a"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("route", "names"), [("PUT", ["flow-b", "updated"]), ("DELETE", ["updated"])])
def test_an_update_or_a_removal_whose_outcome_is_unknown(
    flows: Flows, emulator: Emulator, kind: FailureKind, route: str, names: list[str]
) -> None:
    flows.write("a.yaml", "flow-a")
    flows.deploy("b.yaml", "flow-b")
    flows.write("a.yaml", "updated")
    if route == "DELETE":
        (flows.folder / "b.yaml").unlink()
    interrupt(flows, emulator, kind, route=f"{route} /workflows/{{workflow_id}}")
    check_resumed(flows, names)


def test_a_repeated_removal_that_finds_nothing_is_done(mode: Mode, emulator: Emulator, flows: Flows) -> None:
    """The client repeats a DELETE without a response; the second one finds that the first was carried out."""
    flows.write("a.yaml", "flow-a")
    flows.deploy("b.yaml", "flow-b")
    (flows.folder / "b.yaml").unlink()
    retrying = Flows(mode, client_of(mode, emulator), flows.folder)
    failure = emulator.fail("DELETE /workflows/{workflow_id}", "no_reply")
    retrying.apply(allow_delete=True)
    assert failure.delivered == 1
    assert flows.is_deployed()


def test_a_cancellation(flows: Flows, emulator: Emulator) -> None:
    flows.write_three()

    async def cancel_during_the_second_creation() -> None:
        client = emulator.async_client(timeout=None)
        plan = await client.workflows.plan(flows.folder)
        emulator.fail("POST /workflows", "delay", seconds=0.001)
        emulator.fail("POST /workflows", "delay", seconds=60)
        async with anyio.create_task_group() as group:
            group.start_soon(client.workflows.apply, plan)
            while emulator.requests.to("POST /workflows").count < 2:
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()

    anyio.run(cancel_during_the_second_creation)
    assert flows.names() == ["flow-a", "flow-b"]  # the second one was carried out
    check_resumed(flows, THREE)


class InterruptingTransport:
    """A transport that calls a function before and after each request that changes something."""

    def __init__(self, inner: Any, reached: Callable[[str], None]) -> None:
        self._inner = inner
        self._reached = reached

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        is_write = request.method != "GET"
        if is_write:
            self._reached(f"before {request.method}")
        response: HTTPResponse = self._inner.send(request, deadline)
        if is_write:
            self._reached(f"after {request.method}")
        return response

    def close(self) -> None:
        self._inner.close()


def test_keyboard_interrupt(flows: Flows, emulator: Emulator) -> None:
    def interrupt(point: str) -> None:
        if point == "after POST":
            raise KeyboardInterrupt

    flows.write_three()
    with Mode("sync") as mode:
        transport = InterruptingTransport(InProcessTransport(app_of(emulator)), interrupt)
        client = client_of(mode, emulator, transport=transport)
        plan = client.workflows.plan(flows.folder)
        for done in (0, 1):
            with pytest.raises(KeyboardInterrupt) as caught:
                client.workflows.apply(plan)
            assert f"{done} of" in caught.value.__notes__[-1]
            plan = client.workflows.plan(flows.folder)
    check_resumed(flows, THREE)


@needs_fork
def test_a_process_that_is_killed_at_any_point(tmp_path: Path) -> None:
    """The process is killed after each request that changes something, and after each change of the state."""
    with Emulator() as emulator, Mode("sync") as mode:
        flows = Flows(mode, client_of(mode, emulator, base_url=emulator.base_url), tmp_path / "flows")
        flows.folder.mkdir()
        flows.write_three()
        flows.deploy("x.yaml", None, "Greet x")
        (flows.folder / "x.yaml").rename(flows.folder / "moved.yaml")
        flows.write("b.yaml", "updated")
        flows.write("d.yaml", "flow-d")
        (flows.folder / "c.yaml").unlink()
        reached: list[str] = []
        for number in range(1, 100):
            with undone(emulator, flows.folder):
                point = killed_at(number, flows, emulator)
                if point is None:
                    break
                reached.append(point)
                check_resumed(flows, ["flow-a", "flow-d", "updated", "x"], moved=MOVED)
                assert len(list((flows.folder / ".fibonacci" / "default").iterdir())) == 5, "nothing is left behind"
        # The state of what has moved, an update, a creation with a note before it, and a removal.
        assert reached == ["state", "PUT", "state", "state", "POST", "state", "removal", "DELETE", "removal"]


def killed_at(number: int, flows: Flows, emulator: Emulator) -> str | None:
    """Plan and apply in a process that kills itself at the point of that number; return it, None if there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            apply_and_die(number, writing, flows.folder, emulator)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        points = pipe.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), (status, points)
    return points[-1] if status else None


def apply_and_die(number: int, report: int, folder: Path, emulator: Emulator) -> None:
    """Plan and apply with a new client, and kill this process at the point of that number."""
    left = number

    def reached(point: str) -> None:
        nonlocal left
        os.write(report, f"{point}\n".encode())
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_state(*arguments: Any, **options: Any) -> None:
        write_file(*arguments, **options)
        reached("state")

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        remove(path, missing_ok=missing_ok)
        reached("removal")

    def request(point: str) -> None:
        if point.startswith("after "):
            reached(point.removeprefix("after "))

    remove = Path.unlink
    patch = pytest.MonkeyPatch()
    patch.setattr(deployment_state, "write_file", write_state)
    patch.setattr(Path, "unlink", unlink)
    transport = InterruptingTransport(SocketTransport(), request)
    client = Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=transport)
    client.workflows.apply(client.workflows.plan(folder, moved=MOVED), allow_delete=True)
    os._exit(0)

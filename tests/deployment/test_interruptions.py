"""An apply that ends early is gone on with by a plan and an apply, and nothing is done twice."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from fibonacci import APIError, AsyncFibonacci, Fibonacci
from fibonacci._files import write_file
from fibonacci.deployment import state as deployment_state
from fibonacci.emulator import Emulator
from fibonacci.emulator.faults import FailureKind, InjectedFailure
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, SocketTransport, TransportError
from tests.deployment.flows import Flows, steps_of
from tests.kit.mode import Mode
from tests.kit.systems import needs_fork

FIVE = [f"flow-{letter}" for letter in "abcde"]
KINDS: dict[FailureKind, bool] = {"no_reply": True, "cut": True, "reset": False, "html": False, "status": False}
"""Failures after which the outcome is unknown, and whether the request is carried out."""


@pytest.fixture
def flows(mode: Mode, emulator: Emulator, tmp_path: Path) -> Flows:
    """Return a folder and a client that repeats nothing, so that one failure is enough."""
    folder = tmp_path / "flows"
    folder.mkdir()
    return Flows(mode, mode.client_of(emulator, max_retries=0), folder)


def fail(emulator: Emulator, route: str, kind: FailureKind, number: int = 1) -> InjectedFailure:
    """Let the request of that number to a route fail."""
    if number > 1:
        emulator.fail(route, "delay", seconds=0.001, times=number - 1)
    return emulator.fail(route, kind)


def check_resumed(flows: Flows, names: list[str], **options: Any) -> None:
    """Go on, and check that each workflow is there once, with no needless version, and that nothing is left to do."""
    flows.apply(flows.plan(**options), allow_delete=True)
    assert flows.names() == names
    assert flows.is_deployed(), str(flows.plan())
    versions = {each.name: len(flows.mode.run(flows.client.versions.list(each.id))) for each in flows.workflows()}
    assert versions == {name: 2 if name == "updated" else 1 for name in names}
    assert set(flows.states()) == {path.name for path in flows.folder.glob("*.yaml")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_creation_whose_outcome_is_unknown(flows: Flows, emulator: Emulator, kind: FailureKind) -> None:
    flows.write_five()
    plan = flows.plan()
    failure = fail(emulator, "POST /workflows", kind, 3)
    with pytest.raises(APIError) as caught:
        flows.apply(plan)
    assert (failure.delivered, caught.value.outcome_unknown) == (1, True)
    assert caught.value.__notes__ == [
        "apply ended early after 2 of 5 changes. To continue, make a new plan and apply it"
    ]
    carried_out = KINDS[kind]
    assert len(flows.workflows()) == (3 if carried_out else 2)
    reason = next(change.reason for change in flows.plan().changes if change.file == "c.yaml")
    assert reason.startswith(
        "its creation was interrupted after wf-" if carried_out else "its creation was interrupted"
    )
    check_resumed(flows, FIVE)


def test_a_creation_that_the_platform_refuses_leaves_no_trace(flows: Flows, emulator: Emulator) -> None:
    flows.write_five()
    failure = emulator.fail("POST /workflows", status=422)
    with pytest.raises(APIError):
        flows.apply()
    assert failure.delivered == 1
    assert flows.states() == {}
    assert [change.reason for change in flows.plan().changes] == ["the file is new"] * 5


@pytest.mark.parametrize("kind", ["no_reply", "reset"])
def test_a_file_that_is_edited_after_an_interrupted_creation(
    flows: Flows, emulator: Emulator, kind: FailureKind
) -> None:
    """What was created is known by what was to be created, not by what the file says now."""
    flows.write_five()
    plan = flows.plan()
    fail(emulator, "POST /workflows", kind, 2)
    with pytest.raises(APIError):
        flows.apply(plan)
    carried_out = KINDS[kind]
    name = "updated" if carried_out else "edited"
    flows.write("b.yaml", name, "edited")
    step = ("update" if carried_out else "create", "b.yaml")
    assert steps_of(flows.plan()) == [step, *(("create", f"{letter}.yaml") for letter in "cde")]
    check_resumed(flows, sorted(["flow-a", "flow-c", "flow-d", "flow-e", name]))


def test_what_was_created_is_deleted_before_the_next_plan(flows: Flows, emulator: Emulator) -> None:
    """The server still has the response to the key of the creation; it is no workflow any more."""
    flows.write_five()
    plan = flows.plan()
    fail(emulator, "POST /workflows", "no_reply")
    with pytest.raises(APIError):
        flows.apply(plan)
    flows.delete("flow-a")
    check_resumed(flows, FIVE)


def test_a_creation_that_arrives_late(emulator: Emulator, tmp_path: Path) -> None:
    """The interrupted request arrives while the next apply sends its own: they have one idempotency key."""
    late: list[HTTPRequest] = []
    inner = SocketTransport()

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
        client = Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=LosingTransport())
        flows = Flows(mode, client, tmp_path)
        flows.write("a.yaml", "flow-a")
        with pytest.raises(APIError):
            flows.apply()
        check_resumed(flows, ["flow-a"])
        assert len(late) == 2
        inner.close()


def test_a_key_in_the_clients_headers_is_not_that_of_every_creation(
    mode: Mode, emulator: Emulator, flows: Flows
) -> None:
    client = mode.client_of(emulator, headers={"Idempotency-Key": "always-the-same"})
    Flows(mode, client, flows.folder).write_five()
    Flows(mode, client, flows.folder).apply()
    assert flows.names() == FIVE


def test_a_file_that_is_deleted_after_an_interrupted_creation(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "flow-a")
    flows.write("b.yaml", "flow-b")
    plan = flows.plan()
    fail(emulator, "POST /workflows", "no_reply", 2)
    with pytest.raises(APIError):
        flows.apply(plan)
    (flows.folder / "b.yaml").unlink()
    assert steps_of(flows.plan()) == [("delete", "b.yaml")]
    check_resumed(flows, ["flow-a"])


def test_two_that_could_be_what_was_created(flows: Flows, emulator: Emulator) -> None:
    flows.write("a.yaml", "flow-a")
    plan = flows.plan()
    fail(emulator, "POST /workflows", "no_reply")
    with pytest.raises(APIError):
        flows.apply(plan)
    flows.create("flow-a")
    first, second = (workflow.id for workflow in flows.workflows())
    assert flows.problems() == [
        f"a.yaml: its creation was interrupted, and {first} and {second} are all called 'flow-a' and have "
        "the content it was created with: delete all but one"
    ]
    flows.mode.run(flows.client.workflows.delete(second))
    check_resumed(flows, ["flow-a"])


def test_one_that_is_not_what_was_to_be_created(flows: Flows, emulator: Emulator) -> None:
    """A workflow of the same name and another content is another's."""
    flows.write("a.yaml", "flow-a")
    plan = flows.plan()
    fail(emulator, "POST /workflows", "reset")
    with pytest.raises(APIError):
        flows.apply(plan)
    other = flows.create("flow-a", "of another")
    (problem,) = flows.problems()
    assert problem.startswith(f"a.yaml: {other.id} on the platform is also called 'flow-a'")


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_whose_outcome_is_unknown(flows: Flows, emulator: Emulator, kind: FailureKind) -> None:
    flows.write_five()
    flows.apply()
    flows.write("c.yaml", "updated")
    plan = flows.plan()
    failure = fail(emulator, "PUT /workflows/{workflow_id}", kind)
    with pytest.raises(APIError):
        flows.apply(plan)
    assert failure.delivered == 1
    check_resumed(flows, ["flow-a", "flow-b", "flow-d", "flow-e", "updated"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_removal_whose_outcome_is_unknown(flows: Flows, emulator: Emulator, kind: FailureKind) -> None:
    flows.write_five()
    flows.apply()
    (flows.folder / "c.yaml").unlink()
    plan = flows.plan()
    failure = fail(emulator, "DELETE /workflows/{workflow_id}", kind)
    with pytest.raises(APIError):
        flows.apply(plan, allow_delete=True)
    assert failure.delivered == 1
    check_resumed(flows, ["flow-a", "flow-b", "flow-d", "flow-e"])


def test_a_repeated_removal_that_finds_nothing_is_done(mode: Mode, emulator: Emulator, flows: Flows) -> None:
    """The client repeats a DELETE without a response; the second one finds that the first was carried out."""
    flows.write_five()
    flows.apply()
    (flows.folder / "c.yaml").unlink()
    retrying = Flows(mode, mode.client_of(emulator), flows.folder)
    failure = fail(emulator, "DELETE /workflows/{workflow_id}", "no_reply")
    retrying.apply(allow_delete=True)
    assert failure.delivered == 1
    assert flows.is_deployed()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancellation(emulator: Emulator, tmp_path: Path, backend: str) -> None:
    with Mode("sync") as mode:
        flows = Flows(mode, mode.client_of(emulator), tmp_path)
        flows.write_five()

        async def cancel_during_the_second_creation() -> None:
            async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
                plan = await client.workflows.plan(tmp_path)
                emulator.fail("POST /workflows", "delay", seconds=0.001)
                emulator.fail("POST /workflows", "delay", seconds=2)
                async with anyio.create_task_group() as group:
                    group.start_soon(client.workflows.apply, plan)
                    while emulator.requests.to("POST /workflows").count < 2:
                        await anyio.sleep(0.01)
                    group.cancel_scope.cancel()

        anyio.run(cancel_during_the_second_creation, backend=backend)
        assert flows.names() == ["flow-a", "flow-b"]  # the second one was carried out
        check_resumed(flows, FIVE)


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


def test_keyboard_interrupt(emulator: Emulator, tmp_path: Path) -> None:
    def interrupt(point: str) -> None:
        if point == "after POST":
            raise KeyboardInterrupt

    with Mode("sync") as mode:
        flows = Flows(mode, mode.client_of(emulator), tmp_path)
        flows.write_five()
        transport = InterruptingTransport(SocketTransport(), interrupt)
        with Fibonacci(emulator.api_key, base_url=emulator.base_url, transport=transport) as client:
            plan = client.workflows.plan(tmp_path)
            for done in (0, 1):
                with pytest.raises(KeyboardInterrupt) as caught:
                    client.workflows.apply(plan)
                assert f"{done} of" in caught.value.__notes__[-1]
                plan = client.workflows.plan(tmp_path)
            transport.close()
        check_resumed(flows, FIVE)


def prepare(flows: Flows) -> None:
    """Have a folder with one step of each kind: record, update, create, delete."""
    flows.write_five()
    flows.apply()
    (flows.folder / "a.yaml").rename(flows.folder / "moved.yaml")
    flows.write("b.yaml", "updated")
    flows.write("f.yaml", "flow-f")
    (flows.folder / "c.yaml").unlink()


@needs_fork
def test_a_process_that_is_killed_at_any_point(emulator: Emulator, tmp_path: Path) -> None:
    """Before and after each request that changes something, and each change of the state, one after the other."""
    with Mode("sync") as mode:
        flows = Flows(mode, mode.client_of(emulator), tmp_path / "flows")
        flows.folder.mkdir()
        prepare(flows)
        shutil.copytree(flows.folder, tmp_path / "prepared")
        prepared = emulator.snapshot()
        reached: list[str] = []
        for number in range(1, 100):
            point = killed_at(number, flows, emulator)
            if point is None:
                break
            reached.append(point)
            check_resumed(flows, ["flow-a", "flow-d", "flow-e", "flow-f", "updated"], moved={"c": None})
            assert len(list((flows.folder / ".fibonacci" / "default").iterdir())) == 6, "nothing is left behind"
            emulator.restore(prepared)
            shutil.rmtree(flows.folder)
            shutil.copytree(tmp_path / "prepared", flows.folder)
        assert reached == list(expected_points())


def expected_points() -> Iterator[str]:
    state, removal = ["before state", "after state"], ["before removal", "after removal"]
    yield from state  # a.yaml is now moved.yaml
    yield from ["before PUT", "after PUT", *state]
    yield from [*state, "before POST", "after POST", *state, *removal]
    yield from ["before DELETE", "after DELETE", *removal]


def killed_at(number: int, flows: Flows, emulator: Emulator) -> str | None:
    """Plan and apply in a process that kills itself at the point of that number; return it, None if there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            apply_and_die(number, writing, flows.folder, emulator.api_key, emulator.base_url)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        points = pipe.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), (status, points)
    return points[-1] if status else None


def apply_and_die(number: int, report: int, folder: Path, api_key: str, base_url: str) -> None:
    """Plan and apply with a client of its own, and be killed at the point of that number."""
    left = number

    def reached(point: str) -> None:
        nonlocal left
        os.write(report, f"{point}\n".encode())
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_state(write: Callable[..., None], path: Any, text: str, **options: Any) -> None:
        reached("before state")
        write(path, text, **options)
        reached("after state")

    remove = Path.unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        reached("before removal")
        remove(path, missing_ok=missing_ok)
        reached("after removal")

    patch = pytest.MonkeyPatch()
    patch.setattr(deployment_state, "write_file", partial(write_state, write_file))
    patch.setattr(Path, "unlink", unlink)
    client = Fibonacci(api_key, base_url=base_url, transport=InterruptingTransport(SocketTransport(), reached))
    client.workflows.apply(client.workflows.plan(folder, moved={"c": None}), allow_delete=True)
    os._exit(0)

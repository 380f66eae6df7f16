from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from fibonacci.emulator.engine import user_handlers
from fibonacci.emulator.state.store import Owners


def test_a_call_is_running_until_it_has_ended() -> None:
    owners = Owners()
    call = user_handlers.register(owners)
    assert user_handlers.is_running(call, owners)
    assert 0 <= user_handlers.age(call) < 5
    user_handlers.finish(call)
    user_handlers.finish(call)
    assert not user_handlers.is_running(call, owners)
    assert user_handlers.age(call) == math.inf


def test_a_call_of_another_owner_is_running_while_that_holds_its_lock(tmp_path: Path) -> None:
    mine, other = Owners(tmp_path / "state.db"), Owners(tmp_path / "state.db")
    call = f"{other.own()}-abc"
    assert user_handlers.is_running(call, mine)
    assert not user_handlers.is_running(call, other)  # it would know
    other.release()
    assert not user_handlers.is_running(call, mine)
    assert user_handlers.is_running(f"{other.own()}-abc", mine)


CHILD = """
import sys, pathlib
from fibonacci.emulator.state.store import Owners
owners = Owners(pathlib.Path(sys.argv[1]))
print(owners.own(), flush=True)
sys.stdin.read()
"""


def test_a_process_that_ends_in_any_way_gives_its_lock_up(tmp_path: Path) -> None:
    owners = Owners(tmp_path / "state.db")
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "state.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().decode().strip()
        assert name != owners.own()
        assert owners.is_alive(name)
        child.kill()
    assert not owners.is_alive(name)
    assert [file.name for file in tmp_path.iterdir()] == [f"state.db-owner-{owners.own()}"]
    owners.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "1234", "../x", "abc"])
def test_an_owner_that_never_was_is_not_alive(tmp_path: Path, name: str) -> None:
    assert not Owners(tmp_path / "state.db").is_alive(name)
    assert not Owners().is_alive(name)

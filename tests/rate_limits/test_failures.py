"""Stores that fail: wait, then a clear error, and never a request without the limiter."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from fibonacci import APIConnectionError, AuthenticationError, Fibonacci, WaitEvent
from fibonacci.emulator import Emulator
from tests.kit.mode import Mode
from tests.kit.redis import RedisServer
from tests.kit.systems import linux_only, needs_permissions
from tests.rate_limits.clients import PASSWORD, client_of, refusals


@pytest.fixture(autouse=True)
def quick_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a tenth of a second where a limiter that works again is waited for a second: none of it is counted here."""
    monkeypatch.setattr("fibonacci._net.stored_limits._RETRY_DELAY", 0.1)


@contextmanager
def no_patience() -> Generator[None]:
    """Let calls fail as soon as they know that their limiter does, and not only when their time is up."""
    with pytest.MonkeyPatch.context() as patch:
        for half in ("_async", "_sync"):
            patch.setattr(f"fibonacci.{half}.rate_limit_wait._PATIENCE", 0.0)
        yield


class TestFailures:
    def test_a_server_that_comes_back_in_time_ends_the_wait(self, emulator: Emulator) -> None:
        server, events = RedisServer(password=PASSWORD), list[WaitEvent]()
        with Mode("asyncio") as mode:
            client = mode.client(
                emulator.api_key, base_url=emulator.base_url, rate_limiter=server.url, on_wait=events.append
            )
            with server.running():
                mode.run(client.tools.get("calculator"))
            waiting = mode.begin(client.tools.get, "calculator")
            while not events:
                time.sleep(0.01)
            assert emulator.requests.count == 1
            with server.running():
                assert waiting.result(timeout=20).error is None
        assert [(event.seconds, event.reason) for event in events] == [(30.0, "rate_limit")]
        assert refusals(emulator) == 0

    def test_one_that_does_not_is_an_error_and_nothing_is_sent(self, mode: Mode, emulator: Emulator) -> None:
        server = RedisServer(password=PASSWORD)
        client = mode.client(emulator.api_key, base_url=emulator.base_url, rate_limiter=server.url)
        with no_patience():
            mode.end(client.tools.get, "calculator")  # that it fails is known from now on
        error = mode.end(client.with_options(timeout=0.1).tools.get, "calculator").api_error
        assert type(error) is APIConnectionError
        assert f"redis://127.0.0.1:{server.port}/0 cannot be used" in str(error)
        assert "Nothing was sent" in str(error)
        assert PASSWORD not in repr(error)
        assert PASSWORD not in repr(client)
        assert emulator.requests.count == 0

    def test_waiting_has_an_end_without_a_timeout_too(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(emulator, RedisServer().url, timeout=None)
        client.with_options(timeout=5)
        monkeypatch.setattr("fibonacci._sync.rate_limit_wait._PATIENCE", 0.2)
        with pytest.raises(APIConnectionError, match="cannot be used"):
            client.tools.get("calculator")

    def test_a_system_that_has_no_thread_left(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        client = client_of(emulator, "machine")

        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as context:
            context.setattr(threading.Thread, "start", start)
            with (
                no_patience(),
                pytest.raises(
                    APIConnectionError, match=r"cannot start a thread: can't start new thread\. Nothing was sent"
                ),
            ):
                client.tools.get("calculator")
        assert client.tools.get("calculator").name == "calculator"

    def test_a_wrong_password_is_an_error_at_once(self, redis_urls: dict[str, str], emulator: Emulator) -> None:
        client = client_of(emulator, redis_urls["redis-server"].replace(PASSWORD, "another-word"))
        began = time.monotonic()
        with pytest.raises(APIConnectionError, match="Nothing was sent") as caught:
            client.tools.get("calculator")
        assert time.monotonic() - began < 5
        assert "another-word" not in str(caught.value)

    @needs_permissions
    def test_a_folder_that_cannot_be_written(
        self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # It imports what another user may not read. Of another key: the call that follows cannot use its lease.
        with pytest.raises(AuthenticationError):
            Fibonacci("another", base_url=emulator.base_url, rate_limiter="machine").tools.get("calculator")
        locked = folder / "locked"  # not that of this call, to which its lease is returned at any moment
        locked.mkdir()
        locked.chmod(0o500)
        folder.chmod(0o711)
        monkeypatch.setattr("tempfile.tempdir", str(locked))
        is_root = os.geteuid() == 0
        try:
            if is_root:
                os.seteuid(65534)  # root may write everywhere
            with pytest.raises(APIConnectionError, match=r"Permission denied.*Nothing was sent"):
                client_of(emulator, "machine").tools.get("calculator")
        finally:
            if is_root:
                os.seteuid(0)
        assert emulator.requests.count == 1

    @needs_permissions
    def test_a_folder_that_others_may_use(self, folder: Path, emulator: Emulator) -> None:
        (private := folder / f"fibonacci-{os.getuid()}").mkdir()
        private.chmod(0o755)  # `mkdir(mode=)` leaves out the bits of the umask
        with pytest.raises(APIConnectionError, match="must belong to this user, with mode 0700"):
            client_of(emulator, "machine").tools.get("calculator")
        assert emulator.requests.count == 0

    @linux_only
    def test_a_full_disk_fails_a_call_and_the_next_one_succeeds(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (file,) = folder.glob("*/*.json")
        file.unlink()
        file.symlink_to("/dev/full")
        with no_patience(), pytest.raises(APIConnectionError, match=os.strerror(errno.ENOSPC)):
            client.tools.get("calculator")
        file.unlink()
        client.tools.get("calculator")
        assert emulator.requests.count == 2

    def test_a_folder_that_is_removed_is_made_again_for_this_user_alone(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (private,) = folder.iterdir()
        for name in list(private.iterdir()):
            name.unlink()
        private.rmdir()
        client.tools.get("calculator")
        if os.name != "nt":
            assert private.stat().st_mode & 0o777 == 0o700
        assert refusals(emulator) == 0

    def test_a_state_that_is_damaged_is_begun_again(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (file,) = folder.glob("*/*.json")
        for damaged in ("", "{", file.read_text()[:-1]):  # as a process leaves it that is killed, or a full disk
            file.write_text(damaged)
            client.with_options(timeout=5).tools.get("calculator")
        assert refusals(emulator) == 0

    def test_a_lock_that_is_never_free(self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fibonacci._net.file_store._LOCKED_WITHIN", 0.1)
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        lock = FileLock(next(folder.glob("*/*.lock")))
        with lock, no_patience(), pytest.raises(APIConnectionError, match=r"has held .* for 0.1 s"):
            client.tools.get("calculator")
        assert emulator.requests.count == 1

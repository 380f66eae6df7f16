"""How a shared limiter is named, pickled, and what it leaves on the disk."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from fibonacci import ConfigurationError, Fibonacci
from fibonacci.emulator import Emulator
from tests.rate_limits.clients import ANY_PORT, PASSWORD, client_of


class TestOptions:
    def test_nothing_shows_the_key_or_can_be_read_by_others(self, folder: Path, emulator: Emulator) -> None:
        client_of(emulator, "machine").tools.get("calculator")
        (private,) = folder.iterdir()
        files = list(private.iterdir())
        assert len(files) == 2
        assert not any(emulator.api_key in file.name or emulator.api_key in file.read_text() for file in files)
        if os.name != "nt":
            assert private.stat().st_mode & 0o777 == 0o700
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

    def test_the_environment_names_the_limiter(
        self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_RATE_LIMITER", "machine")
        Fibonacci(emulator.api_key, base_url=emulator.base_url).tools.get("calculator")
        assert list(folder.iterdir())

    def test_a_client_is_pickled_with_its_limiter(
        self, rate_limiter: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(emulator, rate_limiter, allow_pickled_secrets=True)
        client.tools.get("calculator")
        pickle.loads(pickle.dumps(client)).tools.get("calculator")
        assert client.rate_limit is not None
        assert client.rate_limit.remaining == 4  # they share one limiter

    def test_a_password_from_the_environment_is_not_pickled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_RATE_LIMITER", f"redis://:{PASSWORD}@localhost:1/0")
        made = Fibonacci("key", allow_pickled_secrets=True)
        for client in (made, made.with_options(timeout=1)):
            pickled = pickle.dumps(client)
            assert PASSWORD.encode() not in pickled
            pickle.loads(pickled)
            with monkeypatch.context() as context:
                context.delenv("FIBONACCI_RATE_LIMITER")
                with pytest.raises(ConfigurationError, match="FIBONACCI_RATE_LIMITER"):
                    pickle.loads(pickled)

    @pytest.mark.parametrize(
        ("rate_limiter", "package", "modules", "extra"),
        [
            ("machine", "filelock", ("fibonacci._net.file_store",), "machine"),
            (ANY_PORT, "redis", ("fibonacci._net.redis_client",), "redis"),
        ],
    )
    def test_a_missing_package_is_named_when_the_client_is_made(
        self, rate_limiter: str, package: str, modules: tuple[str, ...], extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        for module in modules:
            monkeypatch.delitem(sys.modules, module, raising=False)
        with pytest.raises(ImportError, match=rf"pip install 'fibonacci-sdk\[{extra}\]'"):
            Fibonacci("key", rate_limiter=rate_limiter)

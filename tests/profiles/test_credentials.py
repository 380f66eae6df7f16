"""The order of the credentials, and that a key is sent to no host that it was not meant for."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail, null

from fibonacci import ConfigurationError, Fibonacci
from fibonacci._profiles import keychain
from tests.kit.keychain import (
    FileKeychain,
    LockedKeychain,
    PlaintextChain,
    PlaintextKeyring,
    entries,
    in_keychain,
    write,
)
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import needs_permissions

KEY = "sk-of-the-profile"
OTHER = "sk-of-the-environment"

pytestmark = pytest.mark.usefixtures("keychain")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ok) as running:
        yield running


@pytest.fixture
def work(config: Path, server: ScriptedServer, keychain: None) -> Path:
    """Return a file with a profile `work`, whose key is in the keychain."""
    config.write_text(f'[profiles.work]\nbase_url = "{server.base_url}"\nkeychain = true\n')
    config.chmod(0o600)
    write({f"fibonacci {server.origin}/work": KEY})
    return config


def key_sent(mode: Mode, server: ScriptedServer, client: Any) -> str:
    assert mode.run(client.request("GET", "/x")) == {"fine": True}
    return str(server.last.one("Authorization")).removeprefix("Bearer ")


def refusal(mode: Mode, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        mode.client(**options)
    assert KEY not in str(caught.value)
    assert OTHER not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("work")
class TestOrder:
    def test_the_argument_names_the_profile(self, mode: Mode, server: ScriptedServer) -> None:
        client = mode.client(profile="work")
        assert client.base_url == server.base_url
        assert key_sent(mode, server, client) == KEY

    def test_the_environment_names_the_profile(
        self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_PROFILE", "work")
        assert key_sent(mode, server, mode.client()) == KEY

    def test_the_file_names_the_profile(self, mode: Mode, server: ScriptedServer, work: Path) -> None:
        work.write_text(f'default = "work"\n{work.read_text()}')
        assert key_sent(mode, server, mode.client()) == KEY

    def test_the_profile_named_default_is_one(self, mode: Mode, server: ScriptedServer, work: Path) -> None:
        work.write_text(work.read_text().replace("work", "default"))
        write({f"fibonacci {server.origin}/default": KEY})
        assert key_sent(mode, server, mode.client()) == KEY

    def test_an_argument_precedes_all(
        self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        monkeypatch.setenv("FIBONACCI_PROFILE", "work")
        assert key_sent(mode, server, mode.client("sk-argument")) == "sk-argument"

    def test_key_and_address_of_the_environment_precede_the_profile(
        self, mode: Mode, server: ScriptedServer, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text(work.read_text().replace(server.base_url, "http://127.0.0.1:9/v1"))
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        assert key_sent(mode, server, mode.client(profile="work")) == OTHER

    def test_a_key_of_the_environment_ignores_the_default_of_the_file(
        self, mode: Mode, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text(f'default = "work"\n{work.read_text()}')
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        assert mode.client().base_url == "https://api.fibonacci.dev/v1"

    def test_a_key_of_the_environment_is_sent_to_a_profile_without_one(
        self, mode: Mode, server: ScriptedServer, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text(work.read_text().replace("keychain = true", ""))
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        assert key_sent(mode, server, mode.client(profile="work")) == OTHER

    def test_another_path_at_the_same_host(
        self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", f"{server.origin}/v2")
        assert key_sent(mode, server, mode.client(profile="work")) == KEY
        assert server.last.target == "/v2/x"

    def test_the_api_of_the_profile(
        self, mode: Mode, server: ScriptedServer, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text(f'[profiles.work]\nbase_url = "{server.origin}/api/v1"\napi_version = "0.2"\nkeychain = true\n')
        mode.run(mode.client(profile="work").request("GET", "/x"))
        assert (server.last.target, server.last.one("Authorization")) == ("/api/v1/x", f"Bearer {KEY}")
        monkeypatch.setenv("FIBONACCI_API_VERSION", "v1")
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        assert key_sent(mode, server, mode.client(profile="work")) == KEY
        assert server.last.target == "/v1/x"


@pytest.mark.usefixtures("work")
class TestMixtures:
    ELSEWHERE = "http://127.0.0.1:9/v1"

    @pytest.fixture(autouse=True)
    def nothing_is_sent(self, server: ScriptedServer) -> Iterator[None]:
        yield
        assert server.connections == 0

    def test_a_stored_key_and_the_address_of_the_environment(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", self.ELSEWHERE)
        text = refusal(mode, profile="work")
        assert "FIBONACCI_BASE_URL names http://127.0.0.1:9: the key is not sent there" in text

    def test_a_stored_key_and_an_address_as_argument(self, mode: Mode) -> None:
        assert "base_url names http://127.0.0.1:9" in refusal(mode, profile="work", base_url=self.ELSEWHERE)

    def test_a_file_that_somebody_has_changed(self, mode: Mode, server: ScriptedServer, work: Path) -> None:
        work.write_text(work.read_text().replace(server.base_url, self.ELSEWHERE))
        assert "the keychain (keychain FileKeychain) has none for the profile 'work' at http://127.0.0.1:9" in refusal(
            mode, profile="work"
        )

    def test_a_key_of_the_environment_and_a_profile_with_its_own(
        self, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        text = refusal(mode, profile="work")
        assert "because the profile 'work' has its own key for it" in text
        assert "unset FIBONACCI_API_KEY" in text

    def test_a_key_of_the_environment_and_a_profile_whose_address_is_the_usual_one_of_its_api(
        self, mode: Mode, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text('[profiles.work]\napi_version = "0.2"\nkeychain = true\n')
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        assert "is not sent to https://api.fibonacci.today, because the profile 'work' has its own key" in refusal(
            mode, profile="work"
        )
        monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")  # then the environment alone names that address
        assert mode.client(profile="work").base_url == "https://api.fibonacci.today"

    def test_a_stored_key_and_the_api_of_the_environment(
        self, mode: Mode, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text("[profiles.work]\nkeychain = true\n")
        monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")
        text = refusal(mode, profile="work")
        assert "for https://api.fibonacci.dev, but the default of API 0.2 names https://api.fibonacci.today" in text


class TestBadProfiles:
    def test_no_such_profile(self, mode: Mode, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, text in (
            ("wrok", "profile: there is no profile 'wrok' in"),
            ("wrok", "Did you mean 'work'?"),
            ("nothing-like-it", "To add it, run `fibonacci profiles add nothing-like-it`"),
            ("", "must be the name of a profile"),
            ("a/b", "must be the name of a profile"),
        ):
            monkeypatch.delenv("FIBONACCI_PROFILE", raising=False)
            assert text in refusal(mode, profile=name)
            assert text in refusal(mode, api_key=OTHER, profile=name)
            monkeypatch.setenv("FIBONACCI_PROFILE", name)
            assert text.replace("profile: ", "the environment variable FIBONACCI_PROFILE: ") in refusal(mode)
        assert work.exists()

    def test_a_profile_of_the_wrong_type_is_refused(self, mode: Mode) -> None:
        with pytest.raises(TypeError, match="profile must be a str, not int"):
            mode.client(profile=7)

    def test_a_default_that_is_not_there(self, mode: Mode, config: Path) -> None:
        config.write_text('default = "work"\n')
        assert "default: there is no profile 'work'" in refusal(mode)

    def test_a_profile_without_a_key(self, mode: Mode, config: Path) -> None:
        config.write_text("[profiles.work]\n")
        text = refusal(mode, profile="work")
        assert "the profile 'work' has none" in text
        assert "`fibonacci auth login --profile work`, or set FIBONACCI_API_KEY" in text

    def test_plain_http_to_another_machine(self, mode: Mode, config: Path) -> None:
        config.write_text('[profiles.work]\nbase_url = "http://platform.example/v1"\n')
        assert "base_url of the profile 'work' is plain http" in refusal(mode, profile="work")


class TestKeychain:
    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (LockedKeychain, "the keychain is locked: unlock it, or set FIBONACCI_API_KEY"),
            (
                fail.Keyring,
                "no keychain that keyring can use, which is normal in a container: set FIBONACCI_API_KEY instead",
            ),
            (null.Keyring, "has none for the profile 'work'"),
        ],
    )
    @pytest.mark.usefixtures("work")
    def test_one_that_gives_no_key(
        self, mode: Mode, kind: Any, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with in_keychain(monkeypatch, tmp_path, kind):
            assert text in refusal(mode, profile="work")

    @pytest.mark.usefixtures("work")
    @pytest.mark.parametrize("kind", [PlaintextKeyring, PlaintextChain])
    def test_one_in_plain_text_has_to_be_allowed_by_name(
        self, mode: Mode, server: ScriptedServer, kind: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with in_keychain(monkeypatch, tmp_path, kind):
            write({f"fibonacci {server.origin}/work": KEY})
            for name in ("", "keyrings.alt.file.PlaintextKeyring", "1"):
                monkeypatch.setenv("FIBONACCI_PLAINTEXT_KEYRING", name)
                text = refusal(mode, profile="work")
                assert (
                    "tests.kit.keychain.PlaintextKeyring, stores API keys in plain text: set FIBONACCI_API_KEY" in text
                )
                with pytest.raises(ConfigurationError, match="in plain text"):
                    keychain.store_key("work", server.origin, OTHER)
            assert OTHER not in str(entries())
            monkeypatch.setenv("FIBONACCI_PLAINTEXT_KEYRING", "tests.kit.keychain.PlaintextKeyring")
            assert key_sent(mode, server, mode.client(profile="work")) == KEY

    @pytest.mark.usefixtures("work")
    def test_keyring_is_not_installed(self, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "fibonacci._profiles.keychain", raising=False)
        monkeypatch.setitem(sys.modules, "keyring", None)
        text = refusal(mode, profile="work")
        assert "pip install 'fibonacci-sdk[keyring]', or set FIBONACCI_API_KEY" in text

    @pytest.mark.usefixtures("work")
    def test_a_key_that_no_header_can_hold(self, mode: Mode, server: ScriptedServer) -> None:
        write({f"fibonacci {server.origin}/work": f"{KEY}\n"})
        assert "the API key of the profile 'work' in the keychain has the character" in refusal(mode, profile="work")


@pytest.mark.usefixtures("work")
class TestLife:
    def test_a_pickle_holds_no_key(self, mode: Mode, server: ScriptedServer) -> None:
        pickled = pickle.dumps(mode.client(profile="work"))
        assert KEY.encode() not in pickled
        assert key_sent(mode, server, mode.close_later(pickle.loads(pickled))) == KEY

    def test_a_pickle_of_a_client_with_a_key_needs_no_file(
        self, mode: Mode, server: ScriptedServer, work: Path
    ) -> None:
        pickled = pickle.dumps(mode.client(OTHER, profile="work", allow_pickled_secrets=True))
        work.unlink()
        assert key_sent(mode, server, mode.close_later(pickle.loads(pickled))) == OTHER

    def test_a_clone_needs_no_file_and_no_keychain(
        self, mode: Mode, server: ScriptedServer, work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        client = mode.client(profile="work")
        work.unlink()
        with in_keychain(monkeypatch, tmp_path, LockedKeychain):
            clone = mode.close_later(client.with_options(timeout=5))
        assert key_sent(mode, server, clone) == KEY
        assert KEY.encode() not in pickle.dumps(clone)

    def test_a_clone_with_another_address_does_not_send_a_stored_key_there(
        self, mode: Mode, server: ScriptedServer
    ) -> None:
        client = mode.client(profile="work")
        with ScriptedServer(ok) as elsewhere:
            with pytest.raises(ConfigurationError) as caught:
                client.with_options(base_url=elsewhere.base_url)
            assert "the API key of the profile 'work' is stored for" in str(caught.value)
            refused = f"base_url names {elsewhere.origin}, so it is not sent there. Pass api_key=... too"
            assert refused in str(caught.value)
            assert KEY not in str(caught.value)
            clone = client.with_options(base_url=elsewhere.base_url, api_key=OTHER)
            assert key_sent(mode, elsewhere, clone) == OTHER
            assert key_sent(mode, elsewhere, clone.with_options(timeout=5)) == OTHER
            with pytest.raises(TypeError, match="cannot pickle"):  # it was passed
                pickle.dumps(clone)
        assert server.connections == 0

    def test_a_clone_with_another_path_at_the_same_host(self, mode: Mode, server: ScriptedServer) -> None:
        clone = mode.client(profile="work").with_options(base_url=f"{server.origin}/v2")
        assert key_sent(mode, server, clone) == KEY
        assert server.last.target == "/v2/x"
        assert KEY.encode() not in pickle.dumps(clone)
        assert key_sent(mode, server, mode.close_later(pickle.loads(pickle.dumps(clone)))) == KEY

    def test_a_client_with_key_and_address_of_the_environment_reads_no_file(
        self, work: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.write_text("this is not TOML")
        monkeypatch.setenv("FIBONACCI_API_KEY", OTHER)
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        monkeypatch.setenv("FIBONACCI_PROFILE", "work")
        Fibonacci().close()

    @needs_permissions
    def test_a_file_that_others_can_read_is_reported(self, work: Path, caplog: pytest.LogCaptureFixture) -> None:
        work.chmod(0o644)
        with caplog.at_level(logging.WARNING, logger="fibonacci"):
            Fibonacci(profile="work").close()
        assert [record.getMessage() for record in caplog.records] == [
            f"{work} is accessible to other users of this machine (mode 644): run `chmod 600 {work}`"
        ]


def test_the_entries_of_two_addresses_are_apart(config: Path, server: ScriptedServer) -> None:
    assert isinstance(keyring.get_keyring(), FileKeychain)
    config.write_text('[profiles.work]\nbase_url = "https://api.example.com:443/v1"\nkeychain = true\n')
    write({"fibonacci https://api.example.com/work": KEY, f"fibonacci {server.origin}/work": OTHER})
    with Fibonacci(profile="work", base_url="https://API.example.com/v2") as client:
        assert client.base_url == "https://api.example.com/v2"

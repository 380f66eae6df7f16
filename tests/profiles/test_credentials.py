"""The order of the credentials, and that a key is sent to no host that it was not meant for."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail, null

from fibonacci import ConfigurationError, Fibonacci
from fibonacci._profiles import keychain
from tests.kit.assertions import each_row
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


WORK = '[profiles.work]\nbase_url = "ORIGIN/v1"\nkeychain = true\n'
NOWHERE = "http://127.0.0.1:9"
OLDER = WORK.replace("/v1", "/api/v1") + 'api_version = "0.2"\n'
BY_NAME = {"profile": "work"}
Texts = dict[str, str]


@contextmanager
def environment_of(config: Path, server: ScriptedServer, file: str, environment: Texts) -> Generator[None]:
    """Write a file of profiles, and set variables; ORIGIN becomes the server's address."""
    config.write_text(file.replace("ORIGIN", server.origin))
    config.chmod(0o600)
    write({f"fibonacci {server.origin}/{name}": KEY for name in ("work", "default")})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(f"FIBONACCI_{name}", value.replace("ORIGIN", server.origin))
        yield


@each_row(
    ("file", "environment", "options", "sent"),
    [
        (WORK, {}, BY_NAME, (KEY, "/v1/x")),
        (WORK, {"PROFILE": "work"}, {}, (KEY, "/v1/x")),
        (f'default = "work"\n{WORK}', {}, {}, (KEY, "/v1/x")),
        (WORK.replace("work", "default"), {}, {}, (KEY, "/v1/x")),
        (WORK, {"API_KEY": OTHER, "PROFILE": "work"}, {"api_key": "sk-argument"}, ("sk-argument", "/v1/x")),
        (WORK.replace("ORIGIN", NOWHERE), {"API_KEY": OTHER, "BASE_URL": "ORIGIN/v1"}, BY_NAME, (OTHER, "/v1/x")),
        (WORK.replace("keychain = true", ""), {"API_KEY": OTHER}, BY_NAME, (OTHER, "/v1/x")),
        (WORK, {"BASE_URL": "ORIGIN/v2"}, BY_NAME, (KEY, "/v2/x")),
        (OLDER, {}, BY_NAME, (KEY, "/api/v1/x")),
        (OLDER, {"API_VERSION": "v1", "BASE_URL": "ORIGIN/v1"}, BY_NAME, (KEY, "/v1/x")),
    ],
)
def test_which_key_is_sent_to_which_address(
    mode: Mode,
    config: Path,
    server: ScriptedServer,
    file: str,
    environment: Texts,
    options: Texts,
    sent: tuple[str, str],
) -> None:
    with environment_of(config, server, file, environment):
        mode.run(mode.client(**options).request("GET", "/x"))
    assert (server.last.one("Authorization"), server.last.target) == (f"Bearer {sent[0]}", sent[1])


@each_row(
    ("file", "environment", "options", "words"),
    [
        (WORK, {"BASE_URL": NOWHERE}, {}, f"FIBONACCI_BASE_URL names {NOWHERE}: the key is not sent there"),
        (WORK, {}, {"base_url": NOWHERE}, f"base_url names {NOWHERE}"),
        (
            WORK.replace("ORIGIN", NOWHERE),  # somebody has changed the file
            *({}, {}, f"the keychain (keychain FileKeychain) has none for the profile 'work' at {NOWHERE}"),
        ),
        (WORK, {"API_KEY": OTHER}, {}, "because the profile 'work' has its own key for it"),
        (WORK, {"API_KEY": OTHER}, {}, "unset FIBONACCI_API_KEY"),
        (
            '[profiles.work]\napi_version = "0.2"\nkeychain = true\n',
            *({"API_KEY": OTHER}, {}, "is not sent to https://api.fibonacci.today, because the profile 'work' has its"),
        ),
        (
            "[profiles.work]\nkeychain = true\n",
            *(
                {"API_VERSION": "0.2"},
                {},
                "for https://api.fibonacci.dev, but the default of API 0.2 names https://api.",
            ),
        ),
    ],
)
def test_a_key_is_sent_to_no_address_that_it_is_not_for(
    mode: Mode, config: Path, server: ScriptedServer, file: str, environment: Texts, options: Texts, words: str
) -> None:
    with environment_of(config, server, file, environment):
        assert words in refusal(mode, profile="work", **options)
    assert server.connections == 0


def test_a_key_of_the_environment_goes_to_the_address_that_the_environment_alone_names(
    mode: Mode, config: Path, server: ScriptedServer
) -> None:
    with environment_of(config, server, f'default = "work"\n{WORK}', {"API_KEY": OTHER}):
        assert mode.client().base_url == "https://api.fibonacci.dev/v1"
    file = '[profiles.work]\napi_version = "0.2"\nkeychain = true\n'
    with environment_of(config, server, file, {"API_KEY": OTHER, "API_VERSION": "0.2"}):
        assert mode.client(profile="work").base_url == "https://api.fibonacci.today"


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

    @each_row(
        ("file", "options", "words"),
        [
            ('default = "work"\n', {}, "default: there is no profile 'work'"),
            ("[profiles.work]\n", BY_NAME, "the profile 'work' has none"),
            ("[profiles.work]\n", BY_NAME, "`fibonacci auth login --profile work`, or set FIBONACCI_API_KEY"),
            ('[profiles.work]\nbase_url = "http://platform.example/v1"\n', BY_NAME, "the profile 'work' is plain http"),
        ],
    )
    def test_a_file_that_gives_no_key(self, mode: Mode, config: Path, file: str, options: Texts, words: str) -> None:
        config.write_text(file)
        assert words in refusal(mode, **options)


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

"""`fibonacci profiles`: list, show, use, add, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci._profiles.config_file import read_profiles
from tests.cli.invocation import invoke
from tests.kit.assertions import check_each
from tests.kit.keychain import LockedKeychain, entries, in_keychain, write

pytestmark = pytest.mark.usefixtures("keychain")

WORK: dict[str, Any] = {
    "name": "work",
    "base_url": "https://api.fibonacci.dev/v1",
    "api_version": "v1",
    "keychain": False,
    "default": True,
}
LOCAL: dict[str, Any] = {
    "name": "local",
    "base_url": "http://127.0.0.1:8000/v1",
    "api_version": "v1",
    "keychain": False,
    "default": False,
}
FILE = """\
default = "work"

[profiles.work]

[profiles.local]
base_url = "http://127.0.0.1:8000/v1"
"""


@pytest.fixture
def config(keychain: None, tmp_path: Path) -> Path:
    """Return a file with two profiles."""
    file = tmp_path / "config.toml"
    file.write_text(FILE, "utf-8")
    file.chmod(0o600)
    return file


def stored(config: Path) -> None:
    """Give the profile `local` a key."""
    config.write_text(config.read_text().replace('8000/v1"', '8000/v1"\nkeychain = true'))
    write({"fibonacci http://127.0.0.1:8000/local": "sk-stored"})


def test_a_list_without_profiles_says_how_to_add_one(tmp_path: Path) -> None:
    run = invoke("profiles", "list")
    assert (run.code, run.out) == (0, "")
    assert run.err == f"there are no profiles in {tmp_path}/config.toml: `fibonacci profiles add NAME` adds one\n"


def test_they_are_added_listed_and_shown(tmp_path: Path) -> None:
    assert invoke("profiles", "add", "work").code == 0
    assert invoke("profiles", "add", "local", "--base-url", "http://127.0.0.1:8000/v1/").code == 0
    assert (tmp_path / "config.toml").read_text("utf-8").partition("\n")[2] == FILE
    assert invoke("profiles", "list").lines == [WORK, LOCAL]
    assert invoke("profiles", "show", "local", "--json").data == LOCAL


@pytest.mark.usefixtures("config")
def test_a_default_that_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_PROFILE", "work")
    other = "it is not used here: FIBONACCI_PROFILE is set and takes precedence over the profile 'local'\n"
    assert invoke("profiles", "use", "local").err == f"the default profile is 'local'\n{other}"
    assert invoke("profiles", "use", "work").err == "the default profile is 'work'\n"
    monkeypatch.setenv("FIBONACCI_API_KEY", "sk-key")
    monkeypatch.setenv("FIBONACCI_BASE_URL", "https://production.example/v1")
    run = invoke("profiles", "use", "local")
    assert run.err.endswith(
        "it is not used here: FIBONACCI_API_KEY is set and takes precedence over the profile 'local'\n"
    )


def test_a_key_goes_with_its_profile(config: Path) -> None:
    stored(config)
    refused = invoke("profiles", "remove", "local")
    assert refused.code == 64
    assert "Pass --yes" in refused.err
    assert "local" in read_profiles().profiles
    assert invoke("profiles", "remove", "local", "--yes").code == 0
    assert (list(read_profiles().profiles), entries()) == (["work"], {})


def test_a_locked_keychain_does_not_keep_a_profile(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored(config)
    with in_keychain(monkeypatch, tmp_path, LockedKeychain):
        run = invoke("profiles", "remove", "local", "--yes")
    assert run.code == 0
    assert "its API key stays in the keychain: the keychain is locked" in run.err
    assert list(read_profiles().profiles) == ["work"]


def test_wrong_arguments_are_refused(config: Path) -> None:
    def check(row: tuple[list[str], str]) -> None:
        arguments, message = row
        run = invoke("profiles", *arguments)
        assert (run.code, run.out) == (64, "")
        assert message.format(config=config) in run.err

    rows: list[tuple[list[str], str]] = [
        (["use", "wrok"], "NAME: there is no profile 'wrok' in {config}. Did you mean 'work'?"),
        (["add", "work"], "{config} already has a profile 'work': remove it first, or use another name"),
        (
            ["add", "new", "--base-url", "https://a.example/v1", "--api-version", "0.2"],
            "--base-url ends in /v1, the",
        ),
        (["add", "new", "--api-version", "1"], "'1'"),
        (["lst"], "unknown command 'lst'. Did you mean 'list'?"),
    ]
    check_each(rows, check)


def test_profiles_of_the_api_of_0_2_4(config: Path) -> None:
    assert invoke("profiles", "add", "old", "--api-version", "0.2").code == 0
    assert invoke("profiles", "add", "gate", "--api-version", "0.2", "--base-url", "https://a.example/api/v1").code == 0
    old = {**LOCAL, "name": "old", "base_url": "https://api.fibonacci.today", "api_version": "0.2"}
    gate = {**old, "name": "gate", "base_url": "https://a.example"}
    assert invoke("profiles", "list").lines == [WORK, LOCAL, old, gate]
    assert config.read_text().count('api_version = "0.2"') == 2
    config.write_text(config.read_text().replace("a.example", "a.example/v1"))
    run = invoke("profiles", "show", "gate")
    assert (run.code, "base_url of the profile 'gate' ends in /v1, the path of the documented" in run.err) == (64, True)


def test_a_file_that_others_can_read_is_reported(config: Path) -> None:
    config.chmod(0o640)
    run = invoke("profiles", "list")
    assert (run.code, len(run.lines)) == (0, 2)
    assert "is accessible to other users of this machine (mode 640): run `chmod 600" in run.err

"""The file of profiles: where it is, what it may hold, and that a change keeps the rest of it."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path

import pytest

from fibonacci import ConfigurationError
from fibonacci._profiles.changes import add_profile, note_key, remove_profile, use_profile
from fibonacci._profiles.config_file import Profile, config_path, read_profiles
from tests.kit.assertions import check_each, each_row
from tests.kit.systems import needs_permissions

COMMENTED = """\
# Mine.

default = "work"  # on weekdays

# The platform itself.
[profiles.work]
base_url = "https://work.example/v1" # ours

# On this machine.
[profiles.local]
base_url = 'http://127.0.0.1:8000/v1'
"""


class TestPlace:
    def test_the_variable_names_the_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path / "mine"))
        assert config_path() == tmp_path / "mine" / "config.toml"

    @pytest.mark.skipif(sys.platform == "win32", reason="of Linux and macOS")
    @pytest.mark.parametrize("relative", ["", "here"])
    def test_the_folder_of_the_desktop(self, relative: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("FIBONACCI_CONFIG_DIR")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        assert config_path() == tmp_path / "xdg" / "fibonacci" / "config.toml"
        monkeypatch.setenv("XDG_CONFIG_HOME", relative)
        assert config_path() == tmp_path / ".config" / "fibonacci" / "config.toml"

    def test_the_folder_of_windows(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("FIBONACCI_CONFIG_DIR")
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setenv("APPDATA", str(tmp_path))
        assert config_path() == tmp_path / "fibonacci" / "config.toml"


class TestFaults:
    @each_row(
        ("text", "message"),
        [
            ("default = ", "is not TOML: Invalid value (at"),
            ("default = 7", "default: it must be the name of a profile in quotes"),
            ("profiles = 7", "profiles: "),
            ("[profiles]\nwork = 7", "profiles.work: "),
            (
                "[profiles.work]\nbase_ulr = 'x'",
                "there is no setting 'profiles.work.base_ulr'. Did you mean",
            ),
            ("[profiles.work]\nbase_url = 7", "profiles.work.base_url: it must be a URL in quotes"),
            ("[profiles.work]\napi_version = 0.2", "profiles.work.api_version: it must be "),
            ("[profiles.work]\nkeychain = 'yes'", "profiles.work.keychain: it must be true or false"),
            ("[profile.work]", "there is no setting 'profile'. Did you mean 'profiles'"),
        ],
    )
    def test_what_it_must_not_be(self, config: Path, text: str, message: str) -> None:
        config.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            read_profiles()
        assert str(config) in str(caught.value)
        assert message in str(caught.value)

    @each_row(
        "text",
        [
            "[profiles.work]\napi_key = 'secret-of-mine'",
            "[profiles.work]\nTOKEN = 'secret-of-mine'",
            "key = 'secret-of-mine'",
            "[profiles.work]\nbase_url = 'fib_live_secret-of-mine'",
            "# fib_test_secret-of-mine\n",
        ],
    )
    def test_a_key_is_reported_and_not_shown(self, config: Path, text: str) -> None:
        config.write_text(text)
        with pytest.raises(ConfigurationError, match="must not contain an API key") as caught:
            read_profiles()
        assert "`fibonacci auth login`" in str(caught.value)
        assert "secret-of-mine" not in str(caught.value)

    def test_what_cannot_be_read_is_refused(self, config: Path) -> None:
        config.write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigurationError, match="is not UTF-8"):
            read_profiles()
        config.unlink()
        config.mkdir()
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_profiles()


class TestChanges:
    def test_the_first_profile_makes_the_file(self, config: Path) -> None:
        add_profile("work", "https://work.example/v1/")
        add_profile("other")
        note_key("other", is_stored=True)
        assert config.read_text().partition("\n")[2] == (
            'default = "work"\n\n[profiles.work]\nbase_url = "https://work.example/v1"\n\n'
            "[profiles.other]\nkeychain = true\n"
        )
        found = read_profiles()
        assert found.default_name == "work"
        assert found.profiles == {
            "work": Profile("work", "https://work.example/v1"),
            "other": Profile("other", keychain=True),
        }

    @needs_permissions
    def test_it_is_for_its_owner_alone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path / "new" / "folder"))
        add_profile("work")
        path = config_path()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        use_profile("work")  # nothing to change but the permissions
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_removed_profile(self, config: Path) -> None:
        config.write_text(COMMENTED)
        remove_profile("work")
        assert tomllib.loads(config.read_text()) == {"profiles": {"local": {"base_url": "http://127.0.0.1:8000/v1"}}}
        remove_profile("local")
        assert read_profiles().profiles == {}

    def test_the_file_says_that_comments_are_not_kept(self, config: Path) -> None:
        config.write_text(COMMENTED)
        use_profile("local")
        first, *lines = config.read_text().splitlines()
        assert "keep no other comments" in first
        assert not any("#" in line for line in lines)

    def test_any_file_can_be_changed(self, config: Path) -> None:
        def check(text: str) -> None:
            for line_break in ("\n", "\r\n"):
                config.write_bytes(text.replace("\n", line_break).encode())
                before = read_profiles()
                add_profile("new", "https://new.example")
                use_profile("new")
                note_key("new", is_stored=True)
                after = read_profiles()
                assert after.default_name == "new"
                new = Profile("new", "https://new.example", keychain=True)
                assert after.profiles == {**before.profiles, "new": new}
                remove_profile("new")
                assert read_profiles().profiles == before.profiles

        rows = (
            "",
            "# A comment.\n\n",
            '[profiles . "old"] # one\nbase_url = "https://a.example"',
            "default = 'old'\n[profiles.old]\nkeychain=false\n\n\n",
            'profiles = {old = {base_url = "https://a.example"}}\n',
            '[profiles."an old one"]\n',
        )
        check_each(rows, check)

    def test_bad_arguments(self, config: Path) -> None:
        add_profile("work")
        for name, url, message in [
            ("work", None, "already has a profile 'work'"),
            ("a b", None, "NAME must be the name of a profile"),
            ("new", "ftp://a.example", "--base-url must be like https://"),
            ("new", "http://a.example", "--base-url is plain http to a.example"),
        ]:
            with pytest.raises(ConfigurationError, match=message):
                add_profile(name, url)
        for change in (use_profile, remove_profile):
            with pytest.raises(ConfigurationError, match=r"NAME: there is no profile 'wrok' .* Did you mean 'work'"):
                change("wrok")
        assert list(read_profiles().profiles) == ["work"]

"""Changes of profiles: of their file, in which what its user wrote remains, and of the API keys in the keychain.

A file may be written in many ways, of which these functions change the common one. Who calls them compares what the
new text holds with what it should hold.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from fibonacci._core.urls import check_base_url
from fibonacci._files import lock_file_patiently, open_state, write_file
from fibonacci._profiles.config_file import (
    Profile,
    ProfilesFile,
    check_profile_name,
    config_path,
    read_profiles,
)
from fibonacci._profiles.credentials import PlatformAddress, home_of
from fibonacci._remedies import for_command
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

    from fibonacci._core.config import ApiVersion


_VALUE: Final = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|true|false)"""


def with_value(text: str, table: tuple[str, ...], name: str, value: str | bool | None) -> str:
    """Return the text with another value in a table.

    Args:
        text: The text.
        table: The name of the table, part by part. Empty for what precedes all tables. One that is missing is added.
        name: The name of the value, of letters and underscores.
        value: The value, without control characters; None removes it.
    """
    lines = text.splitlines(keepends=True)
    span = _span(lines, table)
    if span is None:
        added = "" if value is None else _assignment(name, value)
        return f"{_ended(text)}\n[{'.'.join(table)}]\n{added}" if text.strip() else f"[{'.'.join(table)}]\n{added}"
    start, end = span
    pattern = re.compile(rf"(\s*{name}\s*=\s*){_VALUE}(.*)", re.DOTALL)
    for number in range(start, end):
        if match := pattern.fullmatch(lines[number]):
            lines[number] = "" if value is None else f"{match[1]}{_literal(value)}{match[2]}"
            return "".join(lines)
    if value is not None:
        if end and not lines[end - 1].endswith("\n"):
            lines[end - 1] += "\n"
        gap = "" if table or not "".join(lines[end:]).strip() else "\n"
        lines.insert(end, _assignment(name, value) + gap)
    return "".join(lines)


def without_table(text: str, table: tuple[str, ...]) -> str:
    """Return the text without a table; what stands before its heading and after its last value remains."""
    lines = text.splitlines(keepends=True)
    span = _span(lines, table)
    if span is None:
        return text
    start, end = span
    before, after = "".join(lines[: start - 1]), "".join(lines[end:])
    return before + (after.lstrip("\r\n") if before.endswith("\n\n") or not before else after)


def _span(lines: list[str], table: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the lines of a table's values: from the one after its heading to the one after its last value."""
    headings = {number: heading for number, line in enumerate(lines) if (heading := _heading(line)) is not None}
    if table:
        start = next((number + 1 for number, heading in headings.items() if heading == table), None)
        if start is None:
            return None
    else:
        start = 0
    end = min((number for number in headings if number >= start), default=len(lines))
    # Blank lines and comments before the next heading belong to that.
    while end > start and (not lines[end - 1].strip() or (lines[end - 1].lstrip().startswith("#") and table)):
        end -= 1
    if not table:
        end = _top_end(lines, end)
    return start, end


def _top_end(lines: list[str], end: int) -> int:
    """Return the end of what precedes all tables: a comment right above the first heading belongs to that."""
    if end < len(lines) and not lines[end].strip():
        return end
    while end and lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end


def _heading(line: str) -> tuple[str, ...] | None:
    """Return the name of the table that a line begins; an empty one for an array of tables, None for another line."""
    if not line.lstrip().startswith("["):
        return None
    try:
        inner: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    parts: list[str] = []
    while isinstance(inner, dict) and inner:
        (name, inner), *_ = cast("dict[str, object]", inner).items()
        parts.append(name)
    return tuple(parts) if inner == {} else ()


def _assignment(name: str, value: str | bool) -> str:
    return f"{name} = {_literal(value)}\n"


def _literal(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


# For ten seconds: a change takes some milliseconds, unless its process was suspended.
_TRIES = 1000


def add_profile(name: str, base_url: str | None = None, api_version: ApiVersion | None = None) -> Profile:
    """Add a profile; the first one becomes the default.

    Args:
        name: Its name.
        base_url: The base URL of the platform. None for the usual one.
        api_version: The API that the platform speaks. None for the documented one.

    Raises:
        ConfigurationError: If there is one of the name, or the file, the name or the URL is wrong.
        OSError: If the file can't be written.
    """
    check_profile_name(name, source="NAME")
    if base_url is not None:
        version = api_version or "v1"
        base_url = check_base_url(base_url, source="--base-url", allow_insecure=False, api_version=version)
    with _locked_profiles() as file:
        if name in file.profiles:
            raise ConfigurationError(
                f"{file.path} already has a profile {name!r}: remove it first, or use another name"
            )
        edited = _Edit(file)
        edited.set((), "default", file.default or name)
        edited.add_table(name)
        edited.set(("profiles", name), "base_url", base_url)
        edited.set(("profiles", name), "api_version", api_version)
        edited.write()
    return Profile(name, base_url, api_version=api_version)


def remove_profile(name: str) -> Profile:
    """Remove a profile; return what it was.

    Raises:
        ConfigurationError: If there is none of the name, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _locked_profiles() as file:
        profile = file.profile(name, source="NAME")
        edited = _Edit(file)
        if file.default == name:
            edited.set((), "default", None)
        edited.remove_table(name)
        edited.write()
    return profile


def use_profile(name: str) -> None:
    """Make a profile the one that is used when none is named.

    Raises:
        ConfigurationError: If there is none of the name, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _locked_profiles() as file:
        file.profile(name, source="NAME")
        edited = _Edit(file)
        edited.set((), "default", name)
        edited.write()


def note_key(name: str, *, is_stored: bool) -> None:
    """Note whether the API key of a profile is in the keychain.

    Raises:
        ConfigurationError: If there is no such profile, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _locked_profiles() as file:
        file.profile(name, source="NAME")
        edited = _Edit(file)
        edited.set(("profiles", name), "keychain", True if is_stored else None)
        edited.write()


@contextmanager
def _locked_profiles() -> Generator[ProfilesFile]:
    """Yield what the file has, which no other process or thread changes while the block runs.

    Raises:
        ConfigurationError: If the file can't be read, or others change it for too long.
        OSError: If there is no folder for it, and none can be made.
    """
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Of its own, and left there: the file of profiles is replaced at each change.
    lock = open_state(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        lock_file_patiently(lock, _TRIES)
        yield read_profiles()
    except BlockingIOError:
        raise ConfigurationError(f"another process is changing {path}: try again") from None
    finally:
        os.close(lock)


class _Edit:
    """A change of the file: the new text, and what it should hold."""

    def __init__(self, file: ProfilesFile) -> None:
        self._path: Path = file.path
        self._text = file.text.replace("\r\n", "\n")
        self._line_break = "\r\n" if "\r\n" in file.text else "\n"
        self._data: dict[str, Any] = deepcopy(tomllib.loads(file.text))

    def set(self, table: tuple[str, ...], name: str, value: str | bool | None) -> None:
        inner = self._data
        for part in table:
            inner = inner[part]
        if inner.get(name) == value:
            return
        inner[name] = value
        if value is None:
            del inner[name]
        self._text = with_value(self._text, table, name, value)

    def add_table(self, name: str) -> None:
        self._data.setdefault("profiles", {})[name] = {}
        self._text = with_value(self._text, ("profiles", name), "base_url", None)

    def remove_table(self, name: str) -> None:
        del self._data["profiles"][name]
        self._text = without_table(self._text, ("profiles", name))

    def write(self) -> None:
        if not self._is_right():
            raise ConfigurationError(
                f"{self._path} is formatted in a way that this command cannot change: edit it by hand"
            )
        write_file(self._path, self._text.replace("\n", self._line_break), mode=0o600)

    def _is_right(self) -> bool:
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError:
            return False
        # A table that has lost its last entry may be gone.
        return _without_empty(document) == _without_empty(self._data)


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "profiles" or value}


#: What to do where `has_legacy_key` is true.
TAKE_OVER: Final = "fibonacci-sdk 0.2.4 stored an API key: run `fibonacci auth login` to move it here"


def keychain() -> ModuleType:
    """Return the functions of the keychain.

    Raises:
        ConfigurationError: If its package isn't installed; it names the remedy.
    """
    try:
        from fibonacci._profiles import keychain as functions
    except ImportError as error:
        raise ConfigurationError(str(error), is_about_key=True) from error
    return functions


def profile_for(file: ProfilesFile, name: str, address: PlatformAddress) -> Profile:
    """Return the profile to store a key under: that of the name, or a new one with the address.

    Raises:
        ConfigurationError: If the name is none, or the profile has another address, or another API.
    """
    check_profile_name(name, source="profile")
    profile = file.profiles.get(name)
    if profile is None:
        base_url = None if address.source == "default" else address.base_url
        return Profile(name, base_url, api_version=None if address.api_version == "v1" else address.api_version)
    home = home_of(profile)
    if (home.origin, home.api_version) != (address.origin, address.api_version):
        raise ConfigurationError(
            f"the profile {name!r} has the base URL {home.base_url} (API {home.api_version}), and"
            f" {for_command(address.named)} names {address.base_url} (API {address.api_version}): log in under another"
            f" name (--profile NAME), or run `fibonacci profiles remove {name}` first"
        )
    return profile


def remember_key(file: ProfilesFile, profile: Profile, key: str) -> None:
    """Store the API key of a profile, and add the profile to the file if it is new.

    Raises:
        ConfigurationError: If the keychain or the file can't be used. Nothing is changed then.
        OSError: If the file can't be written.
    """
    functions, origin = keychain(), home_of(profile).origin
    functions.store_key(profile.name, origin, key)
    try:
        if profile.name not in file.profiles:
            add_profile(profile.name, profile.base_url, profile.api_version)
        note_key(profile.name, is_stored=True)
    except BaseException:
        functions.delete_key(profile.name, origin)
        raise


def forget_key(profile: Profile) -> bool:
    """Delete the API key of a profile; return whether there was one.

    Raises:
        ConfigurationError: If the keychain or the file can't be used.
        OSError: If the file can't be written.
    """
    was_there: bool = keychain().delete_key(profile.name, home_of(profile).origin)
    note_key(profile.name, is_stored=False)
    return was_there


def has_legacy_key() -> bool:
    """Whether fibonacci-sdk 0.2.4 has stored an API key; no where there is no keychain."""
    try:
        return keychain().legacy_key() is not None
    except ConfigurationError:
        return False

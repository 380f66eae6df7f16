"""Changes to profiles: to their file, which is rewritten as a whole, and to the API keys in the keychain."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci._core.urls import check_base_url
from fibonacci._profiles import keychain
from fibonacci._profiles.config_file import (
    PROFILE_NAME,
    Profile,
    ProfilesFile,
    check_profile_name,
    config_path,
    read_profiles,
)
from fibonacci._profiles.credentials import PlatformAddress, own_address
from fibonacci._system.files import lock_file_patiently, open_state, write_file
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from fibonacci._core.config import ApiVersion


_HEADER: Final = "# `fibonacci profiles` and `fibonacci auth` write this file, and keep no other comments.\n"

# Ten seconds in all: a change takes a few milliseconds, unless its process is suspended.
_TRIES = 1000


def add_profile(name: str, base_url: str | None = None, api_version: ApiVersion | None = None) -> None:
    """Add a profile; the first one becomes the default.

    Args:
        name: Its name.
        base_url: The base URL of the platform. None for the usual one.
        api_version: The API that the platform speaks. None for the documented one.

    Raises:
        ConfigurationError: If the name is taken, or the file, the name or the URL is wrong.
        OSError: If the file can't be written.
    """
    check_profile_name(name, source="NAME")
    if base_url is not None:
        version = api_version or "v1"
        base_url = check_base_url(base_url, source="--base-url", allow_insecure=False, api_version=version)
    with _changing_profiles() as file:
        if name in file.profiles:
            raise ConfigurationError(
                f"{file.path} already has a profile {name!r}: remove it first, or use another name"
            )
        file.profiles[name] = Profile(name, base_url, api_version=api_version)
        file.default = file.default or name


def remove_profile(name: str) -> None:
    """Remove a profile.

    Raises:
        ConfigurationError: If no profile has that name, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _changing_profiles() as file:
        file.profile(name, source="NAME")
        del file.profiles[name]
        file.default = None if file.default == name else file.default


def use_profile(name: str) -> None:
    """Make a profile the default.

    Raises:
        ConfigurationError: If no profile has that name, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _changing_profiles() as file:
        file.default = file.profile(name, source="NAME").name


def note_key(name: str, *, is_stored: bool) -> None:
    """Note whether the API key of a profile is in the keychain.

    Raises:
        ConfigurationError: If there is no such profile, or the file is wrong.
        OSError: If the file can't be written.
    """
    with _changing_profiles() as file:
        file.profiles[name] = file.profile(name, source="NAME")._replace(keychain=is_stored)


@contextmanager
def _changing_profiles() -> Generator[ProfilesFile]:
    """Yield the content of the file, locked against other processes and threads, and write it after the block.

    Raises:
        ConfigurationError: If the file can't be read, or others keep it locked for too long.
        OSError: If the file can't be written.
    """
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A separate lock file, which is never removed, because each change replaces the file of profiles.
    lock = open_state(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        lock_file_patiently(lock, _TRIES)
        file = read_profiles()
        yield file
        lines = [_HEADER, *_assignment("default", file.default)]
        for profile in file.profiles.values():
            name = profile.name if PROFILE_NAME.fullmatch(profile.name) else json.dumps(profile.name)
            lines += ["\n", f"[profiles.{name}]\n"]
            lines += _assignment("base_url", profile.base_url)
            lines += _assignment("api_version", profile.api_version)
            lines += _assignment("keychain", profile.keychain or None)
        write_file(path, "".join(lines), mode=0o600)
    except BlockingIOError:
        raise ConfigurationError(f"another process is changing {path}: try again") from None
    finally:
        os.close(lock)


def _assignment(name: str, value: str | bool | None) -> Iterator[str]:
    if value is not None:
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}\n"


#: What to do where `has_legacy_key` is true.
TAKE_OVER: Final = "fibonacci-sdk 0.2.4 stored an API key: run `fibonacci auth login` to move it here"


def profile_for(file: ProfilesFile, name: str, address: PlatformAddress) -> Profile:
    """Return the profile to store a key under: the one with that name, or a new one with the address.

    Raises:
        ConfigurationError: If the name is invalid, or the profile has another address or another API.
    """
    check_profile_name(name, source="profile")
    profile = file.profiles.get(name)
    if profile is None:
        base_url = None if address.source == "default" else address.base_url
        return Profile(name, base_url, api_version=None if address.api_version == "v1" else address.api_version)
    home = own_address(profile)
    if (home.origin, home.api_version) != (address.origin, address.api_version):
        raise ConfigurationError(
            f"the profile {name!r} has the base URL {home.base_url} (API {home.api_version}), and"
            f" {address.source_text} names {address.base_url} (API {address.api_version}): log in under another"
            f" name (--profile NAME), or run `fibonacci profiles remove {name}` first"
        )
    return profile


def remember_key(profile: Profile, key: str) -> None:
    """Store the API key of a profile, and add the profile to the file if it is new.

    Raises:
        ConfigurationError: If the keychain or the file can't be used. Nothing is changed then.
        OSError: If the file can't be written.
    """
    origin = own_address(profile).origin
    keychain.store_key(profile.name, origin, key)
    try:
        with _changing_profiles() as file:
            file.profiles[profile.name] = profile._replace(keychain=True)
            file.default = file.default or profile.name
    except BaseException:
        keychain.delete_key(profile.name, origin)
        raise


def forget_key(profile: Profile) -> None:
    """Delete the API key of a profile.

    Raises:
        ConfigurationError: If the keychain or the file can't be used.
        OSError: If the file can't be written.
    """
    keychain.delete_key(profile.name, own_address(profile).origin)
    note_key(profile.name, is_stored=False)


def has_legacy_key() -> bool:
    """Whether fibonacci-sdk 0.2.4 has stored an API key. Without a keychain, it hasn't."""
    try:
        return keychain.legacy_key() is not None
    except ConfigurationError:
        return False

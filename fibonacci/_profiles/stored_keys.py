"""Storing and deleting the API key of a profile: in the keychain, with a note in the file of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci._profiles.changes import add_profile, note_key
from fibonacci._profiles.config_file import Profile, ProfilesFile, check_profile_name
from fibonacci._profiles.credentials import PlatformAddress, home_of
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

#: What to do where `has_legacy_key` is true.
TAKE_OVER: Final = "fibonacci-sdk 0.2.4 has stored an API key: `fibonacci auth login` takes it over"


def keychain() -> ModuleType:
    """Return the functions of the keychain.

    Raises:
        ConfigurationError: If its package is not installed; it names the remedy.
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
            f"the profile {name!r} has the base URL {home.base_url} (API {home.api_version}), and {address.named} names"
            f" {address.base_url} (API {address.api_version}): log in under another name (--profile NAME), or run"
            f" `fibonacci profiles remove {name}` first"
        )
    return profile


def remember_key(file: ProfilesFile, profile: Profile, key: str) -> None:
    """Store the API key of a profile, and add the profile to the file if it is new.

    Raises:
        ConfigurationError: If the keychain or the file cannot be used. Nothing is changed then.
        OSError: If the file cannot be written.
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
        ConfigurationError: If the keychain or the file cannot be used.
        OSError: If the file cannot be written.
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

"""Where credentials come from, in order: the argument, the environment, the profile (its API key is in the keychain).

Each setting comes from the first of these that has it. Two combinations would send a key to a host that it wasn't meant
for, and are refused: a key from the keychain with an address other than the one it was stored for, and a key from the
environment with the address of a profile that has its own key.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fibonacci._core import redirection
from fibonacci._core.config import DEFAULT_BASE_URLS, find_api_version, needs_profile
from fibonacci._core.options import check_key
from fibonacci._core.urls import check_base_url, origin_of
from fibonacci._profiles import keychain
from fibonacci._profiles.config_file import (
    Profile,
    ProfilesFile,
    access_problem,
    check_profile_name,
    read_profiles,
)
from fibonacci._remedies import argument
from fibonacci._texts.logging import log
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from fibonacci._core.config import ApiVersion

_KEY_VARIABLE = "FIBONACCI_API_KEY"
_URL_VARIABLE = "FIBONACCI_BASE_URL"
_PROFILE_VARIABLE = "FIBONACCI_PROFILE"


class PlatformAddress(NamedTuple):
    """The base URL of the platform, where it comes from, and which API the platform speaks.

    Attributes:
        base_url: The base URL, without a final slash.
        source: Where it comes from.
        api_version: The API that the platform speaks.
    """

    base_url: str
    source: Literal["argument", "environment", "profile", "default"]
    api_version: ApiVersion

    @property
    def origin(self) -> str:
        """The scheme, host and port: what a key is stored for."""
        return origin_of(self.base_url)

    @property
    def source_text(self) -> str:
        """The source, as messages name it for users of Python or of the command."""
        texts = {"argument": argument("base_url"), "environment": _URL_VARIABLE, "profile": "the profile"}
        return texts.get(self.source, f"the default of API {self.api_version}")


class FoundKey(NamedTuple):
    """An API key, and where it comes from. Never show one: it holds the key.

    Attributes:
        key: The key.
        source: Where it comes from.
    """

    key: str
    source: Literal["environment", "keychain"]

    def __repr__(self) -> str:
        return f"FoundKey(source={self.source!r})"


def with_profile(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a client, completed from its profile: the base URL, the key, and the profile's name.

    Args:
        options: The arguments of the client by name.

    Raises:
        ConfigurationError: If the profile or its key can't be used. The message says what to do.
        TypeError: If the name of the profile isn't a string.
    """
    file = read_profiles()
    if problem := access_problem(file.path):
        log(logging.getLogger("fibonacci"), logging.WARNING, "%s", problem)
    profile = chosen_profile(file, options.get("profile"))
    if profile is None:
        return dict(options)
    address = find_address(
        profile,
        options.get("base_url"),
        options.get("api_version"),
        allow_insecure=options.get("allow_insecure") is True,
    )
    added: dict[str, Any] = {"profile": profile.name, "api_version": address.api_version}
    if address.source == "profile":
        added |= {"base_url": address.base_url, "base_url_passed_at": ""}
    if options.get("api_key") is None:
        key = find_key(profile, address)
        if key is None and not redirection.is_under_pytest:
            raise no_key_of(profile)
        if key is not None and key.source == "keychain":
            added["stored_key"] = key.key
    return {**options, **added}


def chosen_profile(file: ProfilesFile, name: object = None) -> Profile | None:
    """Return the profile with that name, else the environment's, else the file's default, or None if there is none.

    Args:
        file: The file of profiles.
        name: The argument. None if it isn't given.

    Raises:
        ConfigurationError: If there is no such profile.
        TypeError: If the name isn't a string.
    """
    source: str = argument("profile")
    if name is None:
        name = os.environ.get(_PROFILE_VARIABLE)
        source = f"the environment variable {_PROFILE_VARIABLE}"
    if name is not None:
        return file.profile(check_profile_name(name, source=source), source=source)
    default = file.default_name
    return None if default is None else file.profile(default, source="default")


def used_profile(file: ProfilesFile, name: str | None = None) -> Profile | None:
    """Return the profile that a client in this environment uses, or None, for example if its key is given.

    Args:
        file: The file of profiles.
        name: The argument `profile` of the client. None if it isn't given.

    Raises:
        ConfigurationError: If there is no such profile.
    """
    return chosen_profile(file, name) if needs_profile({"profile": name}) else None


def find_address(
    profile: Profile | None, base_url: object = None, api_version: object = None, *, allow_insecure: bool = False
) -> PlatformAddress:
    """Return the base URL: the argument, else the environment's, the profile's, or the default of the API.

    Args:
        profile: The profile. None for none.
        base_url: The argument. None if it isn't given.
        api_version: The argument with that name. None if it isn't given.
        allow_insecure: Whether to allow plain http to other machines.

    Raises:
        ConfigurationError: If it isn't a base URL, or there is no such API.
        TypeError: If an argument isn't a string.
    """
    version = find_api_version(api_version, None if profile is None else profile.api_version)
    check = partial(check_base_url, allow_insecure=allow_insecure, api_version=version)
    if base_url is not None:
        return PlatformAddress(check(base_url, source=argument("base_url")), "argument", version)
    if (url := os.environ.get(_URL_VARIABLE)) is not None:
        return PlatformAddress(check(url, source=f"the environment variable {_URL_VARIABLE}"), "environment", version)
    if profile is None or profile.base_url is None:
        return PlatformAddress(DEFAULT_BASE_URLS[version], "default", version)
    return PlatformAddress(
        check(profile.base_url, source=f"base_url of the profile {profile.name!r}"), "profile", version
    )


def find_key(profile: Profile | None, address: PlatformAddress) -> FoundKey | None:
    """Return the key from the environment, else from the profile, or None if there is neither.

    Args:
        profile: The profile. None for none.
        address: Where the key will be sent.

    Raises:
        ConfigurationError: If the key can't be sent in a header, can't be read, or isn't meant for the address.
    """
    if (key := os.environ.get(_KEY_VARIABLE)) is not None:
        if profile is not None:
            _refuse_foreign_key(profile, address)
        return FoundKey(check_key(key, source=f"the environment variable {_KEY_VARIABLE}"), "environment")
    if profile is None or not profile.keychain:
        return None
    home = own_address(profile)
    if address.origin != home.origin:
        raise ConfigurationError(
            f"the API key of the profile {profile.name!r} is stored for {home.origin}, but {address.source_text} names "
            f"{address.origin}: the key is not sent there. Use a profile with that address, or set {_KEY_VARIABLE}",
            is_about_key=True,
        )
    stored = keychain.stored_key(profile.name, address.origin)
    if stored is None:
        raise ConfigurationError(
            f"no API key: the keychain ({keychain.keychain_name()}) has none for the profile {profile.name!r} at "
            f"{address.origin}. Run {login_command(profile.name)}, or set {_KEY_VARIABLE}",
            is_about_key=True,
        )
    return FoundKey(
        check_key(stored, source=f"the API key of the profile {profile.name!r} in the keychain"), "keychain"
    )


def no_key_of(profile: Profile) -> ConfigurationError:
    """Return the error for a profile without an API key."""
    return ConfigurationError(
        f"no API key: the profile {profile.name!r} has none. Run {login_command(profile.name)}, or set {_KEY_VARIABLE}",
        is_about_key=True,
    )


def own_address(profile: Profile) -> PlatformAddress:
    """Return the address that a profile's key is for, whatever the arguments and the environment say."""
    # An address that isn't allowed was refused earlier.
    version = profile.api_version or "v1"
    base_url = DEFAULT_BASE_URLS[version]
    if profile.base_url is not None:
        source = f"base_url of the profile {profile.name!r}"
        base_url = check_base_url(profile.base_url, source=source, allow_insecure=True, api_version=version)
    return PlatformAddress(base_url, "profile", version)


def login_command(name: str) -> str:
    """Return the command that stores the key of a profile."""
    return f"`fibonacci auth login --profile {name}`"


def _refuse_foreign_key(profile: Profile, address: PlatformAddress) -> None:
    is_own = address.source in ("profile", "default") and address.origin == own_address(profile).origin
    if profile.keychain and is_own and address.origin != origin_of(DEFAULT_BASE_URLS[find_api_version(None)]):
        raise ConfigurationError(
            f"{_KEY_VARIABLE} is not sent to {address.origin}, because the profile {profile.name!r} has its own key for"
            f" it. To use the key of the profile, unset {_KEY_VARIABLE}. To use {_KEY_VARIABLE}, also set"
            f" {_URL_VARIABLE} to the address it is for",
            is_about_key=True,
        )

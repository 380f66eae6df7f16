"""The checks that need no network: versions, environment, profile, address, key."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from collections.abc import Iterator
from importlib.metadata import version

from fibonacci import __version__
from fibonacci._profiles.config_file import Profile, ProfilesFile, access_problem, read_profiles
from fibonacci._profiles.credentials import (
    FoundKey,
    PlatformAddress,
    find_address,
    find_key,
    used_profile,
)
from fibonacci._profiles.stored_keys import TAKE_OVER, has_legacy_key
from fibonacci.cli.diagnosis.finding import Finding, ok, problem
from fibonacci.errors import ConfigurationError

_SOURCES = {"default": "the default", "environment": "FIBONACCI_BASE_URL", "profile": "the profile"}
_VERSION_VARIABLE = "FIBONACCI_API_VERSION"
_FILE_REMEDY = "correct the file in an editor"
_KEY_REMEDY = "run `fibonacci auth login`, or set FIBONACCI_API_KEY"
_VARIABLES = {"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME", "NO_COLOR"}


class Configuration:
    """What the command is configured with, found check by check.

    Args:
        profile_name: The option `--profile`; None when it is not given.

    Attributes:
        address: The address; None when it cannot be found.
        key: The key; None when it cannot be found.
    """

    def __init__(self, profile_name: str | None) -> None:
        self._name = profile_name
        self._profile: Profile | None = None
        self._is_profile_found = False
        self.address: PlatformAddress | None = None
        self.key: FoundKey | None = None

    def checks(self) -> Iterator[Finding]:
        """Yield a finding for each part; one that cannot be found ends those that depend on it."""
        yield _versions()
        yield ok("environment", ", ".join(_variables_set()) or "no variable of the client is set")
        try:
            file = read_profiles()
        except ConfigurationError as error:
            yield problem("profile", str(error), _FILE_REMEDY)
        else:
            yield self._find_profile(file)
        # Without the profile, only an environment that has both names which key goes where.
        if self._is_profile_found or os.environ.keys() >= {"FIBONACCI_API_KEY", "FIBONACCI_BASE_URL"}:
            yield self._find_address()
        if self.address is not None:
            yield self._find_key(self.address)

    def settings_for(self, address: PlatformAddress) -> str:
        """Return which settings lead to another address on the same server, each in the place where it is set now."""
        assert self.address is not None  # the other one is made of it
        settings: list[tuple[str, str, str]] = [("api_version", _VERSION_VARIABLE, address.api_version)]
        if self.address.base_url.removesuffix("/api/v1") != address.base_url:
            settings.append(("base_url", "FIBONACCI_BASE_URL", address.base_url))
        variables = [f"{name}={value}" for _, name, value in settings if self._is_in_environment(name)]
        keys = [f'{key} = "{value}"' for key, name, value in settings if not self._is_in_environment(name)]
        places = [" and ".join(variables)] if variables else []
        if keys and self._profile is not None:
            places.append(f"{' and '.join(keys)} of the profile {self._profile.name!r}")
        return f"set {', and '.join(places)}"

    def _is_in_environment(self, variable: str) -> bool:
        """Whether a setting is in the environment, or would be as there is no profile."""
        return variable in os.environ or self._profile is None

    def _find_profile(self, file: ProfilesFile) -> Finding:
        try:
            self._profile = used_profile(file, self._name)
            self._is_profile_found = True
        except ConfigurationError as error:
            return problem("profile", str(error), "`fibonacci profiles list` shows those that there are")
        if trouble := access_problem(file.path):
            return problem("profile", *trouble.split(": ", 1))
        if self._profile is None and file.profiles:
            return ok("profile", f"none of those in {file.path}: the environment precedes them")
        name = "none" if self._profile is None else repr(self._profile.name)
        return ok("profile", f"{name} ({'in' if file.text else 'no file'} {file.path})")

    def _find_address(self) -> Finding:
        try:
            self.address = find_address(self._profile)
        except ConfigurationError as error:
            return problem("base URL", str(error), "correct it where it is set")
        version: str = self.address.api_version  # by default, without a source
        if _VERSION_VARIABLE in os.environ:
            version += f" ({_VERSION_VARIABLE})"
        elif self._profile is not None and self._profile.api_version is not None:
            version += " (the profile)"
        return ok("base URL", f"{self.address.base_url} ({_SOURCES[self.address.source]}), API {version}")

    def _find_key(self, address: PlatformAddress) -> Finding:
        try:
            self.key = find_key(self._profile, address)
        except ConfigurationError as error:
            return problem("API key", str(error), _KEY_REMEDY, is_about_key=True)
        if self.key is None:
            where = "the keychain of this profile" if self._profile else "a profile"
            remedy = TAKE_OVER if has_legacy_key() else _KEY_REMEDY
            return problem("API key", f"none in FIBONACCI_API_KEY or in {where}", remedy, is_about_key=True)
        source = "FIBONACCI_API_KEY" if self.key.source == "environment" else "the keychain"
        return ok("API key", f"from {source}, {len(self.key.key)} characters")


def _versions() -> Finding:
    parts = [
        f"fibonacci-sdk {__version__}",
        f"Python {platform.python_version()}",
        f"httpx {version('httpx')}",
        " ".join(ssl.OPENSSL_VERSION.split()[:2]),
        f"{platform.system()} {platform.machine()}",
    ]
    return ok("versions", ", ".join(parts))


def _variables_set() -> list[str]:
    """Return the names, never the values: one of them is the key, and a proxy's may hold a password."""
    names = os.environ if sys.platform != "win32" else [name.upper() for name in os.environ]
    return sorted(
        name for name in names if name.startswith("FIBONACCI_") or name.lower().endswith("_proxy") or name in _VARIABLES
    )

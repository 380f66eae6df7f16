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

_SOURCES = {"default": "the documented one", "environment": "FIBONACCI_BASE_URL", "profile": "the profile"}
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
        return ok("base URL", f"{self.address.base_url} ({_SOURCES[self.address.source]})")

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

"""The file of profiles, `config.toml`: where it is, and what is in it. It never holds an API key."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from fibonacci._system.files import read_private
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from fibonacci._core.config import ApiVersion

FILE_NAME: Final = "config.toml"
#: The default profile, unless the file names another.
DEFAULT_PROFILE: Final = "default"

PROFILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RULES: Final = {
    "default": "it must be the name of a profile in quotes",
    "base_url": "it must be a URL in quotes, without a user or a password",
    "api_version": 'it must be "v1" or "0.2", in quotes',
    "keychain": "it must be true or false",
}
_KEY_NAMES: Final = {"api_key", "apikey", "api-key", "key", "password", "secret", "token"}
# The prefix of the platform's keys.
_KEY: Final = re.compile(r"fib_(?:live|test)_\w")


class Profile(NamedTuple):
    """One profile.

    Attributes:
        name: Its name.
        base_url: The base URL of the platform. None for the usual one.
        keychain: Whether its API key is in the keychain.
        api_version: The API that the platform speaks. None for the documented one.
    """

    name: str
    base_url: str | None = None
    keychain: bool = False
    api_version: ApiVersion | None = None


@dataclass
class ProfilesFile:
    """The file of profiles, as it was read.

    Attributes:
        path: Its path.
        default: The name of the default profile that the file states. None for none.
        profiles: The profiles by their names.
        text: The text. Empty if there is no file.
    """

    path: Path
    default: str | None
    profiles: dict[str, Profile]
    text: str

    @property
    def default_name(self) -> str | None:
        """The name of the profile that is used when none is named. None for none."""
        return self.default or (DEFAULT_PROFILE if DEFAULT_PROFILE in self.profiles else None)

    def profile(self, name: str, *, source: str) -> Profile:
        """Return a profile.

        Args:
            name: Its name.
            source: Where the name is from, for the message.

        Raises:
            ConfigurationError: If no profile has that name.
        """
        profile = self.profiles.get(name)
        if profile is None:
            remedy = did_you_mean(name, self.profiles) or f". To add it, run `fibonacci profiles add {name}`"
            raise ConfigurationError(f"{source}: there is no profile {name!r} in {self.path}{remedy}")
        return profile


def config_path() -> Path:
    """Return the path of the file of profiles, whether it exists or not.

    Raises:
        ConfigurationError: If there is no folder to put it in.
    """
    if folder := os.environ.get("FIBONACCI_CONFIG_DIR"):
        return Path(folder) / FILE_NAME
    variable = "APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME"
    base = os.environ.get(variable, "")
    if Path(base).is_absolute():  # the specification says to ignore a relative path
        return Path(base) / "fibonacci" / FILE_NAME
    try:
        return Path.home() / ".config" / "fibonacci" / FILE_NAME
    except RuntimeError:
        raise ConfigurationError(
            "no API key: set FIBONACCI_API_KEY. There is no home folder for profiles: name a folder in "
            "FIBONACCI_CONFIG_DIR",
            is_about_key=True,
        ) from None


def read_profiles() -> ProfilesFile:
    """Read the file of profiles. A missing file has no profiles.

    Raises:
        ConfigurationError: If it can't be read, is malformed, or holds an API key.
    """
    path = config_path()
    try:
        text = read_private(path).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ProfilesFile(path, None, {}, "")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8") from None
    if _KEY.search(text):
        raise _key_error(path, "it")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        raise _invalid_file(path, error) from None
    profiles = {name: Profile(name, **dict(settings)) for name, settings in file.profiles.items()}
    return ProfilesFile(path, file.default, profiles, text)


class _Settings(BaseModel, extra="forbid", strict=True):
    base_url: Annotated[str, Field(pattern=r"^[^@]*$")] | None = None
    api_version: Literal["v1", "0.2"] | None = None
    keychain: bool = False


class _File(BaseModel, extra="forbid", strict=True):
    default: str | None = None
    profiles: dict[str, _Settings] = {}


def _invalid_file(path: Path, error: ValidationError) -> ConfigurationError:
    fault = error.errors(include_input=False, include_url=False)[0]
    name = str(fault["loc"][-1])
    place = ".".join(map(str, fault["loc"]))
    if fault["type"] != "extra_forbidden":
        return ConfigurationError(f"{path}: {place}: {_RULES.get(name) or fault['msg']}")
    if name.lower() in _KEY_NAMES:
        return _key_error(path, place)
    known = [*(_Settings if len(fault["loc"]) > 1 else _File).model_fields]
    remedy = did_you_mean(name, known) or f". The settings are {', '.join(known)}"
    return ConfigurationError(f"{path}: there is no setting {place!r}{remedy}")


def check_profile_name(name: object, *, source: str) -> str:
    """Check the name of a profile, and return it.

    Raises:
        TypeError: If it isn't a string.
        ConfigurationError: If it is blank, or has characters other than letters, digits, `-` and `_`.
    """
    if not isinstance(name, str):
        raise TypeError(f"{source} must be a str, not {type(name).__name__}")
    if _KEY.search(name) or name == os.environ.get("FIBONACCI_API_KEY"):
        raise ConfigurationError(f"{source} must be the name of a profile, not an API key")
    if not PROFILE_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{source} must be the name of a profile (at most 64 of A-Z a-z 0-9 - _), not {name[:80]!r}"
        )
    return name


def access_problem(path: Path) -> str | None:
    """Return what is wrong with the permissions of the file, or None if nothing is, or there is no file."""
    if sys.platform == "win32":
        return None
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if not mode & 0o077:
        return None
    return (
        f"{path} is accessible to other users of this machine (mode {mode:03o}): run `chmod 600 "
        f"{shlex.quote(str(path))}`"
    )


def _key_error(path: Path, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} must not contain an API key, but {where} does: delete it there, replace the key on the platform if "
        "others could read the file, and store the key with `fibonacci auth login`"
    )

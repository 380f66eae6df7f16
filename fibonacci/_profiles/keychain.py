"""The keychain of the system, by the package keyring: the API key of a profile, for one address.

An entry has the address in its name, so that a key is found for the address that it was stored for alone, whatever has
become of the profile's address since.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from fibonacci._texts.redaction import redact
from fibonacci.errors import ConfigurationError

try:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.backends.chainer import ChainerBackend
    from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordDeleteError
except ImportError as error:
    raise ImportError(
        "the keychain needs keyring: pip install 'fibonacci-sdk[keyring]', or set FIBONACCI_API_KEY instead"
    ) from error

# The entry of fibonacci-sdk 0.2.4, which is for no particular address.
_LEGACY_SERVICE: Final = "fibonacci-sdk"
_LEGACY_ACCOUNT: Final = "api_key"
# Has the name of a backend that keeps passwords in plain text, and that is used nevertheless.
_ALLOWED: Final = "FIBONACCI_PLAINTEXT_KEYRING"


def keychain_name() -> str:
    """Return the name of the keychain, such as `macOS Keychain`.

    Raises:
        ConfigurationError: If it can't be used.
    """
    with _explained():
        return keyring.get_keyring().name


def stored_key(profile: str, origin: str) -> str | None:
    """Return the API key of a profile for an address, or None if there is none.

    Args:
        profile: The name of the profile.
        origin: The scheme, host and port that the key is sent to.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    with _explained():
        return keyring.get_password(_service(origin), profile)


def store_key(profile: str, origin: str, key: str) -> None:
    """Store the API key of a profile for an address.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used, or hasn't kept the key.
    """
    with _explained(key):
        keyring.set_password(_service(origin), profile, key)
    if stored_key(profile, origin) != key:
        raise ConfigurationError(
            f"the keychain ({keychain_name()}) does not store anything: set FIBONACCI_API_KEY instead",
            is_about_key=True,
        )


def delete_key(profile: str, origin: str) -> bool:
    """Delete the API key of a profile for an address; return whether there was one.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    if stored_key(profile, origin) is None:
        return False
    with _explained():
        try:
            keyring.delete_password(_service(origin), profile)
        except PasswordDeleteError:  # another process was faster
            return False
    return True


def legacy_key() -> str | None:
    """Return the API key that fibonacci-sdk 0.2.4 has stored. None if there is none.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    with _explained():
        return keyring.get_password(_LEGACY_SERVICE, _LEGACY_ACCOUNT)


def _service(origin: str) -> str:
    return f"fibonacci {origin}"


def _refuse_plain_text(backend: KeyringBackend) -> None:
    if isinstance(backend, ChainerBackend):  # the first of these stores, if there is one
        for first in backend.backends[:1]:
            _refuse_plain_text(first)
        return
    kind = type(backend)
    name = f"{kind.__module__}.{kind.__qualname__}"
    # No backend says it of itself: those of keyrings.alt and its forks have it in the name of a class.
    if os.environ.get(_ALLOWED) != name and any("plaintext" in base.__name__.lower() for base in kind.__mro__):
        raise ConfigurationError(
            f"the keychain that keyring uses, {name}, stores API keys in plain text: set FIBONACCI_API_KEY instead, "
            f"name another in PYTHON_KEYRING_BACKEND, or allow this one with {_ALLOWED}={name}",
            is_about_key=True,
        )


@contextmanager
def _explained(key: str | None = None) -> Generator[None]:
    """Say what to do when the keychain fails; a text of its own may quote what it was given."""
    try:
        _refuse_plain_text(keyring.get_keyring())
        yield
    except ConfigurationError:
        raise
    except NoKeyringError:
        raise ConfigurationError(
            "this machine has no keychain that keyring can use, which is normal in a container: set "
            "FIBONACCI_API_KEY instead",
            is_about_key=True,
        ) from None
    except (KeyringLocked, InitError):
        raise ConfigurationError(
            "the keychain is locked: unlock it, or set FIBONACCI_API_KEY instead", is_about_key=True
        ) from None
    except Exception as error:
        reason = redact(f"{type(error).__name__}: {error}", key)
        raise ConfigurationError(
            f"the keychain cannot be used ({reason}): fix it, or set FIBONACCI_API_KEY instead",
            is_about_key=True,
        ) from None

"""The keychain of the system, by the package keyring: the API key of a profile, for one address.

The name of an entry includes the address, so a key is only ever found for the address that it was stored for, even if
the profile's address has changed since.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci._texts.redaction import redact
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

    from keyring.backend import KeyringBackend

# The entry of fibonacci-sdk 0.2.4, which isn't tied to an address.
_LEGACY_SERVICE: Final = "fibonacci-sdk"
_LEGACY_ACCOUNT: Final = "api_key"
# The variable that names a plain-text backend to use anyway.
_ALLOWED: Final = "FIBONACCI_PLAINTEXT_KEYRING"


def keychain_name() -> str:
    """Return the name of the keychain, such as `macOS Keychain`.

    Raises:
        ConfigurationError: If it can't be used.
    """
    with _opened() as keyring:
        return str(keyring.get_keyring().name)


def stored_key(profile: str, origin: str) -> str | None:
    """Return the API key of a profile for an address, or None if there is none.

    Args:
        profile: The name of the profile.
        origin: The scheme, host and port that the key is sent to.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    with _opened() as keyring:
        key: str | None = keyring.get_password(_service(origin), profile)
        return key


def store_key(profile: str, origin: str, key: str) -> None:
    """Store the API key of a profile for an address.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used, or hasn't kept the key.
    """
    with _opened(key) as keyring:
        keyring.set_password(_service(origin), profile, key)
    if stored_key(profile, origin) != key:
        raise ConfigurationError(
            f"the keychain ({keychain_name()}) does not store anything: set FIBONACCI_API_KEY instead",
            is_about_key=True,
        )


def delete_key(profile: str, origin: str) -> None:
    """Delete the API key of a profile for an address, if there is one.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    if stored_key(profile, origin) is not None:
        with _opened() as keyring:
            keyring.delete_password(_service(origin), profile)


def legacy_key() -> str | None:
    """Return the API key that fibonacci-sdk 0.2.4 has stored. None if there is none.

    Raises:
        ConfigurationError: If the keychain is locked, or can't be used.
    """
    with _opened() as keyring:
        key: str | None = keyring.get_password(_LEGACY_SERVICE, _LEGACY_ACCOUNT)
        return key


def _service(origin: str) -> str:
    return f"fibonacci {origin}"


def _refuse_plain_text(backend: KeyringBackend) -> None:
    if chained := getattr(backend, "backends", ()):  # the first of these stores the passwords
        _refuse_plain_text(chained[0])
        return
    kind = type(backend)
    name = f"{kind.__module__}.{kind.__qualname__}"
    # No backend declares this, but keyrings.alt and its forks have it in their class names.
    if os.environ.get(_ALLOWED) != name and any("plaintext" in base.__name__.lower() for base in kind.__mro__):
        raise ConfigurationError(
            f"the keychain that keyring uses, {name}, stores API keys in plain text: set FIBONACCI_API_KEY instead, "
            f"name another in PYTHON_KEYRING_BACKEND, or allow this one with {_ALLOWED}={name}",
            is_about_key=True,
        )


@contextmanager
def _opened(key: str | None = None) -> Generator[ModuleType]:
    """Yield keyring, and say what to do if it is missing or fails. Its own error messages may quote the key."""
    try:
        import keyring

        _refuse_plain_text(keyring.get_keyring())
        yield keyring
    except ConfigurationError:
        raise
    except Exception as error:
        texts = {
            "ModuleNotFoundError": "the keychain needs keyring: pip install 'fibonacci-sdk[keyring]', or",
            "NoKeyringError": "this machine has no keychain that keyring can use, which is normal in a container:",
            "KeyringLocked": "the keychain is locked: unlock it, or",
            "InitError": "the keychain is locked: unlock it, or",
        }
        other = f"the keychain cannot be used ({redact(f'{type(error).__name__}: {error}', key)}): fix it, or"
        text = texts.get(type(error).__name__, other)
        raise ConfigurationError(f"{text} set FIBONACCI_API_KEY instead", is_about_key=True) from None

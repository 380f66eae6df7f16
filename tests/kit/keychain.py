"""Keychains of the tests: entries in a JSON file, a locked one, one that fails. They hold no key of a person."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

#: Names the file of a `FileKeychain`.
FILE_VARIABLE = "TEST_KEYCHAIN_FILE"


class FileKeychain(KeyringBackend):
    """Keeps its entries in the file that an environment variable names, so that processes share them."""

    priority = -1  # pyright: ignore[reportAssignmentType]  # it is used where it is named, never by itself

    def get_password(self, service: str, username: str) -> str | None:
        return entries().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        write({**entries(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        left = entries()
        if left.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("no such entry")
        write(left)


class LockedKeychain(FileKeychain):
    """Refuses everything, as a keychain does whose user has dismissed the prompt."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")


class BrokenKeychain(FileKeychain):
    """Fails in a way that keyring has no exception for, and quotes what it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"D-Bus is gone, so {password} is lost")


class PlaintextKeyring(FileKeychain):
    """Has the name of that of keyrings.alt, which keyring finds by itself once it is installed."""


class PlaintextChain(ChainerBackend):
    """Stores in the only backend of that kind."""

    priority = -1  # pyright: ignore[reportAssignmentType]
    backends = (PlaintextKeyring(),)  # type: ignore[no-untyped-call]


def entries() -> dict[str, str]:
    """Return the entries, each by `service/account`."""
    file = Path(os.environ[FILE_VARIABLE])
    read: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return read


def write(entries: dict[str, str]) -> None:
    """Replace the entries."""
    Path(os.environ[FILE_VARIABLE]).write_text(json.dumps(entries), "utf-8")


@contextmanager
def in_keychain(monkeypatch: pytest.MonkeyPatch, folder: Path, kind: type[KeyringBackend]) -> Generator[None]:
    """Use a keychain in this process while the block lasts; its entries are in a file of the folder."""
    monkeypatch.setenv(FILE_VARIABLE, str(folder / "keychain.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(kind())
    try:
        yield
    finally:
        keyring.set_keyring(before)

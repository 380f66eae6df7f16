"""The password of a client certificate's key."""

from __future__ import annotations

from typing import Any, NoReturn, Self


class Password(str):
    """A password: its repr does not show it, and it is not pickled."""

    def __repr__(self) -> str:
        return "'***'"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "the password in client_cert is not pickled: make the client where it is used,"
            " or pass a key without a password"
        )

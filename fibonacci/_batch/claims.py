"""What journals say about whose executions are: by their ids, and by the inputs of rows that may have been started."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class OpenIntent(NamedTuple):
    """A row that was going to be started, and whose execution is not known.

    Attributes:
        idempotency_key: That of the request. No other intent has it, which tells a copy of a journal from another one.
        digest: The digest of its inputs.
    """

    idempotency_key: str
    digest: bytes


class Claims:
    """What a journal has, and those beside it.

    Args:
        taken: The ids of executions that belong to rows of the journal.
        own: Its open intents.

    Attributes:
        taken: The ids of executions that belong to rows of any of them.
        others: By the digest of its inputs: the journal of an open intent that is in another one.
    """

    def __init__(self, taken: Iterable[str], own: Iterable[OpenIntent]) -> None:
        self.taken: set[str] = set(taken)
        self.others: dict[bytes, str] = {}
        self._own = {intent.idempotency_key: intent.digest for intent in own}

    def keys_of(self, digest: bytes) -> set[str]:
        """Return the idempotency keys of the journal's own open intents with some inputs."""
        return {key for key, each in self._own.items() if each == digest}

    def add(self, journal: str, taken: Iterable[str], intents: Iterable[OpenIntent]) -> None:
        """Add what another journal has, which may be a copy of this one.

        Args:
            journal: Its path or URL, for messages.
            taken: The ids of executions that belong to its rows.
            intents: Its open intents.
        """
        self.taken.update(taken)
        self.others |= {each.digest: journal for each in intents if each.idempotency_key not in self._own}

"""A mutant: the emulator with one fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.contract.document import Operation
from tests.tools.mutants.messages import Change

OWNER: Final = "fib-mutants"
"""The key of the owner."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """The emulator with one fault at one endpoint.

    Attributes:
        operation: The endpoint.
        kind: What it does wrong.
        part: The field, parameter or header that it does wrong; empty where there is none.
        change: Does it.
    """

    operation: Operation
    kind: str
    part: str
    change: Change

    def __str__(self) -> str:
        return f"{self.operation.id}: {self.kind} {self.part}".rstrip()


def mutant(operation: Operation, change: Change, kind: str, part: str = "") -> Mutant:
    return Mutant(operation, kind, part, change)

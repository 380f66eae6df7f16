"""What can happen to the files of a journal: cut, bits flipped, left out, older than the others."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fibonacci import JournalError

Files = Mapping[str, bytes]
"""The content of files, by what their names have after that of the database."""

_PID = 20
SUFFIXES = ("", "-wal", "-lock", "-shm", "-journal")


class Damage(NamedTuple):
    """Something that happened to one of the files.

    Attributes:
        suffix: Which file it was.
        kind: What happened.
        files: All files, afterwards.
    """

    suffix: str
    kind: str
    files: Files


def read_files(path: Path) -> Files:
    """Return the files of a journal."""
    found = {suffix: Path(f"{path}{suffix}") for suffix in SUFFIXES}
    return {suffix: file.read_bytes() for suffix, file in found.items() if file.exists()}


def write_files(path: Path, files: Files) -> None:
    """Put files in place of those of a journal."""
    for suffix in SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    for suffix, content in files.items():
        Path(f"{path}{suffix}").write_bytes(content)


def lasting(files: Files) -> Files:
    """Return what a refusal must leave as it is: all but memory that processes share, and the id of the last one."""
    kept = {suffix: content for suffix, content in files.items() if suffix != "-shm"}
    kept["-lock"] = kept.get("-lock", b"")[_PID:]
    return {suffix: content for suffix, content in kept.items() if content}


def is_of_a_row(error: JournalError) -> bool:
    """Whether an error says that a row is damaged, which is seen when it is read."""
    return re.search(r"row \d+ differs from what was written|some text in it is not UTF-8", str(error)) is not None


def damages(files: Files, older: Sequence[Files], times: int, chance: random.Random) -> Iterator[Damage]:
    """Yield what can happen to each of the files, one at a time.

    Args:
        files: The files as they were left.
        older: The files at earlier moments.
        times: How often each is cut, and a bit of it flipped.
        chance: Says where.
    """
    for suffix, content in files.items():
        if content:
            for place in sorted(chance.sample(range(len(content)), min(times, len(content)))):
                yield Damage(suffix, "cut", {**files, suffix: content[:place]})
            for place in sorted(chance.sample(range(8 * len(content)), min(times, 8 * len(content)))):
                yield Damage(suffix, "bit flipped", {**files, suffix: _flipped(content, place)})
        yield Damage(suffix, "left out", {name: each for name, each in files.items() if name != suffix})
    for before in older:
        for suffix in {**files, **before}:
            if before.get(suffix) is not None and before.get(suffix) != files.get(suffix):
                yield Damage(suffix, "older copy", {**files, suffix: before[suffix]})


def _flipped(content: bytes, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def table(outcomes: Mapping[tuple[str, str], Mapping[str, int]], columns: Sequence[str]) -> str:
    """Return the counts of outcomes by file and damage, as a table."""
    width = max(len(each) for each in columns) + 2
    lines = [f"{'file':12}{'damage':14}" + "".join(f"{name:>{width}}" for name in columns)]
    for (suffix, kind), counts in sorted(outcomes.items()):
        figures = "".join(f"{counts.get(name, 0):>{width}}" for name in columns)
        lines.append(f"{'runs.db' + suffix:12}  {kind:14}{figures}")
    return "\n".join(lines)


def count_outcomes(cases: Iterable[tuple[Damage, str]]) -> dict[tuple[str, str], dict[str, int]]:
    """Return how often each outcome came of each damage to each file."""
    outcomes: dict[tuple[str, str], dict[str, int]] = {}
    for damage, outcome in cases:
        counts = outcomes.setdefault((damage.suffix, damage.kind), {})
        counts[outcome] = counts.get(outcome, 0) + 1
    return outcomes

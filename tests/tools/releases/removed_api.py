"""Compare the listing of the public API with that of the last release: what is gone has to be in the changelog.

python -m tests.tools.releases.removed_api

The last release is the newest tag of a version that this commit descends from and that is not its own. A line of its
listing that is gone needs an item of the changelog, above the entry of that release, that names the thing in
backticks: `executions.cancel`, and for a parameter of it that too. While no tagged commit has a listing, the last
release is 0.2.4, whose public names are those that the package still answers with their replacements.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from packaging.version import Version

from fibonacci._migration import RENAMED
from tests.tools.reference.public_api import LISTING
from tests.tools.releases.changelog import entries_since, read_changelog, release_dates
from tests.tools.releases.project import ROOT, git, read_version

FIRST: Final = "0.2.4"
"""The last release without a listing."""

Thing: TypeAlias = tuple[str, ...]
"""What a line is about, by its parts: `("fibonacci", "Fibonacci", "executions", "cancel", "(execution_id")`."""

_PYTHON: Final = re.compile(r"(fibonacci[\w.]*)(?:(\()(?:_, )*(?:\*, )?\*{0,2}(\w+))?")
_ARGUMENT: Final = re.compile(r"-|[A-Z\[]|.*\|")
"""What the first argument of a command begins with, after the words of its name."""
_FENCED: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


class Unknown(Exception):
    """It cannot be known what the last release had; the text says why."""


class Release(NamedTuple):
    """A version that was released, and the lines of its listing."""

    version: str
    lines: Sequence[str]


def last_release(root: Path = ROOT) -> Release:
    """Return the newest release with a listing that the checked-out commit has as an ancestor, else 0.2.4.

    Raises:
        Unknown: If there is no history, or a part of it is missing.
    """
    head = git(root, "rev-parse", "HEAD", "--is-shallow-repository")
    if head.returncode:
        raise Unknown(f"there is no git history: {head.stderr.strip()}")
    if head.stdout.split()[1] == "true":
        raise Unknown("the clone is shallow: `git fetch --unshallow --tags`")
    own = [f"--exclude={tag}" for tag in git(root, "tag", "--points-at", "HEAD").stdout.split()]
    tag = git(root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", *own).stdout.strip()
    version = tag.removeprefix("v") or FIRST
    present = Version(Version(read_version(root)).base_version)
    dates = release_dates(read_changelog(root))
    between = [each for each in map(Version, dates) if Version(version) < each < present]
    if between:
        raise Unknown(f"the changelog has {max(between)}, and its tag is missing: `git fetch --tags`")
    before = git(root, "show", f"{tag}:{LISTING.relative_to(ROOT).as_posix()}")
    if tag and not before.returncode:
        if not [*_facts(before.stdout.splitlines())] or version not in dates:
            raise Unknown(f"the listing of {tag} is empty, or the changelog has no entry of it")
        return Release(version, before.stdout.splitlines())
    return Release(FIRST, [f"fibonacci.{name}" for name in RENAMED])


def removed(before: Sequence[str], now: Sequence[str]) -> dict[Thing, list[str]]:
    """Return the lines that are gone or changed, by what they are about; what is gone as a whole has one entry."""
    lines = {line: thing_of(line) for line in _facts(before)}
    gone = {*lines.values()} - {*map(thing_of, _facts(now))}
    found: dict[Thing, list[str]] = {}
    for line in sorted(lines.keys() - {*now}):
        thing = lines[line]
        owners = (thing[:end] for end in range(1, len(thing)))
        found.setdefault(next((each for each in owners if each in gone), thing), []).append(line)
    return found


def thing_of(line: str) -> Thing:
    """Return what a line of the listing is about."""
    python = _PYTHON.match(line)
    if python is not None:
        return (*python[1].split("."), *(["".join(python.groups()[1:])] if python[2] else []))
    kind, *words = re.findall(r"[^\s=<>~!,;]+", line)
    if kind != "command":
        return (kind, *words[: 2 if kind in ("environment", "exit", "pytest") else 1])
    end = next((place for place, word in enumerate(words) if _ARGUMENT.match(word)), len(words))
    return (kind, *words[: end + 1])


def is_named(thing: Thing, changelog: str) -> bool:
    """Whether one item of the changelog names a thing in backticks; a parameter or option together with its call."""
    items = re.split(r"^(?=[-#|])", _FENCED.sub("", changelog), flags=re.MULTILINE)
    codes = ["\n".join(re.findall(r"`([^`]+)`", item)) for item in items]
    patterns = [rf"(?<![\w-])(?:Async)?{re.escape(name)}(?![\w-])" for name in _names(thing)]
    return any(all(re.search(pattern, code) for pattern in patterns) for code in codes)


def _names(thing: Thing) -> list[str]:
    """Return the names that an item has to have; of what both modes have, that of the sync one."""
    kind, *words = thing
    if kind == "command":
        argument = [words.pop()] if _ARGUMENT.match(words[-1]) else []
        return [" ".join(words), *argument]
    if kind != "fibonacci":
        return [words[-1]]
    argument = [words.pop()[1:]] if words[-1].startswith("(") else []
    while words[1:] and words[0].islower():  # a module
        words = words[1:]
    words = words[1:] if words[1:] and words[0].endswith("Fibonacci") else words
    name = ".".join(words[-2:])
    return [name.removeprefix("Async") if words[1:] or argument else name, *argument]


def _facts(lines: Sequence[str]) -> Iterator[str]:
    return (line for line in lines if line and not line.startswith("#"))


def main(root: Path = ROOT) -> int:
    """Compare, and return the exit code."""
    try:
        release = last_release(root)
    except Unknown as reason:
        print(f"the last release is not known: {reason}")
        return 1
    new = entries_since(read_changelog(root), release.version)
    found = removed(release.lines, (root / LISTING.relative_to(ROOT)).read_text("utf-8").splitlines())
    missing = {thing: lines for thing, lines in found.items() if not is_named(thing, new)}
    for thing, lines in missing.items():
        print(f"nothing in CHANGELOG.md names `{'` and `'.join(_names(thing))}`", *lines, sep="\n  - ")
    print(f"{len(found)} things of {release.version} are gone or changed; the changelog does not name {len(missing)}")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())

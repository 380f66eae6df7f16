"""Derive `fibonacci/_sync/` from `fibonacci/_async/`.

    python -m tests.tools.mirror            write the derived files
    python -m tests.tools.mirror --check    say what differs, and exit with 1 if anything does

Names follow one rule, `AsyncX` becomes `X`; `RENAMED` holds the exceptions. The keywords `async` and `await` are
dropped, and ruff lays the shorter lines out afresh. The words of comments and strings (docstrings, annotations,
messages) are renamed too, but there the keywords are dropped between backticks only: in prose, "await the response"
has no mechanical counterpart. That, and whatever else would still speak of waiting, is refused with file and line.

Only positions are taken from the tokens, and an f-string is one string, so every supported Python derives the same.
"""

from __future__ import annotations

import difflib
import io
import re
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
ASYNC = ROOT / "fibonacci" / "_async"
SYNC = ROOT / "fibonacci" / "_sync"

# Written by hand in both halves: the clock, capacity, event loops, workers and sockets have no mechanical counterpart.
HAND_WRITTEN = ("_runtime.py", "batch/_workers.py", "transports/_network.py")

HEADER = "# Derived from fibonacci/_async/{name} by tests/tools/mirror.py; change that file, not this one.\n"

RENAMED = {
    "_async": "_sync",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aiter_raw": "iter_raw",
    "StopAsyncIteration": "StopIteration",
}

KEYWORD = re.compile(r"\b(?:async|await) +(?=\S)")
WORD = re.compile(r"\w+")
ASYNC_NAME = re.compile(r"^(_*)Async(?=[A-Z])")
IN_BACKTICKS = re.compile(r"(`+)[^`].*?\1", re.DOTALL)
# `(await call()).name` needs its parentheses, `(call()).name` does not; those of a call, `f(await g())`, stay.
GROUPED_AWAIT = re.compile(r"(?<![\w)\]])\((await [\w.]+\((?:[^()]|\([^()]*\))*\))\)(?=[.\[])")
REFUSED = re.compile(
    r"\w*(?:async|await|coroutine)\w*|\b(?:anyio|trio|gather|TaskGroup|create_task|ensure_future)\b", re.IGNORECASE
)


class Refused(Exception):
    """Something has no counterpart without waiting; the text names the file and the line."""


def derive(source: str, name: str) -> str:
    """Return the sync text of an async file, not laid out yet; its lines are those of the source."""
    derived, position = "", 0
    source = GROUPED_AWAIT.sub(r"\1", source)
    for kind, start, end in _tokens(source):
        text = source[start:end]
        if kind == "NAME" and (keyword := KEYWORD.match(source, start)):
            text, end = "", keyword.end()
        elif kind == "NAME":
            text = sync_name(text)
        elif kind in {"STRING", "COMMENT"}:
            text = sync_name(IN_BACKTICKS.sub(lambda code: KEYWORD.sub("", code[0]), text))
        derived += source[position:start] + text
        position = end
    derived += source[position:]
    for line, text in enumerate(derived.split("\n"), 1):
        if word := REFUSED.search(text):
            raise Refused(f"{name}:{line}: {word[0]!r} has no sync counterpart (see {HAND_WRITTEN[0]})")
    return derived


def _tokens(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield the kind, start and end of each token; an f-string is one STRING, as it was before Python 3.12."""
    lines = [0, *(newline.end() for newline in re.finditer("\n", source))]
    depth = opened = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in {"NEWLINE", "NL", "INDENT", "DEDENT", "ENDMARKER", "OP", "NUMBER"}:
            continue
        start, end = (lines[line - 1] + column for line, column in (token.start, token.end))
        if kind.endswith("STRING_START"):
            opened = opened if depth else start
            depth += 1
        elif kind.endswith("STRING_END"):
            depth -= 1
            kind, start = "STRING", opened
        if not depth:
            yield kind, start, end


def sync_name(text: str) -> str:
    """Return a name as the sync half has it, or a text with each of its names so."""
    return WORD.sub(lambda word: RENAMED.get(word[0]) or ASYNC_NAME.sub(r"\1", word[0]), text)


def derive_all(source: Path = ASYNC) -> dict[str, str]:
    """Return the text of every derived file by its name below the half's folder."""
    names = _files(source)
    if missing := {*HAND_WRITTEN}.difference(names):
        raise Refused(f"{min(missing)}: missing, it is written by hand")
    names = [name for name in names if name not in HAND_WRITTEN]
    return formatted(
        {name: HEADER.format(name=name) + derive((source / name).read_text("utf-8"), name) for name in names}
    )


def _files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def formatted(texts: Mapping[str, str]) -> dict[str, str]:
    """Sort and format, all files at once, with the settings of pyproject.toml; only sync code can `yield from`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        _ruff("check", "--select", "I,RUF022,UP028", "--fix", "--unsafe-fixes", folder)
        _ruff("format", folder)
        return {name: Path(folder, name).read_text("utf-8") for name in texts}


def _ruff(command: str, *arguments: str) -> None:
    options = ["--quiet", "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    if command == "check":  # else a module counts as another package's until its file exists
        options += ["--config", "lint.isort.known-first-party = ['fibonacci']"]
    subprocess.run([sys.executable, "-m", "ruff", command, *options, *arguments], cwd=ROOT, check=True)


def differences(derived: Mapping[str, str], folder: Path = SYNC) -> Iterator[str]:
    """Yield what is not as it should be: a file too many or too few, or a unified diff."""
    present, wanted = {*_files(folder)}, {*derived, *HAND_WRITTEN}
    yield from (f"{name}: derived from nothing\n" for name in sorted(present - wanted))
    yield from (f"{name}: missing\n" for name in sorted(wanted - present))
    for name in sorted(present & derived.keys()):
        committed = (folder / name).read_text("utf-8").splitlines(keepends=True)
        yield from difflib.unified_diff(
            committed, derived[name].splitlines(keepends=True), f"committed/{name}", f"derived/{name}"
        )


def write(derived: Mapping[str, str], folder: Path = SYNC) -> None:
    """Make the folder hold the derived files and those written by hand, and nothing else."""
    for name in {*_files(folder)} - {*derived, *HAND_WRITTEN}:
        (folder / name).unlink()
    for name, text in derived.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def main() -> None:
    """Write or check, as the command line says."""
    try:
        derived = derive_all()
    except Refused as refusal:
        sys.exit(f"fibonacci/_async/{refusal}")
    if "--check" not in sys.argv:
        write(derived)
    elif found := "".join(differences(derived)):
        sys.exit(
            f"{found}\nfibonacci/_sync is not what is derived from fibonacci/_async: run `python -m tests.tools.mirror`"
        )


if __name__ == "__main__":
    main()

"""Count what makes our words hard to read: semicolons, passive voice, sentences of more than 30 words.

python -m tests.tools.prose                    a line each for folders of pages, public docstrings, error messages
python -m tests.tools.prose --lines PATH ...   each place in these pages or modules

Whether a text reads well is for a reader to say; this finds where to look first.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path
from typing import Final

from tests.tools.markdown import ROOT
from tests.tools.public_items import public_items

LONGEST: Final = 30
"""Words in a sentence."""

STILTED: Final = re.compile(
    r"\b(anew|of (?:its|their|your|my|our|his|her) own|stands? (?:there|in|for)|the ones? that|thereby|whereof|therein"
    r"|(?:is|are|was|were) no [a-z]+s?\b(?! (?:longer|more))|which (?:is|are) no [A-Za-z`]+|made anew|says so)\b"
)
"""Phrases that read as if translated."""

_PASSIVE: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|being|gets?|got)(?: (?:not|never|always|also|then|only|still|already|first))*"
    r" (?:\w+ed|sent|made|given|read|written|known|kept|held|taken|shown|found|lost|done|set|put|cut|left|begun|run"
    r"|told|said|built|drawn|chosen|thrown|caught|spent|paid)\b",
    re.IGNORECASE,
)
_FENCE: Final = re.compile(r"^[ ]*(```+|~~~+).*?^[ ]*\1[ ]*$", re.MULTILINE | re.DOTALL)
_NOT_PROSE: Final = re.compile(r"<!--.*?-->|<[^>\n]+>|^\[[^\]\n]+\]:.*$|&\w+;", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[((?:[^\]`]|`[^`]*`)*)\]\([^)]*\)")
_SECTION: Final = re.compile(r"^\s*(Args|Returns|Yields|Raises|Attributes|Example|Examples):\s*$")
_DESCRIBED: Final = re.compile(r"^ +[\w*]+: ")
_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")


@dataclass
class ProseCounts:
    """What was counted in some texts."""

    words: int = 0
    semicolons: list[str] = field(default_factory=list[str])
    passive: list[str] = field(default_factory=list[str])
    long: list[str] = field(default_factory=list[str])
    stilted: list[str] = field(default_factory=list[str])
    examples: int = 0

    def add(self, place: str, paragraph: str) -> None:
        """Count a paragraph, whose code is a letter."""
        self.words += len(paragraph.split())
        self.examples += len(re.findall(r"\bfor example\b", paragraph, re.IGNORECASE))
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z`\"(])", paragraph):
            line = f"{place}: {sentence}"
            self.semicolons += [line] * sentence.count(";")
            self.passive += [line] * len(_PASSIVE.findall(sentence))
            self.stilted += [line] * len(STILTED.findall(sentence))
            if len(sentence.split()) > LONGEST:
                self.long.append(line)

    def __str__(self) -> str:
        return (
            f"{self.words:7} words {len(self.semicolons):5} semicolons {len(self.passive):5} passive"
            f" {len(self.long):5} long {len(self.stilted):5} stilted {self.examples:4} for example"
        )


def count_page(path: Path, counts: ProseCounts) -> None:
    """Add the prose of a page: paragraphs, list items and the cells of tables."""
    text = _NOT_PROSE.sub(" ", _FENCE.sub("", path.read_text("utf-8")))
    for paragraph in _paragraphs(text):
        counts.add(_name(path), paragraph)


def count_docstrings(path: Path, counts: ProseCounts) -> None:
    """Add the docstrings of a module, without their examples."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for line in node.body:
                match line:
                    case ast.Expr(value=ast.Constant(value=str() as text)):
                        _add_docstring(f"{_name(path)}:{line.lineno}", text, counts)
                    case _:
                        pass


def _add_docstring(place: str, text: str, counts: ProseCounts) -> None:
    for paragraph in _paragraphs(_FENCE.sub("", cleandoc(text))):
        counts.add(place, paragraph)


def count_messages(path: Path, counts: ProseCounts) -> None:
    """Add the texts that a module raises."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            formatted = [text for text in ast.walk(node.exc) if isinstance(text, ast.JoinedStr)]
            within = {part for text in formatted for part in ast.walk(text) if part is not text}
            for text in ast.walk(node.exc):
                if isinstance(text, ast.JoinedStr) and text not in within:
                    parts = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in text.values]
                    counts.add(f"{_name(path)}:{text.lineno}", "".join(parts))
                elif isinstance(text, ast.Constant) and text not in within and " " in str(text.value):
                    counts.add(f"{_name(path)}:{text.lineno}", str(text.value))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph on one line, with its code and its links as plain words."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins = line.lstrip().startswith(("|", "#", ">")) or any(
            kind.match(line) for kind in (_ITEM, _SECTION, _DESCRIBED)
        )
        if (begins or not line.strip()) and paragraph:
            yield _plain(" ".join(paragraph))
            paragraph = []
        if line.lstrip().startswith("|"):
            yield from (_plain(cell) for cell in line.strip().strip("|").split("|") if cell.strip(" -:"))
        elif line.strip() and not _SECTION.match(line):
            paragraph.append(_ITEM.sub("", line).strip().lstrip("#> "))


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", re.sub(r"`[^`]*`", "x", text)).strip()


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def groups(root: Path = ROOT) -> Iterator[tuple[str, ProseCounts]]:
    """Yield the counts of each kind of text of a checkout."""
    pages = [root / "README.md", root / "CHANGELOG.md", root / "docs" / "index.md"]
    folders = {name: sorted((root / "docs" / name).rglob("*.md")) for name in _FOLDERS}
    for name, paths in ({page.name: [page] for page in pages} | folders).items():
        counts = ProseCounts()
        for path in paths:
            count_page(path, counts)
        yield name, counts
    docstrings, messages = ProseCounts(), ProseCounts()
    described = {item.found.path: item for item in public_items(root) if item.text}
    for item in described.values():
        _add_docstring(item.name, item.text, docstrings)
    for path in sorted((root / "fibonacci").rglob("*.py")):
        if "_sync" not in path.parts:
            count_messages(path, messages)
    yield "public docstrings", docstrings
    yield "error messages", messages


_FOLDERS: Final = ("tutorial", "how-to", "explanation", "reference", "contributing")


def main() -> None:
    """Print the counts of a checkout, or the places in some files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout to count")
    parser.add_argument("--lines", type=Path, nargs="+", metavar="PATH", help="print each place in these files")
    arguments = parser.parse_args()
    if arguments.lines is None:
        for name, counts in groups(arguments.root):
            print(f"{name:18} {counts}")
        return
    for path in arguments.lines:
        counts = ProseCounts()
        if path.suffix == ".py":
            count_docstrings(path.absolute(), counts)
            count_messages(path.absolute(), counts)
        else:
            count_page(path.absolute(), counts)
        for kind in ("semicolons", "long", "stilted", "passive"):
            for line in getattr(counts, kind):
                print(f"{kind:10} {line}")
        print(f"{path}: {counts}")


if __name__ == "__main__":
    main()

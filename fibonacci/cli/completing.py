"""`fibonacci __complete`: lists the words that fit at the cursor, for the scripts of `fibonacci completion`.

The first line says what the shell adds itself: `files`, `folders`, or nothing (`words`). Each further line is a word, a
tab, and a description. Words that aren't plain text are left out, because anybody can choose names on the platform.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from fibonacci.cli.calls.entries import PREFIX
from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.standard_streams import without_keys

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from fibonacci import Fibonacci, Pager
    from fibonacci.cli.parser import CommandParser

T = TypeVar("T")

SECONDS: Final = 1.5
"""How long a request may take, because a person is waiting."""


class Candidate(NamedTuple):
    """A word that fits at the cursor, and its description."""

    word: str
    description: str = ""


def run_complete(arguments: Sequence[str], command_parser: Callable[[Sequence[str]], CommandParser]) -> int:
    """Print the words that fit at the cursor. Errors print nothing to stderr.

    Args:
        arguments: `bash`, the line up to the cursor, and the part of the word that bash replaces, or `words` and the
            words up to the cursor, without quotes.
        command_parser: Returns the parser of a command line.

    Returns:
        The exit code.
    """
    with redirect_stderr(None), suppress(Exception):
        if arguments[0] == "bash":
            _, line, replaced = arguments
            words = _words(line)
            kind, candidates = completions(command_parser, words.before[1:], words.current)
            texts = [text for candidate in candidates if (text := words.replacement(candidate.word, replaced))]
        else:
            kind, candidates = completions(command_parser, arguments[1:-1], arguments[-1])
            texts = ["\t".join(candidate) for candidate in candidates]
        print(kind, *texts, sep="\n")
    return DONE


def completions(
    command_parser: Callable[[Sequence[str]], CommandParser], words: Sequence[str], current: str
) -> tuple[str, list[Candidate]]:
    """Return what the shell completes itself, and the words that fit at the cursor.

    Args:
        command_parser: Returns the parser of a command line.
        words: The words between the name of the program and the cursor.
        current: The part of the word at the cursor that was typed.
    """
    words = words[1:] if list(words[:1]) == ["help"] else words
    place = _Place(command_parser(words), words)
    kind, head = "words", ""
    candidates: list[Candidate] = []
    if (place.option is None or place.has_value) and not place.is_after_dashes and current.startswith("-"):
        name, equals, value = current.partition("=")
        place.option = place.option_of(name) if equals else None
        if place.option is None:
            return kind, _plain([] if equals else place.options(), current)
        head, current = f"{name}=", value
    action = place.option or place.positional()
    if action is not None:
        kind, candidates = place.values(action, current)
    return kind, [Candidate(f"{head}{word}", text) for word, text in _plain(candidates, current)]


def _plain(candidates: Iterable[Candidate], current: str) -> list[Candidate]:
    """Return the candidates that begin with what was typed and are plain text."""
    from fibonacci._texts.text import visible

    fitting = [
        candidate for candidate in candidates if candidate.word.startswith(current) and _is_plain(candidate.word)
    ]
    return [Candidate(word, " ".join(without_keys(visible(text)).split())) for word, text in fitting]


def _is_plain(word: str) -> bool:
    """Tell whether a text has no control characters and no API key."""
    return bool(word) and word.isprintable() and without_keys(word) == word


class _Place:
    """Where in a command line the cursor is.

    Args:
        parser: The parser of the command line.
        words: The words before the cursor.
    """

    def __init__(self, parser: CommandParser, words: Sequence[str]) -> None:
        self.parser = parser
        self.option: argparse.Action | None = None
        self.has_value = False  # whether the option has a value, and may have more
        self.is_after_dashes = False
        self._given: dict[str, str] = {}
        self._positionals = self._of_parser()
        for word in words:
            self._pass(word)

    def _of_parser(self) -> list[argparse.Action]:
        return [action for action in self.parser.actions() if not action.option_strings]

    def _pass(self, word: str) -> None:
        if self.option is not None and not (self.has_value and word.startswith("-")):
            self._given[self.option.dest] = word
            self.has_value = self.option.nargs == "+"
            self.option = self.option if self.has_value else None
        elif self.is_after_dashes or not word.startswith("-") or word == "-":
            self._pass_positional(word)
        elif word == "--":
            self.is_after_dashes = True
        else:
            name, equals, value = word.partition("=")
            option = self.option_of(name)
            if option is not None and equals:
                self._given[option.dest] = value
            else:
                self.option, self.has_value = option, False

    def _pass_positional(self, word: str) -> None:
        if (action := self.positional()) is None:
            return
        if commands := _commands(action):
            self.parser = commands[word]  # an unknown command: there is nothing to complete
            self._positionals = self._of_parser()
            return
        self._given[action.dest] = word
        if action.nargs not in ("*", "+"):
            del self._positionals[0]

    def positional(self) -> argparse.Action | None:
        """Return the argument that comes next."""
        return self._positionals[0] if self._positionals else None

    def option_of(self, name: str) -> argparse.Action | None:
        """Return the option with a name, if it has a value."""
        options = [action for action in self.parser.actions() if name in action.option_strings]
        return options[0] if options and options[0].nargs != 0 else None

    def options(self) -> list[Candidate]:
        """Return the options that apply here."""
        from argparse import SUPPRESS

        shown = [action for action in self.parser.actions() if action.help != SUPPRESS]
        return [
            Candidate(name, (action.help or "").replace("%%", "%"))
            for action in shown
            for name in action.option_strings
        ]

    def values(self, action: argparse.Action, current: str) -> tuple[str, list[Candidate]]:
        """Return what the shell completes itself for a value, and the candidates for it."""
        if commands := _commands(action):
            return "words", [Candidate(name, command.description or "") for name, command in commands.items()]
        if action.choices is not None:
            return "words", [Candidate(str(choice)) for choice in action.choices]
        if known := getattr(action.type, "keywords", {}).get("choices"):  # there may be more words
            return "words", [Candidate(word) for word in known]
        words = self._words_of(action, current)
        metavar = str(action.metavar or "")
        if words is None:
            is_path = any(name in metavar for name in ("FILE", "ROWS", "JOURNAL"))
            is_folder = "DIR" in metavar or "FOLDER" in metavar
            return ("files" if is_path else "folders" if is_folder else "words"), []
        may_be_file = "FILE" in metavar or action.dest in ("old", "new")
        # With nothing typed, what comes first in the usage is offered.
        is_file = may_be_file and bool(current or not metavar.startswith("ID")) and _starts_a_path(current)
        return ("files", []) if is_file else ("words", words())

    def _words_of(self, action: argparse.Action, current: str) -> Callable[[], list[Candidate]] | None:
        """Return a function that reads the candidates for a value, or None if there are none."""
        command = self.parser.prog.partition(" ")[2]
        name = action.dest.removeprefix(PREFIX)
        if name == "profile" or (command.startswith("profiles ") and command != "profiles add"):
            return _profiles
        if name == "environment":
            return self._environments
        if name == "fields":
            return lambda: _fields(command, self.parser.get_default("run"), current)
        if name == "version":
            return lambda: self._from_platform(partial(_versions, self._given.get(f"{PREFIX}workflow_id", "")))
        if name == "execution_id" or name == "execution":
            return lambda: self._from_platform(_executions)
        if "NAME" in str(action.metavar).split("|")[1:] or name in ("old", "new"):
            return lambda: self._from_platform(partial(_workflows, is_id=bool(current)))
        return None

    def _environments(self) -> list[Candidate]:
        from pathlib import Path

        from fibonacci.deployment.state import STATE_FOLDER

        folder = Path(self._given.get("folder") or self._given.get("dir") or ".") / STATE_FOLDER
        return [Candidate(path.name) for path in sorted(folder.iterdir()) if path.is_dir()]

    def _from_platform(self, read: Callable[[Fibonacci], list[Candidate]]) -> list[Candidate]:
        """Return the candidates from one request, or nothing if it fails or takes too long."""
        from fibonacci import Fibonacci

        with Fibonacci(profile=self._given.get("profile"), timeout=SECONDS, max_retries=0) as client:
            return read(client)


def _commands(action: argparse.Action) -> Mapping[str, CommandParser]:
    """Return the commands that an argument chooses from. Empty for any other argument."""
    choices: Any = action.choices
    return cast("Mapping[str, CommandParser]", choices) if isinstance(choices, Mapping) else {}


def _workflows(client: Fibonacci, *, is_id: bool) -> list[Candidate]:
    """Return the names of workflows, and the IDs of those whose name can't be used instead.

    Args:
        client: The client.
        is_id: Whether what was typed may begin an ID. The other IDs are then added.
    """
    workflows = _first_page(client.workflows.list)
    every = [workflow.name or "" for workflow in workflows]
    names = {name for name in every if every.count(name) == 1 and _is_plain(name) and not name.startswith("-")}
    return [
        *(Candidate(workflow.name, workflow.id) for workflow in workflows if workflow.name in names),
        *(Candidate(workflow.id, workflow.name or "") for workflow in workflows if is_id or workflow.name not in names),
    ]


def _executions(client: Fibonacci) -> list[Candidate]:
    executions = _first_page(client.executions.list)
    return [Candidate(item.id, f"{item.status or ''} {item.workflow_id or ''}") for item in executions]


def _versions(workflow: str, client: Fibonacci) -> list[Candidate]:
    from fibonacci.cli.workflow_names import workflow_id_of

    versions = _first_page(partial(client.versions.list, workflow_id_of(client, workflow)))
    return [Candidate(str(item.version), f"{item.name or ''} {item.created_at or ''}") for item in versions]


def _first_page(call: Callable[..., Pager[T]]) -> list[T]:
    from fibonacci._core.request import LARGEST_PAGE

    return next(iter(call(page_size=LARGEST_PAGE).pages())).items


def _fields(command: str, run: Any, current: str) -> list[Candidate]:
    """Return the fields that a command can print, each after the fields already typed before a comma."""
    typed, comma, _ = current.rpartition(",")
    names = [name for name in _known_fields(command, run) if name not in typed.split(",")]
    return [Candidate(f"{typed}{comma}{name}") for name in names]


def _known_fields(command: str, run: Any) -> Iterable[str]:
    if command in ("run-many", "journal rows", "journal export"):
        from fibonacci.models.run_results import COLUMNS

        return COLUMNS
    if command == "journal status":
        from fibonacci.cli.commands.journal import FIELDS

        return FIELDS
    from fibonacci import models
    from fibonacci.models._base import other_names, plain_names

    is_execution = command == "run" or command.startswith("executions ")
    entry = getattr(run, "keywords", {}).get("entry")  # a derived command
    name = "Execution" if is_execution else getattr(entry, "model", "")
    model: Any = getattr(models, name) if name else None
    return () if model is None else (*plain_names(model), *other_names(model))


def _profiles() -> list[Candidate]:
    from fibonacci._profiles.config_file import read_profiles

    return [Candidate(name) for name in read_profiles().profiles]


def _starts_a_path(text: str) -> bool:
    from glob import escape
    from pathlib import Path

    folder, slash, name = text.rpartition("/")
    return any(Path(f"{folder}{slash}").expanduser().glob(f"{escape(name)}*"))


_SAFE_IN_QUOTES: Final = re.compile(r"""[^$`"'!\\]*""")
_UNSAFE: Final = re.compile(r"([^\w@%+./,:=-])")


class _Words(NamedTuple):
    """The words of a bash command line.

    Attributes:
        before: Those before the cursor, without quotes.
        current: The one at the cursor, without quotes.
        typed: The one at the cursor, as typed.
        quote: The quote that is open at the cursor.
    """

    before: list[str]
    current: str
    typed: str
    quote: str

    def replacement(self, word: str, replaced: str) -> str:
        """Return the replacement for a part of the word at the cursor. Empty if that isn't safe.

        Args:
            word: The whole word to complete to.
            replaced: The part, which in bash begins after a colon, an equals sign or a quote.
        """
        kept = _words(self.typed.removesuffix(replaced)).current
        rest = word.removeprefix(kept)
        if self.quote:
            return rest if _SAFE_IN_QUOTES.fullmatch(rest) else ""
        return _UNSAFE.sub(r"\\\1", rest)


def _words(line: str) -> _Words:
    """Split a line as bash does, without expanding anything. The unfinished part at the cursor is the last word."""
    words: list[str] = []
    current, quote, start, is_escaped = "", "", 0, False
    for index, character in enumerate(line):
        if is_escaped:
            current, is_escaped = current + character, False
        elif character == "\\" and quote != "'":
            is_escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif quote or character not in " \t\n":
            current += character
        else:
            if line[start:index]:
                words.append(current)
            current, start = "", index + 1
    return _Words(words, current, line[start:], quote)

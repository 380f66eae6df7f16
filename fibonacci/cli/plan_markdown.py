"""A plan as a comment for a pull request, in GitHub's Markdown.

Names, reasons and instructions are untrusted text. Anything in them that could be markup is shown as code: between
backticks, as character references in `<code>`, or in a fence longer than any in the text. So nothing is executed,
linked or mentioned.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from fibonacci._texts.text import printable, visible
from fibonacci.cli.definition_arguments import relative_path
from fibonacci.deployment.plan import effects_of, is_emptying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fibonacci import DeploymentChange, DeploymentPlan
    from fibonacci.definitions import Problem

_MOST: Final = 65_536
"""The most characters that GitHub accepts. We count bytes, which are never fewer."""
_RESERVED: Final = 500
"""The room kept for the last line, which says what was cut."""
_LONGEST: Final = 500
"""How many characters of a name, a reason or a problem are shown."""

_QUOTED: Final = re.compile(r"`([^`]+)`")
_HARMLESS: Final = re.compile(r"[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*")


def plan_markdown(plan: DeploymentPlan) -> str:
    """Return a plan as Markdown: a heading, a table of changes, the problems, and each difference in a fold."""
    head = f"### Plan for {_code(plan.environment)}: {plan.summary}"
    parts = ["\n\n".join((head, f"{_code(plan.base_url)}, folder {_code(plan.folder.name)}", *_alerts(plan)))]
    left, cut = _MOST - _RESERVED - _size(parts[0]), Counter[str]()
    for what, before, between, lines in (
        ("changes", _HEAD, "\n", map(_row, plan.changes)),
        ("problems", "\n\n", "\n", (_problem(problem, plan) for problem in plan.problems)),
        ("differences", "\n\n", "\n\n", (_difference(change) for change in plan.changes if change.diff)),
    ):
        separator = before
        for line in lines:
            if (size := _size(separator + line)) > left:
                cut[what] += 1
                continue
            parts += [separator, line]
            left, separator = left - size, between
    if cut:
        texts = ", ".join(f"{number} {what}" for what, number in cut.items())
        parts.append(f"\n\nA comment has at most {_MOST:,} characters, so some parts are not shown: {texts}.")
    return "".join(parts)


def _difference(change: DeploymentChange) -> str:
    lines = [_signed(line) for line in printable(str(change.diff)).split("\n")]
    longest = max(map(len, re.findall("`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    summary = f"{change.action} {_html_code(change.file)}"
    return "\n".join((f"<details><summary>{summary}</summary>\n", f"{fence}diff", *lines, f"{fence}\n", "</details>"))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _alerts(plan: DeploymentPlan) -> Iterator[str]:
    conflicts = sum(change.is_conflict for change in plan.changes)
    deletions = sum(change.action == "delete" for change in plan.changes)
    if plan.problems.errors:
        yield "> [!CAUTION]\n> The definitions have errors, so nothing can be applied."
    if conflicts:
        who = "A workflow was" if conflicts == 1 else f"{conflicts} workflows were"
        how = "`fibonacci pull` keeps that, `fibonacci apply --overwrite` replaces it."
        yield f"> [!CAUTION]\n> {who} changed on the platform since the last apply. {how}"
    if deletions:
        who = "A workflow" if deletions == 1 else f"{deletions} workflows"
        options = "`--allow-delete` and `--allow-empty`" if is_emptying(plan) else "`--allow-delete`"
        yield f"> [!WARNING]\n> {who} will be deleted, which needs {options}."


_HEAD: Final = "\n\n| Action | File | Workflow | Why |\n|---|---|---|---|\n"


def _row(change: DeploymentChange) -> str:
    action = f"**conflict:** {change.action}" if change.is_conflict else change.action
    why = "; ".join((change.reason, *effects_of(change)))
    return f"| {action} | {_code(change.file)} | {_code(change.name)} | {_prose(why)} |"


def _problem(problem: Problem, plan: DeploymentPlan) -> str:
    place = relative_path(problem.source or problem.location).removeprefix(relative_path(f"{plan.folder}{os.sep}"))
    return f"- **{problem.severity}** {_code(place) + ': ' if place else ''}{_prose(problem.message)}"


def _signed(line: str) -> str:
    """Return a line of a difference in the form that GitHub colors: the sign first, and ! for a change."""
    if line.startswith("    @@"):
        return line.lstrip()
    if line.startswith("    ") and line[4:5] in ("+", "-"):  # a line of a long text
        return f"{line[4]}    {line[5:]}"
    return f"!{line[1:]}" if line.startswith("~") else line


def _prose(text: str) -> str:
    """Show commands, names, and anything in a text that could be markup, as code."""
    parts = _QUOTED.split(_shortened(text))
    return "".join(_code(part) if number % 2 else _words(part) for number, part in enumerate(parts))


def _words(text: str) -> str:
    words: list[str] = []
    for word in text.split(" "):
        rest = word.removeprefix("(")
        inner = rest.rstrip(".,;:?)")
        before, after = word[: len(word) - len(rest)], rest[len(inner) :]
        words.append(f"{before}{inner if not inner or _HARMLESS.fullmatch(inner) else _code(inner)}{after}")
    return " ".join(words)


def _code(text: str) -> str:
    """Return a text as inline code in Markdown, which also works in a table."""
    is_plain = text.strip() == text != "" and not {*"`|\\"} & {*text}
    return f"`{_shortened(text)}`" if is_plain else _html_code(text)


def _html_code(text: str) -> str:
    shown = (c if c.isalnum() or c in " -/" else f"&#{ord(c)};" for c in _shortened(text))
    return f"<code>{''.join(shown)}</code>"


def _shortened(text: str) -> str:
    line = visible(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."

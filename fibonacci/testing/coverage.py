"""Coverage of workflows in a session of pytest. The plugin loads this module only for the options `--fibonacci-cov...`.

It observes all emulators of the process, so it sees runs of code that uses none of the plugin's fixtures too.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from fibonacci._texts.text import printable_line
from fibonacci.definitions.coverage import COLUMNS, Coverage, CoverageTally, in_words, total
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.emulator.engine.recipes import Recipes
from fibonacci.emulator.engine.scheduler import RUN_OBSERVERS
from fibonacci.emulator.page.components import Row, table, wide
from fibonacci.emulator.page.coverage import LEGEND, coverage_facts, missing_table
from fibonacci.emulator.page.html import Content, document, h
from fibonacci.errors import FibonacciError

_OPTION: Final = "--fibonacci-cov"
_WORKER: Final = "fibonacci_coverage"
_MAX_WIDTH: Final = 40
_STYLE: Final = """
body.alone > header { justify-content: start; } .alone main { width: min(1240px, 100%); margin: 0 auto; }
.alone img { max-width: 100%; height: auto; } .alone td code { overflow-wrap: anywhere; white-space: normal; }
"""
"""What the report needs besides the style of the emulator's page."""


class CoveredWorkflow(NamedTuple):
    """A row of the report."""

    label: str
    """The name of the workflow, and what distinguishes it from others with this name."""

    coverage: Coverage
    """What its runs have reached."""

    @property
    def page(self) -> str:
        """The name of its files, without the suffix."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.coverage.name.lower()).strip("-")[:_MAX_WIDTH]
        return f"{slug or 'workflow'}-{self.coverage.digest[-8:]}"


class CoveragePlugin:
    """Counts the runs of a session, and reports the coverage at its end.

    Args:
        config: The configuration of pytest.

    Raises:
        pytest.UsageError: If an option is not valid.
    """

    def __init__(self, config: pytest.Config) -> None:
        words = config.invocation_params.args
        if taken := [path for option, path in pairwise(words) if option == _OPTION and not path.startswith("-")]:
            raise pytest.UsageError(
                f"put {taken[0]} before {_OPTION}, or write {_OPTION}={taken[0]} for a folder of definitions"
            )
        self._config = config
        self._reports = [_report(text) for text in config.getoption("fibonacci_cov_report") or ["term"]]
        self._files, self._faults = _definition_files(filter(None, config.getoption("fibonacci_cov") or ()))
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], Coverage] = {}
        self._received: list[Coverage] = []
        self._lines: list[str] = []
        RUN_OBSERVERS.append(self._observe)

    def _observe(self, name: str, definition: Mapping[str, Any], trace: Iterable[Mapping[str, Any]]) -> None:
        key = (name, json.dumps(definition))
        with self._lock:
            if key not in self._seen:
                self._seen[key] = Coverage(name, definition)
            self._seen[key].add(trace)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist has counted, unless it has crashed."""
        output = json.loads(getattr(node, "workeroutput", {}).get(_WORKER, "[]"))
        self._received += map(Coverage.from_plain, output)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, and fail the session if too little was reached. A worker hands over what it counted."""
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_WORKER] = json.dumps([coverage.plain() for coverage in self._seen.values()])
        elif not self._config.option.collectonly:
            self._report(session)

    def _report(self, session: pytest.Session) -> None:
        rows = _rows([*self._seen.values(), *self._received], self._files)
        for kind, place in self._reports:
            try:
                if kind == "term":
                    self._lines += [*_text(rows), *self._faults]
                elif kind == "json":
                    Path(place).write_text(json.dumps(_as_json(rows), indent=2) + "\n", encoding="utf-8")
                else:
                    _write_html(rows, Path(place))
                if kind != "term":
                    self._lines.append(f"Coverage of workflows written to {place}")
            except OSError as error:
                self._fail(session, f"--fibonacci-cov-report={kind}:{place}: {error.strerror}")
        least, reached = self._config.getoption("fibonacci_cov_fail_under"), _total(rows).percent
        if least is not None and not rows:
            self._fail(session, f"coverage of workflows: {least:g}% is required, and no workflow ran")
        elif least is not None and reached < least:
            self._fail(session, f"coverage of workflows: {least:g}% is required, and {reached:.2f}% was reached")

    def _fail(self, session: pytest.Session, line: str) -> None:
        self._lines.append(f"FAIL {line}")
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the report."""
        if self._lines:
            terminalreporter.section("coverage of workflows")
            for line in self._lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Stop observing runs."""
        RUN_OBSERVERS.remove(self._observe)


def _report(text: str) -> tuple[str, str]:
    kind, _, place = text.partition(":")
    if kind not in ("term", "html", "json") or bool(place) == (kind == "term"):
        raise pytest.UsageError(f"--fibonacci-cov-report takes term, html:DIR or json:FILE, not {text!r}")
    return kind, place


def _total(rows: Iterable[CoveredWorkflow]) -> CoverageTally:
    return total(row.coverage.tally for row in rows)


def _definition_files(folders: Iterable[str]) -> tuple[dict[str, Coverage], list[str]]:
    """Return what each definition file of some folders defines, by its path, and what is wrong with the others."""
    found: dict[str, Coverage] = {}
    faults: list[str] = []
    for folder in folders:
        try:
            definitions, problems = DeploymentFolder(folder).load_definitions()
        except (FibonacciError, ImportError) as error:
            raise pytest.UsageError(f"{_OPTION}: {error}") from None
        for file, definition in definitions.items():
            found[str(Path(folder, file))] = Coverage(definition.get("name") or Path(file).stem, definition)
        faults += [f"not counted: {printable_line(str(problem))}" for problem in problems.errors]
    return found, faults


def _rows(coverages: Iterable[Coverage], definition_files: Mapping[str, Coverage]) -> list[CoveredWorkflow]:
    """Return the workflows that ran, and the files that never did, by name.

    A definition that shares its name with another has its file or its hash in its label.
    """
    merged: dict[tuple[str, str], Coverage] = {}
    for coverage in coverages:
        key = (coverage.name, coverage.digest)
        merged[key] = merged[key] + coverage if key in merged else coverage
    ran = {digest for _, digest in merged}
    unused = {(each.name, each.digest): each for each in definition_files.values() if each.digest not in ran}
    places = {each.digest: f" ({place})" for place, each in definition_files.items()}
    names = Counter(name for name, _ in (merged | unused))
    return [
        CoveredWorkflow(name + places.get(digest, f" ({digest[-8:]})") * (names[name] > 1 or not each.runs), each)
        for (name, digest), each in sorted((merged | unused).items())
    ]


def _text(rows: Sequence[CoveredWorkflow]) -> Iterator[str]:
    """Yield the lines of the report in the terminal."""
    if not rows:
        yield "No workflow ran."
        return
    lines = [(printable_line(row.label), row.coverage.tally.cells()) for row in rows]
    lines.append(("TOTAL", _total(rows).cells()))
    first = max(len(label) for label, _ in lines)
    widths = [max(map(len, column)) for column in zip(COLUMNS, *(cells for _, cells in lines), strict=True)]
    texts = [
        "  ".join([label.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for label, cells in (("Workflow", COLUMNS), *lines)
    ]
    yield from (texts[0], "-" * len(texts[0]), *texts[1:-1], "-" * len(texts[0]), texts[-1])
    for row in rows:
        if missing := row.coverage.missing():
            yield ""
            yield printable_line(row.label) + (":" if row.coverage.runs else ": never ran")
        recipes = Recipes(row.coverage)
        for target in missing if row.coverage.runs else ():
            yield printable_line(f"  {target.node}: {in_words(target, row.coverage.nodes)}")
            if recipe := recipes.of(target):
                yield printable_line(f"    to reach it: {recipe}")


def _as_json(rows: Sequence[CoveredWorkflow]) -> dict[str, Any]:
    """Return the report as JSON."""
    return {"totals": _numbers(_total(rows)), "workflows": [_row_as_json(row) for row in rows]}


def _numbers(tally: CoverageTally) -> dict[str, Any]:
    return {**tally._asdict(), "percent": round(tally.percent, 2)}


def _row_as_json(row: CoveredWorkflow) -> dict[str, Any]:
    coverage, recipes = row.coverage, Recipes(row.coverage)
    missing = [
        {**target._asdict(), "message": in_words(target, coverage.nodes), "to_reach_it": recipes.of(target)}
        for target in coverage.missing()
    ]
    nodes = coverage.plain()["nodes"]
    return {
        "label": row.label,
        "name": coverage.name,
        "nodes": nodes,
        "summary": _numbers(coverage.tally),
        "missing": missing,
    }


def _write_html(rows: Sequence[CoveredWorkflow], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    style = (files("fibonacci.emulator.page") / "static" / "page.css").read_text("utf-8")
    (folder / "style.css").write_text(style + _STYLE, "utf-8")
    lines = {row.page: _line(h.a(row.label, href=f"{row.page}.html"), row.coverage.tally) for row in rows}
    index = table("Workflows", lines | {"total": _line(h.strong("Total"), _total(rows))})
    (folder / "index.html").write_bytes(_page("Coverage of workflows", [index]))
    for row in rows:
        picture = Drawing(row.coverage.definition, has_header=False, coverage=row.coverage)
        (folder / f"{row.page}.svg").write_text(picture.text(), "utf-8")
        (folder / f"{row.page}.html").write_bytes(_page(row.label, _workflow(row, picture)))


def _line(label: Content, tally: CoverageTally) -> Row:
    return {"Workflow": wide(label), **dict(zip(COLUMNS, tally.cells(), strict=True))}


def _workflow(row: CoveredWorkflow, picture: Drawing) -> Content:
    text = "Diagram of the workflow, with how often each part ran. The table below says what never did."
    return [
        h.p(h.a("All workflows", href="index.html")),
        coverage_facts(row.coverage),
        h.section(
            h.h2("Diagram"), LEGEND, h.img(src=f"{row.page}.svg", alt=text, width=picture.width, height=picture.height)
        ),
        h.section(h.h2("Never reached"), missing_table(row.coverage)),
    ]


def _page(title: str, content: Content) -> bytes:
    return document(
        h.html(
            h.head(
                h.meta(charset="utf-8"),
                h.title(title),
                h.meta(name="viewport", content="width=device-width, initial-scale=1"),
                h.meta(name="color-scheme", content="light dark"),
                h.link(rel="stylesheet", href="style.css"),
            ),
            h.body(
                h.header(h.span("fibonacci-sdk", class_="brand")),
                h.main(h.h1(title), content),
                class_="alone",
            ),
            lang="en",
        ),
        (),
    )

"""Measure what each trick for speed gains: the package as it is, beside a copy without the trick.

    python -m tests.tools.benchmarks.ablations                              print the table
    python -m tests.tools.benchmarks.ablations --write docs/contributing/performance.md   put it between its markers

A trick stays where it gains more than three percent of what it is for.
"""

from __future__ import annotations

import argparse
import compileall
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import interleaved
from tests.tools.benchmarks.processes import run_script, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.tools.page_sections import PageSection

ROOT = Path(__file__).parents[3]
SECTION = PageSection("ablations")

_PAGE = """
import http.client, time
from fibonacci import Fibonacci
from fibonacci.transports import HTTPResponse
connection = http.client.HTTPConnection("{url}".removeprefix("http://"))
connection.request("GET", "/v1/workflows?limit={limit}")
body = connection.getresponse().read()
class Fixed:
    def send(self, request, deadline):
        return HTTPResponse(status=200, headers=[], body=body)
    def close(self):
        pass
client = Fibonacci("key", transport=Fixed())
def pages(number):
    for _ in range(number):
        page = next(client.workflows.list().pages())
pages(2)
began = time.process_time()
pages({number})
print((time.process_time() - began) / {number} * 1e3)
"""
_PEAK = """
import resource
{page}
import http.client
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@dataclass(frozen=True, slots=True)
class Ablation:
    """A trick, and the package without it.

    Attributes:
        trick: What the trick is.
        changes: The plain text in place of the trick's: the file below the package, the old text, the new one.
        measured: What the trick is for.
        unit: The unit of that figure.
        script: A script that prints the figure.
        runs: How many runs to make.
    """

    trick: str
    changes: tuple[tuple[str, str, str], ...]
    measured: str
    unit: str
    script: str
    runs: int = 25


_SMALL_PAGE = _PAGE.replace("{limit}", "100").replace("{number}", "50")
_LARGE_PAGE = _PAGE.replace("{limit}", "10000").replace("{number}", "3")
_ALL_AT_ONCE = (("_core/decoding.py", "places = edges(body)", "places = list[int]()"),)

ABLATIONS = (
    Ablation(
        "`attach_response` goes past Pydantic, not into a private attribute of it",
        (
            (
                "models/_base.py",
                "    @property\n    def response",
                "    _response: Any = None\n\n    @property\n    def response",
            ),
            ("models/_base.py", 'self.__dict__.get("_response")', "self._response"),
            ("models/_base.py", 'model.__dict__["_response"] = info', "model._response = info"),
        ),
        "a page of 100 objects",
        "ms",
        _SMALL_PAGE,
    ),
    Ablation("long lists are read in pieces", _ALL_AT_ONCE, "a page of 10,000 objects", "ms", _LARGE_PAGE),
    Ablation(
        "long lists are read in pieces",
        _ALL_AT_ONCE,
        "peak memory of a page of 10,000 objects",
        "MB",
        _PEAK.replace("{page}", _PAGE.replace("{limit}", "10000").replace("{number}", "1")),
        11,
    ),
)


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.benchmarks.ablations", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--write", type=Path, help="a page to put the table into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve(sys.executable) as port:
        table = "".join(f"{line}\n" for line in _table(Path(folder), f"http://127.0.0.1:{port}"))
    print(table, end="")
    if options.write is not None:
        SECTION.write(options.write, table)


def _table(folder: Path, url: str) -> Iterator[str]:
    yield "| Trick | For | With | Without | Gain |"
    yield "|---|---|---|---|---|"
    plain = _copy(folder / "as_it_is")
    for number, ablation in enumerate(ABLATIONS):
        without = _copy(folder / str(number))
        _ablate(without, ablation)
        actions = {
            name: partial(_figure, ablation, place, url) for name, place in (("with", plain), ("without", without))
        }
        found = interleaved(actions, ablation.runs)
        gain = median(1 - a / b for a, b in zip(found["with"], found["without"], strict=True))
        cells = [f"{median(found[name]):.3g} {ablation.unit}" for name in ("with", "without")]
        yield f"| {ablation.trick} | {ablation.measured} | {' | '.join(cells)} | {gain:.0%} |"


def _copy(place: Path) -> Path:
    shutil.copytree(ROOT / "fibonacci", place / "fibonacci", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(place, quiet=1)
    return place


def _ablate(place: Path, ablation: Ablation) -> None:
    for name, old, new in ablation.changes:
        path = place / "fibonacci" / name
        text = path.read_text("utf-8")
        if old not in text:
            raise ValueError(f"{name} does not have {old!r}: {ablation.trick}")
        path.write_text(text.replace(old, new, 1), "utf-8")
    compileall.compile_dir(place, quiet=1)


def _figure(ablation: Ablation, place: Path, url: str) -> float:
    script = f"import sys\nsys.path.insert(0, {str(place)!r})\n{ablation.script.replace('{url}', url)}"
    return float(run_script(Path(sys.executable), script).result.splitlines()[-1])


if __name__ == "__main__":
    main()

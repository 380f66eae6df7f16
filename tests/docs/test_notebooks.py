"""Every notebook of examples/notebooks/ runs in a kernel, and displays something.

The first is kept with its outputs, for those who read it on a website, and the others without. One kernel serves all
of them, one after another, for its start takes longer than a notebook.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.running import check_prints
from tests.tools.markdown import ROOT

untyped: Any = nbformat
pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
FAILS = "raises-exception"
"""The tag of a cell that is to raise an error, as nbclient knows it."""


@pytest.fixture(scope="module")
def executed() -> dict[Path, list[Any]]:
    """Return the code cells of each notebook with their outputs; none sees what another has left."""
    notebooks: dict[Path, Any] = {path: untyped.read(path, as_version=4) for path in NOTEBOOKS}
    all_cells: Any = untyped.v4.new_notebook()
    for notebook in notebooks.values():
        all_cells.cells += [untyped.v4.new_code_cell("%reset -f"), *notebook.cells]
    with TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        NotebookClient(all_cells, allow_errors=True, kernel_name="python3", resources=place, timeout=60).execute()
    return {path: [cell for cell in each.cells if cell.cell_type == "code"] for path, each in notebooks.items()}


@pytest.mark.xdist_group("notebooks")
@each_notebook
def test_a_notebook_fails_only_in_cells_that_say_so(path: Path, executed: dict[Path, list[Any]]) -> None:
    cells = executed[path]
    for cell in cells:
        kinds = [output.output_type for output in cell.outputs]
        assert ("error" in kinds) == (FAILS in cell.metadata.get("tags", ())), cell
        streams = [output for output in cell.outputs if output.output_type == "stream"]
        check_prints(cell.source, "".join(each.text for each in streams if each.name == "stdout"))
        if "progress=True" not in cell.source:
            assert "".join(each.text for each in streams if each.name == "stderr") == ""
    displayed = [output.data for cell in cells for output in cell.outputs if "data" in output]
    assert sum("text/html" in each or "image/svg+xml" in each for each in displayed) >= 2


@pytest.mark.xdist_group("notebooks")
def test_the_first_is_kept_with_its_outputs(executed: dict[Path, list[Any]]) -> None:
    path = next(path for path in NOTEBOOKS if path.stem == "first_steps")
    text = path.read_text("utf-8")
    kept = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [kinds(cell) for cell in kept] == [kinds(cell) for cell in executed[path]]
    assert "/lib/python" not in text, "a traceback is kept as its last line: it has the paths of who ran it"


def kinds(cell: Any) -> list[tuple[str, list[str]]]:
    shown = [output for output in cell["outputs"] if output.get("name") != "stderr"]
    return [(output["output_type"], sorted(output.get("data", ()))) for output in shown]

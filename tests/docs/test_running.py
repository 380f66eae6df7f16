"""The runner itself: what it finds, what it runs, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.docs.running import Setting, check_prints, run_python, setting
from tests.docs.test_pages import resolves
from tests.tools.markdown import Block, anchors, blocks, links
from tests.tools.markdown import main as print_shell_block

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = dedent("""\
    # One page: its *parts*

    ```sh
    first
    ```

    See [one](a.md#b) and ![two](<c.png> "title"), `[no](code)`, [three].

    1. In a list

       ```python
       if x:
           y
       ```
    <!-- not run: runs for ever -->
    ```python
    ```

    ````text
    ```python
    # not Python
    [no](fenced)
    ```
    ````

    ## A `code` part

    ~~~bash
    second
    ~~~

    [three]: https://three.example
    """)


def test_blocks_are_found_with_their_lines() -> None:
    found = [(block.line, block.language, block.code, block.not_run) for block in blocks(PAGE, Path("page.md"))]
    assert found == [
        (4, "sh", "first\n", None),
        (12, "python", "if x:\n    y\n", None),
        (17, "python", "", "runs for ever"),
        (20, "text", "```python\n# not Python\n[no](fenced)\n```\n", None),
        (29, "bash", "second\n", None),
    ]


def test_links_and_anchors() -> None:
    assert links(PAGE) == ["a.md#b", "c.png", "https://three.example"]
    assert anchors(PAGE) == {"one-page-its-parts", "a-code-part"}


def test_links_resolve(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    (tmp_path / "other").mkdir()
    good = ["#a-code-part", "page.md", "other", "other/../page.md#one-page-its-parts", "https://x.example/y"]
    assert [link for link in [*good, "#c", "page.md#d", "none.md"] if not resolves(link, page)] == [
        "#c",
        "page.md#d",
        "none.md",
    ]


def test_shell_block_is_printed_by_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    print_shell_block(str(tmp_path / "page.md"), "2")
    assert capsys.readouterr().out == "second\n"


def test_prints_are_compared_in_order() -> None:
    code = "print(a)  # prints: id-...\nprint(b)  # prints: 2 * 3\n"
    check_prints(code, "other\nid-5\nother\n2 * 3\n")
    for output in ("id-5\n", "2 * 3\nid-5\n", "id-5\n2 ** 3\n"):
        with pytest.raises(AssertionError, match="not printed"):
            check_prints(code, output)


@pytest.fixture
def made() -> Iterator[Setting]:
    with setting() as made:
        yield made


def python(code: str, line: int = 1) -> Block:
    return Block(Path("page.md"), line, "python", dedent(code))


def test_a_block_is_the_main_program(made: Setting) -> None:
    made.run(python("print(__name__)  # prints: __main__"))


def test_an_error_names_the_line_of_the_page(made: Setting) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        made.run(python("x = 0\n1 / x\n", line=40))
    assert (raised.traceback[-1].lineno, str(raised.traceback[-1].path)) == (40, "page.md")  # counted from 0


def test_a_block_that_holds_tests_is_run_by_pytest(made: Setting) -> None:
    made.run(python("# conftest.py\nimport pytest\n\n@pytest.fixture\ndef one(): return 1\n"))
    with pytest.raises(AssertionError, match="1 failed"):
        made.run(python("def test_one(one):\n    assert one == 2\n"))


def test_a_block_not_run_is_compiled(made: Setting) -> None:
    made.run(Block(Path("page.md"), 1, "python", "raise SystemExit", "runs for ever"))
    with pytest.raises(SyntaxError):
        made.run(Block(Path("page.md"), 1, "python", "raise raise", "runs for ever"))


def test_a_process_must_print_nothing_to_stderr(tmp_path: Path) -> None:
    assert run_python("-c", "import os; print(os.getcwd())", emulator=None, folder=tmp_path) == f"{tmp_path}\n"
    for code in ("import warnings; warnings.warn('old')", "raise SystemExit(3)"):
        with pytest.raises(AssertionError):
            run_python("-c", code, emulator=None, folder=tmp_path)

"""The mirror: each rule, each refusal, and the committed half itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.kit.assertions import each_row
from tests.tools import mirror

if TYPE_CHECKING:
    from pathlib import Path


def test_committed_half_is_the_derived_one_and_every_file_names_its_source() -> None:
    derived = mirror.derive_all()
    found = "".join(mirror.differences(derived))
    assert not found, f"run `python -m tests.tools.mirror`\n{found}"
    assert derived
    for name, text in derived.items():
        assert text.startswith(f"# Derived from fibonacci/_async/{name} by tests/tools/mirror.py; change that file")


RULES = {
    "keywords": (
        "async def f():\n    async with a as b:\n        return await b.c()\n",
        "def f():\n    with a as b:\n        return b.c()\n",
    ),
    "comprehension": ("x = [y async for y in z if await y.ok()]\n", "x = [y for y in z if y.ok()]\n"),
    "one naming rule": (
        "from fibonacci._async.resource import AsyncPager, _AsyncPages\n",
        "from fibonacci._sync.resource import Pager, _Pages\n",
    ),
    "iteration": (
        "async def __aiter__(self) -> AsyncIterator[T]:\n    raise StopAsyncIteration\n",
        "def __iter__(self) -> Iterator[T]:\n    raise StopIteration\n",
    ),
    "exceptions": (
        "await x.__anext__(); await x.aclose(); x.aiter_raw(); raise StopAsyncIteration\n",
        "x.__next__(); x.close(); x.iter_raw(); raise StopIteration\n",
    ),
    "names that only look like it": ("Asyn = aclose_ = close_aclose = 1\n", "Asyn = aclose_ = close_aclose = 1\n"),
    "needless parentheses": ("x = (await a.b(c(), 1)).d\n", "x = a.b(c(), 1).d\n"),
    "parentheses of a call": ("x = f(await a.b()).c\n", "x = f(a.b()).c\n"),
    "needed parentheses": ("x = (await a.b() or c).d\n", "x = (a.b() or c).d\n"),
    "string annotation": ("x: 'list[AsyncPager]'\n", "x: 'list[Pager]'\n"),
    "comment": ("x = 1  # as AsyncPager, see `await x.aclose()`\n", "x = 1  # as Pager, see `x.close()`\n"),
    "docstring": (
        '''"""Closed by `aclose` or ``async with``.

        ```python
        async with AsyncFibonacci() as client:
            async for item in client.list():
                print((await client.get(item.id)).name)
        ```
        """
        ''',
        '''"""Closed by `close` or ``with``.

        ```python
        with Fibonacci() as client:
            for item in client.list():
                print(client.get(item.id).name)
        ```
        """
        ''',
    ),
    "f-string": (
        'x = f"{{é {a!r:>{b}} `await {c.aclose()}`" + await d\n',
        'x = f"{{é {a!r:>{b}} `{c.close()}`" + d\n',
    ),
    "f-string in an f-string": ("x = f'{f\"{AsyncA}\"} AsyncB', AsyncC\n", "x = f'{f\"{A}\"} B', C\n"),
    "rest of the text": ("x  =  ( 1,\n\t2 )\f\n\n\n# é\n", "x  =  ( 1,\n\t2 )\f\n\n\n# é\n"),
}


@each_row("rule", RULES)
def test_each_rule_derives_what_its_row_says(rule: str) -> None:
    source, sync = RULES[rule]
    assert mirror.derive(source, "x.py") == sync


REFUSALS = {
    "prose": '"""Await the answer."""',
    "prose keyword": '"""Returns what to await for."""',
    "prose about a mode": "# the asynchronous client",
    "module": "import asyncio",
    "library": "# under trio",
    "tasks": "x.TaskGroup()",
    "gather": "x = y.gather(z)",
    "coroutine": "x = y.iscoroutine(z)",
    "type": "x: Awaitable[int]",
    "await inside an f-string": 'f"{await x.get()}"',
    "unknown name": "x.arun_async()",
    "lone word in backticks": "# what `await` does",
}


@each_row("case", REFUSALS)
def test_refusal_names_file_and_line(case: str) -> None:
    with pytest.raises(mirror.Refused, match=r"^pager\.py:3: "):
        mirror.derive(f"x = 1\n\n{REFUSALS[case]}\n", "pager.py")


HAND_WRITTEN = ("_runtime.py",)


@pytest.fixture(scope="module")
def derived_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small async half and the sync half derived from it."""
    folder = tmp_path_factory.mktemp("halves")
    source, target = folder / "_async", folder / "_sync"
    for half in (source, target):
        (half / "deep").mkdir(parents=True)
        (half / "_runtime.py").write_text("import asyncio\n")
    (source / "pager.py").write_text('__all__ = ["AsyncPager", "Page"]\n')
    (source / "each.py").write_text("async def each(x):\n    async for y in x:\n        yield y\n")
    (source / "deep" / "send.py").write_text(
        dedent("""
            from collections.abc import AsyncIterator, Iterator

            from fibonacci import A, AsyncB
            from fibonacci._async.unborn import AsyncC
            from fibonacci._core import unset

            async def send(first_argument_of_some: A, second_argument: AsyncB, third_one: AsyncIterator[str]) -> None:
                await first_argument_of_some.send(second_argument)
        """)
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(mirror, "HAND_WRITTEN", HAND_WRITTEN)
        mirror.write(mirror.derive_all(source), target)
    return folder


@pytest.fixture
def halves(derived_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a copy of both halves."""
    monkeypatch.setattr(mirror, "HAND_WRITTEN", HAND_WRITTEN)
    shutil.copytree(derived_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "_async", tmp_path / "_sync"


def test_derived_files_are_laid_out(halves: tuple[Path, Path]) -> None:
    assert (halves[1] / "pager.py").read_text().endswith('\n__all__ = ["Page", "Pager"]\n')
    assert (halves[1] / "each.py").read_text().endswith("\ndef each(x):\n    yield from x\n")
    send = (halves[1] / "deep" / "send.py").read_text()
    assert send.startswith(mirror.HEADER.format(name="deep/send.py"))
    assert "import Iterator\n\nfrom fibonacci import A, B\nfrom fibonacci._core import unset\n" in send
    assert "unset\nfrom fibonacci._sync.unborn import C\n\n\ndef send(" in send
    assert "def send(first_argument_of_some: A, second_argument: B, third_one: Iterator[str]) -> None:\n" in send


def test_whatever_differs_is_noticed_and_mended(halves: tuple[Path, Path]) -> None:
    source, target = halves
    derived = mirror.derive_all(source)
    assert list(mirror.differences(derived, target)) == []
    for name in ("pager.py", "deep/send.py"):
        with (target / name).open("a") as file:
            file.write("x = 1\n")
        assert "-x = 1\n" in list(mirror.differences(derived, target))
        mirror.write(derived, target)
        assert list(mirror.differences(derived, target)) == []
    for name in ("extra.py", "deep/py.typed"):
        (target / name).touch()
        assert list(mirror.differences(derived, target)) == [f"{name}: derived from nothing\n"]
        mirror.write(derived, target)
        assert list(mirror.differences(derived, target)) == []
    for name in ("pager.py", "_runtime.py"):  # the second is written by hand, and cannot be mended
        (target / name).unlink()
        assert list(mirror.differences(derived, target)) == [f"{name}: missing\n"]
        mirror.write(derived, target)


def test_the_hand_written_file_must_exist_in_the_async_half(halves: tuple[Path, Path]) -> None:
    (halves[0] / "_runtime.py").unlink()
    with pytest.raises(mirror.Refused, match=r"^_runtime\.py: missing"):
        mirror.derive_all(halves[0])


DERIVE = """
import json, sys
from tests.tools.mirror import derive
print(json.dumps([derive(source, "x.py") for source in json.load(sys.stdin)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_python_derives_the_same(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"Python {version} is not installed")
    sources = json.dumps([source for source, _ in RULES.values()])
    command = [python, "-X", "utf8", "-c", DERIVE]
    run = subprocess.run(command, input=sources, capture_output=True, encoding="utf-8", check=False, cwd=mirror.ROOT)
    assert run.stderr == ""
    assert json.loads(run.stdout) == [sync for _, sync in RULES.values()]

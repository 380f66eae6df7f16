"""Files of definitions: the suffix decides, a file is written whole or not at all, and bad files are clear errors."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibonacci.definitions import (
    DefinitionError,
    LLMNode,
    WorkflowDefinition,
    check_file,
    dump,
    dumps,
    format_definition,
    format_file,
    load,
    loads,
)
from tests.kit.assertions import each_row
from tests.kit.systems import needs_permissions

DEFINITION = WorkflowDefinition(name="Grüße", nodes=[LLMNode(id="greet", instruction="Hi {{input.name}}\nBye\n")])
TEXT = "name: Grüße\nnodes:\n- id: greet\n  type: llm\n  instruction: |\n    Hi {{input.name}}\n    Bye\n"
USES: list[Callable[[Path], object]] = [load, check_file, format_file, lambda path: dump(DEFINITION, path)]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["flow.yml", "flow.JSON"])
def test_a_file_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    dump(DEFINITION, path)
    assert path.read_text("utf-8").startswith("{" if path.suffix.lower() == ".json" else "name: Grüße\n")
    assert load(path) == DEFINITION
    assert load(str(path)) == DEFINITION
    assert names_in(tmp_path) == [name]


@each_row("use", USES)
def test_another_suffix_is_refused(tmp_path: Path, use: Callable[[Path], object]) -> None:
    for name, words in (("flow.txt", "ends with '.txt'"), ("flow", "has no suffix")):
        message = f"{words}: the name of a definition file must end with .yaml, .yml or .json"
        with pytest.raises(ValueError, match=message):
            use(tmp_path / name)
    assert names_in(tmp_path) == []


@each_row(
    ("content", "place", "words"),
    [
        (b"", "1:1", "the text is empty"),
        (b"\xef\xbb\xbf \r\n", "1:1", "the text is empty"),
        (b"name: \xc3\xbc\n# \xc3\xbc\xff\n", "2:4", "the byte 0xFF is not UTF-8"),
        (b"name: \xe4\n", "1:7", "the byte 0xE4 is not UTF-8"),
        ("name: ü".encode("utf-16"), "1:1", "the file is UTF-16: save it as UTF-8"),
        (b"name: \xc3", "1:7", "the byte 0xC3 is not UTF-8"),
        (b"name: a\x00b", "1:8", "U+0000 is not allowed"),
        (b"a" * (17 * 1024 * 1024), "1:1", "more than 4194304 characters"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_its_place(
    tmp_path: Path, content: bytes, place: str, words: str
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes(content)
    with pytest.raises(DefinitionError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.source == f"{path}:{place}"
    assert words in problem.message
    assert check_file(path) == [problem]


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")
    folder = tmp_path / "flows.yaml"
    folder.mkdir()
    with pytest.raises(OSError, match=r"flows\.yaml"):
        load(folder)
    with pytest.raises(OSError, match=r"flows\.yaml"):
        dump(DEFINITION, folder)
    assert names_in(tmp_path) == ["flows.yaml"]
    with pytest.raises(FileNotFoundError, match=r"none.flow\.yaml"):
        dump(DEFINITION, tmp_path / "none" / "flow.yaml")


@needs_permissions
def test_a_file_has_the_permissions_that_it_had_or_that_the_process_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flow.yaml"
    written: list[int] = []

    def fsync(descriptor: int) -> None:
        written.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", fsync)
    previous = os.umask(0o027)
    try:
        dump(DEFINITION, path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    for mode in (0o600, 0o664):
        path.chmod(mode)
        dump(DEFINITION, path)
        assert (stat.S_IMODE(path.stat().st_mode), written[-1]) == (mode, mode)
    assert load(path) == DEFINITION


@needs_permissions
def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "real.yaml"
    link = tmp_path / "flow.yaml"
    link.symlink_to(target)
    dump(DEFINITION, link)
    assert link.is_symlink()
    assert load(target) == DEFINITION
    assert names_in(tmp_path / "folder") == ["real.yaml"]


def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(TEXT, "utf-8")
    failures = 0

    def replace(*_: object) -> None:
        nonlocal failures
        failures += 1
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(OSError, match="the disk is full"):
            dump({"nodes": []}, path)
    with pytest.raises(ValueError, match="is nan"):
        dump({"nodes": [], "timeout": float("nan")}, path)
    assert failures == 1
    assert path.read_text("utf-8") == TEXT
    assert names_in(tmp_path) == ["flow.yaml"]


def test_a_missing_pyyaml_names_the_remedy_and_json_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[yaml\]'"):
        loads(TEXT)
    with pytest.raises(ImportError, match=r"fibonacci-sdk\[yaml\]"):
        dumps({})
    assert loads(dumps(DEFINITION, format="json")) == DEFINITION


def test_pyyaml_is_imported_when_it_is_needed() -> None:
    program = "import sys, fibonacci.definitions; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@each_row("text", [b"nodes: []", None, {"nodes": []}])
def test_only_a_str_is_a_text(text: Any) -> None:
    for read in (loads, format_definition):
        with pytest.raises(TypeError, match=f"text must be a str, not {type(text).__name__}"):
            read(text)

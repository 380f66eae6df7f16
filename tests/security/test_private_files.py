"""Whose files the package reads and writes: what others have put at a path of its is refused, and stays as it was.

Every path that the package writes is a row of `PATHS`. Where root runs the tests, the strangers are real users.
Elsewhere, this user's files pass for a stranger's.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

import pytest

import fibonacci
from fibonacci import DeploymentError, Fibonacci
from fibonacci._system.files import write_file
from fibonacci.cli.main import main as run_cli
from tests.kit.assertions import check_rows, each_row
from tests.kit.systems import needs_fork

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other owners")

PACKAGE = Path(str(fibonacci.__file__)).parent
OWNER, STRANGER = 64_001, 64_002  # two ordinary users, where root runs the tests
MARK = "of another"

Kind = Literal["chosen", "state", "project"]
"""A path that the user chooses, one that the package derives, or one that was found in a folder of a project."""


class Written(NamedTuple):
    """A path that the package writes.

    Attributes:
        name: Its name in a folder.
        kind: Why it is there.
        write: What writes it, with the folder.
        is_private: Whether others must not be able to write to it.
        mode: The permissions of a new file at a umask of 022; None where a library makes and removes it.
        but: The plant that is not refused.
    """

    name: str
    kind: Kind
    write: Callable[[Path], object]
    is_private: bool = True
    mode: int | None = 0o600
    but: str = ""

    @property
    def plants(self) -> list[Plant]:
        """What must be refused there."""
        found = [each for each in PLANTS if self.kind in each.kinds and (self.is_private or not each.is_private)]
        return [each for each in found if each.name != self.but]


def _profile(folder: Path) -> None:
    from fibonacci._profiles.changes import add_profile
    from fibonacci._profiles.config_file import read_profiles

    with mock.patch.dict(os.environ, {"FIBONACCI_CONFIG_DIR": str(folder)}):
        add_profile("work")
        read_profiles()


def _platform_file(folder: Path) -> None:
    from fibonacci.deployment.state import StateFiles

    files = StateFiles(folder, "default")
    files.path = folder
    files.read()
    files.write_platform("http://localhost", None)


def _definition(folder: Path) -> None:
    from fibonacci.deployment.folder import DeploymentFolder
    from fibonacci.deployment.pulling import write_definition

    opened = DeploymentFolder(folder)
    opened.files()
    write_definition(opened, "flow.yaml", {"nodes": []})


def _plan(folder: Path) -> None:
    from fibonacci import DeploymentPlan

    plan = DeploymentPlan(folder=folder / "flows", environment="default", base_url="http://localhost")
    plan.save(folder / "plan.json")


def _journal(folder: Path) -> None:
    from fibonacci._batch.journal_schema import JournalHeader
    from fibonacci._batch.sqlite_journal import open_journal

    open_journal(str(folder / "runs.db"), JournalHeader("wf-1", None, "index")).close()


def _stop(folder: Path) -> None:
    from fibonacci._batch.sqlite_journal import make_stop_request

    make_stop_request(str(folder / "runs.db"), "run")


def _results(folder: Path) -> None:
    from fibonacci.cli.row_files import ResultFile

    with closing(ResultFile(str(folder / "out.jsonl"), "jsonl")) as file:
        file.finish()


def _state(folder: Path) -> None:
    from fibonacci.emulator.state.sqlite import open_database

    open_database(folder / "state.db", 1.0)[0].close()


def _owner(folder: Path) -> None:
    from fibonacci.emulator.state.owners import Owners

    with mock.patch("fibonacci.emulator.state.owners.secrets.token_hex", return_value="name"):
        made: Any = Owners(folder / "state.db")
        made.own()
    made._forget()


def _cassette(folder: Path) -> None:
    from fibonacci.emulator.engine.cassettes import write_calls

    write_calls(folder / "calls.json", [])


def _dumped(folder: Path) -> None:
    from fibonacci.definitions import dump

    dump({"nodes": []}, folder / "flow.json")


def _journal_rows(suffix: str, mode: int | None = None) -> Written:
    return Written(f"runs.db{suffix}", "state", _journal, mode=mode)


PATHS = [
    Written("config.toml", "chosen", _profile),
    Written(".config.toml.lock", "state", _profile),
    Written(
        "platform.json",
        "state",
        _platform_file,
        is_private=False,
        mode=0o644,
    ),
    Written(
        "flow.yaml",
        "project",
        _definition,
        is_private=False,
        mode=0o644,
    ),
    Written(
        "flow.json",
        "chosen",
        _dumped,
        is_private=False,
        mode=0o644,
    ),
    Written("plan.json", "chosen", _plan, is_private=False, mode=0o644),
    Written("runs.db", "chosen", _journal),
    _journal_rows("-lock", 0o600),
    _journal_rows("-wal"),
    _journal_rows("-shm"),
    _journal_rows("-journal"),
    Written("runs.db-stop-run", "state", _stop, is_private=False, but="a file of a stranger"),
    Written("out.jsonl", "chosen", _results, is_private=False),
    Written("out.jsonl.partial", "state", _results, mode=None),
    Written("state.db", "chosen", _state),
    Written("state.db-wal", "state", _state, mode=None),
    Written("state.db-owner-name", "state", _owner),
    Written("calls.json", "chosen", _cassette, is_private=False),
]


class Plant(NamedTuple):
    """What is at a path before the package writes there.

    Attributes:
        name: What it is.
        kinds: For which paths it must be refused.
        owner: Whose it is.
        make: Puts it there; a victim lies beside it.
        is_private: Whether it matters only where others must not write.
    """

    name: str
    kinds: tuple[Kind, ...]
    owner: int
    make: Callable[[Path, Path], object]
    is_private: bool = False


def _link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def _dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("none"))


def _device(path: Path, victim: Path) -> None:
    path.symlink_to("/dev/null")


def _fifo(path: Path, victim: Path) -> None:
    os.mkfifo(path, 0o666)


def _folder(path: Path, victim: Path) -> None:
    path.mkdir()


def _file(path: Path, victim: Path) -> None:
    path.touch(0o666)
    path.chmod(0o666)


ALL: tuple[Kind, ...] = ("chosen", "state", "project")
PLANTS = [
    Plant("a link of his own", ("state", "project"), OWNER, _link),
    Plant("a dangling link of his own", ("state", "project"), OWNER, _dangling),
    Plant("a link of his own to a device", ("state", "project"), OWNER, _device),
    Plant("a link of a stranger", ALL, STRANGER, _link),
    Plant("a FIFO of his own", ("state", "project"), OWNER, _fifo),
    Plant("a FIFO of a stranger", ALL, STRANGER, _fifo),
    Plant("a folder", ALL, OWNER, _folder),
    Plant("a file of a stranger", ALL, STRANGER, _file),
    Plant("a file that others may write", ALL, OWNER, _file, is_private=True),
]


def write_as_owner(base: Path) -> dict[str, list[str]]:
    """Write each path in its folder, as the user who owns the folders, and return what came of it."""
    scratch = base / "scratch"
    for path in PATHS:  # imports all: an ordinary user may not read where the package is
        _outcome(path, scratch)
    is_root = os.geteuid() == 0
    if is_root:
        os.setgroups([])
        os.setgid(OWNER)
        os.setuid(OWNER)
    os.umask(0o022)
    outcomes: dict[str, list[str]] = {}
    for path in PATHS:
        outcomes[path.name] = [_outcome(path, base / path.name / "nothing")]
        for plant in path.plants:
            is_pretended = not is_root and plant.owner == STRANGER
            with mock.patch("fibonacci._system.files.os.geteuid", partial(int, os.geteuid() + is_pretended)):
                outcomes[path.name].append(_outcome(path, base / path.name / plant.name))
    return outcomes


def _outcome(path: Written, folder: Path) -> str:
    try:
        path.write(folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.fixture(scope="module")
def planted() -> Generator[tuple[Path, dict[str, list[str]]]]:
    """Return a folder for each path and plant, and the error of each, with that of an empty folder first."""
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(dir="/tmp" if is_root else None) as made:  # where others get
        base = Path(made)
        base.chmod(0o755)
        (base / "scratch").mkdir()
        for path in PATHS:
            (base / path.name / "nothing").mkdir(parents=True)
            for plant in path.plants:
                folder = base / path.name / plant.name
                folder.mkdir()
                victim = base / "victims" / path.name / plant.name / f"victim{Path(path.name).suffix}"
                victim.parent.mkdir(parents=True)
                victim.write_text(MARK)
                plant.make(folder / path.name, victim)
                if is_root:
                    os.chown(folder / path.name, plant.owner, plant.owner, follow_symlinks=False)
        for each in filter(Path.is_dir, base.rglob("*")):
            each.chmod(0o755)
        if is_root:
            for each in [*base.glob("*/*"), *base.glob("victims/*/*"), *base.glob("victims/*/*/*")]:
                os.chown(each, OWNER, OWNER)
        with ProcessPoolExecutor(1, get_context("fork")) as other:  # it stays another user
            yield base, other.submit(write_as_owner, base).result(60)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_others_have_put_there_is_refused_and_a_new_file_has_its_mode(
    planted: tuple[Path, dict[str, list[str]]],
) -> None:
    base, outcomes = planted

    def check(path: Written) -> None:
        of_new, *of_plants = outcomes[path.name]
        accepted = [plant.name for plant, error in zip(path.plants, of_plants, strict=True) if not error]
        assert accepted == []
        for plant in path.plants:
            folder = base / path.name / plant.name
            assert [each.read_text() for each in (base / "victims" / path.name / plant.name).iterdir()] == [MARK]
            left = (folder / path.name).lstat()
            assert left.st_size == 0 or not stat.S_ISREG(left.st_mode)
        assert of_new == ""
        if path.mode is not None:
            assert oct((base / path.name / "nothing" / path.name).stat().st_mode & 0o777) == oct(path.mode)

    check_rows(((path.name, path) for path in PATHS), check)


class TestWriting:
    @each_row("mode", [0o600, 0o640, 0o666])
    def test_a_file_keeps_its_mode(self, tmp_path: Path, mode: int) -> None:
        file, results = tmp_path / "flow.json", tmp_path / "out.jsonl"
        for path, write in ((file, _dumped), (results, _results)):
            path.touch()
            path.chmod(mode)
            write(tmp_path)
            assert oct(stat.S_IMODE(path.stat().st_mode)) == oct(mode)
        assert file.read_text() != ""

    def test_a_link_of_the_user_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl").symlink_to("new.jsonl")
        _results(tmp_path)
        assert (tmp_path / "out.jsonl").is_symlink()
        assert (tmp_path / "new.jsonl").is_file()

    def test_a_link_is_not_followed_where_the_package_chose_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "state.json").symlink_to("victim")
        with pytest.raises(OSError, match="is a symbolic link"):
            write_file(tmp_path / "state.json", "text", is_state=True)
        assert not (tmp_path / "victim").exists()

    def test_a_pipe_or_device_of_the_user_is_written_to(self, tmp_path: Path) -> None:
        fifo, null = tmp_path / "fifo", tmp_path / "null"
        os.mkfifo(fifo)
        null.symlink_to("/dev/null")
        with ThreadPoolExecutor(1) as reader:
            read = reader.submit(fifo.read_bytes)
            write_file(fifo, "text")
            assert read.result() == b"text"
        write_file(null, "text")
        assert fifo.is_fifo()
        assert Path("/dev/null").is_char_device()
        assert null.is_symlink()

    def test_a_full_disk_has_the_name_of_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.fsync", mock.Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_file(tmp_path / "flow.json", "text")
        assert caught.value.filename == str(tmp_path / "flow.json")
        assert list(tmp_path.iterdir()) == []

    def test_the_standard_stream_is_written_to(self) -> None:
        code = "from fibonacci._system.files import write_file; write_file('/dev/stdout', 'text')"
        found = subprocess.run(
            [sys.executable, "-S", "-c", code], cwd=PACKAGE.parent, check=True, stdout=subprocess.PIPE, timeout=60
        )
        assert found.stdout == b"text"


def test_many_writers_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as writers:
        for done in [writers.submit(write_file, tmp_path / f"{number % 8}.json", "text") for number in range(64)]:
            done.result()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{number}.json" for number in range(8))


class TestClonedFolder:
    """A repository has links to wherever its author likes, and git makes them files of the user."""

    @pytest.fixture
    def clone(self, tmp_path: Path) -> Path:
        folder = tmp_path / "clone"
        folder.mkdir()
        (folder / "flow.yaml").write_text("nodes:\n  - {id: hi, type: llm, instruction: Hi}\n")
        (tmp_path / "outside.yaml").write_text("nodes:   []\n")
        return folder

    @each_row("target", ["../outside.yaml", ".git/hooks.yaml", "../none.yaml"])
    def test_a_definition_that_is_a_link(self, clone: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        link = clone / "link.yaml"
        link.symlink_to(target)
        for command in (["fmt", str(clone)], ["fmt", str(link)], ["validate", str(clone)]):
            if link.exists() or command[1] == str(clone):
                assert run_cli(command) == 64
                assert "is a symbolic link" in capsys.readouterr().err
        link.unlink()
        assert (clone.parent / "outside.yaml").read_text() == "nodes:   []\n"
        assert not (clone.parent / "none.yaml").exists()

    def test_a_state_that_is_a_link(self, clone: Path, client: Fibonacci) -> None:
        (clone / ".fibonacci" / "default").mkdir(parents=True)
        (clone / ".fibonacci" / "default" / "platform.json").symlink_to("../../../profile")
        with pytest.raises(DeploymentError, match=r"platform\.json cannot be read \(is a symbolic link"):
            client.workflows.plan(clone)
        workflow = client.workflows.create(
            name="a $(touch ran)", definition={"nodes": [{"id": "hi", "type": "llm", "instruction": "Hi"}]}
        )
        with pytest.raises(DeploymentError, match=r"is a symbolic link"):
            client.workflows.pull(workflow.id, clone / "pulled.yaml")
        assert sorted(each.name for each in clone.iterdir()) == [".fibonacci", "flow.yaml"]
        assert not (clone.parent / "profile").exists()

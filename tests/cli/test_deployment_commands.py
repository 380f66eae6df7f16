"""`fibonacci plan`, `apply` and `pull`: a folder of definitions and the platform."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.cli.definitions import GREETER, write
from tests.cli.invocation import check_refused, environment, invoke, invoke_unwritable
from tests.kit.assertions import appears
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.systems import linux_only, needs_fork, needs_signals

pytestmark = pytest.mark.usefixtures("folder", "platform")


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the wait for the disk, which is for a loss of power."""

    def fsync(descriptor: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_plan_exits_2_until_it_is_applied() -> None:
    write("flows/greeter.yaml", GREETER)
    planned = invoke("plan", "flows")
    assert (planned.code, planned.err) == (2, "")
    assert planned.out.splitlines()[2:] == [
        "+ create greeter.yaml  'greeter'",
        "    the file is new",
        "",
        "Plan: 1 to create, 0 unchanged.",
    ]
    applied = invoke("apply", "flows", "--yes")
    assert applied.code == 0
    assert applied.out.startswith("created greeter.yaml  'greeter' (wf-")
    assert "    + greet (llm)\n" in applied.err
    again = invoke("plan", "flows")
    assert (again.code, again.out[:11]) == (0, "No changes:")
    assert invoke("apply", "flows", "--yes").out == ""


def test_what_cannot_be_planned_applied_or_pulled_is_refused_before_anything_is_sent(platform: Emulator) -> None:
    write("flows/greeter.yaml", GREETER)
    write("notes.txt", "no plan and no definition")
    write("empty/notes.txt", "no definition")
    check_refused(
        {
            "apply flows": "apply changes workflows. Pass --yes: there is no terminal to ask on",
            "plan nope": "there is no folder 'nope'",
            "plan notes.txt": "'notes.txt' is a file: pass its folder",
            "apply empty --yes": "folder 'empty' has no definition: it has no *.yaml, *.yml or *.json file",
            "plan flows --environment ../x": "--environment must be the name of an environment",
            "plan flows --out -": "--out takes a file. Without it",
            "plan flows --moved greeter": "--moved: 'greeter' is not OLD=NEW, such as triage=sorting, or triage= for a",
            "plan flows --moved a= --moved a=b": "--moved has 'a' twice",
            "apply flows --yes --plan none.json": "none.json: No such file or directory",
            "apply flows --yes --plan notes.txt": "is not a saved plan: make a new plan and save it with `fibonacci",
            "apply flows --yes --plan p --environment x": "--environment is for making a plan, but --plan already has",
            "apply flows --yes --plan p --moved a=b": "--moved is for making a plan, but --plan already has one",
            "pull nobody --out a.txt": "the name of a definition file must end with .yaml, .yml or .json",
            "pull nobody --out a.yaml --dir b": "not allowed with argument --out",
        }
    )
    assert len(platform.requests) == 0


def test_a_deletion_has_to_be_allowed_and_that_of_all_twice() -> None:
    paths = [write(f"flows/{name}.yaml", GREETER) for name in ("a", "b", "c")]
    invoke("apply", "flows", "--yes")
    paths[0].unlink()
    refused = invoke("apply", "flows", "--yes", "--quiet")
    assert (refused.code, refused.out) == (64, "")
    assert ": pass --allow-delete if you mean to delete, or restore the files. Nothing was done.\n" in refused.err
    for path in paths[1:]:
        path.unlink()
    refused = invoke("apply", "flows", "--allow-delete", "--yes", "--quiet")
    assert (refused.code, refused.out) == (64, "")
    assert "no definition is left in the folder: pass --allow-delete and --allow-empty if you mean to" in refused.err
    assert "which needs `--allow-delete` and `--allow-empty`" in invoke("plan", "flows", "--markdown").out
    done = invoke("apply", "flows", "--allow-delete", "--allow-empty", "--yes", "--json")
    assert [each["action"] for each in done.data] == ["delete"] * 3


def change_on_the_platform(instruction: str) -> str:
    """Change the one workflow past the folder; return its id."""
    with Fibonacci() as client:
        (workflow,) = client.workflows.list()
        node = {"id": "greet", "type": "llm", "instruction": instruction}
        return client.workflows.update(workflow.id, definition={"nodes": [node]}).id


def instruction_on_the_platform() -> Any:
    with Fibonacci() as client:
        (workflow,) = client.workflows.list()
        assert workflow.definition is not None
        return workflow.definition["nodes"][0]["instruction"]


def test_a_saved_plan_is_applied_as_it_was_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    write("flows/greeter.yaml", GREETER)
    planned = invoke("plan", "flows", "--out", "plan.json")
    assert (planned.code, planned.out.count("create greeter.yaml")) == (2, 1)
    assert planned.err == "saved: `fibonacci apply flows --plan plan.json` does exactly this\n"
    write("flows/greeter.yaml", GREETER.replace("Greet", "Welcome"))
    shutil.copytree("flows", "checkout/flows")
    shutil.copy("plan.json", "checkout/flows/plan.saved")
    monkeypatch.chdir("checkout")
    applied = invoke("apply", "flows", "--plan", "flows/plan.saved", "--yes")
    assert (applied.code, applied.out[:20]) == (0, "created greeter.yaml")
    assert f"Plan for {Path('flows').absolute()} in default at " in applied.err
    assert instruction_on_the_platform() == "Greet {{input.name}}"
    again = invoke("apply", "flows", "--plan", "flows/plan.saved", "--yes", "--quiet")
    assert (again.code, again.out) == (1, "")
    assert again.err.endswith(" has changed since the plan was made: make a new plan\n")


def test_a_plan_with_errors_is_not_saved_and_its_comment_is_printed() -> None:
    write("flows/a.yaml", f"name: same\n{GREETER}")
    write("flows/b.yaml", f"name: same\n{GREETER}")
    run = invoke("plan", "flows", "--markdown", "--out", "plan.json")
    assert (run.code, Path("plan.json").exists()) == (64, False)
    assert run.out.startswith("### Plan for `default`: 1 error\n")
    assert "both called 'same'" in run.err
    Path("flows/b.yaml").unlink()
    run = invoke("plan", "flows", "--markdown", "--out", "plan.json", "--quiet")
    assert (run.code, run.err, Path("plan.json").exists()) == (2, "", True)
    assert "| create | `a.yaml` | `same` | the file is new |\n" in run.out
    assert invoke("plan", "flows", "--markdown", "--json").data == {"markdown": run.out.removesuffix("\n")}


@needs_signals
def test_an_interrupted_apply_says_what_was_done_and_how_to_go_on(platform: Emulator) -> None:
    write("flows/a.yaml", GREETER)
    write("flows/b.yaml", GREETER)
    platform.fail("POST /workflows", "delay", seconds=0.001)
    platform.fail("POST /workflows", "stall")

    def interrupt() -> None:
        assert appears(lambda: platform.failures.delivered == 2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    with ThreadPoolExecutor() as threads:
        interrupted = threads.submit(interrupt)
        run = invoke("apply", "flows", "--yes", "--quiet")
        interrupted.result()
    assert (run.code, run.out[:14], run.out.count("\n")) == (143, "created a.yaml", 1)
    assert re.fullmatch(
        r"fibonacci: interrupted\. POST /workflows was interrupted, and may have been carried out"
        r" \(idempotency key: [^)]+\)\. "
        r"Apply ended early after 1 of 2 changes\. To continue, make a new plan and apply it\n",
        run.err,
    )


@linux_only
def test_a_reader_that_closes_stdout_does_not_end_an_apply() -> None:
    write("flows/a.yaml", GREETER)
    write("flows/b.yaml", GREETER)
    run = invoke_unwritable("apply", "flows", "--yes", "--quiet", is_full=False)
    assert run.code == 74
    assert run.err.endswith(", but the result cannot be written: Broken pipe\n")
    with Fibonacci() as client:
        made = [workflow.id for workflow in client.workflows.list()]
    assert len(made) == 2
    assert all(f"({each})" in run.err for each in made)


def test_a_workflow_is_pulled_by_its_name() -> None:
    with Fibonacci() as client:
        workflow = client.workflows.create(
            name="Greeter", definition={"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
        )
    assert invoke("pull", "Greeter", "--dir", "flows") == (0, "flows/greeter.yaml\n", "")
    assert Path("flows/greeter.yaml").read_text("utf-8") == f"name: Greeter\n{GREETER}"
    assert invoke("pull", workflow.id, "--out", "other/mine.json", "--json").data == {
        "file": "other/mine.json",
        "workflow_id": workflow.id,
    }
    assert invoke("plan", "flows").code == 0


def test_local_changes_are_replaced_with_yes_only() -> None:
    write("flows/greeter.yaml", GREETER)
    invoke("apply", "flows", "--yes")
    path = write("flows/greeter.yaml", GREETER.replace("Greet", "Welcome"))
    refused = invoke("pull", "greeter", "--dir", "flows")
    assert (refused.code, refused.out) == (64, "")
    assert refused.err.startswith(f"fibonacci: {path.absolute()} has changes that wf-")
    assert refused.err.endswith(
        " does not have. --merge keeps them. Replace it? Pass --yes: there is no terminal to ask on\n"
    )
    assert invoke("pull", "greeter", "--dir", "flows", "--yes").out == "flows/greeter.yaml\n"
    assert path.read_text("utf-8") == GREETER


def test_a_pull_merges_what_file_and_platform_changed() -> None:
    write("flows/greeter.yaml", GREETER)
    invoke("apply", "flows", "--yes")
    path = write("flows/greeter.yaml", f"{GREETER}  temperature: 0.2\n")
    workflow_id = change_on_the_platform("Changed by another")
    assert invoke("pull", "greeter", "--dir", "flows", "--merge") == (0, "flows/greeter.yaml\n", "")
    merged = path.read_text("utf-8")
    assert merged == f"{GREETER.replace('Greet {{input.name}}', 'Changed by another')}  temperature: 0.2\n"
    write("flows/greeter.yaml", merged.replace("Changed by another", "Changed by me"))
    change_on_the_platform("Changed again")
    run = invoke("pull", "greeter", "--dir", "flows", "--merge", "--yes")
    assert (run.code, run.out) == (1, "")
    assert f"greeter.yaml and {workflow_id} have both changed greet.instruction. Nothing was written." in run.err
    assert "Changed by me" in path.read_text("utf-8")


@pytest.mark.slow
@needs_fork
def test_apply_asks_on_a_terminal(platform: Emulator, tmp_path: Path) -> None:
    write("flows/greeter.yaml", GREETER)
    terminal = PseudoTerminal()
    terminal.type("y\n")
    command = [sys.executable, "-m", "fibonacci.cli", "apply", "flows"]
    run = subprocess.run(
        command,
        stdin=terminal.descriptor,
        stdout=subprocess.PIPE,
        stderr=terminal.descriptor,
        env=environment(platform, tmp_path),
        timeout=30,
    )
    shown = terminal.read()
    assert (run.returncode, run.stdout[:20]) == (0, b"created greeter.yaml")
    assert f"Make these changes in default at {platform.base_url}? [y/N]" in shown
    assert "\x1b[32m+ create greeter.yaml" in shown
    assert "\\x1b" not in shown

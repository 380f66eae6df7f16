"""Plans in files: what was reviewed is what is applied, later and on other machines.

A file has the fields of the plan as they are, so that a new field is saved without a word here. Its digest tells a plan
that was edited or damaged from the one that was reviewed. Places are relative, for a checkout is elsewhere tomorrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Final, Literal

from pydantic import BaseModel

from fibonacci._files import write_file
from fibonacci._remedies import Wording, joined, remedy
from fibonacci._text import visible
from fibonacci.definitions.files.source import FORMATS
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.problems import Problems
from fibonacci.deployment.folder import check_path
from fibonacci.deployment.plan import DeploymentPlan, step_of
from fibonacci.deployment.state import environment_name, fault_of
from fibonacci.errors import DeploymentError

FORMAT: Final = 1


class SavedPlan(BaseModel, extra="forbid"):
    """The content of a file, without its digest."""

    format: Literal[1]
    """The format."""

    plan: DeploymentPlan
    """The plan, with the folder as seen from the file, and the places of problems as seen from the folder."""

    command_texts: dict[str, str]
    """By each text that the command says in other words, these words."""


def save_plan(plan: DeploymentPlan, path: str | os.PathLike[str]) -> None:
    """Write a plan to a file: see `DeploymentPlan.save`."""
    check_path(path, "path must be the path of a file")
    file = Path(path).absolute()
    if file.suffix.lower() in FORMATS and file.parent.resolve() == plan.folder.resolve():
        raise ValueError(f"{visible(str(path))} would be read as a definition of the folder: save the plan elsewhere")
    problems = Problems(replace(problem, source=_relative(problem.source, plan.folder)) for problem in plan.problems)
    relative = replace(plan, folder=_seen_from(file.parent, plan.folder), problems=problems)
    texts = [*(change.reason for change in plan.changes), *(problem.message for problem in problems)]
    words = {str(text): text.command for text in texts if isinstance(text, Wording)}
    saved = SavedPlan.model_construct(format=FORMAT, plan=relative, command_texts=words)
    content = saved.model_dump(mode="json", by_alias=True)
    write_file(path, json.dumps({"digest": digest_of(content), **content}, indent=2) + "\n")


def load_plan(path: str | os.PathLike[str], folder: str | os.PathLike[str] | None) -> DeploymentPlan:
    """Return the plan in a file: see `DeploymentPlan.load`."""
    check_path(path, "path must be the path of a file")
    if folder is not None:
        check_path(folder, "folder must be the path of a folder")
    saved = _parse(Path(path).read_bytes(), visible(os.fspath(path)))
    plan = saved.plan
    place = Path(os.path.normpath(Path(path).absolute().parent / plan.folder))
    place = place if folder is None else Path(folder).absolute()

    def worded(text: str) -> str:
        return Wording(text, saved.command_texts[text]) if text in saved.command_texts else text

    problems = Problems(
        replace(
            problem,
            message=worded(problem.message),
            source=None if problem.source is None else str(place / problem.source),
        )
        for problem in plan.problems
    )
    changes = tuple(replace(change, reason=worded(change.reason)) for change in plan.changes)
    return replace(plan, folder=place, changes=changes, problems=problems)


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the hash of what is in a file, which it has as its `digest`."""
    return f"sha256:{sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _seen_from(start: Path, folder: Path) -> Path:
    try:
        return Path(PurePath(os.path.relpath(folder, start)).as_posix())
    except ValueError:  # another drive of Windows
        return folder


def _relative(source: str | None, folder: Path) -> str | None:
    return None if source is None else source.removeprefix(f"{folder}{os.sep}")


def _parse(text: bytes, place: str) -> SavedPlan:
    """Return what is in a file.

    Raises:
        DeploymentError: If it is no plan that was saved, and is as it was saved.
    """
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not (is_object(content) and {"format", "digest", "plan"} <= {*content}):
        raise _refusal(f"{place} is no saved plan")
    content = dict(content)
    digest, written = content.pop("digest"), content["format"]
    if isinstance(written, int) and written > FORMAT:
        raise DeploymentError(
            f"{place} has the format {written}, and this version of fibonacci-sdk reads {FORMAT}: upgrade it"
        )
    if digest != digest_of(content):
        raise _refusal(f"{place} was changed since it was saved")
    try:
        saved = SavedPlan.model_validate(content)
        _check_plan(saved.plan)
    except ValueError as error:
        raise _refusal(f"{place} is no plan that can be applied ({fault_of(error)})") from None
    return saved


def _refusal(reason: str) -> DeploymentError:
    return DeploymentError(joined(f"{reason}: make a plan, and save it with ", remedy("save a plan")))


def _check_plan(plan: DeploymentPlan) -> None:
    """Refuse a plan whose fields are right one by one, but not together: nobody has saved it.

    Raises:
        ValueError: If it is one.
    """
    environment_name(plan.environment, None)
    for change in plan.changes:
        step = step_of(change)
        for file in filter(None, (change.file, step.previous_file)):
            if PurePath(file).name != file or "\\" in file:
                raise ValueError(f"{file!r} is no file of a folder")
        is_sent = change.action in ("create", "update")
        is_there = change.action in ("update", "delete")
        if is_sent != (step.content is not None) or (is_there and (change.workflow_id is None or step.seen is None)):
            raise ValueError(f"it does not say how to {change.action} {change.file}")

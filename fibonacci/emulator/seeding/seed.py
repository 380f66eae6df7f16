"""Applying a seed: all of it or nothing, and only what the state has not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from fibonacci.definitions import diff
from fibonacci.emulator.account.auth import SEED
from fibonacci.emulator.app.app import App
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.input_files import InputFile
from fibonacci.emulator.seeding.seed_folder import SeedSetting, SeedWorkflow, read_seed
from fibonacci.emulator.state.json_encoding import to_json
from fibonacci.emulator.state.tables import Record

_PREFIX: Final = re.compile(r"definition\.?")
"""What stands before a place in a definition, where the platform refuses it."""


def apply_seed(app: App, folder: str | os.PathLike[str], organization: str, now: float) -> None:
    """Add to a state what a folder has and the state has not, by name. What differs is left as it is, with a warning.

    Args:
        app: The application.
        folder: The folder.
        organization: The organization that all workflows belong to.
        now: The time in Unix seconds.

    Raises:
        InputFileError: If a file is faulty, or the platform refuses what is in it; nothing is added.
        ImportError: If a file is YAML and PyYAML is not installed.
        StateError: If the state cannot be changed.
    """
    seed = read_seed(Path(folder))
    with app.store.transaction():
        known = {record["name"]: record for record in app.store.workflows.records()} if seed.workflows else {}
        for workflow in seed.workflows:
            _apply_workflow(app, workflow, known.get(workflow.content["name"]))
        for setting in seed.settings:
            _apply_setting(app, setting, organization, now)


def _apply_workflow(app: App, workflow: SeedWorkflow, known: Record | None) -> None:
    if known is None:
        fault = _send(app, "POST", "/workflows", workflow.content)
        if fault is not None:
            place, message = fault
            raise InputFile(workflow.file).error(_PREFIX.sub("", place), message)
    elif diff(_whole(known), _whole(workflow.content)):
        _leave(app, str(workflow.file), f"the workflow {known['name']!r} ({known['id']})")


def _whole(workflow: Record) -> Record:
    """Return the definition of a workflow with its own name and description in it."""
    definition: Record = workflow["definition"] or {"nodes": list[Record]()}
    return {**definition, "name": workflow["name"], "description": workflow["description"]}


def _apply_setting(app: App, setting: SeedSetting, organization: str, now: float) -> None:
    kind, given = setting.kind, setting.given
    content = given.model_dump(exclude_unset=not kind.is_list)  # what is in a list is created as a whole
    known = kind.find(app.store, organization, given, now)
    if known is None:
        body = {name: value for name, value in given.model_dump(exclude_unset=True).items() if name != "key"}
        fault = _send(app, kind.method, kind.path(organization, given), body)
        if fault is not None:
            place, message = fault
            raise setting.file.error(f"{setting.location}.{place}".lstrip("."), message)
    elif any(known.get(name) != value for name, value in content.items() if name != "tool_name"):
        what = setting.location or "it"
        _leave(app, setting.file.name, f"what the state has for {what}")


def _send(app: App, method: str, path: str, body: Any) -> tuple[str, str] | None:
    """Send a request; return the field at fault and the message if it is refused."""
    reply = app.call(ServerRequest(method, f"/v1{path}", {}, to_json(body)), SEED)
    if reply.status < 400:
        return None
    error = json.loads(reply.body)["error"]
    detail = error["details"][0] if error["details"] else {"field": "", "message": error["message"]}
    return detail["field"], detail["message"]


def _leave(app: App, file: str, what: str) -> None:
    message = f"{what} differs from this file, and is left as it is"
    app.warnings.keep([EmulatorWarning(code="seed_differs", location=file, message=message)])

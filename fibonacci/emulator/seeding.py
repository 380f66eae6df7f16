"""Seeding: what a new platform is filled with, from a folder of files or from definitions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from fibonacci.definitions import DefinitionError, diff
from fibonacci.definitions.document import Document, checked_definition
from fibonacci.definitions.json_types import is_array, place_of
from fibonacci.definitions.tools import canonical_tool
from fibonacci.deployment.folder import DeploymentFolder, is_definition_file
from fibonacci.deployment.state import named_in_states
from fibonacci.emulator.account import SEED
from fibonacci.emulator.app import App
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.memory import MemoryToolSet, is_live, owner_of
from fibonacci.emulator.http.messages import JSON_BODY, Body, ServerRequest
from fibonacci.emulator.input_files import InputFile, InputFileError, text_of
from fibonacci.emulator.policy.approvals import GovernanceUpdate
from fibonacci.emulator.routes.organizations import PolicyCreate, QuotaUpdate, RoleOverrideCreate
from fibonacci.emulator.state.json_encoding import JSONObject, to_json
from fibonacci.emulator.state.records import StoredMemory, StoredRoleOverride, StoredToolPolicy, StoredWorkflow
from fibonacci.emulator.state.store import Store
from fibonacci.errors import DeploymentError

if TYPE_CHECKING:
    from fibonacci.definitions import WorkflowBuilder

    SeedDefinition = WorkflowBuilder | Mapping[str, Any] | BaseModel
    SeedSource = str | os.PathLike[str] | SeedDefinition | Sequence[SeedDefinition]


@dataclass(frozen=True, slots=True)
class SettingKind:
    """One kind of settings.

    Attributes:
        name: The name of its file, without the suffix.
        model: The content of the file, or each item of its list.
        is_list: Whether the file holds a list.
        method: The method of the request that applies it.
        path: Returns the path of the request, from the organization and the content.
        find: Returns what a state has of the same name, from the state, the organization, the content and the time.
    """

    name: str
    model: type[Body]
    is_list: bool
    method: str
    path: Callable[[str, Any], str]
    find: Callable[[Store, str, Any, float], Mapping[str, object] | None]


def _memory(store: Store, organization: str, given: MemoryToolSet, now: float) -> StoredMemory | None:
    entry = store.memory.get(given.scope, owner_of(given.scope, given.user_id, given.workflow_id), given.key)
    return entry if entry is not None and is_live(entry, now) else None


def _policy(store: Store, organization: str, given: PolicyCreate, now: float) -> StoredToolPolicy | None:
    return store.tool_policies.get(organization, canonical_tool(given.tool_name))


def _override(store: Store, organization: str, given: RoleOverrideCreate, now: float) -> StoredRoleOverride | None:
    return store.role_overrides.get(organization, given.role, canonical_tool(given.tool_name))


SETTINGS: Final = (
    SettingKind(
        "governance",
        GovernanceUpdate,
        is_list=False,
        method="PATCH",
        path=lambda organization, given: f"/organizations/{organization}/governance",
        find=lambda store, organization, given, now: store.governance.get(organization),
    ),
    SettingKind(
        "quota",
        QuotaUpdate,
        is_list=False,
        method="PATCH",
        path=lambda organization, given: f"/organizations/{organization}/quota",
        find=lambda store, organization, given, now: store.quota_overrides.get(organization),
    ),
    SettingKind(
        "tool-policies",
        PolicyCreate,
        is_list=True,
        method="POST",
        path=lambda organization, given: f"/organizations/{organization}/tool-policies",
        find=_policy,
    ),
    SettingKind(
        "role-policy-overrides",
        RoleOverrideCreate,
        is_list=True,
        method="POST",
        path=lambda organization, given: f"/organizations/{organization}/role-policy-overrides",
        find=_override,
    ),
    SettingKind(
        "memory",
        MemoryToolSet,
        is_list=True,
        method="PUT",
        path=lambda organization, given: f"/memory/{quote(given.key, safe='')}",
        find=_memory,
    ),
)
"""In the order in which they are applied."""


PLATFORM: Final = "platform"
"""The subfolder of settings: `client.workflows.plan`, which reads the same folder, reads no subfolder."""


class SeedContent(TypedDict):
    """The body of a request that creates a workflow."""

    name: str
    description: str | None
    definition: JSONObject | None


@dataclass(frozen=True, slots=True)
class SeedWorkflow:
    """A workflow of a seed.

    Attributes:
        file: The file of its definition. None if the user gave the definition itself.
        content: Its name, its description and its definition.
    """

    file: Path | None
    content: SeedContent


@dataclass(frozen=True, slots=True)
class SeedSetting:
    """One setting of a seed.

    Attributes:
        kind: Its kind.
        file: Its file.
        location: Its place in the file.
        given: What the file says, validated.
    """

    kind: SettingKind
    file: InputFile
    location: str
    given: Body


@dataclass(frozen=True, slots=True)
class Seed:
    """What a folder holds."""

    workflows: list[SeedWorkflow]
    settings: list[SeedSetting]


def read_seed(folder: Path) -> Seed:
    """Read a seed, and check each file by itself.

    Raises:
        InputFileError: If the folder doesn't exist, is empty, or has a file with a problem.
        ImportError: If a file is YAML and PyYAML is not installed.
    """
    try:
        workflows = _workflows(folder)
        settings = _settings(folder / PLATFORM)
    except DefinitionError as error:
        raise InputFileError(text_of(error)) from None
    except DeploymentError as error:
        raise InputFileError(error.message) from None
    except OSError as error:
        raise InputFileError(f"{folder / PLATFORM}: the folder cannot be read: {error.strerror}") from None
    if not workflows and not settings:
        raise InputFileError(f"{folder}: the seed has no definitions, and no settings in {PLATFORM}/")
    return Seed(workflows, settings)


def _given(definition: object) -> SeedWorkflow:
    """Return the workflow of a definition that the user gave.

    Raises:
        DefinitionError: If that of a builder has an error.
        TypeError: If it is something else.
        ValueError: If it has no name.
    """
    plain = Document.of(checked_definition(definition)).value
    if not plain.get("name"):
        raise ValueError("seed: a definition needs a name, by which it becomes a workflow: give it the key 'name'")
    return SeedWorkflow(None, SeedContent(name=plain["name"], description=plain.get("description"), definition=plain))


def _workflows(folder: Path) -> list[SeedWorkflow]:
    """Return the workflows of a folder, where one that was pulled has the name in its state."""
    source = DeploymentFolder(folder)
    names = named_in_states(folder)
    files: dict[str, Path] = {}
    workflows: list[SeedWorkflow] = []
    for name, definition in source.read_definitions().items():
        file = folder / name
        called = str(definition.get("name") or names.get(name) or file.stem)
        other = files.setdefault(called, file)
        if other is not file:
            raise InputFileError(f"{file}: its workflow is called {called!r}, and so is the workflow of {other.name}")
        content = SeedContent(name=called, description=definition.get("description"), definition=dict(definition))
        workflows.append(SeedWorkflow(file, content))
    return workflows


def _settings(folder: Path) -> list[SeedSetting]:
    if not folder.is_dir():
        return []
    files: dict[str, Path] = {}
    names = [kind.name for kind in SETTINGS]
    for path in sorted(filter(is_definition_file, folder.iterdir())):
        if path.stem not in names:
            raise InputFileError(f"{path}: these settings do not exist. The settings are {', '.join(names)}")
        if path.stem in files:
            raise InputFileError(f"{path}: {files[path.stem].name} has the same settings: remove one of the two")
        files[path.stem] = path
    return [setting for kind in SETTINGS if kind.name in files for setting in _read(kind, files[kind.name])]


def _read(kind: SettingKind, path: Path) -> list[SeedSetting]:
    file = InputFile(path)
    if not kind.is_list:
        return [_setting(kind, file, "", file.content)]
    if not is_array(file.content):
        raise file.error("", "it must be a list")
    return [_setting(kind, file, f"[{index}]", content) for index, content in enumerate(file.content)]


def _setting(kind: SettingKind, file: InputFile, location: str, content: Any) -> SeedSetting:
    try:
        return SeedSetting(kind, file, location, kind.model.model_validate(content))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = place_of([*([location] if location else []), *fault["loc"]])
        raise file.error(place, fault["msg"]) from None


_PREFIX: Final = re.compile(r"definition\.?")
"""What stands before a place in a definition, where the platform refuses it."""


def apply_seed(app: App, given: SeedSource, organization: str, now: float) -> None:
    """Add to a state what a seed has and the state has not, by name. What differs is left as it is, with a warning.

    Args:
        app: The application.
        given: The folder, the definition or the definitions.
        organization: The organization that all workflows belong to.
        now: The time in Unix seconds.

    Raises:
        InputFileError: If a file is faulty, or the platform refuses what is in it. Nothing is added.
        DefinitionError: If the definition of a builder has an error. Nothing is added.
        TypeError: If the seed is something else.
        ValueError: If a definition has no name. Nothing is added.
        ImportError: If a file is YAML and PyYAML is not installed.
        StateError: If the state cannot be changed.
    """
    if isinstance(given, str | os.PathLike):
        seed = read_seed(Path(given))
    else:
        seed = Seed([_given(definition) for definition in (given if is_array(given) else [given])], [])
    with app.store.transaction():
        known = {record["name"]: record for record in app.store.workflows.records()} if seed.workflows else {}
        for workflow in seed.workflows:
            _apply_workflow(app, workflow, known.get(workflow.content["name"]))
        for setting in seed.settings:
            _apply_setting(app, setting, organization, now)


def _apply_workflow(app: App, workflow: SeedWorkflow, known: StoredWorkflow | None) -> None:
    if known is None:
        fault = _send(app, "POST", "/workflows", workflow.content)
        if fault is not None:
            place, message = _PREFIX.sub("", fault[0]), fault[1]
            if workflow.file is None:
                raise InputFileError(f"seed: {workflow.content['name']!r}: {place}: {message}")
            raise InputFile(workflow.file).error(place, message)
    elif diff(_whole(known), _whole(workflow.content)):
        _leave(app, str(workflow.file or "seed"), f"the workflow {known['name']!r} ({known['id']})")


def _whole(workflow: SeedContent | StoredWorkflow) -> JSONObject:
    """Return the definition of a workflow with its own name and description in it."""
    definition: JSONObject = workflow["definition"] or {"nodes": []}
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
        _leave(app, setting.file.name, f"the state's value for {what}")


def _send(app: App, method: str, path: str, body: Any) -> tuple[str, str] | None:
    """Send a request, and return the field at fault and the message if it is refused."""
    reply = app.call(ServerRequest(method, f"/v1{path}", JSON_BODY, to_json(body)), SEED)
    if reply.status < 400:
        return None
    error = json.loads(reply.body)["error"]
    detail = error["details"][0] if error["details"] else {"field": "", "message": error["message"]}
    return detail["field"], detail["message"]


def _leave(app: App, file: str, what: str) -> None:
    message = f"{what} differs from this file and was not changed"
    app.environment.warnings.note([EmulatorWarning(code="seed_differs", location=file, message=message)])

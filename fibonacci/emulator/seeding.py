"""Seeding: what a new platform is filled with, from a folder of files or from definitions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
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
from fibonacci.emulator.engine.memory import MemoryToolSet, owner_of
from fibonacci.emulator.http.messages import Body, ServerRequest
from fibonacci.emulator.input_files import InputFile, InputFileError, text_of
from fibonacci.emulator.policy.approvals import GovernanceUpdate
from fibonacci.emulator.routes.organizations import PolicyCreate, QuotaUpdate, RoleOverrideCreate
from fibonacci.emulator.state.json_encoding import JSONObject, to_json
from fibonacci.emulator.state.records import StoredWorkflow
from fibonacci.emulator.state.snapshot import Key
from fibonacci.emulator.state.store import Table
from fibonacci.errors import DeploymentError

if TYPE_CHECKING:
    from fibonacci.definitions import WorkflowBuilder

    SeedDefinition = WorkflowBuilder | Mapping[str, Any] | BaseModel
    SeedSource = str | os.PathLike[str] | SeedDefinition | Sequence[SeedDefinition]


class SettingKind(NamedTuple):
    """One kind of settings.

    Attributes:
        name: The name of its file, without the suffix.
        model: The content of the file, or each item of its list.
        method: The method of the request that applies it. A `PATCH` changes what each organization has exactly once.
        path: The path of the request.
        table: The name of the table that has it.
        key: Returns its key there, from the organization and the content.
    """

    name: str
    model: type[Body]
    method: str
    path: str
    table: str
    key: Callable[[str, Any], Key]


def _of_organization(organization: str, given: Body) -> Key:
    return (organization,)


def _of_policy(organization: str, given: PolicyCreate) -> Key:
    return organization, canonical_tool(given.tool_name)


def _of_override(organization: str, given: RoleOverrideCreate) -> Key:
    return organization, given.role, canonical_tool(given.tool_name)


def _of_memory(organization: str, given: MemoryToolSet) -> Key:
    return given.scope, owner_of(given.scope, given.user_id, given.workflow_id), given.key


_ORGANIZATION: Final = "/organizations/{organization}"
SETTINGS: Final = (
    SettingKind("governance", GovernanceUpdate, "PATCH", f"{_ORGANIZATION}/governance", "governance", _of_organization),
    SettingKind("quota", QuotaUpdate, "PATCH", f"{_ORGANIZATION}/quota", "quota_overrides", _of_organization),
    SettingKind("tool-policies", PolicyCreate, "POST", f"{_ORGANIZATION}/tool-policies", "tool_policies", _of_policy),
    SettingKind(
        "role-policy-overrides",
        RoleOverrideCreate,
        "POST",
        f"{_ORGANIZATION}/role-policy-overrides",
        "role_overrides",
        _of_override,
    ),
    SettingKind("memory", MemoryToolSet, "PUT", "/memory/{key}", "memory", _of_memory),
)
"""In the order in which they are applied."""


PLATFORM: Final = "platform"
"""The subfolder of settings: `client.workflows.plan`, which reads the same folder, reads no subfolder."""


class SeedContent(TypedDict):
    """The body of a request that creates a workflow."""

    name: str
    description: str | None
    definition: JSONObject | None


class SeedWorkflow(NamedTuple):
    """A workflow of a seed.

    Attributes:
        file: The file of its definition. None if the user gave the definition itself.
        content: Its name, its description and its definition.
    """

    file: Path | None
    content: SeedContent


class SeedSetting(NamedTuple):
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


def read_seed(folder: Path) -> tuple[list[SeedWorkflow], list[SeedSetting]]:
    """Read a seed, and check each file by itself.

    Raises:
        InputFileError: If the folder doesn't exist, is empty, or has a file with a problem.
        ImportError: If a file is YAML and PyYAML is not installed.
    """
    try:
        workflows = _workflows(folder)
        settings = list(_settings(folder / PLATFORM))
    except DefinitionError as error:
        raise InputFileError(text_of(error)) from None
    except DeploymentError as error:
        raise InputFileError(error.message) from None
    except OSError as error:
        raise InputFileError(f"{folder / PLATFORM}: the folder cannot be read: {error.strerror}") from None
    if not workflows and not settings:
        raise InputFileError(f"{folder}: the seed has no definitions, and no settings in {PLATFORM}/")
    return workflows, settings


def _given(definition: object) -> SeedWorkflow:
    """Return the workflow of a definition that the user passed.

    Raises:
        DefinitionError: If the definition of a builder has an error.
        TypeError: If it is something else.
        ValueError: If it has no name.
    """
    plain = Document.of(checked_definition(definition)).value
    if not plain.get("name"):
        raise ValueError("seed: a definition needs a name, by which it becomes a workflow: give it the key 'name'")
    return SeedWorkflow(None, SeedContent(name=plain["name"], description=plain.get("description"), definition=plain))


def _workflows(folder: Path) -> list[SeedWorkflow]:
    """Return the workflows of a folder. The state file names those that were pulled."""
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


def _settings(folder: Path) -> Iterator[SeedSetting]:
    files: dict[str, Path] = {}
    names = [kind.name for kind in SETTINGS]
    for path in sorted(filter(is_definition_file, folder.iterdir())) if folder.is_dir() else ():
        if path.stem not in names:
            raise InputFileError(f"{path}: these settings do not exist. The settings are {', '.join(names)}")
        if path.stem in files:
            raise InputFileError(f"{path}: {files[path.stem].name} has the same settings: remove one of the two")
        files[path.stem] = path
    for kind in SETTINGS:
        if kind.name in files:
            file, is_list = InputFile(files[kind.name]), kind.method != "PATCH"
            if is_list and not is_array(file.content):
                raise file.error("", "it must be a list")
            for index, content in enumerate(file.content if is_list else [file.content]):
                location = f"[{index}]" if is_list else ""
                try:
                    yield SeedSetting(kind, file, location, kind.model.model_validate(content))
                except ValidationError as error:
                    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
                    place = place_of([*([location] if location else []), *fault["loc"]])
                    raise file.error(place, fault["msg"]) from None


_PREFIX: Final = re.compile(r"definition\.?")
"""The prefix of a place in a definition when the platform refuses it."""


def apply_seed(app: App, given: SeedSource, organization: str, now: float) -> None:
    """Add what a seed has and the state lacks, by name. What differs stays as it is, with a warning.

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
    """
    settings: list[SeedSetting] = []
    if isinstance(given, str | os.PathLike):
        workflows, settings = read_seed(Path(given))
    else:
        workflows = [_given(definition) for definition in (given if is_array(given) else [given])]
    with app.store.transaction():
        app.store.memory.delete_expired("expires", now)
        known = {record["name"]: record for record in app.store.workflows.records()} if workflows else {}
        for workflow in workflows:
            _apply_workflow(app, workflow, known.get(workflow.content["name"]))
        for setting in settings:
            _apply_setting(app, setting, organization)


def _apply_workflow(app: App, workflow: SeedWorkflow, known: StoredWorkflow | None) -> None:
    if known is None:
        fault = _send(app, "POST", "/workflows", workflow.content)
        if fault is not None:
            place, message = _PREFIX.sub("", fault[0]), fault[1]
            if workflow.file is None:
                raise InputFileError(f"seed: {workflow.content['name']!r}: {place}: {message}")
            raise InputFile(workflow.file).error(place, message)
    elif diff(_whole(known), _whole(workflow.content)):
        _warn_of_difference(app, str(workflow.file or "seed"), f"the workflow {known['name']!r} ({known['id']})")


def _whole(workflow: SeedContent | StoredWorkflow) -> JSONObject:
    """Return the definition of a workflow with its own name and description in it."""
    definition: JSONObject = workflow["definition"] or {"nodes": []}
    return {**definition, "name": workflow["name"], "description": workflow["description"]}


def _apply_setting(app: App, setting: SeedSetting, organization: str) -> None:
    kind, given = setting.kind, setting.given
    content = given.model_dump(exclude_unset=kind.method == "PATCH")  # items of a list are created as a whole
    table: Table[Any] = getattr(app.store, kind.table)
    known = table.get(*kind.key(organization, given))
    if known is None:
        body = {name: value for name, value in given.model_dump(exclude_unset=True).items() if name != "key"}
        path = kind.path.format(organization=organization, key=quote(getattr(given, "key", ""), safe=""))
        fault = _send(app, kind.method, path, body)
        if fault is not None:
            place, message = fault
            raise setting.file.error(f"{setting.location}.{place}".lstrip("."), message)
    elif any(known.get(name) != value for name, value in content.items() if name != "tool_name"):
        what = setting.location or "it"
        _warn_of_difference(app, setting.file.name, f"the state's value for {what}")


def _send(app: App, method: str, path: str, body: Any) -> tuple[str, str] | None:
    """Send a request, and return the field at fault and the message if it is refused."""
    reply = app.call_as_owner(ServerRequest(method, f"/v1{path}", {}, to_json(body)), SEED)
    if reply.status < 400:
        return None
    error = json.loads(reply.body)["error"]
    detail = error["details"][0] if error["details"] else {"field": "", "message": error["message"]}
    return detail["field"], detail["message"]


def _warn_of_difference(app: App, file: str, what: str) -> None:
    message = f"{what} differs from this file and was not changed"
    app.environment.warnings.note([EmulatorWarning(code="seed_differs", location=file, message=message)])

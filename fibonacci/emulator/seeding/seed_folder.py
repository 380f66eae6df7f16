"""The folder of a seed: its definitions, and its settings in the subfolder `platform`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fibonacci.definitions import DefinitionError
from fibonacci.definitions.json_types import is_array
from fibonacci.deployment.file_names import is_definition_file
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.input_files import InputFile, InputFileError, text_of
from fibonacci.emulator.seeding.settings import SETTINGS, SettingKind
from fibonacci.emulator.state.tables import Record
from fibonacci.errors import DeploymentError

PLATFORM: Final = "platform"
"""The subfolder of settings: `client.workflows.plan`, which reads the same folder, reads no subfolder."""


@dataclass(frozen=True, slots=True)
class SeedWorkflow:
    """A workflow of a seed.

    Attributes:
        file: The file of its definition.
        content: Its name, its description and its definition.
    """

    file: Path
    content: Record


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
        InputFileError: If there is no such folder, nothing in it, or a file is faulty.
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
        raise InputFileError(f"{folder}: the seed has no definition and no settings in {PLATFORM}/")
    return Seed(workflows, settings)


def _workflows(folder: Path) -> list[SeedWorkflow]:
    """Return the workflows of a folder; one that was pulled is called as the lock file says."""
    source = DeploymentFolder(folder)
    lock = source.read_lock()
    names = {} if lock is None else {file: entry.name for file, entry in lock.entries.items()}
    files: dict[str, Path] = {}
    workflows: list[SeedWorkflow] = []
    for name, definition in source.read_definitions().items():
        file = folder / name
        called = str(definition.get("name") or names.get(name) or file.stem)
        other = files.setdefault(called, file)
        if other is not file:
            raise InputFileError(f"{file}: its workflow is called {called!r}, as that of {other.name} is")
        content = {"name": called, "description": definition.get("description"), "definition": dict(definition)}
        workflows.append(SeedWorkflow(file, content))
    return workflows


def _settings(folder: Path) -> list[SeedSetting]:
    if not folder.is_dir():
        return []
    files: dict[str, Path] = {}
    names = [kind.name for kind in SETTINGS]
    for path in sorted(filter(is_definition_file, folder.iterdir())):
        if path.stem not in names:
            raise InputFileError(f"{path}: there are no such settings; they are {', '.join(names)}")
        if path.stem in files:
            raise InputFileError(f"{path}: {files[path.stem].name} has the same settings: remove one of the two")
        files[path.stem] = path
    return [setting for kind in SETTINGS if kind.name in files for setting in _read(kind, files[kind.name])]


def _read(kind: SettingKind, path: Path) -> list[SeedSetting]:
    file = InputFile(path)
    if not kind.is_list:
        return [_setting(kind, file, "", file.content)]
    if not is_array(file.content):
        raise file.error("", "it is a list")
    return [_setting(kind, file, f"[{index}]", content) for index, content in enumerate(file.content)]


def _setting(kind: SettingKind, file: InputFile, location: str, content: Any) -> SeedSetting:
    try:
        return SeedSetting(kind, file, location, kind.model.model_validate(content))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
        raise file.error(f"{location}{place}".lstrip("."), fault["msg"]) from None

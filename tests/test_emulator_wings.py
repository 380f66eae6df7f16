"""Which wing of the emulator may import which: only those before it. Every import counts, as in `test_layers`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.test_layers import (
    CLIENT_FACTORIES,
    CLIENT_TYPES_ALLOWED,
    PACKAGE,
    Import,
    imports,
    imports_of,
    package_files,
)

EMULATOR = "fibonacci.emulator"
WINGS = [
    "option_values",
    "input_files",
    "state",
    "http",
    "account",
    "engine",
    "faults",
    "request_log",
    "origins",
    "context",
    "policy",
    "routes",
    "app",
    "page",
    "seeding",
    "serving",
    "facade",
    "__init__",
    "handler_files",
    "cli_arguments",
    "cli",
    "__main__",
]
"""The lowest first. A name without a folder is a module of the emulator itself."""


def wing_of_file(file: str) -> str:
    """Return the wing of a file, named from the package's folder."""
    return Path(file).parts[1].removesuffix(".py")


def wing_of_name(name: str) -> str:
    """Return the wing of an imported name; the emulator's public names are those of `__init__`."""
    part = name.split(".")[2] if name.count(".") > 1 else "__init__"
    return part if part in WINGS else "__init__"


def wrong_arrows(arrows: Iterable[Import]) -> list[str]:
    """Return a line for each import that leads to a later wing."""
    return [
        f"fibonacci/{found.file}:{found.line}: {wing_of_file(found.file)} must not import {found.name}"
        for found in arrows
        if is_of_emulator(found) and WINGS.index(wing_of_name(found.name)) > WINGS.index(wing_of_file(found.file))
    ]


def is_of_emulator(found: Import) -> bool:
    return found.name == EMULATOR or found.name.startswith(f"{EMULATOR}.")


def emulator_files() -> list[str]:
    return [file for file in package_files() if file.startswith("emulator/")]


def test_imports_lead_to_earlier_wings() -> None:
    files = emulator_files()
    assert {wing_of_file(file) for file in files} - {*WINGS} == set(), "say in WINGS where the new wing belongs"
    assert [line for file in files for line in wrong_arrows(imports_of(file))] == []


def test_a_wrong_arrow_is_named_with_its_place() -> None:
    source = "import json\nfrom fibonacci.emulator.app import App\n"
    assert wrong_arrows(imports(source, "emulator/routes/tools.py")) == [
        "fibonacci/emulator/routes/tools.py:2: routes must not import fibonacci.emulator.app.App"
    ]


def test_the_in_process_transport_is_imported_only_when_a_client_is_requested() -> None:
    (bridge,) = CLIENT_TYPES_ALLOWED
    name = f"fibonacci.{bridge.removesuffix('.py').replace('/', '.')}"
    files = [file for file in emulator_files() if name.rpartition(".")[2] in (PACKAGE / file).read_text("utf-8")]
    importers = [(file, found.lazy) for file in files for found in imports_of(file) if found.name.startswith(name)]
    assert {file for file, _ in importers} == set(CLIENT_FACTORIES)
    assert all(is_lazy for _, is_lazy in importers)

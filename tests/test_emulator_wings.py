"""Which wing of the emulator may import which: only those before it. Every import counts, as in `test_layers`."""

from __future__ import annotations

import re
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


def may_be_wrong(source: str, file: str) -> bool:
    """Tell whether a source names a later wing, or none: the others need not be parsed, which takes long."""
    named = re.findall(r"fibonacci\.emulator\b\.?(\w*)|from (\.)", source)
    last = max((WINGS.index(wing_of_name(f"{EMULATOR}.{name}")) for name, _ in named), default=0)
    return last > WINGS.index(wing_of_file(file)) or any(dots for _, dots in named)


def is_of_emulator(found: Import) -> bool:
    return found.name == EMULATOR or found.name.startswith(f"{EMULATOR}.")


def emulator_files() -> list[str]:
    return [file for file in package_files() if file.startswith("emulator/")]


def test_imports_lead_to_earlier_wings() -> None:
    files = emulator_files()
    assert {wing_of_file(file) for file in files} - {*WINGS} == set(), "say in WINGS where the new wing belongs"
    suspects = [file for file in files if may_be_wrong((PACKAGE / file).read_text("utf-8"), file)]
    assert [line for file in suspects for line in wrong_arrows(imports_of(file))] == []


def test_every_wing_says_what_it_is_and_what_it_imports() -> None:
    folders = {wing_of_file(file) for file in emulator_files() if file.count("/") > 1}
    texts = {wing: (PACKAGE / "emulator" / wing / "__init__.py").read_text("utf-8") for wing in folders}
    assert len(texts) > 5
    assert [
        wing for wing, text in texts.items() if not text.startswith('"""') or "import" not in text.split('"""')[1]
    ] == []


WRONG = [
    ("emulator/state/sqlite.py", "from fibonacci.emulator.http.messages import encode"),
    ("emulator/http/router.py", "from ..context import Handler"),
    ("emulator/http/messages.py", "if TYPE_CHECKING:\n    from fibonacci.emulator.faults import ActiveFailure"),
    ("emulator/http/messages.py", "import fibonacci.emulator.faults"),
    ("emulator/engine/scheduler.py", "def f():\n    from fibonacci.emulator.context import Platform"),
    ("emulator/account.py", "from fibonacci.emulator.context import RequestContext"),
    ("emulator/context.py", "from fibonacci.emulator.policy.admission import settings_of"),
    ("emulator/routes/tools.py", "import_module('fibonacci.emulator.app')"),
    ("emulator/app.py", "from fibonacci.emulator import Emulator"),
    ("emulator/app.py", "def f():\n    from fibonacci.emulator.page.site import Site"),
    ("emulator/page/site.py", "from fibonacci.emulator.serving.server import SocketServer"),
    ("emulator/input_files.py", "from fibonacci.emulator.state.snapshot import StateError"),
    ("emulator/app.py", "def f():\n    from fibonacci.emulator.seeding import apply_seed"),
    ("emulator/serving/server.py", "from fibonacci.emulator.facade import Emulator"),
    ("emulator/facade.py", "from fibonacci import emulator\nfrom fibonacci.emulator import cli"),
]


def test_a_wrong_arrow_is_found() -> None:
    assert [arrow for arrow in WRONG if not wrong_arrows(imports(arrow[1], arrow[0]))] == []
    assert [arrow for arrow in WRONG if not may_be_wrong(arrow[1], arrow[0])] == []


RIGHT = [
    ("emulator/state/sqlite.py", "from fibonacci.emulator.state.json_encoding import to_json\nimport sqlite3"),
    ("emulator/engine/memory.py", "from ..http.messages import Body\nfrom fibonacci.definitions import Node"),
    ("emulator/context.py", "from fibonacci.emulator.account import KeyRole"),
    ("emulator/app.py", "if TYPE_CHECKING:\n    from fibonacci.emulator.routes import ENDPOINTS"),
    ("emulator/__main__.py", "from fibonacci.emulator.cli import main"),
    (CLIENT_FACTORIES[0], "def f():\n    from fibonacci.emulator.serving.in_process import InProcessTransport"),
]


def test_a_right_arrow_is_let_through() -> None:
    assert [line for file, source in RIGHT for line in wrong_arrows(imports(source, file))] == []


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

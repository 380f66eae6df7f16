"""Which part of the package may import which, and which files may name an HTTP or retry library.

Every import counts: at the top, inside a function, under `TYPE_CHECKING`, and by `import_module("a.name")`.
"""

from __future__ import annotations

import ast
import re
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.tools.mirror import HAND_WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fibonacci"


def may_import() -> dict[str, set[str]]:
    """Return what each room may import, as the table of docs/contributing/architecture.md says."""
    page = (ROOT / "docs" / "contributing" / "architecture.md").read_text("utf-8")
    rooms = dict[str, set[str]]()
    for first, last in re.findall(r"^\| (`.+?) \|.*\| (.+) \|$", page, re.MULTILINE):
        above, named = set(rooms), set(re.findall(r"`(\w+)`", last))
        allowed = named if "all above" not in last else above - named if " but " in last else above | named
        rooms |= dict.fromkeys(re.findall(r"`(\w+)`", first), allowed)
    return rooms


MAY_IMPORT = may_import()
# An error holds the execution, the rate limit, the rows or the problems that it is about, and need not load their
# classes for that. A diagram, a table or a bar shows an execution,
# whatever class it is of.
FOR_TYPES_ONLY = {"errors": {"models", "definitions"}, "definitions": {"models"}, "_display": {"models"}}
# The emulator makes clients when one is requested; nothing else in it may import them.
CLIENT_FACTORIES = ("emulator/facade.py",)
# The in-process transport takes and returns the client's public types; a client factory alone imports it, lazily.
CLIENT_TYPES_ALLOWED = {"emulator/serving/in_process.py": ("fibonacci.transports.",)}
# A seed is read as a deployment reads the same folder.
FOLDERS_ALLOWED = {"emulator/seeding.py": ("fibonacci.deployment.", "fibonacci.errors.")}
# `python -m fibonacci.emulator` is `fibonacci dev`.
COMMANDS_ALLOWED = {"emulator/__main__.py": ("fibonacci.cli.main.",)}
# A definition that the platform has refused is checked then, and not before; other errors have a list without problems.
REFUSALS_ALLOWED = {
    "_core/call.py": ("fibonacci.definitions.checks.check.",),
    "errors.py": ("fibonacci.definitions.problems.",),
}
# A server of the API of 0.2.4 gets definitions in its words.
WORDS_ALLOWED = {"_core/api_0_2.py": ("fibonacci.definitions.files.legacy_dialect.",)}
# The spellings of one platform's address are those of the base URL.
ADDRESSES_ALLOWED = {"deployment/state.py": ("fibonacci._core.urls.",)}
# An object that has a definition is displayed with its diagram.
DIAGRAMS_ALLOWED = {"models/_base.py": ("fibonacci.definitions.diagrams.",)}

MAY_NAME = {
    "filelock": ("_net/file_store.py",),
    "redis": ("_net/redis_client.py",),
    "h11": ("_async/transports/*", "_sync/transports/*", "emulator/serving/connection.py"),
    "httpcore": (),
    "httpx": ("_async/transports/*", "_sync/transports/*"),
    "mcp": ("cli/mcp_server/*", "cli/commands/mcp.py"),
    "mcp_types": ("cli/mcp_server/*",),
    "starlette": ("cli/mcp_server/*",),
    "uvicorn": ("cli/mcp_server/*",),
    "httpx2": ("_async/transports/*", "_sync/transports/*"),
    "keyring": ("_profiles/keychain.py",),
    "pandas": ("_display/frames.py",),
    "polars": ("_display/frames.py",),
    "psycopg": ("_batch/postgres_journal.py",),
    "pyarrow": ("_display/frames.py",),
    "resvg_py": ("definitions/diagrams/png.py",),
    "tenacity": ("_async/requestor.py", "_sync/requestor.py"),
}
# Libraries that annotations name.
RETURNED = {"pandas", "polars"}
MODELS_MAY_NAME = {"pydantic", "pydantic_core", *sys.stdlib_module_names}

_IMPORTING = re.compile(r"import(?![a-z])|\\$")
# Without one, only statements are searched: there are far fewer of them than of expressions.
_CALL_THAT_IMPORTS = re.compile(r"import\w*\(")


class Import(NamedTuple):
    """One imported module, by its full name."""

    file: str
    line: int
    name: str
    lazy: bool
    for_types: bool

    def __str__(self) -> str:
        return f"fibonacci/{self.file}:{self.line}: {layer_of(self.file)} must not import {self.name}"


def imports(source: str, file: str) -> Iterator[Import]:
    """Yield what a file (named from the package's folder) imports."""
    kinds = ast.AST if _CALL_THAT_IMPORTS.search(source) else (ast.stmt, ast.excepthandler, ast.match_case)
    yield from _imports(ast.parse(source), file, kinds, lazy=False, for_types=False)


def _imports(
    node: ast.AST, file: str, kinds: type[ast.AST] | tuple[type[ast.AST], ...], *, lazy: bool, for_types: bool
) -> Iterator[Import]:
    lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for_types = for_types or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
    for name in _names(node, file):
        yield Import(file, getattr(node, "lineno", 0), name, lazy, for_types)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, kinds):
            yield from _imports(child, file, kinds, lazy=lazy, for_types=for_types)


def _names(node: ast.AST, file: str) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            origin = ".".join([*_parent(file, node.level), *([node.module] if node.module else [])])
            return [f"{origin}.{alias.name}" for alias in node.names]
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if "import" in ast.unparse(node.func):
            dots = len(name) - len(name.lstrip("."))
            return [".".join([*_parent(file, dots), name.lstrip(".")])]
        case _:
            return []


def _parent(file: str, level: int) -> tuple[str, ...]:
    """Return the package that a relative import of so many dots starts from; none of an absolute one."""
    return ("fibonacci", *Path(file).parts)[:-level] if level else ()


def layer_of(file: str) -> str:
    """Return the layer of a file: the folder or module right under the package."""
    return Path(file).parts[0].removesuffix(".py")


def target_of(name: str) -> str:
    """Return the layer that a name of the package lies in; the public names are those of `__init__`."""
    part = name.split(".")[1] if "." in name else ""
    return part if part in MAY_IMPORT else "__init__"


def allowed(found: Import) -> bool:
    """Tell whether the layering has this arrow."""
    layer, top = layer_of(found.file), found.name.partition(".")[0]
    if top != "fibonacci":
        if found.for_types and top in RETURNED:
            return True
        if layer == "models" and top not in MODELS_MAY_NAME:
            return False
        return top not in MAY_NAME or any(fnmatch(found.file, pattern) for pattern in MAY_NAME[top])
    target = target_of(found.name)
    if found.name == "fibonacci.__version__" or target == layer:  # the version is a constant, there from the start
        return True
    if found.file in CLIENT_FACTORIES and target == "__init__":
        return found.lazy or found.for_types
    more = {
        **CLIENT_TYPES_ALLOWED,
        **FOLDERS_ALLOWED,
        **COMMANDS_ALLOWED,
        **REFUSALS_ALLOWED,
        **DIAGRAMS_ALLOWED,
        **WORDS_ALLOWED,
        **ADDRESSES_ALLOWED,
    }
    if found.name.startswith(more.get(found.file, ())):
        return True
    return target in MAY_IMPORT[layer] or (found.for_types and target in FOR_TYPES_ONLY.get(layer, ()))


def wrong_arrows(source: str, file: str) -> list[str]:
    """Return a line for each import that the layering does not have."""
    lines = [line for line in source.splitlines() if _IMPORTING.search(line)]
    if all(is_plainly_allowed(line, file) for line in lines):  # parsing takes long
        return []
    return [str(found) for found in imports(source, file) if not allowed(found)]


def is_plainly_allowed(line: str, file: str) -> bool:
    """Tell whether a line is a plain import of a module, which the layering has wherever it stands."""
    found = re.match(r" *(?:from ([\w.]+) import |import ([\w.]+)$)", line)
    name = found[1] or found[2] if found else "fibonacci"
    is_module = name != "fibonacci" and not name.startswith(".")
    return is_module and allowed(Import(file, 0, name, lazy=False, for_types=False))


@cache
def imports_of(file: str) -> list[Import]:
    """Return what a file of the package imports."""
    return list(imports((PACKAGE / file).read_text("utf-8"), file))


def package_files() -> list[str]:
    """Return every module of the package, by its path from its folder, but those that are derived from another one."""
    files = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return [file for file in files if not file.startswith("_sync/") or file.removeprefix("_sync/") in HAND_WRITTEN]


def test_imports_follow_the_layering() -> None:
    files = package_files()
    assert {layer_of(file) for file in files} - {*MAY_IMPORT} == set(), "say in architecture.md what it may import"
    assert [line for file in files for line in wrong_arrows((PACKAGE / file).read_text("utf-8"), file)] == []


WRONG = [
    ("models/tools.py", "import httpx"),
    ("models/tools.py", "from fibonacci.definitions import WorkflowDefinition"),
    ("models/executions.py", "from fibonacci._core.urls import is_http"),
    ("errors.py", "from fibonacci.models import Execution"),
    ("definitions/yaml.py", "def f():\n    from fibonacci._core import config"),
    ("_core/config.py", "if TYPE_CHECKING:\n    from .._async.client import AsyncFibonacci"),
    ("_core/config.py", "import fibonacci"),
    ("_sync/resource.py", "def f():\n    import pyarrow"),
    ("_core/decoding.py", "def f():\n    from fibonacci._display.frames import columns"),
    ("_async/client.py", "from fibonacci import Fibonacci"),
    ("_async/client.py", "class A:\n    async def f(self):\n        import httpx"),
    ("_async/resource.py", "from tenacity import AsyncRetrying"),
    ("_sync/client.py", "import fibonacci._async.client"),
    ("_core/retry.py", "import tenacity"),
    ("_sync/requestor.py", "importlib.import_module('httpx')"),
    ("_sync/requestor.py", "import_module('.._async.requestor', __package__)"),
    ("__init__.py", "from . import emulator"),
    ("emulator/state/store.py", "def f():\n    from fibonacci import Fibonacci"),
    (CLIENT_FACTORIES[0], "from fibonacci import Fibonacci"),
    (*CLIENT_TYPES_ALLOWED, "from fibonacci import Fibonacci"),
    (*FOLDERS_ALLOWED, "from fibonacci import Fibonacci"),
    ("emulator/serving/server.py", "def f():\n    from fibonacci.transports import TransportError"),
]


def test_a_wrong_arrow_is_found() -> None:
    assert [arrow for arrow in WRONG if len(wrong_arrows(f"x = 1\n{arrow[1]}\n", arrow[0])) != 1] == []


def test_a_wrong_arrow_is_named_with_its_place() -> None:
    assert wrong_arrows("import pydantic\nimport httpx\n", "models/tools.py") == [
        "fibonacci/models/tools.py:2: models must not import httpx"
    ]

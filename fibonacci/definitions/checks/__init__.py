"""The checks of a definition: every fault at once, before anything is sent or run. One module per kind of fault."""

from __future__ import annotations

from fibonacci.definitions.checks.check import check_definition
from fibonacci.definitions.checks.tools import NamedTool, ToolSource

__all__ = ["NamedTool", "ToolSource", "check_definition"]

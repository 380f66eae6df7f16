"""Put a list of components into the wheel (PEP 770): what the package consists of, and what it needs beside it.

hatchling runs this file when it builds, by its path in pyproject.toml.

The list is CycloneDX. The package holds no code of others, so it has one component, and its dependencies by name and
range; which versions are installed is decided where it is installed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NAME = re.compile(r"[A-Za-z0-9._-]+")


class SBOMHook(BuildHookInterface[Any]):
    """Adds the list to a wheel. It is the same for the same sources."""

    _folder: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the list, and tell the builder where it is."""
        del version
        metadata = cast("Any", self).metadata  # hatchling types it in part
        core = metadata.core
        self._folder = TemporaryDirectory()
        file = Path(self._folder.name, f"{core.name}.cdx.json")
        file.write_text(
            json.dumps(_bill(core.name, metadata.version, core.license_expression, core.dependencies), indent=1)
        )
        build_data["sbom_files"].append(str(file))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the list, which is in the wheel now."""
        del version, build_data, artifact_path
        if self._folder is not None:
            self._folder.cleanup()


def _bill(name: str, version: str, license_id: str, dependencies: list[str]) -> dict[str, Any]:
    package = {
        "type": "library",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": [{"license": {"id": license_id}}],
    }
    components = [_dependency(each) for each in sorted(dependencies)]
    references = [component["bom-ref"] for component in components]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": package},
        "components": components,
        "dependencies": [
            {"ref": package["bom-ref"], "dependsOn": references},
            *({"ref": reference, "dependsOn": []} for reference in references),
        ],
    }


def _dependency(requirement: str) -> dict[str, Any]:
    found = _NAME.match(requirement)
    name = found[0] if found else requirement
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "properties": [{"name": "requirement", "value": requirement}],
    }

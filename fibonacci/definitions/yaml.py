"""Definitions as YAML. PyYAML comes with the extra `yaml` and is imported on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from types import ModuleType


def load_yaml(text: str) -> dict[str, Any]:
    """Read a definition from YAML.

    Args:
        text: The document.

    Returns:
        The definition as plain JSON, not checked yet; see `check_definition`.

    Raises:
        ImportError: If PyYAML is not installed; the message says how to install it.
        ValueError: If the text is not YAML, or not a mapping.
    """
    yaml = _pyyaml()
    try:
        content: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"not a YAML document: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"a definition is a mapping, not {type(content).__name__}")
    return cast("dict[str, Any]", content)


def dump_yaml(definition: Mapping[str, Any]) -> str:
    """Write a definition as YAML, with its keys in their own order.

    Args:
        definition: The definition as plain JSON.

    Returns:
        The document.

    Raises:
        ImportError: If PyYAML is not installed; the message says how to install it.
    """
    text: str = _pyyaml().safe_dump(dict(definition), sort_keys=False, allow_unicode=True)
    return text


def _pyyaml() -> ModuleType:
    try:
        import yaml
    except ImportError as error:
        raise ImportError("YAML needs PyYAML: pip install 'fibonacci-sdk[yaml]'") from error
    return yaml

"""The faults that are known: `known_faults.toml`, in which a line is an admission, and goes when its fault has gone."""

from __future__ import annotations

import tomllib
from pathlib import Path


def known_faults(kind: str) -> dict[str, str]:
    """Return the reasons why some cases still fail, by the name of the case."""
    found: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).get(kind, {})
    return found

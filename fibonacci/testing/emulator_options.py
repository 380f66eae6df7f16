"""The options of the pytest fixtures' emulators: those of a fixture and of markers, and messages about wrong ones."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator import Emulator


def emulator_options(options: Mapping[str, Any], markers: Iterable[pytest.Mark]) -> dict[str, Any]:
    """Return the options of an emulator; where several set one, a marker goes before the fixture, the closest first.

    Args:
        options: The value of the fixture `fibonacci_emulator_options`.
        markers: The markers that apply, the closest first.
    """
    if not is_object(options):
        pytest.fail(
            f"fibonacci_emulator_options returns the options of Emulator as a dict, not {type(options).__name__}",
            pytrace=False,
        )
    merged = dict(options)
    _check_names(merged, "fibonacci_emulator_options")
    for marker in reversed(list(markers)):
        merged |= marker.kwargs
    return merged


def check_marker(marker: pytest.Mark) -> None:
    """Fail the test with a message unless a marker has options of the emulator, all by name.

    Args:
        marker: A marker `fibonacci`.
    """
    what = "@pytest.mark.fibonacci"
    if marker.args:
        pytest.fail(f'{what} takes options by name, such as plan="free", not {marker.args[0]!r}', pytrace=False)
    if not marker.kwargs:
        pytest.fail(
            f'{what} sets options of the emulator, such as plan="free"; for an emulator, use the fixture '
            "fibonacci_emulator",
            pytrace=False,
        )
    _check_names(marker.kwargs, what)


def _check_names(options: Iterable[object], what: str) -> None:
    known = list(inspect.signature(Emulator).parameters)
    for name in options:
        if name not in known:
            remedy = did_you_mean(str(name), known) or f"; the options are {', '.join(known)}"
            pytest.fail(f"{what}: Emulator has no option {name!r}{remedy}", pytrace=False)

"""The fields of objects: as the platform sent them, and those alone that `--fields` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fibonacci._suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.json_types import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIMES: Final = ("created_at", "updated_at")


def plain(value: Any) -> Any:
    """Return the JSON of a model, each field as the platform sent it, its times last; other values as they are."""
    if not hasattr(value, "model_dump"):
        return value
    fields: dict[str, Any] = value.model_dump(mode="json")
    times = {name: fields.pop(name) for name in _TIMES if name in fields}
    return {**fields, **times}


def named_fields(value: Any) -> dict[str, Any]:
    """Return all fields of an object: those that were sent, then the documented ones that were not.

    Raises:
        UsageError: If it is no object.
    """
    sent = plain(value)
    if not is_object(sent):
        raise UsageError("--fields is for objects, and this is none")
    documented: Mapping[str, Any] = value.to_dict() if hasattr(value, "to_dict") else {}
    return {**sent, **{name: each for name, each in documented.items() if name not in sent}}


def select(value: Any, paths: Sequence[str], *, is_checked: bool = True) -> dict[str, Any]:
    """Return the fields of an object that paths such as `outputs.greet` lead to, in their order.

    Args:
        value: A model, or an object of JSON.
        paths: Names, with dots between the levels; a number is an index of a list.
        is_checked: Whether the first name of each path must be a field. What is missing otherwise, or deeper, is null.

    Raises:
        UsageError: If there is no such field.
    """
    fields = named_fields(value)
    selected: dict[str, Any] = {}
    for path in paths:
        name, *inner = [path] if path in fields else path.split(".")
        if is_checked and name not in fields:
            remedy = did_you_mean(name, fields) or f": the fields are {', '.join(fields) or 'none'}"
            raise UsageError(f"--fields has the unknown name {name!r}{remedy}")
        found = fields.get(name)
        for part in inner:
            found = _inside(found, part)
        selected[path] = found
    return selected


def _inside(value: Any, name: str) -> Any:
    if is_object(value):
        return value.get(name)
    if is_array(value) and name.isdecimal():
        return value[int(name)] if int(name) < len(value) else None
    return None

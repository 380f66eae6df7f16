"""From a method of the client to a command: what the derivation makes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from fibonacci import Pager
from fibonacci._core.options import UNSET, Unset
from fibonacci.cli.calls.entries import CallEntry, CallParameter
from fibonacci.models import Tool
from tests.tools import calls

Color = Literal["red", "green"] | str


class Paint:
    """Paint things."""

    def get(
        self,
        thing_id: str,
        layer: int | str,
        *,
        color: Color | None = None,
        coats: int,
        drying: int | Unset | None = UNSET,
        is_glossy: bool | Unset = UNSET,
        tags: Sequence[str] | Unset | None = UNSET,
        options: Mapping[str, Any] | None = None,
        since: datetime | timedelta | None = None,
        extra: Any = None,
    ) -> Tool:
        """Return a thing (`GET /things/{id}`). Paint it first.

        Args:
            thing_id: The id, such as `"thing-1"`.
            layer: The layer.
            color: The color.
            coats: How many coats. At least one.
            drying: Seconds to dry; None for none.
            is_glossy: Whether it is glossy,
                in 100 % of all light.
            tags: Its tags.
            options: More options.
            since: From when on.
            extra: Any JSON.

        Returns:
            The thing.
        """
        raise NotImplementedError

    def list(self, *, page_size: int | None = None) -> Pager[Tool]:
        """List the things (`GET /things`).

        Args:
            page_size: Items to fetch per page.
        """
        raise NotImplementedError

    def delete(self, thing_id: str) -> None:
        """Delete a thing (`DELETE /things/{id}`).

        Args:
            thing_id: Its id.
        """

    def without_endpoint(self) -> None:
        """Do something."""

    def with_callback(self, *, on_update: Callable[[], object]) -> None:
        """Do something (`GET /things`).

        Args:
            on_update: Called.
        """


def test_a_call_becomes_an_entry_with_its_help_and_parameters() -> None:
    entry = calls.call(Paint().get)
    assert entry == CallEntry(
        "show a thing",
        "GET /things/{id}",
        (
            CallParameter("thing_id", "text", "the id, such as thing-1", is_positional=True),
            CallParameter("layer", "text", "the layer", is_positional=True),
            CallParameter("color", "word", "the color: red, green", choices=("red", "green")),
            CallParameter("coats", "integer", "how many coats", is_required=True),
            CallParameter("drying", "seconds", "seconds to dry; null for none", is_nullable=True),
            CallParameter("is_glossy", "boolean", "whether it is glossy, in 100 % of all light"),
            CallParameter("tags", "names", "its tags", is_nullable=True),
            CallParameter("options", "object", "more options"),
            CallParameter("since", "since", "from when on"),
            CallParameter("extra", "json", "any JSON"),
        ),
        model="Tool",
    )
    assert (entry.is_read, entry.asks) == (True, False)


def test_lists_and_deletions() -> None:
    listing, deletion = calls.call(Paint().list), calls.call(Paint().delete)
    assert listing == CallEntry("list the things", "GET /things", is_list=True, model="Tool")
    assert (deletion.asks, deletion.is_read, deletion.model) == (True, False, "")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Paint().without_endpoint, "Paint.without_endpoint: the first line of its docstring names no endpoint"),
        (Paint().with_callback, "on_update: no kind for "),
    ],
)
def test_what_cannot_be_a_command_is_refused(method: Callable[..., object], message: str) -> None:
    with pytest.raises(calls.UnknownKind) as raised:
        calls.call(method)
    assert str(raised.value).startswith(message)


def test_what_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {path: path.read_text("utf-8") for path in calls.FOLDER.glob("*.*")}
    changed = {path: text.replace("show one workflow", "read one workflow") for path, text in tables.items()}
    monkeypatch.setattr(calls, "derive_all", lambda: changed)
    assert [path.name for path in calls.differences()] == ["calls.json"]

"""Data as people have it: frames of pandas, polars and pyarrow as rows, and the values in them."""

from __future__ import annotations

import json
import traceback
import tracemalloc
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy
import pandas
import polars
import pytest
from pydantic import BaseModel

import fibonacci
from fibonacci import Fibonacci
from fibonacci._batch.rows import FrameRows, canonical_inputs, frame_rows, key_in, key_text, plain
from tests.batch.journals import JournalPlace
from tests.batch.workflows import inputs_of, named
from tests.kit.assertions import each_row
from tests.kit.mode import Mode

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("data frames")]

pyarrow: Any = import_module("pyarrow")  # it has no types
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS: dict[str, list[Any]] = {
    "id": [3, 1, 2],
    "name": ["Ada", "Bob", None],
    "score": [1.5, float("nan"), 2.0],
    "at": [MOMENT, None, MOMENT],
    "tags": [["a"], [], None],
}
WANTED: list[dict[str, Any]] = [
    {"id": 3, "name": "Ada", "score": 1.5, "at": "2026-01-02T03:04:05+00:00", "tags": ["a"]},
    {"id": 1, "name": "Bob", "score": None, "at": None, "tags": []},
    {"id": 2, "name": None, "score": 2.0, "at": "2026-01-02T03:04:05+00:00", "tags": None},
]
FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pandas.DataFrame(COLUMNS, index=["x", "y", "z"]),
    "pandas, nullable": lambda: pandas.DataFrame(COLUMNS).convert_dtypes(),
    "pandas, pyarrow": lambda: pandas.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: polars.DataFrame(COLUMNS),
    "pyarrow table": lambda: pyarrow.table(COLUMNS),
    "pyarrow batch": lambda: pyarrow.record_batch(COLUMNS),
}


class ScoredPerson(BaseModel):
    id: int
    name: str
    score: float = float("nan")


def rows_of(frame: Any) -> FrameRows:
    rows = frame_rows(frame)
    assert rows is not None
    return rows


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_is_its_rows_in_order(frame: str) -> None:
    rows = rows_of(FRAMES[frame]())
    assert len(rows) == 3
    assert [plain(row) for row in rows] == WANTED
    assert [row["id"] for row in rows] == [3, 1, 2], "it can be iterated again"


def test_rows_of_a_frame_run(mode: Mode, any_client: Any, client: Fibonacci, greeter: str, tmp_path: Path) -> None:
    """One column that the workflow does not use has a missing value: it costs no row."""
    frame = pandas.DataFrame(COLUMNS).fillna({"name": "Eve"})
    options: dict[str, Any] = {"key": "id", "ordered": True, "journal": tmp_path / "runs.db"}
    runs = any_client.workflows.run_many(greeter, frame, **options)
    assert runs.summary.left == 3
    results = mode.run(runs.results())
    assert [(each.key, each.status) for each in results] == [(3, "completed"), (1, "completed"), (2, "completed")]
    assert [each.inputs for each in results] == [{**row, "name": row["name"] or "Eve"} for row in WANTED]
    again = any_client.workflows.run_many(greeter, polars.from_pandas(frame), **options)
    assert [each.key for each in mode.run(again.results())] == [3, 1, 2]
    assert again.summary.from_journal == 3, "the same rows, of whichever library"
    assert len(inputs_of(client, greeter)) == 3


PEOPLE = pandas.DataFrame({"name": ["Ada", "Bob", "Cy", "Dee", "Eve"], "age": [36, 17, 85, 4, 50]})
ORDERS: dict[str, Callable[[], pandas.DataFrame]] = {
    "shuffled": lambda: PEOPLE.sample(frac=1, random_state=3),
    "filtered": lambda: PEOPLE[PEOPLE["age"] > 18].copy(),
    "repeated index": lambda: pandas.concat([PEOPLE[:2], PEOPLE[2:4].set_axis([1, 0])]),
    "two levels": lambda: PEOPLE.set_axis(pandas.MultiIndex.from_arrays([[2, 1, 1, 2, 1], list("abcde")])),
    "none": lambda: PEOPLE[:0].copy(),
}


@pytest.mark.parametrize("order", ORDERS)
def test_answers_can_be_assigned_to_the_frame(mode: Mode, any_client: Any, greeter: str, order: str) -> None:
    frame = ORDERS[order]()
    runs = any_client.workflows.run_many(greeter, frame)
    frame["status"] = mode.run(runs.to_pandas())["status"]
    if len(frame):
        frame["greet"] = mode.run(runs.to_pandas(flatten=True))["outputs.greet"]
        assert frame["greet"].tolist() == [f"[default model] Greet {name}" for name in frame["name"]]
    assert frame["status"].tolist() == ["completed"] * len(frame)


@pytest.mark.parametrize("library", ["polars", "arrow"])
def test_answers_are_in_the_order_of_a_frame_without_an_index(
    mode: Mode, any_client: Any, greeter: str, library: str
) -> None:
    frame: Any = polars.from_pandas(ORDERS["shuffled"]())
    runs = any_client.workflows.run_many(greeter, frame if library == "polars" else frame.to_arrow())
    answers = mode.run(runs.to_pandas(flatten=True))
    assert answers.index.equals(pandas.RangeIndex(5))
    assert answers["inputs.name"].tolist() == frame["name"].to_list()


def test_the_frame_may_be_sorted_in_place_before_its_rows_run(mode: Mode, any_client: Any, greeter: str) -> None:
    frame = PEOPLE.copy()
    runs = any_client.workflows.run_many(greeter, frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of pandas warn of `inplace`
        frame.sort_values("age", inplace=True)
    frame["named"] = mode.run(runs.to_pandas(flatten=True))["inputs.name"]
    assert frame["named"].tolist() == frame["name"].tolist()


@pytest.mark.parametrize("source", ["frame", "dicts"])
def test_rows_that_did_not_run_have_a_line(mode: Mode, any_client: Any, greeter: str, source: str) -> None:
    frame = ORDERS["shuffled"]()
    rows = frame if source == "frame" else frame.to_dict("records")
    runs = any_client.workflows.run_many(greeter, rows, key="name", max_rows=2, ordered=True)
    answers = mode.run(runs.to_pandas(flatten=True))
    assert answers.index.tolist() == (frame.index.tolist() if source == "frame" else [*range(5)])
    assert answers["status"].tolist() == ["completed", "completed", pandas.NA, pandas.NA, pandas.NA]
    assert answers["index"].tolist() == [0, 1, 2, 3, 4]
    assert answers["key"].tolist() == answers["inputs.name"].tolist() == frame["name"].tolist()


def test_answers_of_a_journal_are_in_the_order_of_the_rows(
    mode: Mode, any_client: Any, greeter: str, place: JournalPlace
) -> None:
    """The journal has the order of the call before, and a row that is no longer there."""
    options: dict[str, Any] = {"key": "name", "journal": place.location}
    mode.run(any_client.workflows.run_many(greeter, PEOPLE, **options).results())
    frame = PEOPLE[1:].sort_values("age")
    runs = any_client.workflows.run_many(greeter, frame, **options)
    mode.run(runs.results())
    assert [(each.index, each.key) for each in mode.run(runs.results())] == [*enumerate(frame["name"])]
    frame["named"] = mode.run(runs.to_pandas(flatten=True))["inputs.name"]
    assert frame["named"].tolist() == frame["name"].tolist()


def test_a_frame_is_read_as_rows_are_needed() -> None:
    frame = pandas.DataFrame({"a": numpy.arange(100_000), "b": numpy.ones(100_000)})
    for big in (frame, polars.from_pandas(frame), pyarrow.Table.from_pandas(frame)):
        tracemalloc.start()
        try:
            assert next(iter(rows_of(big))) == {"a": 0, "b": 1.0}
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


@each_row(
    ("frame", "key", "error", "text"),
    [
        (pandas.DataFrame({"id": [1]}), "idd", ValueError, "has no column 'idd', which key= names: its columns are"),
        (pandas.DataFrame({"id": [1]}), "idd", ValueError, "its columns are 'id'"),
        (
            pandas.DataFrame(columns=list("abcdefghij")),
            "k",
            ValueError,
            f"are {', '.join(map(repr, 'abcdefghij'))}",
        ),
        (pandas.DataFrame(columns=list("abcdefghijk")), "l", ValueError, "'i', 'j', ..."),
        (pandas.DataFrame(), "k", ValueError, "its columns are none"),
        (pandas.DataFrame({"id": [1]}).set_index("id"), "id", ValueError, "has that name: pass df.reset_index()"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), None, ValueError, "has 2 columns 'a': rename or drop"),
        (
            pandas.DataFrame([[1, 2]]),
            None,
            TypeError,
            "0 is not a str: rename them, for example with df.rename(columns=str)",
        ),
        (polars.DataFrame({"id": [1]}).lazy(), None, TypeError, "not LazyFrame: pass what its collect() returns"),
    ],
)
def test_a_frame_that_makes_no_rows(client: Fibonacci, frame: Any, key: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        client.workflows.run_many("wf-1", frame, key=key)
    assert text in str(caught.value)


class TestValues:
    @each_row(
        ("value", "wanted"),
        [
            (numpy.int64(3), 3),
            (numpy.float32(0.5), 0.5),
            (numpy.bool_(True), True),
            (numpy.array([[1.0, numpy.nan]]), [[1.0, None]]),
            (numpy.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
            (numpy.array(["2026-01-02", "NaT"], dtype="M8[D]"), ["2026-01-02", None]),
            (numpy.timedelta64(90, "s"), "PT1M30S"),
            (numpy.timedelta64("NaT"), None),
            (pandas.NA, None),
            (pandas.NaT, None),
            (pandas.Timestamp("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
            (pandas.Timedelta("30h"), "P1DT6H"),
            (date(2026, 1, 2), "2026-01-02"),
            (time(3, 4), "03:04:00"),
            (timedelta(hours=30), "P1DT6H"),
            (Decimal("1.10"), "1.10"),
            (Decimal("nan"), None),
            (UUID(int=3), "00000000-0000-0000-0000-000000000003"),
            ({"deep": (float("nan"), [pandas.NaT])}, {"deep": [None, [None]]}),
            (ScoredPerson(id=1, name="Ada"), {"id": 1, "name": "Ada", "score": None}),
        ],
    )
    def test_it_has_a_json_form(self, value: Any, wanted: Any) -> None:
        assert plain(value) == wanted
        assert type(plain(value)) is type(wanted)

    @pytest.mark.parametrize("value", [float("inf"), Decimal("inf"), b"x", {1}, 1j, numpy.complex64(1), object()])
    def test_others_are_refused_by_their_place(self, value: Any) -> None:
        with pytest.raises((TypeError, ValueError), match=r"^a\[1\] is "):
            canonical_inputs({"a": [float("nan"), value]})

    def test_one_that_holds_itself_is_refused(self) -> None:
        endless: list[Any] = [float("nan")]
        endless.append(endless)
        with pytest.raises(ValueError, match="or contain themselves"):
            canonical_inputs({"a": endless})


def test_keys_of_numpy_are_pythons() -> None:
    keys = [key_in(key_text(key, "key")) for key in (numpy.int64(7), numpy.str_("7"))]
    assert [(key, type(key)) for key in keys] == [(7, int), ("7", str)]


def test_failed_rows_have_their_inputs(mode: Mode, any_client: Any, greeter: str, place: JournalPlace) -> None:
    rows: list[Any] = [{"name": "Ada"}, {"nome": "Bob"}, {"name": b"Eve", "n": float("inf")}, 7]
    for _ in range(2):
        runs = any_client.workflows.run_many(greeter, rows, journal=place.location)
        shown = [*rows[:2], {"name": "b'Eve'", "n": "Infinity"}, 7]
        assert json.loads(json.dumps([each.to_dict()["inputs"] for each in mode.run(runs.results())])) == shown
        frame = mode.run(runs.to_pandas())  # from the journal
        assert frame["inputs"].tolist() == shown
        assert frame["key"].tolist() == [0, 1, 2, 3]
        assert frame["status"].tolist() == ["completed", *["failed"] * 3]


@each_row(
    "wrong",
    [
        {"rows": 5},
        {"rows": named("Ada"), "concurrency": "many"},
        {"rows": named("Ada"), "concurrency": 0},
        {"rows": named("Ada"), "if_unknown": "guess"},
        {"rows": named("Ada"), "journal": 5},
        {"rows": pandas.DataFrame({"id": [1]}), "key": "idd"},
    ],
)
def test_a_mistake_in_an_argument_has_one_frame_of_the_package(any_client: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"must be|has no column") as caught:
        any_client.workflows.run_many("wf-1", **wrong)
    frames = traceback.extract_tb(caught.tb)
    package = Path(fibonacci.__file__).parent
    assert [frame.name for frame in frames if Path(frame.filename).is_relative_to(package)] == ["run_many"]

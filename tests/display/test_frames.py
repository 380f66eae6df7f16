"""Lists as data frames of pandas and polars and as tables of pyarrow: one table of expectations for all three."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.models import Execution, Model, Page, Workflow
from tests.kit.mode import Mode
from tests.kit.responses import info

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIBRARIES = ("pandas", "polars", "arrow")
# These libraries are 400 MB and take a second to import: one process of pytest-xdist does, for all of these tests.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("data frames")]
each_library = pytest.mark.parametrize("library", LIBRARIES)


def page_of(model: type[Model], *documents: dict[str, Any]) -> Page[Any]:
    return Page(items=[model.model_validate(document) for document in documents], response=info(), model=model)


def runs(*documents: dict[str, Any]) -> Page[Execution]:
    return page_of(Execution, *({"execution_id": f"exec_{number}", **each} for number, each in enumerate(documents)))


def types_of(page: Page[Any], library: str, **options: Any) -> dict[str, str]:
    """Return the columns with the names of their types."""
    frame: Any = getattr(page, f"to_{library}")(**options)
    if library == "pandas":
        return {name: str(frame.dtypes[name]) for name in frame.columns}
    if library == "polars":
        return {name: str(each) for name, each in frame.schema.items()}
    return {field.name: str(field.type) for field in frame.schema}


def values_of(page: Page[Any], library: str, name: str, **options: Any) -> list[Any]:
    """Return the values of a column, None where one is missing."""
    frame: Any = getattr(page, f"to_{library}")(**options)
    if library == "pandas":
        import pandas

        return [None if value is pandas.NA or value is pandas.NaT else value for value in frame[name].tolist()]
    return list(frame[name].to_list() if library == "polars" else frame.column(name).to_pylist())


TYPES = {
    "text": ("string", "String", "string"),
    "integer": ("Int64", "Int64", "int64"),
    "number": ("Float64", "Float64", "double"),
    "boolean": ("boolean", "Boolean", "bool"),
    "time": ("datetime64[us, UTC]", "Datetime(time_unit='us', time_zone='UTC')", "timestamp[us, tz=UTC]"),
    "mixed": ("object", "String", "string"),
    "null": ("object", "Null", "null"),
}


def type_in(library: str, kind: str) -> str:
    return TYPES[kind][LIBRARIES.index(library)]


RUN = {
    **dict.fromkeys(("id", "status", "workflow_id"), "text"),
    "outputs": "mixed",
    **dict.fromkeys(("duration_ms", "nodes_executed", "nodes_failed"), "integer"),
    **dict.fromkeys(("created_at", "updated_at"), "time"),
}


@each_library
class TestColumns:
    """Names and types."""

    def test_an_empty_page_has_the_documented_columns(self, library: str) -> None:
        found = types_of(runs(), library)
        assert {name: found.get(name) for name in RUN} == {name: type_in(library, kind) for name, kind in RUN.items()}
        assert found.keys() - types_of(runs(), library, flatten=True).keys() >= {"outputs"}

    def test_unknown_fields_come_last_with_the_types_of_their_values(self, library: str) -> None:
        page = runs({"cost": 0.5}, {"cost": 1, "region": "eu", "billed": True, "nothing": None})
        found = types_of(page, library)
        kinds = {"cost": "number", "region": "text", "billed": "boolean", "nothing": "null"}
        assert list(found)[-4:] == list(kinds)
        assert [found[name] for name in kinds] == [type_in(library, kind) for kind in kinds.values()]

    def test_integers_stay_integers_where_one_is_missing(self, library: str) -> None:
        page = runs({"duration_ms": 2**53 + 1, "more": 1}, {"duration_ms": None})
        assert types_of(page, library)["duration_ms"] == types_of(page, library)["more"] == type_in(library, "integer")
        assert values_of(page, library, "duration_ms") == [2**53 + 1, None]
        page = runs({"duration_ms": 5}, {"duration_ms": 0.5})  # a fraction makes numbers of them
        assert types_of(page, library)["duration_ms"] == type_in(library, "number")
        assert values_of(page, library, "duration_ms") == [5.0, 0.5]

    @pytest.mark.parametrize("values", [[1, "one"], [True, 1], [2**70], [{"a": 1}, [1]], ["1", {"a": {}}]])
    def test_values_without_a_common_type(self, library: str, values: list[Any]) -> None:
        page = runs(*({"mixed": value} for value in [*values, None]))
        found = values_of(page, library, "mixed")
        assert types_of(page, library)["mixed"] == type_in(library, "mixed")
        assert found[-1] is None
        read = found if library == "pandas" else [None if text is None else _json(text) for text in found]
        assert read == [*values, None]
        assert [type(value) for value in read[:-1]] == [type(value) for value in values]


@each_library
class TestTimes:
    """Times are times, in UTC."""

    def test_any_time_zone_becomes_utc_and_none_is_taken_for_it(self, library: str) -> None:
        texts = ["2026-11-25T12:00:00Z", "2026-11-25T14:00:00+02:00", "2026-11-25T12:00:00", "yesterday", None]
        page = runs(*({"created_at": text} for text in texts))
        found = values_of(page, library, "created_at")
        assert found == [NOON, NOON, NOON, None, None]
        assert {value.utcoffset() for value in found[:3]} == {timedelta(0)}

    def test_an_undocumented_time_is_one_by_its_name_and_all_its_values(self, library: str) -> None:
        page = runs(
            {"seen_at": "2026-11-25T12:00:00Z", "said_at": "2026-11-25T12:00:00Z", "day": "2026-11-25"},
            {"said_at": "noon"},
        )
        found = types_of(page, library)
        assert [found[name] for name in ("seen_at", "said_at", "day")] == [
            type_in(library, kind) for kind in ("time", "text", "text")
        ]


@each_library
class TestNesting:
    """Nested values stay nested, and become columns on request."""

    def test_outputs_of_one_shape_are_objects(self, library: str) -> None:
        page = runs({"outputs": {"greet": "hi", "n": {"a": 1}}}, {"outputs": {"greet": "ho", "n": {"a": 2}}})
        assert values_of(page, library, "outputs") == [each.outputs for each in page.items]
        if library != "pandas":
            assert "struct" in types_of(page, library)["outputs"].lower()

    def test_outputs_without_a_common_shape_are_kept_whole(self, library: str) -> None:
        outputs: list[dict[str, Any]] = [{"greet": "hi"}, {"greet": ["a", 1]}, {}]
        page = runs(*({"outputs": each} for each in outputs))
        found = values_of(page, library, "outputs")
        assert (found if library == "pandas" else [_json(text) for text in found]) == outputs

    def test_flattened(self, library: str) -> None:
        page = runs(
            {"outputs": {"greet": "hi", "score": {"total": 1, "by": ["a"]}}, "meta": {"x": None}},
            {"outputs": {"greet": "ho", "late": True}, "meta": None},
            {"outputs": {}, "meta": {"x": {"y": 2}}},
        )
        found = list(types_of(page, library, flatten=True))
        first = found.index("outputs.greet")
        assert found[first : first + 4] == ["outputs.greet", "outputs.score.total", "outputs.score.by", "outputs.late"]
        assert found[-1] == "meta.x.y"
        assert "outputs" not in found
        assert "meta" not in found
        assert values_of(page, library, "outputs.score.total", flatten=True) == [1, None, None]
        assert values_of(page, library, "outputs.score.by", flatten=True) == [["a"], None, None]
        assert values_of(page, library, "meta.x.y", flatten=True) == [None, None, 2]

    def test_what_came_out_can_be_stored(self, library: str) -> None:
        page = runs({"outputs": {"a": {}}, "x": {"tags": [], "n": 1}}, {"outputs": {}, "x": None, "y": None})
        frame: Any = getattr(page, f"to_{library}")()
        store = io.BytesIO()
        if library == "arrow":
            import_module("pyarrow.parquet").write_table(frame, store)
        elif library == "polars":
            frame.write_parquet(store)
        else:
            frame.astype({"outputs": "string", "x": "string"}).to_parquet(store)
        assert store.tell() > 0


class TestPagers:
    """All pages, fetched as needed; the same in all modes."""

    def test_all_pages_are_one_frame(self, mode: Mode) -> None:
        with Emulator() as emulator:
            client = mode.client_of(emulator)
            for number in range(7):
                mode.run(client.workflows.create(name=f"Workflow {number}"))
            before = len(emulator.requests)
            frame = mode.run(client.workflows.list(page_size=3).to_pandas())
            assert len(emulator.requests) - before == 3
            assert frame["name"].tolist() == [f"Workflow {number}" for number in range(7)]
            assert str(frame.dtypes["created_at"]) == "datetime64[us, UTC]"
            table = mode.run(client.workflows.list(page_size=3).to_arrow(flatten=True))
            assert table.column("name").to_pylist() == frame["name"].tolist()
            polar = mode.run(client.workflows.list(page_size=3).to_polars())
            assert polar["created_at"].to_list() == frame["created_at"].tolist()

    def test_an_empty_list_has_its_columns(self, mode: Mode) -> None:
        import polars

        with Emulator() as emulator:
            client = mode.client_of(emulator)
            frame = mode.run(client.executions.list().to_polars())
            assert frame.height == 0
            assert frame.schema["created_at"] == polars.Datetime("us", "UTC")
            (page,) = mode.run(client.executions.list().pages())
            assert page.to_polars().schema == frame.schema


MISSING = """
import sys
sys.modules.update({"pandas": None, "polars": None, "pyarrow": None})
from fibonacci import Fibonacci
client = Fibonacci("key", base_url="http://127.0.0.1:9")  # nothing listens there: whatever is sent fails
for library in ("pandas", "polars", "arrow"):
    try:
        getattr(client.workflows.list(), f"to_{library}")()
    except ImportError as error:
        print(error)
"""


def test_the_runs_of_many_rows(mode: Mode, emulator: Emulator, client: Fibonacci) -> None:
    nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
    workflow = client.workflows.create(name="Greeter", definition={"nodes": nodes})
    many = mode.client_of(emulator).workflows
    frame = mode.run(many.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}]).to_pandas(flatten=True))
    assert list(frame.columns) == [
        *("index", "key", "status", "inputs.name", "outputs.greet", "error", "execution_id", "duration_ms")
    ]
    assert list(frame["inputs.name"]) == ["Ada", "Bob"]
    empty = mode.run(many.run_many(workflow.id, []).to_pandas())
    assert list(empty.columns)[:4] == ["index", "key", "status", "inputs"]


def test_a_missing_library_is_named_before_anything_is_sent() -> None:
    run = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, check=True, text=True, timeout=60)
    assert run.stdout.splitlines() == [
        f"to_{library}() needs {module}: pip install 'fibonacci-sdk[{library}]'"
        for library, module in (("pandas", "pandas"), ("polars", "polars"), ("arrow", "pyarrow"))
    ]


DICTS: list[Callable[[Any], dict[str, Any]]] = [dict, Model.to_dict]


class TestToDict:
    """Plain names and values."""

    @pytest.mark.parametrize("to_dict", DICTS, ids=["dict", "to_dict"])
    def test_an_execution(self, to_dict: Callable[[Any], dict[str, Any]]) -> None:
        made = Execution.model_validate(
            {"execution_id": "exec_1", "outputs": None, "created_at": "2026-11-25T13:00:00+01:00", "cost": 0.5}
        )
        read: dict[str, Any] = {"id": "exec_1", "outputs": {}, "created_at": "2026-11-25T13:00:00+01:00", "cost": 0.5}
        expected: dict[str, Any] = {**dict.fromkeys(RUN), **read}
        found = to_dict(made)
        assert {name: found[name] for name in expected} == expected
        assert "execution_id" not in found

    def test_it_is_ready_for_json(self) -> None:
        ended = {"id": "greet", "started_at": "2026-11-25T12:00:00Z", "ended_at": None}
        made = Execution.model_validate({"id": "exec_1", "completed_at": "2026-11-25T12:00:00Z", "trace": [ended]})
        found = json.loads(json.dumps(made.to_dict()))
        assert found["completed_at"] == found["trace"][0]["started_at"] == NOON.isoformat()

    def test_a_field_may_have_the_name_of_a_method(self) -> None:
        given = {"id": "wf-1", "name": "Greeter", "to_dict": 1, "raw_id": 2}
        made = Workflow.model_validate(given)
        assert {name: value for name, value in made.to_dict().items() if value is not None} == given
        assert made.model_dump(mode="json") == given


def _json(text: str) -> Any:
    return json.loads(text)

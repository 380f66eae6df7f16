"""The examples that answer with real models, by the libraries of their makers, against a server of the same formats."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from fibonacci import Execution, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.handler_files import HandlerFiles, HandlersError
from tests.cli.invocation import environment, invoke
from tests.emulator.handling import create
from tests.emulator.model_server import ModelServer, serving_models
from tests.kit.nodes import llm
from tests.tools.markdown import ROOT

FOLDER = ROOT / "examples" / "real_models"
MAKERS = ("openai", "anthropic", "ollama")
pytestmark = pytest.mark.slow

FAILURES: dict[str, dict[str, str]] = {
    "refuse": {"openai": "the model refused: I will not.", "anthropic": "the model refused", "ollama": "unload"},
    "cut": dict.fromkeys(MAKERS, ""),
    "unfinished": dict.fromkeys(MAKERS, "ended with None"),
    "broken": dict.fromkeys(MAKERS, "it is broken"),
    "full": dict.fromkeys(MAKERS, "it is full"),
    "denied": dict.fromkeys(MAKERS, "it is denied"),
    "silent": dict.fromkeys(MAKERS, "timed out"),
    "endless": dict.fromkeys(MAKERS, "the model took longer than 0.2 s"),
}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


# The library of Anthropic takes 5 s of processor time to import. Each night its example does what the others do here.
@pytest.fixture(params=["openai", pytest.param("anthropic", marks=pytest.mark.nightly), "ollama"])
def maker(request: pytest.FixtureRequest, models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    variables = {"OPENAI_BASE_URL": f"{models.address}/v1", "ANTHROPIC_BASE_URL": models.address}
    variables |= {"OLLAMA_HOST": models.address, "OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return str(request.param)


def run(emulator: Emulator, ask: str, **node: Any) -> Execution:
    client = emulator.client()
    workflow = create(client, llm("a", "{{input.ask}}", **node))
    execution = client.workflows.execute(workflow, inputs={"ask": ask})
    return client.executions.get(client.executions.wait(execution.id, timeout=30).id)


@pytest.mark.usefixtures("patient")
def test_an_answer_is_joined_counted_recorded_and_replayed(maker: str, models: ModelServer, tmp_path: Path) -> None:
    asks: list[tuple[str, dict[str, Any], Any]] = [
        ("hello", {"system_prompt": "Be brief.", "max_tokens": 50, "model": "mine"}, "Hello, Ada!"),
        ("json", {"output_schema": {"properties": {"n": {"type": "integer"}}}, "temperature": 0}, {"n": 1}),
        ("json again", {"output_format": "json"}, {"n": 1}),
        ("busy", {"enable_retry": True, "retry_delay": 0}, "Hello, Ada!"),  # Ollama's library does not ask again
    ]
    emulator = Emulator()
    load(maker).register(emulator)
    emulator.record(tmp_path / "answers.json")
    recorded = [run(emulator, ask, **node) for ask, node, _ in asks]
    assert [execution.outputs for execution in recorded] == [{"a": output} for _, _, output in asks]
    first, fenced, *_ = ((execution.trace or [])[0] for execution in recorded)
    assert first.usage == {"input_tokens": 9, "output_tokens": 4}
    assert "```json" in (fenced.warnings or [""])[0]
    asked = next(body for body in models.asked if body["model"] == "mine")
    assert asked["stream"] is True
    models.asked.clear()

    replaying = Emulator()
    replaying.replay(tmp_path / "answers.json")
    replayed = [run(replaying, ask, **node) for ask, node, _ in asks]
    assert [execution.outputs for execution in replayed] == [execution.outputs for execution in recorded]
    assert (replayed[1].trace or [])[0].warnings == fenced.warnings
    assert models.asked == []


@pytest.mark.usefixtures("patient")
def test_each_failure_of_a_model_ends_its_node(maker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(maker)
    emulator = Emulator()
    errors: dict[str, str] = {}
    for ask in FAILURES:
        monkeypatch.setattr(module, "SILENCE", 0.3 if ask == "silent" else 30)
        monkeypatch.setattr(module, "LONGEST", 0.2 if ask == "endless" else 300)
        module.register(emulator)
        errors[ask] = run(emulator, ask).error or ""
    expected = {ask: texts[maker] for ask, texts in FAILURES.items()}
    assert {ask: error for ask, error in errors.items() if not error or expected[ask] not in error} == {}


@pytest.mark.parametrize("name", MAKERS)
def test_without_its_library_an_example_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(HandlersError, match=f"needs the package {name}: pip install {name}"):
        HandlerFiles(f"{name}_model:register").register(Emulator())


def test_the_first_hour_with_a_model(
    models: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the page of the documentation tells: an example, a workflow, a run, its trace, and the replay of it."""
    (tmp_path / "ollama_model.py").write_bytes((FOLDER / "ollama_model.py").read_bytes())
    nodes = [llm("greet", "{{input.text}}"), llm("count", "json please", output_format="json")]
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greet.json").write_text(json.dumps({"name": "Greet", "nodes": nodes}), "utf-8")
    variables = {**environment(None, tmp_path), "OLLAMA_HOST": models.address, "FIBONACCI_EMULATOR_API_KEY": "k"}
    dev = ["dev", "--port", "0", "--seed", "flows"]
    recording = [sys.executable, "-m", "fibonacci.cli", *dev, "--json"]
    recording += ["--handlers", "ollama_model:register", "--record", "answers.json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(recording, env=variables, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            served = json.loads(process.stdout.readline())
            with Fibonacci("k", base_url=served["FIBONACCI_BASE_URL"]) as client:
                workflow = next(iter(client.workflows.list()))
                execution = client.workflows.run(workflow.id, inputs={"text": "hello"}, timeout=60)
            page = served["page"].partition("/#")[0]
            with httpx.Client(base_url=page, headers={"Origin": page, "Sec-Fetch-Site": "same-origin"}) as browser:
                assert browser.post("/ui/sign-in", data={"key": "k"}).status_code == 303
                shown = browser.get(f"/ui/runs/{execution.id}").text
        finally:
            process.kill()
    assert execution.outputs == {"greet": "Hello, Ada!", "count": {"n": 1}}
    assert "Hello, Ada!" in shown
    assert "the JSON was in other text" in shown
    monkeypatch.chdir(tmp_path)
    run = [sys.executable, "-m", "fibonacci.cli", "run", "Greet", "--input", "text=hello"]
    assert invoke(*dev, "--quiet", "--replay", "answers.json", "--", *run).code == 0
    assert json.loads(capfd.readouterr().out)["outputs"] == execution.outputs

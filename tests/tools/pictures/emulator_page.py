"""The screenshots of docs/how-to/watch-runs-on-the-page.md, taken of an emulator with runs of every state."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any, Final

from playwright.sync_api import Page, ViewportSize, expect

from fibonacci.emulator import Emulator, LLMCall, NodeFailure
from tests.kit.chromium import chromium
from tests.tools.pictures.themes import THEMES

KEY: Final = "a-key-of-no-one-else"
SIZE: Final = ViewportSize(width=1200, height=580)

TRIAGE: Final[dict[str, Any]] = {
    "description": "Sorts incoming mail",
    "nodes": [
        {
            "id": "classify",
            "type": "llm",
            "model": "claude-haiku-4-5",
            "instruction": "How urgent is it? {{input.mail}}",
            "output_format": "json",
        },
        {
            "id": "gate",
            "type": "conditional",
            "left_value": "{{classify.urgency}}",
            "operator": "equals",
            "right_value": "high",
            "true_branch": ["page"],
            "false_branch": ["draft"],
        },
        {
            "id": "page",
            "type": "tool",
            "tool": "slack_send_message",
            "params": {"channel": "#boilers", "message": "{{classify.reason}}"},
        },
        {"id": "draft", "type": "llm", "model": "claude-haiku-4-5", "instruction": "Answer {{input.mail}} kindly"},
    ],
}
NEWSLETTER: Final[dict[str, Any]] = {
    "nodes": [
        {"id": "search", "type": "tool", "tool": "web_search", "params": {"query": "{{input.topic}}"}},
        {"id": "sum", "type": "llm", "model": "claude-haiku-4-5", "instruction": "Sum up {{search.params.query}}"},
        {
            "id": "send",
            "type": "tool",
            "tool": "email_send",
            "params": {"to": "team@example.org", "subject": "News", "body": "{{sum}}"},
        },
    ]
}
BACKUP: Final[dict[str, Any]] = {
    "nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 3600}}]
}


def furnish(emulator: Emulator) -> str:
    """Run some workflows; return the id of the run to show."""
    client = emulator.client()

    @emulator.llm
    def reply(call: LLMCall) -> object:
        sleep(0.12)
        is_urgent = "leaks" in call.instruction
        answer = {"urgency": "high" if is_urgent else "low", "reason": "Water on the floor of the boiler room"}
        return answer if call.output_format == "json" else "Thank you for your mail."

    triage, newsletter, backup = (
        client.workflows.create(name=name, definition=definition).id
        for name, definition in (("Triage", TRIAGE), ("Newsletter", NEWSLETTER), ("Nightly backup", BACKUP))
    )
    for mail in ("Where is my invoice?", "Can you call me back?"):
        client.workflows.run(triage, inputs={"mail": mail})
    emulator.script("classify", [NodeFailure(kind="error", message="the model is overloaded")])
    client.workflows.execute(triage, inputs={"mail": "Is the office open on Friday?"})
    emulator.scripts.clear()
    cancelled = client.workflows.execute(backup)
    client.executions.cancel(cancelled.id)
    client.workflows.execute(backup)
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    client.workflows.execute(newsletter, inputs={"topic": "tides"})
    client.organizations.governance.update("default", require_approval_for_external_comm=False)
    emulator.fail("GET /tools", status=503)
    client.tools.list().first()
    client.memory.set("color", "blue")
    return client.workflows.run(triage, inputs={"mail": "The boiler leaks, and there is water everywhere"}).id


def shown(page: Page, address: str, run: str) -> dict[str, Callable[[], None]]:
    """Return how to show what each screenshot is of, by the name of its file."""

    def overview() -> None:
        page.goto(f"{address}/#key={KEY}")
        expect(page.locator("#sections")).to_be_visible()

    def of_the_run() -> None:
        page.set_viewport_size(ViewportSize(width=1120, height=800))  # with the diagram, and outputs beside it
        page.goto(f"{address}/ui/runs/{run}")
        expect(page.locator("#picture")).to_be_visible()

    return {"emulator-overview": overview, "emulator-run": of_the_run}


def screenshots() -> dict[str, bytes]:
    """Take the screenshots; return the content of each by its file name."""
    taken: dict[str, bytes] = {}
    with Emulator(api_key=KEY) as emulator, chromium() as browser:
        run = furnish(emulator)
        for theme in THEMES:
            page = browser.new_page(viewport=SIZE, color_scheme=theme.name)
            for name, show in shown(page, emulator.base_url.removesuffix("/v1"), run).items():
                show()
                taken[f"{name}-{theme.name}.png"] = page.screenshot()
            page.close()
    return taken

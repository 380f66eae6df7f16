"""The overview: what is running, what happened last, and how to begin."""

from __future__ import annotations

from fibonacci.emulator.page.components import example, state, text_block
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.views.log import requests_table
from fibonacci.emulator.page.views.runs import STATES, runs_table

_LATEST = 8
_EXPORTS = """export FIBONACCI_BASE_URL=http://{address}/v1
printf "The owner's key: "; read -rs FIBONACCI_API_KEY; export FIBONACCI_API_KEY
"""
_SCRIPT = """node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
workflow = client.workflows.create(name="Greeter", definition={"nodes": [node]})
print(client.workflows.run(workflow.id, inputs={"name": "Ada"}).outputs)
"""


def show(context: ViewContext) -> PageContent:
    """Show the overview."""
    with context.backend.reading() as store:
        counts = store.executions.counts()
        is_new = not store.workflows.counts() and not counts
    return PageContent("Overview", _begin(context) if is_new else _latest(context, counts), "Overview")


def _latest(context: ViewContext, counts: dict[str, int]) -> Content:
    runs = context.backend.items("/executions", None, limit=_LATEST)
    entries = context.backend.app.log.newest()[:_LATEST]
    return [
        h.ul([h.li(_tile(name, counts.get(name, 0))) for name in STATES], class_="tiles", aria_label="Runs by state"),
        h.section(
            h.h2("Latest runs", id="runs"),
            runs_table(context, runs.items),
            h.p(h.a("All runs", href="/ui/runs")),
            aria_labelledby="runs",
        ),
        h.section(
            h.h2("Latest requests", id="requests"),
            requests_table(context, entries),
            h.p(h.a("All requests", href="/ui/requests")),
            aria_labelledby="requests",
        ),
    ]


def _tile(name: str, count: int) -> HTMLElement:
    return h.a(h.span(f"{count:,}", class_="count"), state(name), href=f"/ui/runs?status={name}")


def _begin(context: ViewContext) -> Content:
    return h.div(
        h.p("There are no workflows yet. Point clients in your shell to this emulator, and enter the key when asked:"),
        text_block("environment", "bash or zsh", _EXPORTS.format(address=context.address), context),
        h.p("Then run your first script:"),
        example("script", "Python", _SCRIPT, context),
        h.p("The run appears here as it happens."),
        class_="empty",
    )

"""The overview: what is running, what happened last, and how to begin."""

from __future__ import annotations

from fibonacci.emulator.page.components import example, section, state, text_block
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import h
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
    with context.reading() as store:
        counts = store.executions.counts()
        is_new = not counts and not store.workflows.counts()
    if is_new:
        begin = h.div(
            h.p("There are no workflows yet. Point clients in your shell here, and enter the key when asked:"),
            text_block("environment", "bash or zsh", _EXPORTS.format(address=context.address), context),
            h.p("Then run your first script:"),
            example("script", "Python", _SCRIPT, context),
            h.p("The run appears here as it happens."),
            class_="empty",
        )
        return PageContent("Overview", begin, "Overview")
    runs = context.items("/executions", None, limit=_LATEST)
    tiles = [
        h.li(h.a(h.span(f"{counts.get(name, 0):,}", class_="count"), state(name), href=f"/ui/runs?status={name}"))
        for name in STATES
    ]
    requests = requests_table(context.app.log.newest()[:_LATEST])
    content = [
        h.ul(tiles, class_="tiles", aria_label="Runs by state"),
        section("Latest runs", runs_table(context, runs.items), h.p(h.a("All runs", href="/ui/runs"))),
        section("Latest requests", requests, h.p(h.a("All requests", href="/ui/requests"))),
    ]
    return PageContent("Overview", content, "Overview")

"""The page in a browser: signing in, the Tab key, and measurements of contrast, width, structure and hostile texts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.page import layout
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.handling import create
from tests.kit.nodes import llm, tool

KEY = "fib-page&key%"
HOSTILE = '"><img src=x onerror="hacked=1"><script>hacked=1</script>'
MAIL = tool("tell", "email_send", {"to": "team@example.org", "subject": HOSTILE, "body": "High tide"})

# The contrast of each text on the page with what is behind it, by the formula of WCAG 2.
CONTRAST = """
() => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const light = channel => (channel /= 255) <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const color = parse(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
      if (color[3] > 0) throw new Error("translucent");
    }
    throw new Error("nothing behind it");
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || !element.checkVisibility() || element.closest("datalist")) continue;
    const [one, other] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([contrast, walker.currentNode.nodeValue.trim().slice(0, 30)]);
  }
  return found;
}
"""


STRUCTURE = """
() => {
  const all = selector => [...document.querySelectorAll(selector)];
  return {
    nameless: all("input:not([type=hidden], [hidden]), select, textarea").filter(each => !each.labels.length).length,
    levels: all("h1, h2, h3, h4").map(each => Number(each.tagName[1])),
    ids: all("[id]").map(each => each.id),
    landmarks: all("body > header, body > nav, body > main").map(each => each.tagName),
    title: document.title,
    text: document.body.innerText,
    hacked: typeof hacked,
    injected: all("body script, img[onerror]").length,
  };
}
"""
CALLS = """
([NAMED, FOREIGN]) => {
  const note = {};
  const send = (name, method, url, headers, body) => {
    const request = new XMLHttpRequest();
    try {
      request.open(method, url, false);
      for (const [header, value] of Object.entries(headers)) request.setRequestHeader(header, value);
      request.send(body);
      note[name] = [request.status, request.getResponseHeader("X-RateLimit-Limit"), request.responseText.length > 0];
    } catch (error) {
      note[name] = error.name;
    }
  };
  const json = {Authorization: "Bearer local-key", "Content-Type": "application/json"};
  send("read", "GET", NAMED + "/v1/health", {Authorization: "Bearer local-key"});
  send("change", "PUT", NAMED + "/v1/memory/k", json, '{"value": 1}');
  send("wrong key", "GET", NAMED + "/v1/health", {Authorization: "Bearer wrong"});
  send("control", "POST", NAMED + "/_emulator/clock/advance", json, '{"seconds": 1}');
  send("foreign read", "GET", FOREIGN + "/v1/health", {Authorization: "Bearer local-key"});
  send("foreign change", "PUT", FOREIGN + "/v1/memory/k", json, '{"value": 1}');
  send("foreign form", "POST", FOREIGN + "/_emulator/reset", {}, "x");
  return note;
}
"""
"""What a page calls on two emulators, of which one names its origin."""

VIEWS: list[tuple[int, Literal["light", "dark"]]] = [
    (1400, "light"),
    (1000, "dark"),
    (400, "dark"),
]

AXE: Final = "axe-core"
"""The rules of Deque for accessible pages, as npm has them. `.ci/package.json` has the version."""

_AXE_DIGEST: Final = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_FINDINGS: Final = """
async options => (await axe.run(document, options)).violations.flatMap(
  rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`.replace(/\\s+/g, " ")))
"""


def axe_script() -> str | None:
    """Return the script of axe-core; `None` where npm has not installed it in a folder of `NODE_PATH`."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        file = Path(folder) / "axe-core" / "axe.min.js"
        if file.is_file():
            content = file.read_bytes()
            assert hashlib.sha256(content).hexdigest() == _AXE_DIGEST, f"{file} is not that of {AXE}"
            return content.decode("utf-8")
    return None


@dataclass
class Survey:
    """What was measured on one page."""

    address: str
    target: str
    structure: dict[str, Any] = field(default_factory=dict[str, Any])
    contrasts: dict[str, list[tuple[float, str]]] = field(default_factory=dict[str, list[tuple[float, str]]])
    overflow: dict[str, int] = field(default_factory=dict[str, int])
    background: dict[str, str] = field(default_factory=dict[str, str])
    findings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    problems: list[str] = field(default_factory=list[str])
    origins: set[str] = field(default_factory=set[str])


def findings(page: Page, axe: str, *rules: str) -> list[str]:
    """Return what a page breaks of the rules of axe-core, all of them by default."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found: list[str] = page.evaluate(_FINDINGS, {"runOnly": rules} if rules else {})
    return found


def measure(page: Page, survey: Survey, axe: str | None) -> None:
    page.goto(survey.address + survey.target)
    page.evaluate("document.querySelectorAll('details').forEach(element => element.open = true)")
    survey.structure |= page.evaluate(STRUCTURE)
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        survey.contrasts[f"{width} {scheme}"] = page.evaluate(CONTRAST)
        survey.overflow[f"{width} {scheme}"] = max(0, page.evaluate("document.documentElement.scrollWidth") - width)
        survey.background[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if axe is not None and scheme not in survey.findings:  # few rules depend on the theme
            survey.findings[scheme] = findings(page, axe, *(["color-contrast"] if survey.findings else []))


def furnish(emulator: Emulator) -> list[str]:
    """Make something of every kind, with hostile texts; return the addresses of all pages."""
    client = emulator.client()

    @emulator.tool("broken")
    def broken(call: ToolCall) -> object:
        raise RuntimeError(HOSTILE + " and a long reason" * 20)

    nodes = llm("say", "Say {{input.text}}", name=HOSTILE), tool("broken", "broken"), llm("odd", model=HOSTILE)
    workflow = create(client, *nodes, name=HOSTILE + " with a long name" * 8)
    failed = client.workflows.execute(workflow, inputs={"text": HOSTILE * 200, HOSTILE: 1, "n_" * 30: "long " * 60})
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    waiting = client.workflows.execute(create(client, MAIL, name=HOSTILE))
    pause = create(client, tool("pause", "wait", {"seconds": 3600}))
    running, canceled = client.workflows.execute(pause), client.workflows.execute(pause)
    client.executions.cancel(canceled.id)
    client.workflows.update(workflow, definition={"nodes": nodes[:2]}, description=HOSTILE + " and more" * 40)
    client.registry.approve_template(workflow)
    client.organizations.tool_policies.create("default", tool_name="broken", enabled=False)
    client.organizations.tool_policies.create_role_override("default", role="viewer", tool_name="broken")
    client.organizations.governance.update("default", category_flags={HOSTILE + "of mine" * 30: True})
    emulator.key("admin", name="a" * 64)
    client.memory.set(HOSTILE, {HOSTILE: HOSTILE * 50}, scope="user", user_id=HOSTILE)
    emulator.fail("GET /tools", status=503, times=2)
    inputs = {HOSTILE: {"title": HOSTILE, "description": HOSTILE * 9}, "mood": {"enum": [HOSTILE * 9]}, "n" * 90: {}}
    schema = {"properties": {**inputs, "text": {"type": "string"}}}
    formed = client.workflows.execute(create(client, llm("say"), input_schema=schema), inputs={"text": HOSTILE})
    pages = [f"/ui/runs/{run.id}" for run in (failed, waiting, running, canceled)]
    pages += [f"/ui/runs/{formed.id}/again", f"/ui/runs?q={quote(HOSTILE)}&workflow_id={workflow}&from=2026-01-31"]
    own = f"/ui/workflows/{workflow}"
    pages += [
        own,
        f"{own}/versions/1",
        f"{own}/versions/2",
        f"/ui/runs/{failed.id}/again?from=broken",
    ]
    return [*SECTIONS.values(), *pages, "/ui/requests/1", "/ui/requests/2"]


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/#key=fib-page%26key%25")
    expect(page.locator("#sections")).to_be_visible()


def focus_on(page: Page, selector: str) -> None:
    """Reach an element with the Tab key alone."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")


def survey_of(browser: Browser, every: int) -> list[Survey]:
    """Measure every page, or every third, filled with hostile texts, in each width and scheme."""
    with Emulator(api_key=KEY, allow_unused=True) as emulator:
        address = emulator.base_url.removesuffix("/v1")
        found = [Survey(address, target) for target in ("/ui/runs", *furnish(emulator))[::every]]
        context = browser.new_context()
        page = context.new_page()
        page.on("console", lambda message: found[0].problems.append(message.text))
        page.on("pageerror", lambda error: found[0].problems.append(str(error)))
        page.on("dialog", lambda dialog: found[0].problems.append(dialog.message))
        page.on("request", lambda request: found[0].origins.add("/".join(request.url.split("/")[:3])))
        axe = axe_script()
        measure(page, found[0], axe)
        sign_in(page, address)
        for each in found[1:]:
            measure(page, each, axe)
        page.wait_for_timeout(1.2 * layout.REFRESH_MS)  # a refresh inserts the texts by script
        found[-1].structure |= page.evaluate(STRUCTURE)
        context.close()
    return found

"""The page in a real browser: with and without script, by keyboard, narrow and wide, dark and light."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.page import layout
from tests.emulator.handling import create
from tests.emulator.page_browser import AXE, KEY, Survey, focus_on, sign_in, survey_of
from tests.emulator.page_client import HOSTILE, MAIL
from tests.kit.chromium import chromium
from tests.kit.nodes import llm, tool
from tests.kit.programs import skip_or_fail

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page in a browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(layout, "REFRESH_MS", 120)
    with Emulator(api_key=KEY) as emulator:
        yield emulator


@pytest.fixture
def address(emulator: Emulator) -> str:
    return emulator.base_url.removesuffix("/v1")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Page:
    """Return a page that is signed in, and shows nothing yet."""
    context.request.post(f"{address}/ui/sign-in", form={"key": KEY}, headers={"Origin": address})
    return context.new_page()


# The gate measures every third page, and each night every page is measured: that takes long.
@pytest.fixture(scope="module", params=[3, pytest.param(1, marks=pytest.mark.nightly)])
def survey(browser: Browser, request: pytest.FixtureRequest) -> list[Survey]:
    return survey_of(browser, every=request.param)


class TestSigningIn:
    def test_the_key_of_the_address_signs_in_and_disappears(self, context: BrowserContext, address: str) -> None:
        page = context.new_page()
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url + str(request.headers)))
        sign_in(page, address)
        assert page.url == f"{address}/"
        assert page.evaluate("history.length") <= 3
        page.goto(f"{address}/#key=fib-page")  # also when it is not needed any more
        expect(page).to_have_url(f"{address}/")
        assert not [text for text in seen if "fib-page" in text]
        (cookie,) = context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("path")) == (True, "Strict", "/")
        assert "fib-page" not in str(cookie)


class TestLive:
    def test_a_running_node_turns_completed_without_reload(
        self, page: Page, address: str, emulator: Emulator, client: Fibonacci
    ) -> None:
        released = threading.Event()

        @emulator.tool("slow")
        def slow(call: ToolCall) -> str:
            released.wait(20)
            return "found it"

        run = client.workflows.execute(create(client, llm("greet"), tool("slow", "slow"), llm("end", "Use {{slow}}")))
        try:
            page.goto(f"{address}/ui/runs/{run.id}")
            node = page.locator("#node-1")
            expect(node.locator(".state")).to_have_text("running")
            page.locator("#node-0 summary").click()
            page.locator("#node-1 summary").click()
            picture = page.locator("#picture image").get_attribute("href")
            page.evaluate("window.mark = 1")
        finally:
            released.set()
        expect(node.locator(".state")).to_have_text("completed")
        expect(page.locator("#state")).to_have_text("completed")
        expect(node).to_contain_text("found it")
        expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
        assert page.locator("#picture image").get_attribute("href") != picture
        opened = page.evaluate("[mark, ...[...document.querySelectorAll('.trace')].map(node => node.open)]")
        assert opened == [1, True, True, False]

    def test_runs_appear_while_the_list_is_shown_and_it_stays_when_the_emulator_stops(
        self, page: Page, address: str, emulator: Emulator, client: Fibonacci
    ) -> None:
        page.goto(f"{address}/ui/runs")
        expect(page.locator(".empty")).to_be_visible()
        workflow = create(client, llm("greet"))
        runs = [client.workflows.execute(workflow).id for _ in range(3)]
        expect(page.locator("tbody tr")).to_have_count(3)
        assert page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)") == runs[::-1]
        expect(page.locator("#sections")).to_contain_text("Runs")
        expect(page.locator("#connection")).to_have_text("Live")
        emulator.close()
        expect(page.locator("#connection")).to_have_text("The emulator isn't responding")
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


class TestDiagram:
    def test_it_is_zoomed_moved_and_leads_to_the_trace(self, page: Page, address: str, client: Fibonacci) -> None:
        chain = [llm("n0"), *(llm(f"n{number}", f"{{{{n{number - 1}}}}}") for number in range(1, 60))]
        run = client.workflows.execute(create(client, *chain, tool("pause", "wait", {"seconds": 3600})))
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(f"{address}/ui/runs/{run.id}")
        canvas, first = page.locator(".canvas"), page.locator("#place-0")
        view = "document.getElementById('picture').getAttribute('viewBox').split(' ').map(Number)"

        def is_in_view(node: Locator) -> bool:
            box, frame = node.bounding_box(), canvas.bounding_box()
            assert box
            assert frame
            return frame["y"] <= box["y"] < box["y"] + box["height"] <= frame["y"] + frame["height"]

        assert page.evaluate(view)[2] < 600  # at a size that can be read
        assert is_in_view(page.locator("#place-60"))  # the node that runs
        first.focus()
        assert is_in_view(first)
        for key, is_nearer in (("+", True), ("-", False)):
            before = page.evaluate(view)
            canvas.press(key)
            assert (page.evaluate(view)[2] < before[2]) == is_nearer
        before = page.evaluate(view)
        canvas.hover()
        page.keyboard.down("Control")
        page.mouse.wheel(0, -200)
        page.keyboard.up("Control")
        page.wait_for_function(f"{view}[2] < {before[2]}")
        before = page.evaluate(view)
        page.mouse.down()
        page.mouse.move(150, 100, steps=5)
        page.mouse.up()
        dragged = page.evaluate(view)
        assert dragged[:2] != before[:2]
        with page.expect_response("**/ui/runs/**"):  # a refresh leaves it where it is
            pass
        assert page.evaluate(view) == dragged
        first.press("Enter")
        expect(page.locator("#node-0 > summary")).to_be_focused()
        assert page.evaluate("[document.getElementById('node-0').open, location.hash]") == [True, "#at-0"]


class TestKeyboard:
    def test_a_run_is_approved(self, page: Page, address: str, client: Fibonacci) -> None:
        page.goto(address)
        client.organizations.governance.update("default", require_approval_for_external_comm=True)
        run = client.workflows.execute(create(client, MAIL)).id
        focus_on(page, "a[href='/ui/approvals']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
        focus_on(page, "input[name=by]")
        page.keyboard.press("Control+A")
        page.keyboard.type("owner")
        focus_on(page, "button[value=approve]")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("owner may not approve their own run")
        focus_on(page, "input[name=by]")
        page.keyboard.press("Control+A")
        page.keyboard.type("admin")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_be_visible()
        expect(page.locator("#flash")).to_have_text("admin approved the run. State: completed.")
        assert client.executions.get(run).status == "completed"


class TestSafety:
    def test_the_policy_refuses_what_would_be_injected(self, page: Page, address: str) -> None:
        page.goto(address)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x\" onerror=hacked=1>')"
        )
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'hacked = 1'}))"
        )
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.wait_for_timeout(50)
        assert page.evaluate("typeof hacked") == "undefined"
        assert len([text for text in problems if "Content Security Policy" in text]) >= 3


@pytest.mark.timeout(400)
class TestEveryPage:
    """What holds for each page, measured once for all."""

    def test_it_fits_its_window_and_is_dark_where_dark_is_preferred(self, survey: list[Survey]) -> None:
        assert {each.target: each.overflow for each in survey if any(each.overflow.values())} == {}
        assert {each.background["light"] for each in survey} == {"rgb(246, 248, 250)"}
        assert {each.background["dark"] for each in survey} == {"rgb(13, 17, 23)"}

    def test_axe_finds_nothing(self, survey: list[Survey]) -> None:
        """No rule of axe-core is broken, in light and in dark."""
        if not any(each.findings for each in survey):
            skip_or_fail("axe-core", f"npm install {AXE}, and NODE_PATH with its folder node_modules")
        found = {
            f"{each.target} {view}: {finding}"
            for each in survey
            for view, findings in each.findings.items()
            for finding in findings
        }
        assert not found, "\n".join(sorted(found))

    def test_hostile_texts_stay_texts(self, survey: list[Survey]) -> None:
        assert len([each for each in survey if HOSTILE in each.structure["text"]]) >= len(survey) // 4
        for each in survey:
            assert (each.structure["hacked"], each.structure["injected"]) == ("undefined", 0), each.target

    def test_nothing_is_complained_about_and_nothing_leaves(self, survey: list[Survey]) -> None:
        """Chromium notes the 401 of the form that asks for the key; nothing else."""
        problems = [problem for each in survey for problem in each.problems]
        assert [problem for problem in problems if "401 (Unauthorized)" not in problem] == []
        assert {origin for each in survey for origin in each.origins} == {survey[0].address}

"""The pages to look things up: governance, tool policies, the audit log, the registry, memory by owner."""

from __future__ import annotations

import os
import re
import subprocess
from html import unescape

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient, PageResponse
from tests.kit.nodes import llm, tool

MAIL = tool("tell", "email_send", {"to": "team@example.org", "subject": "News", "body": "High tide"})


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2hunter2"})


def row(shown: PageResponse, name: str) -> str:
    """Return what a row of a table or a list shows."""
    part = re.search(rf'<(tr|div) id="{re.escape(name)}">(.*?)</\1>', shown.body, re.DOTALL)
    assert part, name
    return PageResponse(200, {}, part[2]).text


class TestGovernance:
    def test_the_settings_are_changed_and_the_others_stay(self, page: PageClient, client: Fibonacci) -> None:
        client.organizations.governance.update("default", allow_self_approval=True, category_flags={"pii": True})
        form = page.get("/ui/governance").form("governance-form")
        assert form == {
            "allow_self_approval": "true",
            "approval_threshold": "1",
            "category_flags": "pii",
            "back": "/ui/governance",
        }
        del form["allow_self_approval"]  # as a browser does with a box that isn't checked
        form |= {"require_approval_for_external_comm": "true", "approval_threshold": "2"}
        form |= {"category_flags": "own, financial"}
        assert "The settings were saved." in page.act("/ui/governance", **form).text
        settings = client.organizations.governance.get("default")
        assert (settings.require_approval_for_external_comm, settings.allow_self_approval) == (True, False)
        assert settings.approval_threshold == 2
        assert settings.category_flags == {"pii": False, "own": True, "financial": True}
        refused = page.act("/ui/governance", **form | {"approval_threshold": "-1"})
        assert "approval_threshold" in refused.text
        assert 'role="alert"' in refused.body

    def test_tools_are_restricted_and_released(self, page: PageClient, client: Fibonacci) -> None:
        page.act("/ui/governance/policies", tool_name="email_send", allowed_roles="owner, admin")
        shown = page.act("/ui/governance/policies", tool_name="calculator")
        assert row(shown, "policy-email_send").startswith("email_send owner, admin")
        assert row(shown, "policy-calculator").startswith("calculator nobody")
        shown = page.act("/ui/governance/overrides", tool_name="email_send", role="member", enabled="true")
        assert row(shown, "override-member-email_send").startswith("member email_send can use it")
        shown = page.act("/ui/governance/policies/calculator/delete")
        assert 'id="policy-calculator"' not in shown.body
        assert "tool_name: must not be empty" in page.act("/ui/governance/policies", back="/ui/governance").text


class TestAuditLog:
    def test_who_changed_what_and_when(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        ada = emulator.client(api_key=emulator.key("owner", name="ada"))
        ada.organizations.governance.update("default", approval_threshold=2, allow_self_approval=True)
        text = page.get("/ui/audit").main
        assert "governance.updated" in text
        assert "ada governance 20" in text
        assert "allow_self_approval: false → true" in text
        assert "approval_threshold: 1 → 2" in text

    def test_it_is_filtered_by_action_and_by_text(
        self, page: PageClient, client: Fibonacci, emulator: Emulator
    ) -> None:
        client.organizations.quota.update("default", concurrent_executions=7)
        client.organizations.governance.update("default", require_approval_for_external_comm=True)
        run = client.workflows.execute(create(client, MAIL)).id
        emulator.approve(run, by="admin")
        shown = page.get("/ui/audit?action=quota.updated")
        assert shown.body.count('<tr id="audit-') == 1
        assert "concurrent_executions: 7" in shown.text
        assert page.get(f"/ui/audit?q={run[:12].upper()}").body.count('<tr id="audit-') == 3
        assert page.get("/ui/audit?q=ADMIN&action=approval.given").body.count('<tr id="audit-') == 1
        assert f'href="/ui/runs/{run}"' in page.get("/ui/audit").body
        assert "No entries match." in page.get("/ui/audit?q=nowhere").text
        assert page.get("/ui/audit?q=").body.count('<tr id="audit-') == 5


class TestRegistry:
    def test_a_workflow_goes_through_its_states(self, page: PageClient, client: Fibonacci) -> None:
        workflow = create(client, MAIL, name="Newsletter")
        assert "Registry not a template Approve as template" in page.get(f"/ui/workflows/{workflow}").text
        target = f"/ui/workflows/{workflow}"
        shown = page.act(f"/ui/registry/{workflow}/approve-template", back=target)
        assert "The state in the registry was changed." in shown.text
        assert "Registry approved Deprecate Archive" in shown.text
        page.act(f"/ui/registry/{workflow}/deprecate", back=target)
        shown = page.act(f"/ui/registry/{workflow}/archive", back=target)
        assert "Registry archived Source" in shown.text


class TestMemory:
    def test_it_is_chosen_by_scope_owner_and_text(self, page: PageClient, client: Fibonacci) -> None:
        workflow = create(client, llm("greet"), name="Greeter")
        client.memory.set("color", "blue", scope="workflow", workflow_id=workflow)
        client.memory.set("team", "Tides", scope="user", user_id="grace")  # no ID has letters after f
        client.memory.set("shape", "round", scope="global")
        of_workflow = re.search(r'href="(/ui/organization\?[^"]*)"', page.get(f"/ui/workflows/{workflow}").body)
        assert of_workflow
        for target, keys in (
            ("/ui/organization", {"color", "team", "shape"}),
            (unescape(of_workflow[1]), {"color"}),
            ("/ui/organization?q=user", {"team"}),
            ("/ui/organization?q=GRACE", {"team"}),
            ("/ui/organization?q=shap", {"shape"}),
            ("/ui/organization?q=nothing", set[str]()),
        ):
            text = page.get(target).main.split()
            assert {key for key in ("color", "team", "shape") if key in text} == keys, target


def test_workflows_are_found_by_name_and_id(page: PageClient, client: Fibonacci) -> None:
    ids = [create(client, llm("greet"), name=f"Workflow {number}") for number in range(30)]
    assert re.findall(r'<tr id="(.*?)">', page.get("/ui/workflows?q=workflow+29").body) == [ids[29]]
    assert re.findall(r'<tr id="(.*?)">', page.get(f"/ui/workflows?q={ids[7]}").body) == [ids[7]]
    target, found = "/ui/workflows?q=WORKFLOW", list[str]()
    while target:
        shown = page.get(target)
        found, target = found + re.findall(r'<tr id="(.*?)">', shown.body), shown.next_page
    assert found == ids


class TestFirstSteps:
    """What an empty emulator says works as it is pasted."""

    def test_the_script_runs(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        with Emulator(organization_id="acme") as emulator:
            page = PageClient(emulator, host=emulator.base_url.split("/")[2]).sign_in()
            monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
            exec(compile(page.get("/").block("script"), "script", "exec"), {})
            assert capsys.readouterr().out.strip()

    def test_the_commands_run(self) -> None:
        with Emulator() as emulator:
            page = PageClient(emulator, host=emulator.base_url.split("/")[2]).sign_in()
            commands = page.get("/").block("environment")
            commands = commands.replace("read -rs FIBONACCI_API_KEY", 'read -rs FIBONACCI_API_KEY <<<"$KEY"')
            environment = os.environ | {"KEY": emulator.api_key}
            script = ["bash", "-euc", commands + 'echo "$FIBONACCI_BASE_URL $FIBONACCI_API_KEY"']
            made = subprocess.run(script, env=environment, capture_output=True, check=True, timeout=60, text=True)
            assert f"{emulator.base_url} {emulator.api_key}" in made.stdout

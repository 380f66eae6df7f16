"""The API reference has an entry for every public name, with signatures, types and errors that lead on."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from html import unescape

import griffe
import pytest

import fibonacci
from fibonacci import AsyncFibonacci, Fibonacci
from tests.kit.public_api import MODULES
from tests.tools.releases.project import ROOT
from tests.tools.site.api.elsewhere import elsewhere
from tests.tools.site.api.fragments import fragments
from tests.tools.site.api.names import PublicNames
from tests.tools.site.api.reference import api_pages
from tests.tools.site.api.signatures import signature
from tests.tools.site.pages import SitePage
from tests.tools.stubs import lazy_modules

# The source of the whole package is read once for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


@pytest.fixture(scope="module")
def pages(names: PublicNames) -> dict[str, SitePage]:
    return {page.path.removeprefix("reference/api/").removesuffix(".md"): page for page in api_pages(names)}


def public_modules() -> list[str]:
    """Return the names of the public modules."""
    lazy = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in lazy_modules()]
    eager = [f"fibonacci.{name}" for name in MODULES]
    return sorted({name.removesuffix(".__init__") for name in [*lazy, *eager]})


def calls(group: type, name: str) -> Iterator[str]:
    """Yield the names of the public members of a class, and of its groups of calls."""
    for member in dir(group):
        if member.startswith("_"):
            continue
        yield f"{name}.{member}"
        value = getattr(group, member)
        if isinstance(value, type):
            yield from calls(value, f"{name}.{member}")


def entry(page: SitePage, name: str) -> str:
    """Return the text of an entry, up to the next heading of its level or above."""
    pattern = rf"^#+ [^\n]*\{{ #{re.escape(name)} .*?(?=^#{{1,2}} |\Z)"
    found = re.search(pattern, page.text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[0]


def test_every_public_name_has_one_fragment(pages: dict[str, SitePage]) -> None:
    found = [name for page in pages.values() for name in fragments(page)]
    assert sorted(set(found)) == sorted(found)
    for module in public_modules():
        public = getattr(importlib.import_module(module), "__all__", ())
        assert [name for name in public if f"{module}.{name}" not in found] == []
        assert module in found or not public, module  # a package that only holds modules has no page
    assert "fibonacci.integrations.opentelemetry.OpenTelemetryTracing" in found


@pytest.mark.parametrize("client", [Fibonacci, AsyncFibonacci])
def test_every_call_of_a_client_has_a_fragment(pages: dict[str, SitePage], client: type) -> None:
    found = {name for page in pages.values() for name in fragments(page)}
    expected = list(calls(client, f"fibonacci.{client.__name__}"))
    assert f"fibonacci.{client.__name__}.organizations.tool_policies.list" in expected
    assert [name for name in expected if name not in found] == []


def test_an_entry_has_the_signature_the_arguments_the_errors_and_the_example(pages: dict[str, SitePage]) -> None:
    text = entry(pages["client.workflows"], "fibonacci.Fibonacci.workflows.get")
    assert text.startswith("## `client.workflows.get` {")
    assert "```python\nget(workflow_id: str | Workflow) -> Workflow\n```" in text
    assert (
        "**Arguments**\n\n- `workflow_id` ([`str | Workflow`](fibonacci.models.md#fibonacci.models.Workflow)): The"
        in text
    )
    assert "**Returns** [`Workflow`](fibonacci.models.md#fibonacci.models.Workflow): The workflow as the" in text
    assert "**Raises**\n\n- [`NotFoundError`](fibonacci.errors.md#fibonacci.errors.NotFoundError): If the" in text
    assert "**Example**\n\n```python\nassert client.workflows.get(workflow.id).name == workflow.name\n```" in text


def test_a_default_is_the_value_and_not_the_name_of_a_constant(pages: dict[str, SitePage]) -> None:
    text = pages["client"].text
    assert "    connect_timeout: float = 5.0,\n" in text
    assert "- `max_idle_connections` (`int`, default `100`):" in text


def test_members_of_bases_that_are_not_public_are_described(pages: dict[str, SitePage]) -> None:
    assert "### `Emulator.approve` {" in pages["fibonacci.emulator"].text
    assert "### `WorkflowBuilder.llm` {" in pages["fibonacci.definitions"].text


def test_bases_lead_to_their_entries_and_private_ones_are_not_shown(pages: dict[str, SitePage]) -> None:
    errors = pages["fibonacci.errors"]
    assert "Bases: [`APIStatusError`](#fibonacci.errors.APIStatusError)" in entry(
        errors, "fibonacci.errors.ServerError"
    )
    assert [name for name, page in pages.items() if re.search(r"fibonacci\._[a-z]|Bases:.*`_", page.text)] == []


def test_an_async_entry_leads_to_the_sync_one_and_names_its_result(pages: dict[str, SitePage]) -> None:
    text = entry(pages["async"], "fibonacci.AsyncFibonacci.workflows")
    run = "[`await run()`](client.workflows.md#fibonacci.Fibonacci.workflows.run)"
    mark = "{ #fibonacci.AsyncFibonacci.workflows.run }"
    result = "[`Execution`](fibonacci.models.md#fibonacci.models.Execution)"
    assert f"- {run}{mark}, {result}: Start a workflow, wait" in text
    assert "- [`list()`](client.workflows.md#fibonacci.Fibonacci.workflows.list)" in text  # not awaited


def test_every_signature_is_python(names: PublicNames) -> None:
    functions = [each for each in names.entries.values() if isinstance(each.target, griffe.Function)]
    assert len(functions) > 100
    for each in functions:
        assert isinstance(each.target, griffe.Function)
        text = str(signature("name", each.target))
        ast.parse(f"{text.replace('async name', 'async def name', 1) if text[:5] == 'async' else f'def {text}'}: ...")


def test_the_version_is_described(pages: dict[str, SitePage]) -> None:
    assert "fibonacci.__version__" in fragments(pages["fibonacci"])
    assert fibonacci.__version__


def test_a_result_that_is_described_in_several_lines_is_one_result(pages: dict[str, SitePage]) -> None:
    text = entry(pages["client"], "fibonacci.Fibonacci.request")
    assert text.count("**Returns**") == 1
    assert "of that type.\nOtherwise, it is plain Python data (dicts, lists, strings, numbers)" in text


def test_further_arguments_have_stars_and_no_default(pages: dict[str, SitePage]) -> None:
    assert "\n- `**changes` (`Any`): Keyword arguments that" in pages["fibonacci.testing"].text


def test_a_type_with_several_entries_has_one_piece_of_code_between_two_links(pages: dict[str, SitePage]) -> None:
    text = pages["client.organizations"].text
    role = "[`Role`](fibonacci.models.md#fibonacci.models.Role)"
    assert f"- `allowed_roles` (`Sequence[`{role}`] | `[`Unset`](fibonacci.md#fibonacci.Unset)): " in text


def test_the_types_of_a_signature_lead_to_their_entries(pages: dict[str, SitePage]) -> None:
    page = pages["client.workflows"]
    shown = page.site_text
    execution = '<a href="fibonacci.models.md#fibonacci.models.Execution"><span class="n">Execution</span></a>'
    assert '<span class="nb">float</span> <span class="o">|</span> <span class="kc">None</span>' in shown
    assert f'<span class="o">-&gt;</span> {execution}\n</code></pre></div>' in shown
    assert '<a href="https://docs.pydantic.dev/latest/api/base_model/#pydantic.BaseModel">' in shown
    assert "```python\nget(workflow_id: str | Workflow) -> Workflow\n```" in page.plain_text
    assert "```python\nget(workflow_id" not in shown
    # On its own page, an entry is a fragment alone.
    assert '<a href="#fibonacci.models.ResponseInfo">' in pages["fibonacci.models"].site_text


def test_a_type_of_another_package_leads_to_its_documentation(pages: dict[str, SitePage]) -> None:
    path = "[`Path`](https://docs.python.org/3/library/pathlib.html#pathlib.Path)"
    assert f"**Returns** {path}: The path of the file." in pages["client.workflows"].text
    assert elsewhere("datetime.datetime") == "https://docs.python.org/3/library/datetime.html#datetime.datetime"
    assert [elsewhere(path) for path in ("str", "typing.Any", "collections.abc.Sequence", "other.Thing")] == [None] * 4


def test_the_html_of_a_signature_says_what_its_markdown_says(pages: dict[str, SitePage]) -> None:
    blocks = {markdown: html for page in pages.values() for markdown, html in page.blocks.items()}
    assert len(blocks) > 100
    for markdown, html in blocks.items():
        assert unescape(re.sub(r"<[^>]+>", "", html)).strip() == markdown.removeprefix("```python\n").removesuffix(
            "\n```"
        )


def test_the_arguments_of_a_class_stand_before_its_example(pages: dict[str, SitePage]) -> None:
    text = entry(pages["fibonacci.emulator"], "fibonacci.emulator.Emulator")
    assert text.index("**Arguments**") < text.index("**Raises**") < text.index("**Example**")


def test_an_attribute_is_shown_without_final(pages: dict[str, SitePage]) -> None:
    assert [path for path, page in pages.items() if "Final[" in page.text or "(`Final`)" in page.text] == []


def test_entries_of_several_files_are_listed_by_name_and_those_of_one_in_its_order(pages: dict[str, SitePage]) -> None:
    listed = {path: re.findall(r"^## `(\w+)`", page.text, re.MULTILINE) for path, page in pages.items()}
    assert listed["fibonacci.models"] == sorted(listed["fibonacci.models"], key=str.lower)
    assert listed["fibonacci.errors"][:3] == ["FibonacciError", "ConfigurationError", "APIError"]

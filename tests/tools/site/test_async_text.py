"""How the async text of a block is derived, and what has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.assertions import check_rows
from tests.tools.markdown import Block
from tests.tools.site.async_text import Derived, PageHalves
from tests.tools.site.async_types import Pairs
from tests.tools.site.pages import SitePage
from tests.tools.site.tabs import with_tabs, without_async_tabs

# The source of the whole package is read once for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

START = "from fibonacci import Fibonacci\n\nclient = Fibonacci()\n"


def derived(pairs: Pairs, *codes: str) -> list[Derived]:
    """Return what is derived of the blocks of a page, the first of which makes a client."""
    page = PageHalves(pairs)
    return [page.derive(Block(Path("page.md"), 1, "python", code)) for code in (START, *codes)][1:]


CHANGED = {
    "client.tools.get('x')": "await client.tools.get('x')",
    "print(client.tools.get('x').name)  # prints: y": "print((await client.tools.get('x')).name)  # prints: y",
    "found = client.tools.get('x') or None": "found = await client.tools.get('x') or None",
    "client.tools.get('x')['a']": "(await client.tools.get('x'))['a']",
    "client.tools.list().first()": "await client.tools.list().first()",
    "client.workflows.run(client.workflows.find('x').id)": (
        "await client.workflows.run((await client.workflows.find('x')).id)"
    ),
    "for each in client.tools.list():  # all\n    print(each)": (
        "async for each in client.tools.list():  # all\n    print(each)"
    ),
    "for each in client.tools.list().take(3): ...": "for each in await client.tools.list().take(3): ...",
    "for page in client.tools.list().pages(): ...": "async for page in client.tools.list().pages(): ...",
    "for seen in client.executions.watch('x'): ...": "async for seen in client.executions.watch('x'): ...",
    "[each.name for each in client.tools.list() if each]": "[each.name async for each in client.tools.list() if each]",
    "len(list(client.tools.list()))": "len([item async for item in client.tools.list()])",
    "a, b = (client.tools.get(x) for x in 'ab')": "a, b = [await client.tools.get(x) for x in 'ab']",
    "sum(client.tools.get(x).size for x in 'ab')": "sum([(await client.tools.get(x)).size for x in 'ab'])",
    "tools = client.tools\ntools.get('ü')": "tools = client.tools\nawait tools.get('ü')",
    "other = client.with_options(timeout=3)\nother.close()": (
        "other = client.with_options(timeout=3)\nawait other.aclose()"
    ),
    "with Fibonacci() as own:\n    own.tools.get('x')": (
        "async with AsyncFibonacci() as own:\n    await own.tools.get('x')"
    ),
    "with client.workflows.run_many('x', []) as runs:\n    print(runs.summary, runs.results())": (
        "async with client.workflows.run_many('x', []) as runs:\n    print(runs.summary, await runs.results())"
    ),
    "def one(name):\n    return client.tools.get(name)\n\n\nprint(one('x').name)": (
        "async def one(name):\n    return await client.tools.get(name)\n\n\nprint((await one('x')).name)"
    ),
    "def one(client: Fibonacci):\n    client.health.check()": (
        "async def one(client: AsyncFibonacci):\n    await client.health.check()"
    ),
    "from fibonacci.emulator import Emulator\n\nwith Emulator().client() as own:\n    own.health.check()": (
        "from fibonacci.emulator import Emulator\n\n"
        "async with Emulator().async_client() as own:\n    await own.health.check()"
    ),
    "from fibonacci import APIError, Fibonacci, NotFoundError": (
        "from fibonacci import APIError, AsyncFibonacci, NotFoundError"
    ),
    "from fibonacci.definitions import check_definition\n\ncheck_definition({}, tools=client)": (
        "from fibonacci.definitions import check_definition\n\n"
        "check_definition({}, tools=[tool async for tool in client.tools.list()])"
    ),
    "client.health.check()  # as Fibonacci(timeout=3) does": (
        "await client.health.check()  # as AsyncFibonacci(timeout=3) does"
    ),
}

SAME = (
    "print(client.base_url, client.rate_limit)",
    "import json\n\njson.dumps({})",
    "slow = client.with_options(timeout=60)",
    "async def main():\n    ...",
)

REFUSED = (
    "call = lambda: client.health.check()",
    "print(f'{client.health.check()}')",
    "list(map(client.tools.get, 'ab'))",
    "clients = [client]",
    "save(client)",
    "check = client.health.check",
    "own = Fibonacci(http_client=made)",
    "own = Fibonacci(clock=made)",
    "@decorated\ndef one():\n    return client.health.check()",
    "def one():\n    yield client.health.check()",
    "def one():\n    client.health.check()\n\n\nmap(one, 'ab')",
    "def one():\n    client.health.check()\n    one()",
    "def two():\n    one()\n\n\ndef one():\n    client.health.check()",
    "class Service:\n    def run(self):\n        client.health.check()",
    "def make() -> Fibonacci: ...",
    "own: Protocol = Fibonacci()",
    "with open('x') as file, Fibonacci() as own: ...",
    "# service.py\ndef check(client: Fibonacci):\n    client.health.check()",
    "def test_it():\n    client.health.check()",
)


def test_what_changes(pairs: Pairs) -> None:
    def check(row: tuple[str, str]) -> None:
        code, expected = row
        (half,) = derived(pairs, code)
        assert half.code == expected

    check_rows(((code, (code, expected)) for code, expected in CHANGED.items()), check)


def test_what_stays_the_same_has_no_async_text(pairs: Pairs) -> None:
    for code in SAME:
        (half,) = derived(pairs, code)
        assert half == Derived(None, code), code


def test_what_is_not_certain_is_refused(pairs: Pairs) -> None:
    for code in REFUSED:
        (half,) = derived(pairs, code)
        assert half.code is None, code
        assert half.refused, code


def test_a_refused_block_does_not_stop_the_next_ones(pairs: Pairs) -> None:
    first = "import json\n\nfrom fibonacci import Fibonacci\n\nown = Fibonacci(clock=made)\nnames = ['a']\nown.close()"
    refused, later, cut_off = derived(pairs, first, "client.tools.get(names[0])", "own.health.check()")
    assert refused.shared == "import json\nfrom fibonacci import Fibonacci\nnames = ['a']"
    assert later.code == "await client.tools.get(names[0])"
    assert cut_off.code is None
    assert cut_off.refused == "own, which an earlier block has in sync form alone"


def test_an_async_class_that_no_async_text_has_imported_is_imported(pairs: Pairs) -> None:
    page = PageHalves(pairs)
    first = "from fibonacci import Fibonacci\n\nown = Fibonacci(clock=made)\n"
    texts = [
        page.derive(Block(Path("page.md"), 1, "python", code)).code
        for code in (first, "client = Fibonacci()\n", "again = Fibonacci()\n")
    ]
    assert texts == [
        None,
        "from fibonacci import AsyncFibonacci\n\nclient = AsyncFibonacci()\n",
        "again = AsyncFibonacci()\n",
    ]


def test_a_program_is_one(pairs: Pairs) -> None:
    program = "# hello.py\nfrom fibonacci import Fibonacci\n\n# Once:\nown = Fibonacci()\nown.health.check()\n"
    made, cut_off = derived(pairs, program, "own.health.check()")
    assert made.code == (
        "# hello.py\nimport asyncio\n\nfrom fibonacci import AsyncFibonacci\n\n\nasync def main() -> None:\n"
        "    # Once:\n    own = AsyncFibonacci()\n    await own.health.check()\n\n\nasyncio.run(main())\n"
    )
    assert cut_off.code is None
    (several_lines,) = derived(pairs, f'{program}print("""\na\n""")\n')
    assert several_lines.refused == "a file that is no program, or has texts of several lines"


def test_tabs_stand_where_the_block_was(pairs: Pairs) -> None:
    block = f"```python\n{START}client.health.check()\n```"
    text = f"# Title\n\nBefore.\n\n<!-- not run: it is an example -->\n{block}\n\nAfter.\n"
    page = with_tabs(SitePage("how-to/a.md", "A", "", text, "docs/how-to/a.md"), pairs)
    assert page.text == text
    assert page.shown.startswith(
        '# Title\n\nBefore.\n\n<!-- not run: it is an example -->\n===! "Sync"\n\n    ```python\n'
    )
    assert (
        "    from fibonacci import Fibonacci\n\n    client = Fibonacci()\n    client.health.check()\n    ```\n"
        in page.shown
    )
    assert '\n=== "Async"\n\n    ```python\n    from fibonacci import AsyncFibonacci\n' in page.shown
    assert page.shown.endswith("as [Async](use-async.md) shows.\n\nAfter.\n")
    assert with_tabs(SitePage("tutorial/a.md", "A", "", text), pairs).shown == ""
    sync_only = text.replace("not run: it is an example", "sync only")
    assert with_tabs(SitePage("how-to/a.md", "A", "", sync_only), pairs).shown == sync_only


def test_the_search_has_a_block_once() -> None:
    text = "<p>Do:</p> SyncAsync <pre><code>call()</code></pre> <pre><code>await call()</code></pre> <p>Then.</p>"
    assert without_async_tabs(text) == "<p>Do:</p> <pre><code>call()</code></pre> <p>Then.</p>"

"""The subjects: for each its environment, and the code of `make()` and `call(client, id)` in either mode.

The code is text, for it runs where its packages are, in `worker.py`. `{url}` is where the server is.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

KEY = "fib_" + "k" * 28


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        environment: The name of its environment.
        imports: The statement that a user writes first.
        make: An expression that makes a client.
        call: An expression that makes a call with `client` and `id`, typed where the subject has types.
    """

    environment: str
    imports: str
    make: str
    call: str

    def code(self, url: str) -> str:
        """Return the code for a worker."""
        mode = "async " if "await " in self.call else ""
        made = f"{self.imports}\n\ndef make():\n    return {self.make}\n\n"
        return f"{made}{mode}def call(client, id):\n    return {self.call}\n".replace("{url}", url)

    def script(self, url: str) -> str:
        """Return a script that makes one call, for a process of its own."""
        body = f"client = {self.make}\nid = 'wf-abc123'\n{self.call}\n"
        if "await " in self.call:
            indented = "".join(f"    {line}\n" for line in body.splitlines())
            body = f"import asyncio\nasync def main():\n{indented}asyncio.run(main())\n"
        return f"{self.imports}\n{body}".replace("{url}", url)


SYNC = {
    "fibonacci": Subject(
        "sdk",
        "from fibonacci import Fibonacci",
        f"Fibonacci('{KEY}', base_url='{{url}}/v1')",
        "client.workflows.get(id)",
    ),
    "fibonacci, your httpx client": Subject(
        "sdk",
        "import httpx\nfrom fibonacci import Fibonacci",
        f"Fibonacci('{KEY}', base_url='{{url}}/v1', http_client=httpx.Client())",
        "client.workflows.get(id)",
    ),
    "httpx": Subject(
        "sdk",
        "import httpx",
        f"httpx.Client(headers={{'Authorization': 'Bearer {KEY}'}})",
        "client.get('{url}/v1/workflows/' + id)",
    ),
    "openai": Subject(
        "openai", "import openai", "openai.OpenAI(api_key='k', base_url='{url}/v1')", "client.models.retrieve(id)"
    ),
    "anthropic": Subject(
        "anthropic",
        "import anthropic",
        "anthropic.Anthropic(api_key='k', base_url='{url}')",
        "client.models.retrieve(id)",
    ),
}

ASYNC = {
    "fibonacci": Subject(
        "sdk",
        "from fibonacci import AsyncFibonacci",
        f"AsyncFibonacci('{KEY}', base_url='{{url}}/v1')",
        "await client.workflows.get(id)",
    ),
    "fibonacci, your httpx client": Subject(
        "sdk",
        "import httpx\nfrom fibonacci import AsyncFibonacci",
        f"AsyncFibonacci('{KEY}', base_url='{{url}}/v1', http_client=httpx.AsyncClient(timeout=None))",
        "await client.workflows.get(id)",
    ),
    "httpx": Subject(
        "sdk",
        "import httpx",
        f"httpx.AsyncClient(headers={{'Authorization': 'Bearer {KEY}'}}, timeout=None)",
        "await client.get('{url}/v1/workflows/' + id)",
    ),
    "aiohttp": Subject(
        "aiohttp",
        dedent("""\
            import aiohttp

            async def get(client, url):
                async with client.get(url) as response:
                    return await response.read()
        """),
        f"aiohttp.ClientSession(headers={{'Authorization': 'Bearer {KEY}'}})",
        "await get(client, '{url}/v1/workflows/' + id)",
    ),
    "openai": Subject(
        "openai",
        "import openai",
        "openai.AsyncOpenAI(api_key='k', base_url='{url}/v1')",
        "await client.models.retrieve(id)",
    ),
    "openai[aiohttp]": Subject(
        "openai-aiohttp",
        "import openai",
        "openai.AsyncOpenAI(api_key='k', base_url='{url}/v1', http_client=openai.DefaultAioHttpClient())",
        "await client.models.retrieve(id)",
    ),
    "anthropic": Subject(
        "anthropic",
        "import anthropic",
        "anthropic.AsyncAnthropic(api_key='k', base_url='{url}')",
        "await client.models.retrieve(id)",
    ),
}

"""Use your own `httpx.Client`, for hooks, proxies, certificates or limits of your choice.

`http_client=x` is short for `transport=HTTPXTransport(x)`. The SDK uses the client as it is and never closes it. Each
request gets the remaining time of the call. Redirects are not followed. The client's timeouts and auth are not used.
"""

from __future__ import annotations

from collections import Counter

import httpx

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator

statuses: Counter[int] = Counter()


def log(response: httpx.Response) -> None:
    # Method, path and status only: the headers of the request hold the API key.
    print(f"{response.request.method} {response.request.url.path}: {response.status_code}")
    statuses[response.status_code] += 1


def main() -> None:
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=5)
    with Emulator() as emulator, httpx.Client(limits=limits, event_hooks={"response": [log]}) as http_client:
        client = Fibonacci(emulator.api_key, base_url=emulator.base_url, http_client=http_client)
        workflow = client.workflows.create(name="Empty")
        client.workflows.run(workflow.id)
        client.workflows.delete(workflow.id)
        client.close()

        assert not http_client.is_closed  # the SDK never closes it
        print(f"{statuses.total()} requests")  # prints: 4 requests


if __name__ == "__main__":
    main()

"""What an emulator saw during a test, for the report of its failure: requests, warnings, failed nodes."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.faults.response import FailingResponse
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse

_SHOWN: Final = 10
"""How many requests, warnings and executions are shown: the latest."""

_LENGTH: Final = 300
"""How many characters of a body are shown."""

_HIDDEN: Final = "***"
_SECRET_NAME: Final = re.compile(r"authorization|credential|passw|secret|token$|api_?key", re.IGNORECASE)
_CONNECT: Final = re.compile(r"/tools/[^/]+/connect")


class EmulatorObserver:
    """Keeps the latest requests of an emulator, and describes what it saw since a test began.

    Args:
        name: The name of the emulator's fixture.
        emulator: The emulator.
        secrets: Values that must not be shown, besides its keys.

    Attributes:
        name: The name of the fixture.
        requests: How many requests it has received since the test began.
    """

    def __init__(self, name: str, emulator: Emulator, secrets: Mapping[str, str]) -> None:
        self.name: Final = name
        self.requests: int = 0
        self._emulator = emulator
        self._hide = _Hiding([emulator.api_key, *secrets.values()])  # the keys of other roles begin with the owner's
        self._latest: deque[tuple[ServerRequest, ServerResponse]] = deque(maxlen=_SHOWN)
        self._began = emulator.clock.now()
        emulator.app.observers.append(self._add)

    def begin_test(self) -> None:
        """Forget what was seen before."""
        self.requests = 0
        self._latest.clear()
        self._began = self._emulator.clock.now()

    def describe(self) -> str:
        """Return the text of the report, without keys and secrets."""
        return "\n".join(map(self._hide.in_text, self._lines()))

    def _add(self, request: ServerRequest, response: ServerResponse, seconds: float) -> None:
        self.requests += 1
        self._latest.append((request, response))

    def _lines(self) -> Iterator[str]:
        latest = list(self._latest)
        left_out = self.requests - len(latest)
        yield f"{self.name} {self._emulator!r}, requests in this test: {self.requests}"
        if left_out:
            yield f"  ({left_out} earlier ones are left out)"
        for request, response in latest:
            yield from self._exchange_lines(request, response)
        for warning in self._emulator.warnings[-_SHOWN:]:
            yield f"  warning: {warning}"
        try:
            yield from islice(self._failed_nodes(), _SHOWN)
        except StateError as error:  # of a file that is closed, for example
            yield f"  its state cannot be read: {error}"

    def _failed_nodes(self) -> Iterator[str]:
        """Yield a line for each failed node of the executions of this test, the newest execution first."""
        store = self._emulator.app.store
        with store.reading():
            for _, execution in store.executions.rows(newest_first=True, brief=True):
                if execution["created"] < self._began:
                    break
                for node in execution["nodes"]:
                    if node["status"] == "failed":
                        where = f"{node['id']!r} of {execution['id']} ({execution['workflow_id']})"
                        yield f"  failed node {where}: {node['error']}"

    def _exchange_lines(self, request: ServerRequest, response: ServerResponse) -> Iterator[str]:
        failure = f", injected failure {response.failure.kind}" if isinstance(response, FailingResponse) else ""
        yield f"  {request.method} {request.target} {response.status}{failure}{_error_of(response)}"
        if request.body:
            hidden = _CONNECT.search(request.target)  # what it holds are credentials, by any name
            yield f"    {_HIDDEN if hidden else self._body_text(request.body)}"

    def _body_text(self, body: bytes) -> str:
        try:
            text = json.dumps(self._hide.in_json(json.loads(body)), ensure_ascii=False)
        except (ValueError, RecursionError):
            return f"({len(body)} bytes that are not JSON)"
        return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}... ({len(text)} characters)"


class _Hiding:
    """Replaces secrets, by their values, and in JSON by names such as `password` too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {spelling for secret in secrets if secret for spelling in (secret, quote(secret, safe=""))}
        self._pattern = re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True))))

    def in_text(self, text: str) -> str:
        return self._pattern.sub(_HIDDEN, text)

    def in_json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.in_text(value)
        if is_object(value):
            return {self.in_text(name): self._in_field(name, each) for name, each in value.items()}
        return [self.in_json(each) for each in value] if is_array(value) else value

    def _in_field(self, name: str, value: Any) -> Any:
        return _HIDDEN if _SECRET_NAME.search(name) else self.in_json(value)


def _error_of(response: ServerResponse) -> str:
    if response.status < 400:
        return ""
    try:
        error = json.loads(response.body)["error"]
        return f" {error['code']}: {error['message']}"
    except (ValueError, LookupError, TypeError):  # the body of an injected failure may be anything
        return ""

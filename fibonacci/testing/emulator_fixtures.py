"""The emulators of the pytest fixtures: their options, the one that the environment names, and what they have seen."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import pytest

from fibonacci._core import redirection
from fibonacci._core.config import Config
from fibonacci._texts.suggestions import did_you_mean
from fibonacci._texts.text import printable_line
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator import Emulator, StateError
from fibonacci.emulator.account import DERIVED_KEY
from fibonacci.emulator.engine.variables import REDACTED, redact, redact_text, texts_of
from fibonacci.emulator.facade import app_of, client_variables
from fibonacci.emulator.faults import FailingResponse
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse
from fibonacci.emulator.request_log import without_secrets
from fibonacci.testing.emulator_environment import note_end, redirect_to, set_variables

_SHOWN: Final = 10
"""How many requests, warnings and executions are shown: the latest."""

_LENGTH: Final = 300
"""How many characters of a body are shown."""

_SECRET_NAME: Final = re.compile(r"authorization|credential|passw|secret|token$|api[_-]?key", re.IGNORECASE)


class RunningEmulator:
    """The emulator of a fixture. It keeps the latest requests, and describes what it saw since a test began.

    Args:
        fixture: The name of the fixture.
        emulator: The emulator.
        markers: The markers that its options are from.

    Attributes:
        fixture: The name of the fixture.
        emulator: The emulator.
        markers: The markers that its options are from.
        requests: How many requests it has received since the test began.
    """

    def __init__(self, fixture: str, emulator: Emulator, markers: Sequence[pytest.Mark]) -> None:
        self.fixture: Final = fixture
        self.emulator: Final = emulator
        self.markers: Final = markers
        self.requests: int = 0
        self._latest: deque[tuple[ServerRequest, ServerResponse]] = deque(maxlen=_SHOWN)
        self._began = emulator.clock.now()
        app_of(emulator).observers.append(self._add)

    def begin_test(self) -> None:
        """Drop what was seen before."""
        self.requests = 0
        self._latest.clear()
        self._began = self.emulator.clock.now()

    def describe(self) -> str:
        """Return the text of the report, without keys and secrets."""
        hidden = texts_of([self.emulator.api_key, *app_of(self.emulator).environment.secrets.every_value])
        return "\n".join(printable_line(_redacted(line, hidden)) for line in self._lines(hidden))

    def _add(self, request: ServerRequest, response: ServerResponse, seconds: float) -> None:
        self.requests += 1
        self._latest.append((request, response))

    def _lines(self, hidden: Sequence[str]) -> Iterator[str]:
        latest = list(self._latest)
        left_out = self.requests - len(latest)
        yield f"{self.fixture} {self.emulator!r}, requests in this test: {self.requests}"
        if left_out:
            yield f"  ({left_out} earlier requests not shown)"
        for request, response in latest:
            yield from _exchange_lines(request, response, hidden)
        for warning in self.emulator.warnings[-_SHOWN:]:
            yield f"  warning: {warning}"
        try:
            yield from (f"  {text}" for text in app_of(self.emulator).unused().values())
            yield from islice(self._failed_nodes(), _SHOWN)
        except StateError as error:  # of a file that is closed, for example
            yield f"  its state cannot be read: {error}"

    def _failed_nodes(self) -> Iterator[str]:
        """Yield a line for each failed node of the executions of this test, the newest execution first."""
        store = app_of(self.emulator).store
        with store.reading():
            for _, execution in store.executions.rows(newest_first=True, brief=True):
                if execution["created"] < self._began:
                    break
                for node in execution["nodes"]:
                    if node["status"] == "failed":
                        where = f"{node['id']!r} of {execution['id']} ({execution['workflow_id']})"
                        yield f"  failed node {where}: {node['error']}"


def _redacted(line: str, hidden: Sequence[str]) -> str:
    """Return a line without secrets and without keys, those of roles and persons included."""
    return DERIVED_KEY.sub(REDACTED, redact_text(line, hidden))


def _exchange_lines(request: ServerRequest, response: ServerResponse, hidden: Sequence[str]) -> Iterator[str]:
    failure = f", injected failure {response.failure.kind}" if isinstance(response, FailingResponse) else ""
    yield f"  {request.method} {request.target} {response.status}{failure}{_error_of(response)}"
    if request.body:
        yield f"    {_body_text(without_secrets(request).body, hidden)}"


def _body_text(body: bytes, hidden: Sequence[str]) -> str:
    """Return a body on one line, redacted before it is cut, because a part of a secret would not be found."""
    try:
        content = redact(_without_secret_fields(json.loads(body)), hidden)
        text = DERIVED_KEY.sub(REDACTED, json.dumps(content, ensure_ascii=False))
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are not JSON)"
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}... ({len(text)} characters)"


def _without_secret_fields(value: Any) -> Any:
    """Return JSON with the values of fields such as `password` replaced."""
    if is_object(value):
        fields = value.items()
        return {
            name: REDACTED if _SECRET_NAME.search(name) else _without_secret_fields(value) for name, value in fields
        }
    return list(map(_without_secret_fields, value)) if is_array(value) else value


def _error_of(response: ServerResponse) -> str:
    if response.status < 400:
        return ""
    try:
        error = json.loads(response.body)["error"]
        return f" {error['code']}: {error['message']}"
    except (ValueError, LookupError, TypeError):  # the body of an injected failure may be anything
        return ""


def emulator_options(options: Mapping[str, Any], markers: Iterable[pytest.Mark]) -> dict[str, Any]:
    """Return the options of an emulator, where a marker overrides the fixture, and a closer marker a farther one.

    Args:
        options: The value of the fixture `fibonacci_emulator_options`.
        markers: The markers that apply, the closest first.
    """
    if not is_object(options):
        pytest.fail(
            f"fibonacci_emulator_options must return the options of Emulator as a dict, not {type(options).__name__}",
            pytrace=False,
        )
    merged = dict(options)
    _check_names(merged, "fibonacci_emulator_options")
    for marker in reversed(list(markers)):
        merged |= marker.kwargs
    return merged


def check_marker(marker: pytest.Mark) -> None:
    """Fail the test with a message unless a marker has options of the emulator, all by name.

    Args:
        marker: A marker `fibonacci`.
    """
    what = "@pytest.mark.fibonacci"
    if marker.args:
        pytest.fail(f'{what} takes keyword arguments, such as plan="free", not {marker.args[0]!r}', pytrace=False)
    if not marker.kwargs:
        pytest.fail(
            f'{what} sets options of the emulator, such as plan="free". To get an emulator, use the fixture '
            "fibonacci_emulator",
            pytrace=False,
        )
    _check_names(marker.kwargs, what)


def _check_names(options: Iterable[object], what: str) -> None:
    known = list(inspect.signature(Emulator).parameters)
    for name in options:
        if name not in known:
            remedy = did_you_mean(str(name), known) or f". The options are {', '.join(known)}"
            pytest.fail(f"{what}: Emulator has no option {name!r}{remedy}", pytrace=False)


class EmulatorFixtures:
    """The running emulators of a session of pytest.

    Clients and environment variables point to the one whose fixture the current test uses. If it uses several, that of
    the narrowest scope counts.

    Args:
        fixtures: The names of the fixtures, the narrowest scope first.

    Attributes:
        running: The emulators.
    """

    def __init__(self, fixtures: Sequence[str]) -> None:
        self.running: Final[list[RunningEmulator]] = []
        self._fixtures = fixtures
        self._used: set[str] = set()
        self._target: RunningEmulator | None = None
        self._redirect: Callable[[Config], Config] | None = None
        self._replaced: Mapping[str, str | None] = {}

    @contextmanager
    def run(self, fixture: str, options: Mapping[str, Any], markers: Sequence[pytest.Mark]) -> Generator[Emulator]:
        """Run an emulator for as long as its fixture exists.

        Args:
            fixture: The name of the fixture.
            options: The options of the emulator.
            markers: The markers that they are from.
        """
        with Emulator(**options) as emulator:
            running = RunningEmulator(fixture, emulator, markers)
            self.running.append(running)
            self._used.add(fixture)
            self._redirect_clients()
            try:
                yield emulator
            finally:
                self.running.remove(running)
                note_end(emulator, f"the fixture {fixture}")
                self._redirect_clients()

    def begin_test(self, used: Collection[str]) -> None:
        """Begin a test.

        Args:
            used: The fixtures of emulators that it uses.
        """
        self._used = set(used)
        self._redirect_clients()
        for running in self.running:
            running.begin_test()

    def check_test(self) -> None:
        """Fail a passed test if something never acted in its own emulator, or if a handler's assertion failed.

        What a shared emulator has may be for another test, so it is checked when its fixture ends.
        """
        __tracebackhide__ = True
        for running in self.running:
            if not running.emulator.allow_unused:
                app, is_own = app_of(running.emulator), running.fixture == self._fixtures[0]
                app.check_unused(() if is_own else app.unused())

    def end_test(self) -> None:
        """End a test, after its fixtures.

        A fixture that was set up before an emulator, such as `monkeypatch`, ends after it, and may have restored a
        variable to the value that the emulator gave it.
        """
        right = self._replaced if self._target is None else client_variables(self._target.emulator)
        set_variables({name: value for name, value in right.items() if os.environ.get(name) in redirection.ended})

    def _redirect_clients(self) -> None:
        """Redirect clients and variables to another emulator if needed, or restore the variables if there is none."""
        named = min(self.running, key=self._distance, default=None)
        if named is self._target:  # a user's fixture may have changed the variables since
            return
        before, self._target = self._redirect, named
        self._redirect = None if named is None else redirect_to(named.emulator, f"the fixture {named.fixture}")
        if self._redirect is not None:
            redirection.redirects.append(self._redirect)  # first: no client may go anywhere else in the meantime
        replaced = set_variables(self._replaced if named is None else client_variables(named.emulator))
        if before is None:
            self._replaced = replaced
        else:
            redirection.redirects.remove(before)

    def _distance(self, running: RunningEmulator) -> tuple[bool, int]:
        return running.fixture not in self._used, self._fixtures.index(running.fixture)

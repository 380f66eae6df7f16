"""The options of a client, by arguments and by the environment, and what its constructor refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from fibonacci import APIConnectionError, AsyncFibonacci, ConfigurationError, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from fibonacci.transports import TransportError
from tests.kit.assertions import check_rows, each_row
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.transport import ScriptedTransport

SECRET = "sk-do-not-show-me"


def refused(mode: Mode, *parts: str, **options: Any) -> None:
    """Make a client that cannot be made; the message has all of those words, and never the key."""
    options.setdefault("api_key", SECRET)
    with pytest.raises(ConfigurationError) as caught:
        mode.client(**options)
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert SECRET not in text


def refuse_in_environment(mode: Mode, name: str, value: str, *parts: str, **options: Any) -> None:
    """Do the same with an option that is given by the environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(name, value)
        refused(mode, *parts, **options)


BLANK = ("", "  ", "\n")
CHARACTERS = {
    f"{SECRET}\n": r"'\n' at position 17",
    f"{SECRET}\r\nX-Evil: 1": r"'\r'",
    f" {SECRET}": "' ' at position 0",
    f"{SECRET}é": "'é'",
    f"{SECRET}\x7f": r"'\x7f'",
    f"Bearer {SECRET}": "' ' at position 6",
}
"""Keys that no header can hold, and the character at fault."""
BAD_URLS = [
    *("", "api.example.com/v1", "ftp://api.example.com", "https:///v1", "https://api.example.com:port", "https://[::1"),
    *(
        "https://api.example.com:99999",
        "https://api.example.com:0",
        "https://api.example.com/ä",
        "https://bücher..example",
    ),
    *("https://user:pass@bücher.example", "https://api.example.com/a b", "https://api.example.com\n"),
    *("https://key@api.example.com", "https://api.example.com?x=1", "https://api.example.com#x"),
]
SECONDS = "timeout must be a number of seconds"
REFUSED: list[tuple[str, tuple[Any, ...], type[Exception], tuple[str, ...]]] = [
    ("api_key", (None,), ConfigurationError, ("no API key", "api_key=", "FIBONACCI_API_KEY")),
    ("api_key", BLANK, ConfigurationError, ("api_key is blank", "FIBONACCI_API_KEY")),
    ("api_key", (SECRET.encode(),), ConfigurationError, ("api_key must be a str, not bytes",)),
    ("api_key", (7,), ConfigurationError, ("api_key must be a str, not int",)),
    ("base_url", (*BAD_URLS,), ConfigurationError, ("base_url",)),
    ("base_url", (f"https://user:{SECRET}@api.example.com",), ConfigurationError, ("must not contain a user",)),
    ("base_url", (f"ftp://user:{SECRET}@api.example.com",), ConfigurationError, ("must be like https://",)),
    ("base_url", (7, b"https://api.example.com", Path("/v1")), TypeError, ("base_url must be a str",)),
    ("timeout", (0, -0.1, math.nan, math.inf), ConfigurationError, ("timeout must be above 0", "None means no limit")),
    ("timeout", (True, "5", b"5", [5], 5j), TypeError, (SECONDS,)),
    ("max_retries", (-1,), ConfigurationError, ("max_retries must be",)),
    ("max_retries", (1.0, True, "1", None), TypeError, ("max_retries must be",)),
    ("max_response_bytes", (0, -5), ConfigurationError, ("max_response_bytes must be",)),
    ("max_response_bytes", (1.5, True, "1"), TypeError, ("max_response_bytes must be",)),
    ("headers", ({"X": 1}, {"X": None}, {"X": b"1"}, {1: "x"}), TypeError, ("headers must map str to str",)),
    ("headers", ({"authorization": "x"},), ConfigurationError, ("pass api_key instead",)),
    *(
        ("headers", ({name: "x"},), ConfigurationError, ("headers", repr(name), "the client sets"))
        for name in ("host", "Content-Length", "TRANSFER-ENCODING", "connection")
    ),
    *(
        ("headers", ({name: "x"},), ConfigurationError, ("is not a header name",))
        for name in ("", "X Y", "X:Y", "X\n", "Ünicode")
    ),
    *(
        ("headers", ({"X-Team": value},), ConfigurationError, ("the value of 'X-Team'", "printable ASCII"))
        for value in ("a\nb", "a\r\nX-Evil: 1", " a", "a ", "é", "\x00")
    ),
    (
        "ca_bundle",
        ("absent.pem", Path("absent.pem")),
        ConfigurationError,
        ("ca_bundle", "there is no file", "PEM file"),
    ),
    ("idempotency", ("client",), ConfigurationError, ('idempotency must be "server" or None', "'client'")),
    ("http_client", (object(), "client", httpx.HTTPTransport()), ConfigurationError, ("http_client must be", "httpx2")),
    ("on_retry", ("print",), TypeError, ("on_retry must be a function", "str")),
    ("allow_insecure", ("no",), TypeError, ("allow_insecure must be True or False", "str")),
    ("clock", (1.5,), TypeError, ("clock must be an object with the methods monotonic, time, sleep, not float",)),
    ("tracing", (1.5,), TypeError, ("tracing must be an object with the methods call, attempt, not float",)),
    ("rate_limiter", ("none",), ConfigurationError, ('must be "process", "machine", "off" or the URL', "'none'")),
    ("rate_limiter", (f"redsi://:{SECRET}@localhost",), ConfigurationError, ("not 'redsi://***@localhost'",)),
    ("rate_limiter", (f"redis://:{SECRET}/x@localhost",), ConfigurationError, ("the URL of the Redis server",)),
    ("rate_limiter", (3,), TypeError, ('rate_limiter must be "process", ', "not int")),
]
"""An option, values that it cannot have, and what is said of each."""


@each_row(("name", "values", "kind", "parts"), REFUSED)
def test_what_an_option_cannot_be(
    mode: Mode, name: str, values: tuple[Any, ...], kind: type[Exception], parts: tuple[str, ...]
) -> None:
    for value in values:
        options: dict[str, Any] = {name: value}
        make: Any = Fibonacci if name in ("clock", "tracing") else mode.client  # a mode has clocks of its own
        with pytest.raises(kind) as caught:
            make(**{"api_key": SECRET, **options})
        text = str(caught.value)
        assert type(caught.value) is kind
        assert [part for part in parts if part not in text] == [], text
        assert SECRET not in text
        if name in ("timeout", "max_retries", "base_url") or (name == "headers" and value != {"X": None}):
            with pytest.raises(kind, match=name):
                mode.client(SECRET).with_options(**options)


@each_row(
    ("name", "values", "parts"),
    [
        ("FIBONACCI_API_KEY", BLANK, ("the environment variable FIBONACCI_API_KEY is blank",)),
        ("FIBONACCI_BASE_URL", BAD_URLS, ("the environment variable FIBONACCI_BASE_URL",)),
        (
            "FIBONACCI_TIMEOUT",
            ("", "0", "-1", "nan", "inf", "5s", "true"),
            ("FIBONACCI_TIMEOUT must be a number of seconds above 0, or none",),
        ),
        (
            "FIBONACCI_MAX_RETRIES",
            ("", "-1", "1.5", "many"),
            ("the environment variable FIBONACCI_MAX_RETRIES must be",),
        ),
        ("FIBONACCI_RATE_LIMITER", ("",), ('FIBONACCI_RATE_LIMITER must be "process"',)),
    ],
)
def test_what_a_variable_of_the_environment_cannot_be(
    mode: Mode, name: str, values: Sequence[str], parts: tuple[str, ...]
) -> None:
    for value in values:
        refuse_in_environment(mode, name, value, *parts, api_key=None if name == "FIBONACCI_API_KEY" else SECRET)


class TestKey:
    @each_row(("key", "character"), CHARACTERS.items())
    def test_a_character_that_no_header_can_hold(self, mode: Mode, key: str, character: str) -> None:
        refused(mode, "api_key", character, "Copy the key again", api_key=key)
        refuse_in_environment(mode, "FIBONACCI_API_KEY", key, "FIBONACCI_API_KEY", character, api_key=None)

    @each_row(
        ("returned", "text"),
        [(None, "must be a str, not None"), ("", "blank"), (f"{SECRET}\n", "position 17"), (b"x", "not bytes")],
    )
    def test_a_key_function_that_returns_no_key_is_refused(
        self, mode: Mode, server: ScriptedServer, returned: Any, text: str
    ) -> None:
        client = mode.client(lambda: returned, base_url=server.base_url)
        with pytest.raises(ConfigurationError, match=text) as caught:
            mode.run(client.workflows.get("wf-1"))
        assert "the api_key function" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert server.requests == []

    def test_a_key_function_is_called_for_each_call(self, mode: Mode, server: ScriptedServer) -> None:
        keys = iter(["key-of-first", "key-of-second"])
        client = mode.client(lambda: next(keys), base_url=server.base_url)
        for _ in range(2):
            server.add_response({"data": {"id": "wf-1"}})
            mode.run(client.workflows.get("wf-1"))
        assert [sent.one("Authorization") for sent in server.requests] == [
            "Bearer key-of-first",
            "Bearer key-of-second",
        ]

    def test_from_the_environment(self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", "from-the-environment")
        monkeypatch.setenv("FIBONACCI_BASE_URL", f"{server.base_url}/")
        server.add_response({"data": {"id": "wf-1"}})
        mode.run(mode.client().workflows.get("wf-1"))
        assert server.last.one("Authorization") == "Bearer from-the-environment"
        assert server.last.target == "/v1/workflows/wf-1"


class TestBaseUrl:
    def test_the_documented_one(self, mode: Mode) -> None:
        assert mode.client(SECRET).base_url == "https://api.fibonacci.dev/v1"

    @each_row(
        "url", ["http://api.example.com", "http://10.0.0.1/v1", "http://127.0.0.1.example.com", "http://localhost.evil"]
    )
    def test_plain_http_to_another_machine(self, mode: Mode, url: str) -> None:
        refused(mode, "plain http", "unencrypted", "Use https", "allow_insecure=True", base_url=url)
        assert mode.client(SECRET, base_url=url, allow_insecure=True).base_url == url

    @each_row(
        ("given", "kept"),
        [
            ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
            ("http://localhost", "http://localhost"),
            ("http://platform.localhost:1/x", "http://platform.localhost:1/x"),
            ("http://[::1]:80/v1", "http://[::1]:80/v1"),
            ("http://127.1.2.3", "http://127.1.2.3"),
            ("https://API.Example.com/V1//", "https://api.example.com/V1"),
            ("HTTPS://api.example.com:8443", "https://api.example.com:8443"),
            ("https://Bücher.example:8443/v1/", "https://xn--bcher-kva.example:8443/v1"),
            ("https://straße.example", "https://xn--strae-oqa.example"),
            ("http://\uff4cocalhost/v1", "http://localhost/v1"),
        ],
    )
    def test_the_base_url_is_normalized(self, mode: Mode, given: str, kept: str) -> None:
        assert mode.client(SECRET, base_url=given).base_url == kept


class TestNumbers:
    @each_row(
        ("variables", "options", "timeout", "execute_timeout", "retries"),
        [
            ({}, {}, 60.0, 300.0, 2),
            ({}, {"timeout": 5, "max_retries": 0}, 5.0, 5.0, 0),
            ({}, {"timeout": None}, None, None, 2),
            ({"FIBONACCI_TIMEOUT": "7.5", "FIBONACCI_MAX_RETRIES": "5"}, {}, 7.5, 7.5, 5),
            ({"FIBONACCI_TIMEOUT": "None"}, {}, None, None, 2),
            ({"FIBONACCI_TIMEOUT": "7", "FIBONACCI_MAX_RETRIES": "5"}, {"timeout": 4, "max_retries": 1}, 4.0, 4.0, 1),
            ({"FIBONACCI_TIMEOUT": "nonsense"}, {"timeout": 4}, 4.0, 4.0, 2),
        ],
    )
    @pytest.mark.usefixtures("clock")
    def test_arguments_precede_the_environment_and_that_the_defaults(
        self,
        mode: Mode,
        monkeypatch: pytest.MonkeyPatch,
        variables: dict[str, str],
        options: dict[str, Any],
        timeout: float | None,
        execute_timeout: float | None,
        retries: int,
    ) -> None:
        transport = ScriptedTransport(TransportError("never_sent"))
        with monkeypatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            client = mode.client_of(transport, **options)
        for method, *arguments in ((client.request, "GET", "/x"), (client.workflows.execute, "wf-1")):
            with pytest.raises(APIConnectionError):
                mode.run(method(*arguments))
        assert len(transport.requests) == 2 * (1 + retries)
        assert transport.remaining[:: 1 + retries] == [pytest.approx(timeout), pytest.approx(execute_timeout)]


class TestHeaders:
    def test_other_headers_are_sent_and_may_replace_defaults(self, mode: Mode, server: ScriptedServer) -> None:
        client = mode.client(SECRET, base_url=server.base_url, headers={"X-Team": "a\tb", "User-Agent": "mine/1"})
        server.add_response({"data": {"id": "wf-1"}})
        mode.run(client.workflows.get("wf-1"))
        assert server.last.one("X-Team") == "a\tb"
        assert server.last.one("User-Agent") == "mine/1"


class TestOtherOptions:
    def test_an_http_client_of_the_other_mode_is_refused(self, mode: Mode) -> None:
        other: Any = httpx.Client() if mode.is_async else httpx.AsyncClient()
        refused(mode, "http_client must be", f"not {type(other).__name__}", http_client=other)

    def test_a_sync_client_takes_no_async_functions(self) -> None:
        async def function(*_: object) -> str:
            return "sk-1"

        class Asynchronous:
            monotonic = time = aclose = close = staticmethod(print)
            send = sleep = function

        wrong: dict[str, Any] = {"api_key": function, "on_retry": function}
        objects: dict[str, Any] = {"transport": Asynchronous(), "clock": Asynchronous()}
        for name, value in {**wrong, **objects}.items():
            options: dict[str, Any] = {"api_key": "sk-1", name: value}
            with pytest.raises(TypeError, match=rf"^{name}[.\w]* is an async function, {REMEDY}$"):
                Fibonacci(**options)
            AsyncFibonacci(**options)


@each_row("name", ["machine", "redis://localhost:6379/0", "rediss://h:1", "unix:///run/redis.sock"])
def test_a_limiter_for_several_processes_needs_the_clock_of_the_machine(name: str) -> None:
    with Mode("sync", FakeClock()) as mode:
        refused(mode, "clock", 'rate_limiter="process"', rate_limiter=name)
    Fibonacci(SECRET, rate_limiter=name)


async def answer(*_: object) -> str:
    """Return what an `api_key` function returns, too late for a sync client."""
    return "sk-1"


class AsyncAnswer:
    """An object that is called, or whose method is, as a callback often is."""

    async def __call__(self, *_: object) -> str:
        return "sk-1"

    async def method(self, *_: object) -> str:
        return "sk-1"


ASYNC_FUNCTIONS: dict[str, Any] = {
    "a function": answer,
    "a partial of a partial": partial(partial(answer, 1), 2),
    "an object": AsyncAnswer(),
    "a method": AsyncAnswer().method,
}
REMEDY = "which a sync client cannot await. Pass a plain function, or use AsyncFibonacci"


class TestCallbacks:
    """Functions of the user that a client calls: a sync client takes no async ones, which it would drop in silence."""

    def test_a_sync_client_refuses_async_ones_before_anything_is_sent(self, tmp_path: Path) -> None:
        (tmp_path / "flow.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        with Emulator() as emulator, emulator.client() as client:
            workflow = client.workflows.create(name="Empty").id
            plan = client.workflows.plan(tmp_path)
            before = len([*emulator.requests])
            calls: dict[str, Callable[[Any], object]] = {
                "api_key": lambda function: Fibonacci(function),
                "on_retry": lambda function: Fibonacci("sk-1", on_retry=function),
                "on_wait": lambda function: Fibonacci("sk-1", on_wait=function),
                "on_update of run": lambda function: client.workflows.run(workflow, on_update=function),
                "on_update of wait": lambda function: client.executions.wait("exec_1", on_update=function),
                "on_change": lambda function: client.workflows.apply(plan, on_change=function),
            }

            def check(row: tuple[str, Callable[[Any], object], Any]) -> None:
                name, call, function = row
                with pytest.raises(TypeError, match=rf"^{name.split()[0]} is an async function, {REMEDY}$"):
                    call(function)

            check_rows(
                (
                    (f"{name}: {kind}", (name, call, function))
                    for name, call in calls.items()
                    for kind, function in ASYNC_FUNCTIONS.items()
                ),
                check,
            )
            for name, call in calls.items():
                if name != "api_key":
                    with pytest.raises(
                        TypeError, match=f"^{name.split()[0]} must be a function of one argument, not int"
                    ):
                        call(7)
            assert len([*emulator.requests]) == before

    def test_a_coroutine_that_a_plain_function_returns_is_refused_at_its_first_call(self) -> None:
        with Emulator() as emulator, emulator.client() as client:
            workflow = client.workflows.create(name="Empty").id
            text = f"^on_update returned a coroutine, {REMEDY}\n"  # and a note
            with pytest.raises(TypeError, match=text) as caught:
                client.workflows.run(workflow, on_update=lambda seen: answer(seen))
            (execution,) = client.executions.list()
            assert caught.value.__notes__ == [f"execution id: {execution.id}"]
            not_a_key: Any = lambda: answer()  # noqa: E731
            with (
                Fibonacci(not_a_key, base_url=emulator.base_url) as other,
                pytest.raises(TypeError, match=f"^api_key returned a coroutine, {REMEDY}$"),
            ):
                other.tools.get("calculator")

    @pytest.mark.anyio
    async def test_an_async_client_awaits_all_of_them(self) -> None:
        seen: list[str] = []

        async def note(_: object, execution: Execution) -> None:
            seen.append(execution.id)

        with Emulator() as emulator:
            async with emulator.async_client() as client:
                workflow = (await client.workflows.create(name="Empty")).id
                ended = await client.workflows.run(workflow, on_update=partial(note, None))
        assert seen == [ended.id]

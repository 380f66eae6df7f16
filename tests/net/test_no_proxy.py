"""NO_PROXY, case by case: what this SDK does, and what httpx, requests and curl do with the same value."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.transport_errors import TransportError
from fibonacci._core.urls import is_loopback
from fibonacci._net.proxies import proxy_for
from fibonacci._net.proxy import is_exempt
from tests.kit.assertions import check_rows, each_row
from tests.kit.listener import Listener
from tests.kit.programs import find
from tests.net.no_proxy_cases import CASES, NoProxyCase, Route

if TYPE_CHECKING:
    from _typeshed import TraceFunction

_CURL = (8, 14)
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them would take longer than a case


class HangUp(Listener):
    """Reads a little and hangs up: that a connection was made is all that counts.

    Args:
        route: What is noted of each connection.
        taken: Where it is noted.
    """

    def __init__(self, route: Route, taken: list[str]) -> None:
        super().__init__()
        self._route = route
        self._taken = taken

    def serve(self, sock: socket.socket, number: int) -> None:
        if sock.recv(65536):
            self._taken.append(self._route)


class Routes:
    """A proxy, and the place that every connection leads to which does not go through it."""

    def __init__(self, proxy: HangUp, direct: HangUp, taken: list[str]) -> None:
        self.proxy = proxy
        self.direct = direct
        self._taken = taken

    def taken_by(self, send: Callable[[], object]) -> list[str]:
        """Return which ways requests take, in their order, which fail whatever the way."""
        self._taken.clear()
        with suppress(Exception):
            send()
        # The connections that come after all that a request may have left waiting.
        for listener in (self.proxy, self.direct):
            with socket.create_connection(("127.0.0.1", listener.port)) as last:
                last.shutdown(socket.SHUT_WR)
                assert last.recv(1) == b""
        return list(self._taken)


@pytest.fixture(scope="module")
def listeners() -> Iterator[Routes]:
    taken: list[str] = []
    with HangUp("proxied", taken) as proxy, HangUp("direct", taken) as direct:
        yield Routes(proxy, direct, taken)


@pytest.fixture
def routes(listeners: Routes, monkeypatch: pytest.MonkeyPatch) -> Routes:
    """Return the routes, with all proxy variables set, and with every other host at the direct one's address."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):  # curl does not read HTTP_PROXY
        monkeypatch.setenv(name, listeners.proxy.origin)
    system, thread = socket.getaddrinfo, threading.get_ident()

    def resolve(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if threading.get_ident() != thread:  # something that an earlier test has left goes where it always went
            return system(host, port, *args, **named)
        to_proxy = host in ("127.0.0.1", b"127.0.0.1") and port == listeners.proxy.port
        return system("127.0.0.1", port if to_proxy else listeners.direct.port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return listeners


def rows() -> Iterator[tuple[str, NoProxyCase]]:
    """Yield every case with its name."""
    return ((f"{case.no_proxy or 'empty'} {case.url}", case) for case in CASES)


def test_no_proxy_is_read_as_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")

    def check(case: NoProxyCase) -> None:
        monkeypatch.setenv("NO_PROXY", case.no_proxy)
        assert ("direct" if proxy_for(case.url) is None else "proxied") == case.ours

    check_rows(rows(), check)


def test_the_column_of_httpx_is_what_httpx_does(routes: Routes, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(case: NoProxyCase) -> None:
        monkeypatch.setenv("NO_PROXY", case.no_proxy)

        def send() -> None:
            with httpx.Client(verify=_NO_AUTHORITIES) as client:
                client.get(case.url)

        assert routes.taken_by(send) == ([] if case.httpx == "refused" else [case.httpx])

    check_rows(rows(), check)


def test_the_column_of_requests_is_what_requests_does(monkeypatch: pytest.MonkeyPatch) -> None:
    utils: Any = import_module("requests.utils")  # it brings no types
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")

    def check(case: NoProxyCase) -> None:
        monkeypatch.setenv("NO_PROXY", case.no_proxy)
        proxies = utils.get_environ_proxies(case.url)  # as a session does for each request
        assert ("proxied" if utils.select_proxy(case.url, proxies) else "direct") == case.requests

    check_rows(rows(), check)


def test_the_column_of_curl_is_what_curl_does(routes: Routes) -> None:
    program = find("curl")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    if tuple(int(part) for part in version.split(".")[:2]) < _CURL:
        pytest.skip(f"curl {version} is older than 8.14, which the column is about")
    command = [program]
    for case in CASES:  # one after another, in one process; `--noproxy` is what NO_PROXY is
        command += ["-sSk", "--max-time", "10", "--connect-to", f"::127.0.0.1:{routes.direct.port}"]
        command += ["--noproxy", case.no_proxy, case.url, "--next"]
    taken = routes.taken_by(lambda: subprocess.run(command[:-1], capture_output=True, check=False))
    assert [(case.no_proxy, case.url, route) for case, route in zip(CASES, taken, strict=True)] == [
        (case.no_proxy, case.url, case.curl) for case in CASES
    ]


def test_a_case_in_which_clients_differ_has_a_reason() -> None:
    def check(case: NoProxyCase) -> None:
        assert bool(case.why) == (len({case.ours, case.httpx, case.requests, case.curl}) > 1)

    check_rows(rows(), check)


NONSENSE = [
    *("/", ":", "://", ".", "*.", "[", "[::1", "]:443", "bü..x", "a:b:c/d", "10.0.0.0/99", f"10.0.0.0/{'9' * 5000}"),
]


@pytest.mark.parametrize("host", ["api.example.com", "10.1.2.3", "fd00::1"])
def test_what_is_no_entry_names_nothing(host: str) -> None:
    def check(entry: str) -> None:
        assert not is_exempt(entry, "https", host, 443)
        assert is_exempt(f"{entry},{host}", "https", host, 443)

    check_rows(((entry, entry) for entry in NONSENSE), check)


@given(st.text() | st.text("a1.,:*/[]% "), st.sampled_from(["api.example.com", "10.1.2.3", "fd00::1"]))
def test_any_text_can_be_read(text: str, host: str) -> None:
    assert is_exempt(text, "https", host, 443) in (True, False)
    assert is_exempt(f"{text} {host}", "https", host, 443)


def proxy_with(variables: dict[str, str], url: str) -> str | None:
    """Return the URL of the proxy of an origin while the environment has these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        found = proxy_for(url)
    return None if found is None else found.url


class TestVariables:
    """Which variable names the proxy."""

    @each_row(
        ("variables", "url", "proxy"),
        [
            ({}, "https://api.example.com", None),
            ({"HTTPS_PROXY": "http://a:1"}, "https://api.example.com", "http://a:1"),
            ({"HTTPS_PROXY": "http://a:1"}, "http://api.example.com", None),
            ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "http://b:1"}, "https://api.example.com", "http://a:1"),
            ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "http://b:1"}, "http://api.example.com", "http://b:1"),
            ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}, "https://api.example.com", "http://b:1"),
            ({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, "https://api.example.com", None),
            ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*", "no_proxy": "b"}, "https://a.b.c", "http://a:1"),
            ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*", "no_proxy": ""}, "https://a.b.c", "http://a:1"),
            ({"HTTPS_PROXY": "a:1"}, "https://api.example.com", "http://a:1"),
            ({"HTTPS_PROXY": "https://[fd00::1]:3"}, "https://api.example.com", "https://[fd00::1]:3"),
            ({"FTP_PROXY": "http://a:1"}, "https://api.example.com", None),
            ({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, "http://api.example.com", None),
            ({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, "http://api.example.com", "http://a:1"),
        ],
    )
    def test_the_proxy_of_an_origin(self, variables: dict[str, str], url: str, proxy: str | None) -> None:
        assert proxy_with(variables, url) == proxy

    def test_user_and_password_are_apart_from_the_url(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://ada:s3cret%2Fwort@proxy.example:3128")
        found = proxy_for("https://api.example.com")
        assert found is not None
        assert (found.url, found.auth) == ("http://proxy.example:3128", ("ada", "s3cret/wort"))
        assert "s3cret" not in repr(found)

    @pytest.mark.parametrize(("proxy", "imported"), [("", []), ("http://proxy.example:3128", ["fibonacci._net.proxy"])])
    def test_little_is_imported(self, proxy: str, imported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY" if proxy else "UNRELATED", proxy)
        program = (
            "import sys; sys.platform = 'linux'; from fibonacci._net.proxies import proxy_for; proxy_for('https://api.example.com');"
            "print(*{'ssl', 'urllib.request', 'fibonacci._net.proxy'} & {*sys.modules})"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout.split() == imported

    @each_row("url", ["ftp://proxy.example", "http://", "http://ada:s3cret/wort@proxy.example:1", "http://[fd00::1"])
    def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(TransportError, match="for https is not an http, https or socks5 URL") as raised:
            proxy_for("https://api.example.com")
        assert raised.value.kind == "proxy"
        assert "s3cret" not in str(raised.value)
        assert raised.value.__context__ is None


class TestThisMachine:
    """It is never reached through a proxy."""

    HOSTS = ("localhost", "localhost.", "LOCALHOST", "a.b.localhost", "127.0.0.1", "127.255.0.1", "[::1]")

    @each_row("scheme", ["http", "https"])
    def test_loopback_is_direct(self, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        for host in (*self.HOSTS, "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]"):
            assert proxy_for(f"{scheme}://{host}:8000") is None
            assert proxy_for(f"{scheme}://{host}") is None

    @each_row("host", ["localhost.example", "notlocalhost", "128.0.0.1", "[::2]", "0.0.0.0"])
    def test_what_only_looks_like_it_is_not(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        assert proxy_for(f"http://{host}:8000") is not None

    def test_what_may_be_reached_by_plain_http_is_direct(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        plain = [host for host in (host.strip("[]") for host in self.HOSTS) if is_loopback(host)]
        assert plain
        for host in plain:
            assert proxy_for(f"http://[{host}]" if ":" in host else f"http://{host}") is None


@pytest.mark.parametrize(("platform", "suffix"), [("darwin", "macosx_sysconf"), ("win32", "registry")])
class TestSettingsOfTheSystem:
    """macOS and Windows have proxies in their settings, which hold when no variable names one."""

    @pytest.fixture(autouse=True)
    def settings(self, platform: str, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.platform", platform)
        settings = {"https": "http://of-the-system:3128"}
        monkeypatch.setattr(f"urllib.request.getproxies_{suffix}", lambda: settings, raising=False)
        monkeypatch.setattr(f"urllib.request.proxy_bypass_{suffix}", "intranet.example".__eq__, raising=False)

    @each_row(
        ("variables", "url", "proxy"),
        [
            ({}, "https://api.example.com", "http://of-the-system:3128"),
            ({}, "http://api.example.com", None),
            ({}, "https://intranet.example:8443", None),
            ({}, "https://localhost", None),
            ({"NO_PROXY": "example.com"}, "https://api.example.com", None),
            ({"NO_PROXY": "other.test"}, "https://api.example.com", "http://of-the-system:3128"),
            ({"HTTPS_PROXY": "http://a:1"}, "https://intranet.example", "http://a:1"),
            ({"HTTP_PROXY": "http://a:1"}, "https://api.example.com", None),
        ],
    )
    def test_the_proxy_of_an_origin(self, variables: dict[str, str], url: str, proxy: str | None) -> None:
        assert proxy_with(variables, url) == proxy


def test_another_thread_may_remove_a_variable_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("OTHER_PROXY", "x")
    listing: CodeType = type(os.environ).__iter__.__code__
    removed = list[str]()

    def remove(frame: FrameType, event: str, argument: object) -> TraceFunction:
        if frame.f_code is listing and "keys" in frame.f_locals and not removed:
            removed.append(os.environ.pop("OTHER_PROXY"))  # its name is listed, and its value is not read yet
        return remove

    before = sys.gettrace()
    sys.settrace(remove)
    try:
        proxy = proxy_for("https://api.test")
    finally:
        sys.settrace(before)
    assert removed == ["x"]
    assert proxy is not None

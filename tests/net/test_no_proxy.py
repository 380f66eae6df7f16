"""Which proxy a request goes through: the variables, NO_PROXY, and the settings of the system."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxies import is_exempt, proxy_for
from tests.kit.assertions import check_rows, each_row

EXEMPT: dict[str, tuple[list[str], list[str]]] = {  # by the entry, the URLs that it names and those that it doesn't
    "": ([], ["https://api.example.com"]),
    "*": (["https://api.example.com", "https://10.1.2.3", "https://[fd00::1]"], []),
    "other.test,*": (["https://api.example.com"], []),
    "*:8443": (["https://api.example.com:8443"], ["https://api.example.com"]),
    "example.com": (
        ["https://example.com", "https://API.Example.com", "https://example.com."],
        ["https://badexample.com", "https://example.com.evil.test"],
    ),
    "Example.COM.": (["https://api.example.com", "https://example.com"], []),
    "com": (["https://example.com"], ["https://com.example"]),
    ".example.com": (["https://api.example.com", "https://example.com"], []),
    "*.example.com": (["https://api.example.com", "https://example.com"], []),
    "api.*.com": ([], ["https://api.example.com"]),
    "api.example.com, other.test": (["https://other.test"], []),
    "api.example.com other.test": (["https://other.test"], []),
    ", ,other.test,": (["https://other.test"], ["https://api.example.com"]),
    "example.com:443": (["https://example.com"], []),
    ".example.com:8443": (["https://api.example.com:8443"], ["https://example.com"]),
    "10.1.2.3": (["https://10.1.2.3"], ["https://10.1.2.30"]),
    "10.1.2.3:8443": (["https://10.1.2.3:8443"], ["https://10.1.2.3"]),
    "10.0.0.0/8": (["https://10.1.2.3"], ["https://11.1.2.3", "https://api.example.com"]),
    "FD00:0::1": (["https://[fd00::1]"], []),
    "[fd00::1]": (["https://[fd00::1]"], []),
    "[fd00::1]:8443": (["https://[fd00::1]:8443"], ["https://[fd00::1]"]),
    "fd00::/8": (["https://[fd00::1]"], []),
}
LOCAL = ("localhost", "localhost.", "LOCALHOST", "a.b.localhost", "127.0.0.1", "127.255.0.1", "[::1]")
NONSENSE = (
    *("/", ":", "://", ".", "*.", "[", "[::1", "]:443", "bü..x", "a:b:c/d", "10.0.0.0/99", f"10.0.0.0/{'9' * 50}"),
)
HOSTS = ("api.example.com", "10.1.2.3", "fd00::1")


def proxy_with(variables: dict[str, str], url: str) -> str | None:
    """Return the URL of the proxy of an origin while the environment has these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        found = proxy_for(url)
    return None if found is None else found.url


def test_no_proxy_is_read_as_the_table_says() -> None:
    def check(row: tuple[str, str, bool]) -> None:
        entry, url, is_direct = row
        assert (proxy_with({"HTTPS_PROXY": "http://a:1", "NO_PROXY": entry}, url) is None) == is_direct

    rows = [(entry, url, url in direct) for entry, (direct, others) in EXEMPT.items() for url in [*direct, *others]]
    check_rows(((f"{entry} {url}", (entry, url, is_direct)) for entry, url, is_direct in rows), check)


@given(
    st.sampled_from(NONSENSE) | st.text() | st.text("a1.,:*/[]% "),
    st.sampled_from(["a.example", "10.1.2.3", "fd00::1"]),
)
def test_any_text_can_be_read(text: str, host: str) -> None:
    assert is_exempt(f"{text} {host}", host, 443)


@each_row("entry", NONSENSE)
def test_what_is_no_entry_names_nothing(entry: str) -> None:
    assert not any(is_exempt(entry, host, 443) for host in HOSTS)


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
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*", "no_proxy": ""}, "https://a.b.c", "http://a:1"),
        ({"HTTPS_PROXY": "a:1"}, "https://api.example.com", "http://a:1"),
        ({"HTTPS_PROXY": "https://[fd00::1]:3"}, "https://api.example.com", "https://[fd00::1]:3"),
        ({"FTP_PROXY": "http://a:1"}, "https://api.example.com", None),
        ({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, "http://api.example.com", None),
        ({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, "http://api.example.com", "http://a:1"),
        *(
            ({"ALL_PROXY": "http://a:1"}, f"{scheme}://{host}:8000", None)
            for scheme in ("http", "https")
            for host in LOCAL
        ),
        *(
            ({"ALL_PROXY": "http://a:1"}, f"http://{host}", "http://a:1")
            for host in ("localhost.example", "notlocalhost")
        ),
    ],
)
def test_the_proxy_of_an_origin(variables: dict[str, str], url: str, proxy: str | None) -> None:
    assert proxy_with(variables, url) == proxy


def test_user_and_password_are_apart_from_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://ada:s3cret%2Fwort@proxy.example:3128")
    found = proxy_for("https://api.example.com")
    assert found is not None
    assert (found.url, found.auth) == ("http://proxy.example:3128", ("ada", "s3cret/wort"))
    assert "s3cret" not in repr(found)


def test_nothing_slow_is_imported_without_a_proxy() -> None:
    program = (
        "import sys; sys.platform = 'linux'; from fibonacci._net.proxies import proxy_for;"
        "proxy_for('https://api.example.com'); print(*{'ssl', 'urllib.request'} & {*sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@each_row("url", ["ftp://proxy.example", "http://", "http://ada:s3cret/wort@proxy.example:1", "http://[fd00::1"])
def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(TransportError, match="for https is not an http, https or socks5 URL") as raised:
        proxy_for("https://api.example.com")
    assert raised.value.kind == "proxy"
    assert "s3cret" not in str(raised.value)
    assert raised.value.__context__ is None


@each_row(
    ("url", "proxy"),
    [
        ("https://api.example.com", "http://of-the-system:3128"),
        ("http://api.example.com", None),
        ("https://intranet.example:8443", None),
        ("https://localhost", None),
    ],
)
def test_without_variables_the_settings_of_macos_and_windows_hold(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://of-the-system:3128"})
    monkeypatch.setattr("urllib.request.proxy_bypass", "intranet.example".__eq__)
    assert proxy_with({}, url) == proxy

"""What the gateways are told to do, in the words of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setup:
    """How a gateway treats the connections and requests on one of its ports.

    Attributes:
        nginx: Directives of the `server` block.
        haproxy: Lines of the `listen` section.
        haproxy_bind: Words for its `bind` line, beside those for the certificate.
        haproxy_server: Words for its `server` line.
        tls: A PEM file with the certificate and its key; None for plain http.
        backend: The port to pass requests to; None for that of the common backend.
    """

    nginx: str = ""
    haproxy: str = ""
    haproxy_bind: str = ""
    haproxy_server: str = ""
    tls: Path | None = None
    backend: int | None = None


def connection_setups() -> dict[str, Setup]:
    """Return the setups that differ in what becomes of a connection after a response; each call succeeds."""
    return {
        "as delivered": Setup(),
        "no keep-alive": Setup("keepalive_timeout 0;", "option httpclose"),
        **{f"{n} requests per connection": _few_requests(n) for n in range(1, 6)},
        "server side closed": Setup("proxy_set_header Connection close;", "option http-server-close"),
        "server side shared": Setup("", "http-reuse always"),
        "gzip": Setup(
            "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;",
            "compression algo gzip\ncompression type application/json",
        ),
        "early hints": Setup("", 'http-request early-hint Link "</style.css>; rel=preload; as=style"'),
    }


def _few_requests(count: int) -> Setup:
    # haproxy has no such limit: its variable counts the requests of a connection.
    return Setup(
        f"keepalive_requests {count};",
        f"""http-request set-var(sess.requests) var(sess.requests,0),add(1)
        http-after-response set-header Connection close if {{ var(sess.requests) -m int ge {count} }}""",
    )


SHORT_KEEP_ALIVE = Setup("keepalive_timeout 1s;", "timeout http-keep-alive 1s")

"""The configuration of each gateway for each test."""

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


def _few_requests(count: int) -> Setup:
    # haproxy has no such limit: its variable counts the requests of a connection.
    return Setup(
        f"keepalive_requests {count};",
        f"""http-request set-var(sess.requests) var(sess.requests,0),add(1)
        http-after-response set-header Connection close if {{ var(sess.requests) -m int ge {count} }}""",
    )


#: How many requests a connection may carry, where that is limited.
FEW = (1, 2, 5)

#: What differs in the connections and the form of the responses; every call succeeds.
CONNECTIONS = {
    "as delivered": Setup(),
    "no keep-alive": Setup("keepalive_timeout 0;", "option httpclose"),
    **{f"{count} requests per connection": _few_requests(count) for count in FEW},
    "server side closed": Setup("proxy_set_header Connection close;", "option http-server-close"),
    "server side shared": Setup(haproxy="http-reuse always"),
    "gzip": Setup(
        "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;",
        "compression algo gzip\ncompression type application/json",
    ),
    # nginx sends them from version 1.29 on.
    "early hints": Setup(haproxy='http-request early-hint Link "</style.css>; rel=preload; as=style"'),
    "large bodies": Setup("client_max_body_size 100m;"),
}


def failing(unused: int) -> dict[str, Setup]:
    """Return the setups in which the gateway itself responds with an error.

    Args:
        unused: A port that nothing listens on.
    """
    return {
        "backend down": Setup(backend=unused),
        "slow backend": Setup("proxy_read_timeout 100ms;", "timeout server 100ms"),
        "one at a time": Setup("limit_conn port 1;", "timeout queue 100ms", haproxy_server="maxconn 1"),
        "small requests only": Setup(
            "client_max_body_size 1m;", "http-request deny deny_status 413 if { req.body_size gt 1000000 }"
        ),
    }


def encrypted(certificate: Path, authority: Path) -> dict[str, Setup]:
    """Return the setups with TLS.

    Args:
        certificate: A PEM file with the gateway's certificate and its key.
        authority: A PEM file with the authority that signs the certificates of clients.
    """
    headers = (
        'add_header X-TLS "$ssl_protocol $ssl_alpn_protocol"; http2 on;',
        'http-response set-header X-TLS "%[ssl_fc_protocol] %[ssl_fc_alpn]"',
    )
    setups = {
        f"TLS {version}": Setup(
            f"ssl_protocols TLSv{version}; ssl_session_cache shared:tls{version}:1m; {headers[0]}",
            headers[1],
            f"ssl-min-ver TLSv{version} ssl-max-ver TLSv{version} alpn h2,http/1.1",
            tls=certificate,
        )
        for version in ("1.2", "1.3")
    }
    for version in ("1.2", "1.3"):
        setups[f"mutual TLS {version}"] = Setup(
            f"ssl_protocols TLSv{version}; ssl_client_certificate {authority}; ssl_verify_client on;",
            haproxy_bind=f"ssl-min-ver TLSv{version} ssl-max-ver TLSv{version} ca-file {authority} verify required",
            tls=certificate,
        )
    return setups

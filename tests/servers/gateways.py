"""nginx and haproxy as ordinary child processes: each with its own port for every setup."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.kit.programs import free_port, running
from tests.servers.setups import Setup

GatewayName = Literal["nginx", "haproxy"]
GATEWAYS: tuple[GatewayName, ...] = ("nginx", "haproxy")


@dataclass(frozen=True)
class Gateway:
    """A running gateway.

    Attributes:
        ports: Where it listens for each setup.
    """

    name: GatewayName
    ports: Mapping[str, int]
    _setups: Mapping[str, Setup]

    def base_url(self, setup: str) -> str:
        """Return the base URL of a setup."""
        scheme = "https" if self._setups[setup].tls else "http"
        return f"{scheme}://127.0.0.1:{self.ports[setup]}/v1"


@contextmanager
def gateway(name: GatewayName, directory: Path, setups: Mapping[str, Setup], backend: int) -> Generator[Gateway]:
    """Run a gateway while the block lasts.

    Args:
        name: The program.
        directory: Where its configuration may be written.
        setups: What it has to do, one port for each.
        backend: The port that it passes requests to; a setup may name another.
    """
    ports = {setup: free_port() for setup in setups}
    file = directory / f"{name}.conf"
    write = _nginx if name == "nginx" else _haproxy
    file.write_text(write(directory, setups, ports, backend))
    first, *others = ports.values()
    if name == "nginx":
        arguments = ["-p", str(directory), "-e", str(directory / "error.log"), "-c", str(file)]
    else:
        arguments = ["-W", "-db", "-f", str(file)]
    with running(first, name, *arguments, ports=others):
        yield Gateway(name, ports, setups)


def _nginx(directory: Path, setups: Mapping[str, Setup], ports: Mapping[str, int], backend: int) -> str:
    scratch = "\n".join(
        f"  {kind}_temp_path {directory / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    servers = "\n".join(_nginx_server(setup, ports[name], backend) for name, setup in setups.items())
    return f"""
user root root;
daemon off;
worker_processes 2;
pid {directory / "nginx.pid"};
events {{ worker_connections 1024; }}
http {{
  access_log off;
{scratch}
  limit_conn_zone $server_port zone=port:1m;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_next_upstream off;
{servers}
}}
"""


def _nginx_server(setup: Setup, port: int, backend: int) -> str:
    tls = f"ssl_certificate {setup.tls}; ssl_certificate_key {setup.tls};" if setup.tls else ""
    return f"""
  server {{
    listen 127.0.0.1:{port}{" ssl" if setup.tls else ""};
    {tls}
    {setup.nginx}
    location / {{ proxy_pass http://127.0.0.1:{setup.backend or backend}; }}
  }}"""


def _haproxy(_: Path, setups: Mapping[str, Setup], ports: Mapping[str, int], backend: int) -> str:
    listeners = "\n".join(_haproxy_listener(setup, ports[name], backend) for name, setup in setups.items())
    return f"""
global
  maxconn 1000
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 10s
  timeout server 10s
{listeners}
"""


def _haproxy_listener(setup: Setup, port: int, backend: int) -> str:
    tls = f" ssl crt {setup.tls} {setup.haproxy_bind}" if setup.tls else ""
    lines = "\n".join(f"  {line.strip()}" for line in setup.haproxy.splitlines())
    return f"""
listen on-{port}
  bind 127.0.0.1:{port}{tls}
{lines}
  server backend 127.0.0.1:{setup.backend or backend} {setup.haproxy_server}"""

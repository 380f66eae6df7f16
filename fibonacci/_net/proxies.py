"""Proxies, from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or from the settings of macOS and Windows."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fibonacci._core.transport_errors import TransportError

if TYPE_CHECKING:
    from fibonacci._net.proxy import Proxy

# What the functions of urllib.request that read the system's settings end with.
_SETTINGS = {"darwin": "macosx_sysconf", "win32": "registry"}
_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_for(origin: str) -> Proxy | None:
    """Return the proxy for an origin such as `https://api.fibonacci.dev`, or None for none.

    This machine is always reached directly: a proxy can't reach it, and would read the key.

    Raises:
        TransportError: If what is set is no URL of a proxy.
    """
    variables = _variables()
    if not variables and sys.platform not in _SETTINGS:
        return None
    # Imported here, as most programs have no proxy.
    from fibonacci._core.urls import is_loopback
    from fibonacci._net.proxy import is_exempt

    target = urlsplit(origin)
    host = target.hostname or ""
    port = target.port or (443 if target.scheme == "https" else 80)
    if is_loopback(host) or is_exempt(variables.get("no", ""), target.scheme, host, port):
        return None
    if variables.keys() & {"http", "https", "all"}:
        url = variables.get(target.scheme) or variables.get("all")
    else:
        url = _system_proxy(target.scheme, host, target.netloc)
    if not url:
        return None
    proxy = _proxy(url)
    if proxy is None:
        reason = f"the proxy that the environment sets for {target.scheme} is not an http, https or socks5 URL"
        remedy = "In its user and password, percent-encode everything except letters and digits"
        raise TransportError("proxy", ValueError(f"{reason}. {remedy}"))
    return proxy


def _variables() -> dict[str, str]:
    """Return the variables named `..._proxy`, by what is before that. One in lower case precedes, even when empty."""
    # Not `items()`, which fails if another thread removes a variable meanwhile.
    settings = [(name, os.environ.get(name, "")) for name in os.environ if name.lower().endswith("_proxy")]
    if not settings:
        return {}
    variables = {name[:-6].lower(): value for name, value in settings}
    if "REQUEST_METHOD" in os.environ:
        # In a CGI program HTTP_PROXY is the header `Proxy` of the request, which anybody may send.
        variables.pop("http", None)
    variables |= {name[:-6]: value for name, value in settings if name.islower()}
    return {name: value for name, value in variables.items() if value}


def _system_proxy(scheme: str, host: str, netloc: str) -> str | None:
    """Return the URL of the proxy that the settings of macOS or Windows name."""
    settings = _SETTINGS.get(sys.platform)
    if settings is None:
        return None
    import urllib.request

    is_exempt = getattr(urllib.request, f"proxy_bypass_{settings}")
    if is_exempt(netloc) or is_exempt(host):
        return None
    url: str | None = getattr(urllib.request, f"getproxies_{settings}")().get(scheme)
    return url


def _proxy(url: str) -> Proxy | None:
    """Return the proxy that a URL names, or None if it is no such URL."""
    from fibonacci._net.proxy import Proxy

    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:  # its text may quote a part of the password
        return None
    if not host or parts.scheme not in _SCHEMES:
        return None
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    bracketed = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{bracketed}:{port}" if port else f"{parts.scheme}://{bracketed}", auth)

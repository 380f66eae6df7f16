"""Proxies, from the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as everywhere in Python."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from fibonacci._net.proxy import Proxy


def proxy_for(origin: str) -> Proxy | None:
    """Return the proxy for an origin such as `https://api.fibonacci.dev`; None for none.

    Raises:
        ValueError: If a variable is no URL of a proxy.
    """
    if sys.platform not in ("darwin", "win32") and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Imported here, as it imports much; on macOS and Windows it reads the system's settings too.
    from urllib.request import getproxies, proxy_bypass

    from fibonacci._net.proxy import Proxy

    target = urlsplit(origin)
    proxies = getproxies()
    url = proxies.get(target.scheme) or proxies.get("all")
    if not url or proxy_bypass(target.netloc) or proxy_bypass(target.hostname or ""):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        raise ValueError(f"the environment names a {target.scheme} proxy that is no http, https or socks5 URL")
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return Proxy(f"{parts.scheme}://{host}{port}", auth)

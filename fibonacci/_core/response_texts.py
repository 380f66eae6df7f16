"""The text of an error for a response that is not in the form of the platform's errors: its source, and a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from fibonacci._core.connection_texts import PROXY_AUTH
from fibonacci._core.json_types import is_object
from fibonacci._core.response import APIResponse
from fibonacci._core.urls import FilledPath

_GATEWAY_STATUSES = frozenset({502, 503, 504, *range(520, 531)})
# How nginx, Apache and Go respond to http on a port for https.
_HTTP_TO_HTTPS_PORT = ("sent to https port", "speaking plain http to an ssl-enabled", "http request to an https server")


OTHER_API: Final[Mapping[str, str]] = {
    "v1": (
        '; that is the form of the API of fibonacci-sdk 0.2.4: if the server speaks that, set api_version="0.2" and'
        " base_url to its root"
    ),
    "0.2": (
        '; that is the form of the documented API: if the server speaks that, leave out api_version="0.2" and let'
        " base_url end in /v1"
    ),
}
"""What to do about a response in the form of the other API than the client speaks."""


def is_of_other_api(body: object, api_version: str) -> bool:
    """Whether a decoded error has the form of the other API than the client speaks."""
    if not is_object(body):
        return False
    if api_version == "v1":
        return body.keys() == {"detail"}
    error = body.get("error")
    return is_object(error) and isinstance(error.get("code"), str)


def text_without_envelope(response: APIResponse, body: object, base_url: str, path: str) -> str:
    """Return the message for a response with an error status and none in the form of the platform's errors."""
    if response.status == 304:
        return "the response says that nothing has changed, which the request did not ask; check the cache in between"
    if 300 <= response.status < 400:
        return _redirect_message(response, base_url, path)
    if response.status == 407:
        return PROXY_AUTH
    text = " ".join((body if isinstance(body, str) else response.text())[:200].split())
    return f"the response says {text!r}" if text else "the response has no body"


def _redirect_message(response: APIResponse, base_url: str, path: str) -> str:
    location = response.headers.get("location", "")
    if not location:
        return "the server redirects, and does not say where"
    try:
        parts = urlsplit(urljoin(base_url + path, location))
    except ValueError:
        return "the server redirects to what is no URL"
    # What is before the host or in the query may be a secret.
    target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    moved = target.removesuffix(path.partition("?")[0])
    remedy = f"; if you trust that address, pass base_url={moved!r}" if moved not in (target, base_url) else ""
    return f"the server redirects to {target[:200]!r}; that is not followed, as the key must not go elsewhere{remedy}"


def hint_without_envelope(response: APIResponse, base_url: str, path: str) -> str:
    """Return where such a response probably came from, and the remedy; empty when nothing indicates either."""
    body = response.text()[:1000].lower()
    if response.status == 400 and base_url.startswith("http:") and any(text in body for text in _HTTP_TO_HTTPS_PORT):
        return "; the server speaks TLS on this port: base_url should begin with https://"
    if response.status in (404, 405) and (hint := hint_without_version(base_url, path)):
        return hint
    if response.status in _GATEWAY_STATUSES and (response.status != 503 or _is_from_gateway(response, body)):
        return "; a gateway or proxy in between responded, not the platform"
    return ""


def hint_without_version(base_url: str, path: str) -> str:
    """Return that the base URL has no `/v1`; empty if it has a version, or the path does."""
    if not base_url or re.search(r"/v\d+(/|$)", urlsplit(base_url + path).path):
        return ""
    return f"; the base URL {base_url} has no /v1"


def is_path_unknown(path: str, details: Sequence[Any]) -> bool:
    """Whether a 404 in the form of the platform's errors is about the path, and not about an object that it names."""
    if isinstance(path, FilledPath) and "{" not in path.template:  # it names none
        return True
    return any(is_object(each) and each.get("field") == "path" for each in details)


def _is_from_gateway(response: APIResponse, body: str) -> bool:
    return body.lstrip().startswith("<") or any(name == "via" or name.startswith("proxy-") for name in response.headers)

"""URLs: the base URL, path parameters, queries. Everything that goes into a URL passes through here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from fibonacci._remedies import placeholder, remedy, worded
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from fibonacci.models.workflows import Workflow

QueryValue = str | int | float | bool | None
"""What a query parameter may be, where None means that it isn't sent."""
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_PORTS = {"http": 80, "https": 443}


def check_base_url(url: object, *, source: str, allow_insecure: bool, api_version: str = "v1") -> str:
    """Return the base URL without a final slash, with a host that isn't ASCII in its `xn--` form.

    Args:
        url: The URL. With the API `"0.2"`, that of the server's root, or of its `/api/v1`, which is removed.
        source: Where it came from, for the messages.
        allow_insecure: Whether plain http to other machines is allowed.
        api_version: The API that the server speaks.

    Raises:
        TypeError: If it isn't a string.
        ConfigurationError: If it isn't an http(s) URL, has a user, query or fragment, is plain http to another machine
            without `allow_insecure`, or belongs to another API.
    """
    if not isinstance(url, str):
        raise TypeError(f"{source} must be a str, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        text = f" is not a URL ({error}). Use one like https://api.example.com/v1"
        raise ConfigurationError(f"{source}{text}") from None
    netloc = parts.netloc.lower()
    if host and not host.isascii() and parts.username is None:
        host = _ascii_host(host, source=source)
        netloc = host if port is None else f"{host}:{port}"
    is_ascii = netloc.isascii() and parts.path.isascii()
    if parts.scheme not in ("http", "https") or not host or port == 0 or not is_ascii or not url.isprintable():
        raise ConfigurationError(f"{source} must be like https://api.example.com/v1, not {_without_secrets(url)!r}")
    if " " in url or parts.username is not None or parts.query or parts.fragment:
        text = " must not contain a user, space, query or fragment. Pass a key as api_key, or in FIBONACCI_API_KEY"
        raise ConfigurationError(f"{source}{text}")
    if parts.scheme == "http" and not allow_insecure and not is_loopback(host):
        raise ConfigurationError(
            f"{source} is plain http to {host}, so the API key would travel unencrypted. {remedy('plain http')}"
        )
    return f"{parts.scheme}://{netloc}{_base_path(parts.path.rstrip('/'), source, api_version)}"


def _base_path(path: str, source: str, api_version: str) -> str:
    if api_version == "v1":
        return path
    root = path.removesuffix("/api/v1")
    if root.endswith("/v1"):
        version = worded(f"api_version={api_version!r}", f"the API {api_version}")
        text = ", pass the root of a server, such as https://api.fibonacci.today"
        raise ConfigurationError(f"{source} ends in /v1, the path of the documented API. With {version}{text}")
    return root


def _ascii_host(host: str, *, source: str) -> str:
    import idna  # few hosts need it

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ConfigurationError(
            f"{source} has an invalid host name ({error}). Correct it, or write it in its xn-- form"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether a host name in lower case, or an address, is this machine."""
    return is_local_name(host) or _is_loopback_address(host)


def is_local_name(host: str) -> bool:
    """Whether a host name in lower case is reserved for this machine (RFC 6761)."""
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_loopback_address(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


@lru_cache(maxsize=64)
def split_base_url(base_url: str) -> tuple[str, str]:
    """Return the origin (`https://host:port`) and the path prefix (`/v1`) of a checked base URL."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def origin_of(base_url: str) -> str:
    """Return the scheme, host and port of a checked base URL, in one spelling: what a key is stored for."""
    parts = urlsplit(base_url)
    is_usual = parts.port in (None, _PORTS.get(parts.scheme))
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{parts.port}"


class FilledPath(str):
    """A path with its parameters filled in, which also keeps its template.

    Attributes:
        template: The path with the parameters' names, such as `/workflows/{workflow_id}`.
    """

    template: str


def path(template: str, **parameters: str | int | Workflow) -> FilledPath:
    """Fill a path. Each parameter becomes one segment, percent-encoded as a whole.

    Raises:
        TypeError: If a parameter isn't a string (or, for a version, an int, and for a workflow, a `Workflow`).
        ValueError: If a parameter is empty, `.` or `..`, and would reach another endpoint.
    """
    filled = FilledPath(template.format_map({name: _segment(name, value) for name, value in parameters.items()}))
    filled.template = template
    return filled


def _segment(name: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and name == "version":
        value = str(int(value))
    try:
        return quote(check_id(name, value), safe="")
    except UnicodeEncodeError:
        text = " contains a lone surrogate, which is not valid text. Check how it was decoded"
        raise ValueError(f"{placeholder(name)}{text}") from None


def check_id(name: str, value: object) -> str:
    """Check an ID, wherever it goes in a request, and return it. That of a `Workflow` is its own.

    Raises:
        TypeError: If it isn't a string.
        ValueError: If it is empty, `.` or `..`, and would reach another endpoint, or everything.
    """
    if name == "workflow_id" and not isinstance(value, str):
        from fibonacci.models.workflows import Workflow  # most calls get an ID

        value = value.id if isinstance(value, Workflow) else value
    if not isinstance(value, str):
        hint = ": decode it first" if isinstance(value, bytes) else ""
        if any(hasattr(value, name) for name in ("keys", "nodes", "__document__")):  # a definition
            hint = ": pass the Workflow that workflows.ensure returns for it"
        raise TypeError(f"{name} must be a str, not {'None' if value is None else type(value).__name__}{hint}")
    if not value.strip() or value in (".", ".."):
        raise ValueError(f"{placeholder(name)} must not be {value!r}, which would reach another endpoint")
    return value


def check_method(method: object) -> str:
    """Return an HTTP method in upper case.

    Raises:
        TypeError: If it isn't a string.
        ValueError: If it isn't a word.
    """
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {type(method).__name__}")
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"method must be a word like GET, not {method[:80]!r}")
    return method.upper()


def check_path(path: object) -> str:
    """Return a path below the base URL, with characters that a URL can't have percent-encoded.

    Raises:
        TypeError: If it isn't a string.
        ValueError: If it is a whole URL, doesn't start with one `/`, or contains `.`, `..` or a fragment.
    """
    if not isinstance(path, str):
        raise TypeError(f"path must be a str, not {type(path).__name__}")
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise ValueError(f"path must begin with one /, below the base URL, not {_without_secrets(path)[:80]!r}")
    bare, _, query = path.partition("?")
    if "#" in path or any(
        segment.replace("%2e", ".").replace("%2E", ".") in (".", "..") for segment in bare.split("/")
    ):
        raise ValueError(f"path must have no fragment and no '.' or '..' segment, not {_without_secrets(path)[:80]!r}")
    try:
        encoded = quote(bare, safe=_PATH_SAFE)
        return f"{encoded}?{quote(query, safe=_PATH_SAFE + '?[]')}" if query else encoded
    except UnicodeEncodeError:
        raise ValueError("path contains a lone surrogate, which is not valid text. Check how it was decoded") from None


def query(parameters: Mapping[str, QueryValue]) -> str:
    """Return a query string with its `?`, or nothing. None is left out, and booleans are `true` and `false`.

    Raises:
        TypeError: If they aren't a mapping, or a value isn't text, a number or a boolean.
        ValueError: If a value is text that can't be encoded.
    """
    if not parameters:
        return ""
    if not hasattr(parameters, "items"):
        raise TypeError(f"params must be a mapping of names to values, not {type(parameters).__name__}")
    given = [(name, value) for name, value in parameters.items() if value is not None]
    pairs = [(_query_text("the name of a query parameter", name), _query_text(name, value)) for name, value in given]
    try:
        return f"?{urlencode(pairs)}" if pairs else ""
    except UnicodeEncodeError:
        raise ValueError("a query parameter contains a lone surrogate. Check how it was decoded") from None


def _query_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # For a member of an enumeration, str() alone would return its name.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return str(int(value) if isinstance(value, int) else float(value))
    hint = ": decode it first" if isinstance(value, bytes) else ""
    raise TypeError(f"{name} must be a str, a number or a bool, not {type(value).__name__}{hint}")


def _without_secrets(url: str) -> str:
    from fibonacci._texts.redaction import without_secrets  # few programs need it

    return without_secrets(url)

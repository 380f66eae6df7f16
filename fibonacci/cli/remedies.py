"""Remedies of the client, in terms of the command line.

The client's messages name arguments of Python, which a command does not have.
"""

from __future__ import annotations

import re
from typing import Final

_REPLACED: Final = (
    (r"pass api_key=\.\.\., set the environment variable FIBONACCI_API_KEY,", "set FIBONACCI_API_KEY,"),
    (r"is blank; pass your API key, or set FIBONACCI_API_KEY", "is blank: set it to an API key, or unset it"),
    (r"use https, or pass allow_insecure=True in a network that you trust", "use https"),
    (r"pass the key as api_key", "set the key in FIBONACCI_API_KEY, or run `fibonacci auth login`"),
    (r"pass ca_bundle=\.\.\. or set SSL_CERT_FILE", "set SSL_CERT_FILE to its file"),
    (r": pass client_cert=\.\.\. with one that it accepts", ", which the command does not have: use Python"),
    (r"check base_url and", "check FIBONACCI_BASE_URL or the profile, and"),
    (r"^base_url (must|is) ", r"--base-url \1 "),
    (r"base_url should begin with", "the base URL should begin with"),
    (r"^idempotency_key must be", "--idempotency-key must be"),
    (r"^profile(: there is no| must be the name of a) profile", r"--profile\1 profile"),
    (r"pull\(\"([^\"]+)\", folder\)", r"`fibonacci pull \1 --dir DIR`"),
    (r"pass allow_delete=True", "pass --allow-delete"),
    (r"client\.tools\.list\(\) has the tools", "`fibonacci tools list` has the tools"),
    (r"which key= names(?:; a function can be passed too, such as key=lambda row: row\.\w+)?", "which --key names"),
    (r"pass if_new_version=\"continue\"", "pass --if-new-version continue"),
    (r"max_failures= says", "--max-failures says"),
    (r"max_(failures|unknown) is (\d+)", r"--max-\1 is \2"),
    (r"within timeout=", "within --timeout "),
    (r"pass the same key=,", "pass the same --key,"),
    (
        r"To continue, make the same call again with journal='[^']*', resume=True\.",
        "The same command with --resume continues.",
    ),
    (
        r"and resume=True continues a journal that has some: check its path or URL",
        "and --resume needs some: check FILE",
    ),
    (r"To begin, leave resume=True out", "To begin, leave --resume out"),
    (
        r"set api_version=\"0\.2\" and base_url to its root",
        "set FIBONACCI_API_VERSION=0.2 and FIBONACCI_BASE_URL to its root, or api_version and base_url of the profile",
    ),
    (
        r"leave out api_version=\"0\.2\" and let base_url end in /v1",
        "set FIBONACCI_API_VERSION=v1 and FIBONACCI_BASE_URL to a URL with /v1, or api_version and base_url of the"
        " profile",
    ),
    (r"which api_version=\"0\.2\" selects", "which FIBONACCI_API_VERSION or the profile selects"),
    (r"client\.request\(\"(\w+)\", \"([^\"]+)\", json=\{\.\.\.\}\)", r"`fibonacci request \1 \2 --data JSON`"),
    (r"tools\.list\(\)\.first\(\) shows", "`fibonacci tools list` shows"),
    (r"workflows\.get has", "`fibonacci workflows get` has"),
    (r"the files of workflows\.plan and apply", "the files of `fibonacci plan` and `apply`"),
    (r"executions\.wait waits", "`fibonacci executions watch` waits"),
    (r"pass workflow_id=\.\.\., once", "pass --workflow ID, once"),
    (r"executions\.list\(workflow_id=\.\.\.\)", "`fibonacci executions list --workflow ID`"),
)


def for_command_line(text: str) -> str:
    """Return a message of the client with the remedies that the command line has."""
    for python, command in _REPLACED:
        text = re.sub(python, command, text)
    return text

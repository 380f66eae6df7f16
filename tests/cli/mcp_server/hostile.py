"""Messages that no sane client sends, and what each is answered."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple


class HostileMessage(NamedTuple):
    """A message, and its answer.

    Attributes:
        name: What is wrong with it.
        content: The message.
        id: The id of the answer.
        code: The code of the error; None if the answer is the result of a tool that says what is wrong.
    """

    name: str
    content: bytes
    id: int | str | None
    code: int | None


def _request(request_id: object, method: object = "ping", **more: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, **more}).encode()


def _call(request_id: int, arguments: str, tool: str = "run_greeter") -> bytes:
    """Return a call of a tool, with arguments as they are written."""
    call = _request(request_id, "tools/call", params={"name": tool, "arguments": 0})
    return call.replace(b'"arguments": 0', b'"arguments": ' + arguments.encode("latin-1"))


def _nested(levels: int) -> str:
    return '{"name": ' + "[" * levels + "]" * levels + "}"


_GET = "get_execution"
_PARSE, _REQUEST, _METHOD, _PARAMS = -32700, -32600, -32601, -32602

NO_MESSAGES: Final = [
    _call(1, r'{"name": "\ud800"}'),
    _request(3, "\ud800"),
    _call(5, _nested(5000)),
    _call(7, '{"name": %s}' % ("9" * 5000)),
    _call(9, '{"name": "\xff"}'),
    b"\xef\xbb\xbf" + _request(10),
    b'{"jsonrpc": "2.0", "id": 11, "method": "ping"',
    b"]}{" + _request(13),
    b"[%s, %s]" % (_request(15), _request(16)),
    b"null",
    b'"ping"',
    b"{}",
    b'{"id": 21, "method": "ping"}',
    _request(23, 3),
    b'{"jsonrpc": "2.0", "id": 24}',
    _request(None),
    _request({}),
    _request(30, "tools/call", params=["run_greeter"]),
]
"""Those that are no message of the protocol, or none that can be read: the MCP SDK decides what it says to them."""

NO_CALLS: Final = [
    HostileMessage("an id of 400 digits", _request(10**400, "nothing"), 10**400, _METHOD),
    HostileMessage("an id of 100,000 characters", _request("i" * 100_000, "nothing"), "i" * 100_000, _METHOD),
    HostileMessage("an empty id", _request("", "nothing"), "", _METHOD),
    HostileMessage("an unknown method", _request(40, "tools/frobnicate"), 40, _METHOD),
    HostileMessage("a notification with an id", _request(42, "notifications/nothing"), 42, _METHOD),
    HostileMessage("no tool", _request(43, "tools/call", params={}), 43, _PARAMS),
    HostileMessage("a number as the tool", _request(44, "tools/call", params={"name": 3}), 44, _PARAMS),
    HostileMessage("an unknown tool", _call(45, "{}", "run_greter"), 45, _PARAMS),
    HostileMessage("arguments that are a list", _call(46, "[1]"), 46, _PARAMS),
    HostileMessage("arguments that are null", _call(47, "null"), 47, None),
    HostileMessage("no arguments", _request(48, "tools/call", params={"name": "run_greeter"}), 48, None),
    HostileMessage("150 levels", _call(49, _nested(150)), 49, None),
    HostileMessage("no number", _call(50, '{"name": NaN}'), 50, None),
    HostileMessage("an infinite number", _call(51, '{"name": 1e999}'), 51, None),
    HostileMessage("an unknown argument", _call(52, '{"nmae": "Ada"}'), 52, None),
    HostileMessage("a path as an id", _call(53, '{"execution_id": "../../x"}', _GET), 53, None),
    HostileMessage("a text for seconds", _call(54, '{"execution_id": "x", "wait_seconds": "5"}', _GET), 54, None),
    HostileMessage("a definition of 150 levels", _call(55, _nested(150), "validate_definition"), 55, None),
]  # fmt: skip
"""Those that are messages of the protocol, and no call that can be carried out."""


def check_answer(hostile: HostileMessage, answer: dict[str, Any]) -> None:
    """Check an answer: its id, its code, and that it does not repeat what was sent."""
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", hostile.id)
    if hostile.code is None:
        assert answer["result"]["isError"]
    else:
        assert answer["error"]["code"] == hostile.code
    shown = json.dumps({**answer, "id": None})
    assert len(shown) < 2000
    assert "Traceback" not in shown

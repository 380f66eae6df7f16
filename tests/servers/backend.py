"""What stands behind the gateways: a server that records every request, and responds in the form asked for.

A request names itself in its path, `/v1/calls/ID`, so that one that was carried out twice is not taken for two.
"""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import parse_qs

from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import head

_JSON = {"Content-Type": "application/json"}


def backend() -> ScriptedServer:
    """Return the server.

    The query of a request says how to respond: `delay` in seconds, the `size` of the response in bytes, and its
    `framing` (`chunked`, or `close` to close the connection after it).
    """
    return ScriptedServer(_respond)


def carried_out(server: ScriptedServer) -> Counter[str]:
    """Return how many times each call has been carried out, by its id."""
    return Counter(request.path.rpartition("/")[2] for request in list(server.requests))


def _respond(peer: Peer) -> None:
    asked = {name: values[-1] for name, values in parse_qs(peer.request.query).items()}
    if not peer.pause(float(asked.get("delay", "0"))):
        return
    received = len(peer.request.body)
    content = {
        "id": peer.request.path.rpartition("/")[2],
        "received": received,
        "text": "x" * int(asked.get("size", 0)),
    }
    body = json.dumps({"data": content}).encode()
    match asked.get("framing"):
        case "chunked":
            peer.send(head(200, {**_JSON, "Transfer-Encoding": "chunked"}))
            for at in range(0, len(body), 1000):
                piece = body[at : at + 1000]
                peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            peer.send(b"0\r\n\r\n")
        case "close":
            peer.send(head(200, {**_JSON, "Connection": "close"}) + body)
            peer.close()
        case _:
            peer.send(head(200, _JSON, length=len(body)) + body)

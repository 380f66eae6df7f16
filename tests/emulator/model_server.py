"""A server on loopback that streams as the APIs of OpenAI, Anthropic and Ollama do, and fails as they do.

The first word of what the model is asked decides: `hello`, `json`, `refuse`, `cut`, `unfinished`, `busy`, `full`,
`broken`, `silent`, `endless`, `denied`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, repeat
from typing import Any, NamedTuple

TEXTS = {"hello": ["Hello", ", ", "Ada", "!"], "json": ["Here it is:\n```json\n", '{"n": ', "1}", "\n```"]}
STATUSES = {"busy": 429, "full": 429, "denied": 401}


class AnswerEnd(NamedTuple):
    """How an answer ends, in the words of the three APIs."""

    openai: str
    anthropic: str
    ollama: str


STOP = AnswerEnd("stop", "end_turn", "stop")
REFUSED = AnswerEnd("content_filter", "refusal", "unload")


@dataclass
class ModelServer:
    """What the server was asked, and its address."""

    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    closing: threading.Event = field(default_factory=threading.Event)
    busy: Iterator[int] = field(default_factory=count)


@contextmanager
def serving_models() -> Generator[ModelServer]:
    shared = ModelServer()

    class ModelHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            shared.asked.append(body)
            ask = body["messages"][-1]["content"].split()[0]
            status = STATUSES.get(ask)
            if status is None or (ask == "busy" and next(shared.busy) % 3 == 2):
                with suppress(OSError):  # who asks may leave
                    self.stream(ask)
            else:
                text = json.dumps({"type": "error", "error": {"type": "error", "message": f"it is {ask}"}}).encode()
                self.begin(status, "Retry-After", "0.01", "Content-Length", str(len(text)))
                self.wfile.write(text)

        def begin(self, status: int, *headers: str) -> None:
            self.send_response(status)
            for name, value in (*zip(headers[::2], headers[1::2], strict=True), ("Connection", "close")):
                self.send_header(name, value)
            self.end_headers()

        def stream(self, ask: str) -> None:
            kind = "application/x-ndjson" if self.path == "/api/chat" else "text/event-stream"
            self.begin(200, "Content-Type", kind, "Transfer-Encoding", "chunked")
            if ask == "silent":
                shared.closing.wait(30)
            pieces = repeat("more") if ask == "endless" else iter(TEXTS.get(ask, TEXTS["hello"]))
            for line in lines(self.path, ask, pieces):
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            if ask != "cut":
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
    shared.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield shared
    finally:
        shared.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def lines(path: str, ask: str, pieces: Iterator[str]) -> Iterator[bytes]:
    """Yield the lines of a stream as the API of a path sends them; a failed one has no end."""
    write = {"/v1/chat/completions": _openai, "/v1/messages": _anthropic, "/api/chat": _ollama}[path]
    end = None if ask in ("cut", "unfinished", "broken") else REFUSED if ask == "refuse" else STOP
    yield from write(pieces, end, is_broken=ask == "broken")


def _openai(pieces: Iterator[str], end: AnswerEnd | None, *, is_broken: bool) -> Iterator[bytes]:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "m"}

    def data(value: object) -> bytes:
        return f"data: {json.dumps(value)}\n\n".encode()

    for piece in pieces:
        delta = {"role": "assistant", "content": piece}
        yield data({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if is_broken:
        yield data({"error": {"message": "it is broken", "type": "server_error"}})
    if end is not None:
        refusal = {"refusal": "I will not."} if end is REFUSED else {}
        yield data({**chunk, "choices": [{"index": 0, "delta": refusal, "finish_reason": end.openai}]})
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        yield data({**chunk, "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"


def _anthropic(pieces: Iterator[str], end: AnswerEnd | None, *, is_broken: bool) -> Iterator[bytes]:
    def event(kind: str, **value: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n".encode()

    message: dict[str, object] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 9, "output_tokens": 1}
    yield event("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": usage})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for piece in pieces:
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    if is_broken:
        yield event("error", error={"type": "overloaded_error", "message": "it is broken"})
    if end is not None:
        yield event("content_block_stop", index=0)
        delta = {"stop_reason": end.anthropic, "stop_sequence": None}
        yield event("message_delta", delta=delta, usage={"output_tokens": 4})
        yield event("message_stop")


def _ollama(pieces: Iterator[str], end: AnswerEnd | None, *, is_broken: bool) -> Iterator[bytes]:
    def line(**value: object) -> bytes:
        return json.dumps({"model": "m", "created_at": "2027-01-31T12:00:00Z", **value}).encode() + b"\n"

    for piece in pieces:
        yield line(message={"role": "assistant", "content": piece}, done=False)
    if is_broken:
        yield json.dumps({"error": "it is broken"}).encode() + b"\n"
    if end is not None:
        counts = {"done_reason": end.ollama, "prompt_eval_count": 9, "eval_count": 4, "total_duration": 1}
        yield line(message={"role": "assistant", "content": ""}, done=True, **counts)

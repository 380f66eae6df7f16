"""yaml-language-server, which editors ask about YAML, as an ordinary child process that speaks over its streams.

See https://github.com/redhat-developer/yaml-language-server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.programs import skip_or_fail

_INSTALL = "npm install --global yaml-language-server"


class LanguageServer:
    """One file that is open in an editor, whose part this plays.

    Args:
        process: The process of the language server.
        file: The file; it need not be there.
    """

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self._process = process
        self._uri = file.as_uri()
        self._requests = 0
        self._version = 0
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._send({"method": "initialized", "params": {}})

    def faults(self, text: str) -> list[tuple[int, int, str]]:
        """Give the file a text; return line, column and message of what the editor underlines then."""
        self._version += 1
        document = {"uri": self._uri, "languageId": "yaml", "version": self._version, "text": text}
        if self._version == 1:
            self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        else:
            changed = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._send({"method": "textDocument/didChange", "params": changed})
        while True:
            message = self._receive()
            if message.get("method") == "textDocument/publishDiagnostics":
                return sorted(
                    (each["range"]["start"]["line"] + 1, each["range"]["start"]["character"] + 1, each["message"])
                    for each in message["params"]["diagnostics"]
                )

    def completions(self, line: int, column: int) -> list[str]:
        """Return what the editor lists at a place of the text, which is counted from 1."""
        found = self.ask("textDocument/completion", self._place(line, column))
        return sorted(each["label"] for each in found["items"])

    def hover(self, line: int, column: int) -> str:
        """Return what the editor shows where the mouse rests."""
        found = self.ask("textDocument/hover", self._place(line, column))
        return str(found["contents"]["value"])

    def ask(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """Return the result of a request."""
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if message.get("id") == self._requests and "method" not in message:
                return message["result"]

    def _place(self, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self._uri}, "position": {"line": line - 1, "character": column - 1}}

    def _send(self, message: Mapping[str, Any]) -> None:
        stream = self._process.stdin
        assert stream is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()

    def _receive(self) -> dict[str, Any]:
        """Return the next message; the test's own time limit bounds the wait."""
        stream = self._process.stdout
        assert stream is not None
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b": ")
            length = int(value) if name == b"Content-Length" else length
        message: dict[str, Any] = json.loads(stream.read(length))
        if "id" in message and "method" in message:  # it asks for settings: there are none
            self._send({"id": message["id"], "result": [{} for _ in message.get("params", {}).get("items", ())]})
        return message


@contextmanager
def language_server(file: Path) -> Generator[LanguageServer]:
    """Open a file in a language server while the block lasts."""
    program = shutil.which("yaml-language-server")
    if program is None:
        skip_or_fail("yaml-language-server", _INSTALL)
    process = subprocess.Popen(
        [program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield LanguageServer(process, file)
    finally:
        process.kill()
        process.communicate()

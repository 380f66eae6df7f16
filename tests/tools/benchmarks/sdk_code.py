"""Code of the SDK's own measurements, for workers in its environment."""

from __future__ import annotations

#: A page by the SDK, by a client whose transport returns the response that stands in `fixed`, and the same by hand.
PAGE = '''
import json
from fibonacci import Fibonacci
from fibonacci.models import Workflow
from fibonacci.transports import HTTPResponse

fixed = {}

class FixedTransport:
    def send(self, request, deadline):
        return HTTPResponse(status=200, headers=fixed["headers"], body=fixed["body"])

    def close(self):
        pass

def make():
    return Fibonacci("key", base_url="http://127.0.0.1/v1", transport=FixedTransport())

client = make()

def load(url):
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    fixed["headers"] = [(k.lower().encode(), v.encode()) for k, v in response.getheaders()]
    fixed["body"] = response.read()
    connection.close()

from gc import collect
from fibonacci._core.response import APIResponse
from fibonacci._core.decoding import decode_list
from fibonacci.models._base import attach_response

def fibonacci(number):
    for _ in range(number):
        items = next(client.workflows.list().pages()).items
    return len(items)

def decoded(number):
    for _ in range(number):
        received = HTTPResponse(status=200, headers=fixed["headers"], body=fixed["body"])
        whole = APIResponse(received, received_at=0.0, limit=10**9, api_key="secret")
        items, _meta = decode_list(whole, Workflow, "workflows")
        attach_response(items, None)
    return len(items)

def by_hand(number):
    for _ in range(number):
        items = [Workflow.model_validate(item) for item in json.loads(fixed["body"])["data"]]
    return len(items)

def peak(which):
    """The memory that one page takes at the most, in a process that has read a short one before."""
    before = memory()
    globals()[which](1)
    return memory("VmHWM") - before
'''

#: The emulator, with its state in memory and in a file.
EMULATOR = """
import tempfile
from pathlib import Path
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest

HEADERS = {"authorization": "Bearer key", "content-type": "application/json"}

def executor(path):
    emulator = Emulator(db=path, api_key="key")
    definition = {"nodes": [{"id": "a", "type": "llm", "instruction": "Say {{input.x}}"}]}
    target = f"/v1/workflows/{emulator.client().workflows.create(name='x', definition=definition).id}/execute"
    request = ServerRequest("POST", target, HEADERS, b'{"inputs": {"x": "5"}}')
    return lambda: app_of(emulator).handle(request)

executors = {"in memory": executor(None), "in a file": executor(Path(tempfile.mkdtemp()) / "state.db")}

def execute(kind, number):
    run = executors[kind]
    for _ in range(number):
        run()
"""

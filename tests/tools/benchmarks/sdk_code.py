"""Code of the SDK's own measurements, for workers in its environment."""

from __future__ import annotations

#: A client whose transport returns the response that stands in `fixed`, at once and from memory.
FIXED_RESPONSE = """
import json
import time
from fibonacci import Fibonacci
from fibonacci._core.call import Call
from fibonacci._core.request import Request
from fibonacci.models import Workflow
from fibonacci.transports import Deadline, HTTPResponse

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
"""

#: A page by the SDK, and the same objects by hand.
PAGE = (
    FIXED_RESPONSE
    + '''
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
)

#: All pages of a list over a socket.
MANY_PAGES = '''
from fibonacci import Fibonacci

def pages(url):
    """Bytes at the peak, and pages."""
    with Fibonacci("key", base_url=url) as client:
        number = sum(1 for page in client.workflows.list(page_size=100).pages())
    return memory("VmHWM"), number
'''

#: What the retry machinery and the limiter add to a call that succeeds at once.
OVERHEAD = (
    FIXED_RESPONSE
    + """
from fibonacci._core.response import APIResponse
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.window import Admission
from fibonacci._{mode}.requestor import {prefix}Requestor

class Responded({prefix}Requestor):
    {async_}def _attempt(self, call):
        return ended

def prepare():
    global ended, requestor, call, limits
    response = HTTPResponse(status=200, headers=fixed["headers"], body=fixed["body"])
    response = APIResponse(response, received_at=0.0, limit=10**6)
    response.headers, response.rate_limit
    requestor = Responded(client._config, client._shared)
    call = Call(Request("GET", "/workflows/wf-1", Workflow), client._config, time)
    ended = call.ended_attempt(response, succeeded=True), None
    limits = SharedLimits()

{async_}def attempts(number):
    for _ in range(number):
        {await_}requestor._attempt(call)

{async_}def responded(number):
    for _ in range(number):
        {await_}requestor._send_with_retries(call)

{async_}def limited(number):
    for _ in range(number):
        admission = Admission()
        limits.acquire(admission, 0.0)
        limits.settle(admission, ended[0], 0.0)

def loop(number):
    for _ in range(number):
        pass
"""
)

#: Calls that wait for the rate limit, by a server that says that no request is left for a minute.
WAITING = """
import asyncio
import threading
import time
from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.transports import HTTPResponse

def response():
    stated = {"limit": 60, "remaining": 0, "reset": int(time.time() + 60)}
    headers = [(f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in stated.items()]
    return HTTPResponse(status=200, headers=headers, body=b'{"data": {"id": "wf-1"}}')

class Exhausted:
    def send(self, request, deadline):
        return response()

    def close(self):
        pass

class AsyncExhausted:
    async def send(self, request, deadline):
        return response()

    async def aclose(self):
        pass

async def tasks(number, seconds):
    client = AsyncFibonacci("tasks", transport=AsyncExhausted())
    await client.workflows.get("wf-1")
    waiting = [asyncio.create_task(client.workflows.get("wf-1")) for _ in range(number)]
    await asyncio.sleep(1)
    before = time.process_time()
    await asyncio.sleep(seconds)
    used = time.process_time() - before
    client.reset_rate_limit()
    await asyncio.gather(*waiting)
    return used / seconds * 100

def threads(number, seconds):
    client = Fibonacci("threads", transport=Exhausted())
    client.workflows.get("wf-1")
    waiting = [threading.Thread(target=client.workflows.get, args=["wf-1"]) for _ in range(number)]
    for thread in waiting:
        thread.start()
    time.sleep(1)
    before = time.process_time()
    time.sleep(seconds)
    used = time.process_time() - before
    client.reset_rate_limit()
    for thread in waiting:
        thread.join()
    return used / seconds * 100
"""

#: A call over a socket, and what is left of it without one layer after another.
PARTS = (
    FIXED_RESPONSE
    + """
import h11
import socket
from urllib.parse import urlsplit

def prepare(url):
    global whole, message, plain, request, http
    whole = Fibonacci("key", base_url=url)
    call = Call(Request("GET", "/workflows/wf-1", Workflow), whole._config, time)
    call.api_key = "key"
    message = call.http_request()
    parts = urlsplit(url)
    plain = socket.create_connection((parts.hostname, parts.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    http = h11.Connection(h11.CLIENT)
    request = sent_by_h11()

def sent_by_h11():
    head = http.send(h11.Request(method=message.method, target=message.target, headers=message.headers))
    return head + http.send(h11.EndOfMessage())

def a_call(number):
    for _ in range(number):
        whole.workflows.get("wf-1")

def rules(number):
    for _ in range(number):
        client.workflows.get("wf-1")

def sending(number):
    transport, deadline = whole._shared.transport(), Deadline(None)
    for _ in range(number):
        transport.send(message, deadline)

def by_h11(number):
    global http
    http = h11.Connection(h11.CLIENT)
    for _ in range(number):
        plain.sendall(sent_by_h11())
        while type(event := http.next_event()) is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                http.receive_data(plain.recv(65536))
        http.start_next_cycle()

def sockets(number):
    for _ in range(number):
        plain.sendall(request)
        plain.recv(65536)
"""
)

#: The emulator: a client in process, and one over a socket, with the server in the same process.
EMULATOR = """
import tempfile
from pathlib import Path
from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest

HEADERS = {"authorization": "Bearer key", "content-type": "application/json"}
emulator = Emulator().start()
clients_of = {
    "in_process": emulator.client(),
    "socket": Fibonacci(emulator.api_key, base_url=emulator.base_url),
}
workflow = clients_of["socket"].workflows.create(name="greeting")

def get(how, number):
    client = clients_of[how]
    for _ in range(number):
        client.workflows.get(workflow.id)

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

#: Emulators with few and many executions, an emulator that drops the oldest ones, and new ones.
EMULATOR_GROWTH = '''
import tempfile
import time
from pathlib import Path
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest

HEADERS = {"authorization": "Bearer key", "content-type": "application/json"}
folder = Path(tempfile.mkdtemp())
emulators = {}

def send(emulator, method, target, body=b""):
    response = app_of(emulator).handle(ServerRequest(method, f"/v1{target}", HEADERS, body))
    if response.status >= 300:
        raise RuntimeError(response.body.decode())
    return response.body

def path_of(kind, name):
    return folder / name if kind == "in a file" else None

def fill(kind, runs):
    """An emulator with so many executions; one of ten has failed."""
    emulator = Emulator(db=path_of(kind, f"{runs}.db"), api_key="key", keep=None)
    record = {"workflow_version": 1, "inputs": {"x": "y"}, "outputs": {"a": "z" * 100}, "error": None, "nodes": []}
    record |= {"created": 0.0, "started": 0.0, "ended": 1.0}
    executions = app_of(emulator).store.executions
    with app_of(emulator).store.transaction():
        for n in range(runs):
            status = "completed" if n % 10 else "failed"
            own = {"id": f"exec_{n}", "workflow_id": f"wf-{n % 5}", "status": status}
            executions.add(record | own)
    emulators[kind, runs] = emulator

def pages(kind, runs, target, number):
    """So many reads of the first page of a list."""
    emulator = emulators[kind, runs]
    for _ in range(number):
        send(emulator, "GET", target)

def execute(number):
    """So many executions by an emulator that keeps 10,000; the memory after each fifth."""
    import json
    emulator = Emulator(api_key="key")
    definition = {"nodes": [{"id": "a", "type": "llm", "instruction": "Say {{input.x}}"}]}
    body = json.dumps({"name": "x", "definition": definition}).encode()
    workflow = json.loads(send(emulator, "POST", "/workflows", body))["data"]["id"]
    sizes = []
    for n in range(number):
        send(emulator, "POST", f"/workflows/{workflow}/execute", b'{"inputs": {"x": "%d"}}' % n)
        if (n + 1) % (number // 5) == 0:
            sizes.append(memory())
    return sizes

def start_and_stop(kind):
    with Emulator(db=path_of(kind, "started.db")):
        pass
'''

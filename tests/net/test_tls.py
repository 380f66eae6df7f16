"""TLS contexts are made once, also by many threads and around a fork, and a lack of descriptors is said to be one."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trustme

from fibonacci._net.tls import ssl_context
from tests.kit.certificates import Authority, ClientFiles
from tests.kit.systems import needs_descriptor_limits, needs_fork

_PROGRAM = """
import errno, os, resource, sys
import certifi
from fibonacci._net.tls import ssl_context

def failure(*arguments):
    try:
        return len(ssl_context(*arguments).get_ca_certs())
    except OSError as error:
        return errno.errorcode.get(error.errno) if type(error) is OSError else error

client_cert, file, folder = sys.argv[1:]
cases = [(None, client_cert), (file, None), (folder, None)]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
for variable, value in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)):
    os.environ |= {"SSL_CERT_FILE": "/no/such/file", "SSL_CERT_DIR": "/no/such/folder", variable: value}
    opened = []
    while True:
        try:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    before = [failure(*case) for case in cases]
    for descriptor in opened:
        os.close(descriptor)
    print(before, [failure(*case) for case in cases])
"""


@needs_descriptor_limits
def test_no_descriptor_is_left(tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path)
    files = ClientFiles.issued_by(authority.ca, tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "0a775a30.0").write_bytes(trustme.CA().cert_pem.bytes())
    command = [sys.executable, "-c", _PROGRAM, str(files.both), str(authority.file), str(folder)]
    run = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=True)
    # What a folder holds is read when it is needed.
    assert run.stdout.splitlines() == [f"{['EMFILE'] * 3} {[held, 1, held]}" for held in (1, 0)]


def test_threads_that_begin_together_make_one_context(tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path)
    together = threading.Barrier(6)

    def make(_: int) -> int:
        together.wait()
        return id(ssl_context(str(authority.file)))

    with ThreadPoolExecutor(6) as threads:
        assert len({*threads.map(make, range(6))}) == 1


_FORK = """
import os, ssl, threading
from fibonacci._net import tls

make, has_begun, goes_on = ssl.create_default_context, threading.Event(), threading.Event()

def slowly(**options):
    has_begun.set()
    goes_on.wait()
    return make(**options)

ssl.create_default_context = slowly
thread = threading.Thread(target=tls.ssl_context, args=(None,))
thread.start()
has_begun.wait()
child = os.fork()
if child == 0:
    ssl.create_default_context = make
    tls.ssl_context(None)
    os._exit(7)
goes_on.set()
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_fork
def test_a_fork_while_a_context_is_made() -> None:
    run = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.strip() == "7"

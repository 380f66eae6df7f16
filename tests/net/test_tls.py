"""A TLS context that is made while the process has no descriptor left: that says nothing of its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.kit.certificates import Authority, ClientFiles

_PROGRAM = """
import errno, os, resource, sys
import certifi
from fibonacci._net.tls import ssl_context

def failure(*arguments):
    try:
        return len(ssl_context(*arguments).get_ca_certs())
    except OSError as error:
        return errno.errorcode.get(error.errno) if type(error) is OSError else error

client_cert, *arguments = sys.argv[1:]
cases = [(None, client_cert), *((ca_bundle, None) for ca_bundle in arguments)]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_no_descriptor_is_left(variable: str, tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path)
    files = ClientFiles.issued_by(authority.ca, tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "0a775a30.0").write_bytes(trustme.CA().cert_pem.bytes())
    value = authority.file if variable == "SSL_CERT_FILE" else folder
    command = [sys.executable, "-c", _PROGRAM, str(files.both), str(authority.file), str(folder)]
    environment = {
        "PATH": "",
        "SSL_CERT_FILE": "/no/such/file",
        "SSL_CERT_DIR": "/no/such/folder",
        variable: str(value),
    }
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    held = 1 if variable == "SSL_CERT_FILE" else 0  # what a folder holds is read when it is needed
    assert run.stdout.strip() == f"{['EMFILE'] * 3} {[held, 1, held]}"

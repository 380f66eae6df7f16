"""One nginx and one haproxy for all tests of a process, each with every setup at its own port."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.certificates import Authority
from tests.kit.programs import free_port
from tests.kit.server import ScriptedServer
from tests.servers.backend import backend
from tests.servers.gateways import GATEWAYS, Gateway, gateway
from tests.servers.setups import CONNECTIONS, encrypted, failing

# Elsewhere the programs are other ones, or absent.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="session")
def behind() -> Iterator[ScriptedServer]:
    """Return the backend of the gateways."""
    with backend() as running:
        yield running


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the gateways have their files."""
    return tmp_path_factory.mktemp("gateways")


@pytest.fixture(scope="session")
def authority(directory: Path) -> Authority:
    """Return the authority that signs the certificates of the gateways and of their clients."""
    return Authority.made_in(directory)


@pytest.fixture(scope="session")
def gateways(directory: Path, behind: ScriptedServer, authority: Authority) -> Iterator[dict[str, Gateway]]:
    """Return the gateways by their names."""
    with ExitStack() as stack:
        running: dict[str, Gateway] = {}
        for name in GATEWAYS:
            certificate = directory / f"{name}.pem"
            authority.ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
            setups = CONNECTIONS | failing(free_port()) | encrypted(certificate, authority.file)
            running[name] = stack.enter_context(gateway(name, directory, setups, behind.port))
        yield running


@pytest.fixture(params=GATEWAYS)
def front(request: pytest.FixtureRequest, gateways: dict[str, Gateway]) -> Gateway:
    """Return each of the gateways."""
    return gateways[request.param]

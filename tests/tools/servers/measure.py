"""The same work for every client behind the same gateways: what fails, what is done twice, what stays unknown."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kit.mode import Mode
from tests.kit.programs import free_port, running
from tests.servers.gateways import Gateway, GatewayName, gateway
from tests.servers.load import Load, LoadedCall
from tests.servers.setups import SHORT_KEEP_ALIVE, Setup
from tests.tools.servers.clients import Contender

_DISTURB_EVERY = 0.2


@dataclass(frozen=True)
class LoadProfile:
    """A misfortune of connections, and the work during it.

    Attributes:
        disturb: Does it once; the gateway's reload, or nothing.
    """

    name: str
    setup: Setup
    load: Load
    disturb: Callable[[Gateway], None] = lambda _: None


PROFILES = (
    LoadProfile("reloads, five a second", Setup(), Load(64, (0.0, 0.1)), Gateway.reload),
    LoadProfile("keep-alive of 0.5 s", SHORT_KEEP_ALIVE, Load(64, (0.49, 0.51))),
)


@dataclass(frozen=True)
class Tally:
    """The calls of one client in one profile."""

    contender: Contender
    calls: list[LoadedCall]
    carried_out: Counter[str]

    def failed(self, method: str) -> int:
        """Return how many calls with a method failed."""
        return sum(call.method == method and call.error is not None for call in self.calls)

    @property
    def unknown(self) -> int:
        """How many POSTs ended without the caller knowing whether they were carried out."""
        return sum(call.method == "POST" and self.contender.known(call) == "unknown" for call in self.calls)

    @property
    def duplicates(self) -> int:
        """How many POSTs were carried out more than once."""
        return sum(call.method == "POST" and self.carried_out[call.id] > 1 for call in self.calls)


def measure(profile: LoadProfile, name: GatewayName, contender: Contender, seconds: float) -> Tally:
    """Have one client do the work of a profile, alone, so that none slows another down."""
    with TemporaryDirectory() as made, _logging_backend(Path(made)) as (port, log):
        setups = {profile.name: profile.setup}
        with gateway(name, Path(made), setups, port) as running_gateway, Mode(contender.mode) as mode:
            stop = threading.Event()
            request = contender.connect(mode, running_gateway.base_url(profile.name))
            calls = profile.load.begin(mode, request, stop)
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                time.sleep(_DISTURB_EVERY)
                profile.disturb(running_gateway)
            stop.set()
            done = list(calls)
        return Tally(contender, done, Counter(log.read_text().split()))


@contextmanager
def _logging_backend(directory: Path) -> Generator[tuple[int, Path]]:
    """Run an nginx that responds by itself, and writes the id of each request that it has carried out to a file."""
    port, log, file = free_port(), directory / "carried_out", directory / "backend.conf"
    scratch = " ".join(
        f"{kind}_temp_path {directory / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file.write_text(f"""
user root root; daemon off; worker_processes 1; pid {directory / "backend.pid"};
events {{ worker_connections 1024; }}
http {{
  {scratch}
  log_format id $id;
  map $uri $id {{ "~/calls/(?<call>.+)$" $call; }}
  server {{
    listen 127.0.0.1:{port};
    access_log {log} id;
    location / {{ default_type application/json; return 200 '{{"data": {{}}}}'; }}
  }}
}}
""")
    with running(port, "nginx", "-p", str(directory), "-e", str(directory / "backend.log"), "-c", str(file)):
        yield port, log

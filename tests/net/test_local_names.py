"""Names of this machine: plain http to them is allowed, so they lead to this machine whatever a name service says."""

from __future__ import annotations

from tests.kit.mode import Mode, each_mode
from tests.kit.names import NameService
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok


@each_mode
def test_a_name_of_this_machine_leads_to_this_machine(mode: Mode, names: NameService) -> None:
    with ScriptedServer(ok) as server:
        for name in ("localhost", "platform.localhost"):
            names.add(name, "192.0.2.1")
            client = mode.client(server.api_key, base_url=f"http://{name}:{server.port}/v1")
            assert mode.run(client.request("GET", "/x")) == {"fine": True}
    assert not names.lookups

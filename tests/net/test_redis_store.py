"""The window in Redis and Valkey: the script does what the class does, and no failure shows a password."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import WindowMessage, WindowReply, exchange
from fibonacci._core.window import Statement, Window
from fibonacci._net.redis_client import RedisStore
from fibonacci._texts.redaction import shown_url
from fibonacci.errors import ConfigurationError
from tests.kit.assertions import check_each, each_row
from tests.kit.clock import START
from tests.kit.redis import REDIS_SERVERS, RedisServer

# Each process that has one of these starts the servers.
pytestmark = pytest.mark.xdist_group("redis")

PASSWORD = "swordfish-7"
ASKING = WindowMessage([], 1)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, RedisServer]]:
    """Return a server of either kind, of which only the interpreter of scripts matters."""
    servers = {program: RedisServer(program, password=PASSWORD) for program in REDIS_SERVERS}
    with ExitStack() as stack:
        for server in servers.values():
            stack.enter_context(server.running())
        yield servers


@pytest.fixture
def server(servers: dict[str, RedisServer]) -> RedisServer:
    return servers[REDIS_SERVERS[0]]


@pytest.fixture(params=REDIS_SERVERS)
def each_server(request: pytest.FixtureRequest, servers: dict[str, RedisServer]) -> RedisServer:
    return servers[request.param]


class Story:
    """Messages to a window, at random, with what their requests come back with.

    Args:
        chance: The source of chance.
    """

    def __init__(self, chance: random.Random) -> None:
        self.now = 1_700_000_000.0 + chance.randint(0, 9) / 8
        self._chance = chance
        self._sent: list[float] = []
        self._limit = chance.choice([1, 2, 3, 6, 40])
        self._length = chance.choice([2.0, 5.0, 60.0, 3600.0])

    def next_message(self) -> WindowMessage:
        """Let time pass, and return the next message."""
        chance, sent = self._chance, self._sent
        # In sixteenths: the state has fourteen digits of a time.
        self.now += chance.choice([0.0, 1 / 16, 0.125, 0.25, 1.0, 2.5, float(chance.randint(0, int(self._length)))])
        operations: list[list[Any]] = [["forget"]] if chance.random() < 0.03 else []
        operations += [self._end(sent.pop(chance.randrange(len(sent)))) for _ in sent[:3] if chance.random() < 0.5]
        if chance.random() < 0.1:
            operations.append(["pause", self.now, chance.choice([0.5, 30.0])])
        return WindowMessage(operations, chance.randint(0, 4))

    def receive(self, reply: WindowReply) -> None:
        """Take in what was granted, unless the reply is lost."""
        if self._chance.random() < 0.9:
            self._sent += [reply.at] * reply.granted

    def _end(self, sent: float) -> list[Any]:
        chance = self._chance
        age = chance.choice([0.0, 1 / 16, 1.5])
        if chance.random() < 0.2:
            return ["end", sent, self.now - age, None]
        server_now = self.now - age + START
        end = (server_now // self._length + chance.choice([1, 1, 1, 0])) * self._length
        reset = float(math.ceil(end) - chance.choice([0, 0, 1]))
        remaining = chance.choice([0, self._limit - 1, chance.randint(0, self._limit)])
        return ["end", sent, self.now - age, Statement(self._limit, remaining, reset, server_now // 1)]


@given(chance=st.randoms(use_true_random=False))
def test_the_script_does_what_the_class_does(servers: dict[str, RedisServer], chance: random.Random) -> None:
    store, story, window = RedisStore(servers[REDIS_SERVERS[0]].url, uuid4().hex), Story(chance), Window(is_shared=True)
    for _ in range(25):
        message = story.next_message()
        expected, reply = exchange(window, message, story.now), store.exchange(message, story.now)
        assert reply.at == pytest.approx(expected.at, abs=0.001), message
        assert reply.granted == expected.granted, message
        state: dict[str, Any] = {
            name: value or [] if name == "flying" else value for name, value in reply.state.items()
        }
        wanted = {name: value for name, value in expected.state.items() if name != "is_shared"}
        assert state == pytest.approx(wanted, abs=0.001, rel=1e-13), message
        story.receive(expected)


def test_each_server_carries_out_the_script(each_server: RedisServer) -> None:
    store = RedisStore(each_server.url, uuid4().hex)
    first = store.exchange(ASKING)
    assert first.granted == 1
    stated = Statement(3, 2, START + 60, START)
    reply = store.exchange(WindowMessage([["end", first.at, first.at, stated]], 3))
    assert (reply.granted, reply.state["limit"], reply.state["remaining"]) == (2, 3, 2)
    assert reply.state["ends"] - first.at == pytest.approx(61, abs=0.1)
    with each_server.client() as client:
        client.flushall()
    assert store.exchange(ASKING).granted == 1, "it costs what was known, and no error"


def test_a_server_that_is_gone_is_named() -> None:
    restarted = RedisServer(password=PASSWORD)
    store = RedisStore(restarted.url, "x")
    with restarted.running():
        assert store.exchange(ASKING).granted == 1
    with pytest.raises(StoreError, match=rf"redis://127.0.0.1:{restarted.port}/0 cannot be used: .*refused") as caught:
        store.exchange(ASKING)
    assert not caught.value.is_lasting
    with restarted.running():
        assert store.exchange(ASKING).granted == 1


def test_a_socket_of_this_machine_will_do(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    server = RedisServer(password=PASSWORD)
    with server.running("--unixsocket", str(socket)):
        with server.client() as client:
            client.ping()  # it responds as soon as it listens at the socket, too
        store = RedisStore(f"unix://:{PASSWORD}@{socket}?db=0", "x")
        assert store.exchange(ASKING).granted == 1


def test_what_another_try_does_not_change_is_an_error_at_once_without_the_password(server: RedisServer) -> None:
    urls = {
        server.url.replace(PASSWORD, "wrong-swordfish"): "invalid username-password pair",
        server.url.replace(f":{PASSWORD}@", ""): "uthenticat",
        server.url.removesuffix("0") + "99": "DB index is out of range",
    }

    def check(url: str, text: str) -> None:
        with pytest.raises(StoreError) as caught:
            RedisStore(url, "x").exchange(ASKING)
        assert caught.value.is_lasting
        assert text in str(caught.value)
        assert "swordfish" not in str(caught.value)

    check_each(urls.items(), lambda row: check(*row))


def test_a_server_that_becomes_a_replica_is_waited_for(tmp_path: Path) -> None:
    """A primary that is replaced: the name leads to another server soon."""
    server = RedisServer()
    with server.running("--dir", str(tmp_path)), server.client() as client:
        store = RedisStore(server.url, "x")
        store.exchange(ASKING)
        client.replicaof("127.0.0.1", 9)
        with pytest.raises(StoreError, match="read only replica") as caught:
            store.exchange(ASKING)
    assert not caught.value.is_lasting


@each_row(
    "url",
    [
        "redis://:swordfish/7@localhost:1",
        "redis://localhost:port",
        "redis://x?socket_timeout=swordfish",
        "redis://x?nonsense=swordfish",
        "redis://:a@word/swordfish@localhost:1/0",
        "redis://localhost/swordfish",
    ],
)
def test_a_url_that_names_no_server_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        RedisStore(url, "x")
    assert "swordfish" not in str(caught.value)


@each_row(
    ("url", "shown"),
    [
        ("redis://user:swordfish@localhost:6379/0?client_name=x", "redis://localhost:6379/0"),
        ("rediss://:sword@fish@h:1", "rediss://h:1"),
        ("unix://:swordfish@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown

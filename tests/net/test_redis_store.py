"""The window in Redis and Valkey: the script does what the class does, and no failure shows a password."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.shared_window import LeaseEnd, LeaseMessage, LeaseReply, SharedWindow, StoreError
from fibonacci._net.redis_client import RedisStore
from fibonacci._redaction import shown_url
from fibonacci.errors import ConfigurationError
from tests.kit.assertions import check_each, each_row
from tests.kit.clock import START
from tests.kit.redis import REDIS_SERVERS, RedisServer

# Each process that has one of these starts the servers.
pytestmark = pytest.mark.xdist_group("redis")

PASSWORD = "swordfish-7"


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
    """Messages of a few processes to a window, at random, with what their requests come back with.

    Args:
        chance: The source of chance.
    """

    def __init__(self, chance: random.Random) -> None:
        self.now = 1_700_000_000.0 + chance.random()
        self._chance = chance
        self._names = count()
        self._wanted: list[list[str]] = [[], [], []]
        self._held: list[dict[str, float]] = [{}, {}, {}]
        self._epochs = ["", "", ""]
        self._limit = chance.choice([1, 2, 3, 6, 40])
        self._length = chance.choice([2.0, 5.0, 60.0, 3600.0])
        self._process = 0

    def next_message(self) -> LeaseMessage:
        """Let time pass, and return the next message."""
        chance = self._chance
        self.now += chance.choice([0.0, 0.001, 0.1, 0.3, 1.0, 2.5, chance.uniform(0, self._length)])
        self._process = process = chance.randrange(3)
        held, wanted = self._held[process], self._wanted[process]
        ended = [self._end(name, held.pop(name)) for name in list(held) if chance.random() < 0.5]
        ended += [LeaseEnd(wanted.pop())] if wanted and chance.random() < 0.1 else []
        wanted += [f"{process}.{next(self._names)}" for _ in range(chance.randint(0, 3))]
        epoch = self._epochs[process] if chance.random() < 0.9 else chance.choice(["", "another"])
        told = list(held.items()) if not epoch else []
        delay = chance.choice([0.0, 0.0, 0.5]) if not epoch else 0.0
        return LeaseMessage(epoch, chance.random() < 0.03, told, delay, ended, list(wanted))

    def receive(self, message: LeaseMessage, reply: LeaseReply) -> None:
        """Take in a reply, unless it is lost."""
        if message.epoch not in ("", reply.epoch) or self._chance.random() < 0.1:
            return
        self._epochs[self._process] = reply.epoch
        for name, at in reply.granted:
            self._held[self._process][name] = at
            self._wanted[self._process].remove(name)

    def _end(self, name: str, at: float) -> LeaseEnd:
        chance = self._chance
        age, has_passed = chance.choice([0.0, 0.01, 1.5]), chance.random() < 0.8
        pause = 0.0 if has_passed else chance.choice([0.0, 1.0, 30.0])
        if chance.random() < 0.2:
            return LeaseEnd(name, at, age, has_passed, pause)
        server_now = self.now - age + chance.choice([0.0, 0.0, 0.0, -30.0]) + START
        is_over = chance.random() < 0.3  # by the reset, which states the window before as the present one
        end = (server_now // self._length + (0 if is_over else 1)) * self._length
        reset = float(math.ceil(end) - chance.choice([0, 0, 1]))
        remaining = chance.choice([0, 0 if is_over else self._limit - 1, chance.randint(0, self._limit)])
        return LeaseEnd(name, at, age, has_passed, pause, self._limit, remaining, reset, server_now // 1)


def are_the_same(reply: LeaseReply, other: LeaseReply) -> bool:
    """Whether two replies are the same, but for the last digits of sums of Unix times."""
    times = [(reply.delay, other.delay), (reply.ends_in, other.ends_in)]
    times += [(at, expected) for (_, at), (_, expected) in zip(reply.granted, other.granted, strict=False)]
    rest, expected = (each._replace(granted=[], delay=0.0, ends_in=0.0) for each in (reply, other))
    names, expected_names = ([name for name, _ in each.granted] for each in (reply, other))
    return (rest, names) == (expected, expected_names) and all(abs(one - two) < 1e-5 for one, two in times)


@given(chance=st.randoms(use_true_random=False))
def test_the_script_does_what_the_class_does(servers: dict[str, RedisServer], chance: random.Random) -> None:
    store, story = RedisStore(servers[REDIS_SERVERS[0]].url, uuid4().hex), Story(chance)
    window: SharedWindow | None = None
    for _ in range(25):
        message = story.next_message()
        window = window or SharedWindow(story.now)
        expected = window.exchange(message, story.now)
        reply = store.exchange(message, story.now)
        assert are_the_same(reply, expected), (reply, expected)
        story.receive(message, expected)


@each_row("since", [0.1, 2.2, 2.8])
def test_the_script_learns_late_resets_as_the_class_does(each_server: RedisServer, since: float) -> None:
    store, window, late = RedisStore(each_server.url, uuid4().hex), SharedWindow(0.0), 5.0 + since

    def exchange(now: float, wanted: list[str], ended: list[LeaseEnd]) -> list[str]:
        message = LeaseMessage("", False, [], 0.0, ended, wanted)
        expected, reply = window.exchange(message, now), store.exchange(message, now)
        assert are_the_same(reply._replace(epoch=expected.epoch), expected), (now, reply, expected)
        return [name for name, _ in reply.granted]

    def ended(name: str, at: float) -> list[LeaseEnd]:
        return [LeaseEnd(name, at, limit=9, remaining=0, reset=START + 5, server_time=START + at)]

    assert exchange(0.0, ["a"], []) == ["a"]
    assert exchange(0.0, ["b"], ended("a", 0.0)) == []
    assert exchange(late, ["b", "c"], []) == ["b"], "the first request of a window goes alone"
    exchange(late, ["c", "d"], ended("b", late))
    for now in (late + 0.3, late + 0.5, late + 0.6, 6.0, 7.0, 8.0, 9.0):
        exchange(max(now, late), ["c", "d"], [])
    exchange(9.5, ["e"], [LeaseEnd("d"), LeaseEnd("c")])


def test_time_is_that_of_the_server(each_server: RedisServer) -> None:
    store = RedisStore(each_server.url, uuid4().hex)
    reply = store.exchange(LeaseMessage("", False, [], 0.0, [], ["a"]))
    ((name, at),) = reply.granted
    assert name == "a"
    assert at == pytest.approx(float(reply.epoch), abs=1)


def test_a_restart_is_noticed() -> None:
    restarted = RedisServer(password=PASSWORD)
    store = RedisStore(restarted.url, "x")
    with restarted.running():
        first = store.exchange(LeaseMessage("", False, [], 0.0, [], ["a"]))
        again = store.exchange(LeaseMessage(first.epoch, False, [], 0.0, [], ["a"]))
        assert [name for name, _ in again.granted] == ["a"] == [name for name, _ in first.granted]
    with pytest.raises(StoreError, match=rf"redis://127.0.0.1:{restarted.port}/0 cannot be used: .*refused") as caught:
        store.exchange(LeaseMessage(first.epoch, False, [], 0.0, [], ["a"]))
    assert not caught.value.is_lasting
    with restarted.running():
        second = store.exchange(LeaseMessage(first.epoch, False, [], 0.0, [], ["a"]))
        assert second.epoch != first.epoch
        assert second.granted == []


def test_a_socket_of_this_machine_will_do(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    server = RedisServer(password=PASSWORD)
    with server.running("--unixsocket", str(socket)):
        with server.client() as client:
            client.ping()  # it responds as soon as it listens at the socket, too
        store = RedisStore(f"unix://:{PASSWORD}@{socket}?db=0", "x")
        assert len(store.exchange(LeaseMessage("", False, [], 0.0, [], ["a"])).granted) == 1


def test_what_another_try_does_not_change_is_said_at_once(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words that say what to do, and without the password."""
    # How long a server that says nothing is waited for.
    monkeypatch.setattr("fibonacci._net.redis_client._TIMEOUT", 0.3)
    replica = RedisServer()
    urls = {
        server.url.replace(PASSWORD, "wrong-swordfish"): "rejects the user and password in the URL",
        server.url.replace(f":{PASSWORD}@", ""): "asks for a password, and the URL has none",
        server.url.removesuffix("0") + "99": "has no database with the number at the end of the URL",
        server.url.replace("redis:", "rediss:"): "does not use TLS on this port: the URL should begin with redis://",
        replica.url: "is a replica, which accepts no writes: use the URL of its primary",
    }

    def check(url: str, text: str) -> None:
        with pytest.raises(StoreError) as caught:
            RedisStore(url, "x").exchange(LeaseMessage("", False, [], 0.0, [], ["a"]))
        assert caught.value.is_lasting
        assert f"the server {text}" in str(caught.value)
        assert "swordfish" not in str(caught.value)

    with replica.running("--replicaof", "127.0.0.1", "9", "--dir", str(tmp_path)):
        check_each(urls.items(), lambda row: check(*row))


def test_a_server_that_becomes_a_replica_is_waited_for(tmp_path: Path) -> None:
    """A primary that is replaced: the name leads to another server soon."""
    server = RedisServer()
    with server.running("--dir", str(tmp_path)), server.client() as client:
        store = RedisStore(server.url, "x")
        store.exchange(LeaseMessage("", False, [], 0.0, [], ["a"]))
        client.replicaof("127.0.0.1", 9)
        with pytest.raises(StoreError, match="is a replica") as caught:
            store.exchange(LeaseMessage("", False, [], 0.0, [], ["a"]))
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

"""Measure how the clients fare behind nginx and haproxy: python -m tests.tools.servers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.servers.gateways import GATEWAYS, GatewayName
from tests.tools.servers.clients import contenders
from tests.tools.servers.measure import PROFILES, LoadProfile, Tally, measure

_TURN = 5.0


def main() -> None:
    """Measure every client in every profile, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.servers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="how long each client works in each profile; 20")
    options = parser.parse_args()
    for line in _lines(options.seconds):
        print(line, flush=True)


def _lines(seconds: float) -> Iterator[str]:
    yield "| gateway | what it does | client | calls | GETs failed | POSTs failed | outcome unknown | done twice |"
    yield "|---|---|---|---|---|---|---|---|"
    for profile in PROFILES:
        for gateway in GATEWAYS:
            for name, figures in _compare(profile, gateway, seconds).items():
                yield f"| {gateway} | {profile.name} | {name} | {' | '.join(f'{figure:,}' for figure in figures)} |"


def _compare(profile: LoadProfile, gateway: GatewayName, seconds: float) -> dict[str, list[int]]:
    """Return the figures of each client: they take turns, so that what slows the machine down meets them all."""
    turns: dict[str, list[list[int]]] = {}
    for _ in range(max(1, round(seconds / _TURN))):
        for contender in contenders():
            tally = measure(profile, gateway, contender, min(seconds, _TURN))
            turns.setdefault(contender.name, []).append(_figures(tally))
    return {name: [sum(column) for column in zip(*rows, strict=True)] for name, rows in turns.items()}


def _figures(tally: Tally) -> list[int]:
    return [len(tally.calls), tally.failed("GET"), tally.failed("POST"), tally.unknown, tally.duplicates]


if __name__ == "__main__":
    main()

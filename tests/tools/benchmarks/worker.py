"""Runs the code of one subject, in its own environment, as often as it is told; imports nothing that could matter.

    python worker.py CODE

Each line on its input is `{"function": name, "arguments": {...}}`; the reply, a line too, holds what the function
returned, and the CPU and wall time that it took in seconds. `calls`, `burst` and `clients` below are there for every
subject that has `make()` and `call(client, id)`.
"""

from __future__ import annotations

import json
import sys
import time
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

names: dict[str, Any] = {}
"""What the subject's code defines, and what it finds there."""


def memory(kind: str = "VmRSS") -> int:
    """Return the memory of this process in bytes: `VmRSS` for now, `VmHWM` for its peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    found = next(line for line in status.read_text().splitlines() if line.startswith(kind))
    return int(found.split()[1]) * 1024


def calls(number: int, id: str = "wf-abc123") -> None:
    """So many calls, one after the other, on one client."""
    client = names.get("client") or names.setdefault("client", names["make"]())
    call = names["call"]
    for _ in range(number):
        call(client, id)


def forget() -> None:
    """Let the next call be the first of a new client; what a process loads once is loaded."""
    names["former"] = names.pop("client")


def clients(number: int) -> float:
    """Make so many clients and keep them; the bytes that each takes."""
    before = memory()
    kept = names.setdefault("kept", [])
    kept.append([names["make"]() for _ in range(number)])
    return (memory() - before) / number


async def calls_at_once(number: int, at_once: int = 1, id: str = "wf-abc123") -> None:
    """So many calls on one client, `at_once` of them in flight at any time."""
    import asyncio

    client = names.get("client") or names.setdefault("client", names["make"]())
    call = names["call"]
    left = iter(range(number))

    async def one_after_the_other() -> None:
        for _ in left:
            await call(client, id)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


def main() -> None:
    exec(sys.argv[1], names)
    is_async = iscoroutinefunction(names.get("call"))
    names.update(calls=calls_at_once if is_async else calls, clients=clients, forget=forget, memory=memory)
    run: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        function, arguments = names[order["function"]], order["arguments"]
        if iscoroutinefunction(function) and run is None:
            import asyncio

            run = asyncio.Runner().run
        cpu, wall = time.process_time(), time.perf_counter()
        result = run(function(**arguments)) if iscoroutinefunction(function) else function(**arguments)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({"cpu": cpu, "wall": wall, "result": result}), flush=True)


if __name__ == "__main__":
    main()

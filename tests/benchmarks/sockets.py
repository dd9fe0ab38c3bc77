"""Sockets that do nothing, and hostile ones: `python -m tests.benchmarks.sockets [--quick]`.

On each kind of database, one web process started as the Procfile starts it, and how much of a core
it uses:

- idle: 2,000 sockets of a hundred people, each watching an order in which nothing happens;
- hostile: beside them, from addresses of their own, HOSTILE new connections a second, each as soon
  as its turn comes: a third without a session, a third with one that nobody has, a third with a
  good one that says garbage.

The process's own use is measured, and what it used before anybody came is shown beside it.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.benchmarks.goals import Goal, tell
from tests.benchmarks.live import KINDS, place_orders, sessions

SOCKETS = 2_000
OF_AN_ADDRESS = 200
HOSTILE = 60
# Come together: the feed lets in all who wait, ten times a second.
TOGETHER = 20
SETTLE_SECONDS = 12.0
FLAGS = (
    *("--no-access-log", "--log-level", "warning", "--ws-max-size", "65536"),
    *("--ws-ping-interval", "300", "--ws-ping-timeout", "60", "--ws-per-message-deflate", "false"),
)


def address(number: int) -> tuple[str, int]:
    """Of this host's many: each is a visitor of its own."""
    return f"127.0.{1 + number // 200}.{1 + number % 200}", 0


def opened(url: str, session: str, number: int) -> connect:
    return connect(
        url.replace("http", "ws", 1) + "/live/socket/",
        origin=url,  # type: ignore[arg-type]
        additional_headers={"Cookie": f"sessionid={session}"} if session else {},
        local_addr=address(number),
        compression=None,
        ping_interval=None,
        proxy=None,
    )


@asynccontextmanager
async def idle(url: str, keys: Sequence[str], ids: Sequence[int]) -> AsyncIterator[None]:
    """Sockets that watch, and read what comes."""
    room = asyncio.Semaphore(TOGETHER)

    async def come(number: int, key: str) -> ClientConnection:
        async with room:
            socket = await opened(url, key, number // OF_AN_ADDRESS)
            order = ids[number % len(ids)]
            await socket.send(json.dumps({"watch": [f"order:{order}"], "language": "en"}))
            return socket

    found = await asyncio.gather(*(come(number, key) for number, key in enumerate(keys)))
    readers = [asyncio.create_task(drain(socket)) for socket in found]
    try:
        yield
        open_still = sum(not reader.done() for reader in readers)
        if open_still != len(keys):
            raise AssertionError(f"{open_still} of {len(keys)} sockets are open")
    finally:
        for reader in readers:
            reader.cancel()
        for socket in found:
            socket.transport.abort()


async def drain(socket: ClientConnection) -> None:
    async for _frame in socket:
        pass


async def attack(url: str, good: str, seconds: float) -> int:
    """Returns how many connections there were."""
    until = time.monotonic() + seconds
    kinds = itertools.cycle(("", "0" * 32, good))
    tries: set[asyncio.Task[None]] = set()
    number = 0
    while time.monotonic() < until:
        task = asyncio.create_task(intrude(url, next(kinds), 2_000 + number % 50))
        tries.add(task)
        task.add_done_callback(tries.discard)
        number += 1
        await asyncio.sleep(1 / HOSTILE)
    await asyncio.gather(*tries)
    return number


async def intrude(url: str, session: str, number: int) -> None:
    with suppress(WebSocketException, OSError, TimeoutError):
        async with asyncio.timeout(10), opened(url, session, number) as socket:
            await socket.send("[" * 60_000)
            await drain(socket)


async def measure_all(
    url: str, pid: int, keys: Sequence[str], ids: Sequence[int], seconds: float
) -> dict[str, float]:
    process = psutil.Process(pid)
    found: dict[str, float] = {}

    async def during(what: str, work: Any) -> None:
        began, used = time.monotonic(), sum(process.cpu_times()[:2])
        await work
        found[what] = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)

    await during("nobody", asyncio.sleep(5))
    async with idle(url, keys, ids[:1]):
        await asyncio.sleep(SETTLE_SECONDS)
        await during("idle", asyncio.sleep(seconds))
        found["memory"] = process.memory_info().rss / 1e6
        await during("hostile", attack(url, keys[-1], seconds))
    return found


def measure(options: argparse.Namespace) -> dict[str, float]:
    from tests.benchmarks.orders import an_office
    from tests.sites import DemoSite

    with DemoSite() as site, an_office(options.kind, site) as office:
        ids = place_orders(1)
        web = office.web("office.asgi:application", flags=FLAGS)
        keys = sessions(options.sockets + 1)
        found = asyncio.run(measure_all(web.url, web.pid, keys, ids, options.seconds))
        if "Traceback" in web.log():
            raise AssertionError(web.log())
        web.terminate()
    return found


def main() -> int:
    options = _options()
    if options.kind:
        print(json.dumps(measure(options)))
        return 0
    goals = []
    print("| | nobody | idle | with hostile ones | memory |")
    print("|---|---|---|---|---|")
    for kind in KINDS:
        found = _in_a_process_of_its_own(kind, options)
        shares = " | ".join(f"{found[what]:.1%}" for what in ("nobody", "idle", "hostile"))
        print(f"| {kind} | {shares} | {found['memory']:.0f} MB |", flush=True)
        what = f"sockets, {kind}: % of a core with {options.sockets} idle"
        goals += [
            Goal(what, found["idle"] * 100, 3.0, True, ".1f"),
            Goal(f"{what} and {HOSTILE}/s hostile", found["hostile"] * 100, 10.0, True, ".1f"),
        ]
    tell(goals)
    return 0


def _in_a_process_of_its_own(kind: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.sockets", "--kind", kind]
    for name in ("seconds", "sockets"):
        command += [f"--{name}", str(getattr(options, name))]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--quick", action="store_true", help="twenty seconds each")
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.seconds = 20
    return options


if __name__ == "__main__":
    sys.exit(main())

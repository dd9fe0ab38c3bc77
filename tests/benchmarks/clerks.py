"""Many clerks at once: `python -m tests.benchmarks.clerks [--seconds 10] [--rounds 3] [--quick]`.

On each kind of database an office with 5,000 orders, its web server started as `manage.py run_web`
starts it; each clerk is a browser's connection that asks for the order list again as soon as it
has come:

- pages a second with 64 clerks ÷ with one, by one process; with 64 by two processes ÷ by one;
- 16 clerks who each ask once a second, two processes: p99 ÷ a lone page's median, and how long
  a live poll that has something to tell takes meanwhile, p99.

Rounds in turns, medians of the rounds' ratios. Beside them, who used the cores while 64 clerks
asked two processes: where others work at the same time, compare pages per second of the server's
processor time, and "two ÷ one" with "at most", which is what two processes could have reached on
the cores that others left to the web, its database and the clerks.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.benchmarks.goals import Goal, tell

KINDS = ("sqlite", "postgresql")
ORDERS = 5_000
MANY, STEADY = 64, 16
LIST = "/admin/core/order/"
SHARE_GOAL, PROCESSES_GOAL, STEADY_GOAL, LIVE_GOAL = 0.95, 1.8, 5.0, 0.5
POLL_EVERY = 0.1
WARM_UP_SECONDS = 1.5
SLICES = 4


@dataclass
class Seen:
    """`pages`: seconds each took. `refused`: of 503. Seconds of processors: `cpu` of the server,
    `client` of the clerks, `database` of PostgreSQL, `busy` of all that runs on the machine."""

    seconds: float = 0.0
    cpu: float = 0.0
    client: float = 0.0
    database: float = 0.0
    busy: float = 0.0
    refused: int = 0
    pages: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)

    def __iadd__(self, other: "Seen") -> "Seen":
        self.seconds += other.seconds
        for name in ("cpu", "client", "database", "busy"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.refused += other.refused
        self.pages += other.pages
        self.polls += other.polls
        return self

    @property
    def rate(self) -> float:
        return len(self.pages) / self.seconds

    @property
    def rate_by_cpu(self) -> float:
        return len(self.pages) / self.cpu

    @property
    def most(self) -> float:
        """Pages a second, had they used all that others left of the machine's cores."""
        ours = self.cpu + self.client + self.database
        left = (os.cpu_count() or 1) * self.seconds - max(0.0, self.busy - ours)
        return left / ours * self.rate


class Clerks:
    """Some browsers at one server."""

    def __init__(self, url: str, keys: list[str], pid: int) -> None:
        parts = urlsplit(url)
        self.url, self.host, self.port = url, parts.hostname, parts.port
        self.keys = keys
        self.server = psutil.Process(pid)

    def ask(self, clerks: int, seconds: float, every: float = 0.0, polls: bool = False) -> Seen:
        """Each asks again at once, or `every` so many seconds; the answers' first seconds are not
        counted."""
        return asyncio.run(self._ask(clerks, seconds, every, polls))

    async def _ask(self, clerks: int, seconds: float, every: float, polls: bool) -> Seen:
        seen = Seen()
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.create_task(self._clerk(self.keys[index], seen, every, index / clerks * every))
            for index in range(clerks)
        ]
        if polls:
            tasks.append(asyncio.create_task(self._poller(self.keys[-1], seen)))
        await asyncio.sleep(WARM_UP_SECONDS)
        seen.pages.clear()
        seen.polls.clear()
        began, used = loop.time(), self._used()
        await asyncio.sleep(seconds)
        seen.seconds = loop.time() - began
        for name, now in self._used().items():
            setattr(seen, name, now - used[name])
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise ended if isinstance(ended, BaseException) else RuntimeError("a clerk left")
        return seen

    async def _clerk(self, key: str, seen: Seen, every: float, first: float) -> None:
        await asyncio.sleep(first)
        request = self._request("GET", LIST, key)
        reader, writer = await asyncio.open_connection(self.host, self.port)
        while True:
            began = time.perf_counter()
            if writer.is_closing():
                reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(request)
            status, closes = await _read_answer(reader)
            took = time.perf_counter() - began
            if closes:
                writer.close()
            if status == 503:
                seen.refused += 1
                await asyncio.sleep(1)
                continue
            assert status == 200, status
            seen.pages.append(took)
            await asyncio.sleep(max(0.0, every - took))

    async def _poller(self, key: str, seen: Seen) -> None:
        """A page that asks for the state of the board, which there always is."""
        body = json.dumps({"watch": ["board"], "language": "en", "wait": 0}).encode()
        request = self._request("POST", "/live/poll/", key, body)
        while True:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            began = time.perf_counter()
            writer.write(request)
            status, _closes = await _read_answer(reader)
            seen.polls.append(time.perf_counter() - began)
            assert status == 200, status
            writer.close()
            await asyncio.sleep(POLL_EVERY)

    def _request(self, method: str, path: str, key: str, body: bytes = b"") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Origin: {self.url}\r\nCookie: sessionid={key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _used(self) -> dict[str, float]:
        """Seconds of processors so far."""
        machine = psutil.cpu_times()
        children = psutil.Process().children(recursive=True)
        return {
            "cpu": _seconds_of([self.server, *self.server.children(recursive=True)]),
            "client": time.process_time(),
            "database": _seconds_of(children, "postgres"),
            "busy": machine.user + machine.nice + machine.system + machine.softirq,
        }


def _seconds_of(programs: list[psutil.Process], name: str = "") -> float:
    """Of those so called, or of all."""
    seconds = 0.0
    for program in programs:
        with suppress(psutil.NoSuchProcess):
            if not name or program.name() == name:
                times = program.cpu_times()
                seconds += times.user + times.system
    return seconds


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer that has been read to its end; whether the server closes after it."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [line for line in lines if line.startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].split(b":")[1]))
    return int(head.split(b" ", 2)[1]), b"connection: close" in lines


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Of one kind, in this process, whose Django is that office's."""
    from tests.benchmarks.orders import an_office
    from tests.sites import DemoSite

    ratios: dict[str, list[float]] = {}
    with ExitStack() as stack:
        site = stack.enter_context(DemoSite())
        office = stack.enter_context(an_office(options.kind, site))
        from tests.demodata.office import make_up  # knows models: only now there is an office

        make_up(ORDERS)
        keys = _sessions(MANY + 1)
        for _ in range(options.rounds):
            for name, value in _round(office, keys, options.seconds).items():
                ratios.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in ratios.items()}


def _round(office: Any, keys: list[str], seconds: float) -> dict[str, float]:
    lone, many, double = Seen(), Seen(), Seen()
    with _server(office, keys, 1) as single, _server(office, keys, 2) as clerks:
        # In slices, so that a machine that is busy at times is so for all of them.
        for _ in range(SLICES):
            lone += single.ask(1, seconds / SLICES)
            many += single.ask(MANY, seconds / SLICES)
            double += clerks.ask(MANY, seconds / SLICES)
        steady = clerks.ask(STEADY, seconds, every=1.0, polls=True)
    page = statistics.median(lone.pages)
    return {
        "lone": lone.rate,
        "many": many.rate,
        "double": double.rate,
        "share": many.rate / lone.rate,
        "share by CPU": many.rate_by_cpu / lone.rate_by_cpu,
        "processes": double.rate / many.rate,
        "at most": double.most / many.rate,
        "processes by CPU": double.rate_by_cpu / many.rate_by_cpu,
        "web": double.cpu / double.seconds,
        "client": double.client / double.seconds,
        "database": double.database / double.seconds,
        "busy": double.busy / double.seconds,
        "page": page,
        "steady": _p99(steady.pages) / page,
        "live": _p99(steady.polls),
        "refused": many.refused + double.refused + steady.refused,
    }


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _sessions(number: int) -> list[str]:
    """Of as many super administrators."""
    from django.contrib.auth import get_user_model

    from tests.base import client_of

    users = get_user_model().objects
    found: list[str] = []
    for index in range(number):
        user, _ = users.get_or_create(username=f"clerk{index}", is_staff=True, is_superuser=True)
        found.append(client_of(user).cookies["sessionid"].value)
    return found


@contextmanager
def _server(office: Any, keys: list[str], processes: int) -> Iterator[Clerks]:
    server = office.run_web("--processes", str(processes), REQUIRE_TWO_STEP="off")
    yield Clerks(server.url, keys, server.pid)
    server.terminate(timeout=20)


def main() -> int:
    options = _options()
    if options.kind:
        print(json.dumps(measure(options)))
        return 0
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print(
        "| | pages/s: 1 clerk | 64 clerks | 2 processes | a lone page | per CPU s: 64 ÷ 1 "
        "| 2 processes ÷ 1 | 2 ÷ 1, at most | cores of web, clerks, database, others |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    goals, refused = [], 0.0
    for kind in options.kinds.split(","):
        result = _in_a_process_of_its_own(kind, options)
        print(
            f"| {kind} | {result['lone']:.1f} | {result['many']:.1f} | {result['double']:.1f} | "
            f"{result['page'] * 1000:.0f} ms | {result['share by CPU']:.2f} | "
            f"{result['processes by CPU']:.2f} | {result['processes']:.2f}, "
            f"{result['at most']:.2f} | {_cores(result)} |",
            flush=True,
        )
        refused += result["refused"]
        goals += [
            Goal(f"{kind}: pages a second, 64 clerks ÷ one", result["share"], SHARE_GOAL),
            Goal(f"{kind}: the same, two processes ÷ one", result["processes"], PROCESSES_GOAL),
            Goal(f"{kind}: 16 steady clerks, p99 ÷ page", result["steady"], STEADY_GOAL, True),
            Goal(f"{kind}: live poll meanwhile, p99 s", result["live"], LIVE_GOAL, True),
        ]
    tell(goals)
    return int(refused > 0)


def _cores(result: dict[str, float]) -> str:
    ours = [result[name] for name in ("web", "client", "database")]
    return ", ".join(f"{cores:.2f}" for cores in (*ours, max(0.0, result["busy"] - sum(ours))))


def _in_a_process_of_its_own(kind: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.clerks", "--kind", kind]
    command += ["--seconds", str(options.seconds), "--rounds", str(options.rounds)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of five seconds each")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 5, 1
    return options


if __name__ == "__main__":
    sys.exit(main())

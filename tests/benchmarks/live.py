"""Live pages: `python -m tests.benchmarks.live [--seconds 15] [--sockets 500] [--quick]`.

On each kind of database, one web process; ten orders get a checkpoint every half second, as ten
consumers would write them.

- sockets: 1, 100 and 500 browsers' sockets, fifty to a page of an order; how many queries a second
  the process asks (it must not grow with the sockets), how much of a core it uses, and how long a
  checkpoint takes from its commit to each socket;
- pixel: from the commit to the frame that Chromium paints with the new figure, one page open.

Ends with 1 where the queries grow with the sockets or a socket misses what was written.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.asyncio.client import connect

from tests.benchmarks.goals import Goal, tell

KINDS = ("sqlite", "postgresql")
ORDERS = 10
PLAYS = 1_000_000
CHECKPOINT_SECONDS = 0.5
# Of one user; the office turns away who has more than forty.
SOCKETS_EACH = 20
# Opened at once, and how long all of them may take to get their first snapshot.
OPENING = 25
START_SECONDS = 120.0
GROWTH = 1.3  # noise of a refresh that falls to one side of the measurement or to the other


class Writer(threading.Thread):
    """Writes checkpoints of these orders, and when each was committed."""

    def __init__(self, ids: Sequence[int], pause: Any = lambda: CHECKPOINT_SECONDS) -> None:
        super().__init__(daemon=True)
        self.ids = ids
        self.pause = pause
        self.committed: dict[tuple[int, int], float] = {}
        self._stop_asked = threading.Event()

    def run(self) -> None:
        from django.db import connection

        from core.db.notifier import notify
        from core.models import Order, Status

        done = Order.objects.get(pk=self.ids[0]).done
        while not self._stop_asked.is_set():
            done += random.randint(50, 150)
            for pk in self.ids:
                moved = {"status": Status.RUNNING, "reserved": done, "done": done}
                Order.objects.filter(pk=pk).update(**moved)
                notify()
                self.committed[pk, done] = time.time()
                self._stop_asked.wait(self.pause() / len(self.ids))
        connection.close()

    def __enter__(self) -> "Writer":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop_asked.set()
        self.join()


def place_orders(number: int = ORDERS) -> list[int]:
    from decimal import Decimal

    from core.models import ChargeRecord, Customer, Site
    from tests.base import placed

    customer = Customer.objects.create(username="watched")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(1000))
    site = Site.objects.create(name="Watched", origin="http://127.0.0.1:19")
    return [placed(customer, site, f"w{index}", count=PLAYS, price=1).pk for index in range(number)]


def sessions(number: int) -> list[str]:
    """Of as many super administrators as so many sockets need, one a socket."""
    from django.contrib.auth import get_user_model

    from tests.base import client_of

    users = get_user_model().objects
    found: list[str] = []
    for index in range(-(-number // SOCKETS_EACH)):
        name = f"viewer{index}"
        user, _ = users.get_or_create(username=name, is_staff=True, is_superuser=True)
        found += [client_of(user).cookies["sessionid"].value] * SOCKETS_EACH
    return found[:number]


def watched_by(url: str, keys: Sequence[str], ids: Sequence[int], seconds: float) -> dict[str, Any]:
    """Let a socket of each session watch an order's page for so long, while a Writer writes."""
    with Writer(ids) as writer:
        seen, missed, used = asyncio.run(_watch(url, keys, ids, seconds))
    delays = [when - writer.committed[key] for key, when in seen if key in writer.committed]
    return {
        "sockets": len(keys),
        "missed": missed,
        "queries": used["queries"] / seconds,
        "core": used["seconds"] / seconds,
        "median": statistics.median(delays),
        "p99": statistics.quantiles(delays, n=100)[98],
    }


async def _watch(url: str, keys: Sequence[str], ids: Sequence[int], seconds: float) -> Any:
    seen: list[tuple[tuple[int, int], float]] = []
    opening = asyncio.Semaphore(OPENING)
    ready = [asyncio.Event() for _ in keys]
    watchers = [
        asyncio.create_task(_one(url, key, ids[index % len(ids)], seen, opening, ready[index]))
        for index, key in enumerate(keys)
    ]
    async with asyncio.timeout(START_SECONDS):
        await asyncio.gather(*(one.wait() for one in ready))
    await asyncio.sleep(1)
    seen.clear()
    before = await asyncio.to_thread(counted, url)
    await asyncio.sleep(seconds)
    after = await asyncio.to_thread(counted, url)
    for watcher in watchers:
        watcher.cancel()
    ended = await asyncio.gather(*watchers, return_exceptions=True)
    missed = sum(not isinstance(one, asyncio.CancelledError) for one in ended)
    return seen, missed, {name: after[name] - before[name] for name in after}


async def _one(
    url: str,
    key: str,
    pk: int,
    seen: list[tuple[tuple[int, int], float]],
    opening: asyncio.Semaphore,
    ready: asyncio.Event,
) -> None:
    """One browser's socket; an error where a message does not follow on the one before."""
    address = url.replace("http", "ws", 1) + "/live/socket/"
    headers = {"Cookie": f"sessionid={key}"}
    options: dict[str, Any] = {"additional_headers": headers, "proxy": None, "open_timeout": 60}
    await opening.acquire()
    async with connect(address, origin=url, **options) as socket:
        opening.release()
        await socket.send(json.dumps({"watch": [f"order:{pk}"], "language": "en"}))
        seq = 0
        async for text in socket:
            now = time.time()
            for message in json.loads(text)["messages"]:
                if message["kind"] == "snapshot":
                    ready.set()
                elif message["seq"] != seq + 1:
                    raise AssertionError(f"{message['seq']} after {seq}")
                seq = message["seq"]
                if "done" in message["data"]:
                    seen.append(((pk, message["data"]["done"]), now))


def counted(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/queries", timeout=10) as answer:
        found: dict[str, float] = json.loads(answer.read())
    return found


PAINTED = """() => {
  const section = document.querySelector("[data-section=delivery]");
  window.painted = [];
  new MutationObserver(() => {
    const text = section.textContent;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.painted.push([text, performance.timeOrigin + performance.now()]);
    }));
  }).observe(section, {childList: true, subtree: true});
}"""


def pixels(url: str, key: str, pk: int, number: int) -> dict[str, float]:
    """From a checkpoint's commit to the frame that shows it, in Chromium."""

    from playwright.sync_api import sync_playwright

    from tests.programs import CHROMIUM_ARGS, chromium_path

    if chromium_path() is None:
        return {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        context = browser.new_context(viewport={"width": 1360, "height": 850}, locale="en-US")
        context.add_cookies([{"name": "sessionid", "value": key, "url": url}])
        page = context.new_page()
        page.goto(f"{url}/admin/core/order/{pk}/change/")
        page.wait_for_selector("[data-live-sign][data-state=socket]")
        page.evaluate(PAINTED)
        with Writer([pk], pause=lambda: random.uniform(0.3, 0.8)) as writer:
            while len(writer.committed) < number:
                page.wait_for_timeout(200)
        page.wait_for_timeout(1500)
        painted = page.evaluate("window.painted")
        browser.close()
    first: dict[int, float] = {}
    for text, when in painted:
        if found := re.search(r"Received\s*([\d,]+)", text):
            first.setdefault(int(found[1].replace(",", "")), when / 1000)
    delays = [first[done] - when for (_, done), when in writer.committed.items() if done in first]
    return {"median": statistics.median(delays), "p99": statistics.quantiles(delays, n=100)[98]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    from tests.benchmarks.orders import an_office
    from tests.sites import DemoSite

    with DemoSite() as site, an_office(options.kind, site) as office:
        ids = place_orders()
        with _server(office) as url:
            keys = sessions(options.sockets)
            numbers = sorted({1, min(100, options.sockets), options.sockets})
            rows = [watched_by(url, keys[:one], ids, options.seconds) for one in numbers]
            pixel = pixels(url, keys[0], ids[0], options.pixels)
    return {"rows": rows, "pixel": pixel}


@contextmanager
def _server(office: Any) -> Iterator[str]:
    process = office.web("tests.benchmarks.counted:application", LIVE_SOCKETS_PER_ADDRESS="1000")
    yield process.url
    process.terminate()


def main() -> int:
    options = _options()
    if options.kind:
        print(json.dumps(measure(options)))
        return 0
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| | sockets | queries/s | of a core | checkpoint to socket | p99 | to pixel | p99 |")
    print("|---|---|---|---|---|---|---|---|")
    goals, wrong = [], 0
    for kind in KINDS:
        result = _in_a_process_of_its_own(kind, options)
        for row in result["rows"]:
            print(_line(kind, row, result["pixel"] if row["sockets"] == 1 else {}), flush=True)
        few, many = result["rows"][0], result["rows"][-1]
        grew = many["queries"] > GROWTH * few["queries"] + 1
        wrong += grew + sum(row["missed"] for row in result["rows"])
        goals += _goals(kind, few, many, result["pixel"])
    tell(goals)
    return min(wrong, 1)


def _goals(
    kind: str, few: dict[str, Any], many: dict[str, Any], pixel: dict[str, float]
) -> list[Goal]:
    growth = many["queries"] / few["queries"]
    what = f"live, {kind}"
    return [
        Goal(f"{what}: queries with {many['sockets']} sockets of one's", growth, GROWTH, True),
        Goal(f"{what}: checkpoint to pixel, median s", pixel.get("median"), 1.0, True),
        Goal(f"{what}: checkpoint to pixel, p99 s", pixel.get("p99"), 2.0, True),
    ]


def _line(kind: str, row: dict[str, Any], pixel: dict[str, float]) -> str:
    def ms(seconds: float | None) -> str:
        return "" if seconds is None else f"{seconds * 1000:.0f} ms"

    cells = [
        kind,
        str(row["sockets"]),
        f"{row['queries']:.1f}",
        f"{row['core']:.0%}",
        *(ms(row["median"]), ms(row["p99"])),
        *(ms(pixel.get("median")), ms(pixel.get("p99"))),
    ]
    return f"| {' | '.join(cells)} |"


def _in_a_process_of_its_own(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.live", "--kind", kind]
    for name in ("seconds", "sockets", "pixels"):
        command += [f"--{name}", str(getattr(options, name))]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--pixels", type=int, default=120)
    parser.add_argument("--quick", action="store_true", help="five seconds each")
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.pixels = 5, 40
    return options


if __name__ == "__main__":
    sys.exit(main())

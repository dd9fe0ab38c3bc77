"""What a page weighs and how soon it can be used: `python -m tests.benchmarks.pages [--rounds 5]
[--quick]`.

An office on SQLite with 5,000 orders, its web server started as `manage.py run_web` starts it, and
Chromium with an empty cache on the same machine. Bytes are those of the network (DevTools: bodies
as they were sent, and heads), of everything that the page asks for until a second after its load.
*Interactive* is when the document is parsed and its deferred scripts have run (the end of
DOMContentLoaded) and no task of more than 50 ms holds the page any more: the later of both, from
the start of the navigation. Medians of the rounds; each is a browser profile of its own.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.benchmarks.goals import Goal, tell

ORDERS = 5_000
PAGES = {
    "home": "/admin/home/",
    "order list": "/admin/core/order/",
    "order page": "/admin/core/order/{order}/change/",
}
KILOBYTES_GOAL, SECONDS_GOAL = 350, 1.0
# How long after the load the page is watched.
QUIET_MS = 1_000
WATCH_TASKS = """
    window.heldUntil = 0;
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) {
            window.heldUntil = Math.max(window.heldUntil, task.startTime + task.duration);
        }
    }).observe({type: 'longtask', buffered: true});
"""
INTERACTIVE = """() => Math.max(
    window.heldUntil, performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd
)"""


@dataclass
class Load:
    """One load of a page: bytes by address, and seconds until it can be used."""

    seconds: float = 0.0
    sizes: dict[str, float] = field(default_factory=dict)

    @property
    def kilobytes(self) -> float:
        return sum(self.sizes.values()) / 1024


def load(browser: Browser, url: str, key: str) -> Load:
    """In a profile that has seen nothing yet."""
    context = browser.new_context(viewport={"width": 1360, "height": 850}, locale="en-US")
    context.add_cookies([{"name": "sessionid", "value": key, "domain": "127.0.0.1", "path": "/"}])
    context.add_init_script(WATCH_TASKS)
    page = context.new_page()
    loaded = Load()
    count_bytes(page, loaded.sizes)
    page.goto(url, wait_until="load")
    page.wait_for_timeout(QUIET_MS)
    loaded.seconds = page.evaluate(INTERACTIVE) / 1000
    context.close()
    return loaded


def count_bytes(page: Page, sizes: dict[str, float]) -> None:
    """Note what each answer of the page takes of the network."""
    addresses: dict[str, str] = {}

    def asked(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def came(event: dict[str, Any]) -> None:
        sizes[addresses.get(event["requestId"], "?")] = event["encodedDataLength"]

    session = page.context.new_cdp_session(page)
    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", came)
    session.send("Network.enable")


@contextmanager
def an_office_to_look_at() -> Iterator[tuple[str, str, int]]:
    """Its address, a session's key, and an order with a history."""
    from tests.benchmarks.orders import an_office
    from tests.sites import DemoSite

    with DemoSite() as site, an_office("sqlite", site) as office:
        from core.models import Order, Status, User
        from tests.base import client_of
        from tests.demodata.office import make_up

        make_up(ORDERS)
        admin = User.objects.get(username="admin")
        key = client_of(admin).cookies["sessionid"].value
        order = Order.objects.filter(status=Status.COMPLETED).order_by("-pk")[0].pk
        server = office.run_web("--processes", "1")
        yield server.url, key, order
        server.terminate(timeout=20)


def measure(rounds: int) -> dict[str, list[Load]]:
    from tests.programs import CHROMIUM_ARGS, needed

    with an_office_to_look_at() as (url, key, order), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needed("chromium"), args=CHROMIUM_ARGS)
        found: dict[str, list[Load]] = {name: [] for name in PAGES}
        for _round in range(rounds + 1):
            for name, path in PAGES.items():
                found[name].append(load(browser, url + path.format(order=order), key))
        browser.close()
    # The first of each compiled the server's templates.
    return {name: loads[1:] for name, loads in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--parts", action="store_true", help="also what each page is made of")
    options = parser.parse_args()
    goals = []
    for name, loads in measure(2 if options.quick else options.rounds).items():
        weight = statistics.median(one.kilobytes for one in loads)
        seconds = statistics.median(one.seconds for one in loads)
        goals += [
            Goal(f"{name}: KB, cold", weight, KILOBYTES_GOAL, at_most=True, form=".0f"),
            Goal(f"{name}: interactive, s", seconds, SECONDS_GOAL, at_most=True),
        ]
        if options.parts:
            print(f"\n{name}, {len(loads[-1].sizes)} requests\n")
            for address, size in sorted(loads[-1].sizes.items(), key=lambda one: -one[1]):
                print(f"{size / 1024:8.1f} KB  {address}")
    tell(goals)
    return 0


if __name__ == "__main__":
    sys.exit(main())

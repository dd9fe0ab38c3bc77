"""One trial: an office with customers, orders on a real site, and consumers to be harmed."""

import itertools
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connections
from huey.contrib.djhuey import HUEY

from booster import tasks
from core import ordering
from core.models import ChargeRecord, Customer, Order, Site, failpoints
from tests.base import placed, quoted
from tests.faults.oracle import Verdict, reckon
from tests.office import KINDS, ROOT, Office
from tests.processes import Process
from tests.sites import DemoSite

# The demo site played by a recipe: it gets no key and counts whatever comes.
KEYLESS = {
    "video_pattern": "/videos/([A-Za-z0-9-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
    "settle_seconds": 2,
}
VIDEOS = itertools.cycle(range(1, 5001))
READY = "commands are available"
LONG = os.environ.get("FAULTS") == "long"


def size(short: Any, long: Any) -> Any:
    """How often: in `make test`, and in `make faults`."""
    return long if LONG else short


def on(*kinds: str) -> pytest.MarkDecorator:
    """In `make test` on these kinds of database, in `make faults` on both."""
    return pytest.mark.parametrize("office", KINDS if LONG else kinds, indirect=True)


class Trial:
    def __init__(self, office: Office, demo_site: DemoSite, dice: random.Random) -> None:
        self.office = office
        self.demo_site = demo_site
        self.dice = dice
        self.customers = [self.customer(f"c{number}", "100000") for number in range(5)]
        self.site: Site
        self.use_site()

    def use_site(
        self,
        *,
        keys: bool = True,
        rate: int = 50_000,
        connections: int = 16,
        resend_percent: int = 10,
        **recipe: object,
    ) -> None:
        """Play the demo site with keys by which it knows a play again, or without."""
        token = self.demo_site.token()
        self.site, _ = Site.objects.update_or_create(
            origin=self.demo_site.url,
            defaults={
                "name": "Harbour",
                "token": token,
                "adapter": "demo" if keys else "http",
                "recipe": None if keys else KEYLESS | recipe,
                "max_connections": connections,
                "max_rate": rate,
                "resend_percent": resend_percent,
                "counts_readings": False,
            },
        )

    def customer(self, name: str, balance: str) -> Customer:
        customer = Customer.objects.create(username=name)
        ChargeRecord.objects.create(customer=customer, amount=Decimal(balance))
        customer.refresh_from_db()
        return customer

    def place(self, count: int = 300, *, wake: bool = True, price: str = "3.33") -> Order:
        """Fewer plays than any bundle on sale."""
        customer, video = self.dice.choice(self.customers), f"v{next(VIDEOS)}"
        if not wake:
            return placed(customer, self.site, video, count=count, price=price)
        return ordering.place(quoted(customer, self.site, video, count=count, price=price), None)

    def place_many(self, number: int, count: int = 300, *, wake: bool = True) -> list[Order]:
        return [self.place(count, wake=wake) for _ in range(number)]

    @staticmethod
    def retry(order: Order) -> None:
        """Let it begin now."""
        tasks.wake(order.pk)

    def consumer(
        self,
        *args: str,
        lease: float | None = 3,
        hurry: bool = True,
        guards_off: Iterable[str] = (),
        clock: float = 0,
        wait: bool = True,
        inside: Sequence[str] = (),
        **env: str,
    ) -> Process:
        """A real run_huey; with short times unless told otherwise. `wait` until it works. `inside`
        another machine, as tests.processes has it."""
        bent = {
            "FAULTS_LEASE": str(lease or ""),
            "FAULTS_HURRY": "1" if hurry else "",
            "FAULTS_GUARDS_OFF": ",".join(guards_off),
            "FAULTS_CLOCK": str(clock or ""),
        }
        process = Process(
            [sys.executable, "-m", "tests.faults.program", "run_huey", *args],
            name="consumer",
            ready=READY if wait else None,
            timeout=120,  # many start at once, on a machine that may be busy
            env={**self.office.env, **bent, **env},
            cwd=ROOT,
            inside=inside,
            warm=True,
        )
        self.office.processes.append(process)
        return process.start()

    def wait_for_the_end(self, seconds: float = 240) -> float:
        """Until no order is open, or time is up: then the judge will tell which. How long."""
        began = time.monotonic()
        while self.any_open() and time.monotonic() < began + seconds:
            time.sleep(0.1)
        return time.monotonic() - began

    def any_open(self) -> bool:
        """Whether orders are open; True while the database does not answer."""
        try:
            return Order.objects.open().exists()
        except (OperationalError, InterfaceError):
            connections["default"].close()
            return True

    def verdict(self, *, all_completed: bool = True) -> Verdict:
        return reckon(self.demo_site, all_completed=all_completed)

    def in_child(self, work: Callable[[], object], *, crash_at: str = "") -> int:
        """Do it in a forked process. Its exit status; -9 when it died at its failpoint."""
        return self.wait(self.fork(work, crash_at=crash_at))

    def fork(self, work: Callable[[], object], *, crash_at: str = "") -> int:
        # No process may inherit another's open connection.
        connections.close_all()
        HUEY.storage.close()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            if crash_at:
                failpoints.armed = failpoints.Failpoint(crash_at)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    @staticmethod
    def wait(pid: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def must_fail(verdict: Verdict) -> None:
    """A negative control: without its guard the fault must have been seen."""
    if not verdict.broken:
        pytest.fail(f"with the guard off nothing went wrong: {verdict}")

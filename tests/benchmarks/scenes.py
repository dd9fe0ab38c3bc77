"""What the benchmark of whole orders does in an office: one function a scene. None lasts longer
than its limit; what is not reached by then counts as it stands, with a line about it."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from booster.net.play import SEQUENCE
from tests.benchmarks import wrk
from tests.office import Office
from tests.sites import DemoSite

PLAYS_EACH = 100
COMMITS = 4  # of an order's run: claim, first window, its checkpoint, the settlement
LIMIT_SECONDS = 150.0  # of one run of one side
BESIDE_SECONDS = 240.0  # of another version, with all that its own benchmark does
CONNECTIONS = 64
SLOW_SECONDS, SLOW_START_SECONDS = 30.0, 10.0
IDLE_TIMES, IDLE_SECONDS = 20, 1.5
BESIDE_TIMES, LARGE_PLAYS = 10, 10_000_000
ROUND_ORDERS = 64
HOUR = 3600  # plays of a slow order: one a second
BLOCK = 250  # orders placed at once
LEFT = "left-by-a-scene-"  # how the videos of orders are called that a scene did not end


@dataclass
class Run:
    """One consumer, from its start until all orders were settled, or for so long: how many orders
    and plays that were, CPU seconds of its processes, `start_cpu` of which it took to start, and
    peak memory of the largest."""

    seconds: float = 0.0
    orders: int = 0
    plays: int = 0
    cpu: float = 0.0
    start_cpu: float = 0.0
    megabytes: float = 0.0

    def look_at(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            tree = [process, *process.children(recursive=True)]
            times = [one.cpu_times() for one in tree]
            self.cpu = max(self.cpu, sum(one.user + one.system for one in times))
            self.megabytes = max(self.megabytes, *(one.memory_info().rss / 1e6 for one in tree))


def many_orders(office: Office, site: DemoSite, number: int, wrong: list[str]) -> Run:
    """From the consumer's start to the last order settled; all are saved before."""
    return deliver(office, site, place_many(number, PLAYS_EACH), wrong)


def one_order(office: Office, site: DemoSite, plays: int, wrong: list[str]) -> Run:
    return deliver(office, site, place_many(1, plays), wrong)


def place_many(number: int, count: int, hours: int = 0) -> list:  # type: ignore[type-arg]
    """Orders on videos v1, v2, …, saved in blocks, each with a message of its own in the queue."""
    from booster import tasks
    from core.models import Customer, Site
    from core.ordering.placing import Placement, place_together
    from tests.base import quoted

    customer, site, orders = Customer.objects.get(), Site.objects.get(), []
    for first in range(1, number + 1, BLOCK):
        videos = [f"v{one}" for one in range(first, min(first + BLOCK, number + 1))]
        quotes = [quoted(customer, site, video, count=count, price=1) for video in videos]
        block = place_together([Placement(quote, hours=hours) for quote in quotes], None)
        for order in block[1:]:  # the first one's came with the block
            tasks.wake(order.pk)
        orders += block
    return orders


def place(video: str, count: int):  # type: ignore[no-untyped-def]
    from core import ordering
    from core.models import Customer, Site
    from tests.base import quoted

    quote = quoted(Customer.objects.get(), Site.objects.get(), video, count=count, price=1)
    return ordering.place(quote, None)


def deliver(office: Office, site: DemoSite, orders: list, wrong: list[str]) -> Run:  # type: ignore[type-arg]
    from core.models import FINAL, Order, Status

    placed = Order.objects.filter(pk__gte=orders[0].pk)
    run, left = Run(), placed.exclude(status__in=FINAL)
    began = time.monotonic()
    consumer = office.consumer()
    run.look_at(consumer.pid)
    run.start_cpu = run.cpu
    while left.exists() and time.monotonic() - began < LIMIT_SECONDS:
        run.look_at(consumer.pid)
        time.sleep(0.2)
    run.seconds = time.monotonic() - began
    run.look_at(consumer.pid)
    run.plays = sum(placed.values_list("done", flat=True))
    run.orders = placed.filter(status__in=FINAL).count()
    consumer.terminate(timeout=30)
    for order in placed.filter(status__in=FINAL):
        played = site.plays(order.oid) if len(orders) < 50 or order.pk % 20 == 0 else order.count
        if (order.status, order.done, played) != (Status.COMPLETED, order.count, order.count):
            wrong.append(f"{order.oid}: {order.get_status_display()}, {order.done}, site {played}")
    if run.orders < len(orders):
        tell_limit(f"{run.orders} of {len(orders)} orders settled, {run.plays} plays received")
        abandon()
    return run


def open_orders():  # type: ignore[no-untyped-def]
    from core.models import FINAL, Order

    return Order.objects.exclude(status__in=FINAL).exclude(video_id__startswith=LEFT)


def abandon() -> None:
    """What is left of a scene is nobody's any more, and the next one begins with nothing to do."""
    from django.db.models import CharField, F, Value
    from django.db.models.functions import Cast, Concat
    from huey.contrib.djhuey import HUEY

    HUEY.flush()
    other_video = Concat(Value(LEFT), Cast(F("pk"), CharField()))
    later = datetime.now(UTC) + timedelta(days=30)
    open_orders().update(due=later, video_id=other_video)


def tell_limit(reached: str) -> None:
    print(f"its {LIMIT_SECONDS:.0f} s were over: {reached}", file=sys.stderr, flush=True)


def statements_an_order() -> float:
    """Statements that a round of ROUND_ORDERS orders asks of the database, in this process."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.rounds import ShortRound, run_until_idle

    place_many(ROUND_ORDERS, PLAYS_EACH)
    with CaptureQueriesContext(connection) as queries:
        run_until_idle(ShortRound("bench:1", lambda: False), LIMIT_SECONDS)
    return len(queries) / ROUND_ORDERS


def small_beside_large(office: Office, site: DemoSite) -> list[float]:
    """Seconds from before Save to the first play of small orders, while an order of LARGE_PLAYS
    runs on the same site."""
    large = place("v1", LARGE_PLAYS)
    consumer, seconds = office.consumer(), []
    began = time.monotonic()
    while not site.plays(large.oid) and time.monotonic() - began < LIMIT_SECONDS:
        time.sleep(0.1)
    for number in range(BESIDE_TIMES):
        time.sleep(IDLE_SECONDS)
        seconds.append(seconds_to_first_play(site, f"v{number + 2}"))
    consumer.terminate(timeout=30)
    abandon()
    return seconds


def idle_office(office: Office, site: DemoSite) -> list[float]:
    """Seconds from before Save to the first play at the site, each after a while of nothing."""
    consumer, seconds = office.consumer(), []
    began = time.monotonic()
    while len(seconds) < IDLE_TIMES and time.monotonic() - began < LIMIT_SECONDS:
        time.sleep(IDLE_SECONDS)
        seconds.append(seconds_to_first_play(site, f"v{len(seconds) + 1}"))
        while open_orders().exists():
            if time.monotonic() - began > LIMIT_SECONDS:
                tell_limit(f"{len(seconds)} of {IDLE_TIMES} orders")
                break
            time.sleep(0.1)
    consumer.terminate(timeout=30)
    abandon()
    return seconds


def seconds_to_first_play(site: DemoSite, video: str) -> float:
    began = time.monotonic()
    order = place(video, 10)
    while not site.plays(order.oid) and time.monotonic() - began < 30:
        time.sleep(0.002)
    return time.monotonic() - began


@dataclass
class Slow:
    """Jain's index over the plays of drip-fed orders, seconds that they lag behind, and cores and
    megabytes that it takes."""

    fairness: float
    lag: float
    lag_p99: float
    cores: float
    megabytes: float


def slow_orders(office: Office, number: int) -> Slow:
    from core.models import Order

    orders = place_many(number, HOUR, hours=1)
    consumer, run = office.consumer("-w", "1"), Run()
    time.sleep(SLOW_START_SECONDS)
    run.look_at(consumer.pid)
    before, began = run.cpu, time.monotonic()
    time.sleep(SLOW_SECONDS - SLOW_START_SECONDS)
    run.look_at(consumer.pid)
    cores = (run.cpu - before) / (time.monotonic() - began)
    rows = Order.objects.filter(pk__gte=orders[0].pk)
    now = datetime.now(UTC)
    played = dict(rows.values_list("pk", "done"))
    due = {
        pk: (now - start).total_seconds() if start else SLOW_SECONDS
        for pk, start in rows.values_list("pk", "start_date")
    }
    consumer.terminate(timeout=30)
    plays = list(played.values())
    fairness = sum(plays) ** 2 / (len(plays) * sum(one**2 for one in plays) or 1)
    lags = sorted(due[pk] - done for pk, done in played.items())
    late = lags[int(0.99 * (len(lags) - 1))]
    abandon()
    return Slow(fairness, lags[-1], late, cores, run.megabytes)


# --- beside what


def engine_alone(site: DemoSite, plays: int) -> float:
    """CPU seconds that 100,000 of the same plays take without an office."""
    who = "engine, distinct keys"
    command = [sys.executable, "-m", "tests.benchmarks.clients", who, str(site.port)]
    command += [str(plays), str(CONNECTIONS)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(printed.splitlines()[-1])
    assert told["plays"] == plays, told
    return float(told["cpu"] / plays * 100_000)


def huey_alone(office: Office, number: int) -> float:
    """Tasks of COMMITS commits each that the same consumer does a second."""
    from huey.contrib.djhuey import HUEY

    from core.models import Customer
    from tests.benchmarks.noop import commit_only

    Customer.objects.update(memo="")
    HUEY.flush()
    for _ in range(number):
        commit_only(COMMITS)
    began = time.monotonic()
    consumer = office.consumer(module="tests.benchmarks.noop")
    while (left := HUEY.pending_count()) and time.monotonic() - began < LIMIT_SECONDS:
        time.sleep(0.05)
    seconds = time.monotonic() - began
    consumer.terminate(timeout=30)
    if left:
        tell_limit(f"{number - left} of {number} tasks of huey alone")
        HUEY.flush()
    return (number - left) / seconds


def other_version(folder: Path, kind: str, number: int) -> float:
    """Orders a second that the version in this folder delivers by its own benchmark of many; 0
    where it takes too long."""
    command = [sys.executable, "-m", "tests.benchmarks.orders", "--kind", kind, "--rounds", "1"]
    command += ["--orders", str(number), "--plays", "1000"]  # older ones know no scenes
    try:
        printed = subprocess.run(
            command,
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=BESIDE_SECONDS,
        ).stdout
    except subprocess.TimeoutExpired:
        print(f"{folder} was not done in {BESIDE_SECONDS:.0f} s", file=sys.stderr, flush=True)
        return 0.0
    return float(json.loads(printed.splitlines()[-1])["many"][0])


def wrk_rate(site: DemoSite, *, has_keys: bool, seconds: int = 3) -> float:
    """Plays a second that wrk reaches on the same site, with the plays' own message or without the
    key in it; 0 without wrk."""
    if not shutil.which("wrk"):
        return 0.0
    order = f"wrk-{time.monotonic_ns()}"
    key = [("Idempotency-Key", f"{order}:{SEQUENCE}")] if has_keys else []
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        headers = (*key, ("X-Play-Order", order))
        command = wrk.command(Path(folder), site.port, CONNECTIONS, seconds, *headers)
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    plays, lasted = wrk.read(printed)
    return plays / lasted


def differences() -> list[str]:
    from core.ops import auditing

    return list(auditing.differences())

"""Whole orders, from saved to settled, with all that the database does for them:
`python -m tests.benchmarks.orders [--rounds 3] [--orders 2000] [--plays 1000000] [--slow 2000]
[--scenes many one idle slow] [--quick]`.

Four scenes on each kind of database, one consumer process tree as `manage.py run_huey` starts it:

- many: N orders of 100 plays on N videos, beside huey alone with N tasks that do nothing but the
  same number of commits;
- one: a single order of a million plays, beside wrk sending as many requests to the same site, and
  beside the engine alone sending the same plays: by the CPU time of all consumer processes after
  their start;
- idle: from Save to the first play that the site sees, where nothing else is to be done;
- slow: drip-fed orders of a play a second on one worker, watched for half a minute: how evenly they
  come on (Jain's index, 1 is even), by how many seconds they lag behind (of a hundred all but one
  by less), and what that takes.

Each round runs both sides in turn; ratios are medians of the rounds' ratios. At the end the site's
record, the orders and the ledger are held against one another; a difference ends it with 1.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psutil

from tests.benchmarks.goals import Goal, tell
from tests.office import Office
from tests.services import PostgresServer, RedisServer
from tests.sites import DemoSite

KINDS = ("sqlite", "postgresql")
PLAYS_EACH = 100
COMMITS = 4  # of an order's run: claim, first window, its checkpoint, the settlement
LIMIT_SECONDS = 600.0
CONNECTIONS = 64
SCENES = ("many", "one", "idle", "slow")
SLOW_SECONDS, SLOW_START_SECONDS = 30.0, 10.0
IDLE_TIMES, IDLE_SECONDS = 20, 1.5
HOUR = 3600  # plays of a slow order: one a second


def main() -> int:
    options = _options()
    if options.kind:
        print(json.dumps(measure(options)))
        return 0
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    wrong = 0
    goals = []
    for kind in options.kinds:
        result = _in_a_process_of_its_own(kind, options)
        wrong += len(result["wrong"])
        for line in result["wrong"][:5]:
            print(line, file=sys.stderr)
        goals += _goals(kind, result, options.slow)
    tell(goals)
    return min(wrong, 1)


def measure(options: argparse.Namespace) -> dict:
    """All rounds on one kind of database, in this process, whose Django is that office's."""
    found: dict = {"many": [], "each": [], "alone": [], "one": [], "wrk": [], "cpu": [], "busy": []}
    found |= {"engine": [], "memory": [], "wrong": [], "idle": [], "slow": None}
    videos = max(options.orders, options.slow) + 1
    with ExitStack() as stack:
        site = stack.enter_context(DemoSite("--extra", str(videos)))
        office = stack.enter_context(an_office(options.kind, site))
        for _ in range(options.rounds):
            if "many" in options.scenes:
                run = many_orders(office, site, options.orders, found["wrong"])
                found["many"].append(options.orders / run.seconds)
                found["each"].append((run.cpu - run.start_cpu) / options.orders * 1000)
                found["alone"].append(options.orders / huey_alone(office, options.orders))
            if "one" in options.scenes:
                before = wrk_rate(site)
                run = one_order(office, site, options.plays, found["wrong"])
                found["one"].append(options.plays / run.seconds)
                found["cpu"].append(run.cpu / options.plays * 100_000)
                found["busy"].append((run.cpu - run.start_cpu) / options.plays * 100_000)
                found["memory"].append(run.megabytes)
                if before:
                    found["wrk"].append((before + wrk_rate(site)) / 2)
                found["engine"].append(engine_alone(site, options.plays))
        if "idle" in options.scenes:
            found["idle"] = idle_office(office, site)
        if "slow" in options.scenes:
            found["slow"] = asdict(slow_orders(office, options.slow))
        found["wrong"] += differences()
    return found


@dataclass
class Run:
    """One consumer, from its start until all orders were settled: CPU seconds of its processes,
    `start_cpu` of which it took to start, and peak memory of the largest."""

    seconds: float = 0.0
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


@contextmanager
def an_office(kind: str, site: DemoSite) -> Iterator[Office]:
    """An installed office whose settings are this process's own."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    # The people of a benchmark have no phone.
    env = {"PRIVATE_SITES": f"127.0.0.1:{site.port}", "REQUIRE_TWO_STEP": "off"}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if kind == "postgresql":
            postgres = stack.enter_context(PostgresServer())
            env["DATABASE_URL"] = postgres.create_database("office")
            env["REDIS_URL"] = stack.enter_context(RedisServer()).url
        os.environ.update(env, DATA_DIR=str(folder), SECRET_KEY="a secret of the benchmarks, long")
        os.environ["DJANGO_SETTINGS_MODULE"] = "office.settings"
        office = Office(kind, folder, **env)
        office.manage("init_office")
        import django

        django.setup()
        _furnish(site)
        yield office
        office.close()


def _furnish(site: DemoSite) -> None:
    from core.models import ChargeRecord, Customer, Site

    Site.objects.create(
        name="Bench",
        origin=f"http://127.0.0.1:{site.port}",
        token=site.token(),
        max_connections=CONNECTIONS,
        max_rate=10_000_000,
    )
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(10_000_000))


def many_orders(office: Office, site: DemoSite, number: int, wrong: list[str]) -> Run:
    """From the consumer's start to the last order settled; all are saved before."""
    orders = [place(f"v{index + 1}", PLAYS_EACH) for index in range(number)]
    return deliver(office, site, orders, wrong)


def one_order(office: Office, site: DemoSite, plays: int, wrong: list[str]) -> Run:
    return deliver(office, site, [place("v1", plays)], wrong)


def place(video: str, count: int, hours: int = 0):  # type: ignore[no-untyped-def]
    from core import ordering
    from core.models import Customer, Site
    from tests.base import quoted

    quote = quoted(Customer.objects.get(), Site.objects.get(), video, count=count, price=1)
    return ordering.place(quote, None, hours=hours)


def deliver(office: Office, site: DemoSite, orders: list, wrong: list[str]) -> Run:
    from core.models import FINAL, Order, Status

    ids = [order.pk for order in orders]
    run = Run()
    began = time.monotonic()
    consumer = office.consumer()
    run.look_at(consumer.pid)
    run.start_cpu = run.cpu
    left = Order.objects.filter(pk__gte=ids[0]).exclude(status__in=FINAL)
    while left.exists() and time.monotonic() - began < LIMIT_SECONDS:
        run.look_at(consumer.pid)
        time.sleep(0.2)
    run.seconds = time.monotonic() - began
    run.look_at(consumer.pid)
    consumer.terminate(timeout=30)
    for order in Order.objects.filter(pk__gte=ids[0]):
        played = site.plays(order.oid) if len(orders) < 50 or order.pk % 20 == 0 else order.count
        if (order.status, order.done, played) != (Status.COMPLETED, order.count, order.count):
            wrong.append(f"{order.oid}: {order.get_status_display()}, {order.done}, site {played}")
    return run


def idle_office(office: Office, site: DemoSite) -> list[float]:
    """Seconds from before Save to the first play at the site, each after a while of nothing."""
    from core.models import FINAL, Order

    consumer, seconds = office.consumer(), []
    for number in range(IDLE_TIMES):
        time.sleep(IDLE_SECONDS)
        began = time.monotonic()
        order = place(f"v{number + 1}", 10)
        while not site.plays(order.oid) and time.monotonic() - began < 30:
            time.sleep(0.002)
        seconds.append(time.monotonic() - began)
        while not Order.objects.filter(pk=order.pk, status__in=FINAL).exists():
            time.sleep(0.1)
    consumer.terminate(timeout=30)
    return seconds


def engine_alone(site: DemoSite, plays: int) -> float:
    """CPU seconds that 100,000 of the same plays take without an office."""
    who = "engine, distinct keys"
    command = [sys.executable, "-m", "tests.benchmarks.clients", who, str(site.port)]
    command += [str(plays), str(CONNECTIONS)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(printed.splitlines()[-1])
    assert told["plays"] == plays, told
    return told["cpu"] / plays * 100_000


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

    orders = [place(f"v{index + 1}", HOUR, hours=1) for index in range(number)]
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
    return Slow(fairness, lags[-1], late, cores, run.megabytes)


def huey_alone(office: Office, number: int) -> float:
    """Seconds that the same consumer needs for `number` tasks of COMMITS commits each."""
    from huey.contrib.djhuey import HUEY

    from core.models import Customer
    from tests.benchmarks.noop import commit_only

    Customer.objects.update(memo="")
    for _ in range(number):
        commit_only(COMMITS)
    began = time.monotonic()
    consumer = office.consumer(module="tests.benchmarks.noop")
    while HUEY.pending_count() and time.monotonic() - began < LIMIT_SECONDS:
        time.sleep(0.05)
    seconds = time.monotonic() - began
    consumer.terminate(timeout=30)
    return seconds


def wrk_rate(site: DemoSite, seconds: int = 3) -> float:
    """Plays a second that wrk reaches with the same headers on the same site; 0 without wrk."""
    if not shutil.which("wrk"):
        return 0.0
    script = Path(tempfile.mkdtemp(prefix="wrk-")) / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["X-Play-Order"] = "wrk"\n')
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command.append(f"{site.url}/api/videos/v1/plays")
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert found, printed
    return float(found[1])


def differences() -> list[str]:
    from core.ops import auditing

    return list(auditing.differences())


def _in_a_process_of_its_own(kind: str, options: argparse.Namespace) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.orders", "--kind", kind]
    for name in ("rounds", "orders", "plays", "slow"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--scenes", *options.scenes]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def _goals(kind: str, result: dict, slow: int) -> list[Goal]:
    def ratio(ours: str, theirs: str) -> float | None:
        pairs = list(zip(result[ours], result[theirs], strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    def median(name: str) -> float | None:
        return statistics.median(result[name]) if result[name] else None

    goals = [
        Goal(f"{kind}: orders of {PLAYS_EACH} plays a second", median("many"), 150, form=".0f"),
        Goal(f"{kind}: the same ÷ huey alone, {COMMITS} commits", ratio("many", "alone"), 0.9),
        Goal(f"{kind}: the same, CPU milliseconds of an order after the start", median("each")),
        Goal(f"{kind}: one large order, plays/s", median("one"), form=",.0f"),
        Goal(f"{kind}: the same ÷ wrk", ratio("one", "wrk"), 0.85),
        Goal(f"{kind}: the same, CPU seconds per 100,000 plays", median("cpu")),
        Goal(
            f"{kind}: the same, CPU after the start ÷ the engine alone",
            *(ratio("busy", "engine"), 1.25),
            at_most=True,
        ),
        Goal(
            f"{kind}: peak MB of a process",
            *(max(result["memory"], default=None), 120),
            at_most=True,
            form=".0f",
        ),
        Goal(f"{kind}: Save to first play, seconds", median("idle"), 0.2, at_most=True),
        Goal(f"{kind}: wrong counts", len(result["wrong"]), 0, at_most=True, form=".0f"),
    ]
    return goals + (
        _slow_goals(f"{kind}: {slow} slow orders", result["slow"]) if result["slow"] else []
    )


def _slow_goals(who: str, found: dict) -> list[Goal]:
    return [
        Goal(f"{who}, evenness", found["fairness"], 0.99, form=".3f"),
        Goal(f"{who}, lag p99 in seconds", found["lag_p99"], 3.0, at_most=True, form=".1f"),
        Goal(f"{who}, longest lag", found["lag"], form=".1f"),
        Goal(f"{who}, cores of all processes", found["cores"], 1.0, at_most=True),
        Goal(f"{who}, MB of the largest process", found["megabytes"], 150, True, ".0f"),
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--plays", type=int, default=1_000_000)
    parser.add_argument("--slow", type=int, default=2000, help="drip-fed orders")
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--quick", action="store_true", help="one round, a tenth of the plays")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.orders, options.plays, options.slow = 1, 200, 100_000, 100
    return options


if __name__ == "__main__":
    sys.exit(main())

"""Whole orders, from saved to settled, with all that the database does for them:
`python -m tests.benchmarks.orders [--rounds 3] [--orders 2000] [--plays 1000000] [--slow 2000]
[--scenes many one idle small statements slow] [--kinds sqlite postgresql] [--beside FOLDER]
[--quick]`.

Six scenes on each kind of database, one consumer process tree as `manage.py run_huey` starts it:

- many: N orders of 100 plays on N videos, beside huey alone with N tasks that do nothing but the
  same number of commits, and beside wrk sending as many plays and no order; --beside another
  version of the office, checked out there, in turn;
- one: a single order of a million plays, beside wrk sending the same message to the same site, and
  a shorter one without the key that lets a play count once; and beside the engine alone sending
  the same plays: by the CPU time of all consumer processes after their start;
- idle: from Save to the first play that the site sees, where nothing else is to be done;
- small: the same where an order of ten million plays runs on the same site;
- statements: how many an order of 100 plays costs the database where a round drives 64;
- slow: drip-fed orders of a play a second on one worker, watched for half a minute: how evenly they
  come on (Jain's index, 1 is even), by how many seconds they lag behind (of a hundred all but one
  by less), and what that takes.

Each round runs both sides in turn; ratios are medians of the rounds' ratios. No scene begins
another round after SCENE_SECONDS, and each run has a limit of its own; what was reached by then is
printed. At the end the site's record, the orders and the ledger are held against one another; a
difference ends it with 1. wrk is left out where there is none.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from tests.benchmarks import scenes
from tests.benchmarks.goals import Goal, tell
from tests.benchmarks.scenes import COMMITS, CONNECTIONS, PLAYS_EACH
from tests.office import Office
from tests.services import PostgresServer, RedisServer
from tests.sites import DemoSite

KINDS = ("sqlite", "postgresql")
SCENES = ("many", "one", "idle", "small", "statements", "slow")
SCENE_SECONDS = 240.0
FIGURES = ("many", "each", "alone", "floor", "beside", "one", "wrk", "short", "engine")
FIGURES += ("cpu", "busy", "memory", "idle", "small", "statements", "wrong")


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
    found: dict = {name: [] for name in FIGURES} | {"slow": None}
    videos = max(options.orders, options.slow, scenes.ROUND_ORDERS) + 1
    with ExitStack() as stack:
        site = stack.enter_context(DemoSite(extra=videos))
        office = stack.enter_context(an_office(options.kind, site))
        if "many" in options.scenes:
            for _ in _rounds(options):
                _measure_many(found, office, site, options)
        if "one" in options.scenes:
            for _ in _rounds(options):
                _measure_one(found, office, site, options)
        if "idle" in options.scenes:
            found["idle"] = scenes.idle_office(office, site)
        if "small" in options.scenes:
            found["small"] = scenes.small_beside_large(office, site)
        if "statements" in options.scenes:
            found["statements"] = [scenes.statements_an_order()]
        if "slow" in options.scenes:
            found["slow"] = asdict(scenes.slow_orders(office, options.slow))
        found["wrong"] += scenes.differences()
    return found


def _rounds(options: argparse.Namespace) -> Iterator[int]:
    began = time.monotonic()
    for number in range(options.rounds):
        if time.monotonic() - began > SCENE_SECONDS:
            print(f"{number} of {options.rounds} rounds in {SCENE_SECONDS:.0f} s", file=sys.stderr)
            return
        yield number


def _measure_many(found: dict, office: Office, site: DemoSite, options: argparse.Namespace) -> None:
    run = scenes.many_orders(office, site, options.orders, found["wrong"])
    found["many"].append(run.orders / run.seconds)
    found["each"].append((run.cpu - run.start_cpu) / max(1, run.orders) * 1000)
    found["alone"].append(scenes.huey_alone(office, options.orders))
    if rate := scenes.wrk_rate(site, has_keys=True):
        found["floor"].append(rate / PLAYS_EACH)
    folder, kind = options.beside, options.kind
    if folder and (other := scenes.other_version(folder, kind, options.orders)):
        found["beside"].append(other)


def _measure_one(found: dict, office: Office, site: DemoSite, options: argparse.Namespace) -> None:
    before = _wrk_rates(site)
    run = scenes.one_order(office, site, options.plays, found["wrong"])
    plays = max(1, run.plays)
    found["one"].append(plays / run.seconds)
    found["cpu"].append(run.cpu / plays * 100_000)
    found["busy"].append((run.cpu - run.start_cpu) / plays * 100_000)
    found["memory"].append(run.megabytes)
    for name, first, second in zip(("wrk", "short"), before, _wrk_rates(site), strict=True):
        if first:
            found[name].append((first + second) / 2)
    found["engine"].append(scenes.engine_alone(site, options.plays))


def _wrk_rates(site: DemoSite) -> tuple[float, float]:
    return scenes.wrk_rate(site, has_keys=True), scenes.wrk_rate(site, has_keys=False)


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


def _in_a_process_of_its_own(kind: str, options: argparse.Namespace) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.orders", "--kind", kind]
    for name in ("rounds", "orders", "plays", "slow"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--scenes", *options.scenes]
    command += ["--beside", str(options.beside)] if options.beside else []
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
        Goal(f"{kind}: the same ÷ wrk with the same plays", ratio("many", "floor")),
        Goal(f"{kind}: the same ÷ the version beside", ratio("many", "beside"), 4),
        Goal(f"{kind}: the same, CPU milliseconds of an order after the start", median("each")),
        Goal(
            f"{kind}: statements an order, {scenes.ROUND_ORDERS} in a round",
            *(median("statements"), 1.5),
            at_most=True,
        ),
        Goal(f"{kind}: one large order, plays/s", median("one"), form=",.0f"),
        Goal(f"{kind}: the same ÷ wrk with the same message", ratio("one", "wrk"), 0.85),
        Goal(f"{kind}: the same ÷ wrk without the key", ratio("one", "short")),
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
        Goal(
            f"{kind}: the same beside an order of {scenes.LARGE_PLAYS:,} plays, the longest",
            *(max(result["small"], default=None), 1.0),
            at_most=True,
        ),
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
    parser.add_argument("--beside", type=Path, help="the folder of another version")
    parser.add_argument("--quick", action="store_true", help="one round, a tenth of the plays")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.orders, options.plays, options.slow = 1, 200, 100_000, 100
    return options


if __name__ == "__main__":
    sys.exit(main())

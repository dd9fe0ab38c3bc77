"""A scrape of /metrics with as many orders as each database is for:
`python -m tests.benchmarks.scraping [--orders 5000000] [--rounds 20] [--quick]`.

The orders, customers and ledger of years (tests/demodata). Milliseconds and statements of one
reading of all figures, in one process; the first one, which finds nothing in any cache, apart.
"""

import argparse
import statistics
import time

from tests.benchmarks.dashboard import office
from tests.benchmarks.goals import Goal, tell

PROMISED = {"sqlite": 200_000, "postgresql": 5_000_000}
MILLISECONDS_GOAL, STATEMENTS_GOAL = 200, 12


def measure(kind: str, orders: int, rounds: int) -> list[Goal]:
    with office(kind == "postgresql"):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from core.reports import metrics, rollups
        from tests.demodata.office import make_up

        call_command("init_office", verbosity=0)
        made = time.monotonic()
        make_up(orders)
        print(f"{kind}, {orders:,} orders made up in {time.monotonic() - made:.0f} s", flush=True)
        while not rollups.catch_up(60):
            pass
        times = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            metrics.exposition()
            times.append((time.perf_counter() - began) * 1000)
        with CaptureQueriesContext(connection) as captured:
            metrics.exposition()
        print(f"{kind}, {orders:,} orders: the first scrape {times[0]:.0f} ms")
        slowest = sorted(captured.captured_queries, key=lambda query: -float(query["time"]))[0]
        print(f"the slowest statement, {slowest['time']} s: {slowest['sql'][:150]}")
        connection.close()
    what = f"{kind}: scrape of {orders:,} orders"
    median = statistics.median(times[1:])
    return [
        Goal(f"{what}, median ms", median, MILLISECONDS_GOAL, at_most=True, form=".0f"),
        Goal(f"{what}, statements", len(captured), STATEMENTS_GOAL, at_most=True, form=".0f"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kind", choices=sorted(PROMISED), default="postgresql")
    parser.add_argument("--quick", action="store_true", help="100,000 orders, five rounds")
    options = parser.parse_args()
    if options.quick:
        options.orders, options.rounds = 100_000, 5
    tell(measure(options.kind, options.orders or PROMISED[options.kind], options.rounds))


if __name__ == "__main__":
    main()

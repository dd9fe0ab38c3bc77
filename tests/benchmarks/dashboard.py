"""How quick the home page and the board are over a million orders, or more, and twice as many
ledger entries.

    python -m tests.benchmarks.dashboard [--orders 5000000] [--postgresql] [--quick]

The rows are spread over a year, a share of them open. Written by the database itself, as the office
would need hours. Prints how long the first count takes, and the medians of a minute's upkeep and of
each part of the page.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

OPEN_ORDERS = 2000
ROUNDS = 15
# Of order number n, in SQL of both databases: most are completed, the newest are open.
SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})",
    "postgresql": "WITH s(n) AS (SELECT generate_series(1, {count}))",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (({count} - n) * {step}) || ' seconds')",
    "postgresql": "now() - ({count} - n) * {step} * interval '1 second'",
}
STATUS = (
    "CASE WHEN n > {count} - {open} THEN (CASE n % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 8"
    " ELSE 9 END) WHEN n % 20 = 0 THEN 5 WHEN n % 33 = 0 THEN 6 ELSE 3 END"
)


@contextmanager
def office(postgresql: bool) -> Iterator[None]:
    """An empty office of its own, in this process."""
    from tests.services import PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, DJANGO_SETTINGS_MODULE="office.settings")
        os.environ.setdefault("SECRET_KEY", "b" * 50)
        if postgresql:
            with PostgresServer(fsync=False) as server:
                os.environ["DATABASE_URL"] = server.create_database("office")
                yield
        else:
            os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'office.sqlite3'}"
            yield


def fill(count: int) -> None:
    from django.db import connection

    from core.models import Customer, LedgerEntry, Order, Site

    customer = Customer.objects.create(username="erin")
    site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    vendor = connection.vendor
    words = {"count": count, "open": OPEN_ORDERS, "step": 365 * 86400 / count}
    moment, status = MOMENT[vendor].format(**words), STATUS.format(**words)
    ended = f"CASE WHEN n > {count - OPEN_ORDERS} THEN NULL ELSE {moment} END"
    video = "'v' || n"
    key = "printf('%032x', n)" if vendor == "sqlite" else "lpad(to_hex(n), 32, '0')::uuid"
    orders = {
        "id": "n",
        "oid": "'1-' || n",
        "status": status,
        "customer_id": customer.pk,
        "url": "'http://127.0.0.1:9/videos/' || n",
        "count": 10_000,
        "price": 5,
        "unit_price": 0.0005,
        "site_id": site.pk,
        "video_id": video,
        "request_key": key,
        "create_date": moment,
        "due": moment,
        "end_date": ended,
        "done": "n % 10000",
        "delivered": f"CASE WHEN n > {count - OPEN_ORDERS} THEN NULL ELSE n % 10000 END",
        "reserved": 10_000,
        "attention": "CASE WHEN n % 50000 = 0 THEN 'look' ELSE '' END",
    }
    entries = {
        "kind": "2 + n % 2",
        "customer_id": customer.pk,
        "balance_after": 5,
        "amount": "CASE WHEN n % 2 = 0 THEN -5 ELSE 2.5 END",
        "create_date": moment,
        "order_id": "(n + 1) / 2",
        "reference": "'r' || n",
    }
    insert(Order, orders, SERIES[vendor].format(count=count))
    words |= {"count": 2 * count, "step": 365 * 86400 / (2 * count)}
    entries["create_date"] = MOMENT[vendor].format(**words)
    insert(LedgerEntry, entries, SERIES[vendor].format(count=2 * count))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def insert(model, values: dict, series: str) -> None:
    """All rows in one statement; columns that are not named get their field's default."""
    from django.db import connection, models

    for field in model._meta.concrete_fields:
        if field.column in values or field.primary_key or field.null:
            continue
        default = field.get_default()
        number = isinstance(field, models.IntegerField)
        truth = ("false" if connection.vendor == "postgresql" else "0") if default is False else ""
        values[field.column] = truth or (default or 0 if number else "''")
    columns = ", ".join(f'"{name}"' for name in values)
    chosen = ", ".join(str(value) for value in values.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({columns}) {series} SELECT {chosen} FROM s'
            if connection.vendor == "postgresql"
            else f'{series} INSERT INTO "{model._meta.db_table}" ({columns}) SELECT {chosen} FROM s'
        )


def took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def report(name: str, work: Callable[[], object]) -> None:
    times = sorted(took(work) for _ in range(ROUNDS))
    print(f"{name:<28}{statistics.median(times):>9.1f} ms{times[-1]:>9.1f} ms at most", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="100,000 orders")
    parser.add_argument("--postgresql", action="store_true")
    chosen = parser.parse_args()
    with office(chosen.postgresql):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        measure(100_000 if chosen.quick else chosen.orders)
        connections.close_all()


def measure(count: int) -> None:
    from django.db import connection

    from core.pages.dashboard import home
    from core.reports import dashboard, playrate, rollups

    print(f"{connection.vendor}, {count:,} orders: written in {took(lambda: fill(count)):,.0f} ms")
    print(f"first count of {rollups.WINDOW.days} days in {took(first_count):,.0f} ms", flush=True)
    report("a minute's upkeep", lambda: (rollups.catch_up(), rollups.check_again()))
    report("a sample of plays", lambda: playrate._totals(*[rollups.timezone.now()] * 2))
    for part in home.PARTS:
        report(part.name, part.read)
    report("board", dashboard.orders_by_status)
    report("whole home page, drawn", lambda: [p.render(p.figures()) for p in home.PARTS])


def first_count() -> None:
    from core.reports import rollups

    while not rollups.catch_up():
        pass


if __name__ == "__main__":
    main()

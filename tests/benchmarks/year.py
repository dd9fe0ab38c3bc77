"""A year at 1,000 orders a day, made up in a moment: `python -m tests.benchmarks.year
[--orders 365000] [--kind sqlite] [--quick]`.

Orders with their events and ledger entries, twelve readings of the counter each, looks at the token
of sites while orders run (5,000,000 in a year), logins and sessions of 20 people. Then what workers
do every ten minutes is done until nothing is left to do. Prints each table's rows and the size of
the whole; of fewer orders what that makes of 365,000.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.dashboard import insert, office
from tests.benchmarks.goals import Goal, tell

ORDERS = 365_000
READINGS_EACH, CHECKS_EACH = 12, 14  # the latter as 5,000,000 a year
GIGABYTE = 1 << 30
ROWS_GOAL = 2_000_000
SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})",
    "postgresql": "WITH s(n) AS (SELECT generate_series(1, {count}))",
}


def moment(number: str, count: int) -> str:
    """SQL of a moment within the last year for row `number` of so many."""
    from django.db import connection

    seconds = f"(({count} - {number}) * {365 * 86400 / count})"
    if connection.vendor == "postgresql":
        return f"now() - {seconds} * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || {seconds} || ' seconds')"


def fill(orders: int) -> None:
    from axes.models import AccessAttempt, AccessLog
    from django.contrib.sessions.models import Session
    from django.db import connection

    from core.models import CounterReading, Site, SiteCheck
    from tests.demodata.office import make_up

    make_up(orders)
    vendor = connection.vendor
    with connection.cursor() as cursor:
        # What is made up spans years: pressed into the one that is simulated.
        for table, columns in (
            ("core_order", ("create_date", "start_date", "end_date", "due")),
            ("core_ledgerentry", ("create_date",)),
        ):
            cursor.execute(f"SELECT count(*), min(id) FROM {table}")
            number, first = cursor.fetchone()
            at = moment(f"(id - {first} + 1)", number)
            drop_guards(cursor, table)
            sets = ", ".join(
                f"{name} = CASE WHEN {name} IS NULL THEN NULL ELSE {at} END" for name in columns
            )
            cursor.execute(f"UPDATE {table} SET {sets}")
        cursor.execute("SELECT min(id) FROM core_order")
        (first_order,) = cursor.fetchone()
    site = Site.objects.order_by("pk")[0].pk

    def rows(model: Any, count: int, **values: Any) -> None:
        insert(model, values, SERIES[vendor].format(count=count))

    readings, checks = orders * READINGS_EACH, orders * CHECKS_EACH
    at = moment("n", readings)
    order = f"{first_order} + (n - 1) / {READINGS_EACH}"
    rows(CounterReading, readings, order_id=order, create_date=at, views="n", done="n % 1000")
    at = moment("n", checks)
    rows(SiteCheck, checks, site_id=site, create_date=at, outcome=1, method="'file'")
    logins = max(1, 20 * 3 * orders // 1000)
    text = dict.fromkeys(("user_agent", "username", "path_info", "http_accept"), "'x'")
    at = moment("n", logins)
    rows(AccessLog, logins, attempt_time=at, ip_address="'10.0.0.1'", session_hash="'x'", **text)
    rows(
        AccessAttempt,
        logins // 10 + 1,
        attempt_time=moment("n", logins // 10 + 1),
        ip_address="'10.0.0.1'",
        get_data="''",
        post_data="''",
        failures_since_start=1,
        **text | {"username": "'x' || n"},
    )
    soon = datetime.now(UTC) + timedelta(days=14)
    for index in range(logins):
        moment_of = soon - timedelta(days=365) * (index / logins)
        Session(session_key=f"k{index}", session_data="x" * 300, expire_date=moment_of).save()


def drop_guards(cursor: Any, table: str) -> None:
    """The triggers that refuse to change what is append-only, in this made-up office alone."""
    from django.db import connection

    if connection.vendor == "postgresql":
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    cursor.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name=%s", [table])
    for (name,) in cursor.fetchall():
        cursor.execute(f'DROP TRIGGER "{name}"')


def size() -> tuple[int, dict[str, int]]:
    """Bytes of the database, and rows by table."""
    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            (total,) = cursor.fetchone()
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            total = Path(str(connection.settings_dict["NAME"])).stat().st_size
    rows = {
        model._meta.db_table: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy
    }
    return total, rows


def shrink() -> None:
    """Give what was removed back to the disk. Within a year it would have been used again."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL" if connection.vendor == "postgresql" else "VACUUM")


def measure(kind: str, orders: int) -> list[Goal]:
    with office(kind == "postgresql"):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from core.ops import retention

        call_command("init_office", verbosity=0)
        fill(orders)
        before, rows_before = size()
        began = time.monotonic()
        while not retention.tidy(60):
            pass
        seconds = time.monotonic() - began
        shrink()
        after, rows_after = size()
        connection.close()
    year = ORDERS / orders
    print(f"\n{kind}, {orders:,} orders, tidied in {seconds:.0f} s\n")
    print("| table | rows | after |")
    print("|---|---|---|")
    for table in sorted(rows_before, key=lambda name: -rows_before[name])[:12]:
        print(f"| {table} | {rows_before[table]:,} | {rows_after[table]:,} |")
    print(f"\n{before / GIGABYTE:.2f} GB, after {after / GIGABYTE:.2f} GB")
    largest = max(rows_after, key=rows_after.__getitem__)
    return [
        Goal(f"{kind}: a year at 1,000 orders a day, GB", after * year / GIGABYTE, 1.0, True),
        Goal(
            f"{kind}: its largest table ({largest}), rows",
            rows_after[largest] * year,
            ROWS_GOAL,
            at_most=True,
            form=",.0f",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--kind", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--quick", action="store_true", help="a tenth of a year")
    options = parser.parse_args()
    tell(measure(options.kind, ORDERS // 10 if options.quick else options.orders))


if __name__ == "__main__":
    main()

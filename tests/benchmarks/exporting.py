"""Export of orders beside the raw floor, rows a second and memory:
`python -m tests.benchmarks.exporting [--rows 1000000] [--rounds 3] [--quick]`.

Both read the same office and write the same columns with the same joins to a file, in turns, each
in a process of its own:
- the floor: `COPY (SELECT …) TO STDOUT` on PostgreSQL, sqlite3 and csv.writer on SQLite, values as
  they are stored,
- ours: what the Export button sends, with the words of the states, local times, refunds and escaped
  formulas; as CSV, and as an Excel file, which has no floor.
Exits with 1 where a file has not all rows.
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.benchmarks.goals import Goal, tell
from tests.benchmarks.workers import KINDS, measured, offices, run, start_django

MODULE = "tests.benchmarks.exporting"
GOAL = 0.5
MOST_MEGABYTES = 60
CUSTOMERS, SITES, BLOCK = 10_000, 10, 50_000
FLOOR = """
SELECT o.oid, o.status, c.username, s.name, o.url, o.count, o.price, o.unit_price, o.done, o.failed,
       o.uncertain, o.delivered, o.price, o.old_view_count, o.view_count, u.username,
       o.create_date, o.start_date, o.end_date, o.memo
FROM core_order o JOIN core_customer c ON c.id = o.customer_id JOIN core_site s ON s.id = o.site_id
     LEFT JOIN core_user u ON u.id = o.creator_id ORDER BY o.id
"""


def main() -> None:
    options = parse_arguments()
    if options.worker:
        worker(options.worker, options.rows)
        return
    wrong = False
    for kind in options.kinds.split(","):
        with offices(kind) as new_office:
            env = new_office()
            run(MODULE, "fill", options.rows, env)
            turns = [
                {who: run(MODULE, who, options.rows, env) for who in ("floor", "csv")}
                for _round in range(options.rounds)
            ]
            workbook = run(MODULE, "xlsx", options.rows, env)
        wrong |= report(kind, options.rows, turns, workbook)
    raise SystemExit(wrong)


def report(kind: str, rows: int, turns: list[dict[str, Any]], workbook: dict[str, Any]) -> bool:
    print(f"{kind}: {rows:,} orders with customer, site and creator, rows a second")
    runs = {who: [turn[who] for turn in turns] for who in turns[0]} | {"xlsx": [workbook]}
    goals = []
    for who, found in runs.items():
        speed = statistics.median(one["speed"] for one in found)
        megabytes = max(one["megabytes"] for one in found)
        size = found[0]["size"] >> 20
        print(f"  {who:<6} {speed:>10,.0f}   {size:>4} MB of file, {megabytes:.0f} MB memory")
        if who != "floor":
            what = f"{kind}: export of {rows:,} orders as {who}: MB over idle"
            goals.append(Goal(what, megabytes, MOST_MEGABYTES, at_most=True, form=".0f"))
    ratios = [turn["csv"]["speed"] / turn["floor"]["speed"] for turn in turns]
    print(f"  csv / floor: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    what = f"{kind}: export of {rows:,} orders as csv ÷ floor, rows/s"
    tell([Goal(what, statistics.median(ratios), GOAL), *goals])
    return any(one["rows"] != rows for found in runs.values() for one in found)


def worker(who: str, rows: int) -> None:
    """One run; prints its figures as JSON."""
    start_django()
    if who == "fill":
        fill(rows)
        print("{}")
        return
    path = Path(os.environ["DATA_DIR"]) / f"orders.{who}"
    chunks = {"floor": floor, "csv": ours, "xlsx": ours_as_workbook}[who]()
    found = measured(lambda: chunks(path), rows)
    lines = rows_of(path) if who == "xlsx" else path.read_bytes().count(b"\n") - (who == "csv")
    print(json.dumps({**found, "size": path.stat().st_size, "rows": lines}))


def fill(rows: int) -> None:
    from django.db import connection, transaction
    from django.utils import timezone

    from core.db import tables
    from core.models import Customer, Order, Site, Status, User

    user = User.objects.create(username="clerk", is_staff=True)
    customers = [Customer(username=f"customer{number:08d}") for number in range(CUSTOMERS)]
    Customer.objects.bulk_create(customers, batch_size=1_000)
    sites = [
        Site.objects.create(name=f"Site {number}", origin=f"http://{number}.example")
        for number in range(SITES)
    ]
    owners = list(Customer.objects.values_list("pk", flat=True))
    now = timezone.now()
    ends = (Status.COMPLETED, Status.PARTIAL, Status.FAILED)
    for start in range(0, rows, BLOCK):
        numbers = range(start, min(start + BLOCK, rows))
        with transaction.atomic():
            tables.insert(
                Order,
                oid=[f"{number}-20261122140700{number:06d}" for number in numbers],
                status=[ends[number % 3] for number in numbers],
                customer=[owners[number % CUSTOMERS] for number in numbers],
                site=[sites[number % SITES].pk for number in numbers],
                video_id=[f"v{number}" for number in numbers],
                url=[f"http://{number % SITES}.example/videos/v{number}" for number in numbers],
                count=[10_000] * len(numbers),
                price=["5.00"] * len(numbers),
                unit_price=["0.00050000"] * len(numbers),
                memo=["asked for by mail" if number % 4 == 0 else "" for number in numbers],
                creator=tables.Constant(user.pk),
                request_key=[Order._meta.get_field("request_key").default() for _n in numbers],
                delivered=[(10_000, 7_003, 0)[number % 3] for number in numbers],
                old_view_count=list(numbers),
                view_count=[number + 10_000 for number in numbers],
                start_date=tables.Constant(now),
                end_date=tables.Constant(now),
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert Order.objects.first().price == Decimal(5)


def floor() -> Callable[[Path], None]:
    import csv

    from django.db import connection

    def copy(path: Path) -> None:
        with (
            path.open("wb") as file,
            connection.cursor() as cursor,
            cursor.copy(f"COPY ({FLOOR}) TO STDOUT (FORMAT csv)") as stream,
        ):
            for data in stream:
                file.write(data)

    def write(path: Path) -> None:
        connection.ensure_connection()
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(connection.connection.cursor().execute(FLOOR))

    return write if connection.vendor == "sqlite" else copy


def ours() -> Callable[[Path], None]:
    from core.exporting import lists

    return lambda path: save(path, lists.csv_chunks(*export()))


def ours_as_workbook() -> Callable[[Path], None]:
    from core.exporting import lists

    return lambda path: save(path, lists.workbook_chunks(*export()))


def export() -> tuple:
    from core.exporting.lists import columns_of
    from core.exporting.resources import OrderExport
    from core.models import Order

    resource = OrderExport()
    return Order.objects.order_by("pk"), columns_of(resource, resource.get_export_order())


def save(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)


def rows_of(path: Path) -> int:
    """Rows of all sheets without their titles."""
    import zipfile

    found, end = 0, b"</row>"
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if "/sheet" not in name:
                continue
            rest = b""
            with archive.open(name) as sheet:
                while data := sheet.read(1 << 20):
                    found += (rest + data).count(end)
                    rest = data[-len(end) + 1 :]
            found -= 1
    return found


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of 50,000 rows")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument(
        "--worker", choices=("fill", "floor", "csv", "xlsx"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.quick:
        options.rows, options.rounds = 50_000, 1
    return options


if __name__ == "__main__":
    main()

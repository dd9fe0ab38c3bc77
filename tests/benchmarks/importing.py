"""Bulk upload beside the raw floor and stock django-import-export, rows a second:
`python -m tests.benchmarks.importing [--rows 100000,1000000] [--rounds 3] [--quick]`.

Every run gets a fresh office in a process of its own, in turns, so that whatever else the machine
does befalls all alike. Compared are rows a second by the wall clock: upload, check and import with
all bookkeeping of the job, against
- the floor: the same rows of both tables, ready made, by executemany or COPY in one transaction,
- stock django-import-export with its preview, on 2,000 rows: more of them take it hours.
Then 10,000 orders by one upload, from the click to all charged and queued, orders a second. With
`--undo` instead: how long it takes to undo an upload of so many customers, top-ups or orders.
Exits with 1 where the ledger differs afterwards.
"""

import argparse
import io
import json
import os
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.reasons import reason_of
from tests.benchmarks.goals import Goal, tell
from tests.benchmarks.workers import KINDS, Environment, measured, offices, run, start_django

MODULE = "tests.benchmarks.importing"
STOCK_ROWS = 2_000
# A run of so many takes a minute: one round tells as much as three short ones.
ONE_ROUND = 500_000
HEADER = "username,mobile,balance,memo\n"
GOALS = {"floor": 0.6, "stock": 100.0}
MOST_MEGABYTES = 60
ORDERS, BUYERS, ORDERS_GOAL = 10_000, 100, 2_000

Offices = Callable[[], Environment]


def main() -> None:
    options = parse_arguments()
    if options.worker:
        worker(options.worker, options.rows[0])
        return
    wrong = False
    for kind in options.kinds.split(","):
        with offices(kind) as new_office:
            if options.undo:
                wrong |= time_undoing(kind, options.rows, new_office)
                continue
            for rows in options.rows:
                wrong |= compare(kind, rows, options.rounds, new_office)
            wrong |= compare_orders(kind, options.rounds, new_office)
    raise SystemExit(wrong)


def compare(kind: str, rows: int, rounds: int, new_office: Offices) -> bool:
    sizes = {"floor": rows, "stock": STOCK_ROWS, "ours": rows}
    turns = [
        {who: run(MODULE, who, size, new_office()) for who, size in sizes.items()}
        for _round in range(rounds if rows < ONE_ROUND else 1)
    ]
    print(f"{kind}: customers with opening balances, rows a second")
    for who, size in sizes.items():
        print(f"  {who:<6} {size:>9,} rows {median(turn[who] for turn in turns):>9,.0f}")
    goals = []
    for peer, goal in GOALS.items():
        ratios = [turn["ours"]["speed"] / turn[peer]["speed"] for turn in turns]
        print(f"  ours / {peer}: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
        what = f"{kind}: upload of {rows:,} customers ÷ {peer}"
        what += f" with {STOCK_ROWS:,}" if peer == "stock" else ""
        goals.append(Goal(f"{what}, rows/s", statistics.median(ratios), goal))
    megabytes = max(turn["ours"]["megabytes"] for turn in turns)
    what = f"{kind}: upload of {rows:,} customers: MB over idle"
    tell([*goals, Goal(what, megabytes, MOST_MEGABYTES, at_most=True, form=".0f")])
    return any(turn["ours"]["differences"] for turn in turns)


def compare_orders(kind: str, rounds: int, new_office: Offices) -> bool:
    runs = [run(MODULE, "orders", ORDERS, new_office()) for _round in range(rounds)]
    what = f"{kind}: {ORDERS:,} orders by one upload, orders/s"
    tell([Goal(what, median(runs), ORDERS_GOAL, form=",.0f")])
    return any(one["differences"] for one in runs)


def time_undoing(kind: str, sizes: Iterable[int], new_office: Offices) -> bool:
    """Once each: what counts is whether three times the rows take three times as long."""
    wrong = False
    for who in UNDOINGS:
        for rows in sizes:
            one = run(MODULE, who, rows, new_office())
            wrong |= bool(one["differences"])
            seconds, speed = rows / one["speed"], one["speed"]
            print(f"{kind}: {who}: {rows:>9,} rows {seconds:>7.1f} s {speed:>9,.0f} rows/s", end="")
            print(f" {one['megabytes']:>5.0f} MB over idle", flush=True)
    return wrong


def median(runs: Iterable[dict[str, Any]]) -> float:
    return statistics.median(one["speed"] for one in runs)


def worker(who: str, rows: int) -> None:
    """One run in a fresh office; prints its figures as JSON."""
    start_django()
    from core.ops.auditing import differences

    works = {"floor": floor, "ours": ours, "stock": stock, "orders": orders, **UNDOINGS}
    work = works[who](rows)
    figures = measured(work, rows)
    print(json.dumps({**figures, "differences": list(differences())[:3]}))


def row(number: int) -> tuple[str, str, str, str]:
    mobile = f"138{number:08d}"
    return (
        f"customer{number:08d}",
        mobile,
        f"{number % 1000 + 1}.{number % 100:02d}",
        f"row {number}",
    )


def ours(rows: int) -> Callable[[], None]:
    from core.models import ImportJob

    path = Path(os.environ["DATA_DIR"]) / "customers.csv"
    with path.open("w", newline="") as file:
        file.write(HEADER)
        file.writelines(",".join(row(number)) + "\n" for number in range(rows))

    def work() -> None:
        with path.open("rb") as file:
            upload(ImportJob.Kind.CUSTOMERS, iter(lambda: file.read(1 << 16), b""))

    upload(ImportJob.Kind.CUSTOMERS, iter([(HEADER + "warm,138,1.00,up\n").encode()]))
    return work


def upload(kind, chunks):
    """As a clerk does it: the file, its check, the yes."""
    from core.importing import jobs
    from core.importing.uploads import new_job
    from core.models import ImportJob

    job = new_job(kind, "upload.csv", chunks, creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False), reason_of(job)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE, reason_of(job)
    return job


def undoing(job) -> Callable[[], None]:
    from core.importing import jobs
    from core.models import ImportJob, User

    actor = User.objects.create(username="undoer", is_staff=True, is_superuser=True)

    def work() -> None:
        assert job.start_undo(actor)
        jobs.run(job.pk)
        job.refresh_from_db()
        assert job.status == ImportJob.Status.UNDONE, job.undo_refusal

    return work


def undo_customers(rows: int) -> Callable[[], None]:
    from core.models import ImportJob

    lines = (",".join(row(number)) + "\n" for number in range(rows))
    text = "".join([HEADER, *lines])
    return undoing(upload(ImportJob.Kind.CUSTOMERS, iter([text.encode()])))


def undo_top_ups(rows: int) -> Callable[[], None]:
    """Ten of each customer."""
    from core.models import Customer, ImportJob

    customers = rows // 10
    Customer.objects.bulk_create(
        [Customer(username=f"payer{number}") for number in range(customers)], batch_size=5_000
    )
    lines = (f"payer{number % customers},{number % 90 + 1}.00\n" for number in range(rows))
    text = "".join(["username,amount\n", *lines])
    return undoing(upload(ImportJob.Kind.CHARGES, iter([text.encode()])))


def undo_orders(rows: int) -> Callable[[], None]:
    from core.models import ImportJob

    text = orders_text(rows)
    return undoing(upload(ImportJob.Kind.ORDERS, iter([text.encode()])))


UNDOINGS = {
    "undo-customers": undo_customers,
    "undo-top-ups": undo_top_ups,
    "undo-orders": undo_orders,
}


def orders(rows: int) -> Callable[[], None]:
    from django.utils import timezone

    from core.models import ImportJob, Site

    text = orders_text(rows)

    def work() -> None:
        # Proved a moment ago: what a site takes to answer is not measured here.
        Site.objects.update(verified_at=timezone.now())
        upload(ImportJob.Kind.ORDERS, iter([text.encode()]))

    return work


def orders_text(rows: int) -> str:
    """Orders of a hundred customers, each on a video of its own, of whom and of which there are."""
    from decimal import Decimal

    from django.core.management import call_command
    from django.utils import timezone

    from core.models import ChargeRecord, Customer, Site

    call_command("loaddata", "price_policies", verbosity=0)
    origin = "http://127.0.0.1:8001"
    now = timezone.now()
    Site.objects.create(name="Benchmark", origin=origin, verified=True, verified_at=now)
    for number in range(BUYERS):
        customer = Customer.objects.create(username=f"buyer{number}")
        ChargeRecord.objects.create(customer=customer, amount=Decimal(5 * rows))
    lines = [f"buyer{row % BUYERS},{origin}/videos/v{row},10000\n" for row in range(rows)]
    return "username,url,count\n" + "".join(lines)


def floor(rows: int) -> Callable[[], None]:
    """What the database takes when somebody else has done all the thinking."""
    from django.db import connection, transaction
    from django.utils import timezone

    now = timezone.now()
    customer_columns = "id, username, mobile, balance, create_date, active, memo"
    entry_columns = "kind, customer_id, amount, balance_after, reference, note, create_date"
    made = [(number, *row(number)) for number in range(1, rows + 1)]
    customers = [
        (number, name, mobile, balance, str(now), 1, memo)
        for number, name, mobile, balance, memo in made
    ]
    entries = [
        (4, number, balance, balance, f"opening:{number}", "", str(now))
        for number, _name, _mobile, balance, _memo in made
    ]
    statements = (
        ("core_customer", customer_columns, customers),
        ("core_ledgerentry", entry_columns, entries),
    )

    def executemany() -> None:
        for table, columns, values in statements:
            marks = ",".join("?" * len(values[0]))
            with connection.cursor() as cursor:
                cursor.connection.executemany(
                    f"INSERT INTO {table} ({columns}) VALUES ({marks})", values
                )

    texts = [
        "".join("\t".join(map(str, one)) + "\n" for one in values) for *_, values in statements
    ]

    def copy() -> None:
        for (table, columns, _values), text in zip(statements, texts, strict=True):
            statement = f"COPY {table} ({columns}) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(statement) as stream:
                stream.write(text)

    def work() -> None:
        with transaction.atomic():
            executemany() if connection.vendor == "sqlite" else copy()

    return work


def stock(rows: int) -> Callable[[], None]:
    """A plain resource, preview and import as the library's own admin does them."""
    from decimal import Decimal

    import tablib
    from import_export import resources

    from core.models import Customer, LedgerEntry

    class StockCustomers(resources.ModelResource):
        class Meta:
            model = Customer
            fields = ("username", "mobile", "memo")
            import_id_fields = ("username",)

        def after_save_instance(self, instance, row, **kwargs) -> None:
            LedgerEntry.objects.post(
                kind=LedgerEntry.Kind.ADJUSTMENT,
                customer_id=instance.pk,
                amount=Decimal(row["balance"]),
                reference=f"opening:{instance.pk}",
            )

    text = io.StringIO()
    text.write(HEADER)
    text.writelines(",".join(row(number)) + "\n" for number in range(rows))

    def work() -> None:
        for dry_run in (True, False):
            dataset = tablib.Dataset().load(text.getvalue(), format="csv")
            result = StockCustomers().import_data(
                dataset, dry_run=dry_run, raise_errors=True, use_transactions=True
            )
            assert result.totals["new"] == rows

    return work


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="100000,1000000", help="one or more numbers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 rows")
    parser.add_argument("--undo", action="store_true", help="time the undoing of uploads instead")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument(
        "--worker",
        choices=("floor", "ours", "stock", "orders", *UNDOINGS),
        help=argparse.SUPPRESS,
    )
    options = parser.parse_args()
    if options.quick:
        options.rows = "20000"
    options.rows = [int(number) for number in options.rows.split(",")]
    return options


if __name__ == "__main__":
    main()

"""Bulk upload beside the raw floor and stock django-import-export, rows a second:
`python -m tests.benchmarks.importing [--rows 100000,1000000] [--rounds 3] [--quick]`.

Every run gets a fresh office in a process of its own, in turns, so that whatever else the machine
does befalls all alike. Compared are rows a second by the wall clock: upload, check and import with
all bookkeeping of the job, against
- the floor: the same rows of both tables, ready made, by executemany or COPY in one transaction,
- stock django-import-export with its preview, on fewer rows (it takes minutes for these).
Then 10,000 orders by one upload, from the click to all charged and queued, orders a second.
Exits with 1 where the ledger differs afterwards.
"""

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.goals import Goal, tell

STOCK_ROWS = 2_000
ROOT = Path(__file__).resolve().parents[2]
HEADER = "username,mobile,balance,memo\n"
GOALS = {"floor": 0.6, "stock": 100.0}
MOST_MEGABYTES = 60
ORDERS, BUYERS, ORDERS_GOAL = 10_000, 100, 2_000


def main() -> None:
    options = parse_arguments()
    if options.worker:
        worker(options.worker, options.rows[0])
        return
    from tests.services import PostgresServer

    wrong = False
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for kind in options.kinds.split(","):
            server = stack.enter_context(PostgresServer()) if kind == "postgresql" else None
            for rows in options.rows:
                wrong |= compare(kind, rows, options.rounds, Path(folder), server)
            wrong |= compare_orders(kind, options.rounds, Path(folder), server)
    raise SystemExit(wrong)


def compare_orders(kind, rounds: int, folder: Path, server) -> bool:
    runs = []
    for number in range(rounds):
        env = office_env(folder, server, f"{kind}_{number}_orders")
        runs.append(run("orders", ORDERS, env))
    speed = statistics.median(one["speed"] for one in runs)
    tell([Goal(f"{kind}: 10,000 orders by one upload, orders/s", speed, ORDERS_GOAL, form=",.0f")])
    return any(one["differences"] for one in runs)


def office_env(folder: Path, server, name: str) -> dict[str, str]:
    env = {"DATA_DIR": str(folder / name), "SECRET_KEY": "benchmark " * 4}
    if server:
        env["DATABASE_URL"] = server.create_database(name)
    return env


def compare(kind, wanted: int, rounds: int, folder: Path, server) -> bool:
    runs: dict[str, list[dict]] = {"floor": [], "ours": [], "stock": []}
    for number in range(rounds):
        for who in runs:
            rows = min(wanted, STOCK_ROWS) if who == "stock" else wanted
            env = office_env(folder, server, f"{kind}_{wanted}_{number}_{who}")
            runs[who].append(run(who, rows, env))
    speed = {who: statistics.median(one["speed"] for one in runs[who]) for who in runs}
    megabytes = max(one["megabytes"] for one in runs["ours"])
    print(f"{kind}: {wanted:,} customers with opening balances, rows a second")
    for who, rows_a_second in speed.items():
        print(f"  {who:<6} {rows_a_second:>10,.0f}")
    goals = []
    for who, goal in GOALS.items():
        ratios = [
            ours["speed"] / other["speed"]
            for ours, other in zip(runs["ours"], runs[who], strict=True)
        ]
        print(f"  ours / {who}: of {min(ratios):.2f} to {max(ratios):.2f}")
        what = f"{kind}: upload of {wanted:,} customers ÷ {who}, rows/s"
        goals.append(Goal(what, statistics.median(ratios), goal))
    what = f"{kind}: its memory over idle, MB"
    tell([*goals, Goal(what, megabytes, MOST_MEGABYTES, at_most=True, form=".0f")])
    return any(one["differences"] for one in runs["ours"])


def run(who: str, rows: int, env: dict[str, str]) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.importing", "--worker", who, "--rows", str(rows)],
        env={**os.environ, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{who} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def worker(who: str, rows: int) -> None:
    """One run in a fresh office; prints its figures as JSON."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "office.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from core.auditing import differences

    work = {"floor": floor, "ours": ours, "stock": stock, "orders": orders}[who](rows)
    idle = peak_megabytes()
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    megabytes = peak_megabytes() - idle
    figures = {
        "speed": rows / seconds,
        "megabytes": megabytes,
        "differences": list(differences())[:3],
    }
    print(json.dumps(figures))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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


def upload(kind, chunks) -> None:
    """As a clerk does it: the file, its check, the yes."""
    from core.importing import jobs
    from core.importing.uploads import new_job
    from core.models import ImportJob

    job = new_job(kind, "upload.csv", chunks, creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False), job.reason
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE, job.reason


def orders(rows: int) -> Callable[[], None]:
    """Orders of a hundred customers, each on a video of its own."""
    from decimal import Decimal

    from django.core.management import call_command
    from django.utils import timezone

    from core.models import ChargeRecord, Customer, ImportJob, Site

    call_command("loaddata", "price_policies", verbosity=0)
    origin = "http://127.0.0.1:8001"
    site = Site.objects.create(name="Benchmark", origin=origin, verified=True)
    for number in range(BUYERS):
        customer = Customer.objects.create(username=f"buyer{number}")
        ChargeRecord.objects.create(customer=customer, amount=Decimal(5 * rows))
    lines = [f"buyer{row % BUYERS},{origin}/videos/v{row},10000\n" for row in range(rows)]
    text = "username,url,count\n" + "".join(lines)

    def work() -> None:
        # Proved a moment ago: what a site takes to answer is not measured here.
        Site.objects.filter(pk=site.pk).update(verified_at=timezone.now())
        upload(ImportJob.Kind.ORDERS, iter([text.encode()]))

    return work


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
    parser.add_argument("--quick", action="store_true", help="one round of 20,000 rows")
    parser.add_argument("--kinds", default="sqlite,postgresql")
    parser.add_argument(
        "--worker", choices=("floor", "ours", "stock", "orders"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.quick:
        options.rows, options.rounds = "20000", 1
    options.rows = [int(number) for number in options.rows.split(",")]
    return options


if __name__ == "__main__":
    main()

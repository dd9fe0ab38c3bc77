"""What Django's levers bring in this office: `python -m tests.benchmarks.levers [--rows 10000]
[--rounds 7] [--kinds sqlite,postgresql] [--quick]`.

On each kind of database, in one process: each thing done plainly and with the lever, in turns, the
medians. What the figures decide stands in docs/performance.md.
"""

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from tests.benchmarks.compared import Lever, asked, compared
from tests.benchmarks.dashboard import fill, office
from tests.benchmarks.foreign_keys import constraints

KINDS = ("sqlite", "postgresql")
PAGE = 100
ORDERS = 20_000


def levers(rows: int, rounds: int) -> list[Lever]:
    """All of them, in the office this process works in, which has orders."""
    return [
        *writing(rows, rounds),
        *constraints(rows, rounds),
        *statuses(rounds),
        *relations(rounds),
        *connecting(rounds),
        *keeping(rounds),
    ]


# --- many rows


def writing(rows: int, rounds: int) -> Iterator[Lever]:
    from django.db import transaction

    from core.db import tables
    from core.models.rollups import PlaySample

    moment = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    few = max(1, rows // 10)

    def samples(number: int) -> list[Any]:
        PlaySample.objects.all().delete()
        times = [moment + datetime.timedelta(minutes=index) for index in range(number)]
        common = {"plays": 1, "seconds": 60.0, "since": moment, "running_total": 1}
        return [PlaySample(taken=taken, **common) for taken in times]

    def one_by_one() -> None:
        for sample in samples(few):
            sample.save()

    def one_by_one_together() -> None:
        with transaction.atomic():
            one_by_one()

    def in_bulk(number: int = few) -> None:
        PlaySample.objects.bulk_create(samples(number))

    def by_columns() -> None:
        made = samples(rows)
        with transaction.atomic():
            tables.insert(
                PlaySample,
                id=tables.new_ids(PlaySample, rows),
                taken=[sample.taken for sample in made],
                plays=tables.Constant(1),
                seconds=tables.Constant(60.0),
                since=tables.Constant(moment),
                running_total=tables.Constant(1),
            )

    yield compared("create → bulk_create", one_by_one, in_bulk, rounds, few)
    yield compared(
        "create in one transaction → bulk_create", one_by_one_together, in_bulk, rounds, few
    )
    yield compared(
        "bulk_create → core.db.tables.insert", lambda: in_bulk(rows), by_columns, rounds, rows
    )
    PlaySample.objects.all().delete()


# --- reading


def statuses(rounds: int) -> Iterator[Lever]:
    """A page of orders with the names of their statuses."""
    from django.db import connection

    from core.models import Status

    columns = "o.id, o.oid, o.price"
    newest = f"FROM core_order o ORDER BY o.id DESC LIMIT {PAGE}"
    joined = newest.replace(" o ORDER", " o JOIN status s ON s.id = o.status ORDER")

    def with_table() -> None:
        cursor.execute(f"SELECT {columns}, s.name {joined}")
        cursor.fetchall()

    def in_memory() -> None:
        cursor.execute(f"SELECT {columns}, o.status {newest}")
        [(*row, Status(number).label) for *row, number in cursor.fetchall()]

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE status (id integer PRIMARY KEY, name varchar(30))")
        names = [(status.value, str(status.label)) for status in Status]
        cursor.executemany("INSERT INTO status VALUES (%s, %s)", names)
        with_table()
        in_memory()
        yield compared(f"status table → choices: {PAGE} orders", with_table, in_memory, rounds)
        cursor.execute("DROP TABLE status")


def relations(rounds: int) -> Iterator[Lever]:
    from core.models import Order

    def read(rows: Any) -> None:
        [(str(order.customer), str(order.site), str(order.creator)) for order in rows[:PAGE]]

    def events(rows: Any) -> None:
        [list(order.events.all()) for order in rows[:PAGE]]

    newest = Order.objects.order_by("-pk")
    name = f"select_related: {PAGE} orders with customer, site, creator"
    plain = lambda: read(newest)  # noqa: E731
    related = lambda: read(newest.select_related("customer", "site", "creator"))  # noqa: E731
    yield asked(name, plain, related)
    yield compared(name, plain, related, rounds)
    name = f"prefetch_related: {PAGE} orders with their events"
    plain = lambda: events(newest)  # noqa: E731
    fetched = lambda: events(newest.prefetch_related("events"))  # noqa: E731
    yield asked(name, plain, fetched)
    yield compared(name, plain, fetched, rounds)


# --- connections


def connecting(rounds: int) -> Iterator[Lever]:
    from django.db import connection, connections

    def anew() -> None:
        connection.close()
        ask(connection)

    def ask(by: Any) -> None:
        with by.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()

    ask(connection)
    yield compared(
        "CONN_MAX_AGE: a connection a page → kept", anew, lambda: ask(connection), rounds
    )
    if connection.vendor != "postgresql":
        return
    with _pooled(connection, connections) as pooled:

        def from_pool() -> None:
            pooled.close()
            ask(pooled)

        from_pool()
        yield compared("the pool: a connection a page → one from the pool", anew, from_pool, rounds)


@contextmanager
def _pooled(connection: Any, connections: Any) -> Iterator[Any]:
    options = connection.settings_dict["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 2}}
    settings = connection.settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": 0}
    pooled = type(connections["default"])(settings, "pooled")
    try:
        yield pooled
    finally:
        pooled.close()
        with suppress(KeyError):
            pooled.close_pool()


# --- what is kept


def keeping(rounds: int) -> Iterator[Lever]:
    from django.core.cache import caches

    from core.models import User
    from core.pages.dashboard import board, charts, home
    from core.pages.quotes import bundles_on_sale
    from core.reports import dashboard, rollups

    while not rollups.catch_up():
        pass
    user = User(is_superuser=True, is_staff=True, is_active=True)
    parts = {
        "Home": lambda: home.parts_for(user),
        "board": board.drawn,
        "price list": bundles_on_sale,
    }

    def anew(part: Callable[[], Any]) -> None:
        caches["parts"].clear()
        part()

    for name, part in parts.items():
        plain = partial(anew, part)
        plain()
        yield asked(f"parts kept: {name}", plain, part)
        yield compared(f"parts kept: {name}", plain, part, rounds)

    money = dashboard.money()

    def draw() -> None:
        charts._drawn.cache_clear()
        home.money_chart(money)

    yield compared("lru_cache: a chart", draw, lambda: home.money_chart(money), rounds)


# --- the program


def measure(kind: str, rows: int, rounds: int) -> list[Lever]:
    """In an office of its own, in this process."""
    with office(kind == "postgresql"):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("init_office", verbosity=0)
        fill(ORDERS)
        found = levers(rows, rounds)
        connections.close_all()
    return found


def main() -> None:
    options = _options()
    if options.kind:
        found = measure(options.kind, options.rows, options.rounds)
        print(json.dumps([asdict(lever) for lever in found]))
        return
    tables: list[dict[tuple[str, str], Lever]] = []
    kinds = options.kinds.split(",")
    for kind in kinds:
        command = [sys.executable, "-m", "tests.benchmarks.levers", "--kind", kind]
        command += ["--rows", str(options.rows), "--rounds", str(options.rounds)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = [Lever(**lever) for lever in json.loads(printed.splitlines()[-1])]
        tables.append({(lever.name, lever.unit): lever for lever in found})
    print("| | " + " | ".join(kinds) + " |")
    print("|---|" + "---|" * len(kinds))
    for key in {key: None for table in tables for key in table}:
        cells = [table[key].as_cells() if key in table else "–" for table in tables]
        print(f"| {key[0]} | {' | '.join(cells)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="1,000 rows, three rounds")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rows, options.rounds = 1_000, 3
    return options


if __name__ == "__main__":
    main()

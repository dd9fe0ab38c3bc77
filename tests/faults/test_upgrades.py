"""PostgreSQL migrated from the last release while others write to every large table."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.faults.trial import size
from tests.migrating import RELEASED
from tests.office import ROOT, Office, wait_for
from tests.services import PostgresServer

ROWS = size(2_000, 1_000_000)
# In the order of what they point to.
LARGE = (
    *("customer", "order", "orderevent", "ledgerentry", "chargerecord", "waitingtopup"),
    *("sitecheck", "counterreading", "conversation", "message", "fieldchange"),
)
COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND column_name <> 'id'
"""
# What a row says where nothing else is said of it; `i` is its number.
BY_TYPE = {
    "timestamp with time zone": "now() - i * interval '1 second'",
    "boolean": "false",
    "jsonb": "'{}'",
    "uuid": "gen_random_uuid()",
    "character varying": "''",
    "text": "'text'",
}
BY_NAME = {
    "username": "'Customer ' || i",
    "oid": "'o' || i",
    "count": "1",
    "amount": "1",
    "order_id": "i",
    "customer_id": "i",
    "conversation_id": "i",
    "reference": "'r' || i",
}
LONGEST_SECONDS = size(20, 1.0)  # a short run shows that it works, on a busy machine as well


class Writer(threading.Thread):
    """Changes one row after the other of a table; `longest` is what it waited for one of them."""

    def __init__(self, url: str, table: str) -> None:
        super().__init__(daemon=True)
        self.url, self.table = url, table
        self.written, self.longest = 0, 0.0
        self.error: psycopg.Error | None = None
        self.ends = threading.Event()

    def run(self) -> None:
        try:
            self.write()
        except psycopg.Error as error:
            self.error = error

    def write(self) -> None:
        dice = random.Random(self.table)
        with psycopg.connect(self.url, autocommit=True) as database:
            # Rows that may not change are written to as well: past the triggers that guard them.
            database.execute("SET session_replication_role = replica")
            key = "order_id" if self.table == "conversation" else "id"
            statement = f"UPDATE core_{self.table} SET {key} = {key} WHERE {key} = %s"
            while not self.ends.wait(0.01):
                began = time.monotonic()
                database.execute(statement, [dice.randint(1, ROWS)])
                self.longest = max(self.longest, time.monotonic() - began)
                self.written += 1


@pytest.fixture
def old_office(postgres: PostgresServer, tmp_path: Path) -> Office:
    url = postgres.create_database("upgrade")
    office = Office("postgresql", tmp_path, DATABASE_URL=url)
    office.manage("migrate", "core", RELEASED, "-v0")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        for table in LARGE:
            fill(database, f"core_{table}")
    return office


def fill(database: psycopg.Connection, table: str) -> None:
    columns = {
        name: BY_NAME.get(name, BY_TYPE.get(kind, "0"))
        for name, kind in database.execute(COLUMNS, [table])
    }
    names, values = ", ".join(map('"{}"'.format, columns)), ", ".join(columns.values())
    statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {ROWS}) i"
    database.execute(statement)
    database.execute(f"ANALYZE {table}")


@contextmanager
def writers(url: str) -> Iterator[list[Writer]]:
    threads = [Writer(url, table) for table in LARGE]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.ends.set()
        for thread in threads:
            thread.join()


def test_nobody_waits_for_a_migration(old_office, row, tmp_path):
    url, told = old_office.env["DATABASE_URL"], tmp_path / "told"
    with writers(url) as threads, told.open("w") as output, psycopg.connect(url) as holder:
        holder.execute("UPDATE core_order SET memo = 'long' WHERE id = 1")
        began = time.monotonic()
        migrate = subprocess.Popen(
            [sys.executable, "manage.py", "migrate"],
            env={**os.environ, **old_office.env},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # While one transaction holds the table that is to be changed, all others go on.
        wait_for(lambda: told.read_text().count("trying again") > 1, what="the table in use")
        written = [thread.written for thread in threads]
        wait_for(lambda: all(t.written > n for t, n in zip(threads, written, strict=True)))
        assert migrate.poll() is None
        holder.rollback()
        assert migrate.wait(size(150, 3600)) == 0, told.read_text()
        took = time.monotonic() - began
    assert [thread.error for thread in threads if thread.error] == []
    slowest = max(threads, key=lambda thread: thread.longest)
    figures = f"longest write {slowest.longest:.2f} s ({slowest.table}), migrated in {took:.0f} s"
    row("upgrades", f"{len(LARGE)} tables of {ROWS:,} rows", figures=figures)
    assert all(thread.written for thread in threads)
    assert slowest.longest <= LONGEST_SECONDS
    with psycopg.connect(url) as database:
        (keys,) = database.execute("SELECT count(name_key) FROM core_customer").fetchone()
    assert keys == ROWS

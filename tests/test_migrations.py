"""Changes of the schema: nobody waits for them, and the last release goes on beside the new one."""

import fcntl
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Q
from django.db.models.functions import Now, Random

from core.db import alone, online
from core.models import Customer, Order
from core.ops import auditing
from tests.migrating import RELEASED, RELEASED_COMMIT, faults, faults_of_all
from tests.office import ROOT

NUMBER = models.IntegerField(null=True)
UNIQUE = models.UniqueConstraint(fields=["oid"], condition=~Q(oid=""), name="once")
INDEX = models.Index(fields=["memo"], name="by_memo")


class Strange(migrations.operations.base.Operation):
    """Nobody knows what it does."""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass


@pytest.fixture(scope="module")
def released() -> ProjectState:
    return MigrationLoader(None).project_state(("core", RELEASED))


def told(state: ProjectState, *operations: Any, atomic: bool = True) -> str:
    migration = migrations.Migration("0099_trial", "core")
    migration.operations, migration.atomic = list(operations), atomic
    return "\n".join(faults(migration, state))


def test_no_migration_since_the_release_keeps_writers_waiting():
    assert faults_of_all() == []


@pytest.mark.parametrize(
    ("operation", "advice"),
    [
        (migrations.AddIndex("order", INDEX), "core.db.online.AddIndex"),
        (migrations.AddConstraint("order", UNIQUE), "core.db.online.AddConstraint"),
        (migrations.RunPython(migrations.RunPython.noop), "core.db.online.ChangeRows"),
        (migrations.RunSQL("UPDATE core_order SET memo = ''"), "core.db.online.ChangeRows"),
        (migrations.AddField("order", "x", models.IntegerField(default=0)), "db_default"),
        (
            migrations.AddField("order", "x", models.FloatField(db_default=Random())),
            "for each row",
        ),
        (migrations.AddField("order", "x", models.UUIDField(null=True, unique=True)), "AddIndex"),
        (migrations.AlterField("order", "count", models.BigIntegerField()), "add a column"),
        (migrations.AlterField("order", "start_date", models.DateTimeField()), "writes NULL"),
        (migrations.AlterField("order", "memo", models.CharField(max_length=9)), "add a column"),
        (migrations.RemoveField("order", "memo"), "in the next"),
        (migrations.RenameField("order", "memo", "note"), "in the next"),
        (migrations.RenameModel("Order", "Sale"), "in the next"),
        (migrations.DeleteModel("Breaker"), "in the next"),
        (online.AddIndex("order", INDEX), "atomic = False"),
        (Strange(), "nobody has said"),
    ],
)
def test_what_would_stop_writers_is_refused_with_what_to_do(released, operation, advice):
    assert advice in told(released, operation)


def test_what_stops_nobody_is_let_through(released):
    moment = models.DateTimeField(db_default=Now())
    assert not told(
        released,
        migrations.AddField("order", "x", NUMBER),
        migrations.AddField("order", "y", models.CharField(max_length=9, db_default="")),
        migrations.AddField("order", "z", moment),
        migrations.AddIndex("site", models.Index(fields=["name"], name="small")),
        migrations.RunSQL("SELECT 1", hints={"quick": "nothing at all"}),
    )
    beside = online.AddIndex("order", INDEX), online.AddConstraint("order", UNIQUE)
    assert not told(released, *beside, atomic=False)


def test_a_new_table_is_nobodys_yet(released):
    key = models.BigAutoField(primary_key=True)
    new = migrations.CreateModel("Fresh", [("id", key), ("memo", models.TextField())])
    index = migrations.AddIndex("fresh", models.Index(fields=["memo"], name="fresh_memo"))
    assert not told(released, new, index)


def test_many_tables_are_not_held_at_once(released):
    tables = ("order", "customer", "ledgerentry", "message")
    operations = [migrations.AddField(name, "x", NUMBER) for name in tables]
    assert "change 3 tables" in told(released, *operations)
    assert not told(released, *operations, atomic=False)


def needed_of_old_release(state: ProjectState) -> list[str]:
    """Columns that it does not know and has to fill, and those that it misses."""
    found = []
    with connection.cursor() as cursor:
        for model in state.apps.get_models():
            if model._meta.app_label != "core" or model._meta.proxy:
                continue
            table = model._meta.db_table
            known = {field.column for field in model._meta.local_concrete_fields}
            columns = connection.introspection.get_table_description(cursor, table)
            found += [
                f"{table}.{column.name} is neither NULL nor has it a default in the database"
                for column in columns
                if column.name not in known and not column.null_ok and column.default is None
            ]
            gone = known - {column.name for column in columns}
            found += [f"{table}.{name} is gone" for name in sorted(gone)]
    return found


def test_the_release_before_inserts_rows_on_sqlite(db, released):
    assert needed_of_old_release(released) == []


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_the_release_before_inserts_rows_on_postgresql(office, released):
    assert needed_of_old_release(released) == []


def test_what_the_release_before_would_miss_is_found(db, released):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_order RENAME COLUMN memo TO note")
    assert "core_order.memo is gone" in needed_of_old_release(released)


@pytest.fixture(scope="module")
def old_code(tmp_path_factory) -> Path:
    """The release before, as the history has it."""
    git = ("git", "-C", str(ROOT), "archive", RELEASED_COMMIT)
    try:
        archive = subprocess.run(git, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this clone does not hold the last release")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


SELL = """
from decimal import Decimal
import django
django.setup()
from core.models import Order
from tests.base import an_order
order = an_order()
assert Order.objects.get(pk=order.pk).customer.balance == Decimal(9)
"""


def test_the_code_of_the_release_before_sells_and_reads_on_the_new_schema(office, old_code):
    env = {**os.environ, **office.env, "DJANGO_SETTINGS_MODULE": "office.settings"}
    for program in (("-c", SELL), ("manage.py", "check_ledger")):
        done = subprocess.run(
            [sys.executable, *program], cwd=old_code, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    order = Order.objects.get()
    Customer.objects.give_keys()  # to those of a version that knows none
    assert order.customer == Customer.objects.named("ERIN")
    assert list(auditing.differences()) == []


def held_elsewhere(office) -> Callable[[], None]:
    """Another process migrates; what is returned ends that."""
    if office.kind == "postgresql":
        other = psycopg.connect(office.env["DATABASE_URL"])
        other.execute("SELECT pg_advisory_xact_lock(%s)", [alone.NUMBER])
        return other.close
    descriptor = os.open(office.data_dir, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return lambda: os.close(descriptor)


def test_two_that_migrate_at_once_wait_for_each_other(office):
    out = io.StringIO()
    threading.Timer(1.0, held_elsewhere(office)).start()
    call_command("migrate", verbosity=0, stdout=out)
    assert out.getvalue() == "Another migrate is at work; waiting for its end.\n"
    call_command("init_office", stdout=out)
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_a_database_that_has_no_place_for_all_names_is_refused_before_anything_is_in_it(office):
    server, _, name = office.env["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as outside:
        outside.execute(
            f"CREATE DATABASE {name}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
    office.env["DATABASE_URL"] += "_latin"
    done = office.manage("init_office", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "The database keeps texts as LATIN1" in done.stderr and done.stderr.count("\n") == 1

"""A database that stops, restarts or only reads: pages and commands say so, and work at once when
it is back."""

import json
import os
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.db.utils import DatabaseErrorWrapper
from django.test import Client

from core.db.outages import is_down, is_read_only
from core.models import Customer, Order, User
from core.ops import alerts
from office.settings import POSTGRESQL_OPTIONS
from tests.desk import Desk
from tests.office import wait_for
from tests.queues import FEW, press_save, saved, sell_few
from tests.test_alerts import Hook


@pytest.fixture
def database(office):
    """The people and the site are the office's."""


on_postgresql = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


def tell_server(office, *commands: str) -> None:
    """From outside of the office: the server's own database, which nobody else uses."""
    outside = office.env["DATABASE_URL"].rpartition("/")[0] + "/postgres"
    with psycopg.connect(outside, autocommit=True) as server:
        for command in commands:
            server.execute(command)


def name_of(office) -> str:
    return office.env["DATABASE_URL"].rpartition("/")[2]


def cut_connections(office) -> None:
    tell_server(
        office,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        f"'{name_of(office)}'",
    )


def let_it_only_read(office) -> None:
    """As after a failover that left the office at the former primary."""
    tell_server(office, f"ALTER DATABASE {name_of(office)} SET default_transaction_read_only = on")
    cut_connections(office)
    connection.close()


def let_it_write(office) -> None:
    """Connections of before stay as they are."""
    tell_server(office, f"ALTER DATABASE {name_of(office)} RESET default_transaction_read_only")
    connection.close()


def restart(office, postgres) -> None:
    postgres.restart()


def cut(office, postgres) -> None:
    cut_connections(office)


@on_postgresql
@pytest.mark.parametrize("harm", [restart, cut])
def test_connections_that_the_server_closed_fail_no_page(office, postgres, alice, harm):
    desk = Desk(office.web().url, alice)

    def statuses(number: int) -> set[int]:
        with ThreadPoolExecutor(8) as browsers:
            pages = browsers.map(desk.get, ["/admin/core/order/"] * number)
            return {page.status_code for page in pages}

    assert statuses(24) == {200}
    harm(office, postgres)
    assert statuses(20) == {200}
    connection.close()


@on_postgresql
def test_a_database_that_only_reads_is_told_and_written_at_once_when_it_may_be(
    office, site, alice, erin, demo_site
):
    web = office.web()
    desk = Desk(web.url, alice)
    let_it_only_read(office)
    assert desk.get("/admin/core/order/").status_code == 200
    for _ in range(3):
        refused = desk.post("/admin/core/customer/add/", {"username": "frank"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    let_it_write(office)
    assert not Customer.objects.filter(username="frank").exists()
    # All connections of the pool were opened while it only read.
    saved(desk, erin, demo_site)
    assert "Traceback" not in web.log()


@on_postgresql
def test_an_order_is_not_saved_while_the_database_only_reads(office, site, desk, erin, demo_site):
    let_it_only_read(office)
    assert press_save(desk, erin, demo_site).status_code == 503
    let_it_write(office)
    assert not Order.objects.exists()
    saved(desk, erin, demo_site)


@on_postgresql
def test_what_postgresql_says_of_a_server_that_only_reads_is_told_from_our_own_errors(office):
    cursor = connection.cursor()
    with pytest.raises(InternalError) as read_only, transaction.atomic():
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("UPDATE core_customer SET memo = ''")
    assert is_down(read_only.value) and is_read_only(read_only.value)
    with pytest.raises(InternalError) as aborted, transaction.atomic():
        with pytest.raises(DatabaseError) as unknown:
            cursor.execute("SELECT nothing")
        cursor.execute("SELECT 1")
    assert not is_down(aborted.value) and not is_down(unknown.value)


@on_postgresql
def test_a_transaction_that_the_server_ended_as_it_was_silent_is_the_databases(office):
    with pytest.raises(DatabaseError) as ended, transaction.atomic():
        cursor = connection.cursor()
        cursor.execute("SET idle_in_transaction_session_timeout = 50")
        time.sleep(0.5)
        cursor.execute("SELECT 1")
    assert is_down(ended.value) and not is_read_only(ended.value)
    connection.close()


@on_postgresql
def test_a_host_and_its_database_do_not_wait_for_each_other_for_ever(office):
    """Neither with rows locked, nor for an answer over a network that carries nothing."""
    [silence] = told_of(office, "idle_in_transaction_session_timeout")
    with (
        psycopg.connect(**settings_of(office)) as connected,
        socket.socket(fileno=os.dup(connected.fileno())) as wire,
    ):
        unheard = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        idle = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    assert (silence, unheard, idle) == ("20s", 20_000, 10)


@on_postgresql
def test_what_a_server_was_set_to_otherwise_changes_nothing(office):
    others = {
        "default_transaction_isolation": "serializable",
        "statement_timeout": "1s",
        "lock_timeout": "1ms",
        "standard_conforming_strings": "off",
        "DateStyle": "German",
        "IntervalStyle": "iso_8601",
    }
    database = name_of(office)
    tell_server(office, *(f"ALTER DATABASE {database} SET {n} = '{v}'" for n, v in others.items()))
    found = told_of(office, *others)
    assert found == ["read committed", "0", "0", "on", "ISO, MDY", "postgres"]
    office.env["DATABASE_POOL"] = "on"
    names = ("lock_timeout", "statement_timeout", "search_path")
    assert told_of(office, *names) == ["10s", "0", '"$user", public']
    said = "-c%20search_path%3Doffice%20-c%20Lock_Timeout%3D3s"
    office.env["DATABASE_URL"] += f"?options={said}"
    assert told_of(office, *names) == ["3s", "0", "office"]


def told_of(office, *names: str) -> list[str]:
    """What a connection of the office's own processes was told."""
    program = "import json; from django.db import connection; c = connection.cursor()\n"
    program += f"print(json.dumps([c.execute('SHOW ' + n).fetchone()[0] for n in {names}]))"
    done = office.manage("shell", "--no-imports", "-c", program)
    return json.loads(done.stdout.splitlines()[-1])


def settings_of(office) -> dict:
    """As the office's own processes connect."""
    program = "import json; from django.db import connection; "
    program += "print(json.dumps(connection.get_connection_params(), default=str))"
    done = office.manage("shell", "--no-imports", "-c", program)
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: found[name] for name in ("host", "port", "user", "dbname", *POSTGRESQL_OPTIONS)}


def test_of_sqlites_errors_a_file_that_is_none_is_the_databases(tmp_path):
    (tmp_path / "file").write_text("no database at all. " * 100)
    with pytest.raises(DatabaseError) as damaged, DatabaseErrorWrapper(connection):
        sqlite3.connect(tmp_path / "file").execute("select 1 from sqlite_master")
    assert type(damaged.value) is DatabaseError
    assert is_down(damaged.value) and not is_read_only(damaged.value)


def test_rows_that_may_not_be_are_our_own_error(db):
    Customer.objects.create(username="erin")
    with pytest.raises(IntegrityError) as twice, transaction.atomic():
        Customer.objects.create(username="erin")
    assert not is_down(twice.value)
    gone = User(pk=7, username="gone")
    with pytest.raises(DatabaseError) as lost:
        gone.save(update_fields=["username"])
    assert not is_down(lost.value)
    assert not is_down(ValueError("no")) and not is_down(None)


class LostDatabase:
    """After the view, where its session is saved."""

    error: Exception = OperationalError("server closed the connection unexpectedly")

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        self.get_response(request)
        raise self.error


class OurMistake(LostDatabase):
    error = ZeroDivisionError("division by zero")


@pytest.mark.parametrize("path", ["/admin/login/", "/portal/login/"])
@pytest.mark.parametrize(("lost", "status"), [(LostDatabase, 503), (OurMistake, 500)])
def test_a_database_that_is_lost_around_a_view_is_told_as_well(db, settings, path, lost, status):
    settings.MIDDLEWARE = [f"{__name__}.{lost.__name__}", *settings.MIDDLEWARE]
    answer = Client(raise_request_exception=False).get(path)
    assert (answer.status_code, answer.get("Retry-After")) == (
        status,
        "5" if status == 503 else None,
    )


@on_postgresql
def test_a_command_says_in_one_line_that_the_database_is_down(office):
    office.env["DATABASE_URL"] = "postgresql://postgres@127.0.0.1:1/office"
    for command in (["sweep"], ["migrate"], ["init_office"]):
        done = office.manage(*command, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("booster office: the database cannot be used: ")
        assert done.stderr.count("\n") == 1


@on_postgresql
def test_commands_say_in_one_line_what_an_empty_database_lacks(office):
    name, before = f"{name_of(office)}_empty", office.env["DATABASE_URL"]
    tell_server(office, f"CREATE DATABASE {name}", f"CREATE ROLE {name} LOGIN")
    office.env["DATABASE_URL"] += "_empty"
    done = office.manage("check_ledger", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "run manage.py init_office (" in done.stderr
    told = office.manage("doctor", check=False).stdout.splitlines()
    assert all(line.startswith(("OK", "WARNING", "CRITICAL")) for line in told)
    assert "run manage.py init_office (" in told[0]
    consumer = office.consumer()
    lacks = "the sweep failed; it is tried again: the database is not migrated: run manage.py init"
    wait_for(lambda: lacks in consumer.log(), 20, "a line")
    consumer.terminate(timeout=25)
    with psycopg.connect(office.env["DATABASE_URL"], autocommit=True) as server:
        server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as it is from 15 on
    office.env["DATABASE_URL"] = office.env["DATABASE_URL"].replace("postgres@", f"{name}@")
    done = office.manage("init_office", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "DATABASE_URL" in done.stderr and "permission denied for schema" in done.stderr
    office.env["DATABASE_URL"] = before
    tell_server(office, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


@on_postgresql
def test_a_consumer_of_a_database_that_only_read_goes_on_when_it_may_write(
    office, site, desk, erin, demo_site
):
    sell_few()
    order = saved(desk, erin, demo_site, FEW)
    let_it_only_read(office)
    consumer = office.consumer()
    time.sleep(3)
    let_it_write(office)
    cut_connections(office)
    connection.close()
    deadline = time.monotonic() + 60
    while not order.is_final and time.monotonic() < deadline:
        time.sleep(0.2)
        order.refresh_from_db()
    assert order.is_final
    assert "died" not in consumer.log()


@on_postgresql
def test_doctor_says_that_rows_cannot_be_written_and_changes_none(office):
    def told() -> str:
        return next(line for line in said().splitlines() if " database " in line)

    def said() -> str:
        return office.manage("doctor", check=False).stdout

    assert told().startswith("OK")
    let_it_only_read(office)
    assert told().startswith("CRITICAL") and "read-only" in told()
    let_it_write(office)
    assert told().startswith("OK")


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_doctor_says_that_a_disk_is_full_also_where_pages_can_be_read(office):
    Customer.objects.count()  # what SQLite keeps beside its file is there
    code = (
        "import resource, sys, manage\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))\n"
        "sys.argv = ['manage.py', 'doctor']\n"
        "manage.main()"
    )
    first, second = office.run("-c", code).stdout.splitlines()[:2]
    assert first.startswith("CRITICAL  database")
    assert "sign of life" in second


@on_postgresql
def test_people_are_told_by_the_web_that_the_database_cannot_be_used_and_when_it_can(
    office, settings, monkeypatch
):
    """It says else who tells: here nobody can write down that he does."""
    monkeypatch.setattr(alerts, "PATIENCE", timedelta(0))
    with Hook() as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        settings.ALERT_WEBHOOK = hook.url

        def watch() -> None:
            monkeypatch.setattr(alerts, "_next_at", 0.0)
            alerts.watch_sometimes()
            wait_for(lambda: not alerts._watching.locked())

        let_it_only_read(office)
        for _ in range(3):
            watch()
        assert hook.told == [("firing", "database")]
        assert "read-only" in hook.got[0]["text"]
        let_it_write(office)
        for _ in range(3):
            watch()
        # What else it has to tell, such as that there is no consumer, it tells now.
        assert [told for told in hook.told if told[1] == "database"][1:] == [
            ("resolved", "database")
        ]
        hook.shutdown()

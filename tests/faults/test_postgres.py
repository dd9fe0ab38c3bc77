"""PostgreSQL stopped, killed and its connections cut, while orders are sold and delivered."""

import time
import uuid
from collections.abc import Callable

import psycopg
import pytest
from django.db import connections

from core.db.outages import DATABASE_ERRORS, is_down
from core.models import Order
from core.ordering.placing import AlreadyPlacedError
from tests.base import placed
from tests.faults.trial import LONG, VIDEOS, Trial, size
from tests.office import wait_for
from tests.services import PostgresServer


def fast_stop(server: PostgresServer) -> None:
    server.stop("fast")
    time.sleep(1)
    server.start()


def immediate_stop(server: PostgresServer) -> None:
    server.stop("immediate")
    server.start()


def kill(server: PostgresServer) -> None:
    server.kill()
    server.start()


def cut(server: PostgresServer) -> None:
    """Every connection of every program."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


HARMS = [fast_stop, immediate_stop, kill, cut]


def place_stubbornly(trial: Trial) -> None:
    """Like staff who press Save again until it works; the form's key makes it one order."""
    key, video, customer = uuid.uuid4(), f"v{next(VIDEOS)}", trial.dice.choice(trial.customers)
    for _ in range(100):
        try:
            placed(customer, trial.site, video, count=300, price="3.33", request_key=key)
        except AlreadyPlacedError:
            return
        except DATABASE_ERRORS as error:
            if not is_down(error):
                raise
            connections["default"].close()
            time.sleep(0.1)
        else:
            return
    pytest.fail("the database did not come back")


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
@pytest.mark.parametrize("harms", [[harm] * 50 for harm in HARMS] if LONG else [HARMS])
def test_a_database_in_trouble_loses_nothing(
    trial, row, postgres, harms: list[Callable[[PostgresServer], None]]
):
    trial.use_site(rate=1000)
    for _ in range(2):
        trial.consumer(wait=False)
    for harm in harms:
        for _ in range(size(6, 10)):
            place_stubbornly(trial)
        time.sleep(trial.dice.uniform(0.5, 2))
        harm(postgres)
        for _ in range(2):
            place_stubbornly(trial)
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    names = ", ".join(dict.fromkeys(harm.__name__ for harm in harms))
    row("postgres", f"{names}: {len(harms)} times", verdict)
    assert verdict.broken == []


def say(server: PostgresServer, *commands: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


def let_server_only_read(server: PostgresServer, database: str) -> None:
    say(server, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")


def let_server_write(server: PostgresServer, database: str) -> None:
    # To reload its settings, a session has to begin no transaction.
    say(server, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


def let_database_only_read(server: PostgresServer, database: str) -> None:
    """As after a failover that left the office at the former primary."""
    say(server, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    cut(server)


def let_database_write(server: PostgresServer, database: str) -> None:
    """Connections of before go on reading only: they have to be dropped."""
    say(server, f"ALTER DATABASE {database} RESET default_transaction_read_only")


READ_ONLY = {
    "the server": (let_server_only_read, let_server_write),
    "the database": (let_database_only_read, let_database_write),
}


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
@pytest.mark.parametrize("what", READ_ONLY)
def test_a_database_that_only_reads_for_a_while_loses_nothing(trial, row, postgres, what):
    only_read, write = READ_ONLY[what]
    database = trial.office.env["DATABASE_URL"].rpartition("/")[2]
    trial.use_site(rate=600)
    consumers = [trial.consumer() for _ in range(2)]
    longest = 0.0
    for _ in range(size(1, 20)):
        for _ in range(size(6, 10)):
            place_stubbornly(trial)
        wait_for(lambda: Order.objects.open().filter(done__gt=0).exists(), what="plays")
        only_read(postgres, database)
        try:
            # Longer than a lease.
            time.sleep(trial.dice.uniform(4, 6))
        finally:
            write(postgres, database)
        connections["default"].close()
        done = [*Order.objects.open().values_list("pk", "done")]
        began = time.monotonic()
        wait_for(
            lambda done=done: [*Order.objects.open().values_list("pk", "done")] != done,
            30,
            "plays after it writes again",
        )
        longest = max(longest, time.monotonic() - began)
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    tried = f"{what} {size(1, 20)} times"
    row("read-only", tried, verdict, f"resumed within {longest:.1f} s")
    assert verdict.broken == []
    assert all(consumer.running for consumer in consumers)

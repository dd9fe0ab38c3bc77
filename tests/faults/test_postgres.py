"""PostgreSQL stopped, killed and its connections cut, while orders are sold and delivered."""

import time
import uuid
from collections.abc import Callable

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connections

from core.ordering import AlreadyPlacedError
from tests.base import placed
from tests.faults.trial import LONG, VIDEOS, Trial, size
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
        except (OperationalError, InterfaceError):
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
    trial.wait_for_the_end(size(60, 600))
    verdict = trial.verdict()
    names = ", ".join(dict.fromkeys(harm.__name__ for harm in harms))
    row("postgres", f"{names}: {len(harms)} times", verdict)
    assert verdict.broken == []

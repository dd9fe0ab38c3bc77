"""Rows that somebody else keeps locked: a large import, or a session of a person's own.
Whatever does not need them goes on."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db.models.functions import Now

from booster import worker
from core.models import Heartbeat, Order, Site, Status
from tests.faults.trial import Trial
from tests.office import wait_for


@pytest.fixture
def database(office):
    """The people are the office's."""


pytestmark = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return Trial(office, demo_site, random.Random(1))


@pytest.fixture
def working(monkeypatch) -> Iterator[None]:
    """A worker in threads of this process."""
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.3, raising=False)
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(worker, "JITTER_SECONDS", 0.1)
    one = worker.Worker(lambda: True)
    one.start()
    yield
    one.stop()


@contextmanager
def locked(office, *rows) -> Iterator[None]:
    """From outside."""
    with psycopg.connect(office.env["DATABASE_URL"]) as other:
        for row in rows:
            table = row._meta.db_table
            other.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [row.pk])
        yield


def status(order: Order) -> int:
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def test_orders_whose_rows_are_locked_hold_no_other_up(office, trial, working, caplog):
    Site.objects.update(max_rate=1000)
    trial.customers = trial.customers[:1]
    refunded = trial.place(wake=False)
    Order.objects.filter(pk=refunded.pk).update(due=Now() + timedelta(hours=1))
    trial.customers = [trial.customer("beside", "100")]
    long, beside = trial.place(100_000), trial.place(100, wake=False)
    wait_for(lambda: Order.objects.get(pk=long.pk).done > 0, what="plays of the long one")
    with locked(office, long, refunded.customer):
        rows = Order.objects.filter(pk=refunded.pk)
        rows.update(status=Status.RUNNING, cancel_requested=True, due=Now())
        wait_for(lambda: status(beside) == Status.COMPLETED, what="an order beside them")
        wait_for(lambda: "put off" in caplog.text, what="the one that is canceled")
        assert status(refunded) == status(long) == Status.RUNNING
    rows.update(due=Now())
    wait_for(lambda: status(refunded) == Status.CANCELED, what="its refund")
    refunded.refresh_from_db()
    assert (refunded.attempts, refunded.refunded) == (0, refunded.price)
    assert Heartbeat.objects.alive().count() == 1
    assert "Traceback" not in caplog.text

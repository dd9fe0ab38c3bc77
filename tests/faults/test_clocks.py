"""Consumers whose clocks are wrong: leases go by the database's clock, deadlines by monotonic."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from core.db import clock as database_clock
from core.models import Order, leases
from tests.faults.guards import take_away
from tests.faults.trial import Trial, on, size

HOUR = 3600.0


@on("postgresql")
def test_clocks_an_hour_off_lose_nothing(trial: Trial, row):
    trial.use_site(rate=1000)
    for clock in (-HOUR, HOUR, 0):
        trial.consumer(clock=clock, lease=None, wait=False)
    trial.place_many(size(9, 300))
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    takeovers = sum(order.fence for order in Order.objects.all())
    row("clocks", "-1 h and +1 h", verdict, f"{takeovers} claims")
    assert verdict.broken == []
    assert verdict.resent == 0


@on("postgresql")
@pytest.mark.parametrize("clock", [-HOUR, HOUR])
def test_orders_begin_and_end_by_the_databases_clock(trial: Trial, row, clock):
    trial.use_site(rate=1000)
    trial.consumer(clock=clock, lease=None, hurry=False)
    before = database_clock.now()
    orders = trial.place_many(size(5, 100))
    trial.wait_for_the_end(size(240, 300))
    verdict = trial.verdict()
    after = database_clock.now()
    wrong = [
        order.oid
        for order in Order.objects.filter(pk__in=[order.pk for order in orders])
        if not before <= order.start_date <= order.end_date <= after
    ]
    row("clocks", f"{clock / HOUR:+.0f} h alone", verdict, f"{len(wrong)} wrong dates")
    assert verdict.broken == []
    assert wrong == []


@on("postgresql")
def test_with_leases_by_its_own_clock_a_consumer_that_is_ahead_takes_what_others_hold(
    trial, control
):
    """The control."""
    order = trial.place(wake=False)
    assert leases.claim("owner:1", 1)

    def steal() -> None:
        time_machine.travel(timezone.now() + timedelta(seconds=HOUR)).start()
        assert leases.claim("thief:1", 1) == []
        take_away(["database_clock"])
        assert leases.claim("thief:1", 1) == []

    assert trial.in_child(steal) == 1
    order.refresh_from_db()
    assert order.fence == 2
    control("leases by the database's clock", f"claimed {order.fence} times at once")

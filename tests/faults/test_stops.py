"""Deploys: consumers asked to stop give everything back in time, and nothing is sent again."""

import time

import pytest

from core.models import Order
from tests.faults.trial import READY, on, size
from tests.office import wait_for

EXITS_WITHIN = 25.0


@on("postgresql")
def test_rolling_restarts_lose_nothing_and_send_nothing_again(trial, row):
    trial.use_site(rate=700)
    consumers = [trial.consumer(lease=None, hurry=False, wait=False) for _ in range(2)]
    for consumer in consumers:
        consumer.wait_for_line(READY)
    trial.place_many(size(6, 600), 400)
    slowest, restarts, statuses = 0.0, 0, set()
    for _ in range(size(2, 60)):
        time.sleep(size(1, 5))
        leaving = consumers.pop(0)
        began = time.monotonic()
        statuses.add(leaving.terminate(timeout=60))
        slowest = max(slowest, time.monotonic() - began)
        restarts += 1
        # An order that nobody works on has nothing on the wire.
        waiting = [order for order in Order.objects.open() if order.lease_until is None]
        assert [order.in_flight for order in waiting] == [0] * len(waiting)
        consumers.append(trial.consumer(lease=None, hurry=False))
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    row("stops", f"{restarts} SIGTERMs", verdict, f"slowest exit {slowest:.1f} s")
    assert verdict.broken == []
    assert (statuses, verdict.resent) == ({0}, 0)
    assert slowest <= EXITS_WITHIN


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_hueys_own_stop_leaves_orders_leased_with_plays_on_the_wire(trial, control):
    """The control."""
    trial.use_site(rate=200)
    consumer = trial.consumer(lease=None, guards_off=["graceful_stop"])
    order = trial.place(2000)
    wait_for(lambda: Order.objects.filter(done__gt=0).exists())
    consumer.terminate(timeout=30)
    order.refresh_from_db()
    assert order.lease_until is not None
    assert order.in_flight > 0
    control("graceful stop", f"{order.in_flight} plays on the wire and leased")

"""A round drives many orders: what befalls it befalls them all, and none may pay for another."""

import itertools
import socket
import time
from datetime import timedelta

import psutil
import pytest
from django.db.models import F
from huey.contrib.djhuey import HUEY
from huey.registry import Message

from booster import retry
from core.db import clock
from core.models import Order, Status
from core.models.failpoints import POINTS
from office.queue import SignedMessages
from tests import rounds as deliveries
from tests.faults.oracle import reckon
from tests.faults.trial import LONG, Trial, on, size
from tests.office import KINDS, wait_for
from tests.processes import Process

KILLED = -9
ORDERS = size(30, 200)
# More than a first window: a counter that never moved would be waited for, for hours.
PLAYS = 150
DYING = POINTS[POINTS.index("before-claim") : POINTS.index("after-settle") + 1]
REFUNDING = ("before-refund", "after-refund")
# How often a round of 30 orders passes a point at least.
PASSES = {"on-the-wire": 4, "before-reserve": 3, "before-checkpoint": 3, "before-verify": 40}
PASSES |= {"after-reserve": 3, "after-checkpoint": 3, "after-verify": 40}
# With the lease of production in the long form.
LEASE = size(3.0, 30.0)
# The short form shares its machine with other tests.
TAKEN_OVER_WITHIN = size(15.0, 35.0)
FIRST_PLAY_WITHIN = size(10.0, 1.0)


def deliver_all() -> None:
    """What a worker does with all there is, without the waiting between."""
    deadline = time.monotonic() + 120
    while Order.objects.open().exists():
        if time.monotonic() > deadline:
            raise TimeoutError("orders do not end")
        deliveries.deliver()
        Order.objects.open().update(due=F("create_date"))


@pytest.mark.parametrize(
    ("office", "keys"),
    list(itertools.product(KINDS, [True, False]))
    if LONG
    else list(zip(KINDS, [True, False], strict=True)),
    indirect=["office"],
)
def test_a_round_that_dies_is_taken_over_without_a_lost_play(trial: Trial, row, keys, monkeypatch):
    monkeypatch.setattr(retry, "TROUBLE_PATIENCE", timedelta(0))  # what a site answers is final
    trial.use_site(keys=keys, rate=4000, resend_percent=100)
    crashes = failed = 0
    # Without keys what was refused in a round that died is known to the counter alone, later.
    points = [point for point in DYING if keys or point not in REFUNDING]
    for point in points:
        orders = trial.place_many(ORDERS, PLAYS, wake=False)
        refused = trial.dice.sample(orders, ORDERS // 10 if keys else 0)
        for order in refused:
            trial.demo_site.fault("plays", "status", video=order.video_id, status=403)
        times = trial.dice.randint(1, PASSES.get(point, 1))
        crashes += trial.in_child(deliver_all, crash_at=f"{point}:{times}") == KILLED
        # As soon as the leases have run out.
        Order.objects.open().filter(lease_until__isnull=False).update(lease_until=F("create_date"))
        Order.objects.open().update(due=F("create_date"))
        assert trial.in_child(deliver_all) == 0
        failed += sum(trial.demo_site.plays(order.oid) == 0 for order in refused)
        trial.demo_site.clear()
    verdict = trial.verdict(all_completed=False)
    kind = "with" if keys else "without"
    row("rounds", f"{crashes} rounds of {ORDERS} orders, {kind} keys", verdict)
    assert verdict.broken == []
    assert verdict.ended["completed"] == verdict.orders - failed
    assert verdict.ended["failed"] == failed
    assert crashes == len(points)
    assert failed == (len(points) * (ORDERS // 10) if keys else 0)


def names_of(consumer: Process) -> list[str]:
    """Under which its rounds hold orders."""
    workers = psutil.Process(consumer.pid).children(recursive=True)
    return [f"{socket.gethostname()[:150]}:{worker.pid}" for worker in workers]


def held_by(names: list[str]) -> dict[int, int]:
    """Orders, each with its fence."""
    held = Order.objects.open().filter(holder__in=names, lease_until__gt=clock.now())
    return dict(held.values_list("pk", "fence"))


def seconds_until_taken_over(fences: dict[int, int]) -> float:
    """Until others hold every one of these orders, or have ended it."""
    began = time.monotonic()

    def is_left() -> bool:
        rows = Order.objects.open().filter(pk__in=fences).values_list("pk", "fence")
        return any(fence == fences[pk] for pk, fence in rows)

    wait_for(lambda: not is_left(), 4 * TAKEN_OVER_WITHIN, "the takeover")
    return time.monotonic() - began


@on("postgresql")
def test_whatever_waits_all_orders_of_a_killed_consumer_are_taken_over_in_time(trial, row):
    trial.use_site(rate=size(400, 1000))
    consumers = [trial.consumer(lease=LEASE, hurry=False) for _ in range(2)]
    longest, taken = 0.0, 0
    for _ in range(size(1, 2)):
        # Who is left takes over all there is: a new consumer needs new orders.
        trial.place_many(size(100, 2000), 100)
        victim = consumers.pop(trial.dice.randrange(2))
        names = names_of(victim)
        wait_for(lambda names=names: len(held_by(names)) >= 5, what="orders to hold")
        victim.kill()
        fences = held_by(names)
        longest = max(longest, seconds_until_taken_over(fences))
        taken += len(fences)
        consumers.append(trial.consumer(lease=LEASE, hurry=False))
    trial.wait_for_the_end(size(240, 900))
    verdict = trial.verdict()
    figures = f"{taken} orders taken over within {longest:.1f} s of the kill"
    row("takeover", f"{verdict.orders} orders, lease {LEASE:.0f} s", verdict, figures)
    assert verdict.broken == []
    assert taken > 0
    assert longest <= TAKEN_OVER_WITHIN


def seconds_to_first_play(trial: Trial, order: Order) -> float:
    began = time.monotonic()
    wait_for(lambda: trial.demo_site.plays(order.oid) > 0, what="the first play")
    return time.monotonic() - began


@on("sqlite", "postgresql")
def test_messages_of_another_key_hold_no_order_up(trial, row):
    message = SignedMessages(["of somebody else"]).serialize(Message("1", "deliver_order"))
    consumer = trial.consumer(lease=None, hurry=False)
    slowest = 0.0
    for _ in range(size(1, 20)):
        for _ in range(40):
            HUEY.storage.enqueue(message)
        slowest = max(slowest, seconds_to_first_play(trial, trial.place(30)))
    trial.wait_for_the_end()
    verdict = trial.verdict()
    row("messages", f"{40 * size(1, 20)} messages", verdict, f"first play after {slowest:.2f} s")
    assert verdict.broken == []
    # Each worker says the same at most once a minute.
    assert 0 < consumer.log().count("dropped") <= 40 * size(1, 20), consumer.tail()
    assert slowest <= FIRST_PLAY_WITHIN


@on("sqlite", "postgresql")
def test_a_small_order_beside_a_large_one_has_its_first_play_soon(trial, row):
    trial.use_site(rate=2000)
    trial.consumer(lease=None, hurry=False)
    large = trial.place(10_000_000)
    wait_for(lambda: Order.objects.get(pk=large.pk).done > 1000, what="the large order")
    slowest, small = 0.0, []
    for _ in range(size(3, 50)):
        order = trial.place(30)
        slowest = max(slowest, seconds_to_first_play(trial, order))
        small.append(order)
        time.sleep(trial.dice.uniform(0, 0.5))
    waiting = Order.objects.open().exclude(pk=large.pk)
    wait_for(lambda: not waiting.exists(), what="the end of the small ones")
    assert Order.objects.get(pk=large.pk).status == Status.RUNNING
    Order.objects.filter(pk=large.pk).update(cancel_requested=True)
    trial.wait_for_the_end()
    verdict = reckon(trial.demo_site, small)
    verdict.broken += trial.verdict(all_completed=False).broken
    tried = f"{len(small)} beside one of 10,000,000 plays"
    row("beside", tried, verdict, f"first play after {slowest:.2f} s")
    assert verdict.broken == []
    assert slowest <= FIRST_PLAY_WITHIN

"""The queue is a wake-up and never the truth: whatever becomes of it, the orders are delivered."""

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
import redis
from huey.contrib.djhuey import HUEY

from booster import tasks
from core import ordering
from core.models import Order
from core.ordering import Quote
from tests.faults.guards import take_away
from tests.faults.trial import LONG, VIDEOS, Trial, must_fail, size
from tests.office import KINDS, wait_for, working_in
from tests.processes import is_alive
from tests.services import RedisServer

# With the times of production in the long form: a sweep every 15 s, a lease of 30 s.
TIMES = {"lease": None, "hurry": False} if LONG else {}
RESUMED_WITHIN = 45
# What a save in the admin may take longer while Redis is in trouble.
SAVED_WITHIN = size(2.0, 1.0)  # seconds; the short form shares its machine with other tests


def test_tasks_delivered_five_times_reordered_and_partly_lost_change_nothing(trial, row):
    trial.use_site(rate=4000)
    orders = trial.place_many(size(10, 300), wake=False)
    wake_ups = [order.pk for order in orders for _ in range(5)]
    trial.dice.shuffle(wake_ups)
    lost = set(trial.dice.sample(range(len(wake_ups)), len(wake_ups) * 3 // 10))
    silent = set(trial.dice.sample(orders, len(orders) * 3 // 10))
    for number, order_id in enumerate(wake_ups):
        if number not in lost and order_id not in {order.pk for order in silent}:
            tasks.wake(order_id)
    for _ in range(2):
        trial.consumer(wait=False)
    stolen = 0
    deadline = time.monotonic() + size(60, 600)
    while Order.objects.open().exists() and time.monotonic() < deadline:
        stolen += trial.dice.random() < 0.3 and HUEY.storage.dequeue() is not None
        time.sleep(0.05)
    verdict = trial.verdict()
    row("tasks", f"{stolen} stolen from the queue", verdict)
    assert verdict.broken == []


def test_without_a_look_at_the_database_a_lost_message_is_a_lost_order(trial, control):
    """The control."""
    trial.consumer(guards_off=["look"])
    woken = trial.place()
    wait_for(lambda: not Order.objects.open().filter(pk=woken.pk).exists())
    trial.place(wake=False)
    trial.wait_for_the_end(5)
    verdict = trial.verdict()
    must_fail(verdict)
    control("look", verdict)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=KINDS if LONG else KINDS[:1])
def office(request, own_redis, new_office, django_db_blocker, settings):
    """An office whose queue is a Redis that nobody else uses."""
    office = new_office(request.param)
    office.env["REDIS_URL"] = own_redis.url
    settings.PRIVATE_SITES = (office.env["PRIVATE_SITES"],)
    with django_db_blocker.unblock(), working_in(office):
        yield office


def kill(server: RedisServer) -> None:
    server.kill()


def forget(server: RedisServer) -> None:
    server.flush()


def freeze(server: RedisServer) -> None:
    server.pause()


def fill(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)


def repair(server: RedisServer) -> None:
    server.resume()
    if not server.process.running:
        server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 0)


def save_an_order(trial: Trial) -> float:
    """What the admin does when staff press Save; the seconds it takes beyond a quote."""
    erin = trial.customer(f"erin-{time.monotonic_ns()}", "50.00")
    quote = Quote.prepare(erin, trial.demo_site.address(f"v{next(VIDEOS)}"), 10_000)
    began = time.monotonic()
    ordering.place(quote, None)
    return time.monotonic() - began


HARMS = [kill, forget, freeze, fill]


@pytest.mark.parametrize("harms", [[harm] * 5 for harm in HARMS] if LONG else [HARMS])
def test_redis_in_trouble_loses_no_order_and_fails_no_save(trial, row, own_redis, harms):
    trial.use_site(rate=8000)
    for _ in range(2):
        trial.consumer(wait=False, **TIMES)
    usual = save_an_order(trial)
    slowest, longest = 0.0, 0.0
    for harm in harms:
        trial.place_many(size(4, 30))
        wait_for(lambda: Order.objects.open().filter(done__gt=0).exists())
        harm(own_redis)
        slowest = max(slowest, save_an_order(trial) - usual)
        trial.place_many(3)
        time.sleep(size(2, 20))
        sent = sum(order.done for order in Order.objects.open())
        repair(own_redis)
        began = time.monotonic()
        wait_for(
            lambda sent=sent: (
                sum(order.done for order in Order.objects.open()) != sent
                or not Order.objects.open().exists()
            ),
            RESUMED_WITHIN,
            "plays after the repair",
        )
        longest = max(longest, time.monotonic() - began)
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    figures = f"resumed in {longest:.1f} s, a save took {slowest:.2f} s more"
    names = ", ".join(dict.fromkeys(harm.__name__ for harm in harms))
    row("redis", f"{names}: {len(harms)} times", verdict, figures)
    assert verdict.broken == []
    assert slowest <= SAVED_WITHIN


def test_orders_are_delivered_while_redis_is_down_all_the_time(trial, row, own_redis):
    own_redis.kill()
    slowest = max(save_an_order(trial) for _ in range(size(2, 20)))
    trial.place_many(size(6, 200))
    for _ in range(2):
        trial.consumer(wait=False, **TIMES)
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    row("redis", "down all the time", verdict, f"a save took {slowest:.2f} s")
    assert verdict.broken == []
    assert slowest <= SAVED_WITHIN


def test_without_a_robust_wake_up_redis_fails_the_save(trial, control, own_redis):
    """The control."""
    own_redis.kill()

    def save() -> None:
        take_away(["robust_wake"])
        save_an_order(trial)

    assert trial.in_child(save) == 1
    control("robust wake-up", "the save failed")


def test_a_worker_whose_consumer_was_killed_alone_stops(trial):
    """Nobody is left to stop it, and a new consumer brings workers of its own."""
    consumer = trial.consumer()
    wait_for(lambda: len(psutil.Process(consumer.pid).children()) == 3)
    left = psutil.Process(consumer.pid).children()
    os.kill(consumer.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, left)), what="the end of the workers")

"""A consumer that reaches its sites but not its database: it stops sending before its lease ends,
others take over, and it goes on by itself when it is heard again."""

import time
from collections.abc import Iterator

import pytest
from django.db.models import Max

from core.db import clock
from core.models import Order
from tests.faults.proxy import Proxy
from tests.faults.trial import LONG, Trial, must_fail, size
from tests.office import wait_for

LEASE = size(3.0, 30.0)
# The site becomes so slow as the network breaks that what is reserved lasts longer than a lease.
SLOW = size(0.5, 2.0)
# The database ends a transaction that says nothing for so long (the office's own settings: 20 s),
# and then a round has to look.
SILENCE = size(5, 20)
FREED_WITHIN = size(20.0, 25.0)

pytestmark = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


@pytest.fixture
def network(office, postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port) as proxy:
        yield proxy


def cut_off_consumer(trial: Trial, network: Proxy, **options):
    """One that reaches the database through the network."""
    address = trial.office.env["DATABASE_URL"]
    address = address.replace(f":{network_target(address)}/", f":{network.port}/")
    address += f"?options=-c%20idle_in_transaction_session_timeout={SILENCE}s"
    return trial.consumer("--workers=1", lease=LEASE, DATABASE_URL=address, **options)


def network_target(address: str) -> str:
    return address.rpartition("/")[0].rpartition(":")[2]


def plays(trial: Trial, orders: list[Order]) -> int:
    return sum(trial.demo_site.plays(order.oid) for order in orders)


def wait_for_plays(trial: Trial, orders: list[Order], number: int) -> None:
    wait_for(lambda: plays(trial, orders) >= number, what="plays")


def sent_after_the_lease(trial: Trial, orders: list[Order]) -> int:
    """Plays that arrive when the database's clock says that others may take over; those in flight
    have 0.2 s to be counted."""
    until = Order.objects.aggregate(Max("lease_until"))["lease_until__max"]
    wait_for(lambda: clock.now() >= until, 2 * LEASE, "the end of the lease")
    time.sleep(0.2)
    then = plays(trial, orders)
    time.sleep(LEASE)
    return plays(trial, orders) - then


# Where the site knows no play again, each that is sent beyond a lease is seen.
@pytest.mark.parametrize("keys", [True, False] if LONG else [False])
def test_a_consumer_cut_off_for_longer_than_its_lease_sends_nothing_beyond_it(
    trial, network, row, keys
):
    beyond = 0
    trial.use_site(keys=keys, rate=400, connections=4, resend_percent=100)
    for _ in range(size(1, 5)):
        consumer = cut_off_consumer(trial, network)
        orders = trial.place_many(3, 400)
        wait_for_plays(trial, orders, 150)
        trial.demo_site.fault("plays", "delay", seconds=SLOW)
        network.cut()
        beyond += sent_after_the_lease(trial, orders)
        trial.demo_site.clear()
        other = trial.consumer(lease=LEASE)
        waiting = Order.objects.open().filter(fence=1)
        wait_for(lambda some=waiting: not some.exists(), what="the takeover")
        network.heal()
        trial.place_many(3)
        trial.wait_for_the_end()
        other.kill()
        # Who was cut off goes on by itself.
        again = trial.place(30)
        wait_for(lambda pk=again.pk: not Order.objects.open().filter(pk=pk).exists())
        consumer.kill()
    verdict = trial.verdict()
    kind = "with" if keys else "without"
    row("partition", f"longer than a lease, {kind} keys", verdict, f"{beyond} sent beyond it")
    assert verdict.broken == []
    assert beyond == 0


@pytest.mark.parametrize("keys", [True, False] if LONG else [True])
def test_a_consumer_cut_off_for_shorter_than_its_lease_goes_on_with_its_orders(
    trial, network, row, keys
):
    trial.use_site(keys=keys, rate=400, connections=4, resend_percent=100)
    consumer = cut_off_consumer(trial, network)
    trial.place_many(size(3, 30), 300)
    for _ in range(size(2, 20)):
        time.sleep(trial.dice.uniform(0.3, 1))
        network.cut()
        time.sleep(trial.dice.uniform(0.1, 0.3) * LEASE)
        network.heal()
    trial.wait_for_the_end(size(240, 600))
    verdict = trial.verdict()
    # An order that waits long for its proof is given back, and claimed again: that is none.
    takeovers = consumer.log().count("it was taken over")
    kind = "with" if keys else "without"
    row("partition", f"shorter, {kind} keys", verdict, f"{takeovers} takeovers")
    assert verdict.broken == []
    assert takeovers == 0


def test_what_a_consumer_locked_as_it_was_cut_off_is_taken_over(trial, network, row):
    """In the middle of a transaction: its rows stay locked until the database ends it."""
    trial.use_site(rate=200, connections=4)
    consumer = cut_off_consumer(trial, network)
    orders = trial.place_many(3, 400)
    wait_for_plays(trial, orders, 50)
    network.cut_before(b"COMMIT", after=b'UPDATE "core_order"')
    wait_for(lambda: network.is_cut, what="a commit")
    began = time.monotonic()
    trial.consumer(lease=LEASE)
    wait_for(
        lambda: not Order.objects.open().filter(fence=1).exists(),
        LEASE + FREED_WITHIN,
        "the takeover of all orders",
    )
    longest = time.monotonic() - began
    network.heal()
    trial.wait_for_the_end()
    consumer.wait_for_line("the database failed, the round goes on when it is back")
    verdict = trial.verdict()
    row("partition", "within a transaction", verdict, f"taken over in {longest:.1f} s")
    assert verdict.broken == []
    assert "the round failed" not in consumer.log()


@pytest.mark.skipif(LONG, reason="the same at any length")
def test_without_an_expiry_a_consumer_that_is_cut_off_goes_on_sending(trial, network, control):
    """The control."""
    trial.use_site(keys=False, rate=400, connections=4)
    cut_off_consumer(trial, network, guards_off=["lease"])
    orders = trial.place_many(1, 2000)
    wait_for_plays(trial, orders, 150)
    trial.demo_site.fault("plays", "delay", seconds=SLOW)
    network.cut()
    beyond = sent_after_the_lease(trial, orders)
    trial.demo_site.clear()
    assert beyond > 0
    verdict = trial.verdict()
    must_fail(verdict)
    control("expiry of the lease", f"{beyond} plays sent beyond it")

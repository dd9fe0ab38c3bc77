"""Whole stories: an order placed, real consumers, a real site, real money, on both databases."""

import time
from decimal import Decimal

import pytest
from huey.contrib.djhuey import HUEY

from core import ordering
from core.models import Customer, LedgerEntry, Order, PricePolicy, Site, Status
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, Quote, cancel
from core.reasons import Code, Reason, ReasonOrText, reason_of
from tests.base import VIDEO, balance
from tests.office import wait_for

COUNT = 2_000


@pytest.fixture
def database(office):
    """The people, the site and the price are the office's."""
    PricePolicy.objects.create(count=COUNT, price="1.00")


@pytest.fixture
def site(site):
    Site.objects.update(max_connections=16, max_rate=50_000)
    return site


def place(customer: Customer, url: str, count: int = COUNT) -> Order:
    return ordering.place(Quote.prepare(customer, url, count), None)


def ended(order: Order) -> Order:
    def is_final() -> bool:
        order.refresh_from_db()
        return order.is_final

    wait_for(is_final, what=f"the end of order {order.oid}")
    assert list(differences()) == []
    return order


def running(order: Order, plays: int) -> None:
    def has_begun() -> bool:
        order.refresh_from_db()
        return order.status == Status.RUNNING and order.done >= plays

    wait_for(has_begun, what=f"{plays} plays of order {order.oid}")


def reasons(order: Order) -> list[ReasonOrText]:
    return [reason_of(event) for event in order.events.all()]


def test_an_order_is_delivered_to_the_last_play_and_completed(office, site, erin, demo_site):
    office.consumer()
    before = demo_site.views(VIDEO)
    order = ended(place(erin, demo_site.address(VIDEO)))
    assert (order.status, order.delivered, order.done) == (Status.COMPLETED, COUNT, COUNT)
    assert demo_site.views(VIDEO) == before + COUNT
    assert demo_site.plays(order.oid) == COUNT
    assert (order.old_view_count, order.view_count) == (before, before + COUNT)
    assert balance(erin) == Decimal("19.00")
    assert [event.to_status for event in order.events.all()] == [
        Status.PENDING,
        Status.RUNNING,
        Status.VERIFYING,
        Status.COMPLETED,
    ]


def test_plays_the_counter_never_shows_are_refunded(office, site, erin, demo_site):
    # One at a time: of plays that came together some might have been lost by that.
    Site.objects.update(max_connections=1)
    demo_site.fault("plays", "lost_increment", video=VIDEO, times=500)
    office.consumer()
    order = ended(place(erin, demo_site.address(VIDEO)))
    assert (order.status, order.delivered, order.done) == (Status.PARTIAL, 1_500, COUNT)
    assert balance(erin) == Decimal("19.25")
    assert Reason.of(Code.COUNTER_SHOWS_A_PART, number=1500, sent=COUNT) in reasons(order)
    entries = LedgerEntry.objects.filter(order=order).values_list("kind", "amount")
    assert dict(entries) == {
        LedgerEntry.Kind.ORDER: Decimal("-1.00"),
        LedgerEntry.Kind.REFUND: Decimal("0.25"),
    }


def test_what_a_counter_loses_of_plays_that_come_together_is_sent_one_at_a_time(
    office, site, erin, demo_site
):
    demo_site.fault("plays", "lost_increment", video=VIDEO, times=500)
    office.consumer()
    order = ended(place(erin, demo_site.address(VIDEO)))
    assert (order.status, order.resent) == (Status.COMPLETED, 500)
    site.refresh_from_db()
    assert site.counted_connections == 1
    assert site.counts_lost_at is not None


def test_a_few_plays_that_the_site_lost_are_sent_again(office, site, erin, demo_site):
    demo_site.fault("plays", "lost_increment", video=VIDEO, times=40)
    office.consumer()
    before = demo_site.views(VIDEO)
    order = ended(place(erin, demo_site.address(VIDEO)))
    assert (order.status, order.resent, order.sequence) == (Status.COMPLETED, 40, COUNT + 40)
    assert demo_site.views(VIDEO) == before + COUNT
    assert balance(erin) == Decimal("19.00")
    assert Reason.of(Code.PLAYS_SENT_AGAIN, number=40) in reasons(order)


def test_an_order_the_site_refuses_fails_and_is_refunded_whole(office, site, erin, demo_site):
    demo_site.fault("plays", "status", video=VIDEO, status=403)
    # For half an hour it would be taken for a passing trouble.
    bent = {"FAULTS_HURRY": "1", "FAULTS_PATIENCE": "3"}
    office.consumer("run_huey", module="tests.faults.program", **bent)
    order = ended(place(erin, demo_site.address(VIDEO)))
    assert (order.status, order.delivered) == (Status.FAILED, 0)
    assert Reason.of("play_answered", status=403) in reasons(order)
    assert balance(erin) == Decimal("20.00")
    assert demo_site.plays(order.oid) == 0


def test_an_order_canceled_midway_pays_for_what_the_site_counted(office, site, erin, demo_site):
    Site.objects.update(max_rate=400)
    office.consumer()
    order = place(erin, demo_site.address(VIDEO))
    running(order, 200)
    cancel(order, actor=None, reason="enough")
    ended(order)
    assert order.status == Status.CANCELED
    assert 200 <= order.delivered < COUNT
    assert demo_site.plays(order.oid) == order.delivered
    assert balance(erin) == Decimal("19.00") + order.refunded


def test_a_site_that_loses_its_token_midway_pauses_its_order_until_it_proves_it_again(
    office, site, erin, demo_site
):
    Site.objects.update(max_rate=160)
    office.consumer()
    order = place(erin, demo_site.address(VIDEO))
    running(order, 100)
    demo_site.remove_token(site.token)

    def is_paused() -> bool:
        order.refresh_from_db()
        return order.status == Status.PAUSED

    wait_for(is_paused, what="the pause")
    sent = demo_site.plays(order.oid)
    assert sent == order.done < COUNT
    assert balance(erin) == Decimal("19.00")

    demo_site.token(site.token)
    Site.objects.update(max_rate=50_000)
    office.manage("verify_site", site.name)
    ended(order)
    assert (order.status, demo_site.plays(order.oid)) == (Status.COMPLETED, COUNT)


def test_two_orders_on_one_video_come_one_after_the_other(office, site, erin, demo_site):
    office.consumer()
    before = demo_site.views(VIDEO)
    first = place(erin, demo_site.address(VIDEO))
    with pytest.raises(OrderRefusedError) as refused:
        place(erin, demo_site.address(VIDEO))
    assert refused.value.errors == {
        "url": "This video is in use by another open order or calibration."
    }
    assert balance(erin) == Decimal("19.00")
    ended(first)
    second = ended(place(erin, demo_site.address(VIDEO)))
    assert second.old_view_count == before + COUNT
    assert demo_site.views(VIDEO) == before + 2 * COUNT


def test_an_order_whose_wake_up_was_lost_is_found_by_the_sweep(office, site, erin, demo_site):
    order = place(erin, demo_site.address(VIDEO))
    HUEY.flush()
    assert HUEY.pending_count() == 0
    office.consumer()
    assert ended(order).status == Status.COMPLETED


def test_a_consumer_killed_midway_loses_no_play_and_sends_none_twice(office, site, erin, demo_site):
    Site.objects.update(max_rate=400)
    before = demo_site.views(VIDEO)
    first = office.consumer()
    order = place(erin, demo_site.address(VIDEO))
    running(order, 200)
    first.kill()
    Order.objects.update(lease_until=None)  # instead of waiting until it runs out
    office.consumer()
    ended(order)
    assert (order.status, order.fence >= 2) == (Status.COMPLETED, True)
    assert demo_site.views(VIDEO) == before + COUNT
    assert demo_site.plays(order.oid) == COUNT


def test_a_consumer_asked_to_stop_gives_its_order_back_at_once(office, site, erin, demo_site):
    Site.objects.update(max_rate=200)
    consumer = office.consumer()
    order = place(erin, demo_site.address(VIDEO))
    running(order, 100)
    assert consumer.terminate(timeout=25) == 0
    order.refresh_from_db()
    assert order.status == Status.RUNNING
    assert (order.lease_until, order.in_flight) == (None, 0)
    assert demo_site.plays(order.oid) == order.done
    ordering.cancel(order, actor=None)
    office.consumer()
    assert ended(order).status == Status.CANCELED


@pytest.mark.timing
def test_a_save_wakes_a_consumer_that_was_idle_within_seconds(office, site, erin, demo_site):
    office.consumer()
    time.sleep(3)  # an idle queue is looked at more and more rarely
    quote = Quote.prepare(erin, demo_site.address(VIDEO), COUNT)
    saved = time.monotonic()
    order = ordering.place(quote, None)
    wait_for(lambda: demo_site.plays(order.oid) > 0, what="the first play")
    assert time.monotonic() - saved < 8
    ended(order)


def test_orders_that_run_at_once_share_the_sites_ceiling(office, site, erin, demo_site):
    Site.objects.update(max_rate=1_000)
    office.consumer()
    first = place(erin, demo_site.address(VIDEO), 10_000)
    running(first, 200)
    second = place(erin, demo_site.address("v1"), 10_000)
    running(second, 200)
    time.sleep(1)  # until the first has seen the second
    began = time.monotonic()
    before = demo_site.plays(first.oid) + demo_site.plays(second.oid)
    time.sleep(3)
    sent = demo_site.plays(first.oid) + demo_site.plays(second.oid) - before
    assert sent / (time.monotonic() - began) < 1_250
    for order in (first, second):
        order.refresh_from_db()
        cancel(order, actor=None)
        ended(order)

"""What the home page adds up equals what the rows say, whoever counted, however often and when."""

import datetime
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connections, transaction
from django.utils import timezone

from core.models import (
    ChargeRecord,
    Customer,
    LedgerEntry,
    Order,
    PlaySample,
    QuarterHourTotal,
    Site,
    Status,
)
from core.models.rollups import RollupCursor, Source
from core.reports import playrate, rollups
from tests.base import placed
from tests.clocks import let_the_database_travel
from tests.plans import assert_no_table_is_read_whole, listening
from tests.steps import settle

BOTH = (Source.LEDGER, Source.ENDED)
START = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture
def travelling(office, monkeypatch):
    let_the_database_travel(monkeypatch)


@pytest.fixture
def shop(travelling):
    """A customer with money, and a site, in an office on either database; its clock travels."""
    return open_shop()


@pytest.fixture
def real_shop(office):
    """The same by the database's own clock."""
    return open_shop()


def open_shop() -> tuple[Customer, Site]:
    with time_machine.travel(START, tick=False):
        erin = Customer.objects.create(username="erin")
        ChargeRecord.objects.create(customer=erin, amount=Decimal(1000))
        site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    rollups._kept_days.cache_clear()
    return erin, site


def place(shop, video: str) -> Order:
    erin, site = shop
    return placed(erin, site, video)


def plainly(source: Source, count: int) -> dict:
    """The same sums by reading every row."""
    found = {timezone.localdate() - datetime.timedelta(days=back): {} for back in range(count)}
    if source == Source.LEDGER:
        rows = LedgerEntry.objects.values_list("create_date", "kind", "amount")
    else:
        ended = Order.objects.exclude(end_date=None)
        rows = ended.values_list("end_date", "status", "delivered")
    for moment, key, amount in rows:
        day = found.get(timezone.localtime(moment).date())
        if day is not None:
            old = day.get(key, rollups.Total())
            day[key] = rollups.Total(old.rows + 1, old.amount + amount)
    return found


def some_business(shop, chance: random.Random, number: int) -> None:
    """Something that moves money or ends an order."""
    open_orders = list(Order.objects.open())
    if open_orders and chance.random() < 0.4:
        order = chance.choice(open_orders)
        settle(order, Status.CANCELED, chance.randrange(10_000))
    elif chance.random() < 0.3:
        ChargeRecord.objects.create(
            customer=shop[0], amount=Decimal(chance.randrange(1, 999)) / 100
        )
    else:
        place(shop, str(number))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_the_days_equal_a_plain_count_after_random_business(shop, zone):
    chance, now = random.Random(7), START
    with timezone.override(ZoneInfo(zone)), time_machine.travel(now, tick=False) as clock:
        for number in range(70):
            now += datetime.timedelta(seconds=chance.randrange(10, 9000))
            clock.move_to(now)
            some_business(shop, chance, number)
            if chance.random() < 0.3:
                rollups.catch_up()
            if chance.random() < 0.2:
                assert rollups.check_again() == 0
        for source in BOTH:
            assert rollups.days(source, 7) == plainly(source, 7)
        assert QuarterHourTotal.objects.filter(source=Source.LEDGER).count() > 20


def test_a_row_that_came_late_is_found_in_the_next_turn(shop):
    with time_machine.travel(START, tick=False) as clock:
        clock.move_to(START + datetime.timedelta(hours=1))
        rollups.catch_up()
        before = rollups.days(Source.LEDGER, 1)
        clock.move_to(START + datetime.timedelta(minutes=30))
        place(shop, "late")
        clock.move_to(START + datetime.timedelta(hours=1))
        assert rollups.days(Source.LEDGER, 1) == before
        assert rollups.check_again() == 1
        assert rollups.days(Source.LEDGER, 1) == plainly(Source.LEDGER, 1) != before
        assert rollups.check_again() == 0


def write_slowly(shop, written: threading.Event, go_on: threading.Event) -> None:
    try:
        with transaction.atomic():
            place(shop, "slow")
            written.set()
            go_on.wait(120)
    finally:
        connections.close_all()


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_a_quarter_stays_open_while_somebody_may_still_write_into_it(
    real_shop, guarded, monkeypatch, request
):
    """Real time: the transaction's age is PostgreSQL's. Without the guard its row is missed."""
    if not guarded:
        monkeypatch.setattr(rollups, "_nobody_writes_before", timezone.now)
    monkeypatch.setattr(rollups, "GRACE", datetime.timedelta())
    monkeypatch.setattr(rollups, "QUARTER", datetime.timedelta(seconds=1))
    monkeypatch.setattr(rollups, "QUARTER_SECONDS", 1)
    written, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(write_slowly, real_shop, written, go_on)
        assert written.wait(60)
        wait_until = timezone.now() + datetime.timedelta(seconds=2.2)
        while timezone.now() < wait_until:
            pass
        rollups.catch_up()
        go_on.set()
        slow.result(60)
    right = rollups.days(Source.LEDGER, 1) == plainly(Source.LEDGER, 1)
    assert right is guarded


def test_counting_at_once_counts_once(shop):
    with time_machine.travel(START + datetime.timedelta(hours=3), tick=False):
        settle(place(shop, "1"), Status.CANCELED, 0)
    later = START + datetime.timedelta(hours=4)

    def count() -> None:
        try:
            rollups.catch_up()
            rollups.check_again()
        finally:
            connections.close_all()

    with time_machine.travel(later, tick=False):
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(count) for _ in range(4)]:
                done.result(30)
        assert RollupCursor.objects.filter(source__in=BOTH).count() == 2
        for source in BOTH:
            assert rollups.days(source, 2) == plainly(source, 2)


def test_without_a_consumer_the_reader_counts(shop):
    with time_machine.travel(START + datetime.timedelta(hours=5), tick=False):
        place(shop, "1")
        assert rollups.days(Source.LEDGER, 1) == plainly(Source.LEDGER, 1)
        assert RollupCursor.objects.get(source=Source.LEDGER).until > START + datetime.timedelta(
            hours=4
        )


def test_counting_and_reading_stay_on_indexes(shop):
    with time_machine.travel(START + datetime.timedelta(hours=5), tick=False):
        settle(place(shop, "1"), Status.CANCELED, 0)
    with time_machine.travel(START + datetime.timedelta(hours=6), tick=False):
        with listening() as asked:
            rollups.catch_up()
            rollups.check_again()
            for source in BOTH:
                rollups.days(source, 30)
            playrate.take_sample()
            playrate.last_hour()
        assert_no_table_is_read_whole(asked)


def test_plays_are_counted_once_also_those_of_orders_that_end_in_between(shop):
    with time_machine.travel(START, tick=False) as clock:
        first = place(shop, "1")
        clock.shift(1)  # orders of one customer are numbered by the moment
        second = place(shop, "2")
        assert playrate.take_sample()
        assert not playrate.take_sample()
        clock.shift(60)
        received(first, 600)
        assert playrate.take_sample()
        clock.shift(60)
        received(first, 1000)
        settle(first, Status.CANCELED, 1000)
        received(second, 50)
        assert playrate.take_sample()
        clock.shift(60)
        assert playrate.take_sample()
        assert list(PlaySample.objects.order_by("taken").values_list("plays", flat=True)) == [
            *(0, 600, 450, 0)
        ]
        assert playrate.last_hour()[-4:] == [0, 600, 450, 0]


def received(order: Order, done: int) -> None:
    Order.objects.filter(pk=order.pk).update(done=done, reserved=done, sequence=done)
    order.refresh_from_db()


def test_a_sample_is_spread_over_the_minutes_it_is_of():
    end = START
    samples = [(end - datetime.timedelta(seconds=30), 90.0, 90)]
    minutes = playrate.per_minute(samples, end)
    assert minutes[-3:] == [0, 60, 30]
    assert sum(minutes) == 90 and len(minutes) == 60

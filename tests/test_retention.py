"""What is not kept for ever goes, in batches; what receipts and ledgers stand on stays."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booster import worker
from core.models import (
    Conversation,
    CounterReading,
    LedgerEntry,
    Message,
    Order,
    OrderEvent,
    ReadMarker,
    Side,
    Site,
    SiteCheck,
    Status,
)
from core.models.messages import mark_read
from core.ops import retention
from core.portal.receipt import money_of, plays_of
from tests.base import an_order, placed

LONG_AGO = timedelta(days=400)
Outcome = SiteCheck.Outcome


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def order(db) -> Order:
    return an_order()


def ended(order: Order, moment) -> Order:
    Order.objects.filter(pk=order.pk).update(
        status=Status.COMPLETED, delivered=order.count, end_date=moment, start_date=moment
    )
    return order


def read(order: Order, *views: int) -> None:
    for number in views:
        CounterReading.objects.create(order=order, views=number, done=number)


def views_of(order: Order) -> list[int]:
    return list(order.readings.order_by("pk").values_list("views", flat=True))


def test_readings_of_orders_that_ended_long_ago_are_thinned_to_the_first_and_the_last(order, now):
    recent, still_open, single = (
        placed(order.customer, order.site, name, price="0.01") for name in "abc"
    )
    for one in (order, recent, still_open):
        read(one, 10, 20, 30, 40)
    read(single, 7)
    ended(order, now - LONG_AGO)
    ended(single, now - LONG_AGO)
    ended(recent, now - timedelta(days=2))
    assert retention.tidy()
    assert views_of(order) == [10, 40]
    assert views_of(single) == [7]
    assert views_of(recent) == views_of(still_open) == [10, 20, 30, 40]
    Order.objects.filter(pk=recent.pk).update(end_date=now - timedelta(days=31))
    assert retention.tidy()
    assert views_of(recent) == [10, 40]


def test_orders_that_ended_at_the_same_moment_are_all_thinned_though_a_batch_ends_there(
    order, now, monkeypatch
):
    monkeypatch.setattr(retention, "ORDERS", 2)
    others = [placed(order.customer, order.site, str(number), price="0.01") for number in range(4)]
    for one in (order, *others):
        read(one, 1, 2, 3)
        ended(one, now - LONG_AGO)
    assert retention.tidy()
    assert [views_of(one) for one in (order, *others)] == [[1, 3]] * 5


def test_a_receipt_says_the_same_after_its_readings_were_thinned(order, now):
    read(order, 10, 50, 110)
    ended(order, now - LONG_AGO)
    Order.objects.filter(pk=order.pk).update(old_view_count=10, view_count=110)
    order.refresh_from_db()
    before = plays_of(order), money_of(order)
    assert all(before)
    assert retention.tidy()
    assert order.readings.count() == 2
    assert (plays_of(order), money_of(order)) == before


def test_routine_site_checks_go_and_those_that_a_person_asked_for_stay(order, now, alice):
    SiteCheck.objects.create(site=order.site, outcome=Outcome.PROVED)
    SiteCheck.objects.create(site=order.site, outcome=Outcome.LOST, creator=alice)
    SiteCheck.objects.update(create_date=now - LONG_AGO)
    SiteCheck.objects.create(site=order.site, outcome=Outcome.PROVED)
    assert retention.tidy()
    assert sorted(SiteCheck.objects.values_list("outcome", flat=True)) == [
        Outcome.PROVED,
        Outcome.LOST,
    ]


def test_ended_sessions_and_old_logins_go(db, now):
    for name, ends in (("ended", -timedelta(hours=1)), ("open", timedelta(days=3))):
        Session.objects.create(session_key=name, session_data="", expire_date=now + ends)
    for model, more in ((AccessAttempt, {"failures_since_start": 1}), (AccessLog, {})):
        same = {"ip_address": "127.0.0.1", "path_info": "/", **more}
        model.objects.create(username="old", **same)
        model.objects.update(attempt_time=now - LONG_AGO)
        model.objects.create(username="new", **same)
    assert retention.tidy()
    assert list(Session.objects.values_list("pk", flat=True)) == ["open"]
    for model in (AccessAttempt, AccessLog):
        assert list(model.objects.values_list("username", flat=True)) == ["new"]


def test_read_receipts_go_and_what_is_unread_stays_as_it_was(order, now, alice):
    message = Message.objects.say(order, alice, "Hello")
    mark_read(order, alice, message.pk)
    talk = Conversation.objects.get(pk=order.pk)
    unread = [talk.unread_from(side) for side in Side]
    ReadMarker.objects.update(read_date=now - LONG_AGO)
    assert ReadMarker.objects.exists()
    assert retention.tidy()
    talk.refresh_from_db()
    assert not ReadMarker.objects.exists()
    assert [talk.unread_from(side) for side in Side] == unread
    assert Message.objects.count() == 1


def test_nothing_about_money_is_touched_and_many_rows_go_by_batches(order, now, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    site = Site.objects.get()
    SiteCheck.objects.bulk_create(SiteCheck(site=site, outcome=Outcome.PROVED) for _ in range(25))
    SiteCheck.objects.update(create_date=now - LONG_AGO)
    ended(order, now - LONG_AGO)
    kept = (LedgerEntry, OrderEvent, Order)
    before = [model.objects.count() for model in kept]
    assert not retention.tidy(budget=0)
    assert SiteCheck.objects.count() == 25
    assert retention.tidy()
    assert SiteCheck.objects.count() == 0
    assert [model.objects.count() for model in kept] == before


def test_a_kind_that_fails_keeps_no_other_from_being_tidied(order, now, monkeypatch, caplog):
    kinds = {"failing": lambda now: now - timedelta(days=999_999), **retention.KINDS}
    monkeypatch.setattr(retention, "KINDS", kinds)
    SiteCheck.objects.create(site=order.site, outcome=Outcome.PROVED)
    SiteCheck.objects.update(create_date=now - LONG_AGO)
    assert retention.tidy()
    assert not SiteCheck.objects.exists()
    assert "failing could not be tidied" in caplog.text


def test_a_database_that_is_gone_ends_the_tidying(db, monkeypatch):
    def fail(now):
        raise OperationalError("connection lost")

    monkeypatch.setattr(retention, "KINDS", {"failing": fail})
    with pytest.raises(OperationalError):
        retention.tidy()


def test_the_sweep_tidies_now_and_then_and_again_at_once_where_more_is_left(
    order, now, monkeypatch
):
    monkeypatch.setattr(retention, "_next_at", 0.0)
    assert retention.tidy_sometimes in worker.other_sweeps

    def old_check() -> None:
        SiteCheck.objects.create(site=order.site, outcome=Outcome.PROVED)
        SiteCheck.objects.update(create_date=now - LONG_AGO)

    old_check()
    monkeypatch.setattr(retention.tidy, "__defaults__", (0.0,))
    retention.tidy_sometimes()
    assert SiteCheck.objects.count() == 1
    monkeypatch.setattr(retention.tidy, "__defaults__", (3.0,))
    retention.tidy_sometimes()
    assert SiteCheck.objects.count() == 0
    old_check()
    retention.tidy_sometimes()
    assert SiteCheck.objects.count() == 1  # not before ten minutes


def test_routine_checks_are_found_by_their_time_and_not_sorted(db, now):
    """SQLite took the index of who asked, and sorted all rows that nobody asked for, at each
    batch."""
    with CaptureQueriesContext(connection) as asked:
        retention.KINDS["site checks"](now)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")
        plan = " / ".join(step for *_numbers, step in cursor.fetchall())
    assert "sitecheck_created" in plan
    assert "TEMP B-TREE" not in plan

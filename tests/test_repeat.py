"""Orders placed anew every day or week: once a time whoever sweeps, by the rules and prices of the
day, and what was not placed is told."""

import html
import re
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.http import QueryDict
from django.utils import timezone, translation

from booster import worker
from core import ordering
from core.models import (
    ApprovalLimit,
    Customer,
    Occurrence,
    Order,
    OrderError,
    PricePolicy,
    Repeat,
    Site,
    Status,
    User,
)
from core.ops.auditing import differences
from core.ordering import repeats
from core.reasons import Code, reason_of
from tests.base import balance, client_of, lost_wake_ups, placed
from tests.steps import settle

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Every = Repeat.Every


@pytest.fixture
def order(erin, harbour, policies, alice) -> Order:
    """It has ended, and its video is free."""
    Site.objects.update(verified=True, verified_at=timezone.now())
    order = placed(erin, harbour, price=5, memo="as agreed", hours=3, by_day=True)
    settle(order, Status.COMPLETED, order.count, through=(Status.RUNNING, Status.VERIFYING))
    return order


def due(order: Order, actor: User, *, for_days: float = 0, **terms) -> Repeat:
    """A repeat whose next time has come `for_days` ago."""
    moment = timezone.localtime() - HOUR
    made = ordering.repeat(order, actor, **{"every": Every.DAY, "at": moment.time()} | terms)
    Repeat.objects.filter(pk=made.pk).update(next_at=moment - for_days * DAY)
    made.refresh_from_db()
    return made


def sweep() -> int:
    with lost_wake_ups():
        return ordering.place_due()


def end_of(order: Order) -> None:
    """So that its video is free."""
    settle(order, Status.CANCELED, 0)


def test_a_time_that_has_come_places_the_order_anew(order, alice):
    made = due(order, alice)
    assert sweep() == 1
    again = Order.objects.latest("pk")
    assert again.pk != order.pk
    assert (again.creator, again.customer, again.url) == (alice, order.customer, order.url)
    assert (again.memo, again.hours, again.by_day) == ("as agreed", 3, True)
    assert balance(order.customer) == Decimal("10.00")
    occurrence = made.occurrences.get()
    assert (occurrence.order, occurrence.missed, occurrence.needs_attention) == (again, 0, False)
    made.refresh_from_db()
    assert timezone.now() < made.next_at <= timezone.now() + DAY
    assert sweep() == 0
    assert list(differences()) == []


def test_each_time_has_the_price_of_its_day(order, alice):
    due(order, alice)
    PricePolicy.objects.filter(count=10_000).update(price=7)
    sweep()
    assert Order.objects.latest("pk").price == 7


def test_times_that_nobody_was_there_for_are_made_up_for_once(order, alice):
    made = due(order, alice, for_days=3)
    assert sweep() == 1
    assert sweep() == 0
    occurrence = made.occurrences.get()
    assert occurrence.missed == 3
    assert timezone.now() - occurrence.planned < 2 * HOUR
    assert Order.objects.count() == 2


def test_the_consumers_sweep_places_what_is_due(order):
    assert ordering.place_due in worker.other_sweeps


# What is not placed


REFUSALS = {
    Code.VIDEO_BUSY: lambda order: placed(order.customer, order.site, price="0.01"),
    Code.CUSTOMER_INACTIVE: lambda order: Customer.objects.update(active=False),
    Code.QUANTITY_TOO_SMALL: lambda order: PricePolicy.objects.filter(count=10_000).update(
        active=False
    ),
    Code.NOTHING_ON_SALE: lambda order: PricePolicy.objects.update(active=False),
    Code.SITE_NOT_VERIFIED: lambda order: Site.objects.update(verified=False),
    Code.NOT_OUR_SITE: lambda order: Site.objects.update(active=False),
    Code.RIGHT_LOST: lambda order: User.objects.filter(username="alice").update(is_active=False),
    Code.BALANCE_SHORT: lambda order: PricePolicy.objects.update(price=99),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_what_cannot_be_placed_is_written_down_with_its_reason_and_told(order, alice, code):
    made = due(order, alice, until=date.max)
    REFUSALS[code](order)
    before = (Order.objects.count(), balance(order.customer))
    assert sweep() == 1
    occurrence = made.occurrences.get()
    assert (occurrence.order, occurrence.needs_attention) == (None, True)
    assert reason_of(occurrence).code == code
    assert (Order.objects.count(), balance(order.customer)) == before
    made.refresh_from_db()
    assert made.next_at > timezone.now()
    assert list(Repeat.objects.needing_a_person()) == [made]
    assert sweep() == 0


def test_without_a_last_day_the_end_of_the_balance_is_the_end(order, alice):
    made = due(order, alice)
    PricePolicy.objects.update(price=99)
    sweep()
    made.refresh_from_db()
    assert made.next_at is None
    assert reason_of(made).code == reason_of(made.occurrences.get()).code == Code.BALANCE_SHORT


def test_a_balance_taken_after_the_quote_is_written_down_as_well(order, alice, monkeypatch):
    made = due(order, alice, until=date.max)
    quoted = repeats.new_placement(made)
    monkeypatch.setattr(repeats, "new_placement", lambda due: quoted)
    placed(order.customer, order.site, "another", price=14)
    sweep()
    assert reason_of(made.occurrences.get()).code == Code.BALANCE_SHORT
    assert balance(order.customer) == 1


def test_an_order_above_the_limit_awaits_approval(order, bob):
    ApprovalLimit.objects.create(group=bob.groups.get(), amount=1)
    due(order, bob)
    sweep()
    assert Order.objects.latest("pk").status == Status.AWAITING


def test_one_that_fails_keeps_none_of_the_others_waiting(
    order, erin, harbour, alice, monkeypatch, caplog
):
    other = placed(erin, harbour, "2", price="0.01")
    settle(other, Status.CANCELED, 0)
    bad, good = due(order, alice, for_days=1), due(other, alice)
    placement = repeats.new_placement

    def fail_for_one(one):
        if one.pk == bad.pk:
            raise RuntimeError("a fault of ours")
        return placement(one)

    monkeypatch.setattr(repeats, "new_placement", fail_for_one)
    assert sweep() == 1
    assert good.occurrences.count() == 1
    assert f"repeat {bad.pk} of order {order.oid} failed" in caplog.text
    assert not bad.occurrences.exists()
    monkeypatch.undo()
    assert sweep() == 1


# Its end


def test_the_last_day_is_the_last_and_a_missed_one_is_made_up_for(order, alice):
    made = due(order, alice)
    last = timezone.localdate(made.next_at)
    Repeat.objects.update(until=last)
    sweep()
    made.refresh_from_db()
    assert (made.next_at, made.occurrences.count()) == (None, 1)

    end_of(Order.objects.latest("pk"))
    missed = due(order, alice, for_days=2)
    Repeat.objects.filter(pk=missed.pk).update(until=timezone.localdate() - DAY)
    sweep()
    missed.refresh_from_db()
    occurrence = missed.occurrences.get()
    assert timezone.localdate(occurrence.planned) <= timezone.localdate() - DAY
    assert missed.next_at is None


def test_a_repeat_that_has_ended_places_nothing_and_ends_once(order, alice):
    made = due(order, alice)
    ordering.end_repeat(made, alice)
    assert sweep() == 0
    with pytest.raises(OrderError, match="already ended"):
        ordering.end_repeat(made, alice)
    assert made.ended_by == alice
    ordering.repeat(order, alice, every=Every.DAY, at=time(9))


def test_an_order_is_repeated_once_and_never_without_times(order, alice):
    yesterday = timezone.localdate() - DAY
    with pytest.raises(OrderError, match="last day"):
        ordering.repeat(order, alice, every=Every.DAY, at=time(9), until=yesterday)
    ordering.repeat(order, alice, every=Every.DAY, at=time(9))
    with pytest.raises(OrderError, match="already repeated"):
        ordering.repeat(order, alice, every=Every.DAY, at=time(10))
    assert Repeat.objects.count() == 1


# The clock


@pytest.fixture
def berlin():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        yield ZoneInfo("Europe/Berlin")


def times(repeat: Repeat, moment: datetime, number: int) -> list[str]:
    found = []
    for _step in range(number):
        moment = repeat.after(moment)
        found.append(f"{timezone.localtime(moment):%m-%d %H:%M}")
    return found


def test_a_daily_one_follows_the_offices_clock_when_it_is_changed(berlin):
    daily = Repeat(every=Every.DAY, at=time(9, 30))
    spring = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert times(daily, spring, 3) == ["03-28 09:30", "03-29 09:30", "03-30 09:30"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert times(daily, autumn, 2) == ["10-25 09:30", "10-26 09:30"]


def test_a_time_that_the_clock_skips_or_shows_twice_comes_once(berlin):
    nightly = Repeat(every=Every.DAY, at=time(2, 30))
    skipped = times(nightly, datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    assert [one[:5] for one in skipped] == ["03-29", "03-30"]
    twice = times(nightly, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert twice == ["10-25 02:30", "10-26 02:30"]


def test_a_weekly_one_is_on_its_weekday(berlin):
    weekly = Repeat(every=Every.WEEK, weekday=4, at=time(8))
    friday = datetime(2026, 1, 2, 6, tzinfo=UTC)
    assert times(weekly, friday, 3) == ["01-02 08:00", "01-09 08:00", "01-16 08:00"]
    weekly.next_at = weekly.after(friday)
    late = friday + 19 * DAY
    assert f"{timezone.localtime(weekly.latest(late)):%m-%d}" == "01-16"
    assert repeats.times_between(weekly, weekly.latest(late)) == 2


# Many hosts


def test_of_many_hosts_one_places_it(office):
    customer, site = Customer.objects.create(username="erin"), an_office_site()
    from core.models import ChargeRecord

    ChargeRecord.objects.create(customer=customer, amount=Decimal(20))
    alice = User.objects.create(username="alice", is_staff=True, is_superuser=True)
    PricePolicy.objects.get_or_create(count=10_000, defaults={"price": 5})
    order = placed(customer, site)
    settle(order, Status.CANCELED, 0)
    made = due(order, alice)
    barrier = threading.Barrier(4)

    def host() -> None:
        try:
            stale = Repeat.objects.due().get()
            barrier.wait(30)
            repeats.place_again(stale)
        finally:
            connections.close_all()

    hosts = [threading.Thread(target=host) for _number in range(4)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join(60)
    assert made.occurrences.count() == 1
    assert Order.objects.count() == 2
    assert list(differences()) == []


def an_office_site() -> Site:
    site = Site.objects.create(name="Harbour", origin="https://videos.example.com")
    site.verified = True
    site.save()
    return site


# The desk


def test_a_repeat_is_begun_and_ended_on_the_desk(order, desk, bob):
    page = f"/admin/core/order/{order.pk}/repeat/"
    assert page in desk.get(f"/admin/core/order/{order.pk}/change/").content.decode()
    assert desk.get(page).status_code == 200
    assert desk.post(page, {"every": 1, "at": ""}).context["form"].errors.keys() == {"at"}
    answer = desk.post(page, {"every": 7, "weekday": 4, "at": "09:30", "until": ""})
    made = Repeat.objects.get()
    assert answer.url == f"/admin/core/repeat/{made.pk}/change/"
    assert (made.every, made.weekday, made.at, made.creator) == (7, 4, time(9, 30), bob)
    shown = desk.get(answer.url).content.decode()
    assert "every Friday at 09:30" in shown
    refused = desk.post(page, {"every": 1, "at": "09:30"})
    assert "already repeated" in str(refused.context["form"].errors)
    desk.post(f"/admin/core/repeat/{made.pk}/end/")
    made.refresh_from_db()
    assert (made.next_at, made.ended_by) == (None, bob)


def test_the_orders_of_a_customer_are_found_from_a_repeat_whatever_signs_the_name_has(
    order, desk, bob
):
    Customer.objects.filter(pk=order.customer_id).update(username="R&D #1 +%")
    made = due(order, bob)
    page = desk.get(f"/admin/core/repeat/{made.pk}/change/").content.decode()
    link = html.unescape(re.search(r'href="(/admin/core/order/[?][^"]*)"', page)[1])
    assert QueryDict(urlsplit(link).query).dict() == {"q": "R&D #1 +%"}
    assert order.oid in desk.get(link).content.decode()


def test_what_was_refused_is_told_at_home_until_it_is_seen(order, desk, bob):
    made = due(order, bob)
    Site.objects.update(verified=False)
    sweep()
    home = "Repeats whose order could not be placed"
    assert home in desk.get("/admin/home/").content.decode()
    listed = desk.get("/admin/core/repeat/?attention=1").content.decode()
    assert "needs attention" in listed
    page = f"/admin/core/repeat/{made.pk}/"
    assert "The site is not verified." in desk.get(f"{page}change/").content.decode()
    with translation.override("zh-hans"):
        shown = client_of(bob).get(f"{page}change/", headers={"Accept-Language": "zh-hans"})
    assert "The site is not verified." not in shown.content.decode()
    desk.post(f"{page}seen/")
    assert not Occurrence.objects.filter(needs_attention=True).exists()
    assert home not in desk.get("/admin/home/").content.decode()

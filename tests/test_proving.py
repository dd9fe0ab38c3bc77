"""What ends an order, against a real site: its counter, less other people's views and our own
readings, after it had its time; never an answer of a bad moment."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from booster.proof import Reading, Watch
from core import ordering
from core.db import clock
from core.models import CounterReading, Order, OrderError, Site, Status
from core.ordering import looks
from core.ordering.settling import settle_now
from core.portal.receipt import plays_of
from core.reasons import Code
from tests.faults.trial import Trial
from tests.office import Office
from tests.reading_site import RECIPE, ReadingCountingSite
from tests.rounds import deliver, deliver_to_the_end
from tests.sites import DemoSite

ONE_KIND = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
pytestmark = ONE_KIND


def quick_trial(office: Office, demo_site: DemoSite) -> Trial:
    trial = Trial(office, demo_site, random.Random(1))
    trial.use_site(rate=2000)
    return trial


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return quick_trial(office, demo_site)


def half_sent(trial: Trial) -> Order:
    """Its first plays were received; then its consumer was stopped."""
    order = trial.place(600, wake=False)
    trial.use_site(rate=400)
    return send_half(order)


def send_half(order: Order) -> Order:
    deliver(lambda: Order.objects.filter(pk=order.pk, done__gt=0).exists())
    order.refresh_from_db()
    assert (order.status, 0 < order.done < order.count) == (Status.RUNNING, True)
    return order


def again(order: Order) -> Order:
    order.refresh_from_db()
    return order


def make_due() -> None:
    Order.objects.open().update(due=Now())


def let_trouble_pass(minutes: float) -> None:
    """As if the troubles of all orders had begun so much earlier."""
    for order in Order.objects.open():
        if order.watch and order.watch.get("trouble"):
            order.watch["trouble"] -= 60 * minutes
        Order.objects.filter(pk=order.pk).update(watch=order.watch, due=Now())


@contextmanager
def views_of_others(trial: Trial, order: Order, rate: float) -> Iterator[None]:
    """Somebody else watches the video, so many times a second."""
    dice, over = random.Random(2), threading.Event()

    def watch() -> None:
        while not over.wait(dice.expovariate(rate)):
            trial.demo_site.add_views(order.video_id, 1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Billed though nobody counted it


def test_other_peoples_views_complete_no_order(trial):
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id)
    with views_of_others(trial, order, rate=60):
        deliver_to_the_end()
    again(order)
    assert trial.demo_site.plays(order.oid) == 0
    assert (order.status, order.delivered) == (Status.PARTIAL, 0)
    assert order.proof_code == Code.PROVED_BESIDE_OTHERS


def test_beside_other_people_the_lower_bound_is_billed(trial):
    order = trial.place(3000, wake=False)
    with views_of_others(trial, order, rate=40):
        deliver_to_the_end()
    again(order)
    assert trial.demo_site.plays(order.oid) == 3000
    assert 2850 <= order.delivered <= 3000
    assert order.proof_code == Code.PROVED_BESIDE_OTHERS
    assert order.proof_params["number"] == order.delivered


@contextmanager
def sold_on_its_own(
    trial: Trial,
    settings: Any,
    *,
    counts_plays: bool = True,
    is_read_freely: bool = False,
    **fields: Any,
) -> Iterator[ReadingCountingSite]:
    """A site that counts who reads it, unless `is_read_freely`, with what the office knows of it
    in `fields`; the trial's orders are for it."""
    with ReadingCountingSite(counts_readings=not is_read_freely, counts_plays=counts_plays) as own:
        settings.PRIVATE_SITES = (f"127.0.0.1:{own.port}",)
        site = Site.objects.create(
            name="Counting", origin=own.url, adapter="http", recipe=RECIPE, **fields
        )
        own.token, trial.site = site.token, site
        yield own


@pytest.mark.parametrize("known", [None, True], ids=["unknown", "known"])
@pytest.mark.parametrize("counts_plays", [False, True], ids=["plays-not", "plays-too"])
def test_our_own_readings_complete_no_order(trial, settings, counts_plays, known):
    with sold_on_its_own(
        trial,
        settings,
        counts_plays=counts_plays,
        max_rate=20,
        max_connections=1,
        counts_readings=known,
    ) as own:
        order = trial.place(40, wake=False)
        deliver_to_the_end()
        again(order)
        assert order.is_final, order.watch
        assert order.delivered <= own.counted
        if known:
            assert order.delivered == own.counted


@pytest.mark.parametrize("known", [None, True], ids=["unknown", "known"])
@pytest.mark.parametrize("counts_plays", [False, True], ids=["plays-not", "plays-too"])
def test_looks_for_quotes_complete_no_order(trial, settings, counts_plays, known):
    with sold_on_its_own(
        trial,
        settings,
        counts_plays=counts_plays,
        max_rate=40,
        max_connections=1,
        counts_readings=known,
    ) as own:
        order = trial.place(40, wake=False)
        quotes = []

        def quote_meanwhile() -> bool:
            if own.received >= 10 and len(quotes) < 40:
                quotes.append(looks.look_now(trial.site, order.video_id))
            return False

        deliver(quote_meanwhile)
        assert quotes
        deliver_to_the_end()
        again(order)
        assert order.is_final, order.watch
        assert order.delivered <= own.counted
        if known:
            assert order.delivered == own.counted


def test_a_page_that_does_not_count_its_readers_is_found_out(trial, settings):
    with sold_on_its_own(trial, settings, is_read_freely=True, max_rate=200):
        order = trial.place(100, wake=False)
        deliver_to_the_end()
        assert (again(order).status, order.delivered) == (Status.COMPLETED, 100)
    trial.site.refresh_from_db()
    assert trial.site.counts_readings is False


@pytest.mark.parametrize("counts_plays", [False, True])
def test_where_the_site_counts_by_order_number_that_decides(trial, settings, counts_plays):
    with sold_on_its_own(
        trial,
        settings,
        counts_plays=counts_plays,
        max_rate=200,
        exact_proof=True,
        resend_percent=0,
    ) as own:
        order = trial.place(100, wake=False)
        own.views += 5000
        deliver_to_the_end()
        assert (again(order).is_final, order.delivered) == (True, 100 * counts_plays)
    assert order.proof_code == Code.PROVED_BY_ORDER_NUMBER


@pytest.mark.parametrize("counted", [False, True], ids=["nothing-counted", "all-counted"])
def test_a_canceled_order_pays_for_what_the_counter_shows(trial, counted):
    order = trial.place(600, wake=False)
    if not counted:
        trial.demo_site.fault("plays", "lost_increment", video=order.video_id)
    trial.use_site(rate=400)
    send_half(order)
    ordering.cancel(order, None, "enough")
    make_due()
    deliver_to_the_end(until=lambda: bool(again(order).attention_code))
    make_due()
    again(order)
    if not counted:
        # It had its time and never moved: that is doubted before anything is refunded.
        assert (order.is_being_settled, order.attention_code) == (True, Code.COUNTER_STOOD_STILL)
        Order.objects.update(verify_until=F("verify_until") - timedelta(minutes=31))
        move_watch(order, 31 * 60)
        deliver_to_the_end()
        again(order)
    assert order.status == Status.CANCELED
    assert order.delivered == trial.demo_site.plays(order.oid) == (order.done if counted else 0)
    assert trial.verdict(all_completed=False).broken == []


def move_watch(order: Order, seconds: float) -> None:
    """As if all that was read had been read so much earlier."""
    watch = order.watch
    assert watch is not None
    for name in ("began", "played", "still_since", "trouble", "noted"):
        watch[name] = watch[name] and watch[name] - seconds
    for name in ("last", "shown"):
        if watch[name]:
            watch[name] |= {key: watch[name][key] - seconds for key in ("asked", "answered")}
    Order.objects.filter(pk=order.pk).update(watch=watch, due=Now())


def test_a_canceled_order_grants_the_counter_its_lag(trial):
    order = trial.place(600, wake=False)
    trial.demo_site.fault("count", "lag", video=order.video_id, seconds=1.5)
    trial.use_site(rate=400)
    send_half(order)
    ordering.cancel(order, None)
    make_due()
    deliver_to_the_end()
    assert again(order).status == Status.CANCELED
    assert order.delivered == order.done == trial.demo_site.plays(order.oid)


def test_a_paused_order_that_is_canceled_is_settled_by_a_reading(trial):
    order = half_sent(trial)
    ordering.pause(order, None)
    make_due()
    deliver()
    assert again(order).status == Status.PAUSED
    ordering.cancel(order, None)
    assert again(order).is_being_settled
    deliver_to_the_end()
    assert again(order).status == Status.CANCELED
    assert order.delivered == trial.demo_site.plays(order.oid) > 0
    assert [event.to_status for event in order.events.all()][-2:] == [
        Status.VERIFYING,
        Status.CANCELED,
    ]


# Waiting ends


def test_a_counter_that_rises_by_others_alone_does_not_hold_the_order_for_ever(trial):
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=290)
    with views_of_others(trial, order, rate=4):
        deliver_to_the_end()
    assert again(order).is_final
    assert order.delivered <= trial.demo_site.plays(order.oid) == 10


def test_what_a_counter_showed_late_is_known_to_the_next_order(trial):
    trial.use_site(keys=False, rate=2000, settle_seconds=1)
    order = trial.place(300, wake=False)
    trial.demo_site.fault("count", "lag", video=order.video_id, seconds=4)
    deliver_to_the_end()
    assert (again(order).status, order.delivered) == (Status.COMPLETED, 300)
    trial.site.refresh_from_db()
    assert 3 < trial.site.learned_lag < 8


def test_what_a_site_that_did_not_answer_showed_late_is_no_lag_of_its_counter(trial):
    trial.use_site(keys=False, rate=2000, settle_seconds=1)
    order = trial.place(300, wake=False)
    trial.demo_site.fault("count", "status", status=500, video=order.video_id, skip=1, times=2)
    deliver_to_the_end()
    assert (again(order).status, order.delivered) == (Status.COMPLETED, 300)
    trial.site.refresh_from_db()
    assert trial.site.learned_lag is None


def waits_for_its_counter(trial: Trial) -> Order:
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=100)
    Site.objects.update(resend_percent=0, max_connections=1)
    deliver()
    assert again(order).status == Status.VERIFYING
    return order


def test_a_person_settles_by_the_counter_now(trial):
    order = waits_for_its_counter(trial)
    settle_now(order, None)
    assert (again(order).status, order.delivered) == (Status.PARTIAL, 200)
    assert (order.proof_code, order.attention_code) == (Code.SETTLED_BY_HAND, "")
    with pytest.raises(OrderError, match="not being verified"):
        settle_now(order, None)
    assert trial.verdict(all_completed=False).charged_twice == 0


def test_a_person_settles_by_what_was_counted_since_the_counter_began_anew(trial):
    order = waits_for_its_counter(trial)
    moment = clock.now().timestamp() - 3600
    watch = Watch()
    watch.begin(Reading(moment, moment, 5000, True))
    for after, views, done in ((10, 5100, 100), (11, 0, 100), (21, 200, 300), (1800, 200, 300)):
        watch.note_play(moment + min(after, 20))
        reading = Reading(moment + after, moment + after, views, after > 20)
        watch.add(reading, settled=moment, sent=done, done=done, reserved=done)
    rows = Order.objects.filter(pk=order.pk)
    rows.update(watch=watch.as_json(), old_view_count=5000, view_count=200, done=300, uncertain=0)
    trial.demo_site.fault("count", "status", status=500, video=order.video_id)
    settle_now(again(order), None, "its table was emptied")
    assert (again(order).status, order.delivered) == (Status.PARTIAL, 200)


def test_without_a_reading_a_person_needs_a_reason_to_settle(trial):
    order = waits_for_its_counter(trial)
    trial.demo_site.fault("count", "status", status=500, video=order.video_id)
    with pytest.raises(OrderError, match="cannot be read now"):
        settle_now(order, None)
    assert again(order).status == Status.VERIFYING
    with pytest.raises(OrderError, match="at most 300 characters"):
        settle_now(order, None, "x" * 301)
    assert again(order).status == Status.VERIFYING
    settle_now(order, None, "the site is closed for good")
    assert (again(order).status, order.delivered) == (Status.PARTIAL, 200)
    assert order.proof_code == Code.SETTLED_BY_LAST_READING
    assert order.proof_params["why"] == "the site is closed for good"


# A receipt


def ends_completed(trial: Trial) -> Order:
    order = trial.place(300, wake=False)
    deliver_to_the_end()
    return order


def ends_short(trial: Trial) -> Order:
    Site.objects.update(resend_percent=0, max_connections=1)
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=100)
    deliver_to_the_end()
    return order


def ends_canceled(trial: Trial) -> Order:
    order = half_sent(trial)
    ordering.cancel(order, None)
    make_due()
    deliver_to_the_end()
    return order


def ends_canceled_before_it_began(trial: Trial) -> Order:
    order = trial.place(300, wake=False)
    ordering.cancel(order, None)
    return order


def ends_with_plays_in_doubt(trial: Trial) -> Order:
    trial.use_site(keys=False, rate=2000, settle_seconds=1)
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "half_body", video=order.video_id, skip=50, times=20)
    deliver_to_the_end()
    return order


def ends_beside_others(trial: Trial) -> Order:
    order = trial.place(300, wake=False)
    with views_of_others(trial, order, rate=30):
        deliver_to_the_end()
    return order


ENDS: list[Callable[[Trial], Order]] = [
    ends_completed,
    ends_short,
    ends_canceled,
    ends_canceled_before_it_began,
    ends_with_plays_in_doubt,
    ends_beside_others,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_no_two_lines_of_a_receipt_contradict_one_another(trial, end):
    order = again(end(trial))
    assert order.is_final
    figures = {line.label: line.figure for line in plays_of(order)}
    numbers = {label: int(figure.replace(",", "")) for label, figure in figures.items()}
    sent = numbers["Received by the site"] + numbers.get("Sent, but the answer was lost", 0)
    assert numbers["Delivered"] == order.delivered <= sent <= numbers["Ordered"]
    assert numbers["Delivered"] <= numbers.get("Counted by the site", 0)
    assert order.delivered <= trial.demo_site.plays(order.oid)
    assert trial.verdict(all_completed=False).charged_twice == 0


# Readings


def test_a_spread_order_shows_its_counter_moving(trial):
    order = trial.place(300, wake=False)
    Order.objects.update(hours=100, start_date=None)
    deliver()  # the first play
    before = CounterReading.objects.count()
    for _ in range(3):
        again(order)
        move_watch(order, 600)
        Order.objects.update(start_date=F("start_date") - timedelta(hours=2))
        deliver()
    again(order)
    assert order.done > 3
    assert CounterReading.objects.count() >= before + 3
    assert (order.rise or 0) > 0

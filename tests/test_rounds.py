"""A round against a real site, in this process: what it reserves, sends, proves and gives back."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from booster.delivery import Round, breaker, ending
from booster.delivery.deliveries import Deliveries
from booster.delivery.delivery import Delivery
from booster.delivery.links import SiteLink
from booster.engine import Fetched, Tally
from booster.exceptions import PermanentError, SiteCode, SiteError
from core import ordering
from core.db import clock
from core.db.clock import DatabaseClock
from core.models import Breaker, Order, Pause, Site, SiteCheck, Status, leases, transitions
from tests.faults.trial import Trial
from tests.rounds import ShortRound, deliver, run_until_idle

# Of all that one beat may have to do: claim, read, reserve, decide.
MOST_STATEMENTS = 24


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return Trial(office, demo_site, random.Random(1))


def statuses() -> set[int]:
    return set(Order.objects.values_list("status", flat=True))


class CountedRound(ShortRound):
    """Keeps how many statements each of its beats needed."""

    def __init__(self) -> None:
        super().__init__("test:1", lambda: False)
        self.statements: list[int] = []

    def beat(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            super().beat()
        self.statements.append(len(queries))


def test_a_beat_needs_few_statements_for_many_orders(trial, monkeypatch):
    """However many beats a machine needs that is busy with other things."""
    # The look-out for others lasts as long as the plays took, and is waited for.
    monkeypatch.setattr(ending, "REST_HOLD_SECONDS", 60.0)
    trial.place_many(64, 100, wake=False)
    round_ = CountedRound()
    run_until_idle(round_)
    assert statuses() == {Status.COMPLETED}
    assert trial.verdict().broken == []
    assert max(round_.statements) <= MOST_STATEMENTS, round_.statements


def test_a_short_look_out_for_others_is_not_written_down(trial, monkeypatch):
    # It is as long as the plays took, which on a busy machine is longer.
    monkeypatch.setattr(ending, "REST_HOLD_SECONDS", 60.0)
    order = trial.place(100, wake=False)
    deliver()
    order.refresh_from_db()
    steps = list(order.events.order_by("pk").values_list("from_status", "to_status"))
    assert steps[1:] == [
        (Status.PENDING, Status.RUNNING),
        (Status.RUNNING, Status.VERIFYING),
        (Status.VERIFYING, Status.COMPLETED),
    ]
    # Before the first play, after the last one, and after the rest, which alone proves it.
    assert order.readings.count() == 3
    assert order.verify_until is None


class Overtaken(Deliveries):
    """Another host finds the site taking plays, just before this one writes who waits for it."""

    def write_decisions(self, decided):
        breaker.report_up(Site.objects.select_related("breaker").get())
        super().write_decisions(decided)


def test_an_order_that_begins_to_wait_as_its_site_comes_back_waits_no_longer(trial):
    order = trial.place(100, wake=False)
    Breaker.objects.create(site=order.site).open("The site refused the connection.", 60)
    round_ = ShortRound("test:1", lambda: False)
    round_.deliveries = Overtaken(DatabaseClock(), round_.sessions)
    run_until_idle(round_)
    deliver()  # what is due
    order.refresh_from_db()
    assert order.status == Status.COMPLETED


def test_orders_that_only_wait_for_their_counters_keep_no_other_from_being_sent(trial, monkeypatch):
    monkeypatch.setattr("booster.delivery.FAST_ORDERS", 2)
    trial.place_many(2, 100, wake=False)
    for order in Order.objects.all():
        trial.demo_site.counter(order.video_id, lag=60)
    round_ = Round("test:1", lambda: False)
    try:
        drive(round_, lambda: Order.objects.filter(done=100).count() == 2)
        later = trial.place(100, wake=False)
        drive(round_, lambda: later.refresh_from_db() or later.status == Status.COMPLETED)
        assert Order.objects.filter(status=Status.COMPLETED).count() == 1
    finally:
        round_.close()


def test_orders_that_share_a_slow_site_are_each_sent_soon_after_their_first_reading(trial):
    """From that on others' views may be taken for ours, and are looked out for as long."""
    trial.use_site(rate=200)
    trial.place_many(20, 100, wake=False)
    round_ = Round("test:1", lambda: False)
    try:
        drive(round_, lambda: not Order.objects.filter(done__lt=100).exists())
    finally:
        round_.close()
    watches = Order.objects.values_list("watch", flat=True)
    exposed = [watch["played"] - watch["began"] for watch in watches]
    assert statistics.median(exposed) < 3.0  # of ten that all of them take


def test_an_order_at_which_we_fail_harms_no_other(trial):
    harmed = trial.place(wake=False)
    trial.place_many(5, 100, wake=False)
    strange = Site.objects.create(name="Strange", origin="https://strange.example", adapter="none")
    Order.objects.filter(pk=harmed.pk).update(site=strange)
    deliver()
    harmed.refresh_from_db()
    assert (harmed.status, harmed.attempts) == (Status.RUNNING, 1)
    assert set(Order.objects.exclude(pk=harmed.pk).values_list("status", flat=True)) == {
        Status.COMPLETED
    }


def test_a_site_at_which_we_fail_harms_no_other(trial):
    """Of a time zone that the host knows no more, say."""
    harmed = trial.place(wake=False)
    strange = Site.objects.create(
        name="Strange", origin="https://strange.example", adapter="demo", time_zone="Gone/Nowhere"
    )
    Order.objects.filter(pk=harmed.pk).update(site=strange)
    trial.place_many(5, 100, wake=False)
    deliver()
    harmed.refresh_from_db()
    assert (harmed.status, harmed.lease_until) == (Status.RUNNING, None)
    assert set(Order.objects.exclude(pk=harmed.pk).values_list("status", flat=True)) == {
        Status.COMPLETED
    }


@pytest.mark.parametrize("failing", range(2, 9))
def test_an_order_ends_whenever_the_database_fails(trial, monkeypatch, failing):
    """It is asked for the time in each beat and at each event, and fails at one of these."""
    monkeypatch.setattr(clock, "LOOK_SECONDS", 0.0)
    asked = 0

    def fail_once(execute, sql, *rest):
        nonlocal asked
        asked += sql in (clock.SQLITE, clock.POSTGRESQL)
        if asked == failing:
            asked += 1
            raise OperationalError("the database is gone")
        return execute(sql, *rest)

    trial.place(wake=False)
    with connection.execute_wrapper(fail_once):
        deliver()
    assert asked > failing
    assert trial.verdict().broken == []


@pytest.mark.parametrize("is_done", [False, True])
def test_an_order_of_many_windows_ends_whichever_statement_fails(trial, is_done):
    """Before the database has done what it says, or as the answer is lost."""
    trial.use_site(rate=5000)
    for failing in range(3, 60, 3):
        count = 0

        def fail_once(execute, sql, *rest, failing=failing):
            nonlocal count
            count += 1
            result = execute(sql, *rest) if is_done or count != failing else None
            if count == failing:
                raise OperationalError("the database is gone")
            return result

        order = trial.place(1000, wake=False)
        with connection.execute_wrapper(fail_once):
            drive(Round("test:1", lambda: False), lambda: not trial.any_open(), 60)
        order.refresh_from_db()
        assert (order.status, order.uncertain) == (Status.COMPLETED, 0), failing
    assert trial.verdict().broken == []


def test_a_round_whose_lease_ran_out_takes_its_own_order_anew_and_goes_on(trial):
    """Cut off from the database for longer than a lease, it may be the first to come back."""
    trial.use_site(connections=4, rate=400)
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "delay", seconds=1)
    round_ = Round("test:1", lambda: False)
    drive(round_, lambda: any(one.windows for one in round_.deliveries.values()))
    Order.objects.filter(pk=order.pk).update(lease_until=Now() - timedelta(seconds=1))
    round_._claim_at = 0.0
    round_.claim()
    (link,) = round_.links.values()
    assert link.outstanding == 0
    trial.demo_site.clear()
    run_until_idle(round_)
    order.refresh_from_db()
    assert (order.status, order.attempts, order.fence) == (Status.COMPLETED, 0, 2)
    assert trial.verdict().broken == []


def test_nothing_is_sent_while_people_hold_the_site_back(trial):
    order = trial.place(100, wake=False)
    pause = Pause.objects.begin(trial.site, None, "maintenance")
    deliver()
    order.refresh_from_db()
    assert (order.status, order.reserved) == (Status.PENDING, 0)
    pause.end(None, shift=False)
    deliver()
    order.refresh_from_db()
    assert order.status == Status.COMPLETED


def test_an_order_is_canceled_or_paused_though_its_site_is_held_back(trial, alice):
    stopped, held, going_on = trial.place_many(3, 100, wake=False)
    Order.objects.update(status=Status.RUNNING, start_date=Now())
    Pause.objects.begin(trial.site, None, "maintenance")
    for order in Order.objects.filter(pk=stopped.pk):
        ordering.cancel(order, alice)
    for order in Order.objects.filter(pk=held.pk):
        ordering.pause(order, alice)
    deliver()
    found = dict(Order.objects.values_list("pk", "status"))
    expected = {stopped: Status.CANCELED, held: Status.PAUSED, going_on: Status.RUNNING}
    assert found == {order.pk: status for order, status in expected.items()}
    assert not Order.objects.filter(reserved__gt=0).exists()


def test_in_quiet_hours_an_order_waits_for_their_end(trial):
    order = trial.place(100, wake=False)
    hours = [f"{day} 00:00-24:00" for day in ("Mon-Sat", "Sun")]
    Site.objects.update(time_zone="UTC", quiet_hours=hours[:1])
    deliver()
    order.refresh_from_db()
    if order.status == Status.COMPLETED:  # it is Sunday
        Site.objects.update(quiet_hours=hours[1:])
        order = trial.place(100, wake=False)
        deliver()
        order.refresh_from_db()
    assert (order.status, order.reserved) == (Status.RUNNING, 0)
    assert Order.objects.filter(pk=order.pk, due__gt=Now() + timedelta(minutes=1)).exists()


def test_sending_ends_before_quiet_hours_begin(trial):
    site = trial.site
    site.time_zone, site.quiet_hours = "UTC", ["22:00-06:00"]
    link = SiteLink(site, SimpleQueue(), ThreadPoolExecutor(1))
    evening = datetime(2026, 11, 30, 22, tzinfo=UTC)
    closed = {}
    for seconds in (-5, -1, 0, 8 * 3600 - 1, 8 * 3600):
        link.update_state(site, 1, evening + timedelta(seconds=seconds), is_paused=False)
        closed[seconds] = link.resumes_in if link.is_held_back else None
    near = pytest.approx(8 * 3600, abs=2)
    assert closed == {-5: None, -1: near, 0: 8 * 3600, 8 * 3600 - 1: 1, 8 * 3600: None}


def test_an_order_goes_on_as_soon_as_quiet_hours_are_taken_back(trial):
    order = trial.place(100, wake=False)
    now = clock.now()
    hours = f"{(now - timedelta(hours=1)):%H}:00-{(now + timedelta(hours=2)):%H}:00"
    Site.objects.update(time_zone="UTC", quiet_hours=[hours])
    round_ = Round("test:1", lambda: False)
    later = Order.objects.filter(pk=order.pk, due__gt=Now() + timedelta(minutes=30))
    try:
        drive(round_, later.exists)
        Site.objects.update(quiet_hours=None)
        ordering.follow_week(Site.objects.get())
        drive(round_, lambda: statuses() == {Status.COMPLETED})
    finally:
        round_.close()
    assert trial.verdict().broken == []


def test_a_plan_under_way_follows_its_sites_week_as_it_is_changed(trial):
    order = trial.place(7200, wake=False)
    Order.objects.update(hours=2)
    round_ = Round("test:1", lambda: False)

    def plan():
        held = round_.deliveries.get(order.pk)
        return held and held.plan

    try:
        drive(round_, lambda: Order.objects.get().done > 0)
        former, soon = plan(), (clock.now() + timedelta(hours=1)).timestamp()
        begin, end = (clock.now() + timedelta(minutes=minutes) for minutes in (70, 100))
        Site.objects.update(time_zone="UTC", quiet_hours=[f"{begin:%H:%M}-{end:%H:%M}"])
        drive(round_, lambda: plan() and plan().due(soon) > former.due(soon))
    finally:
        round_.close()
    order.refresh_from_db()
    assert (order.status, order.attempts) == (Status.RUNNING, 0)


def test_windows_that_end_out_of_turn_are_written_down_in_turn(trial):
    """Whoever takes over believes that the last numbers are those of unknown fate."""
    order = trial.place(300, wake=False)
    (lease,) = leases.claim("here:1", 1)
    site = Site.objects.select_related("breaker").get()
    delivery = Delivery(lease, SiteLink(site, SimpleQueue(), ThreadPoolExecutor(1)), 0)
    delivery.begin()
    windows = []
    for _ in range(2):
        delivery.reserve(100)
        windows.append(delivery.windows.take_reserved(lease.expires))
    delivery.record_window(windows[1], Tally(counted=100), 0.0)
    assert (lease.order.done, lease.order.in_flight) == (0, 200)
    delivery.record_window(windows[0], Tally(counted=98, refused=2), 0.0)
    assert (lease.order.done, lease.order.failed, lease.order.in_flight) == (198, 2, 0)
    assert not delivery.windows
    order.refresh_from_db()
    assert order.done == 0  # until the round writes


def test_a_site_that_may_not_be_sent_to_any_more_holds_its_orders(trial, settings):
    order = trial.place(100, wake=False)
    settings.PRIVATE_SITES = ()
    deliver()
    order.refresh_from_db()
    assert (order.status, order.held_by_site, order.reserved) == (Status.PAUSED, True, 0)
    assert SiteCheck.objects.count() == 1


class Interrupted(Round):
    """Somebody thinks better of a pause after the beat has read of it, before it is written."""

    withdrawn = 0

    def decide(self) -> None:
        for order in [one.order for one in self.deliveries.values() if not one.windows]:
            if order.pause_requested and not self.withdrawn:
                row = Order.objects.get(pk=order.pk)
                go_on = transitions.go_on(row, clock.now(), shift=False)
                transitions.apply([(row, go_on)], None)
                self.withdrawn += 1
        super().decide()


def test_a_pause_that_was_withdrawn_in_time_is_none(trial):
    trial.use_site(rate=100)
    order = trial.place(300, wake=False)
    asked = []

    def ask_once() -> bool:
        order.refresh_from_db()
        if order.done and not asked:
            ordering.pause(order, None)
            asked.append(order.pk)
        return False

    driving = Interrupted("test:1", ask_once)
    run_until_idle(driving)
    order.refresh_from_db()
    assert (len(asked), driving.withdrawn) == (1, 1)
    assert order.status == Status.COMPLETED
    assert not order.events.filter(to_status=Status.PAUSED).exists()


def test_an_order_that_is_stopped_while_its_counter_is_asked_is_read_again(trial):
    """What the channel forgets with the order answers no more."""
    order = trial.place(100, wake=False)
    trial.demo_site.fault("count", "delay", video=order.video_id, seconds=3)
    moving = Round("test:1", lambda: False)
    try:
        drive(moving, lambda: any(one.is_reading for one in moving.deliveries.values()))
        [delivery] = moving.deliveries.values()
        moving.deliveries.detach(delivery)
        assert not delivery.is_reading
        trial.demo_site.clear()
        drive(moving, lambda: order.refresh_from_db() or order.status == Status.COMPLETED)
    finally:
        moving.close()


def test_a_reading_from_while_plays_were_sent_settles_no_order_that_is_to_be_tried_again(trial):
    """The site refuses plays at the moment in which its counter answers."""
    trial.use_site(rate=20)
    trial.place(300, wake=False)
    moving = Round("test:1", lambda: False)
    try:
        drive(moving, lambda: any(one.order.done for one in moving.deliveries.values()))
        [delivery] = moving.deliveries.values()
        delivery._watch_at = 0.0
        drive(moving, lambda: delivery.is_reading)
        event = None
        while not isinstance(event, Fetched):
            event = moving.events.get(timeout=20)
        delivery.windows.drop()
        delivery.fail(PermanentError(SiteCode.PLAY_ANSWERED, status=403))
        moving.handle(event)
        assert (delivery.reading, delivery.is_reading) == (None, False)
    finally:
        moving.close()


def drive(moving: Round, until, seconds: float = 20.0) -> None:
    """Beat by beat."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        moving._try_to_beat()
        time.sleep(0.02)


def test_what_a_former_address_answered_says_nothing_of_the_new_one(trial):
    trial.demo_site.remove_token(trial.site.token)
    events = SimpleQueue()
    link = SiteLink(trial.site, events, ThreadPoolExecutor(1))
    link.ask_again()
    asked = events.get(timeout=30)
    assert isinstance(asked.error, SiteError)
    Site.objects.update(origin="http://127.0.0.1:9999")
    link.update_row(Site.objects.get())
    assert not link.handle_answer(asked)
    assert not SiteCheck.objects.exists()
    assert link.proof_error is None
    link.ask_again()  # the new one is asked as soon as that is known
    assert link.handle_answer(events.get(timeout=30))
    assert SiteCheck.objects.count() == 1


def test_looks_at_the_videos_of_many_orders_are_counted_together(trial):
    trial.use_site(keys=False)
    Site.objects.update(counts_readings=None)
    trial.place_many(32, 100, wake=False)
    round_ = ShortRound("test:1", lambda: False)
    drive(round_, lambda: len(round_.deliveries) == 32)
    with CaptureQueriesContext(connection) as queries:
        round_._note_looks(round_.deliveries.values())
    assert len(queries) == 1
    round_.close()

"""Which trouble an order waits out, which ends it, and when waiting itself has an end: the breaker
of a site, the attempts of an order, the deadline. Time is moved where it would be waited for."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as office_settings
from django.db.models import F

from booster import worker
from booster.delivery import ending
from booster.retry import PROBE_LEASE_SECONDS, PROBING, SENDING, WAITING
from core import ordering
from core.models import Breaker, Order, Site, Status, Transition, probe_now
from core.reasons import Code
from tests.faults.guards import take_away
from tests.faults.oracle import reason
from tests.faults.trial import Trial, must_fail, on, size
from tests.office import wait_for
from tests.rounds import deliver, deliver_to_the_end
from tests.sites import DemoSite

DAY = timedelta(days=1)
MAX_ATTEMPTS = SENDING.attempts


@pytest.fixture
def own_site(tmp_path) -> Iterator[DemoSite]:
    with DemoSite(extra=5000, state=tmp_path / "site.json") as site:
        yield site


@pytest.fixture
def own_trial(office, own_site, dice, settings) -> Trial:
    """A trial whose site is nobody else's, so that it may be stopped."""
    address = f"127.0.0.1:{own_site.port}"
    office.env["PRIVATE_SITES"], settings.PRIVATE_SITES = address, (address,)
    return Trial(office, own_site, dice)


def run_all(stop=lambda: False) -> list[float | None]:
    """A round of all open orders, as if their time had come; for how many seconds each waits then,
    None where it has ended."""
    Order.objects.open().update(due=F("create_date"))
    Breaker.objects.filter(probe_at__isnull=False).update(probe_at=F("probe_at") - DAY)
    orders = list(Order.objects.open().order_by("id"))
    waits: dict[int, float] = {}
    release = ending.release

    def note(order: Order, seconds: float = 0, **changes: object) -> Transition:
        waits[order.pk] = seconds
        return release(order, seconds, **changes)

    ending.release = note
    try:
        deliver(stop)
    finally:
        ending.release = release
    for order in orders:
        order.refresh_from_db()
    return [None if one.is_final else waits.get(one.pk, 0.0) for one in orders]


def run_to_the_end(rounds: int = 200) -> None:
    for _ in range(rounds):
        if not Order.objects.open().exists():
            return
        run_all()


def attempts() -> list[int]:
    return list(Order.objects.order_by("id").values_list("attempts", flat=True))


# The breaker of a site


@on("sqlite")
def test_orders_wait_for_a_site_that_is_down_and_no_attempt_counts(own_trial, own_site, row):
    orders = own_trial.place_many(size(4, 100), wake=False)
    own_site.stop()
    for _ in range(MAX_ATTEMPTS + 5):
        waits = run_all()
    breaker = Breaker.objects.get()
    assert attempts() == [0] * len(orders)
    assert breaker.reason_code == "connection_refused"
    # All but the first run of a round give their orders back untried, unless the round is long.
    assert MAX_ATTEMPTS + 4 <= breaker.probes < 2 * (MAX_ATTEMPTS + 4)
    assert 0.8 * PROBING.longest <= waits[0] <= 1.2 * PROBING.longest
    assert min(waits[1:]) >= 0.8 * WAITING.longest
    own_site.start()
    run_to_the_end()
    verdict = own_trial.verdict()
    row("down", f"{MAX_ATTEMPTS + 5} runs of each order while the site is down", verdict)
    assert verdict.broken == []
    assert not Breaker.objects.get().is_open


@on("sqlite")
def test_without_the_breaker_orders_of_a_site_that_is_down_fail(own_trial, own_site, control):
    """The control."""
    own_trial.place_many(2, wake=False)
    own_site.stop()

    def run_without() -> None:
        take_away(["breaker"])
        run_to_the_end(MAX_ATTEMPTS + 5)

    assert own_trial.in_child(run_without) == 0
    own_site.start()
    verdict = own_trial.verdict()
    must_fail(verdict)
    assert verdict.ended == {"failed": 2}
    control("breaker of a site", verdict)


@on("sqlite")
def test_one_run_at_a_time_tries_whether_the_site_is_back(own_trial, own_site):
    order = own_trial.place(wake=False)
    own_site.stop()
    [wait] = run_all()
    assert 0.8 * PROBING.first <= wait <= 1.2 * PROBING.first
    breaker = Breaker.objects.get()
    assert not breaker.take_probe(PROBE_LEASE_SECONDS)
    probe_now({breaker.pk})
    assert [breaker.take_probe(PROBE_LEASE_SECONDS), breaker.take_probe(PROBE_LEASE_SECONDS)] == [
        True,
        False,
    ]
    order.refresh_from_db()
    assert (order.status, order.attempts, order.reserved) == (Status.RUNNING, 0, 0)


@on("sqlite")
def test_several_orders_failing_alike_open_the_breaker_while_the_site_shows_its_token(trial, row):
    """A site whose pages stand while its program is down."""
    trial.place_many(3, wake=False)
    trial.demo_site.fault("count", "status", status=502)
    run_all()
    assert Breaker.objects.get().reason_code == Code.SEVERAL_ORDERS_FAILED
    for _ in range(MAX_ATTEMPTS + 5):
        run_all()
    assert sorted(attempts()) == [0, 0, 1]
    trial.demo_site.clear()
    run_to_the_end()
    verdict = trial.verdict()
    row("down", "its pages stand, its program is down", verdict)
    assert verdict.broken == []


# The attempts of an order


@on("sqlite")
def test_an_order_that_fails_alone_ends_and_is_refunded_and_holds_up_nobody(trial, row):
    poisoned = trial.place(wake=False)
    trial.demo_site.fault("count", "status", status=500, video=poisoned.video_id)
    waits = []
    for number in range(MAX_ATTEMPTS):
        if number % 3 == 1:
            trial.place(wake=False)
        waits.append(run_all()[0])
    run_to_the_end()
    poisoned.refresh_from_db()
    assert (poisoned.status, str(poisoned.refunded)) == (Status.FAILED, "3.33")
    assert "Given up after 10 attempts: " in reason(poisoned)
    assert "answered 500" in reason(poisoned)
    usual = [min(SENDING.first * 2**number, SENDING.longest) for number in range(MAX_ATTEMPTS - 1)]
    assert [0.8 * time <= wait <= 1.2 * time for time, wait in zip(usual, waits, strict=False)] == (
        [True] * (MAX_ATTEMPTS - 1)
    )
    assert waits[-1] is None
    verdict = trial.verdict(all_completed=False)
    row("down", f"an order that fails alone {MAX_ATTEMPTS} times", verdict)
    assert verdict.broken == []
    assert verdict.ended["completed"] == verdict.orders - 1


@on("sqlite")
def test_an_order_whose_plays_end_in_doubt_is_settled_by_the_counter(trial):
    poisoned = trial.place(wake=False)
    trial.demo_site.fault("plays", "status", status=500, video=poisoned.video_id, skip=100)
    for _ in range(2 * MAX_ATTEMPTS):
        run_all()
    poisoned.refresh_from_db()
    assert poisoned.status == Status.VERIFYING
    assert "Given up" in reason(poisoned)
    deliver_to_the_end()
    poisoned.refresh_from_db()
    assert (poisoned.status, poisoned.delivered) == (Status.PARTIAL, 100)
    assert trial.verdict(all_completed=False).broken == []


@on("sqlite")
def test_an_order_at_which_we_ourselves_fail_ends_and_asks_for_a_person(trial):
    """A recipe that no program understands, say."""
    order = trial.place(wake=False)
    Site.objects.update(adapter="of another sort")
    for _ in range(MAX_ATTEMPTS):
        run_all()
    order.refresh_from_db()
    assert (order.status, str(order.refunded)) == (Status.FAILED, "3.33")
    assert order.attention_code == Code.OWN_ERROR
    Site.objects.update(adapter="demo")
    assert trial.verdict(all_completed=False).broken == []


def unreadable(trial: Trial) -> Order:
    """An order that is verified while its counter could not be read for more than ten times."""
    order = trial.place(wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=50)
    run_all()
    trial.demo_site.fault("count", "status", status=500, video=order.video_id)
    for _ in range(MAX_ATTEMPTS + 2):
        run_all()
    order.refresh_from_db()
    assert (order.status, order.attempts) == (Status.VERIFYING, MAX_ATTEMPTS + 2)
    trial.demo_site.clear()
    return order


@on("sqlite")
def test_readings_that_failed_do_not_count_against_the_plays_that_are_sent_again(trial):
    order = unreadable(trial)
    Site.objects.update(resend_percent=100)
    trial.demo_site.fault("plays", "status", status=500, video=order.video_id)

    def is_sent_again() -> bool:
        order.refresh_from_db()
        return order.resent > 0 and order.attempts > 0

    wait_for(lambda: run_all() is not None and is_sent_again(), what="plays sent again")
    assert (order.status, order.resent, order.attempts) == (Status.RUNNING, 50, 1)


@on("sqlite")
def test_readings_that_failed_do_not_count_against_an_order_at_which_we_fail_once(trial):
    order = unreadable(trial)
    Site.objects.update(adapter="of another sort")
    run_all()
    order.refresh_from_db()
    assert (order.status, order.attention_code) == (Status.VERIFYING, "")
    for trouble in Order.objects.all():
        trouble.watch["trouble"] -= 2 * DAY.total_seconds()
        Order.objects.filter(pk=trouble.pk).update(watch=trouble.watch)
    run_all()
    order.refresh_from_db()
    # A person is told; nothing is settled but by a reading, or by them.
    assert (order.status, order.attention_code) == (Status.VERIFYING, Code.COUNTER_UNREADABLE)


@on("sqlite")
def test_sends_that_failed_do_not_count_against_the_reading_after_plays_that_were_received(trial):
    trial.use_site(rate=400)
    order = half_done(trial)
    Order.objects.update(attempts=MAX_ATTEMPTS - 1)
    trial.demo_site.fault("count", "status", status=500, video=order.video_id)

    def is_all_out() -> bool:
        order.refresh_from_db()
        return order.done == order.count and order.attempts > 0

    # Where it takes the machine too long to look for the token, the site is waited for first.
    wait_for(lambda: run_all() is not None and is_all_out(), what="plays and a failed reading")
    assert (order.status, order.attempts) == (Status.RUNNING, 1)


@on("sqlite")
def test_without_an_end_of_attempts_a_poisoned_order_runs_for_ever(trial, control):
    """The control."""
    poisoned = trial.place(wake=False)
    trial.demo_site.fault("count", "status", status=500, video=poisoned.video_id)

    def run_without() -> None:
        take_away(["attempts"])
        run_to_the_end(3 * MAX_ATTEMPTS)

    assert trial.in_child(run_without) == 0
    verdict = trial.verdict(all_completed=False)
    must_fail(verdict)
    control("end of attempts", verdict)


# The deadline


def half_done(trial: Trial, **order: object) -> Order:
    """An order of which the first window was received; then its consumer was stopped. However busy
    the machine is: what comes after that window is answered slowly."""
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "delay", video=order.video_id, skip=100, seconds=1)
    deliver(lambda: Order.objects.filter(pk=order.pk, done__gt=0).exists())
    trial.demo_site.clear()
    order.refresh_from_db()
    assert 0 < order.done < order.count
    assert order.status == Status.RUNNING
    return order


def let_time_pass(hours: float) -> None:
    Order.objects.update(start_date=F("start_date") - timedelta(hours=hours))


PATIENCE = office_settings.ORDER_DEADLINE_HOURS


@on("sqlite")
def test_an_order_ends_at_its_deadline_with_what_was_delivered(own_trial, own_site, row):
    own_trial.use_site(rate=400)
    half = half_done(own_trial)
    own_site.stop()
    untouched, spread = own_trial.place_many(2, wake=False)
    Order.objects.filter(pk=spread.pk).update(hours=100)
    run_all()
    let_time_pass(PATIENCE - 1)
    run_all()
    assert Order.objects.open().count() == 3
    let_time_pass(2)
    run_all()
    own_site.start()
    # Its slow plays have to be proved, for as long as that takes.
    wait_for(lambda: run_all() is not None and Order.objects.open().count() == 1, what="the ends")
    for order in (half, untouched, spread):
        order.refresh_from_db()
    assert (half.status, half.delivered) == (Status.PARTIAL, half.done)
    assert (untouched.status, str(untouched.refunded)) == (Status.PARTIAL, "3.33")
    for order in (half, untouched):
        assert "deadline has passed" in reason(order)
    assert "refused the connection" in reason(untouched)
    # A deadline is longer than the time that the plays are spread over.
    assert spread.status == Status.RUNNING
    ordering.cancel(spread, None)
    run_to_the_end()
    verdict = own_trial.verdict(all_completed=False)
    row("down", "deadlines passed", verdict)
    assert verdict.broken == []


@on("sqlite")
def test_an_order_that_waits_for_a_token_ends_at_its_deadline_as_well(trial):
    trial.use_site(rate=400)
    order = half_done(trial)
    trial.demo_site.remove_token(trial.site.token)
    Site.objects.update(verified_at=None)
    run_all()
    order.refresh_from_db()
    assert order.status == Status.PAUSED
    worker.sweep()
    let_time_pass(PATIENCE + 1)
    worker.sweep()
    run_all()
    order.refresh_from_db()
    # Not even its counter is read before the site shows its token again.
    assert (order.status, order.delivered) == (Status.VERIFYING, None)
    trial.use_site(rate=400)
    run_to_the_end()
    order.refresh_from_db()
    assert (order.status, order.delivered) == (Status.PARTIAL, order.done)
    assert trial.verdict(all_completed=False).broken == []


@on("sqlite")
def test_without_the_deadline_an_order_of_a_site_that_is_gone_never_ends(
    own_trial, own_site, control
):
    """The control."""
    own_trial.place(wake=False)
    own_site.stop()
    run_all()
    let_time_pass(PATIENCE + 1)

    def run_without() -> None:
        take_away(["deadline"])
        run_to_the_end(MAX_ATTEMPTS)

    assert own_trial.in_child(run_without) == 0
    own_site.start()
    verdict = own_trial.verdict(all_completed=False)
    must_fail(verdict)
    control("deadline of an order", verdict)

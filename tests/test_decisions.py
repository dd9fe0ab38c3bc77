"""What a round decides of an order is decided once, though the database fails before it is written;
and whatever was lost on the way, no order waits for it longer than it has to."""

import random
import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from booster import worker
from booster.delivery import Round, paused_orders
from booster.delivery.deliveries import Deliveries
from booster.delivery.links import TokenAnswer
from booster.exceptions import SiteCode, TemporaryError
from booster.pacing import DripPlan
from booster.retry import OWN_FAILURE_SECONDS, PROBE_LEASE_SECONDS, PROBING
from core import ordering
from core.db.clock import DatabaseClock
from core.models import Breaker, Customer, Order, Pause, Site, SiteCheck, Status
from core.reasons import Code
from tests.base import balance
from tests.faults.trial import Trial
from tests.processes import free_port, no_room_for_files
from tests.rounds import ShortRound, deliver, run_until_idle
from tests.steps import begin

DAYS = timedelta(days=2)


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return Trial(office, demo_site, random.Random(1))


class CutOff(Deliveries):
    """The database fails as often as decisions are to be written."""

    failures = 0

    def write_decisions(self, decided) -> None:
        if self.failures:
            self.failures -= 1
            raise OperationalError("the database is gone")
        super().write_decisions(decided)


def cut_off_round(failures: int) -> tuple[ShortRound, CutOff]:
    driving = ShortRound("test:1", lambda: False)
    driving.deliveries = deliveries = CutOff(DatabaseClock(), driving.sessions)
    deliveries.failures = failures
    return driving, deliveries


def deliver_cut_off(failures: int = 2) -> None:
    driving, deliveries = cut_off_round(failures)
    run_until_idle(driving)
    assert deliveries.failures == 0


def take_down(settings) -> None:
    """Nothing listens at the site's address."""
    nowhere = f"127.0.0.1:{free_port()}"
    settings.PRIVATE_SITES = (*settings.PRIVATE_SITES, nowhere)
    Site.objects.update(origin=f"http://{nowhere}")


def is_due_within(order: Order, seconds: float) -> bool:
    return Order.objects.filter(pk=order.pk, due__lt=Now() + timedelta(seconds=seconds)).exists()


# Decided once


def test_the_order_that_found_its_site_down_comes_back_to_try_it(trial, settings):
    order = trial.place(wake=False)
    take_down(settings)
    deliver_cut_off()
    assert Breaker.objects.get().is_open
    assert is_due_within(order, 1.2 * PROBING.first)


def test_a_host_without_room_for_a_connection_says_nothing_of_a_site(trial):
    """Its order waits, and the site is taken for what it was before."""
    order = trial.place(wake=False)
    driving = ShortRound("test:1", lambda: False)
    with no_room_for_files():
        run_until_idle(driving)
    order.refresh_from_db()
    assert not Breaker.objects.filter(opened_at__isnull=False)
    assert (order.attempts, order.lease_until) == (0, None)
    assert not is_due_within(order, 0.8 * OWN_FAILURE_SECONDS)
    assert Site.objects.get().unreachable_at is None
    assert not SiteCheck.objects.filter(outcome=SiteCheck.Outcome.UNREACHABLE)


def test_a_probe_that_failed_is_counted_once(trial, settings):
    order = trial.place(wake=False)
    take_down(settings)
    deliver()
    Breaker.objects.update(probe_at=Now())
    Order.objects.update(due=Now())
    deliver_cut_off()
    assert Breaker.objects.get().probes == 1
    assert is_due_within(order, 1.2 * 2 * PROBING.first)


def test_an_order_that_is_given_up_is_not_tried_for_another_half_hour(trial):
    order = trial.place(wake=False)
    trial.demo_site.fault("count", "status", status=404, video=order.video_id)
    deliver()
    order.refresh_from_db()
    order.watch["trouble"] -= DAYS.total_seconds()
    Order.objects.update(watch=order.watch, due=Now())
    deliver_cut_off()
    order.refresh_from_db()
    assert order.status == Status.FAILED


def test_a_reading_is_added_once(trial):
    order = trial.place(100, wake=False)
    deliver_cut_off()
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    # Of what is kept, the one before the first play is not counted.
    assert order.watch["own"] == order.readings.count() - 1


def test_a_site_that_loses_none_gets_no_more_than_twice_as_many_at_once(trial):
    long_ago = Now() - DAYS
    Site.objects.update(counted_connections=1, counts_lost_at=long_ago)
    trial.place(100, wake=False)
    deliver_cut_off()
    assert Site.objects.get().counted_connections == 2


def test_nothing_is_sent_of_an_order_while_it_is_being_given_back(trial):
    """Its time comes before the database does."""
    order = trial.place(100, wake=False)
    Order.objects.update(hours=1)
    driving, deliveries = cut_off_round(20)

    def let_time_pass() -> bool:
        for one in deliveries.values():
            if one.decision is not None and deliveries.failures == 15:
                one.plan = DripPlan(100, time.time() - 1800, 1)
        return False

    driving._shall_stop = let_time_pass
    run_until_idle(driving)
    order.refresh_from_db()
    assert deliveries.failures == 0
    assert (order.status, order.reserved, order.lease_until) == (Status.RUNNING, 0, None)


# Nobody waits for what was lost


def wait_for_probe(trial, settings) -> Order:
    """An order that waits, as another one tries its site."""
    order = trial.place(wake=False)
    take_down(settings)
    deliver()
    Breaker.objects.update(probe_at=Now() - timedelta(seconds=1))
    assert Breaker.objects.get().take_probe(PROBE_LEASE_SECONDS)
    Order.objects.update(due=Now())
    deliver()
    assert not is_due_within(order, 60)
    return order


def test_where_the_process_that_tries_a_site_is_killed_another_order_is_woken(trial, settings):
    order = wait_for_probe(trial, settings)
    worker.sweep()
    assert not is_due_within(order, 60)
    Breaker.objects.update(probe_at=Now() - timedelta(seconds=10))
    worker.sweep()
    assert is_due_within(order, 0)


def test_an_order_whose_refund_has_no_room_waits_for_it_and_says_so(trial):
    order = trial.place(wake=False)
    begin(order)
    Order.objects.update(cancel_requested=True, due=Now())
    Customer.objects.update(balance="9999999999.99")
    deliver()
    order.refresh_from_db()
    assert (order.status, order.lease_until) == (Status.RUNNING, None)
    assert order.attention_code == Code.REFUND_TOO_LARGE
    assert not is_due_within(order, 60)
    Customer.objects.update(balance=0)
    Order.objects.update(due=Now())
    deliver()
    order.refresh_from_db()
    assert (order.status, order.attention_code) == (Status.CANCELED, "")
    assert balance(order.customer) == order.price


@pytest.mark.parametrize("ends", ["stopped", "canceled"])
def test_an_order_that_leaves_without_having_tried_its_site_lets_another_one_try(
    trial, settings, ends
):
    waiting = wait_for_probe(trial, settings)
    Breaker.objects.update(probe_at=Now() - timedelta(seconds=1))
    trying = trial.place(wake=False)
    settings.PRIVATE_SITES = (*settings.PRIVATE_SITES, trial.demo_site.url.partition("//")[2])
    Site.objects.update(origin=trial.demo_site.url)
    trial.demo_site.fault("count", "delay", video=trying.video_id, seconds=3)

    def stop_once_it_tries() -> bool:
        if Breaker.objects.filter(probe_at__gt=Now() + timedelta(seconds=15)).exists():
            if ends == "stopped":
                return True
            order = Order.objects.get(pk=trying.pk)
            if not order.cancel_requested:
                ordering.cancel(order, None)
        return False

    run_until_idle(ShortRound("test:1", stop_once_it_tries))
    assert is_due_within(waiting, 0)
    assert Breaker.objects.get().take_probe(PROBE_LEASE_SECONDS)


def test_an_order_whose_site_is_asked_for_its_token_as_it_halts_goes_on(trial):
    """Its proof ran out while it sent, and the site was too busy to answer just then."""
    trial.use_site(rate=200)
    order = trial.place(1000, wake=False)
    driving = Round("test:1", lambda: False)
    asked = []

    def lose_proof() -> bool:
        for one in driving.deliveries.values():
            if one.order.done and not asked:
                one.link._last_proved, one.link.is_asking = float("-inf"), True
                asked.append(one.link)
            elif asked and one.is_halted and not one.windows and asked[0].is_asking:
                busy = TemporaryError(SiteCode.CONNECTION_REFUSED, site="Harbour")
                driving.events.put(TokenAnswer(asked[0].site, None, busy))
                asked[0].is_asking = False
        return False

    driving._shall_stop = lose_proof
    run_until_idle(driving)
    assert asked
    assert driving.deliveries == {}
    assert is_due_within(order, 1.2 * PROBING.first)


def test_one_part_of_the_sweep_that_fails_keeps_nothing_else_from_being_done(
    trial, monkeypatch, caplog
):
    done = []

    def fail() -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(paused_orders, "resume_where_shown", fail)
    monkeypatch.setattr(worker, "other_sweeps", [fail, lambda: done.append(1)])
    worker.sweep()
    assert done == [1]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_plays_that_are_all_out_are_proved_though_people_hold_the_site_back(trial):
    """What others add meanwhile would be taken for ours, or ours for theirs."""
    order = trial.place(100, wake=False)
    trial.demo_site.fault("plays", "delay", seconds=1, times=1)
    driving = ShortRound("test:1", lambda: False)

    def hold() -> bool:
        is_out = any(one.order.reserved == one.order.count for one in driving.deliveries.values())
        if is_out and not Pause.objects.exists():
            Pause.objects.begin(trial.site, None, "maintenance")
        return False

    driving._shall_stop = hold
    run_until_idle(driving)
    order.refresh_from_db()
    assert Pause.objects.exists()
    assert order.status == Status.COMPLETED

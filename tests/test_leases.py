"""The leases of a round: one owner at a time, every write fenced, nothing forgotten when an owner
dies. One statement speaks of all orders."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import ordering
from core.models import Lease, Order, OrderEvent, Status, leases, transitions
from tests.base import an_order, placed


@pytest.fixture
def order(office):
    return an_order()


def claim(holder: str = "here:1", most: int = 10, wanted: Q | None = None) -> list[Lease]:
    return leases.claim(holder, most, wanted)


def claim_one(holder: str = "here:1") -> Lease:
    (lease,) = claim(holder)
    return lease


def write(lease: Lease, **figures) -> bool:
    """Whether it was still the holder's."""
    for name, value in figures.items():
        setattr(lease.order, name, value)
    return lease.order.pk in leases.write_progress([lease])


def let_them_run_out() -> None:
    Order.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def more_orders(order: Order, number: int) -> list[Order]:
    videos = (f"more-{index}" for index in range(number))
    return [placed(order.customer, order.site, video, price="0.01") for video in videos]


def test_a_free_order_is_claimed_once_and_runs_from_then_on(order):
    lease = claim_one()
    assert (lease.order.fence, lease.order.status) == (1, Status.RUNNING)
    assert claim("there:1") == []
    order.refresh_from_db()
    assert (order.fence, order.status, order.holder) == (1, Status.RUNNING, "here:1")
    assert order.start_date is not None
    assert order.events.get(to_status=Status.RUNNING).from_status == Status.PENDING


def test_the_longest_due_are_claimed_first_and_no_more_than_asked_for(order):
    late = more_orders(order, 2)[1]
    Order.objects.filter(pk=late.pk).update(due=timezone.now() - timedelta(hours=1))
    assert [lease.order.pk for lease in claim(most=1)] == [late.pk]
    assert len(claim(most=10)) == 2


def test_only_what_is_wanted_is_claimed(order):
    assert claim(wanted=Q(hours__gt=0)) == []
    assert len(claim(wanted=Q(hours=0))) == 1


def test_an_order_that_is_not_due_yet_is_not_claimed(order):
    Order.objects.update(due=timezone.now() + timedelta(seconds=60))
    assert claim() == []
    Order.objects.update(due=timezone.now() - timedelta(seconds=1))
    assert len(claim()) == 1


def test_who_lost_the_lease_can_write_nothing_and_no_other_order_is_harmed(order):
    more_orders(order, 1)
    slow, kept = claim("slow:1")
    Order.objects.filter(pk=slow.order.pk).update(lease_until=timezone.now() - timedelta(1))
    quick = claim_one("quick:1")
    assert quick.order.pk == slow.order.pk
    slow.order.reserved = slow.order.sequence = 10
    kept.order.reserved = kept.order.sequence = 7
    assert leases.write_progress([slow, kept]).keys() == {kept.order.pk}
    with pytest.raises(transitions.TransitionError):
        transitions.apply([(slow.order, leases.release(slow.order))], None)
    assert write(quick, reserved=10, sequence=10, done=4, uncertain=6)
    order.refresh_from_db()
    assert (order.fence, order.done, order.uncertain, order.reserved) == (2, 4, 6, 10)
    assert Order.objects.get(pk=kept.order.pk).reserved == 7


def test_the_next_owner_sees_what_was_on_the_wire(order):
    first = claim_one()
    assert write(first, reserved=68, sequence=70, done=28, failed=2)
    let_them_run_out()
    second = claim_one("there:1")
    assert (second.order.fence, second.order.in_flight) == (2, 40)
    assert second.order.sequence == 70  # so plays 31 to 70 are the ones of unknown fate


def test_no_more_can_be_reserved_than_was_bought(order):
    lease = claim_one()
    with pytest.raises(IntegrityError):
        write(lease, reserved=101, sequence=101)
    order.refresh_from_db()
    assert order.reserved == 0


def test_all_figures_are_written_as_they_are(order):
    lease = claim_one()
    answers = {"200": 90, "503": 4}
    figures = {"reserved": 96, "sequence": 100, "done": 90, "failed": 4, "uncertain": 2}
    figures |= {"attempts": 3, "resent": 1, "old_view_count": 2**40, "view_count": None}
    assert write(lease, answers=answers, **figures)
    order.refresh_from_db()
    assert order.answers == answers
    assert {name: getattr(order, name) for name in figures} == figures
    assert write(lease, answers=None)
    assert Order.objects.filter(answers__isnull=True).count() == 1


def test_whoever_writes_learns_what_people_asked_for(order):
    lease = claim_one()
    assert leases.write_progress([lease]) == {order.pk: (False, False)}
    Order.objects.update(cancel_requested=True)
    assert leases.write_progress([lease]) == {order.pk: (True, False)}
    sent: list[int] = []

    def count(execute, sql, params, many, context):
        sent.append(len(params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        held = range(order.pk, order.pk + 1000)
        assert leases.asked_to_stop(held) == [(order.pk, True, False)]
    assert sent == [1]


def test_released_is_free_at_its_time(order):
    lease = claim_one()
    transitions.apply([(lease.order, leases.release(lease.order, 60))], None)
    assert claim() == []
    let_them_run_out()
    Order.objects.update(due=timezone.now(), lease_until=None)
    assert claim_one().order.fence == 2
    order.refresh_from_db()
    assert OrderEvent.objects.filter(order=order).count() == 2  # placed, begun; no more


def test_many_are_released_each_until_a_time_of_its_own(order):
    more_orders(order, 2)
    given_back = [
        (lease.order, leases.release(lease.order, seconds))
        for lease, seconds in zip(claim(), (0, 30, 90), strict=True)
    ]
    transitions.apply(given_back, None)
    now = timezone.now()
    waits = sorted((one.due - now).total_seconds() for one in Order.objects.all())
    assert [round(wait / 10) for wait in waits] == [0, 3, 9]
    assert len(claim()) == 1


def test_the_heartbeat_prolongs_the_lease(order):
    lease = claim_one()
    before, told = Order.objects.get().lease_until, lease.expires
    assert write(lease)
    assert Order.objects.get().lease_until > before
    assert lease.expires > told


def test_a_heartbeat_that_is_rolled_back_prolongs_nothing(order):
    lease = claim_one()
    told = lease.expires
    with pytest.raises(OperationalError), transaction.atomic():
        assert write(lease)
        raise OperationalError("the commit failed")
    assert lease.expires == told


def test_a_beat_of_many_orders_is_one_statement(order):
    more_orders(order, 30)
    held = claim(most=31)
    assert len(held) == 31
    for number, lease in enumerate(held):
        lease.order.reserved = lease.order.sequence = lease.order.done = number
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(leases.write_progress(held)) == 31
    assert len(queries) == 1
    assert sorted(Order.objects.values_list("done", flat=True)) == list(range(31))


def test_a_database_that_holds_nothing_for_us_is_only_looked_at(order):
    Order.objects.update(due=timezone.now() + timedelta(seconds=60))
    with CaptureQueriesContext(connection) as queries:
        assert claim() == []
    assert len(queries) == 1


@pytest.mark.parametrize("asked", [ordering.cancel, ordering.pause])
def test_what_somebody_wants_stopped_as_it_is_given_back_is_due_at_once(order, asked):
    """Who gives it back does not know of it yet."""
    lease = claim_one()
    asked(Order.objects.get(), None)
    transitions.apply([(lease.order, leases.release(lease.order, 3600))], None)
    assert [lease.order.pk for lease in claim()] == [order.pk]


def test_orders_are_given_back_together_each_to_its_own_time(order):
    more_orders(order, 2)
    given = [one.order for one in claim()]
    chosen = [(one, leases.release(one, 60 * index)) for index, one in enumerate(given)]
    transitions.apply(chosen, None)
    assert [lease.order.pk for lease in claim()] == [given[0].pk]
    waits = Order.objects.order_by("due").values_list("due", flat=True)
    assert [round((due - waits[0]).total_seconds() / 60) for due in waits] == [0, 1, 2]

"""The lease: one owner at a time, every write fenced, nothing forgotten when an owner dies."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import Lease, LeaseLostError, Order
from tests.base import an_order


@pytest.fixture
def order(office):
    return an_order()


def let_it_run_out(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_free_order_is_claimed_once(order):
    assert Lease.claim(order.pk).order.fence == 1
    assert Lease.claim(order.pk) is None


def test_an_order_that_is_not_due_yet_is_not_claimed(order):
    Order.objects.update(due=timezone.now() + timedelta(seconds=60))
    assert Lease.claim(order.pk) is None
    Order.objects.update(due=timezone.now() - timedelta(seconds=1))
    assert Lease.claim(order.pk) is not None


def test_who_lost_the_lease_can_write_nothing(order):
    slow = Lease.claim(order.pk)
    slow.reserve(10)
    let_it_run_out(order)
    quick = Lease.claim(order.pk)
    for write in (
        lambda: slow.reserve(10),
        lambda: slow.checkpoint(done=10),
        lambda: slow.release(),
        lambda: slow.record(attempts=9),
    ):
        with pytest.raises(LeaseLostError):
            write()
    quick.checkpoint(done=4, uncertain=6)
    order.refresh_from_db()
    assert (order.fence, order.done, order.uncertain, order.reserved) == (2, 4, 6, 10)


def test_the_next_owner_sees_what_was_on_the_wire(order):
    first = Lease.claim(order.pk)
    assert first.reserve(30) == 30
    assert first.checkpoint(done=28, failed=2, reserve=40) == 40
    let_it_run_out(order)
    second = Lease.claim(order.pk)
    assert second.order.in_flight == 40
    assert second.order.sequence == 70  # so plays 31 to 70 are the ones of unknown fate


def test_no_more_is_reserved_than_was_bought(order):
    lease = Lease.claim(order.pk)
    assert lease.reserve(70) == 70
    assert lease.checkpoint(done=70, reserve=70) == 30
    assert lease.checkpoint(done=30, reserve=70) == 0
    assert Order.objects.get().reserved == 100


def test_failed_and_unsent_plays_are_reserved_again_under_new_numbers(order):
    lease = Lease.claim(order.pk)
    lease.reserve(100)
    assert lease.checkpoint(done=90, failed=4, not_sent=6, reserve=50) == 10
    order.refresh_from_db()
    assert (order.reserved, order.sequence, order.failed) == (100, 110, 4)


def test_released_is_free_at_its_time(order):
    lease = Lease.claim(order.pk)
    lease.release()
    assert Lease.claim(order.pk).order.fence == 2


def test_the_heartbeat_prolongs_the_lease(order):
    lease = Lease.claim(order.pk)
    before = Order.objects.get().lease_until
    lease.reserve(1)
    assert Order.objects.get().lease_until > before

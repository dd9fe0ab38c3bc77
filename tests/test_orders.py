"""The order: one transaction to place it, one place to change it, one end and one refund."""

import uuid
from decimal import Decimal

import pytest
from django.db import transaction

from core import ordering
from core.models import (
    FINAL,
    FLOW,
    Customer,
    LedgerEntry,
    Order,
    OrderError,
    OrderEvent,
    Site,
    Status,
    TransitionError,
)
from core.ops.auditing import differences
from core.ordering import OrderRefusedError
from core.ordering.placing import AlreadyPlacedError
from core.reasons import Code
from tests.base import placed
from tests.steps import move, settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return Site.objects.create(name="Harbour", origin="https://videos.example.com")


@pytest.fixture
def place(erin, site):
    def place(video: str = "dawn", price: str = "5.00", **more) -> Order:
        return placed(erin, site, video, price=price, **more)

    return place


def balance() -> Decimal:
    return Customer.objects.values_list("balance", flat=True).get()


def test_placing_charges_once_and_writes_the_order_its_event_and_its_entry(place):
    order = place()
    assert balance() == Decimal("15.00")
    assert order.unit_price == Decimal("0.0005")
    assert order.oid.startswith(f"{order.customer_id}-")
    entry = LedgerEntry.objects.get(order=order)
    assert (entry.amount, entry.reference) == (Decimal("-5.00"), f"order:{order.oid}")
    event = order.events.get()
    assert (event.from_status, event.to_status) == (None, Status.PENDING)


def test_two_orders_of_one_customer_in_the_same_microsecond_get_a_number_each(place, monkeypatch):
    numbers = iter([["7-1"], ["7-1"], ["7-2"]])
    monkeypatch.setattr("core.ordering.placing.new_numbers", lambda placements: next(numbers))
    assert [place("dawn").oid, place("dusk").oid] == ["7-1", "7-2"]
    assert balance() == Decimal("10.00")
    assert list(differences()) == []


def test_an_order_the_balance_does_not_cover_leaves_nothing_behind(place):
    with pytest.raises(OrderRefusedError) as refused:
        place(price="20.01")
    assert refused.value.errors == {"customer": "The balance is short by 0.01."}
    assert balance() == Decimal("20.00")
    assert not Order.objects.exists()
    assert not OrderEvent.objects.exists()


def test_a_double_click_makes_one_order(place):
    key = uuid.uuid4()
    first = place(request_key=key)
    with pytest.raises(AlreadyPlacedError) as again:
        place("dusk", request_key=key)
    assert again.value.order == first
    assert balance() == Decimal("15.00")
    assert Order.objects.count() == 1


def test_a_video_holds_one_open_order(place):
    first = place()
    with pytest.raises(OrderRefusedError) as refused:
        place()
    assert refused.value.errors == {
        "url": "This video is in use by another open order or calibration."
    }
    assert balance() == Decimal("15.00")
    ordering.cancel(first, actor=None)
    assert place().status == Status.PENDING


def test_canceling_a_pending_order_gives_all_back_once(place):
    order = place()
    ordering.cancel(order, actor=None, reason="changed my mind")
    assert (order.status, order.delivered) == (Status.CANCELED, 0)
    assert balance() == Decimal("20.00")
    with pytest.raises(TransitionError):
        ordering.cancel(order, actor=None)
    assert balance() == Decimal("20.00")
    assert list(differences()) == []


def test_canceling_a_running_order_asks_its_delivery_to_stop(place):
    order = place()
    Order.objects.update(status=Status.RUNNING)
    order.refresh_from_db()
    ordering.cancel(order, actor=None)
    ordering.cancel(order, actor=None)
    assert (order.status, order.cancel_requested) == (Status.RUNNING, True)
    assert balance() == Decimal("15.00")
    assert order.events.count() == 2


def test_ending_refunds_what_was_not_delivered(place):
    order = place()
    Order.objects.update(status=Status.RUNNING)
    order.refresh_from_db()
    settle(order, Status.PARTIAL, 3_333)
    assert order.refunded == Decimal("3.33")
    assert balance() == Decimal("18.33")
    assert list(differences()) == []


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_a_status_changes_only_along_the_flow(place, before, after):
    order = place()
    Order.objects.update(status=before)
    order.refresh_from_db()
    if after in FLOW[before]:
        move(order, after, fence=order.fence)
        assert Order.objects.get().status == after
        assert order.events.last().to_status == after
        return
    with pytest.raises(TransitionError):
        move(order, after, fence=order.fence)
    assert Order.objects.get().status == before
    assert order.events.count() == 1


def test_whoever_changes_a_stale_order_is_refused_and_changes_nothing(place):
    order, stale = place(), Order.objects.get()
    ordering.cancel(order, actor=None)
    with pytest.raises(TransitionError, match="first"), transaction.atomic():
        move(stale, Status.RUNNING, fence=stale.fence)
    assert Order.objects.get().status == Status.CANCELED
    assert order.events.count() == 2


def test_another_fence_cannot_end_the_order(place):
    order = place()
    Order.objects.update(status=Status.RUNNING, fence=2)
    order.refresh_from_db()
    with pytest.raises(TransitionError), transaction.atomic():
        settle(order, Status.FAILED, 0, fence=1)
    assert balance() == Decimal("15.00")
    assert Order.objects.get().status == Status.RUNNING


def test_every_status_can_be_reached_and_every_path_ends():
    reached, todo = set(), [Status.PENDING, Status.AWAITING]
    while todo:
        status = todo.pop()
        if status not in reached:
            reached.add(status)
            todo.extend(FLOW[status])
    assert reached == set(Status)
    assert set(FINAL) == {Status.COMPLETED, Status.FAILED, Status.PARTIAL, Status.CANCELED}


@pytest.mark.parametrize("act", [ordering.cancel, ordering.pause])
def test_a_reason_that_would_be_cut_changes_nothing(place, bob, act):
    order = place()
    with pytest.raises(OrderError) as refused:
        act(order, bob, "x" * 301)
    assert refused.value.reason.code == Code.REASON_TOO_LONG
    order.refresh_from_db()
    assert order.status == Status.PENDING

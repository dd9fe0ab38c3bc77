"""What waits for a person: remarks on orders, until somebody marks them as seen, and approvals."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection

from booster import tasks
from core import ordering
from core.models import Customer, LedgerEntry, Order, OrderError, Status
from core.reasons import Code, Reason, reason_columns
from core.reports.dashboard import SHOWN
from tests.base import client_of, messages_of, placed
from tests.steps import move, settle

REMARK = "The counter did not move though 10000 plays were received."


def change_page(order: Order) -> str:
    return f"/admin/core/order/{order.pk}/change/"


def listed(desk) -> list[Order]:
    """What the list's filter and the home page show, which is the same."""
    in_list = list(desk.get("/admin/core/order/?attention=1").context["cl"].queryset)
    home = desk.get("/admin/home/").context["parts"]["attention"]
    shown = re.findall(r"/admin/core/order/(\d+)/change/", home)
    assert shown == [str(order.pk) for order in in_list]
    return in_list


def end_with_remark(order: Order) -> None:
    move(order, Status.RUNNING, fence=order.fence)
    settle(order, Status.PARTIAL, 0, attention=REMARK)


# Remarks


def test_an_ended_order_is_shown_until_somebody_marks_its_remark_as_seen(desk, bob, order):
    assert listed(desk) == []
    end_with_remark(order)
    assert listed(desk) == [order]
    page = desk.get(change_page(order)).content.decode()
    assert REMARK in page
    assert "Mark as seen" in page

    reply = desk.post(f"/admin/core/order/{order.pk}/seen/", follow=True)
    assert messages_of(reply) == [f"Marked as seen: {REMARK}"]
    assert "Mark as seen" not in reply.content.decode()
    assert listed(desk) == []
    log = LogEntry.objects.get(object_id=str(order.pk))
    assert (log.user, log.change_message) == (bob, f"Marked as seen: {REMARK}")
    order.refresh_from_db()
    assert (order.attention, order.status) == ("", Status.PARTIAL)


def test_the_home_page_leads_to_those_it_has_no_room_for(desk, erin, site):
    link = "/admin/core/order/?attention=1"
    for number in range(SHOWN + 1):
        placed(erin, site, str(number), price="0.10")
    Order.objects.exclude(video_id="0").update(attention=REMARK)
    assert link not in desk.get("/admin/home/").context["parts"]["attention"]
    Order.objects.update(attention=REMARK)
    home = desk.get("/admin/home/").context["parts"]["attention"]
    assert home.count("/change/") == SHOWN and link in home


def test_a_remark_written_since_is_not_marked_as_seen(order):
    first, second = (Reason.of(Code.COUNTER_FELL, number=number, sent=9) for number in (3, 5))
    for seen, now in (("the first", "the second"), (first, second), (first, "a text")):
        Order.objects.update(**reason_columns(seen, "attention"))
        order.refresh_from_db()
        Order.objects.update(**reason_columns(now, "attention"))
        with pytest.raises(OrderError, match="reload the page"):
            order.mark_seen()
        assert Order.objects.get().remark == now


def test_without_a_remark_there_is_nothing_to_mark(desk, order):
    reply = desk.post(f"/admin/core/order/{order.pk}/seen/", follow=True)
    assert "reload the page" in messages_of(reply)[0]
    assert not LogEntry.objects.exists()


def test_who_may_only_look_marks_nothing(carol, order):
    end_with_remark(order)
    client = client_of(carol)
    assert "Mark as seen" not in client.get(change_page(order)).content.decode()
    assert client.post(f"/admin/core/order/{order.pk}/seen/").status_code == 403
    assert Order.objects.get().attention == REMARK


def test_an_order_that_a_person_cancels_asks_for_nobody(desk, bob, order):
    Order.objects.update(attention="The site answered 404 to a play.")
    order.refresh_from_db()
    assert listed(desk) == [order]
    ordering.cancel(order, bob)
    assert listed(desk) == []


def test_the_remarks_are_found_by_an_index_and_not_by_looking_at_every_order(order):
    sql, params = Order.objects.needing_a_person().order_by("pk")[:20].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        plan = " / ".join(str(row[-1]) for row in cursor.fetchall())
    assert "order_remarks" in plan and "order_remark_codes" in plan
    assert "SCAN core_order" not in plan


# Approvals


@pytest.fixture
def awaiting(order):
    Order.objects.update(status=Status.AWAITING)
    order.refresh_from_db()
    return order


def test_somebody_else_than_its_creator_approves_an_order(
    super_desk, alice, awaiting, monkeypatch, django_capture_on_commit_callbacks
):
    woken: list[int] = []
    monkeypatch.setattr(tasks, "wake", woken.append)
    assert listed(super_desk) == [awaiting]
    assert "Approve" in super_desk.get(change_page(awaiting)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        reply = super_desk.post(f"/admin/core/order/{awaiting.pk}/approve/", follow=True)
    assert messages_of(reply) == ["Order approved; delivery starts now."]
    awaiting.refresh_from_db()
    assert awaiting.status == Status.PENDING
    event = awaiting.events.last()
    assert (event.creator, event.from_status) == (alice, Status.AWAITING)
    assert woken == [awaiting.pk]
    assert listed(super_desk) == []


def test_nobody_approves_an_order_of_their_own(desk, bob, awaiting):
    assert ">Approve<" not in desk.get(change_page(awaiting)).content.decode()
    reply = desk.post(f"/admin/core/order/{awaiting.pk}/approve/", follow=True)
    assert "neither placed it nor is its customer" in messages_of(reply)[0]
    assert Order.objects.get().status == Status.AWAITING
    assert awaiting.events.count() == 1


def test_an_order_that_awaits_nothing_cannot_be_approved(alice, order):
    with pytest.raises(OrderError, match="not awaiting approval: pending"):
        ordering.approve(order, alice)
    assert Order.objects.get().status == Status.PENDING


def test_an_order_not_approved_is_canceled_and_refunded(super_desk, erin, awaiting):
    super_desk.post(f"/admin/core/order/{awaiting.pk}/cancel/")
    assert Order.objects.get().status == Status.CANCELED
    assert Customer.objects.get().balance == 20
    assert LedgerEntry.objects.count() == 3

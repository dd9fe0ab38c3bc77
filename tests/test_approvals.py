"""Four eyes: who may order how much alone, who decides on the rest, and that one decision wins."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booster import tasks
from core import ordering
from core.bulk.orders import CancelOrders
from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    BulkJob,
    ChargeRecord,
    Customer,
    ImportJob,
    Order,
    OrderError,
    Site,
    Status,
    TransitionError,
    User,
)
from core.models.transitions import Transition
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, Quote
from tests.base import VIDEO, client_of, messages_of, new_staff, placed

WAITING = "/admin/core/order/?status__exact=7"


def limit(group: str | None, amount: str, **more: bool) -> ApprovalLimit:
    of = Group.objects.get_or_create(name=group)[0] if group else None
    return ApprovalLimit.objects.create(group=of, amount=Decimal(amount), **more)


@pytest.fixture
def awaiting(erin, harbour, bob) -> Order:
    """bob's order for erin, above the limit of his group."""
    limit("Administrators", "4.99")
    return placed(erin, harbour, creator=bob)


@pytest.fixture
def grace(db) -> User:
    """An administrator like bob."""
    return new_staff("grace", "Administrators")


# Whose limit holds


def test_rights_add_up_so_the_largest_limit_of_somebodys_groups_holds(alice, bob, carol, erin):
    limit("Administrators", "10")
    limit("Night shift", "100")
    limit("Trainees", "5000", active=False)
    limit(None, "3")
    login = User.objects.create(username="erin")
    of = ApprovalLimit.objects.of
    assert of(bob) == 10
    bob.groups.add(*Group.objects.filter(name__in=("Night shift", "Trainees")))
    assert of(bob) == 100
    assert (of(carol), of(alice), of(None)) == (None, None, None)
    alice.groups.add(Group.objects.get(name="Administrators"))
    assert of(alice) == 10
    assert of(login) == 3


def test_an_order_above_the_limit_is_charged_and_waits_and_holds_its_video(awaiting, harbour, erin):
    erin.refresh_from_db()
    assert (awaiting.status, erin.balance) == (Status.AWAITING, 15)
    assert [event.to_status for event in awaiting.events.all()] == [Status.AWAITING]
    assert not Order.objects.free_to_claim().exists()
    with pytest.raises(OrderRefusedError) as refused:
        placed(erin, harbour)
    assert set(refused.value.errors) == {"url"}


def test_an_order_at_the_limit_waits_for_nobody(erin, harbour, bob):
    limit("Administrators", "5.00")
    assert placed(erin, harbour, creator=bob).status == Status.PENDING


def test_a_customers_own_order_waits_by_the_limit_of_customers(erin, harbour):
    limit(None, "4")
    erin.user = User.objects.create(username="erin")
    assert placed(erin, harbour, creator=erin.user).status == Status.AWAITING


def test_the_portal_says_before_and_after_that_the_desk_looks_at_an_order_first(
    erin, site, demo_site, policies
):
    limit(None, "4")
    Customer.objects.filter(pk=erin.pk).update(user=User.objects.create(username="erin"))
    Site.objects.update(verified=True)
    portal = client_of(User.objects.get(username="erin"))
    form = {"url": demo_site.address(VIDEO), "count": 10_000}
    assert "limit of 4.00" in portal.get("/portal/orders/quote/", form).json()["approval"]
    reply = portal.post("/portal/orders/new/", form, follow=True)
    assert messages_of(reply)[0].endswith("the desk reviews it before delivery starts.")
    order = Order.objects.get()
    assert order.status == Status.AWAITING

    ordering.decline(order, new_staff("bob", "Administrators"), "Not this <b>video</b>.")
    page = portal.get(f"/portal/orders/{order.oid}/").content.decode()
    assert "Not this &lt;b&gt;video&lt;/b&gt;." in page


def test_a_bulk_cancels_note_for_the_desk_is_not_read_by_the_customer(awaiting, alice):
    job = BulkJob(creator=alice, note="He never pays.")
    CancelOrders(job).apply([awaiting.pk])
    awaiting.refresh_from_db()
    assert (awaiting.status, awaiting.decline_reason) == (Status.CANCELED, "")


def test_the_quote_says_beforehand_that_the_order_will_wait(
    bob, erin, site, demo_site, policies, monkeypatch, django_capture_on_commit_callbacks
):
    woken: list[int] = []
    monkeypatch.setattr(tasks, "wake", woken.append)
    limit("Administrators", "5.00")
    asked = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}
    desk = client_of(bob)
    assert desk.get("/admin/core/order/quote/", asked).json()["approval"] == ""
    asked["count"] = 20_000
    note = desk.get("/admin/core/order/quote/", asked).json()["approval"]
    assert note.startswith("Above your limit of 5.00: the order waits until somebody else")
    with django_capture_on_commit_callbacks(execute=True):
        order = ordering.place(Quote.prepare(erin, asked["url"], 20_000), bob)
    assert (order.status, woken) == (Status.AWAITING, [])


def test_rows_of_an_upload_above_its_uploaders_limit_wait(
    erin, site, bob, policies, settings, tmp_path
):
    settings.DATA_DIR = tmp_path
    Site.objects.update(verified=True)
    limit("Administrators", "5")
    text = f"username,url,count\nerin,{site.origin}/videos/extra-1,10000\n"
    text += f"erin,{site.origin}/videos/extra-2,20000\n"
    job = new_job(ImportJob.Kind.ORDERS, "rows.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    page = client_of(bob).get(f"/admin/core/importjob/{job.pk}/change/").content.decode()
    assert "Orders above 5.00 are charged and wait until somebody else approves them." in page
    job.refresh_from_db()
    job.start_import(partial=False)
    jobs.run(job.pk)
    orders = Order.objects.order_by("id")
    assert [order.status for order in orders] == [Status.PENDING, Status.AWAITING]
    assert [order.events.get().to_status for order in orders] == [Status.PENDING, Status.AWAITING]
    assert list(differences()) == []


# Who decides


def test_whoever_may_change_orders_but_not_approve_them_decides_nothing(awaiting, dave):
    names = ("view_order", "change_order")
    dave.user_permissions.set(Permission.objects.filter(codename__in=names))
    desk = client_of(dave)
    assert "Decline" not in desk.get(f"/admin/core/order/{awaiting.pk}/change/").content.decode()
    for name in ("approve", "decline"):
        reply = desk.post(f"/admin/core/order/{awaiting.pk}/{name}/", {"reason": "no"})
        assert reply.status_code == 403
    awaiting.refresh_from_db()
    assert awaiting.status == Status.AWAITING


def test_approving_needs_no_right_to_change_orders(awaiting, dave):
    names = ("view_order", "approve_order")
    dave.user_permissions.set(Permission.objects.filter(codename__in=names))
    reply = client_of(dave).post(f"/admin/core/order/{awaiting.pk}/approve/", follow=True)
    assert messages_of(reply) == ["Order approved; delivery starts now."]
    awaiting.refresh_from_db()
    assert awaiting.status == Status.PENDING
    assert LogEntry.objects.get(object_id=str(awaiting.pk)).user == dave


def test_nobody_decides_on_an_order_they_placed_or_that_was_placed_for_them(awaiting, bob, grace):
    Customer.objects.update(user=grace)
    awaiting.refresh_from_db()
    for own in (bob, grace):
        with pytest.raises(OrderError, match="neither placed it nor"):
            ordering.approve(awaiting, own)
        with pytest.raises(OrderError, match="neither placed it nor"):
            ordering.decline(awaiting, own, "no")
    assert [event.to_status for event in awaiting.events.all()] == [Status.AWAITING]


def test_declining_refunds_in_full_and_keeps_the_reason_for_the_customer(awaiting, grace, erin):
    desk = client_of(grace)
    page = f"/admin/core/order/{awaiting.pk}/decline/"
    for reason, told in (
        ("  ", "Enter a reason; the customer will see it."),
        ("x" * 301, "The reason is too long: at most 300 characters."),
    ):
        assert messages_of(desk.post(page, {"reason": reason}, follow=True)) == [told]
    erin.refresh_from_db()
    assert erin.balance == 15

    reply = desk.post(page, {"reason": " Not this video. "}, follow=True)
    told = "Order declined; 5.00 was refunded to the customer. Reason: Not this video."
    assert messages_of(reply) == [told]
    awaiting.refresh_from_db()
    erin.refresh_from_db()
    assert (awaiting.status, awaiting.delivered, erin.balance) == (Status.CANCELED, 0, 20)
    assert awaiting.decline_reason == "Not this video."
    assert awaiting.events.last().creator == grace
    log = LogEntry.objects.get(object_id=str(awaiting.pk))
    assert (log.user, log.change_message) == (grace, told)
    assert list(differences()) == []


def test_only_an_order_that_awaits_approval_is_declined(erin, harbour, bob, grace):
    order = placed(erin, harbour, creator=bob)
    with pytest.raises(TransitionError, match="not awaiting approval: pending"):
        ordering.decline(order, grace, "no")
    order.refresh_from_db()
    assert order.status == Status.PENDING


def test_the_waiting_list_says_who_asked_how_long_it_waits_and_what_it_costs(
    awaiting, erin, harbour, bob, grace
):
    Order.objects.update(create_date=timezone.now() - timedelta(hours=5))
    desk = client_of(grace)
    desk.get(WAITING)
    with CaptureQueriesContext(connection) as one:
        page = desk.get(WAITING).content.decode()
    for text in ("requested by", "waiting time", ">bob<", "5 hours", ">5.00<"):
        assert text.lower() in page.lower(), text
    placed(erin, harbour, "dusk", creator=bob)
    with CaptureQueriesContext(connection) as two:
        desk.get(WAITING)
    assert len(two) <= len(one)


def test_a_group_has_one_limit_and_customers_have_one(alice):
    limit("Administrators", "10")
    limit(None, "10")
    desk = client_of(alice)
    for group in (Group.objects.get(name="Administrators").pk, ""):
        reply = desk.post("/admin/core/approvallimit/add/", {"group": group, "amount": "5"})
        assert "There is already a limit for this group." in reply.content.decode()
    assert ApprovalLimit.objects.count() == 2


# One decision


def decide_at_once(order: Order, *decisions: Callable[[Order], None]) -> int:
    """All look first, then act in the same moment; how many were told that they had decided."""
    decided: list[str] = []
    gate = threading.Barrier(len(decisions))

    def act(decide: Callable[[Order], None]) -> None:
        page = Order.objects.select_related("customer").get(pk=order.pk)
        gate.wait(30)
        try:
            with transaction.atomic():
                decide(page)
        except OrderError:
            pass
        else:
            decided.append("done")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(decide,)) for decide in decisions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return len(decided)


def test_of_all_who_decide_at_once_exactly_one_does(office, monkeypatch):
    limit("Administrators", "1")
    bob, grace, heidi = (new_staff(name, "Administrators") for name in ("bob", "grace", "heidi"))
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal("20.00"))
    harbour = Site.objects.create(name="Harbour", origin="https://videos.example.com")

    def approve(actor: User) -> Callable[[Order], None]:
        return lambda order: ordering.approve(order, actor)

    def decline(order: Order) -> None:
        ordering.decline(order, heidi, "no")

    def cancel(order: Order) -> None:
        ordering.cancel(order, bob)

    races = ((approve(grace), approve(heidi)), (approve(grace), decline, cancel))
    for number, race in enumerate(races):
        order = placed(erin, harbour, f"race-{number}", creator=bob)
        assert decide_at_once(order, *race) == 1
        assert order.events.count() == 2
    assert list(differences()) == []

    # The control: the race happens where a change does not ask for the status it starts from.
    monkeypatch.setattr(Transition, "conditions", {})
    order = placed(erin, harbour, "control", creator=bob)
    assert decide_at_once(order, approve(grace), decline) == 2

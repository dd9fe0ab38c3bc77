"""Orders in blocks: the same rows as by their buttons, never beside a delivery, and whole."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone

from booster import tasks
from core import ordering
from core.bulk import jobs, orders as bulk_orders, selection
from core.models import (
    Breaker,
    BulkJob,
    ChargeRecord,
    Customer,
    LedgerEntry,
    Order,
    OrderError,
    OrderEvent,
    Site,
    Status,
    User,
    leases,
)
from core.models.transitions import Transition
from core.ops.auditing import differences
from core.reasons import Code, Reason, reason_of
from tests.base import new_staff, placed

Action = BulkJob.Action

HOUR = timedelta(hours=1)
HELD = {"lease_until": Now() + HOUR}
SENT = {"fence": 2, "sequence": 700, "reserved": 700, "start_date": Now()}
ENDED = {"delivered": 1_000, "end_date": Now() - HOUR}
# How an order may stand, by the name of its video.
STATES: dict[str, dict[str, Any]] = {
    "awaiting": {"status": Status.AWAITING},
    "own": {"status": Status.AWAITING},
    "pending": {"attention": "The counter fell."},
    "tried": {"attempts": 3, "due": Now() + HOUR},
    "running": {"status": Status.RUNNING, "done": 600, **SENT},
    "held": {"status": Status.RUNNING, "done": 600, **SENT, **HELD},
    "asked": {"status": Status.RUNNING, "cancel_requested": True, **SENT},
    "pausing": {"status": Status.RUNNING, "pause_requested": True, "done": 600, **SENT, **HELD},
    "verifying": {"status": Status.VERIFYING, "done": 700, **SENT, **HELD},
    "paused": {"status": Status.PAUSED, "held_by_site": True},
    "paused-halfway": {
        "status": Status.PAUSED,
        "done": 333,
        "uncertain": 9,
        **SENT,
        "hours": 10,
        "start_date": Now() - 2 * HOUR,
        "paused_at": Now() - HOUR,
    },
    **{
        status.name.lower(): {"status": status, **ENDED}
        for status in (Status.COMPLETED, Status.FAILED, Status.PARTIAL, Status.CANCELED)
    },
}
ACTIONS = [action for action, kind in jobs.ACTIONS.items() if kind.model is Order]
REASON = ("reason", "reason_code", "reason_params")
OTHERS = ("id", "oid", "customer_id", "site_id", "url", "request_key", "create_date")
MOMENTS = ("start_date", "end_date", "due", "lease_until", "verify_until", "paused_at")
SECONDS = ("paused_seconds", "shift_seconds")


def an_owner(name: str) -> Customer:
    customer = Customer.objects.create(username=name)
    ChargeRecord.objects.create(customer=customer, amount=Decimal(1000))
    return customer


def a_site(name: str) -> Site:
    return Site.objects.create(name=name, origin=f"https://{name}.example.com")


def an_order_of(owner: Customer, site: Site, video: str, creator: User | None = None) -> Order:
    return placed(owner, site, video, count=1_000, price="1.55", creator=creator)


def a_mixed_set(name: str, decider: User) -> list[Order]:
    """An order in each state, all of one customer and one site that seems down."""
    owner, site = an_owner(name), a_site(name)
    Breaker.objects.create(site=site, opened_at=Now(), probe_at=Now() + HOUR)
    for video, state in STATES.items():
        order = an_order_of(owner, site, video, decider if video == "own" else None)
        Order.objects.filter(pk=order.pk).update(**state)
    return list(Order.objects.filter(customer=owner).select_related("site").order_by("pk"))


def a_job(action: Action, orders: list[Order], actor: User) -> BulkJob:
    rows = Order.objects.filter(pk__in=[order.pk for order in orders])
    job = selection.new_job(action, rows, creator=actor)
    asked = action in (Action.CANCEL, Action.PAUSE)
    assert job.start("no longer wanted" if asked else "")
    return job


def press(action: Action, order: Order, actor: User) -> None:
    match action:
        case Action.CANCEL:
            # The desk's note on an order that awaited approval would be read by its customer.
            awaits = order.status == Status.AWAITING
            ordering.cancel(order, actor, "" if awaits else "no longer wanted")
        case Action.PAUSE:
            ordering.pause(order, actor, "no longer wanted")
        case Action.RESUME | Action.CATCH_UP:
            ordering.resume(order, actor, shift=action == Action.RESUME)
        case Action.RETRY:
            ordering.retry(order, actor)
        case Action.APPROVE:
            ordering.approve(order, actor)


def when(moment: Any) -> str | None:
    if moment is None:
        return None
    return "now" if abs(timezone.now() - moment) < timedelta(minutes=2) else "another time"


def rows_of(orders: list[Order]) -> dict[str, Any]:
    """All that is written of these orders, without what tells one customer from another."""
    found: dict[str, Any] = {}
    for row in Order.objects.filter(pk__in=[order.pk for order in orders]).values():
        kept = {name: value for name, value in row.items() if name not in OTHERS}
        kept |= {name: when(row[name]) for name in MOMENTS}
        kept |= {name: round(row[name], -2) for name in SECONDS}
        events = OrderEvent.objects.filter(order=row["id"]).order_by("pk")
        kept["events"] = list(events.values_list("from_status", "to_status", "creator", *REASON))
        found[row["video_id"]] = kept
    entries = LedgerEntry.objects.filter(customer=orders[0].customer).order_by("pk")
    columns = ("kind", "amount", "balance_after", "order__video_id", "creator", "note", "reference")
    found["ledger"] = [
        (*entry, reference.partition(":")[0]) for *entry, reference in entries.values_list(*columns)
    ]
    found["balance"] = Customer.objects.get(pk=orders[0].customer_id).balance
    found["probe"] = when(Breaker.objects.get(site=orders[0].site_id).probe_at)
    return found


@pytest.mark.parametrize("action", ACTIONS)
def test_a_block_writes_what_the_buttons_write(office, action):
    decider = new_staff("bob", is_superuser=True)
    pressed, chosen = a_mixed_set("buttons", decider), a_mixed_set("block", decider)
    assert rows_of(pressed) == rows_of(chosen)
    refused = {}
    for order in pressed:
        try:
            press(action, order, decider)
        except OrderError as error:
            refused[order.video_id] = error.reason
    job = a_job(action, chosen, decider)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == BulkJob.Status.DONE
    names = {order.pk: order.video_id for order in chosen}
    reasons = {names[one.object_id]: reason_of(one) for one in job.refusals.all()}
    if action == Action.CANCEL:
        # Asked twice, a button says nothing.
        assert reasons.pop("asked") == Reason.of(Code.STOP_ALREADY_REQUESTED)
    assert reasons == refused
    assert 0 < len(refused) < len(STATES)
    assert rows_of(chosen) == rows_of(pressed)
    assert list(differences()) == []


def test_an_order_whose_refund_has_no_room_keeps_none_of_its_block(office):
    decider, site = new_staff("bob", is_superuser=True), a_site("harbour")
    orders = [an_order_of(an_owner(name), site, name) for name in ("erin", "frank", "grace")]
    Customer.objects.filter(username="frank").update(balance="9999999999.99")
    job = a_job(Action.CANCEL, orders, decider)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == BulkJob.Status.DONE
    refusal = job.refusals.get()
    assert refusal.object_id == orders[1].pk
    assert reason_of(refusal).code == Code.REFUND_TOO_LARGE
    statuses = Order.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.CANCELED, Status.PENDING, Status.CANCELED]
    assert job.amount == 2 * orders[0].price


@pytest.fixture
def order(office) -> Order:
    return an_order_of(an_owner("erin"), a_site("harbour"), "dawn")


def balance_of(order: Order) -> Decimal:
    return Customer.objects.get(pk=order.customer_id).balance


def in_a_thread(work: Callable[[], object], answers: list[object]) -> threading.Thread:
    def run() -> None:
        try:
            answers.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_delivery_that_begins_while_a_block_cancels_its_order_comes_too_late(order, monkeypatch):
    look, claims, threads = bulk_orders.locked, [], []

    def look_while_it_is_claimed(ids):
        found = look(ids)
        threads.append(in_a_thread(lambda: leases.claim("here:1", 1), claims))
        threads[0].join(0.5)
        return found

    monkeypatch.setattr(bulk_orders, "locked", look_while_it_is_claimed)
    jobs.run(a_job(Action.CANCEL, [order], User.objects.get()).pk)
    threads[0].join(30)
    assert claims == [[]]
    assert Order.objects.get().status == Status.CANCELED
    assert balance_of(order) == 1000


def test_without_lock_and_condition_a_delivery_and_a_block_both_win(order, monkeypatch):
    seen, actor = list(Order.objects.all()), User.objects.get()
    (lease,) = leases.claim("here:1", 1)
    monkeypatch.setattr(bulk_orders, "locked", lambda ids: seen)
    job = a_job(Action.CANCEL, [order], actor)
    with pytest.raises(OrderError):
        jobs.run(job.pk)
    assert (Order.objects.get().status, balance_of(order)) == (Status.RUNNING, Decimal("998.45"))
    assert LedgerEntry.objects.count() == 2

    monkeypatch.setattr(Transition, "conditions", {})
    BulkJob.objects.update(lease_until=None)
    jobs.run(job.pk)
    assert (Order.objects.get().status, balance_of(order)) == (Status.CANCELED, 1000)
    lease.order.reserved = lease.order.sequence = 10
    assert leases.write_progress([lease])  # and plays are sent that nobody pays for


def test_a_delivery_that_holds_an_order_is_asked_to_stop_by_a_block(order):
    (lease,) = leases.claim("here:1", 1)
    jobs.run(a_job(Action.CANCEL, [order], User.objects.get()).pk)
    assert leases.asked_to_stop([order.pk]) == [(order.pk, True, False)]
    lease.order.reserved = lease.order.sequence = 10
    assert leases.write_progress([lease]) == {order.pk: (True, False)}
    assert balance_of(order) == Decimal("998.45")


@pytest.mark.parametrize("point", ["before-refund:2", "after-refund:2", "before-block:2"])
def test_a_consumer_killed_within_a_block_cancels_each_order_once(office, monkeypatch, point):
    monkeypatch.setattr(selection, "BLOCK", 5)
    owner, site = an_owner("erin"), a_site("harbour")
    orders = [an_order_of(owner, site, str(number)) for number in range(12)]
    job = a_job(Action.CANCEL, orders, User.objects.get())
    office.env["OFFICE_CRASH_AT"] = point
    run = f"from core.bulk import jobs; jobs.run({job.pk})"
    assert office.manage("shell", "-c", run, check=False).returncode == -signal.SIGKILL
    assert Order.objects.filter(status=Status.CANCELED).count() == 5
    assert list(differences()) == []
    BulkJob.objects.update(lease_until=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.changed, job.amount) == (BulkJob.Status.DONE, 12, Decimal("18.60"))
    assert balance_of(orders[0]) == 1000
    assert OrderEvent.objects.count() == LedgerEntry.objects.count() - 1 == 24
    assert list(differences()) == []


def test_many_approved_orders_wake_one_round(office):
    owner, site = an_owner("erin"), a_site("harbour")
    orders = [an_order_of(owner, site, str(number)) for number in range(12)]
    Order.objects.update(status=Status.AWAITING)
    jobs.run(a_job(Action.APPROVE, orders, User.objects.get()).pk)
    assert Order.objects.filter(status=Status.PENDING).count() == 12
    assert tasks.queue_depth() == 1

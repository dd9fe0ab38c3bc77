"""Actions on many rows: what was chosen is what is done, once, whatever dies meanwhile; who may not
is refused, and a row that cannot be changed stops no other."""

import re
import signal
import threading
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connections

from core import ordering
from core.admin import search
from core.bulk import jobs, selection
from core.models import BulkJob, ChargeRecord, Customer, LedgerEntry, Order, Status, User
from core.ops.auditing import differences
from core.reasons import Code, Reason, reason_of
from tests.base import client_of, messages_of, placed
from tests.office import wait_for

ORDERS, CUSTOMERS = "/admin/core/order/", "/admin/core/customer/"


def orders_of(customer, site, number: int, creator=None, start: int = 0) -> list[Order]:
    return [
        placed(customer, site, str(row), count=1_000, price="1.50", creator=creator)
        for row in range(start, start + number)
    ]


def choose(client, address: str, action: str, rows=(), *, across: bool = False):
    """Press a button above a list; its confirmation page."""
    data = {
        "action": f"bulk_{action}",
        "index": 0,
        "select_across": int(across),
        "_selected_action": [row.pk for row in rows] or [1],
    }
    return client.post(address, data, follow=True)


def press(client, name: str, **data):
    """Press a button of the newest job's page."""
    address = f"/admin/core/bulkjob/{BulkJob.objects.first().pk}/{name}/"
    return client.post(address, data, follow=True)


def text_of(page) -> str:
    return re.sub(r"\s+", " ", page.content.decode())


def test_selected_orders_are_canceled_after_a_yes_that_names_number_and_sum(desk, bob, erin, site):
    orders = orders_of(erin, site, 3)
    ordering.cancel(orders[0], bob)
    page = choose(desk, ORDERS, "cancel", orders)
    assert "Cancel 2 orders for which 3.00 was paid, and refund what was not" in text_of(page)
    assert "1 of the selected rows cannot be changed" in text_of(page)
    assert Order.objects.open().count() == 2
    page = press(desk, "start", note="the wrong video")
    assert "2 done, 1 refused." in messages_of(page)
    assert "It has already ended: canceled." in text_of(page)
    erin.refresh_from_db()
    assert (erin.balance, Order.objects.open().count()) == (20, 0)
    assert list(differences()) == []
    job = BulkJob.objects.first()
    assert (job.changed, job.refused, job.amount, job.creator) == (2, 1, 3, bob)
    event = orders[1].events.last()
    assert (event.creator, event.reason) == (bob, "the wrong video")
    told = LogEntry.objects.filter(object_id=str(orders[1].pk), user=bob).last()
    assert told.change_message == f"Canceled by bulk action {job.pk}."


def test_all_that_was_found_is_more_than_a_page_and_than_a_count(desk, site, monkeypatch):
    monkeypatch.setattr(search, "HITS", 150)
    Customer.objects.bulk_create(
        Customer(username=f"c{row:03d}", mobile="1380" if row < 240 else "") for row in range(250)
    )
    woken = []
    monkeypatch.setattr("core.tasks.wake_bulk", woken.append)
    page = desk.get(CUSTOMERS + "?q=1380").content.decode()
    assert "Select all found, more than 150" in page
    page = choose(desk, CUSTOMERS + "?q=1380", "deactivate", across=True)
    assert "Switch off 240 customers" in text_of(page)
    # Who comes into the filter after the yes was asked for is not meant.
    Customer.objects.filter(username="c249").update(mobile="1380")
    press(desk, "start")
    job = BulkJob.objects.get()
    assert woken == [job.pk]
    jobs.run(job.pk)
    assert Customer.objects.filter(active=False).count() == 240
    assert Customer.objects.get(username="c249").active
    page = desk.get(f"/admin/core/bulkjob/{job.pk}/change/").content.decode()
    assert 'href="/admin/core/customer/?q=1380"' in page


def test_a_top_up_of_many_asks_how_much_and_charges_once(desk, bob, erin, frank):
    Customer.objects.create(username="gone", active=False)
    page = choose(desk, CUSTOMERS, "top_up", Customer.objects.all())
    assert "Top up 2 customers with how much each?" in text_of(page)
    press(desk, "fill", each="5.005")
    press(desk, "fill", each="0")
    press(desk, "start", each="")
    assert BulkJob.objects.get().status == BulkJob.Status.WAITING
    page = press(desk, "fill", each="5.50", note="for waiting")
    assert "Top up 2 customers with 5.50 each: 11.00 in all?" in text_of(page)
    for _click in range(2):
        press(desk, "start", each="5.50", asked="5.50", note="for waiting")
    assert BulkJob.objects.get().refusals.get().reason_code == Code.CUSTOMER_INACTIVE
    erin.refresh_from_db()
    frank.refresh_from_db()
    assert (erin.balance, frank.balance) == (Decimal("25.50"), Decimal("5.50"))
    charge = frank.charges.get()
    assert (charge.memo, charge.creator_id) == ("for waiting", bob.pk)
    assert list(differences()) == []


def test_what_stands_in_the_field_is_what_is_booked(desk, erin, frank):
    choose(desk, CUSTOMERS, "top_up", Customer.objects.all())
    page = press(desk, "fill", each="2.50")
    assert text_of(page).count('name="each"') == 1
    page = press(desk, "start", each="3,75", asked="2.50", note="mended")
    assert "The amount has changed; check it and confirm." in messages_of(page)
    assert "Top up 2 customers with 3.75 each: 7.50 in all?" in text_of(page)
    assert not frank.charges.exists()
    press(desk, "start", each="3.7.5", asked="3.75")
    assert not frank.charges.exists()
    press(desk, "start", each="3,75", asked="3.75", note="mended again")
    charge = frank.charges.get()
    assert (charge.amount, charge.memo) == (Decimal("3.75"), "mended again")


def test_an_amount_changed_in_another_window_is_not_the_one_confirmed_here(desk, frank):
    choose(desk, CUSTOMERS, "top_up", Customer.objects.all())
    press(desk, "fill", each="2.50")
    job = BulkJob.objects.get()
    BulkJob.objects.update(each=Decimal(250))
    assert not job.start(each=Decimal("2.50"))
    assert BulkJob.objects.get().status == BulkJob.Status.WAITING


def test_orders_are_approved_by_somebody_else_than_their_creator(desk, alice, bob, erin, site):
    orders = [*orders_of(erin, site, 2, alice), *orders_of(erin, site, 1, bob, start=5)]
    Order.objects.update(status=Status.AWAITING)
    choose(desk, ORDERS, "approve", orders)
    press(desk, "start")
    assert Order.objects.filter(status=Status.PENDING).count() == 2
    assert BulkJob.objects.get().refusals.get().reason_code == Code.APPROVAL_OF_OWN_ORDER


def test_orders_are_retried(desk, erin, site):
    orders = orders_of(erin, site, 2)
    Order.objects.filter(pk=orders[0].pk).update(status=Status.PAUSED, held_by_site=True)
    Order.objects.filter(pk=orders[1].pk).update(attempts=7)
    choose(desk, ORDERS, "retry", orders)
    press(desk, "start")
    assert set(Order.objects.values_list("status", "attempts")) == {(Status.PENDING, 0)}


@pytest.mark.parametrize(
    ("address", "action", "right"),
    [
        (ORDERS, "cancel", "change_order"),
        (CUSTOMERS, "top_up", "add_chargerecord"),
        (CUSTOMERS, "activate", "change_customer"),
    ],
)
def test_an_action_takes_its_right_when_chosen_when_started_and_when_run(
    dave, carol, erin, site, address, action, right
):
    orders_of(erin, site, 1)
    Customer.objects.update(active=action == "top_up" or action == "cancel")
    rows = Order.objects.all() if address == ORDERS else Customer.objects.all()
    choose(client_of(carol), address, action, rows)
    assert not BulkJob.objects.exists()
    needed = Permission.objects.filter(
        codename__in=(right, "view_order", "view_customer", "view_bulkjob")
    )
    dave.user_permissions.set(needed)
    choose(client_of(dave), address, action, rows)
    job = BulkJob.objects.get()
    job.each = Decimal(5)
    job.save()
    mallory = User.objects.create(username="mallory", is_staff=True, is_superuser=True)
    assert press(client_of(carol), "start", each="5.00", asked="5.00").status_code == 403
    assert press(client_of(mallory), "start", each="5.00", asked="5.00").status_code == 403
    dave.user_permissions.remove(*needed.filter(codename=right))
    assert press(client_of(dave), "start", each="5.00", asked="5.00").status_code == 403
    assert BulkJob.objects.get().status == BulkJob.Status.WAITING
    job.start()
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.changed) == (BulkJob.Status.REFUSED, 0)
    assert reason_of(job) == Reason.of(Code.RIGHT_LOST, who="dave")


def test_selected_rows_are_exported(desk, erin, frank):
    Customer.objects.create(username="grace")
    data = {"action": "export_selected", "index": 0, "_selected_action": [erin.pk, frank.pk]}
    page = desk.post(CUSTOMERS + "?q=a", {**data, "select_across": 0})
    assert page.url == f"/admin/core/customer/export/?id__in={erin.pk}%2C{frank.pk}"
    assert desk.get(page.url).status_code == 200
    page = desk.post(CUSTOMERS + "?q=a", {**data, "select_across": 1})
    assert page.url == "/admin/core/customer/export/?q=a"


def test_rows_are_chosen_while_others_write(office, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK", 20)
    monkeypatch.setattr(selection, "ROWS", 1_000)
    is_chosen, written = threading.Event(), []

    def write() -> None:
        while not is_chosen.wait(0.001):
            written.append(Customer.objects.filter(username="c00000").update(memo=len(written)))
        connections.close_all()

    Customer.objects.bulk_create(Customer(username=f"c{row:05d}") for row in range(5_000))
    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(written) > 3)
    before = len(written)
    try:
        admin = User.objects.get(username="admin")
        job = selection.new_job(BulkJob.Action.DEACTIVATE, Customer.objects.all(), creator=admin)
    finally:
        is_chosen.set()
        writer.join()
    assert len(written) > before
    assert (job.total, job.blocks.count()) == (5_000, 250)


def test_a_stopped_action_keeps_what_is_done_and_leaves_the_rest(office, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK", 10)
    job = switched_off(50)
    looks = iter([False, False, True])
    jobs.run(job.pk, should_stop=lambda: next(looks))
    job.refresh_from_db()
    assert (job.status, job.done) == (BulkJob.Status.RUNNING, 20)
    job.ask_to_stop()
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.changed) == (BulkJob.Status.CANCELED, 20)
    assert Customer.objects.filter(active=False).count() == 20


def switched_off(number: int) -> BulkJob:
    admin = User.objects.get(username="admin")
    Customer.objects.bulk_create(Customer(username=f"c{row:05d}") for row in range(number))
    rows = Customer.objects.filter(username__startswith="c")
    job = selection.new_job(BulkJob.Action.DEACTIVATE, rows, creator=admin)
    assert job.start()
    return job


@pytest.mark.parametrize("point", ["before-block:3", "after-block:2"])
def test_a_killed_consumer_tops_up_nobody_twice_and_forgets_nobody(office, point, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK", 100)
    admin = User.objects.get(username="admin")
    Customer.objects.bulk_create(Customer(username=f"c{row:05d}") for row in range(1_000))
    job = selection.new_job(BulkJob.Action.TOP_UP, Customer.objects.all(), creator=admin)
    BulkJob.objects.filter(pk=job.pk).update(each=Decimal("2.50"))
    assert job.start()
    office.env["OFFICE_CRASH_AT"] = point
    run = f"from core.bulk import jobs; jobs.run({job.pk})"
    assert office.manage("shell", "-c", run, check=False).returncode == -signal.SIGKILL
    del office.env["OFFICE_CRASH_AT"]
    assert ChargeRecord.objects.count() == 200
    BulkJob.objects.filter(pk=job.pk).update(lease_until=None)
    office.consumer()

    def is_done() -> bool:
        job.refresh_from_db()
        return job.status == BulkJob.Status.DONE

    wait_for(is_done, what="the top-ups")
    assert (job.changed, job.refused, job.amount) == (1_000, 0, 2_500)
    assert set(Customer.objects.values_list("balance", flat=True)) == {Decimal("2.50")}
    assert ChargeRecord.objects.count() == LedgerEntry.objects.count() == 1_000
    assert LogEntry.objects.count() == 1_000
    assert list(differences()) == []

"""An import is undone as a whole, by who may, while nothing depends on what it wrote."""

import signal
import threading
from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.importing import jobs, rows, signs
from core.importing.undoing.customers import UndoCustomers
from core.importing.undoing.top_ups import UndoTopUps
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    FieldChange,
    ImportedRows,
    ImportJob,
    LedgerEntry,
    Order,
    OrderError,
    Repeat,
    Site,
    Status,
    TopUpCorrection,
    User,
    WaitingTopUp,
    jobs as job_leases,
    leases as order_leases,
)
from core.models.billing import corrected_amount
from core.models.imported_rows import runs_of
from core.ops.auditing import differences
from core.ordering import (
    OrderRefusedError,
    adjust,
    approve_top_up,
    cancel,
    correct_top_up,
    repeat,
    top_up_many,
)
from core.ordering.topping_up import payment_objection
from core.reasons import Code, Reason, in_english, reason_columns, reason_of
from core.reports import dashboard
from tests.base import balance, client_of, lost_wake_ups, new_staff, placed

CUSTOMERS, CHARGES, ORDERS = ImportJob.Kind
NEW = "username,mobile,balance,memo\ngrace,123,80.00,first\nheidi,,0,\nivan,,5.50,\n"


@pytest.fixture
def database(office, settings):
    """The people and the site are the office's."""
    settings.DATA_DIR = office.data_dir


@pytest.fixture
def zoe(database):
    """A second super administrator."""
    return new_staff("zoe", is_superuser=True)


def imported(kind: ImportJob.Kind, text: str, creator: User | None, **options) -> ImportJob:
    job = new_job(kind, "rows.csv", iter([text.encode()]), creator=creator, **options)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    assert job.start_import(partial=False)
    with lost_wake_ups():
        jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE, reason_of(job)
    return job


def undone(job: ImportJob, actor: User) -> ImportJob:
    assert job.start_undo(actor)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def state() -> list:
    """All that an undoing changes."""
    models = (Customer, LedgerEntry, ChargeRecord, TopUpCorrection, WaitingTopUp, Order)
    models += (FieldChange, ImportedRows)
    return [list(model.objects.order_by("pk").values()) for model in models]


def refused(job: ImportJob, actor: User) -> str:
    """Why it is not undone; nothing changed, and the job is as it was."""
    before = state()
    undone(job, actor)
    assert (job.status, job.undoer, job.undone_at) == (ImportJob.Status.DONE, None, None)
    assert state() == before
    assert job.undo_refusal
    return in_english(job.undo_refusal)


def entries_of(customer: Customer) -> list[tuple[str, str]]:
    found = LedgerEntry.objects.filter(customer=customer).order_by("pk")
    return [(entry.reference, f"{entry.amount:.2f}") for entry in found]


def orders_of(site, *videos: str, username: str = "erin", count: int = 10_000) -> str:
    lines = (f"{username},{site.origin}/videos/{video},{count}\n" for video in videos)
    return "username,url,count\n" + "".join(lines)


def test_runs_of_ids_are_kept_and_no_row_of_them_each():
    assert list(runs_of([])) == []
    assert list(runs_of([3])) == [(3, 3)]
    assert list(runs_of([1, 2, 3, 7, 8, 10])) == [(1, 3), (7, 8), (10, 10)]


# Customers


def test_customers_of_a_file_are_switched_off_and_their_opening_balances_taken_back(alice, zoe):
    job = undone(imported(CUSTOMERS, NEW, alice), zoe)
    assert (job.status, job.undoer, job.creator) == (ImportJob.Status.UNDONE, zoe, alice)
    assert job.undone_at is not None
    rows = Customer.objects.order_by("username").values_list("username", "active", "balance")
    assert list(rows) == [("grace", False, 0), ("heidi", False, 0), ("ivan", False, 0)]
    grace = Customer.objects.get(username="grace")
    opening, back = LedgerEntry.objects.filter(customer=grace).order_by("pk")
    assert (opening.amount, back.amount, back.balance_after) == (80, -80, 0)
    assert back.kind == LedgerEntry.Kind.ADJUSTMENT
    assert (back.creator, back.note) == (zoe, f"import {job.pk} undone")
    change = FieldChange.objects.of(grace).get()
    assert (change.field, change.before, change.after) == ("active", "True", "False")
    assert (change.creator, change.source) == (zoe, f"import {job.pk} undone")
    assert list(differences()) == []


def test_customers_whom_a_file_changed_say_again_what_they_said(alice, zoe):
    grace = Customer.objects.create(username="grace", mobile="111", memo="old")
    heidi = Customer.objects.create(username="heidi", active=False)
    text = "username,mobile,active,memo\ngrace,222,no,new\nheidi,,yes,\nivan,,,\n"
    job = imported(CUSTOMERS, text, alice, update=True)
    assert (job.created, job.updated) == (1, 2)
    undone(job, zoe)
    assert job.status == ImportJob.Status.UNDONE
    grace.refresh_from_db()
    heidi.refresh_from_db()
    assert (grace.mobile, grace.active, grace.memo, heidi.active) == ("111", True, "old", False)
    assert not Customer.objects.get(username="ivan").active
    latest = {change.field: change for change in FieldChange.objects.of(grace)[:3]}
    assert (latest["memo"].before, latest["memo"].after) == ("new", "old")


def test_customers_who_were_changed_again_since_are_left_alone(alice, zoe):
    grace = Customer.objects.create(username="grace", mobile="111")
    job = imported(CUSTOMERS, "username,mobile\ngrace,222\n", alice, update=True)
    grace.refresh_from_db()
    grace.mobile = "333"
    grace.save(update_fields=["mobile"])
    assert "changed again since this import: 1, grace." in refused(job, zoe)


def ordered(grace: Customer, harbour, actor: User) -> None:
    cancel(placed(grace, harbour), actor)


def topped_up(grace: Customer, harbour, actor: User) -> None:
    ChargeRecord.objects.create(customer=grace, amount=Decimal(1))


def adjusted(grace: Customer, harbour, actor: User) -> None:
    adjust(grace, Decimal(-1), note="", actor=actor, request_key=None)


def let_in(grace: Customer, harbour, actor: User) -> None:
    Customer.objects.filter(pk=grace.pk).update(user=User.objects.create(username="grace"))


def to_be_credited(grace: Customer, harbour, actor: User) -> None:
    WaitingTopUp.objects.create(customer=grace, amount=Decimal(1), creator=actor)


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        (ordered, "who have orders: 1, grace."),
        (topped_up, "with later entries in the ledger: 1, grace."),
        (adjusted, "with later entries in the ledger: 1, grace."),
        (let_in, "who have a portal login, or a link to make one: 1, grace."),
        (to_be_credited, "with top-ups that await approval: 1, grace."),
    ],
)
def test_customers_with_a_history_of_their_own_stay(meanwhile, told, alice, zoe, harbour):
    job = imported(CUSTOMERS, NEW, alice)
    meanwhile(Customer.objects.get(username="grace"), harbour, alice)
    assert told in refused(job, zoe)


def test_a_refusal_says_how_many_and_names_the_first(alice, zoe):
    names = [f"grace{number}" for number in range(5)]
    job = imported(CUSTOMERS, "username\n" + "\n".join(names), alice)
    for customer in Customer.objects.all():
        ChargeRecord.objects.create(customer=customer, amount=Decimal(1))
    assert "in the ledger: 5, grace0, grace1, grace2." in refused(job, zoe)


def test_the_same_file_makes_its_customers_anew(alice, zoe):
    first = undone(imported(CUSTOMERS, NEW, alice), zoe)
    again = imported(CUSTOMERS, NEW.replace("80.00", "90.00"), alice)
    assert (again.created, again.amount) == (3, Decimal("95.50"))
    grace = Customer.objects.get(username="grace")
    assert (grace.active, grace.balance) == (True, 90)
    assert entries_of(grace) == [
        (f"opening:{grace.pk}", "80.00"),
        (f"opening-undone:{grace.pk}", "-80.00"),
        (f"opening:{grace.pk}:1", "90.00"),
    ]
    unchanged = imported(CUSTOMERS, NEW.replace("80.00", "90.00"), alice)
    assert (unchanged.created, unchanged.unchanged) == (0, 3)
    assert undone(again, zoe).status == ImportJob.Status.UNDONE
    assert (balance(grace), Customer.objects.filter(active=True).count()) == (0, 0)
    assert first.status == ImportJob.Status.UNDONE
    assert list(differences()) == []


def test_a_customer_switched_off_by_hand_is_not_made_anew(alice, zoe):
    undone(imported(CUSTOMERS, NEW, alice), zoe)
    imported(CUSTOMERS, NEW, alice)
    Customer.objects.update(active=False)
    again = imported(CUSTOMERS, NEW, alice)
    assert (again.created, again.unchanged) == (0, 3)
    assert not Customer.objects.filter(active=True).exists()
    assert balance(Customer.objects.get(username="grace")) == 80


def test_who_was_let_in_again_and_switched_off_by_hand_is_not_made_anew(alice, zoe):
    undone(imported(CUSTOMERS, NEW, alice), zoe)
    grace = Customer.objects.get(username="grace")
    for active in (True, False):
        with FieldChange.objects.kept(grace, ["active"], actor=zoe):
            Customer.objects.filter(pk=grace.pk).update(active=active)
    text = "username,memo\ngrace,\n"
    assert imported(CUSTOMERS, text, alice, update=True).created == 0
    grace.refresh_from_db()
    assert (grace.active, grace.balance) == (False, 0)


def switch(customer: Customer, active: bool, actor: User) -> None:
    """As a form of the desk does."""
    with FieldChange.objects.kept(customer, ["active"], actor=actor):
        Customer.objects.filter(pk=customer.pk).update(active=active)


def test_who_was_imported_as_switched_off_is_made_anew_unless_somebody_let_them_in(alice, zoe):
    text = "username,balance,active\ngrace,80,no\n"
    undone(imported(CUSTOMERS, text, alice), zoe)
    again = imported(CUSTOMERS, text, alice)
    assert again.created == 1
    undone(again, zoe)
    grace = Customer.objects.get(username="grace")
    switch(grace, True, zoe)
    switch(grace, False, zoe)
    assert imported(CUSTOMERS, "username,active\ngrace,no\n", alice).created == 0
    assert balance(grace) == 0


def test_who_was_blocked_before_an_undoing_stays_blocked(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    grace = Customer.objects.get(username="grace")
    switch(grace, False, zoe)
    undone(job, zoe)
    assert imported(CUSTOMERS, "username,memo\ngrace,\n", alice, update=True).created == 0
    assert not Customer.objects.get(pk=grace.pk).active


# Top-ups


TOP_UPS = "username,amount,memo,reference\nerin,5,a,R-1\nfrank,2.50,b,\nerin,1.25,,R-2\n"


def test_top_ups_of_a_file_are_corrected_to_nothing(alice, zoe, erin, frank):
    before = dashboard.money().today.topped_up
    job = undone(imported(CHARGES, TOP_UPS, alice), zoe)
    assert job.status == ImportJob.Status.UNDONE
    assert (balance(erin), balance(frank)) == (20, 0)
    charges = ChargeRecord.objects.filter(creator=alice)
    assert [corrected_amount(charge) for charge in charges] == [0, 0, 0]
    correction = TopUpCorrection.objects.order_by("pk").first()
    assert (correction.creator, correction.reason) == (zoe, f"import {job.pk} undone")
    assert correction.entry.amount == -5
    assert list(differences()) == []
    assert dashboard.money().today.topped_up == before


def test_top_ups_that_were_spent_stay(alice, zoe, erin, frank, harbour):
    job = imported(CHARGES, "username,amount\nerin,5\nfrank,6\n", alice)
    placed(frank, harbour, price=5)
    assert "have spent its top-ups: 1, frank." in refused(job, zoe)


def test_top_ups_that_were_corrected_stay(alice, zoe, erin, frank):
    job = imported(CHARGES, TOP_UPS, alice)
    charge = ChargeRecord.objects.get(reference="R-1")
    correct_top_up(charge, Decimal(4), "miscounted", alice)
    assert "corrected since, or are about to be: 1, erin +5.00." in refused(job, zoe)


@pytest.fixture
def limited(database):
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=10_000, top_up_amount=Decimal(10))
    return group


def test_top_ups_that_wait_are_declined_with_their_import(bob, zoe, erin, limited):
    job = imported(CHARGES, "username,amount\nerin,5\nerin,50\n", bob)
    assert balance(erin) == 25
    undone(job, zoe)
    assert job.status == ImportJob.Status.UNDONE
    waiting = WaitingTopUp.objects.get()
    assert (waiting.status, waiting.decider) == (WaitingTopUp.Status.DECLINED, zoe)
    assert balance(erin) == 20


def test_a_top_up_that_a_second_person_approved_stays(bob, zoe, erin, limited):
    job = imported(CHARGES, "username,amount\nerin,5\nerin,50\n", bob)
    approve_top_up(WaitingTopUp.objects.get(), zoe)
    assert "that a second person approved: 1, erin +50.00." in refused(job, zoe)


@pytest.mark.parametrize("kind", [CUSTOMERS, CHARGES])
def test_nobody_undoes_alone_what_is_above_their_limit(kind, alice, zoe, erin, limited):
    zoe.groups.add(limited)
    text = NEW if kind == CUSTOMERS else "username,amount\nerin,80\nerin,5\n"
    job = imported(kind, text, alice)
    name = "grace" if kind == CUSTOMERS else "erin"
    assert f"above zoe's limit of 10.00: 1, {name} 80.00." in refused(job, zoe)
    assert undone(job, alice).status == ImportJob.Status.UNDONE


def test_the_same_file_of_top_ups_credits_again_once(alice, zoe, erin, frank):
    undone(imported(CHARGES, TOP_UPS, alice), zoe)
    again = imported(CHARGES, TOP_UPS, alice)
    assert (again.created, balance(erin), balance(frank)) == (3, Decimal("26.25"), Decimal("2.5"))
    assert imported(CHARGES, TOP_UPS, alice).created == 0
    undone(again, zoe)
    assert imported(CHARGES, TOP_UPS, alice).created == 3
    assert imported(CHARGES, TOP_UPS, alice).created == 0
    assert (balance(erin), balance(frank)) == (Decimal("26.25"), Decimal("2.5"))
    numbers = ChargeRecord.objects.filter(reference="R-1").order_by("pk")
    assert [charge.rebooked for charge in numbers] == [None, 1, 2]
    assert list(differences()) == []


def test_a_payment_that_was_undone_may_be_entered_by_hand(alice, zoe, erin, frank):
    job = imported(CHARGES, TOP_UPS, alice)
    assert payment_objection(erin.pk, "R-1")
    undone(job, zoe)
    assert payment_objection(erin.pk, "R-1") == ""
    top_up_many([ChargeRecord(customer=erin, amount=Decimal(4), reference="R-1")], alice)
    assert payment_objection(erin.pk, "R-1")
    assert balance(erin) == 24


def test_a_top_up_that_was_undone_is_not_corrected(alice, zoe, erin, frank):
    """It may be booked anew, and would be credited twice."""
    undone(imported(CHARGES, TOP_UPS, alice), zoe)
    charge = ChargeRecord.objects.get(reference="R-1")
    before = state()
    with pytest.raises(OrderError, match="taken back with its import"):
        correct_top_up(charge, Decimal(5), "paid after all", zoe)
    assert state() == before


def test_a_mended_file_is_not_asked_about_what_was_undone(alice, zoe, erin):
    undone(imported(CHARGES, "username,amount\nerin,5\n", alice), zoe)
    mended = new_job(CHARGES, "b.csv", iter([b"username,amount\nerin,5\nerin,6\n"]), creator=alice)
    jobs.run(mended.pk)
    mended.refresh_from_db()
    assert (mended.created, mended.notes) == (2, [])


# Orders


def test_orders_of_a_file_are_canceled_with_their_refund(alice, zoe, erin, site, policies):
    job = imported(ORDERS, orders_of(site, "extra-1", "extra-2"), alice)
    assert balance(erin) == 10
    undone(job, zoe)
    assert job.status == ImportJob.Status.UNDONE
    assert balance(erin) == 20
    assert {order.status for order in Order.objects.all()} == {Status.CANCELED}
    event = Order.objects.first().events.order_by("-pk").first()
    assert (event.creator, in_english(reason_of(event))) == (
        zoe,
        f"Import {job.pk} was undone.",
    )
    assert list(differences()) == []


def test_an_order_that_was_canceled_meanwhile_is_none_to_undo(alice, zoe, erin, site, policies):
    job = imported(ORDERS, orders_of(site, "extra-1", "extra-2"), alice)
    cancel(Order.objects.first(), alice)
    undone(job, zoe)
    assert job.status == ImportJob.Status.UNDONE
    assert balance(erin) == 20
    assert list(differences()) == []


def test_orders_of_which_one_has_begun_stay(alice, zoe, erin, site, policies):
    job = imported(ORDERS, orders_of(site, "extra-1", "extra-2"), alice)
    begun = order_leases.claim("here", 1)[0].order
    assert f"orders that have started: 1, {begun.oid}." in refused(job, zoe)


def test_orders_of_which_one_is_repeated_stay(alice, zoe, erin, site, policies):
    job = imported(ORDERS, orders_of(site, "extra-1"), alice)
    order = Order.objects.get()
    repeat(order, alice, every=Repeat.Every.DAY, at=time(9))
    assert f"end the repeats first: 1, {order.oid}." in refused(job, zoe)


def test_the_same_file_of_orders_places_again_once(alice, zoe, erin, site, policies):
    text = orders_of(site, "extra-1", "extra-2")
    undone(imported(ORDERS, text, alice), zoe)
    assert imported(ORDERS, text, alice).created == 2
    assert imported(ORDERS, text, alice).created == 0
    assert balance(erin) == 10


# The run


def test_an_import_of_before_is_not_undone(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    ImportedRows.objects.all().delete()
    assert "It is not known which rows this import created" in refused(job, zoe)


def test_rows_that_are_not_all_known_are_not_undone(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    ImportJob.objects.update(created=4)
    assert "It is not known which rows this import created" in refused(job, zoe)


def test_a_field_more_of_one_customer_is_none_of_another(alice, zoe):
    """Counted are customers who were changed, not their fields."""
    for name in ("grace", "heidi"):
        Customer.objects.create(username=name)
    text = "username,mobile,memo\ngrace,222,new\nheidi,,new\n"
    job = imported(CUSTOMERS, text, alice, update=True)
    assert (job.updated, FieldChange.objects.count()) == (2, 3)
    hers = FieldChange.objects.of(Customer.objects.get(username="heidi")).get()
    ImportedRows.objects.filter(last_id=hers.pk).update(last_id=hers.pk - 1)
    assert "It is not known which rows this import created" in refused(job, zoe)


def test_a_refused_undoing_stands_beside_what_the_import_ended_with(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    note, why = Reason.of(Code.FILE_WITHOUT_ROWS).as_json(), Reason.of(Code.FAILED_TOO_OFTEN)
    ended = {"status": ImportJob.Status.REFUSED, "notes": [note], **reason_columns(why)}
    ImportJob.objects.filter(pk=job.pk).update(**ended)
    topped_up(Customer.objects.get(username="grace"), None, zoe)
    for _time in range(2):
        undone(job, zoe)
        assert (job.status, reason_of(job)) == (ImportJob.Status.REFUSED, why)
        assert job.undo_refusal
        assert "later entries in the ledger: 1, grace." in in_english(job.undo_refusal)
        assert [note["code"] for note in job.notes] == [note["code"], job.undo_refusal.code]
    page = client_of(zoe).get(f"/admin/core/importjob/{job.pk}/change/").content.decode()
    assert page.count("later entries in the ledger: 1, grace.") == 1
    assert in_english(why) in page


def test_nobody_waits_for_a_job_that_another_undoes_in_one_transaction(
    office, alice, zoe, monkeypatch
):
    """Longer than its lease, as of many rows it takes."""
    if office.kind == "sqlite":
        pytest.skip("it has one writer, and all others wait")
    job = imported(CUSTOMERS, NEW, alice)
    monkeypatch.setattr(job_leases, "JOB_LEASE", timedelta(seconds=-1))
    look, waited = UndoCustomers.look, []

    def come_too_late() -> None:
        jobs.run(job.pk)
        ImportJob.objects.get(pk=job.pk).cancel()
        connections.close_all()

    def look_and_be_slow(undoer: UndoCustomers) -> None:
        look(undoer)
        if connection.in_atomic_block:
            assert not waited
            late = threading.Thread(target=come_too_late)
            late.start()
            late.join(15)
            waited.append(late.is_alive())

    monkeypatch.setattr(UndoCustomers, "look", look_and_be_slow)
    undone(job, zoe)
    assert waited == [False]
    assert (job.status, job.attempts) == (ImportJob.Status.UNDONE, 0)
    assert list(differences()) == []


def test_a_long_look_before_the_undoing_keeps_the_lease(alice, zoe, monkeypatch):
    monkeypatch.setattr(job_leases, "RENEWAL_SECONDS", 0)
    job = imported(CUSTOMERS, NEW, alice)
    look, looked = UndoCustomers.look, []

    def look_for_a_minute(undoer: UndoCustomers) -> None:
        if not connection.in_atomic_block:
            ImportJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            assert ImportJob.objects.due().exists()
        look(undoer)
        looked.append(ImportJob.objects.due().exists())

    monkeypatch.setattr(UndoCustomers, "look", look_for_a_minute)
    undone(job, zoe)
    assert (looked, job.status) == ([False, False], ImportJob.Status.UNDONE)


def test_an_import_is_undone_once(alice, zoe):
    job = undone(imported(CUSTOMERS, NEW, alice), zoe)
    assert not job.start_undo(zoe)
    jobs.run(job.pk)
    assert LedgerEntry.objects.count() == 4
    job.refresh_from_db()
    assert job.status == ImportJob.Status.UNDONE


def test_of_two_who_undo_at_once_one_does(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    gate, begun = threading.Barrier(2), []

    def act(actor: User) -> None:
        mine = ImportJob.objects.get(pk=job.pk)
        gate.wait(30)
        begun.append(mine.start_undo(actor))
        jobs.run(job.pk)
        connections.close_all()

    threads = [threading.Thread(target=act, args=(actor,)) for actor in (alice, zoe)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    job.refresh_from_db()
    assert (sorted(begun), job.status) == ([False, True], ImportJob.Status.UNDONE)
    assert LedgerEntry.objects.count() == 4
    assert list(differences()) == []


def spend(customer: Customer, site: Site, refused: list[str]) -> None:
    """5.00, in a thread of its own."""
    try:
        placed(customer, site, price=5)
    except OrderRefusedError as error:
        refused.append(str(error))
    finally:
        connections.close_all()


def test_nobody_spends_what_is_being_taken_back(alice, zoe, frank, harbour, monkeypatch):
    """Between the look at the balances and the entries."""
    job = imported(CHARGES, "username,amount\nfrank,6\n", alice)
    look, refused_orders = UndoTopUps.look, []
    spender = threading.Thread(target=spend, args=(frank, harbour, refused_orders))

    def look_and_be_slow(undoer: UndoTopUps) -> None:
        look(undoer)
        if connection.in_atomic_block:  # the look that counts, with the rows locked
            spender.start()
            spender.join(1)

    monkeypatch.setattr(UndoTopUps, "look", look_and_be_slow)
    undone(job, zoe)
    spender.join(60)
    assert job.status == ImportJob.Status.UNDONE, reason_of(job)
    assert refused_orders == ["The balance is short by 5.00."]
    assert (balance(frank), Order.objects.count()) == (0, 0)
    assert list(differences()) == []


def test_a_job_that_is_being_undone_is_not_canceled(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    assert job.start_undo(zoe)
    assert not job.cancel()
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.UNDONE


def test_a_right_lost_after_the_yes_ends_it(alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    assert job.start_undo(zoe)
    User.objects.filter(pk=zoe.pk).update(is_superuser=False)
    before = state()
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE
    assert job.undo_refusal
    assert "zoe no longer has permission" in in_english(job.undo_refusal)
    assert state() == before


def test_a_killed_consumer_leaves_nothing_half_undone(office, alice, zoe):
    job = imported(CUSTOMERS, NEW, alice)
    before = state()
    assert job.start_undo(zoe)
    office.env["OFFICE_CRASH_AT"] = "before-undone"
    run = f"from core.importing import jobs; jobs.run({job.pk})"
    assert office.manage("shell", "-c", run, check=False).returncode == -signal.SIGKILL
    del office.env["OFFICE_CRASH_AT"]
    assert state() == before
    job.refresh_from_db()
    assert job.status == ImportJob.Status.UNDOING
    assert not ImportJob.objects.due().exists()  # until its lease is over
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    office.manage("shell", "-c", run)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.UNDONE
    assert not Customer.objects.filter(active=True).exists()
    assert list(differences()) == []


def test_what_was_stopped_midway_is_undone_as_far_as_it_came(alice, zoe, monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 1})
    job = new_job(CUSTOMERS, "a.csv", iter([NEW.encode()]), creator=alice)
    jobs.run(job.pk)
    job.refresh_from_db()
    job.start_import(partial=True)
    looks = iter([False, False, True])
    jobs.run(job.pk, should_stop=lambda: next(looks) and (signs.ask_to_stop(job) or True))
    job.refresh_from_db()
    assert (job.status, job.created) == (ImportJob.Status.CANCELED, 2)
    assert undone(job, zoe).status == ImportJob.Status.UNDONE
    assert not Customer.objects.filter(active=True).exists()


def test_many_rows_are_undone_by_few_statements(alice, zoe):
    lines = "".join(f"customer{number:05},1.00\n" for number in range(10_000))
    job = imported(CUSTOMERS, "username,balance\n" + lines, alice)
    assert ImportedRows.objects.count() == 1
    assert job.start_undo(zoe)
    with CaptureQueriesContext(connection) as queries:
        jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.UNDONE
    assert len(queries) < 300
    assert not Customer.objects.exclude(balance=0, active=False).exists()
    assert list(differences()) == []

"""Top-ups and orders in bulk: paid for once, by the balance that is there, all or the good ones."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django.utils.timezone import localtime

from core.importing import jobs, rows, store
from core.importing.cells import shorn
from core.importing.starts import moment_of
from core.importing.uploads import new_job
from core.models import ChargeRecord, Customer, ImportJob, LedgerEntry, Order, Site, Status
from core.ops.auditing import differences
from core.reasons import Reason, reason_of
from tests.base import balance

Kind = ImportJob.Kind
CHARGES, CUSTOMERS, ORDERS = Kind.CHARGES, Kind.CUSTOMERS, Kind.ORDERS


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def database(office):
    """The people and the site are the office's."""


def checked(kind: ImportJob.Kind, text: str) -> ImportJob:
    job = new_job(kind, "rows.csv", iter([text.encode()]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    return job


def imported(kind: ImportJob.Kind, text: str, *, partial: bool = False) -> ImportJob:
    job = checked(kind, text)
    job.start_import(partial=partial)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def reasons(job: ImportJob) -> list[str]:
    return [
        f"{line} {column}: {reason}" for line, column, _value, reason in store.first_errors(job, 99)
    ]


def orders_of(site, *videos: str, username: str = "erin", count: int = 10_000) -> str:
    lines = (f"{username},{site.origin}/videos/{video},{count}\n" for video in videos)
    return "username,url,count\n" + "".join(lines)


def test_top_ups_are_charged_one_by_one_through_the_ledger(erin, frank):
    job = imported(CHARGES, "用户名,金额,备注\nerin,5,a\nfrank,2.50,b\nerin,1.25,\n")
    assert (job.status, job.created, job.amount) == (ImportJob.Status.DONE, 3, Decimal("8.75"))
    assert (balance(erin), balance(frank)) == (Decimal("26.25"), Decimal("2.50"))
    entries = LedgerEntry.objects.filter(customer=erin).order_by("id")
    assert [entry.balance_after for entry in entries] == [20, 25, Decimal("26.25")]
    assert ChargeRecord.objects.filter(memo="a", amount=5, customer=erin).count() == 1
    assert list(differences()) == []


def test_the_same_file_of_top_ups_charges_nobody_twice(erin):
    text = "username,amount\nerin,5\nerin,5\n"
    assert imported(CHARGES, text).created == 2
    again = imported(CHARGES, text)
    assert (again.created, again.unchanged) == (0, 2)
    assert balance(erin) == 30


def test_a_top_up_above_what_a_balance_holds_is_refused(erin):
    Customer.objects.update(balance=Decimal("4999999990.01"))
    job = checked(CHARGES, "username,amount\nerin,9.99\nerin,0.01\n")
    assert reasons(job) == ["3 amount: The balance would be larger than 5000000000.00."]


def test_an_opening_balance_above_what_people_credit_is_refused(db):
    job = checked(CUSTOMERS, "username,balance\ngrace,5000000000.00\nheidi,5000000000.01\n")
    assert reasons(job) == ["3 balance: The balance would be larger than 5000000000.00."]


def test_top_ups_of_nobody_and_of_nothing_are_refused(erin, frank):
    Customer.objects.filter(pk=frank.pk).update(active=False)
    job = checked(CHARGES, "username,amount\nerin,0.00\nfrank,1\nnobody,1\nerin,100000000\n")
    assert reasons(job) == [
        "2 amount: Less than 0.01.",
        "3 username: This customer is switched off.",
        "4 username: There is no customer with this username.",
        "5 amount: Larger than 99,999,999.99.",
    ]
    assert balance(erin) == 20


def test_a_name_in_another_case_is_named_and_a_damaged_number_is_no_number(erin):
    text = "username,amount,reference\nERIN,5,\nerin,5,1.23E+15\nerin,6,1.23E+15\nerin,7,0012\n"
    job = imported(CHARGES, text, partial=True)
    assert "2 username: There is no customer with this username; is it “erin”?" in reasons(job)
    assert sum("The spreadsheet damaged this number" in reason for reason in reasons(job)) == 2
    assert balance(erin) == 27


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026年12月3日 9:00", "2026-12-03 09:00"),
        ("2026.12.3", "2026-12-03 00:00"),
        ("'2026-12-03", "2026-12-03 00:00"),
        ('="2026-12-03"', "2026-12-03 00:00"),
        ("03/12/2026", None),
        ("2026-W49", None),
        ("46359", None),
        ("2026-12-03 09:00-10:00", None),
        ("2026-12-03T09:00:00-01:00", "2026-12-03 10:00"),
        ("2026-12-03 9:00 PM", None),
        ("2026年12月3日 上午9:00", None),
    ],
)
def test_a_start_is_read_as_people_write_days_and_asked_about_where_it_may_be_two(cell, day):
    moment = moment_of(shorn(cell))
    assert (moment and f"{localtime(moment):%Y-%m-%d %H:%M}") == day


def test_orders_are_paid_for_and_placed_as_the_form_does(erin, site, demo_site):
    job = imported(ORDERS, orders_of(site, "extra-1", "extra-2", count=20_000))
    assert (job.status, job.created, job.amount) == (ImportJob.Status.DONE, 2, 18)
    first, second = Order.objects.order_by("id")
    assert (first.status, first.price, first.site, first.video_id) == (
        Status.PENDING,
        9,
        site,
        "extra-1",
    )
    assert first.oid.startswith(f"{erin.pk}-20")
    assert first.oid != second.oid
    assert [event.to_status for event in first.events.all()] == [Status.PENDING]
    assert [entry.balance_after for entry in LedgerEntry.objects.order_by("id")] == [20, 11, 2]
    assert balance(erin) == 2
    assert list(differences()) == []


def test_balances_are_checked_over_all_rows_of_a_customer(erin, frank, site, monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 2})
    job = checked(ORDERS, orders_of(site, *(f"extra-{row}" for row in range(6))))
    assert (job.created, job.amount) == (4, 20)
    assert reasons(job) == [
        "6 username: The balance is short by 5.00.",
        "7 username: The balance is short by 5.00.",
    ]
    assert not Order.objects.exists()
    job.start_import(partial=True)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.created, job.rejected) == (4, 2)
    assert balance(erin) == 0
    assert list(differences()) == []


def test_money_spent_since_the_check_stops_the_whole_file(erin, site):
    job = checked(ORDERS, orders_of(site, "extra-1", "extra-2", count=20_000))
    imported(ORDERS, orders_of(site, "extra-3"))
    job.start_import(partial=False)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.REFUSED
    assert "line 3 became invalid after the check: The balance is short by 3.00." in str(
        reason_of(job)
    )
    assert (Order.objects.count(), balance(erin)) == (1, 15)


def test_the_same_file_of_orders_places_none_twice(erin, site):
    text = orders_of(site, "extra-1", "extra-2")
    imported(ORDERS, text)
    again = imported(ORDERS, text)
    assert (again.created, again.unchanged, again.rejected) == (0, 2, 0)
    assert (Order.objects.count(), balance(erin)) == (2, 10)


def test_rows_of_orders_that_were_delivered_lately_are_named_before_they_are_placed_again(
    erin, site, demo_site
):
    """As where the whole file comes back after some of its rows were mended."""
    imported(ORDERS, orders_of(site, "1", "2"))
    Order.objects.filter(url__endswith="/1").update(status=Status.CANCELED)
    Order.objects.filter(url__endswith="/2").update(status=Status.COMPLETED)
    job = checked(ORDERS, orders_of(site, "2", "1"))
    assert (job.created, job.rejected) == (2, 0)
    notes = " ".join(str(Reason(**note)) for note in job.notes)
    assert f"Rows that repeat orders of the last days: 1: erin {site.origin}/videos/2 (" in notes
    assert not checked(ORDERS, orders_of(site, "2", count=20_000)).notes
    Order.objects.update(create_date=timezone.now() - timedelta(days=8))
    assert not checked(ORDERS, orders_of(site, "2", "1")).notes


@pytest.mark.parametrize("partial", [False, True])
def test_what_was_delivered_after_the_check_is_not_ordered_again_unasked(erin, site, partial):
    """Two clerks have the same list, each in a file of their own."""
    theirs = checked(ORDERS, orders_of(site, "2", "1"))
    imported(ORDERS, orders_of(site, "1"))
    Order.objects.update(status=Status.COMPLETED)
    theirs.start_import(partial=partial)
    jobs.run(theirs.pk)
    theirs.refresh_from_db()
    told = str(reason_of(theirs)) + store.read(theirs, store.REFUSED).decode()
    assert "The same order was delivered after the check" in told
    assert (Order.objects.count(), balance(erin)) == ((2, 10) if partial else (1, 15))


def test_orders_that_the_form_would_refuse_are_refused(erin, frank, site, demo_site):
    imported(ORDERS, orders_of(site, "extra-9"))
    text = orders_of(site, "extra-9", "extra-1", "extra-1")
    text += f"erin,https://example.com/videos/1,10000\nerin,{site.origin}/about,10000\n"
    text += f"erin,{site.origin}/videos/extra-2,9\nerin,{site.origin}/videos/extra-3,ten\n"
    text += f"frank,{site.origin}/videos/extra-4,10000\n"
    told = "\n".join(reasons(checked(ORDERS, text)))
    for reason in (
        "2 url: This video is in use by another open order or calibration.",
        "4 url: Already in this file, in line 3.",
        "5 url: https://example.com is not one of our sites.",
        "6 url: ",
        "7 count: The smallest order is 10,000 plays.",
        "8 count: Not a whole number: use the digits 0 to 9.",
        "9 username: The balance is short by 5.00.",
    ):
        assert reason in told
    demo_site.remove_token(site.token)
    Site.objects.update(verified_at=None)
    assert "The site is not verified" in reasons(checked(ORDERS, orders_of(site, "extra-5")))[0]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "row",
    [
        '"frank","50","12"',
        '"frank","50",12',
        'frank,50,"12"',
        '"frank","50","12",,',
        '"fr""k","50",12',
    ],
)
def test_an_amount_and_a_memo_that_were_quoted_each_are_two_cells(frank, row):
    """As a program writes them that quotes all texts, or all cells."""
    Customer.objects.create(username='fr"k')
    job = imported(CHARGES, f'"username","amount","memo"\n{row}\n')
    assert (job.created, job.rejected) == (1, 0)
    credited = ChargeRecord.objects.latest("pk")
    assert (credited.amount, credited.memo) == (50, "12")


@pytest.mark.parametrize(
    "row", ["frank,50,12", '"frank",50,12', '"frank",50,12,,', 'frank,50,12,"x"']
)
def test_an_amount_that_a_comma_may_have_cut_in_two_is_asked_about_with_both_ways_out(frank, row):
    job = checked(CHARGES, f"username,amount,memo,reference\n{row}{',' * (3 - row.count(','))}\n")
    assert reasons(job) == [
        "2 amount: 50,12 may have been cut in two: put it in quotation marks. If these are two "
        "cells, put each in quotation marks, or upload the table as .xlsx."
    ]

"""A payment is credited once: by its number, by file and line, or because somebody was asked."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    ImportJob,
    LedgerEntry,
    OrderError,
    WaitingTopUp,
)
from core.ordering import approve_top_up
from tests.base import balance, client_of, messages_of

IMPORT, ADD = "/admin/core/chargerecord/import/", "/admin/core/chargerecord/add/"


@pytest.fixture
def desk(bob, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return client_of(bob)


def upload(desk, text: str, name: str = "may.csv") -> ImportJob:
    desk.post(IMPORT, {"file": SimpleUploadedFile(name, text.encode())})
    return ImportJob.objects.latest("pk")


def press(desk, job: ImportJob, button: str):
    answer = desk.post(f"/admin/core/importjob/{job.pk}/{button}/", follow=True)
    job.refresh_from_db()
    return answer


PARTIAL = "username,amount,memo\nfrank,5.00,May\nnobody,7.00,May\n"


def test_the_mended_file_of_a_partial_import_asks_before_it_credits_again(desk, erin, frank):
    press(desk, upload(desk, PARTIAL), "load")
    assert balance(frank) == 5
    mended = upload(desk, PARTIAL.replace("nobody", "erin"))
    page = desk.get(f"/admin/core/importjob/{mended.pk}/change/").content.decode()
    assert "Same payments: leave these rows out" in page
    assert "/load/" not in page
    answer = press(desk, mended, "load")
    assert messages_of(answer) == [
        "Say first whether these rows are payments that were booked before."
    ]
    assert (balance(frank), balance(erin)) == (5, 20)
    page = press(desk, mended, "again/repeated-skip").content.decode()
    assert "Left out as booked before: 1: frank 5.00" in page
    assert (mended.created, mended.unchanged, mended.amount) == (1, 1, 7)
    press(desk, mended, "load")
    assert (balance(frank), balance(erin)) == (5, 27)


def test_who_says_that_they_are_new_credits_them(desk, frank):
    press(desk, upload(desk, "username,amount,memo\nfrank,5.00,May\n"), "load")
    again = upload(desk, "username,amount,memo\nfrank,5.00,May\n\n", "june.csv")
    press(desk, again, "again/repeated-again")
    press(desk, again, "load")
    assert balance(frank) == 10


def test_each_booked_payment_explains_one_row(desk, frank):
    press(desk, upload(desk, "username,amount\nfrank,5.00\n"), "load")
    three = upload(desk, "username,amount\n" + "frank,5.00\n" * 3)
    press(desk, three, "again/repeated-skip")
    assert (three.created, three.unchanged) == (2, 1)
    press(desk, three, "load")
    assert balance(frank) == 15


def test_a_payment_with_a_number_is_credited_once_whatever_the_file(desk, erin, frank):
    head = "username,amount,memo,reference\n"
    press(desk, upload(desk, head + "frank,5.00,May,T-1\nerin,6.00,,\n"), "load")
    other = upload(desk, head + "frank,5.00,June,T-1\nfrank,5.00,June,T-2\nerin,5.00,,T-1\n")
    assert (other.created, other.unchanged, other.rejected) == (2, 1, 0)
    press(desk, other, "load")
    assert (balance(frank), balance(erin)) == (10, 31)


def test_another_amount_under_the_same_number_is_refused(desk, frank):
    press(desk, upload(desk, "username,amount,reference\nfrank,5.00,T-1\n"), "load")
    job = upload(desk, "username,amount,reference\nfrank,50.00,T-1\n")
    page = desk.get(f"/admin/core/importjob/{job.pk}/change/").content.decode()
    assert "This payment was booked on" in page
    assert (job.created, job.rejected) == (0, 1)


def test_a_number_stands_once_in_a_file(desk, erin, frank):
    rows = "frank,5.00,T-1\nfrank,5.00,T-1\nerin,5.00,T-1\nfrank,5.00,\nfrank,5.00,\n"
    job = upload(desk, "username,amount,reference\n" + rows)
    page = desk.get(f"/admin/core/importjob/{job.pk}/change/").content.decode()
    assert "Already in this file, in line 2." in page
    assert (job.created, job.rejected) == (4, 1)


def test_the_form_takes_a_number_once(desk, frank):
    sent = {"customer": frank.pk, "amount": "5", "reference": "T-1"}
    assert desk.post(ADD, sent).status_code == 302
    answer = desk.post(ADD, sent | {"amount": "6"})
    assert "This payment was booked on" in str(answer.context["errors"])
    assert balance(frank) == 5


def test_the_database_takes_a_number_once(frank):
    paid = {"customer": frank, "amount": Decimal(5), "reference": "T-1"}
    ChargeRecord.objects.create(**paid)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChargeRecord.objects.create(**paid)
    assert LedgerEntry.objects.count() == 1


def test_what_waits_under_a_number_is_not_approved_after_it_was_booked(desk, bob, alice, frank):
    group = bob.groups.get()
    ApprovalLimit.objects.create(group=group, amount=50, top_up_amount=50)
    large = {"customer": frank.pk, "amount": "80", "reference": "T-1"}
    desk.post(ADD, large)
    waiting = WaitingTopUp.objects.get()
    assert waiting.reference == "T-1"
    assert "This payment was booked on" in str(desk.post(ADD, large).context["errors"])
    ChargeRecord.objects.create(customer=frank, amount=Decimal(80), reference="T-1")
    with pytest.raises(OrderError, match="booked before"):
        approve_top_up(waiting, alice)
    waiting.refresh_from_db()
    assert waiting.awaits_approval
    assert Customer.objects.get(pk=frank.pk).balance == 80

"""A payment is credited once: by its number, by file and line, or because somebody was asked."""

import io
from decimal import Decimal

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.importing import jobs, rows, store
from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    ImportJob,
    LedgerEntry,
    OrderError,
    WaitingTopUp,
)
from core.ordering import approve_top_up, correct_top_up
from core.reasons import Reason, reason_of
from tests.base import balance, client_of, messages_of

UNNUMBERED = ("-", "n/a", "无", "nan", "NULL", "None", "/", "")
IMPORT, ADD = "/admin/core/chargerecord/import/", "/admin/core/chargerecord/add/"


@pytest.fixture
def desk(bob, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return client_of(bob)


def upload(desk, text: str | bytes, name: str = "may.csv") -> ImportJob:
    data = text.encode() if isinstance(text, str) else text
    desk.post(IMPORT, {"file": SimpleUploadedFile(name, data)})
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
        "First say whether these rows are payments that are already booked."
    ]
    assert (balance(frank), balance(erin)) == (5, 20)
    page = press(desk, mended, "again/repeated-skip").content.decode()
    assert "Left out because they are already booked: 1: frank 5.00" in page
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


@pytest.mark.parametrize(
    "cell", [" T-1 ", "T-1\u00a0", "T-1\u200b", "\ufeffT-1", "'T-1", '="T-1"', "Ｔ－１", "T-1\t"]
)
def test_a_number_is_the_same_however_it_was_typed(desk, frank, cell):
    press(desk, upload(desk, "username;amount;reference\nfrank;5.00;T-1\n"), "load")
    other = upload(desk, f"username;amount;reference\nfrank;5.00;{cell}\n")
    assert (other.created, other.unchanged, other.rejected) == (0, 1, 0)
    answer = desk.post(ADD, {"customer": frank.pk, "amount": "5", "reference": cell.strip('="')})
    assert "This payment was booked on" in str(answer.context["errors"])
    assert balance(frank) == 5


def test_what_says_that_there_is_no_number_is_none(desk, frank):
    rows = "".join(f"frank,{place}.00,{word}\n" for place, word in enumerate(UNNUMBERED, 1))
    job = upload(desk, "username,amount,reference\n" + rows)
    assert (job.created, job.rejected) == (len(UNNUMBERED), 0)
    press(desk, job, "load")
    assert not ChargeRecord.objects.filter(reference__isnull=False).exists()


def test_numbers_that_a_spreadsheet_cut_to_fifteen_digits_are_no_payments_name(desk, frank):
    """Of two payments of a day through the same wallet the first fifteen digits are the same."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ("username", "amount", "reference"))
        page.write_row(1, 0, ("frank", 5, 4200001234202605031234567890.0))
        page.write_row(2, 0, ("frank", 6, 4200001234202605039999999999.0))
        page.write_row(3, 0, ("frank", 7, "4200001234202605039999999999"))
    job = upload(desk, made.getvalue(), "may.xlsx")
    jobs.run(job.pk)
    job.refresh_from_db()
    told = [(line, reason) for line, _column, _value, reason in store.first_errors(job, 9)]
    assert [line for line, _reason in told] == ["2", "3"]
    assert all("The spreadsheet damaged this number" in reason for _line, reason in told)
    assert (job.created, job.amount) == (1, 7)


@pytest.mark.parametrize("memo", ["May ", " May", "May\u00a0"])
def test_a_payment_is_known_again_whatever_blanks_stand_around_its_memo(desk, frank, memo):
    press(desk, upload(desk, "username;amount;memo\nfrank;5.00;May\n"), "load")
    job = upload(desk, f"username;amount;memo\nfrank;5.00;{memo}\n")
    assert "Rows that repeat recent top-ups: 1" in " ".join(
        str(Reason(**note)) for note in job.notes
    )


@pytest.mark.parametrize("others", ["", "nobody,7.00,May\n"], ids=["whole", "valid rows"])
def test_what_was_booked_after_the_check_is_not_booked_again_unasked(desk, frank, others):
    """Two clerks have the same list, each in a file of their own."""
    first, second = "username,amount,memo\nfrank,5.00,May\n", "username;amount;memo\n"
    mine = upload(desk, first)
    theirs = upload(desk, second + "frank;5.00;June\nfrank;5.00;May\n" + others.replace(",", ";"))
    press(desk, mine, "load")
    press(desk, theirs, "load")
    told = str(reason_of(theirs)) + store.read(theirs, store.REFUSED).decode()
    assert "An equal top-up was booked after the check: frank 5.00" in told
    assert balance(frank) == (10 if others else 5)


def test_rows_that_were_said_to_be_new_are_credited_once_each(desk, frank):
    press(desk, upload(desk, "username,amount\nfrank,5.00\n"), "load")
    again = upload(desk, "username,amount\n" + "frank,5.00\n" * 3)
    press(desk, again, "again/repeated-again")
    press(desk, again, "load")
    assert balance(frank) == 20


def test_two_alike_of_one_file_are_two_also_where_it_is_imported_by_blocks(
    desk, frank, monkeypatch
):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 1})
    job = upload(desk, "username,amount\nfrank,5.00\nnobody,1.00\nfrank,5.00\n")
    press(desk, job, "load")
    assert balance(frank) == 10


def test_a_killed_import_goes_on_with_the_rows_that_were_said_to_be_new(desk, frank, monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 1})
    press(desk, upload(desk, "username,amount\nfrank,5.00\n"), "load")
    again = upload(desk, "username,amount\nfrank,5.00\nnobody,1.00\nfrank,5.00\n")
    press(desk, again, "again/repeated-again")
    again.start_import(partial=True)

    def crash(name: str) -> None:
        if name == "after-block":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs, "failpoint", crash)
        jobs.run(again.pk)
    ImportJob.objects.filter(pk=again.pk).update(lease_until=None)
    jobs.run(again.pk)
    again.refresh_from_db()
    assert (again.status, again.created, again.rejected) == (ImportJob.Status.DONE, 2, 1)
    assert balance(frank) == 15


def test_what_was_approved_after_the_check_is_the_payment_that_the_check_showed(
    desk, alice, bob, frank
):
    ApprovalLimit.objects.create(group=bob.groups.get(), amount=50, top_up_amount=50)
    desk.post(ADD, {"customer": frank.pk, "amount": "80"})
    twice = upload(desk, "username,amount\nfrank,80.00\nfrank,80.00\n")
    press(desk, twice, "again/repeated-skip")
    approve_top_up(WaitingTopUp.objects.get(), alice)
    press(desk, twice, "load")
    assert (twice.status, twice.created, twice.unchanged) == (ImportJob.Status.DONE, 1, 1)


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [("", "T-1", True), ("T-1", "", True), ("00123", "123", True), ("T-1", "T-2", False)],
)
def test_a_number_that_was_not_said_or_lost_its_zeros_may_be_the_same(
    desk, frank, before, after, asked
):
    """Entered by hand first, then from the bank's list; and a list that a spreadsheet saved."""
    press(desk, upload(desk, f"username,amount,reference\nfrank,5.00,{before}\n"), "load")
    job = upload(desk, f"username,amount,reference\nfrank,5.00,{after}\n")
    assert job.awaits_word_on_repeats == asked


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


# Corrected


@pytest.fixture
def corrected(desk, bob, frank) -> ChargeRecord:
    """Booked as 50, and 60 was paid."""
    press(desk, upload(desk, "username,amount,reference\nfrank,50,T1\n"), "load")
    charge = ChargeRecord.objects.get(reference="T1")
    correct_top_up(charge, Decimal(60), "The bank says so", bob)
    return charge


def told(job: ImportJob) -> list[str]:
    return [error[3] for error in store.first_errors(job, 9)]


def test_a_corrected_payment_is_known_by_what_it_amounts_to(desk, frank, corrected):
    job = upload(desk, "username,amount,reference\nfrank,60,T1\n", "bank.csv")
    assert (job.created, job.unchanged, job.rejected) == (0, 1, 0)
    assert balance(frank) == 60


def test_a_payment_by_the_amount_before_its_correction_is_refused_in_these_words(
    desk, frank, corrected
):
    job = upload(desk, "username,amount,reference\nfrank,50,T1\n", "june.csv")
    day = timezone.localdate().isoformat()
    text = f"This payment was booked on {day} as 50.00; since a correction it amounts to 60.00."
    assert told(job) == [text]
    answer = desk.post(ADD, {"customer": frank.pk, "amount": "60", "reference": "T1"})
    assert text in str(answer.context["errors"])
    assert balance(frank) == 60


def test_a_correction_that_waits_changes_no_amount(desk, frank, bob):
    ApprovalLimit.objects.create(
        group=bob.groups.get(), amount=Decimal(9), top_up_amount=Decimal(9)
    )
    charge = ChargeRecord.objects.create(customer=frank, amount=Decimal(5), reference="T1")
    correct_top_up(charge, Decimal(60), "The bank says so", bob)
    assert upload(desk, "username,amount,reference\nfrank,5,T1\n").unchanged == 1
    job = upload(desk, "username,amount,reference\nfrank,60,T1\n")
    assert told(job) == [f"This payment was booked on {timezone.localdate().isoformat()} as 5.00."]


@pytest.mark.parametrize("amounts", [("60",), ("50",), ("60", "50"), ("50", "60"), ("60", "60")])
def test_a_corrected_payment_without_a_number_explains_one_row_of_either_amount(
    desk, frank, corrected, amounts
):
    job = upload(desk, "username,amount\n" + "".join(f"frank,{one}\n" for one in amounts))
    press(desk, job, "again/repeated-skip")
    assert (job.created, job.unchanged) == (len(amounts) - 1, 1)

"""A payment that is typed again: the form of top-ups asks about one that was booked lately, and who
approves one is told."""

import re
from decimal import Decimal

import pytest

from core.importing import jobs
from core.importing.uploads import new_job
from core.models import ApprovalLimit, ChargeRecord, ImportJob, WaitingTopUp
from core.ordering import decline_top_up
from tests.base import balance, client_of
from tests.test_admin import ADD_CHARGE, errors_of

ASKED = "If this is another payment, save again."


@pytest.fixture
def desk(bob, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return client_of(bob)


def imported(bob, row: str) -> ImportJob:
    text = f"username,amount,reference\n{row}\n"
    job = new_job(ImportJob.Kind.CHARGES, "may.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def answered(answer) -> dict[str, str]:
    """What the page sends along when it is saved again."""
    return {"confirmed": re.search(r'name="confirmed" value="([^"]*)"', answer.text).group(1)}


def test_an_equal_payment_of_an_import_is_asked_about_and_taken_when_saved_again(desk, bob, frank):
    imported(bob, "frank,50,")
    form = {"customer": frank.pk, "amount": "50", "memo": "by hand"}
    asked = desk.post(ADD_CHARGE, form)
    told, question = errors_of(asked)["amount"]
    assert "equals a top-up of 50.00" in told
    assert "bob" in told
    assert question == ASKED
    assert balance(frank) == 50
    desk.post(ADD_CHARGE, form | answered(asked))
    assert balance(frank) == 100


def test_a_payment_that_was_typed_before_is_asked_about_each_time(desk, frank):
    form = {"customer": frank.pk, "amount": "50"}
    desk.post(ADD_CHARGE, form)
    answer = answered(desk.post(ADD_CHARGE, form))
    desk.post(ADD_CHARGE, form | answer)
    assert balance(frank) == 100
    assert ASKED in str(errors_of(desk.post(ADD_CHARGE, form | answer)))
    assert balance(frank) == 100


@pytest.mark.parametrize(
    ("before", "typed", "is_asked"),
    [("T-1", "T-2", False), ("", "T-2", True), ("T-1", "", True), ("00123", "123", True)],
)
def test_under_another_number_it_is_another_payment(desk, bob, frank, before, typed, is_asked):
    imported(bob, f"frank,50,{before}")
    answer = desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": "50", "reference": typed})
    assert (answer.status_code == 200) == is_asked
    assert balance(frank) == (50 if is_asked else 100)


def test_another_customer_or_amount_is_not_asked_about(desk, erin, frank):
    desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": "50"})
    assert desk.post(ADD_CHARGE, {"customer": erin.pk, "amount": "50"}).status_code == 302
    assert desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": "50.01"}).status_code == 302


def test_what_an_undone_import_credited_is_not_asked_about(desk, bob, alice, frank):
    job = imported(bob, "frank,50,")
    assert job.start_undo(alice)
    jobs.run(job.pk)
    assert balance(frank) == 0
    desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": "50"})
    assert balance(frank) == 50


def test_a_large_amount_that_is_equal_is_asked_about_once(desk, frank):
    form = {"customer": frank.pk, "amount": "12000"}
    desk.post(ADD_CHARGE, form | {"confirmed": "12000.00"})
    asked = desk.post(ADD_CHARGE, form)
    assert "twelve thousand" in str(errors_of(asked))
    assert ASKED in str(errors_of(asked))
    assert ASKED in str(errors_of(desk.post(ADD_CHARGE, form | {"confirmed": "12000.00"})))
    assert balance(frank) == 12_000
    desk.post(ADD_CHARGE, form | answered(asked))
    assert balance(frank) == 24_000


@pytest.fixture
def limited(bob):
    ApprovalLimit.objects.create(group=bob.groups.get(), amount=50, top_up_amount=50)


def test_what_waits_is_asked_about_and_what_was_declined_is_not(limited, desk, alice, frank):
    form = {"customer": frank.pk, "amount": "80"}
    desk.post(ADD_CHARGE, form)
    told, _question = errors_of(desk.post(ADD_CHARGE, form))["amount"]
    assert "waits for approval" in told
    assert WaitingTopUp.objects.count() == 1
    decline_top_up(WaitingTopUp.objects.get(), alice)
    assert desk.post(ADD_CHARGE, form).status_code == 302


def test_who_approves_is_told_of_an_equal_one_that_was_booked(limited, desk, bob, alice, frank):
    desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": "80"})
    waiting = WaitingTopUp.objects.get()
    page = f"/admin/core/waitingtopup/{waiting.pk}/change/"
    told = "This equals a top-up of 80.00"
    assert told not in client_of(alice).get(page).text
    ChargeRecord.objects.create(customer=frank, amount=Decimal(80), creator=bob)
    assert told in client_of(alice).get(page).text
    decline_top_up(waiting, alice)
    assert told not in client_of(alice).get(page).text

"""Top-ups: how they were paid, what the balance was, and what becomes of one that was entered
wrongly."""

import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    ChargeRecord,
    ImportJob,
    LedgerEntry,
    OrderError,
    TopUpCorrection,
    WaitingTopUp,
)
from core.models.billing import PaymentMethod, corrected_amount
from core.ops.auditing import differences
from core.ordering import approve_correction, approve_top_up, correct_top_up, decline_correction
from core.reasons import Code
from core.reports import dashboard
from tests.base import balance, client_of, new_staff, placed

ADD = "/admin/core/chargerecord/add/"
LIST = "/admin/core/chargerecord/"


@pytest.fixture
def charge(erin):
    """erin's 20.00, with which she comes."""
    return ChargeRecord.objects.get(customer=erin)


@pytest.fixture
def limited(database):
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=10_000, top_up_amount=Decimal(10))


@pytest.fixture
def grace(database):
    return new_staff("grace", "Administrators")


def corrections() -> list[tuple[str, str]]:
    found = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CORRECTION).order_by("pk")
    return [(str(entry.amount), entry.note) for entry in found]


# Before and after


def test_a_top_up_shows_the_balance_before_and_after(desk, erin, charge):
    second = ChargeRecord.objects.create(customer=erin, amount=Decimal("5.50"))
    rows = {row.pk: row for row in desk.get(LIST).context["cl"].result_list}
    assert (rows[charge.pk].balance_after, rows[second.pk].balance_after) == (20, Decimal("25.50"))
    text = desk.get(LIST).content.decode()
    assert 'data-label="Balance before">20.00</td>' in text
    assert 'data-label="Balance after">25.50</td>' in text
    page = desk.get(f"{LIST}{second.pk}/change/").content.decode()
    assert "20.00" in page
    assert "25.50" in page


def test_the_form_says_what_the_balance_will_be(desk, carol, erin):
    def preview(**typed: object) -> dict[str, str]:
        return desk.get(f"{LIST}preview/", typed).json()

    assert preview(customer=erin.pk, amount="1,000.50") == {
        "balance": "20.00",
        "balance_after": "1,020.50",
    }
    assert preview(customer=erin.pk) == {"balance": "20.00", "balance_after": "–"}
    assert preview(amount="x") == {"balance": "–", "balance_after": "–"}
    assert client_of(carol).get(f"{LIST}preview/").status_code == 403


def test_how_it_was_paid_is_kept_also_while_it_waits(desk, erin, limited, grace):
    sent = {
        "customer": erin.pk,
        "method": PaymentMethod.TRANSFER.value,
        "reference": "R-1",
        "request_key": str(uuid.uuid4()),
    }
    desk.post(ADD, sent | {"amount": "5"})
    assert ChargeRecord.objects.get(reference="R-1").method == PaymentMethod.TRANSFER
    desk.post(ADD, sent | {"amount": "50", "reference": "R-2", "request_key": str(uuid.uuid4())})
    waiting = WaitingTopUp.objects.get()
    assert (waiting.method, waiting.reference) == (PaymentMethod.TRANSFER, "R-2")
    approve_top_up(waiting, grace)
    assert ChargeRecord.objects.get(reference="R-2").method == PaymentMethod.TRANSFER
    assert "bank transfer" in desk.get(LIST).content.decode()


def test_a_file_says_how_each_was_paid(bob, erin):
    job = upload(bob, "username,amount,paid by\nerin,1,微信\nerin,2, Bank Transfer \nerin,3,\n")
    assert job.start_import(partial=False)
    jobs.run(job.pk)
    found = ChargeRecord.objects.filter(amount__lt=5).order_by("amount")
    assert [record.method for record in found] == [
        PaymentMethod.WECHAT,
        PaymentMethod.TRANSFER,
        None,
    ]


def test_a_way_of_payment_that_nobody_knows_is_refused_in_its_row(bob, erin):
    job = upload(bob, "username,amount,paid by\nerin,1,shells\nerin,2,cash\n")
    assert (job.created, job.rejected) == (1, 1)


def upload(bob, text: str) -> ImportJob:
    job = new_job(ImportJob.Kind.CHARGES, "a.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


# Corrections


def correct(desk, charge, amount: str, reason: str = "It was half of it"):
    return desk.post(f"{LIST}{charge.pk}/correct/", {"right_amount": amount, "reason": reason})


def test_a_correction_books_the_difference_and_leaves_the_top_up(desk, bob, erin, charge):
    answer = correct(desk, charge, "12,50")
    assert answer.url == f"{LIST}{charge.pk}/change/"
    assert balance(erin) == Decimal("12.50")
    assert corrections() == [("-7.50", "It was half of it")]
    assert LedgerEntry.objects.get(kind=LedgerEntry.Kind.CORRECTION).creator == bob
    assert ChargeRecord.objects.get().amount == 20
    assert corrected_amount(charge) == Decimal("12.50")
    assert list(differences()) == []
    page = desk.get(answer.url).content.decode()
    assert "Corrected to 12.50 (-7.50): It was half of it" in page


def test_a_correction_counts_on_those_before_it(desk, erin, charge):
    correct(desk, charge, "12.50")
    correct(desk, charge, "15")
    assert corrections() == [("-7.50", "It was half of it"), ("2.50", "It was half of it")]
    assert balance(erin) == 15


def test_the_same_form_twice_is_one_correction(desk, erin, charge):
    correct(desk, charge, "12.50")
    answer = correct(desk, charge, "12.50")
    assert "already amounts to 12.50" in answer.content.decode()
    assert balance(erin) == Decimal("12.50")


def test_what_was_spent_cannot_be_taken_back(desk, erin, harbour, charge):
    placed(erin, harbour, price="15.00")
    answer = correct(desk, charge, "12")
    assert "The balance is short by 3.00." in answer.content.decode()
    assert not TopUpCorrection.objects.exists()
    assert (balance(erin), corrections()) == (5, [])


@pytest.mark.parametrize(("amount", "reason"), [("-1", "x"), ("", "x"), ("5", " "), ("1_0", "x")])
def test_a_correction_needs_an_amount_and_a_reason(desk, charge, amount, reason):
    answer = correct(desk, charge, amount, reason)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not TopUpCorrection.objects.exists()


def test_a_correction_says_what_it_lacks_in_its_own_words(bob, charge):
    with pytest.raises(OrderError) as refused:
        correct_top_up(charge, Decimal(5), " ", bob)
    assert refused.value.reason.code == Code.CORRECTION_REASON_MISSING
    assert not TopUpCorrection.objects.exists()


def test_who_takes_no_money_in_corrects_none(carol, dave, charge):
    for user in (carol, dave, new_staff("ken", "Clerks")):
        assert correct(client_of(user), charge, "5").status_code == 403
    assert not TopUpCorrection.objects.exists()
    assert "Correct this" not in client_of(carol).get(f"{LIST}{charge.pk}/change/").content.decode()


def test_above_the_limit_a_second_person_decides(desk, bob, grace, erin, charge, limited):
    answer = correct(desk, charge, "5")
    waiting = TopUpCorrection.objects.get()
    assert answer.url == f"/admin/core/topupcorrection/{waiting.pk}/change/"
    assert (waiting.status, waiting.amount) == (TopUpCorrection.Status.AWAITING, -15)
    assert (balance(erin), corrections()) == (20, [])
    assert dashboard.waiting_top_ups()["corrections"] == 1
    assert "Corrections awaiting approval" in desk.get("/admin/home/").content.decode()
    assert "awaits approval" in correct(desk, charge, "18").content.decode()

    approve = f"/admin/core/topupcorrection/{waiting.pk}/approve/"
    desk.post(approve)
    assert balance(erin) == 20  # nobody decides on their own
    client_of(grace).post(approve)
    assert balance(erin) == 5
    entry = LedgerEntry.objects.get(kind=LedgerEntry.Kind.CORRECTION)
    assert (entry.amount, entry.creator) == (-15, bob)
    assert list(differences()) == []
    with pytest.raises(OrderError):
        approve_correction(TopUpCorrection.objects.get(), grace)


def test_within_the_limit_nobody_else_is_asked(desk, erin, charge, limited):
    correct(desk, charge, "30")
    assert balance(erin) == 30


def test_a_declined_correction_leaves_all_as_it_was(desk, grace, erin, charge, limited):
    correct(desk, charge, "5")
    client_of(grace).post(
        f"/admin/core/topupcorrection/{TopUpCorrection.objects.get().pk}/decline/"
    )
    assert TopUpCorrection.objects.get().status == TopUpCorrection.Status.DECLINED
    assert (balance(erin), corrections()) == (20, [])
    correct(desk, charge, "18")
    assert balance(erin) == 18


def test_an_approval_that_the_balance_no_longer_covers_changes_nothing(
    bob, grace, erin, harbour, charge, limited
):
    waiting = correct_top_up(charge, Decimal(0), "It never came", bob)
    placed(erin, harbour, price="15.00")
    with pytest.raises(OrderError) as refused:
        approve_correction(waiting, grace)
    assert str(refused.value) == "The balance is short by 15.00."
    assert TopUpCorrection.objects.get().status == TopUpCorrection.Status.AWAITING
    decline_correction(TopUpCorrection.objects.get(), grace)
    assert balance(erin) == 5


def test_takings_are_net_of_corrections(bob, erin, charge):
    before = dashboard.money().today.topped_up
    correct_top_up(charge, Decimal(5), "It was less", bob)
    assert dashboard.money().today.topped_up == before - 15


def test_a_correction_that_is_not_what_was_booked_is_found(bob, charge):
    correct_top_up(charge, Decimal(5), "It was less", bob)
    TopUpCorrection.objects.update(amount=-14)
    assert [line for line in differences() if line.startswith("correction")]


def test_a_large_right_amount_is_asked_about_in_words(desk, erin, charge):
    form = {"right_amount": "250000", "reason": "two noughts"}
    url = f"{LIST}{charge.pk}/correct/"
    page = desk.post(url, form)
    assert "two hundred" in page.content.decode()
    assert corrections() == []
    confirmed = page.context["form"]["confirmed"].value()
    desk.post(url, form | {"confirmed": confirmed})
    assert [amount for amount, _note in corrections()] == ["249980.00"]


def test_an_entry_of_a_correction_that_nobody_made_is_told(erin, charge):
    LedgerEntry.objects.post(
        kind=LedgerEntry.Kind.CORRECTION,
        customer_id=erin.pk,
        amount=Decimal(5),
        reference="correction:0",
    )
    assert [text for text in differences() if text.startswith("corrections of top-ups")] == [
        "corrections of top-ups: 0 records of 0.00 in all, 1 entries of 5.00"
    ]

"""A top-up of many customers asks about those who got the same amount lately."""

from decimal import Decimal

import pytest

from core.bulk import jobs
from core.models import BulkJob, ChargeRecord, Customer, WaitingTopUp
from core.reasons import Code
from tests.base import balance, client_of
from tests.test_bulk import CUSTOMERS, choose, press, text_of

EQUAL = "1 of them got a top-up of 5.00 in the last 7 days: frank"


def booked(customer, amount: str = "5.00", creator=None, **columns) -> ChargeRecord:
    return ChargeRecord.objects.create(
        customer=customer, amount=Decimal(amount), creator=creator, **columns
    )


def chosen(client) -> BulkJob:
    choose(client, CUSTOMERS, "top_up", Customer.objects.all())
    return BulkJob.objects.first()


def confirmed(client, **data):
    return press(client, "start", each="5.00", asked="5.00", **data)


def test_who_got_the_same_amount_lately_is_named_and_left_out(desk, bob, erin, frank):
    booked(frank, creator=bob)
    chosen(desk)
    page = press(desk, "fill", each="5.00")
    assert EQUAL in text_of(page)
    before = balance(erin)
    confirmed(desk)
    assert (balance(erin), balance(frank)) == (before + 5, 5)
    refusal = BulkJob.objects.get().refusals.get()
    assert (refusal.name, refusal.reason_code) == ("frank", Code.EQUAL_TOP_UP)
    page = text_of(desk.get(f"/admin/core/bulkjob/{refusal.job_id}/change/"))
    assert "A top-up of 5.00 was entered on" in page


def test_who_is_to_get_the_same_amount_again_does(desk, frank):
    booked(frank)
    chosen(desk)
    press(desk, "fill", each="5.00")
    confirmed(desk, again="on")
    assert balance(frank) == 10


@pytest.mark.parametrize("again", [{}, {"again": "on"}])
def test_of_two_clerks_who_top_up_the_same_customers_one_does(
    desk, alice, frank, again, monkeypatch
):
    """Both saw their page before either had booked."""
    other = client_of(alice)
    monkeypatch.setattr(jobs, "run", lambda pk: None)
    for client in (desk, other):
        chosen(client)
        press(client, "fill", each="5.00")
        confirmed(client, **again)
    monkeypatch.undo()
    for job in BulkJob.objects.order_by("pk"):
        jobs.run(job.pk)
    assert balance(frank) == 5
    assert BulkJob.objects.latest("pk").refusals.get(name="frank").reason_code == Code.EQUAL_TOP_UP


def test_another_amount_is_not_asked_about(desk, frank):
    booked(frank, "6.00")
    chosen(desk)
    page = press(desk, "fill", each="5.00")
    assert "in the last 7 days" not in text_of(page)
    confirmed(desk)
    assert balance(frank) == 11


def test_what_waits_for_a_second_person_is_asked_about(desk, alice, frank):
    WaitingTopUp.objects.create(customer=frank, amount=Decimal(5), creator=alice)
    chosen(desk)
    page = press(desk, "fill", each="5.00")
    assert EQUAL in text_of(page)
    confirmed(desk)
    assert balance(frank) == 0

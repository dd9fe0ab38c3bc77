"""Top-ups above a limit: nobody is credited until a second person approves, whichever way they
came."""

import threading
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connections

from core.bulk.customers import TopUpCustomers
from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    BulkJob,
    ChargeRecord,
    Customer,
    ImportJob,
    LedgerEntry,
    OrderError,
    User,
    WaitingTopUp,
)
from core.ops.auditing import differences
from core.ordering import approve_top_up, decline_top_up
from core.reasons import Code, Reason
from tests.base import balance, client_of, messages_of, new_staff

ADD = "/admin/core/chargerecord/add/"


def limit_top_ups(amount: str) -> None:
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=10_000, top_up_amount=Decimal(amount))


@pytest.fixture
def limited(database):
    limit_top_ups("50")


@pytest.fixture
def grace(database) -> User:
    return new_staff("grace", "Administrators")


def by_form(bob: User, customer: Customer, amount: str) -> None:
    sent = {"customer": customer.pk, "amount": amount, "request_key": str(uuid.uuid4())}
    assert client_of(bob).post(ADD, sent).status_code == 302


def by_upload(bob: User, customer: Customer, amount: str) -> None:
    text = f"username,amount\n{customer},{amount}\n"
    job = new_job(ImportJob.Kind.CHARGES, "a.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)
    jobs.run(job.pk)


def by_bulk_action(bob: User, customer: Customer, amount: str) -> None:
    job = BulkJob.objects.create(
        action=BulkJob.Action.TOP_UP, creator=bob, each=Decimal(amount), language="en"
    )
    TopUpCustomers(job).apply([customer.pk])


WAYS = (by_form, by_upload, by_bulk_action)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_a_top_up_above_the_limit_waits_and_one_at_it_does_not(limited, bob, grace, frank, way):
    way(bob, frank, "50.00")
    assert (balance(frank), WaitingTopUp.objects.count()) == (50, 0)
    way(bob, frank, "50.01")
    assert balance(frank) == 50
    top_up = WaitingTopUp.objects.get()
    assert (top_up.amount, top_up.creator) == (Decimal("50.01"), bob)

    with pytest.raises(OrderError) as refused:
        approve_top_up(top_up, bob)
    assert refused.value.reason.code == Code.APPROVAL_OF_OWN_TOP_UP
    assert balance(frank) == 50

    approve_top_up(top_up, grace)
    assert balance(frank) == Decimal("100.01")
    assert top_up.charge.creator_id == bob.pk
    with pytest.raises(OrderError):
        approve_top_up(WaitingTopUp.objects.get(), grace)
    assert balance(frank) == Decimal("100.01")
    assert list(differences()) == []


def test_a_file_uploaded_twice_is_filed_once(limited, bob, frank):
    by_upload(bob, frank, "80")
    again = new_job(
        ImportJob.Kind.CHARGES, "b.csv", iter([b"username,amount\nfrank,80\n"]), creator=bob
    )
    jobs.run(again.pk)
    again.refresh_from_db()
    assert (again.created, again.unchanged) == (0, 1)
    assert WaitingTopUp.objects.count() == 1


def test_a_file_tells_of_rows_that_were_declined(limited, bob, grace, frank):
    by_upload(bob, frank, "80")
    decline_top_up(WaitingTopUp.objects.get(), grace)
    again = new_job(
        ImportJob.Kind.CHARGES, "b.csv", iter([b"username,amount\nfrank,80\n"]), creator=bob
    )
    jobs.run(again.pk)
    again.refresh_from_db()
    assert (again.created, again.unchanged) == (0, 1)
    (note,) = again.file_notes
    assert note == Reason.of(Code.TOP_UPS_DECLINED, number="1", examples="frank +80.00")
    assert WaitingTopUp.objects.count() == 1


def test_a_file_tells_of_rows_that_already_wait(limited, bob, frank):
    by_upload(bob, frank, "60")
    job = new_job(
        ImportJob.Kind.CHARGES,
        "mended.csv",
        iter([b"username,amount,memo\nfrank,60,\n"]),
        creator=bob,
    )
    jobs.run(job.pk)
    job.refresh_from_db()
    assert [note["code"] for note in job.notes] == [Code.TOP_UPS_REPEATED]


def test_a_form_sent_twice_is_one_that_waits(limited, bob, frank):
    sent = {"customer": frank.pk, "amount": "80", "request_key": str(uuid.uuid4())}
    client = client_of(bob)
    first, second = (client.post(ADD, sent, follow=True) for _time in range(2))
    assert first.redirect_chain == second.redirect_chain
    assert any("once somebody else approves it" in text for text in messages_of(first))
    assert WaitingTopUp.objects.count() == 1
    assert not ChargeRecord.objects.exists()


def test_declined_it_credits_nobody(limited, bob, grace, frank):
    by_form(bob, frank, "80")
    top_up = WaitingTopUp.objects.get()
    decline_top_up(top_up, grace)
    with pytest.raises(OrderError):
        approve_top_up(WaitingTopUp.objects.get(), grace)
    assert (balance(frank), LedgerEntry.objects.count()) == (0, 0)


def test_the_second_person_has_the_buttons_and_the_first_has_none(
    limited, bob, grace, frank, alice
):
    by_form(bob, frank, "80")
    page = f"/admin/core/waitingtopup/{WaitingTopUp.objects.get().pk}/change/"
    assert "/approve/" not in client_of(bob).get(page).content.decode()
    desk = client_of(grace)
    assert "/approve/" in desk.get(page).content.decode()
    assert "Top-ups awaiting approval" in desk.get("/admin/home/").content.decode()
    answer = desk.post(page.replace("change", "approve"), follow=True)
    assert messages_of(answer) == ["Top-up approved; frank was credited with 80.00."]
    assert balance(frank) == 80


def test_a_customer_who_is_switched_off_is_not_credited(limited, bob, grace, frank):
    by_form(bob, frank, "80")
    Customer.objects.update(active=False)
    with pytest.raises(OrderError):
        approve_top_up(WaitingTopUp.objects.get(), grace)
    assert (balance(frank), WaitingTopUp.objects.get().status) == (0, 1)


def test_no_adjustment_and_no_opening_balance_goes_around_the_limit(limited, alice, frank):
    alice.groups.add(Group.objects.get(name="Administrators"))
    client = client_of(alice)
    sent = {"customer": frank.pk, "amount": "50.01", "note": "gift"}
    page = client.post("/admin/core/ledgerentry/add/", sent).content.decode()
    assert "Above your limit of 50.00" in page
    text = b"username,balance\nstraw,50.01\ngrace,50\n"
    job = new_job(ImportJob.Kind.CUSTOMERS, "a.csv", iter([text]), creator=alice)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.created, job.rejected) == (1, 1)
    assert not LedgerEntry.objects.exists()


def test_of_two_who_approve_at_once_one_does(office):
    limit_top_ups("50")
    bob, grace, heidi = (new_staff(name, "Administrators") for name in ("bob", "grace", "heidi"))
    frank = Customer.objects.create(username="frank")
    top_up = WaitingTopUp.objects.create(customer=frank, amount=80, creator=bob)
    gate, refused = threading.Barrier(2), []

    def approve(actor: User) -> None:
        seen = WaitingTopUp.objects.select_related("customer").get(pk=top_up.pk)
        gate.wait(30)
        try:
            approve_top_up(seen, actor)
        except OrderError as error:
            refused.append(error.reason.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(actor,)) for actor in (grace, heidi)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused == [Code.TOP_UP_DECIDED]
    assert balance(frank) == 80

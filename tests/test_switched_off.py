"""Who is switched off neither pays in nor buys, also where that happens as their money moves."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections, transaction

from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    CustomerInactiveError,
    ImportJob,
    LedgerEntry,
    Order,
    OrderError,
    Site,
    User,
    WaitingTopUp,
)
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, approve_top_up, place, top_up_many
from tests.base import client_of, lost_wake_ups, quoted

OFF = "This customer is switched off."


@pytest.fixture
def database(office, settings):
    settings.DATA_DIR = office.data_dir


@pytest.fixture
def people(alice, bob, erin, harbour):
    """bob's top-ups above 10 wait for a second person."""
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=10_000, top_up_amount=Decimal(10))


def by_form() -> Callable[[], str]:
    browser = client_of(User.objects.get(username="alice"))
    erin = Customer.objects.get()
    page = browser.get("/admin/core/chargerecord/add/")
    key = page.context["adminform"].form["request_key"].value()
    form = {"customer": erin.pk, "amount": "5", "request_key": key}

    def send() -> str:
        answer = browser.post("/admin/core/chargerecord/add/", form)
        return "" if answer.status_code == 302 else str(answer.context["errors"])

    return send


def by_form_above_a_limit() -> Callable[[], str]:
    bob, record = (
        User.objects.get(username="bob"),
        ChargeRecord(customer_id=erin_id(), amount=Decimal(50)),
    )

    def enter() -> str:
        try:
            assert top_up_many([record], bob)
        except CustomerInactiveError as error:
            return str(error.reason)
        return ""

    return enter


def by_approval() -> Callable[[], str]:
    bob, alice = User.objects.get(username="bob"), User.objects.get(username="alice")
    waiting = WaitingTopUp.objects.create(customer_id=erin_id(), amount=Decimal(50), creator=bob)
    waiting.customer  # noqa: B018 - read before it is switched off

    def approve() -> str:
        try:
            approve_top_up(waiting, alice)
        except OrderError as error:
            return str(error)
        return ""

    return approve


def by_upload() -> Callable[[], str]:
    alice = User.objects.get(username="alice")
    file = iter([b"username,amount\nerin,5\n"])
    job = new_job(ImportJob.Kind.CHARGES, "a.csv", file, creator=alice)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)

    def load() -> str:
        jobs.run(job.pk)
        job.refresh_from_db()
        return "" if job.status == ImportJob.Status.DONE else str(job.reason_params["reason"])

    return load


def by_order() -> Callable[[], str]:
    """As the portal and the desk place it, by a quote of before."""
    quote = quoted(Customer.objects.get(), Site.objects.get())

    def buy() -> str:
        try:
            with lost_wake_ups():
                place(quote, None)
        except OrderRefusedError as error:
            return str(error)
        return ""

    return buy


def erin_id() -> int:
    return Customer.objects.get().pk


def waits_for_a_lock() -> bool:
    """Whether another connection does. (SQLite does not tell.)"""
    if connection.vendor == "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


WAYS = [by_form, by_form_above_a_limit, by_approval, by_upload, by_order]


@pytest.mark.parametrize("stays", [False, True], ids=["switched off", "control"])
@pytest.mark.parametrize("way", WAYS)
def test_nobody_pays_in_or_buys_who_was_switched_off_as_it_was_sent(way, stays, people):
    """It waits for the customer's row meanwhile."""
    move, told = way(), []
    before = money_rows()

    def act() -> None:
        told.append(move())
        connections.close_all()

    mover = threading.Thread(target=act)
    with transaction.atomic():
        rows = Customer.objects.select_for_update()
        assert rows.get().active
        mover.start()
        until = time.monotonic() + (15 if connection.vendor == "postgresql" else 1)
        while not waits_for_a_lock() and time.monotonic() < until:
            time.sleep(0.02)
        Customer.objects.update(active=stays)
    mover.join(60)
    assert len(told) == 1
    if stays:
        assert told == [""]
        assert money_rows() != before
    else:
        assert OFF in told[0]
        assert money_rows() == before
    assert list(differences()) == []


def money_rows() -> list[int]:
    found = [model.objects.count() for model in (LedgerEntry, ChargeRecord, Order)]
    return [*found, WaitingTopUp.objects.filter(status=WaitingTopUp.Status.AWAITING).count()]

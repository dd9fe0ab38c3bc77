"""Two people who save at the same moment: where the second finds out only as it writes, it is told
as if it had come a second later. (On SQLite it does come later.)"""

import threading
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connections, transaction
from django.utils import timezone

from core.models import ChargeRecord, Customer, LoginCount, SavedFilter, Site, User
from tests.base import client_of
from tests.test_switched_off import waits_for_a_lock

NAMED = {"username": "zoe", "mobile": "", "active": "on", "user": "", "memo": ""}
SITE = {"name": "Reef", "origin": "https://reef.example.com", "adapter": "demo", "active": "on"}
FILTERS = "/admin/core/order/filters/"


@pytest.fixture
def database(office):
    pass


@pytest.fixture
def filters(alice) -> int:
    mine = {"user": alice, "model": "core.order", "query": "status__exact=1"}
    return SavedFilter.objects.create(name="old", **mine).pk


def meanwhile(write: Callable[[], object], address: str, data: dict[str, Any], user: User) -> Any:
    """What is answered to a form that was checked before `write`, and saved after it."""
    client, answers = client_of(user), []
    client.raise_request_exception = False

    def send() -> None:
        answers.append(client.post(address, data))
        connections.close_all()

    sender = threading.Thread(target=send)
    with transaction.atomic():
        write()
        sender.start()
        until = time.monotonic() + 15
        while not waits_for_a_lock() and time.monotonic() < until:
            time.sleep(0.02)
    sender.join(60)
    return answers[0]


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_who_comes_second_is_told_so(alice, frank, filters):
    zoe = {"username": "zoe"}
    reef = {name: SITE[name] for name in ("name", "origin")}
    for write, page, data in (
        (lambda: Customer.objects.create(**zoe), "core/customer/add", NAMED),
        (lambda: Customer.objects.create(**zoe), f"core/customer/{frank.pk}/change", NAMED),
        (lambda: Group.objects.create(name="Night"), "auth/group/add", {"name": "Night"}),
        (lambda: Site.objects.create(**reef), "core/site/add", SITE),
    ):
        Customer.objects.filter(**zoe).delete()
        answer = meanwhile(write, f"/admin/{page}/", data, alice)
        assert answer.status_code == 200, page
        assert "already exists" in str(answer.context["errors"]), page
    frank.refresh_from_db()
    assert frank.username == "frank"


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_of_two_equal_top_ups_the_second_is_asked_about(alice, frank, filters):
    def top_up() -> None:
        ChargeRecord.objects.create(customer=frank, amount=Decimal(50))

    asked = {"customer": frank.pk, "amount": "50", "request_key": str(uuid.uuid4())}
    answer = meanwhile(top_up, "/admin/core/chargerecord/add/", asked, alice)
    assert answer.status_code == 200
    assert "This equals a top-up of 50.00" in str(answer.context["errors"])
    frank.refresh_from_db()
    assert frank.balance == 50


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_what_goes_meanwhile_is_gone(alice, filters):
    one, login = (
        SavedFilter.objects.get(),
        LoginCount.objects.create(name="eve", end_date=timezone.now()),
    )
    asked = {"do": "rename", "id": one.pk, "name": "new", "query": ""}
    assert meanwhile(one.delete, FILTERS, asked, alice).status_code == 302
    unlock = f"/admin/core/logincount/{login.pk}/delete/"
    assert meanwhile(login.delete, unlock, {"post": "yes"}, alice).status_code == 302
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_two_filters_do_not_get_one_name(alice, filters):
    def write() -> None:
        SavedFilter.objects.create(user=alice, model="core.order", name="new", query="a=1")

    asked = {"do": "rename", "id": filters, "name": "new", "query": ""}
    assert meanwhile(write, FILTERS, asked, alice).status_code == 302
    assert set(SavedFilter.objects.values_list("name", flat=True)) == {"old", "new"}

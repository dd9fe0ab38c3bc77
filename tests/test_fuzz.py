"""No request makes the office fail, whoever sends it. FUZZ=20000 is the long form. A fault names
the number by which it comes again."""

import os

import pytest
from django.db import transaction
from django.test import Client

from core.models import Customer, Order, User
from core.ordering import Quote, place
from tests.base import VIDEO, client_of, lost_wake_ups, new_staff
from tests.fuzzing import answer, is_fault, requests
from tests.office import Office

SEED = 14
REQUESTS = int(os.environ.get("FUZZ", "1500"))


def visitors(erin: Customer) -> dict[str, Client]:
    erin.user = User.objects.create(username="erin", is_staff=False)
    erin.save(update_fields=["user"])
    people = {
        "customer": client_of(erin.user),
        "clerk": client_of(new_staff("clerk", "Administrators")),
        "superuser": client_of(new_staff("root", is_superuser=True)),
    }
    for client in (found := {"anonymous": Client(), **people}).values():
        client.raise_request_exception = False
    return found


def faults_of(numbers: range, erin: Customer, order: Order) -> list[str]:
    """Each request by each kind of visitor in turn, and nothing is left of what it wrote."""
    people = list(visitors(erin).items())
    known = {"rows": [str(order.pk), order.oid, str(erin.pk), "1", "orders", "customer"]}
    found = []
    for asked in requests(SEED, numbers, known):
        who, client = people[(asked.number // 3) % len(people)]
        with transaction.atomic():
            response = answer(client, asked)
            transaction.set_rollback(True)
        if is_fault(response.status_code):
            why = repr(response.exc_info[1]) if getattr(response, "exc_info", None) else ""
            found.append(f"{response.status_code} {who} {why} {asked}"[:600])
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_request_makes_the_office_fail(office, erin, site, demo_site, policies):
    with lost_wake_ups():
        order = place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), None)
        assert faults_of(share_of(office), erin, order) == []


def share_of(office: Office) -> range:
    """In the short form each kind of database has one half, and every address in it."""
    if "FUZZ" in os.environ:
        return range(REQUESTS)
    half = REQUESTS // 2
    return range(half) if office.kind == "sqlite" else range(half, REQUESTS)


@pytest.fixture
def database(office):
    """These people are in whole offices, on each kind of database."""

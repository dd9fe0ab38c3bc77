"""Statements built once write what Django's own would, on each kind of database."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.db import statements
from core.db.statements import FromNow
from core.models import (
    ChargeRecord,
    Customer,
    LedgerEntry,
    Order,
    Site,
    Status,
    User,
)
from tests.base import VIDEO, an_order, client_of

WHEN = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)


@pytest.fixture
def order(office):
    return an_order()


def sent(work) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        work()
    return [query["sql"].replace("(", "").replace(")", "") for query in queries]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.RUNNING, "start_date": WHEN, "fence": 3},
        {"lease_until": None, "attention": "it's 50 % off", "view_count": 2**40},
        {"lease_until": Now(), "cancel_requested": True},
    ],
)
def test_an_update_is_the_one_that_django_would_send(order, changes):
    where = {"pk": order.pk, "fence": 0}
    for _ in range(2):  # built, and run again
        built = sent(lambda: statements.update(Order, where, changes))
        Order.objects.update(fence=0)
        assert built == sent(lambda: Order.objects.filter(**where).update(**changes))
        Order.objects.update(fence=0)


def test_the_databases_clock_sets_a_time_ahead(order):
    assert statements.update(Order, {"pk": order.pk}, {"due": FromNow(timedelta(hours=1))}) == 1
    built = Order.objects.values_list("due", flat=True).get()
    Order.objects.update(due=FromNow(timedelta(hours=1)))
    assert timedelta(0) <= Order.objects.get().due - built < timedelta(seconds=10)


def test_a_row_that_does_not_match_stays(order):
    assert statements.update(Order, {"pk": order.pk, "fence": 7}, {"done": 5}) == 0
    assert Order.objects.get().done == 0


def test_what_the_database_would_have_to_compute_is_refused(order):
    with pytest.raises(TypeError):
        statements.update(Order, {"pk": order.pk}, {"done": F("count")})


def test_a_row_is_read_as_django_would_read_it(order):
    Order.objects.update(lease_until=WHEN, view_count=2**40)

    def by_number(pk: int):
        return Order.objects.filter(pk=pk)

    assert statements.first(by_number, pk=order.pk + 1) is None
    found = statements.first(by_number, pk=order.pk)
    expected = Order.objects.get()
    assert {**vars(found), "_state": None} == {**vars(expected), "_state": None}
    assert (found._state.adding, found._state.db) == (False, "default")


def test_an_order_saved_in_the_form_is_one_transaction(office, demo_site):
    desk = client_of(User.objects.get(username="admin"))
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal(20))
    shown = {"verified": True, "verified_at": timezone.now()}
    Site.objects.create(name="Harbour", origin=demo_site.url, **shown)
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}

    with CaptureQueriesContext(connection) as queries:
        desk.post("/admin/core/order/add/", form | {"request_key": str(uuid.uuid4())})

    assert LedgerEntry.objects.filter(order__isnull=False).count() == 1
    verbs = [query["sql"].split()[0] for query in queries]
    assert verbs.count("COMMIT") == 1
    begun = verbs.index("BEGIN")
    written = [place for place, verb in enumerate(verbs) if verb in ("INSERT", "UPDATE")]
    assert begun < min(written) and max(written) < verbs.index("COMMIT")

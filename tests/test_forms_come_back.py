"""A form that asks something is sent again as its page shows it: what was typed stands there."""

import uuid

import pytest
from django.db.models import F

from core.models import ChargeRecord, LedgerEntry, Order, PricePolicy
from tests.base import VIDEO, client_of
from tests.test_admin import ADD_CHARGE
from tests.test_hostile_forms import Forms

ADD_ENTRY, ADD_ORDER = "/admin/core/ledgerentry/add/", "/admin/core/order/add/"
ADD_POLICY = "/admin/core/pricepolicy/add/"


@pytest.fixture
def desk(alice):
    return client_of(alice)


def save_again(desk, path, form):
    """Press Save on the page that asked, and that calls what it asks no error."""
    asked = desk.post(path, form)
    assert asked.status_code == 200
    assert "there is a question below" in asked.text
    assert "Please correct" not in asked.text
    page = Forms(path)
    page.feed(asked.text)
    [shown] = [one.values for one in page.found if form.keys() <= one.values.keys()]
    assert desk.post(path, {**shown, "_save": ""}).status_code == 302


def test_a_large_top_up(desk, erin):
    form = {"customer": erin.pk, "amount": "12345.00", "reference": "T-1", "memo": "by hand"}
    save_again(desk, ADD_CHARGE, form)
    top_up = ChargeRecord.objects.get(reference="T-1")
    assert (top_up.amount, top_up.memo) == (12345, "by hand")


def test_a_top_up_that_equals_another(desk, frank):
    form = {"customer": frank.pk, "amount": "50", "memo": "by hand"}
    desk.post(ADD_CHARGE, form)
    save_again(desk, ADD_CHARGE, form)
    assert ChargeRecord.objects.filter(customer=frank, amount=50, memo="by hand").count() == 2


def test_a_large_adjustment(desk, erin):
    save_again(desk, ADD_ENTRY, {"customer": erin.pk, "amount": "20000", "note": "as agreed"})
    assert LedgerEntry.objects.get(note="as agreed").amount == 20_000


def test_a_price_that_undercuts_others(desk, policies):
    save_again(desk, ADD_POLICY, {"count": "100000", "price": "0.20", "active": "on"})
    assert PricePolicy.objects.filter(count=100_000, price="0.20").exists()


def test_what_is_wrong_is_no_question(desk, erin):
    form = {"customer": erin.pk, "amount": "12345.00", "method": "no such"}
    page = desk.post(ADD_CHARGE, form).text
    assert "Please correct the errors below." in page
    assert "there is a question below" not in page


def test_a_form_that_was_saved_and_changed(desk, frank):
    form = {"customer": frank.pk, "amount": "5", "request_key": str(uuid.uuid4())}
    desk.post(ADD_CHARGE, form)
    save_again(desk, ADD_CHARGE, form | {"amount": "6"})
    assert ChargeRecord.objects.filter(customer=frank).count() == 2


def test_an_order_at_a_price_that_changed(desk, erin, site, demo_site, policies):
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": "10,000", "memo": "soon"}
    PricePolicy.objects.update(price=F("price") + 4)
    save_again(desk, ADD_ORDER, form | {"quoted_price": "5.00"})
    order = Order.objects.get()
    assert (order.count, order.price, order.memo) == (10_000, 9, "soon")

"""Amounts in forms: booked as they were meant, asked about where they may be two."""

import re
import uuid
from decimal import Decimal

import pytest
from django.utils import translation

from core.models import Customer, Order, PricePolicy, Site
from core.ordering import OrderRefusedError, place
from core.ordering.quote import Quoter
from core.pages.amounts import in_words
from core.reasons import Code
from tests.base import balance
from tests.test_admin import ADD_CHARGE, ADJUST, errors_of


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("1000,50", "1000.50"), ("1 000,50", "1000.50"), ("1,000.50", "1000.50"), ("¥5", "5.00")],
)
def test_an_amount_is_booked_as_it_was_meant(desk, frank, typed, amount):
    desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": typed})
    assert balance(frank) == Decimal(amount)


@pytest.mark.parametrize("typed", ["1,000", "1_0", "1e1"])
def test_an_amount_that_may_be_another_is_asked_about(desk, super_desk, frank, typed):
    for client, page in ((desk, ADD_CHARGE), (super_desk, ADJUST)):
        answer = client.post(page, {"customer": frank.pk, "amount": typed, "note": "why"})
        assert "amount" in errors_of(answer)
    assert balance(frank) == 0


def test_the_field_of_an_amount_is_text_so_that_no_comma_is_lost(desk):
    text = desk.get(ADD_CHARGE).content.decode()
    field = re.search(r'<input[^>]* name="amount"[^>]*>', text).group()
    assert 'type="text"' in field
    assert 'inputmode="decimal"' in field


def test_the_number_of_plays_of_a_bundle_is_never_a_thousandth_of_what_was_typed(super_desk):
    """Elsewhere 10.000 is ten thousand: as ten, each play would cost five cents."""
    add = "/admin/core/pricepolicy/add/"
    answer = super_desk.post(add, {"count": "10.000", "price": "5", "active": "on"})
    assert errors_of(answer)["count"] == ["May be 10000 or 10.000: write one of them."]
    assert not PricePolicy.objects.exists()
    super_desk.post(add, {"count": "10,000", "price": "5", "active": "on"})
    assert PricePolicy.objects.get().count == 10_000


def test_a_play_that_costs_more_than_a_price_a_play_holds_is_not_offered(super_desk):
    add = "/admin/core/pricepolicy/add/"
    answer = super_desk.post(add, {"count": "3", "price": "3,000,000.00", "active": "on"})
    assert errors_of(answer)["price"] == ["A play has to cost less than 1,000,000."]
    assert not PricePolicy.objects.exists()
    super_desk.post(add, {"count": "3", "price": "2,999,999.99", "active": "on"})
    assert PricePolicy.objects.get().count == 3


@pytest.mark.parametrize(
    ("price", "plays", "is_sold"),
    [
        ("1000000", 1, False),
        ("99999999.99", 7, False),
        ("999999.99", 1, True),
        ("999999.99", 7, True),
    ],
)
def test_an_order_by_a_policy_from_before_is_refused_where_a_play_is_too_dear(
    erin, harbour, price, plays, is_sold
):
    PricePolicy.objects.create(count=1, price=price)
    Customer.objects.update(balance="9999999999.99")
    erin.refresh_from_db()
    Site.objects.update(verified=True)
    quote = Quoter(asks_sites=False).prepare_many([(erin, f"{harbour.origin}/videos/1", plays)])[0]
    if is_sold:
        assert place(quote, None).unit_price == Decimal(price)
    else:
        assert quote.reasons["count"].code == Code.PLAY_TOO_DEAR
        with pytest.raises(OrderRefusedError):
            place(quote, None)
    assert Order.objects.exists() == is_sold


def test_a_large_amount_is_said_in_words_before_it_is_booked(desk, frank):
    form = {"customer": frank.pk, "amount": "100,050", "request_key": str(uuid.uuid4())}
    asked = desk.post(ADD_CHARGE, form)
    assert "May be 100050.00 or 100.050" in str(errors_of(asked)["amount"])
    form["amount"] = "100,050.00"
    asked = desk.post(ADD_CHARGE, form)
    assert "one hundred thousand fifty and 00/100" in errors_of(asked)["amount"][0]
    assert 'name="confirmed" value="100050.00"' in asked.content.decode()
    assert balance(frank) == 0
    desk.post(ADD_CHARGE, form | {"confirmed": "100050.00", "amount": "200,050.00"})
    assert balance(frank) == 0
    desk.post(ADD_CHARGE, form | {"confirmed": "100050.00"})
    assert balance(frank) == Decimal(100_050)


def test_a_large_adjustment_is_said_in_words(super_desk, frank):
    form = {"customer": frank.pk, "amount": "10000", "note": "why"}
    asked = super_desk.post(ADJUST, form)
    assert "ten thousand and 00/100" in errors_of(asked)["amount"][0]
    assert balance(frank) == 0
    super_desk.post(ADJUST, form | {"confirmed": "10000.00"})
    assert balance(frank) == 10_000


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        ("0.50", "zero and 50/100", "零点50"),
        ("15", "fifteen and 00/100", "十五"),
        (
            "10020300.05",
            "ten million twenty thousand three hundred and 05/100",
            "一千零二万零三百点05",
        ),
        ("-100000001", "minus one hundred million one and 00/100", "负一亿零一"),
    ],
)
def test_amounts_in_words(amount, english, chinese):
    with translation.override("en"):
        assert in_words(Decimal(amount)) == english
    with translation.override("zh-hans"):
        assert in_words(Decimal(amount)) == chinese


# Prices: a slip in one of them


POLICY = "/admin/core/pricepolicy/add/"


def saved_again(client, page: str, form: dict, asked):
    confirmed = re.search(r'name="confirmed" value="([^"]*)"', asked.text).group(1)
    return client.post(page, form | {"confirmed": confirmed})


def test_a_price_that_undercuts_smaller_bundles_is_asked_about(super_desk, policies):
    form = {"count": "100,000", "price": "4.20", "active": "on"}
    asked = super_desk.post(POLICY, form)
    assert errors_of(asked)["price"] == [
        "With this, 10,000; 20,000; 30,000 plays cost as much as 100,000: 4.20.",
        "If this is intended, save again.",
    ]
    assert PricePolicy.objects.count() == 3
    other = saved_again(super_desk, POLICY, form | {"price": "4.30"}, asked)
    assert "4.30" in str(errors_of(other)["price"])
    saved_again(super_desk, POLICY, form, asked)
    assert PricePolicy.objects.get(count=100_000).price == Decimal("4.20")


def test_a_price_that_undercuts_nothing_is_not_asked_about(super_desk, policies):
    super_desk.post(POLICY, {"count": "100,000", "price": "42.00", "active": "on"})
    assert PricePolicy.objects.filter(count=100_000).exists()


def test_an_edited_price_is_asked_about_whichever_side_it_undercuts(super_desk, policies):
    ten, thirty = PricePolicy.objects.get(count=10_000), PricePolicy.objects.get(count=30_000)
    for policy, price, told in (
        (thirty, "9.00", "20,000 plays cost as much as 30,000: 9.00"),
        (ten, "50.00", "10,000 plays cost as much as 20,000: 9.00"),
    ):
        page = f"/admin/core/pricepolicy/{policy.pk}/change/"
        form = {"count": policy.count, "price": price, "active": "on"}
        asked = super_desk.post(page, form)
        assert told in str(errors_of(asked)["price"])
        before = PricePolicy.objects.get(pk=policy.pk).price
        assert before == policy.price
        saved_again(super_desk, page, form, asked)
        assert PricePolicy.objects.get(pk=policy.pk).price == Decimal(price)
        assert "onfirmed" not in super_desk.get(page.replace("change", "history")).text
        PricePolicy.objects.filter(pk=policy.pk).update(price=before)


def test_a_price_that_is_switched_on_is_asked_about_and_one_that_is_off_is_not(
    super_desk, policies
):
    super_desk.post(POLICY, {"count": "100,000", "price": "4.20"})
    policy = PricePolicy.objects.get(count=100_000)
    page = f"/admin/core/pricepolicy/{policy.pk}/change/"
    form = {"count": "100,000", "price": "4.20", "active": "on"}
    asked = super_desk.post(page, form)
    assert "save again" in str(errors_of(asked)["price"])
    assert not PricePolicy.objects.get(count=100_000).active
    saved_again(super_desk, page, form, asked)
    assert PricePolicy.objects.get(count=100_000).active
    assert super_desk.post(page, form).status_code == 302  # nothing was changed


def test_a_bundle_larger_than_the_largest_order_is_refused(super_desk):
    form = {"count": "1000000001", "price": "5000000", "active": "on"}
    answer = super_desk.post(POLICY, form)
    assert errors_of(answer)["count"] == ["At most 1,000,000,000 plays."]
    assert not PricePolicy.objects.exists()
    old = PricePolicy.objects.create(count=1_000_000_001, price=5)
    page = f"/admin/core/pricepolicy/{old.pk}/change/"
    super_desk.post(page, {"count": old.count, "price": "5"})
    assert not PricePolicy.objects.get().active

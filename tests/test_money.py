"""The rules of money, as properties: more plays never cost less, no cent is made or lost."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from core.money import (
    AmountCode,
    AmountError,
    Bundle,
    QuantityTooSmallError,
    bundle_for,
    decimal_signs_of,
    parse_amount,
    price_by,
    rate_of,
    refund_due,
)

SEED = [Bundle(10_000, Decimal(5)), Bundle(20_000, Decimal(9)), Bundle(30_000, Decimal(13))]


def price_of(count, offered):
    return price_by(bundle_for(count, offered), count)


prices = st.decimals(min_value="0.01", max_value=10_000, places=2)
bundles = st.lists(
    st.builds(Bundle, st.integers(1, 1_000_000), prices),
    min_size=1,
    max_size=6,
    unique_by=lambda bundle: bundle.count,
)


@pytest.mark.parametrize(
    ("count", "price"),
    [
        (10_000, "5.00"),
        (15_000, "7.50"),
        (18_001, "9.00"),  # the next bundle up is cheaper than 18,001 at the first one's rate
        (20_000, "9.00"),
        (25_000, "11.25"),
        (29_000, "13.00"),
        (30_000, "13.00"),
        (60_000, "26.00"),
    ],
)
def test_the_seed_prices_and_what_lies_between_them(count, price):
    assert price_of(count, SEED) == Decimal(price)


@pytest.mark.parametrize(
    ("count", "bundle"), [(15_000, 10_000), (19_000, 20_000), (60_000, 30_000)]
)
def test_the_bundle_that_makes_a_price_can_be_told(count, bundle):
    assert bundle_for(count, SEED).count == bundle


def test_below_the_smallest_bundle_nothing_is_sold():
    with pytest.raises(QuantityTooSmallError) as refused:
        price_of(9_999, SEED)
    assert refused.value.minimum == 10_000


def test_without_bundles_nothing_is_sold():
    with pytest.raises(QuantityTooSmallError) as refused:
        price_of(1, [])
    assert refused.value.minimum is None


@given(bundles, st.integers(1, 2_000_000), st.integers(0, 1_000_000))
def test_more_plays_never_cost_less(offered, count, more):
    count = max(count, min(bundle.count for bundle in offered))
    assert price_of(count, offered) <= price_of(count + more, offered)


@given(bundles)
def test_a_bundle_never_costs_more_than_its_own_price(offered):
    for bundle in offered:
        assert price_of(bundle.count, offered) <= bundle.price


@given(prices, st.integers(1, 1_000_000), st.data())
def test_what_is_kept_and_what_is_refunded_add_up_to_the_price(price, count, data):
    undelivered = data.draw(st.integers(0, count))
    refund = refund_due(price, count, undelivered)
    kept = price - refund
    assert Decimal(0) <= refund <= price
    assert abs(kept - price * (count - undelivered) / count) <= Decimal("0.005")
    assert refund.as_tuple().exponent == -2


def test_all_undelivered_gives_all_back_and_none_gives_nothing():
    assert refund_due(Decimal("9.99"), 7, 7) == Decimal("9.99")
    assert refund_due(Decimal("9.99"), 7, 0) == 0


def test_half_a_cent_is_rounded_up():
    assert refund_due(Decimal("0.01"), 2, 1) == Decimal("0.01")


@pytest.mark.parametrize("undelivered", [-1, 11])
def test_a_refund_of_more_than_was_bought_is_refused(undelivered):
    with pytest.raises(ValueError, match="from 0 to 10"):
        refund_due(Decimal(1), 10, undelivered)


def test_the_price_a_play_keeps_its_small_digits():
    assert rate_of(Decimal(5), 10_000) == Decimal("0.0005")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1000.50", "1000.50"),
        ("1000,50", "1000.50"),
        ("1 000,50", "1000.50"),
        ("1\u00a0000,50", "1000.50"),
        ("1\u202f000.50", "1000.50"),
        ("1,000.50", "1000.50"),
        ("1.000,50", "1000.50"),
        ("1’000.50", "1000.50"),
        ("1,000,000", "1000000.00"),
        ("¥1,000.50", "1000.50"),
        ("$5", "5.00"),
        ("1,50 €", "1.50"),
        ("5元", "5.00"),
        ("CNY 5", "5.00"),
        (" 5 ", "5.00"),
        ("５．００", "5.00"),
        ("(5.00)", "-5.00"),
        ("5-", "-5.00"),
        ("−5", "-5.00"),
        ("+5", "5.00"),
        ("57.699999999999996", "57.70"),
        ("0.1000", "0.10"),
    ],
)
def test_an_amount_is_what_its_writer_meant(text, amount):
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", AmountCode.MISSING),
        ("¥", AmountCode.MISSING),
        ("1,000", AmountCode.AMBIGUOUS),
        ("1.000", AmountCode.AMBIGUOUS),
        ("1.005", AmountCode.AMBIGUOUS),
        ("0.125", AmountCode.TOO_FINE),
        ("1000.125", AmountCode.TOO_FINE),
        ("1e1", AmountCode.DAMAGED),
        ("1.38E+10", AmountCode.DAMAGED),
        ("1_0", AmountCode.UNCLEAR),
        ("1,2,3", AmountCode.UNCLEAR),
        ("1.234.5", AmountCode.UNCLEAR),
        ("12 34", AmountCode.UNCLEAR),
        ("1,00 0", AmountCode.UNCLEAR),
        ("-", AmountCode.UNCLEAR),
        ("--5", AmountCode.UNCLEAR),
        ("NaN", AmountCode.UNCLEAR),
        ("Infinity", AmountCode.UNCLEAR),
        ("0x10", AmountCode.UNCLEAR),
        ("=1+1", AmountCode.UNCLEAR),
        ("٣", AmountCode.UNCLEAR),
        ("9" * 5000, AmountCode.TOO_LONG),
    ],
)
def test_an_amount_that_is_none_or_may_be_two_is_refused(text, code):
    with pytest.raises(AmountError) as refused:
        parse_amount(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("others", "text", "amount"),
    [
        (("12.50", "1,000"), "1,000", "1000.00"),
        (("12,5", "7"), "1.000", "1000.00"),
        (("1 000,50",), "2.000", "2000.00"),
        (("1,000,000",), "2,000", "2000.00"),
    ],
)
def test_what_may_be_two_amounts_is_one_beside_others_of_the_same_hand(others, text, amount):
    (sign,) = decimal_signs_of(others)
    assert str(parse_amount(text, decimal_sign=sign)) == amount


def test_hands_that_differ_show_both_signs():
    assert decimal_signs_of(("12,50", "12.50")) == {",", "."}


@pytest.mark.parametrize("text", ["2026.12.03", "03.12.2026", "1.2.3", "12.34,5"])
def test_what_is_no_amount_decides_nothing(text):
    """Below a table, the day when it was printed."""
    assert decimal_signs_of((text, "1.000")) == set()


def test_amounts_grouped_as_in_india_decide():
    assert decimal_signs_of(("1,23,456.00",)) == decimal_signs_of(("12,34,567",)) == {"."}


@given(st.decimals(0, 10**8, places=2), st.sampled_from(("{:.2f}", "{:,.2f}", "¥ {:,.2f}")))
def test_amounts_as_programs_write_them_come_back(amount, form):
    assert parse_amount(form.format(amount)) == amount

"""Rows that are written together, each with values of its own (core/db/blocks.py)."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.db.blocks import ById
from core.models import CounterReading, Order
from tests.faults.trial import Trial

MOMENT = datetime(2026, 2, 3, 4, 5, 6, 700_000, tzinfo=UTC)
# What an update of one row writes as well, by the names of columns.
VALUES = {
    "watch": ({"views": 7, "rests": [{"views": 0.5}], "text": "“%s” 中文"}, None),
    "refunded": (Decimal("1.25"), Decimal("0.10")),
    "verify_until": (MOMENT, None),
    "delivered": (42, None),
    "proof": ('a "quoted" text', ""),
    "held_by_site": (True, False),
}


@pytest.fixture
def orders(office, demo_site) -> list[Order]:
    return Trial(office, demo_site, random.Random(1)).place_many(3, wake=False)


def test_each_row_gets_what_stands_under_its_id_as_if_it_were_written_alone(orders):
    first, second, other = orders
    found = {
        name: ById(Order._meta.get_field(name), {first.pk: values[0], second.pk: values[1]})
        for name, values in VALUES.items()
    }
    assert Order.objects.filter(pk__in=[first.pk, second.pk]).update(**found) == 2
    for index, order in enumerate((first, second)):
        together = Order.objects.values_list(*VALUES).get(pk=order.pk)
        Order.objects.filter(pk=order.pk).update(**{k: v[index] for k, v in VALUES.items()})
        assert together == Order.objects.values_list(*VALUES).get(pk=order.pk)
        assert together == tuple(values[index] for values in VALUES.values())
        # And it is stored alike: what is asked for by its value is found.
        known = {name: v[index] for name, v in VALUES.items() if v[index] is not None}
        assert Order.objects.filter(pk=order.pk, **known).exists()
    untouched = Order.objects.get(pk=other.pk)
    assert (untouched.watch, untouched.delivered) == (other.watch, other.delivered)


def test_a_block_of_rows_is_stored_as_each_alone_would_be(orders):
    one, two, three = orders
    CounterReading.record_block(
        [{"order": order.pk, "views": order.pk, "done": 3} for order in (two, one)]
    )
    CounterReading.objects.create(order=three, views=9, done=3)
    rows = CounterReading.objects.order_by("pk")
    assert list(rows.values_list("order", "views", "done")) == [
        *((two.pk, two.pk, 3), (one.pk, one.pk, 3)),
        (three.pk, 9, 3),
    ]
    moments = list(rows.values_list("create_date", flat=True))
    assert moments == sorted(moments)
    # SQLite compares times as texts: one of fewer digits would equal no other.
    assert all(rows.filter(create_date=moment).exists() for moment in moments)


def test_no_row_is_no_statement(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        CounterReading.record_block([])

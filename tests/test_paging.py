"""Lists that do not care how many rows there are: counted up to a cap, read from the nearer end."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.admin import paging
from core.admin.paging import CappedPaginator
from core.models import Customer
from tests.base import client_of


@pytest.fixture
def customers(office, monkeypatch):
    monkeypatch.setattr(paging, "CAP", 20)
    rows = [Customer(username=f"c{row:03d}", mobile="1380" if row % 2 else "") for row in range(95)]
    Customer.objects.bulk_create(rows)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE core_customer")
    return Customer.objects.order_by("-id")


def names(page) -> list[str]:
    return [customer.username for customer in page.object_list]


def test_pages_from_both_ends_are_those_of_djangos_paginator(customers):
    from django.core.paginator import Paginator

    ours, stock = CappedPaginator(customers, 10), Paginator(customers, 10)
    assert (ours.count, ours.num_pages, ours.is_estimated) == (95, 10, True)
    for number in range(1, 11):
        assert names(ours.page(number)) == names(stock.page(number))


@pytest.mark.parametrize("order", [("-id",), ("-create_date", "-id")])
def test_pages_far_from_both_ends_begin_at_a_row(customers, monkeypatch, order):
    from django.core.paginator import Paginator

    monkeypatch.setattr(paging, "FAR", 15)
    rows = customers.order_by(*order)
    ours, stock = CappedPaginator(rows, 10), Paginator(rows, 10)
    for number in range(1, 11):
        assert names(ours.page(number)) == names(stock.page(number))
    with CaptureQueriesContext(connection) as queries:
        list(ours.page(5).object_list)
    assert not [one["sql"] for one in queries if "OFFSET" in one["sql"]]


def test_a_filter_is_counted_up_to_the_cap_and_exactly_below_it(customers):
    many, few = customers.filter(mobile="1380"), customers.filter(username__lt="c005")
    paginator = CappedPaginator(many, 10)
    assert (paginator.count, paginator.is_capped, paginator.num_pages) == (20, True, 2)
    assert names(paginator.page(2)) == [f"c{row:03d}" for row in range(73, 53, -2)]
    paginator = CappedPaginator(few, 10)
    assert (paginator.count, paginator.is_capped, paginator.is_estimated) == (5, False, False)


def test_the_last_page_is_full_although_the_count_is_off(customers, monkeypatch):
    monkeypatch.setattr(paging, "estimated_size", lambda rows: 200)
    paginator = CappedPaginator(customers, 10)
    assert names(paginator.page(20)) == [f"c{row:03d}" for row in range(9, -1, -1)]


def test_the_ids_of_a_page_come_from_an_index_alone(customers):
    paginator = CappedPaginator(customers, 10)
    assert paginator.count == 95
    with CaptureQueriesContext(connection) as queries, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")  # 95 rows are less than an index
        list(paginator.page(4).object_list)
        ids = next(one["sql"] for one in queries if "OFFSET" in one["sql"])
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {ids}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    if connection.vendor == "postgresql":
        assert "Index Only Scan" in plan
        assert "Seq Scan" not in plan
    else:
        assert "SEARCH core_customer USING INTEGER PRIMARY KEY" in plan


@pytest.mark.django_db
def test_a_list_says_that_there_are_more(alice, monkeypatch):
    monkeypatch.setattr(paging, "CAP", 150)
    Customer.objects.bulk_create(Customer(username=f"c{row:03d}") for row in range(201))
    client = client_of(alice)
    page = client.get("/admin/core/customer/?active__exact=1&p=2").content.decode()
    assert "more than 150 results" in page
    assert "There are more" in page
    page = client.get("/admin/core/customer/?p=3").content.decode()
    assert "about 201 results" in page
    assert "The number is an estimate." in page
    assert "c000" in page

"""A database client cannot rewrite the past either: triggers refuse it on both databases."""

from decimal import Decimal

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from core.models import ChargeRecord, Customer, LedgerEntry
from core.models.append_only import AppendOnlyModel
from tests.base import an_order


@pytest.mark.parametrize("table", ["core_ledgerentry", "core_chargerecord"])
@pytest.mark.parametrize("command", ["UPDATE {} SET amount = 99", "DELETE FROM {}"])
def test_raw_sql_cannot_change_or_delete_rows_of_money(office, table, command):
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(10))
    with connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="never changed or deleted"):
            cursor.execute(command.format(table))
        cursor.execute(f"SELECT amount FROM {table}")
        assert [int(amount) for (amount,) in cursor.fetchall()] == [10]


@pytest.mark.parametrize(
    "command",
    ["UPDATE core_orderevent SET reason_code = 'own_error'", "DELETE FROM core_orderevent"],
)
def test_raw_sql_cannot_change_or_delete_events(office, command):
    order = an_order()
    changing = pytest.raises(DatabaseError, match="never changed or deleted")
    with connection.cursor() as cursor, changing:
        cursor.execute(command)
    assert [event.reason_code for event in order.events.all()] == [""]


def append_only_tables() -> list[str]:
    models = apps.get_models()
    return [model._meta.db_table for model in models if issubclass(model, AppendOnlyModel)]


def test_no_table_that_is_only_added_to_can_be_emptied_at_once(office):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows no TRUNCATE")
    an_order()
    assert len(append_only_tables()) == 5
    for table in append_only_tables():
        refused = pytest.raises(DatabaseError, match="never changed or deleted")
        with refused, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
    assert [entry.amount for entry in LedgerEntry.objects.order_by("pk")] == [10, -1]


def test_no_row_of_money_is_replaced(office):
    """SQLite's REPLACE deletes what is in its way, by default without a word to triggers."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows no REPLACE")
    an_order()
    for table in append_only_tables():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            (rows,) = cursor.fetchone()
            if rows:
                with pytest.raises(DatabaseError, match="never changed or deleted"):
                    cursor.execute(f"REPLACE INTO {table} SELECT * FROM {table}")
    assert [entry.amount for entry in LedgerEntry.objects.order_by("pk")] == [10, -1]


def test_check_ledger_exits_1_and_names_what_differs(office):
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(10))
    assert office.manage("check_ledger").stdout.strip() == "The ledger is consistent."
    Customer.objects.update(balance=11)
    told = office.manage("check_ledger", check=False)
    assert told.returncode == 1
    assert "customer erin: balance 11.00, sum of entries 10.00" in told.stderr

"""Law 2: money is append-only, the balance is the sum of the entries and never below zero."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from core import ordering
from core.models import (
    BalanceTooLargeError,
    ChargeRecord,
    Customer,
    InsufficientBalanceError,
    LedgerEntry,
    OrderError,
    Status,
)
from core.models.append_only import AppendOnlyError
from core.ops.auditing import differences
from tests.base import balance, client_of, placed

pytestmark = pytest.mark.django_db


@pytest.fixture
def erin():
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal("10.00"))
    customer.refresh_from_db()
    return customer


def adjust(customer: Customer, amount: str, reference: str = "adjustment:1") -> LedgerEntry:
    with transaction.atomic():
        return LedgerEntry.objects.post(
            kind=LedgerEntry.Kind.ADJUSTMENT,
            customer_id=customer.pk,
            amount=Decimal(amount),
            reference=reference,
        )


def test_a_top_up_credits_the_balance_through_one_entry(erin):
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.amount, entry.balance_after) == (1, Decimal(10), Decimal(10))
    assert balance(erin) == Decimal(10)


def test_a_debit_may_take_the_last_cent_but_not_one_more(erin):
    adjust(erin, "-10.00")
    assert balance(erin) == 0
    with pytest.raises(InsufficientBalanceError) as refused:
        adjust(erin, "-0.01", "adjustment:2")
    assert refused.value.missing == Decimal("0.01")
    assert LedgerEntry.objects.count() == 2
    assert balance(erin) == 0


def test_a_credit_above_the_largest_balance_is_refused_with_what_it_would_be(erin):
    Customer.objects.update(balance=Decimal("4999999999.99"))
    adjust(erin, "0.01")
    with pytest.raises(BalanceTooLargeError) as refused:
        adjust(erin, "0.01", "adjustment:2")
    assert refused.value.balance == Decimal("5000000000.01")
    assert LedgerEntry.objects.count() == 2
    assert balance(erin) == Decimal("5000000000.00")


def test_what_orders_give_back_has_room_above_what_people_credit(erin, harbour):
    adjust(erin, "4999999990.00")
    order = placed(erin, harbour, price=10)
    adjust(erin, "10.00", "adjustment:2")
    ordering.cancel(order, None)
    assert balance(erin) == Decimal("5000000010.00")
    assert list(differences()) == []


def test_a_refund_that_has_no_room_leaves_the_order_as_it_was_and_says_so(erin, harbour):
    """Balances from before there was a limit on credits."""
    order = placed(erin, harbour, price=10)
    Customer.objects.update(balance=Decimal("9999999990.00"))
    with pytest.raises(OrderError, match="lower it by an adjustment"), transaction.atomic():
        ordering.cancel(order, None)
    order.refresh_from_db()
    assert (order.status, balance(erin)) == (Status.PENDING, Decimal("9999999990.00"))
    Customer.objects.update(balance=Decimal("9999999989.99"))
    ordering.cancel(order, None)
    assert balance(erin) == Decimal("9999999999.99")


@pytest.mark.parametrize("form", ["chargerecord", "ledgerentry"])
def test_the_desk_says_at_the_amount_that_a_balance_would_be_too_large(erin, alice, form):
    Customer.objects.update(balance=Decimal("4999999999.99"))
    typed = {"customer": erin.pk, "amount": "0.02", "note": "correction"}
    page = client_of(alice).post(f"/admin/core/{form}/add/", typed)
    errors = page.context["adminform"].form.errors
    assert errors == {"amount": ["The balance would be larger than 5000000000.00."]}
    assert balance(erin) == Decimal("4999999999.99")


def test_small_change_adds_up_to_the_cent(erin):
    """SQLite keeps decimals as floats, and 0.30 - 0.10 - 0.10 is less than 0.10 there."""
    adjust(erin, "-9.70", "adjustment:0")
    for number in range(1, 4):
        adjust(erin, "-0.10", f"adjustment:{number}")
    assert balance(erin) == 0
    assert list(differences()) == []


def test_many_odd_amounts_are_no_difference(erin):
    for number in range(60):
        adjust(erin, "-0.11", f"adjustment:{number}")
        adjust(erin, "0.33", f"adjustment:+{number}")
    assert balance(erin) == Decimal("23.20")
    assert list(differences()) == []


def test_a_fact_is_paid_for_once(erin):
    adjust(erin, "1.00")
    with pytest.raises(IntegrityError):
        adjust(erin, "1.00")
    assert balance(erin) == Decimal(11)


def test_an_entry_outside_a_transaction_is_refused(erin, django_db_blocker):
    connection.in_atomic_block, inside = False, connection.in_atomic_block
    try:
        with pytest.raises(transaction.TransactionManagementError):
            LedgerEntry.objects.post(
                kind=LedgerEntry.Kind.ADJUSTMENT,
                customer_id=erin.pk,
                amount=Decimal(1),
                reference="adjustment:9",
            )
    finally:
        connection.in_atomic_block = inside
    assert balance(erin) == Decimal(10)


@pytest.mark.parametrize("model", [LedgerEntry, ChargeRecord])
def test_rows_of_money_are_not_changed_or_deleted_by_our_own_code(erin, model):
    row = model.objects.get()
    row.amount = Decimal(99)
    with pytest.raises(AppendOnlyError):
        row.save()
    with pytest.raises(AppendOnlyError):
        row.delete()
    with pytest.raises(AppendOnlyError):
        model.objects.update(amount=1)
    with pytest.raises(AppendOnlyError):
        model.objects.all().delete()
    assert model.objects.get().amount == Decimal(10)


def test_differences_are_told_with_the_customer_and_both_figures(erin):
    assert list(differences()) == []
    Customer.objects.filter(pk=erin.pk).update(balance=Decimal("9.00"))
    told = list(differences())
    assert told == [
        "customer erin: balance 9.00, sum of entries 10.00",
        "customer erin: balance 9.00, the newest entry says 10.00",
    ]


def test_a_top_up_whose_entry_is_missing_is_told(erin):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_chargerecord (customer_id, amount, create_date, memo) "
            "VALUES (%s, 5, '2026-01-01 00:00:00', '')",
            [erin.pk],
        )
    assert list(differences()) == [
        "top-ups: 2 records of 15.00 in all, 1 entries of 10.00",
    ]

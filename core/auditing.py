"""Does the money add up? Law 2 read back from the rows: what `check_ledger` reports.

Each rule is one query over the whole table, so that an office with millions of entries can run it.
"""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Round

from core import money
from core.models import FINAL, ChargeRecord, Customer, LedgerEntry, Order

ZERO = Value(Decimal("0.00"))
# A sum to the cent: SQLite adds floats.
TOTAL = Round(Sum("amount"), precision=2)


def differences() -> Iterator[str]:
    """Every broken rule in plain words; nothing when the ledger is consistent."""
    yield from _balances()
    yield from _running_balances()
    yield from _top_ups()
    yield from _orders()
    yield from _refunds()


def _balances() -> Iterator[str]:
    entries = LedgerEntry.objects.filter(customer=OuterRef("pk")).order_by().values("customer")
    customers = Customer.objects.annotate(
        total=Coalesce(Subquery(entries.annotate(sum=TOTAL).values("sum")), ZERO)
    ).exclude(balance=F("total"))
    for customer in customers.iterator():
        yield (
            f"customer {customer.username}: balance {customer.balance}, "
            f"sum of entries {customer.total:.2f}"
        )


def _running_balances() -> Iterator[str]:
    """The newest entry's balance is the customer's."""
    newest = LedgerEntry.objects.filter(customer=OuterRef("pk")).order_by("-id")
    customers = Customer.objects.annotate(last=Subquery(newest.values("balance_after")[:1]))
    for customer in customers.exclude(last=None).exclude(balance=F("last")).iterator():
        yield (
            f"customer {customer.username}: balance {customer.balance}, "
            f"the newest entry says {customer.last:.2f}"
        )


def _top_ups() -> Iterator[str]:
    charges = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE)
    recorded = ChargeRecord.objects.aggregate(n=Count("pk"), total=Coalesce(TOTAL, ZERO))
    entered = charges.aggregate(n=Count("pk"), total=Coalesce(TOTAL, ZERO))
    if recorded != entered:
        yield (
            f"top-ups: {recorded['n']} records of {recorded['total']:.2f} in all, "
            f"{entered['n']} entries of {entered['total']:.2f}"
        )


def _orders() -> Iterator[str]:
    wrong = Order.objects.annotate(charged=-_total(LedgerEntry.Kind.ORDER)).exclude(
        charged=F("price")
    )
    for oid, price, charged in wrong.values_list("oid", "price", "charged").iterator():
        yield f"order {oid}: price {price}, charged {charged:.2f}"


def _refunds() -> Iterator[str]:
    given_back = Order.objects.annotate(refund=_total(LedgerEntry.Kind.REFUND)).filter(
        Q(status__in=FINAL) | ~Q(refund=ZERO)
    )
    columns = ("oid", "status", "price", "count", "delivered", "refund")
    for oid, status, price, count, delivered, refund in given_back.values_list(*columns).iterator():
        if delivered is None and status in FINAL:
            yield f"order {oid}: ended without saying what was delivered"
        undelivered = 0 if delivered is None else count - delivered
        due = money.refund_due(price, count, undelivered)
        if refund != due:
            yield f"order {oid}: refund due {due}, given back {refund:.2f}"


def _total(kind: LedgerEntry.Kind) -> Coalesce:
    """Sum of an order's ledger entries of one kind."""
    entries = LedgerEntry.objects.filter(order=OuterRef("pk"), kind=kind).order_by()
    return Coalesce(Subquery(entries.values("order").annotate(sum=TOTAL).values("sum")), ZERO)

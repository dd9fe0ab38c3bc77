"""Does the money add up? What `check_ledger` reports.

Rows are read in blocks by id, as they stand on disk, and the database adds them up; only one sum a
customer is kept. A difference may come from something bought meanwhile, so it is asked for again in
one statement, which sees one moment.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Round

from core import money
from core.models import FINAL, Calibration, ChargeRecord, Customer, Order, TopUpCorrection
from core.models.ledger import Fact, LedgerEntry

# Rows a statement.
ENTRIES, CUSTOMERS, ORDERS = 200_000, 5_000, 20_000
ZERO = Value(Decimal("0.00"))
# Rounded to the cent: SQLite adds floats.
TOTAL = Round(Sum("amount"), precision=2)
ENTRIES_OF = LedgerEntry.objects.filter(customer=OuterRef("pk"))
NEWEST = Coalesce(Subquery(ENTRIES_OF.order_by("-id").values("balance_after")[:1]), F("balance"))

Progress = Callable[[int], Any]


def size() -> int:
    """The end of a progress bar, counting ids that were never used."""
    return _last(LedgerEntry) + _last(Customer) + _last(Order)


def differences(progress: Progress = lambda rows: None) -> Iterator[str]:
    """Every broken rule in plain words; nothing if the ledger is consistent."""
    yield from _both("top-ups", ChargeRecord.objects.all(), LedgerEntry.Kind.CHARGE)
    yield from _corrections()
    yield from _audits()
    sums = _sums(progress)
    for customers in _blocks(Customer, CUSTOMERS, progress):
        doubtful = _doubtful(customers, sums)
        if doubtful:
            yield from _balances(customers.filter(pk__in=doubtful))
    for orders in _blocks(Order, ORDERS, progress):
        yield from _orders(orders)


def _blocks(model: type[Model], rows: int, progress: Progress) -> Iterator[QuerySet[Any]]:
    last = _last(model)
    for first in range(1, last + 1, rows):
        yield model._default_manager.filter(pk__gte=first, pk__lt=first + rows).order_by("pk")
        progress(min(rows, last + 1 - first))


def _last(model: type[Model]) -> int:
    return model._default_manager.aggregate(last=Max("pk"))["last"] or 0


def _sums(progress: Progress) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for entries in _blocks(LedgerEntry, ENTRIES, progress):
        grouped = entries.order_by().values_list("customer").annotate(sum=TOTAL)
        for customer, amount in grouped.iterator():
            sums[customer] = sums.get(customer, Decimal(0)) + amount
    return sums


def _doubtful(customers: QuerySet[Any], sums: dict[int, Decimal]) -> list[int]:
    rows = customers.annotate(newest=NEWEST).values_list("pk", "balance", "newest")
    return [pk for pk, balance, newest in rows if not sums.get(pk, 0) == balance == newest]


def _balances(customers: QuerySet[Any]) -> Iterator[str]:
    """A balance is the sum of the entries, and what the newest entry says."""
    total = ENTRIES_OF.order_by().values("customer").annotate(sum=TOTAL).values("sum")
    compared = customers.annotate(total=Coalesce(Subquery(total), ZERO), newest=NEWEST)
    wrong = compared.exclude(balance=F("total"), newest=F("balance"))
    for name, balance, sum_, last in wrong.values_list("username", "balance", "total", "newest"):
        if balance != sum_:
            yield f"customer {name}: balance {balance}, sum of entries {sum_:.2f}"
        if balance != last:
            yield f"customer {name}: balance {balance}, the newest entry says {last:.2f}"


def _both(name: str, rows: QuerySet[Any], kind: LedgerEntry.Kind) -> Iterator[str]:
    """Records and entries of their kind are equal in number and amount."""
    of_kind = LedgerEntry.objects.filter(kind=kind)
    both = _counted("records", rows).union(_counted("entries", of_kind))
    found = {of: (number, total or Decimal(0)) for of, number, total in both}
    (records, paid), (entries, entered) = (
        found.get(of, (0, Decimal(0))) for of in ("records", "entries")
    )
    if (records, paid) != (entries, entered):
        yield f"{name}: {records} records of {paid:.2f} in all, {entries} entries of {entered:.2f}"


def _corrections() -> Iterator[str]:
    """Each is booked once, with its difference, and there are no others."""
    approved = TopUpCorrection.objects.filter(status=TopUpCorrection.Status.APPROVED)
    yield from _both("corrections of top-ups", approved, LedgerEntry.Kind.CORRECTION)
    wrong = TopUpCorrection.objects.filter(
        ~Q(status=TopUpCorrection.Status.APPROVED, entry__amount=F("amount")),
        Q(status=TopUpCorrection.Status.APPROVED) | Q(entry__isnull=False),
    )
    for number, amount, booked in wrong.order_by("pk").values_list("pk", "amount", "entry__amount"):
        yield f"correction {number}: {amount} due, {booked or 0:.2f} booked"


def _audits() -> Iterator[str]:
    """Each is charged its price once, and refunded if it found nothing out."""
    for audit in Calibration.objects.filter(customer__isnull=False).order_by("pk").iterator():
        references = [fact.of(audit.pk) for fact in (Fact.AUDIT, Fact.AUDIT_REFUND)]
        entries = LedgerEntry.objects.filter(reference__in=references).values_list("amount")
        kept = -sum((amount for (amount,) in entries), Decimal(0))
        due = audit.price if audit.is_owed else Decimal(0)
        if kept != due:
            yield f"audit {audit.pk}: {due} due, {kept:.2f} kept"


def _counted(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    named = rows.order_by().annotate(of=Value(name)).values("of")
    return named.annotate(n=Count("pk"), total=TOTAL).values_list("of", "n", "total")


def _orders(orders: QuerySet[Any]) -> Iterator[str]:
    """Each is charged its price once, and refunded what was not delivered. The database alone finds
    most orders right: those delivered whole."""
    columns = ("oid", "status", "price", "count", "delivered")
    kind = LedgerEntry.Kind
    summed = orders.values("pk", *columns).annotate(
        charged=-_total(kind.ORDER), refund=_total(kind.REFUND)
    )
    whole = Q(status__in=FINAL, delivered=F("count")) | ~Q(status__in=FINAL)
    doubtful = summed.exclude(whole, charged=F("price"), refund=ZERO)
    rows = doubtful.values_list(*columns, "charged", "refund")
    for oid, status, price, count, delivered, charged, refund in rows:
        if charged != price:
            yield f"order {oid}: price {price}, charged {charged:.2f}"
        if delivered is None and status in FINAL:
            yield f"order {oid}: ended without saying what was delivered"
        undelivered = 0 if delivered is None else count - delivered
        due = money.refund_due(price, count, undelivered)
        if refund != due:
            yield f"order {oid}: refund due {due}, given back {refund:.2f}"


def _total(kind: LedgerEntry.Kind) -> Coalesce:
    amounts = Sum("ledger__amount", filter=Q(ledger__kind=kind))
    return Coalesce(Round(amounts, precision=2), ZERO)

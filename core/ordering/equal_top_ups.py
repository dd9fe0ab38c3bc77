"""Recent top-ups that may be the same payment as the one entered now: a person is asked."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.db import clock
from core.models import ChargeRecord, ImportedRows, ImportJob, WaitingTopUp
from core.models.billing import corrected_amounts

# An older one is hardly the same payment.
RECENT_DAYS = 7

Kind = ImportedRows.Kind
COLUMNS = ("pk", "customer", "amount", "memo", "create_date", "request_key", "reference")


def recently() -> datetime:
    return clock.now() - timedelta(days=RECENT_DAYS)


def booked_lately(
    customers: Collection[int], *, but: ImportJob | None = None
) -> Iterator[tuple[Kind, tuple[Any, ...], set[Decimal]]]:
    """COLUMNS of each top-up that was booked or awaits approval, and was not undone, with its
    amounts: as entered and as corrected. Without those of the import `but`."""
    waiting = WaitingTopUp.objects.filter(status=WaitingTopUp.Status.AWAITING)
    since = recently()
    for kind, rows in ((Kind.WAITING_TOP_UPS, waiting), (Kind.TOP_UPS, ChargeRecord.objects)):
        lately: QuerySet[Any] = rows.filter(create_date__gte=since, customer__in=customers)
        if but is not None:
            written = ImportedRows.objects.filter(job=but, kind=kind)
            own = written.filter(first_id__lte=OuterRef("pk"), last_id__gte=OuterRef("pk"))
            lately = lately.filter(~Exists(own))
        payments = list(lately.order_by("pk").values_list(*COLUMNS))
        undone = ImportedRows.objects.undone_among(kind, [pk for pk, *_payment in payments])
        corrected = amounts = {pk: amount for pk, _customer, amount, *_rest in payments}
        if kind == Kind.TOP_UPS:
            corrected = corrected_amounts(amounts)
        for payment in payments:
            pk = payment[0]
            if pk not in undone:
                yield kind, payment, {amounts[pk], corrected[pk]}


def equal_amounts(
    customers: Collection[int], amount: Decimal, *, since: datetime | None = None
) -> dict[int, datetime]:
    """Customer -> when this amount was last booked or entered for approval, in the last days or
    since a moment."""
    found: dict[int, datetime] = {}
    for _kind, (_pk, customer, _amount, _memo, date, _key, _number), amounts in booked_lately(
        customers
    ):
        if amount in amounts and (since is None or date >= since):
            found[customer] = max(date, found.get(customer, date))
    return found


def equal_top_up(
    customer_id: int, amount: Decimal, reference: str | None, *, but: WaitingTopUp | None = None
) -> ChargeRecord | WaitingTopUp | None:
    """The customer's newest top-up that may be the same payment."""
    found = {
        (date, kind, pk)
        for kind, (pk, _customer, _amount, _memo, date, _key, number), amounts in booked_lately(
            [customer_id]
        )
        if amount in amounts and may_be_same(reference, number)
    }
    if but is not None:
        found.discard((but.create_date, Kind.WAITING_TOP_UPS, but.pk))
    if not found:
        return None
    _date, kind, pk = max(found)
    rows = WaitingTopUp.objects if kind == Kind.WAITING_TOP_UPS else ChargeRecord.objects
    top_up: ChargeRecord | WaitingTopUp = rows.select_related("creator").get(pk=pk)
    return top_up


def may_be_same(number: str | None, other: str | None) -> bool:
    """By the payments' own numbers; either may be missing."""
    return not number or not other or bare(number) == bare(other)


def bare(number: str) -> str:
    """A spreadsheet drops the leading zeros of a payment's number."""
    return number.lstrip("0")


def told(top_up: ChargeRecord | WaitingTopUp) -> str:
    """A sentence that another top-up equals this one."""
    if isinstance(top_up, WaitingTopUp):
        text = _(
            "This equals a top-up of %(amount)s entered on %(day)s by %(who)s, which waits for "
            "approval."
        )
    else:
        text = _("This equals a top-up of %(amount)s booked on %(day)s by %(who)s.")
    day = timezone.localtime(top_up.create_date).date().isoformat()
    return text % {"amount": top_up.amount, "day": day, "who": top_up.creator or "–"}

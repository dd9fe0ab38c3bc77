"""The customer's balance: every entry of the ledger with the balance after it, and their audits."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_safe

from core.db.text import Escaped, LocalTime, Plain, labelled
from core.exporting.downloads import file_answer
from core.exporting.lists import Column, csv_chunks
from core.models import Calibration, Customer, LedgerEntry
from core.models.ledger import Fact
from core.pages import display
from core.pages.audits import report_of
from core.portal.access import customer_page
from core.portal.paging import window

AUDIT_REFRESH_SECONDS = "5"
# By the name in the address. An entry's note belongs to the desk and is not shown.
KINDS: dict[str, tuple[LedgerEntry.Kind, ...]] = {
    "top-ups": (LedgerEntry.Kind.CHARGE, LedgerEntry.Kind.CORRECTION),
    "orders": (LedgerEntry.Kind.ORDER,),
    "refunds": (LedgerEntry.Kind.REFUND,),
}
TITLES = {
    "": gettext_lazy("All"),
    "top-ups": gettext_lazy("Top-ups"),
    "orders": gettext_lazy("Orders"),
    "refunds": gettext_lazy("Refunds"),
}
WHAT: dict[int, object] = {
    LedgerEntry.Kind.CHARGE: gettext_lazy("Top-up"),
    LedgerEntry.Kind.ORDER: gettext_lazy("Order"),
    LedgerEntry.Kind.REFUND: gettext_lazy("Refund"),
    LedgerEntry.Kind.ADJUSTMENT: gettext_lazy("Correction by the desk"),
    LedgerEntry.Kind.CORRECTION: gettext_lazy("Correction of a top-up"),
}


def filtered(request: HttpRequest, customer: Customer) -> tuple[str, QuerySet[LedgerEntry]]:
    entries = LedgerEntry.objects.filter(customer=customer)
    kind = request.GET.get("kind", "")
    if kind not in KINDS:
        return "", entries
    return kind, entries.filter(kind__in=KINDS[kind])


@customer_page
@require_safe
def listed(request: HttpRequest, customer: Customer) -> HttpResponse:
    kind, entries = filtered(request, customer)
    page = window(entries.select_related("order"), request.GET)
    context = {
        "customer": customer,
        "balance": display.money(customer.balance),
        "page": page,
        "kind": kind,
        "kinds": TITLES.items(),
        "rows": [row_of(entry) for entry in page.rows],
    }
    return render(request, "portal/balance.html", context)


@customer_page
@require_safe
def exported(request: HttpRequest, customer: Customer) -> HttpResponseBase:
    _kind, entries = filtered(request, customer)
    columns = [
        Column(_("created"), "create_date", LocalTime),
        Column(_("kind"), "kind", labelled({kind: str(words) for kind, words in WHAT.items()})),
        Column(_("order number"), "order__oid", Escaped),
        Column(_("amount"), "amount", Plain),
        Column(_("balance after"), "balance_after", Plain),
    ]
    return file_answer(request, "balance.csv", csv_chunks(entries.order_by("-pk"), columns))


@customer_page
@require_safe
def audit_shown(request: HttpRequest, customer: Customer, pk: int) -> HttpResponse:
    audit = get_object_or_404(Calibration, customer=customer, pk=pk)
    response = render(request, "portal/audit.html", {"customer": customer, **report_of(audit)})
    if not audit.is_final:
        response["Refresh"] = AUDIT_REFRESH_SECONDS
    return response


def audit_of(entry: LedgerEntry) -> int | None:
    """The audit that the entry pays for or refunds."""
    fact, _colon, number = entry.reference.partition(":")
    return int(number) if fact in (Fact.AUDIT, Fact.AUDIT_REFUND) else None


def row_of(entry: LedgerEntry) -> dict[str, object]:
    return {
        "entry": entry,
        "what": WHAT.get(entry.kind, entry.get_kind_display()),
        "audit": audit_of(entry),
        "amount": display.signed(entry.amount),
        "is_credit": entry.amount > 0,
        "after": display.money(entry.balance_after),
    }

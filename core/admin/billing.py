"""Prices, top-ups and the ledger. Money is only ever added to the book: a top-up is saved once and
stays, a mistake is corrected by a super administrator's adjustment.
"""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core import money
from core.admin.add_form import ADDED, AddFormAdmin
from core.admin.base import DeskAdmin, row_url, staff
from core.admin.exchange import ExportAdmin
from core.admin.imports import BulkImportAdmin
from core.admin.search import Beginning, Exact, IndexedSearch
from core.exporting import resources
from core.models import (
    BalanceTooLargeError,
    ChargeRecord,
    ImportJob,
    InsufficientBalanceError,
    LedgerEntry,
    PricePolicy,
)
from core.models.ledger import adjustment_reference
from core.ordering import adjust, balance_error
from core.pages import display
from core.pages.idempotent_forms import IdempotentForm
from core.permissions import Right, may
from core.reasons import translate


@admin.register(PricePolicy)
class PricePolicyAdmin(DeskAdmin):
    list_display = ("plays", "shown_price", "rate", "active")
    list_filter = ("active",)
    fields = ("count", "price", "active")

    @admin.display(description=_("plays"), ordering="count")
    def plays(self, policy: PricePolicy) -> str:
        return display.number(policy.count)

    @admin.display(description=_("price"), ordering="price")
    def shown_price(self, policy: PricePolicy) -> str:
        return display.money(policy.price)

    @admin.display(description=_("price per play"))
    def rate(self, policy: PricePolicy) -> str:
        return display.rate(money.rate_of(policy.price, policy.count))


class BookAdmin(ExportAdmin, AddFormAdmin):
    """Rows that are added once and never changed."""

    date_hierarchy = "create_date"
    autocomplete_fields = ("customer",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("customer"), ordering="customer__username")
    def customer_link(self, row: Any) -> SafeString:
        url = row_url("customer", row.customer_id)
        return display.link(url, row.customer)


class ChargeForm(IdempotentForm):
    bought = ("customer", "amount")


@admin.register(ChargeRecord)
class ChargeRecordAdmin(IndexedSearch, BulkImportAdmin, BookAdmin):
    import_kind = ImportJob.Kind.CHARGES
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"
    list_display = ("id", "customer_link", "shown_amount", "memo", "creator", "create_date")
    list_select_related = ("customer", "creator")
    search_fields = ("customer__username",)
    search_help_text = _("Start of a username")
    finders = (Beginning("customer__username"),)
    sortable_by = ("id", "shown_amount", "create_date")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("customer", "amount", "memo")})]
        shown = ("customer_link", "shown_amount", "memo", "creator", "create_date")
        return [(None, {"fields": shown})]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new top-up: the form, and what Save does."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request, ChargeForm)
        if form.is_valid() and form.placed is None:
            record: ChargeRecord = form.save(commit=False)
            record.creator_id = request.user.pk
            record.request_key = form.cleaned_data["request_key"]
            try:
                with transaction.atomic():
                    record.save()
                    self.log_addition(request, record, ADDED)
            except BalanceTooLargeError as error:
                form.refuse({"amount": translate(error.reason)})
            except IntegrityError:
                if not form.was_saved():
                    raise
            else:
                return self.response_add(request, record)
        if form.placed is not None:
            return self.answer_saved_before(request, form.placed)
        return self.add_page(request, form, form_url, extra_context)

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [resources.ChargeExport]

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, record: ChargeRecord) -> str:
        return display.money(record.amount)


class AdjustmentForm(IdempotentForm):
    """A correction: an amount with its sign, and why."""

    bought = ("customer", "amount")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True
        self.fields["note"].help_text = _("The reason; it stays in the ledger.")
        self.fields["amount"].help_text = _("Negative to debit the balance.")

    def placed_with(self, key: uuid.UUID) -> LedgerEntry | None:
        return LedgerEntry.objects.filter(reference=adjustment_reference(key)).first()

    def objections(self, cleaned: dict[str, Any]) -> dict[str, str]:
        customer, amount = cleaned.get("customer"), cleaned.get("amount")
        if amount == 0:
            return {"amount": str(_("The amount must not be zero."))}
        if customer and amount and customer.balance + amount < 0:
            return {"amount": balance_error(-customer.balance - amount)}
        return {}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(IndexedSearch, BookAdmin):
    list_display = (
        *("id", "create_date", "kind", "customer_link", "shown_amount", "shown_balance"),
        *("order_link", "creator", "note"),
    )
    list_select_related = ("customer", "order", "creator")
    list_filter = ("kind",)
    search_fields = ("reference", "customer__username", "order__oid")
    search_help_text = _("Order number, reference, or start of a username")
    finders = (Exact("reference"), Exact("order__oid"), Beginning("customer__username"))
    ordering = ("-create_date", "-id")
    sortable_by = ("create_date", "kind")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(staff(request), Right.ADJUST_BALANCES)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(_("Adjustment"), {"fields": ("customer", "amount", "note")})]
        shown = (
            *("kind", "customer_link", "shown_amount", "shown_balance", "order_link"),
            *("creator", "create_date", "note", "reference"),
        )
        return [(None, {"fields": shown})]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new adjustment: the form, and what Save does."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request, AdjustmentForm)
        if form.is_valid() and form.placed is None:
            try:
                with transaction.atomic():
                    entry = adjust(actor=staff(request), **form.cleaned_data)
                    self.log_addition(request, entry, ADDED)
            except InsufficientBalanceError as error:
                form.refuse({"amount": balance_error(error.missing)})
            except BalanceTooLargeError as error:
                form.refuse({"amount": translate(error.reason)})
            except IntegrityError:
                if not form.was_saved():
                    raise
            else:
                return self.response_add(request, entry)
        if form.placed is not None:
            return self.answer_saved_before(request, form.placed)
        return self.add_page(request, form, form_url, extra_context)

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [resources.LedgerExport]

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, entry: LedgerEntry) -> SafeString:
        return display.tag(display.signed(entry.amount), "plus" if entry.amount > 0 else "minus")

    @admin.display(description=_("balance after"))
    def shown_balance(self, entry: LedgerEntry) -> str:
        return display.money(entry.balance_after)

    @admin.display(description=_("order"))
    def order_link(self, entry: LedgerEntry) -> str | SafeString:
        if entry.order is None:
            return "–"
        return display.link(row_url("order", entry.order.pk), entry.order)

"""Prices, top-ups and the ledger. Money is only ever added to the book: a top-up stays as it was
saved, and an entry of its own corrects a mistake (corrections.py)."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from core import money, ordering
from core.admin import cells
from core.admin.add_form import ADDED, AddFormAdmin
from core.admin.base import DeskAdmin, staff
from core.admin.columns import ChosenColumnsAdmin
from core.admin.corrections import CorrectingAdmin
from core.admin.exchange import BulkImportAdmin, ExportAdmin
from core.admin.search import Beginning, IndexedSearch, Words
from core.admin.top_ups import answer_waiting
from core.admin.views import address, require
from core.exporting import resources
from core.models import (
    BalanceTooLargeError,
    ChargeRecord,
    Customer,
    CustomerInactiveError,
    ImportJob,
    InsufficientBalanceError,
    LedgerEntry,
    PricePolicy,
    User,
    WaitingTopUp,
)
from core.models.billing import plain_reference
from core.models.ledger import Fact, PostingRefusedError
from core.ordering.equal_top_ups import equal_top_up, told
from core.ordering.topping_up import credit_objection, payment_objection
from core.pages import display
from core.pages.amounts import AmountField, AsksAgain, LargeAmountForm
from core.pages.idempotent_forms import question
from core.permissions import Right, may
from core.reasons import translate


class PolicyForm(AsksAgain, forms.ModelForm):
    """Asks if nobody would pay the price of some bundle on sale any more."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        count, price = cleaned.get("count"), cleaned.get("price")
        if count and price and cleaned.get("active") and self.has_changed():
            questions = undercutting(money.Bundle(count, price), self.instance)
            if questions and not self.was_confirmed(f"{count}:{price}"):
                told = [*questions, gettext("If this is intended, save again.")]
                self.add_error("price", list(map(question, told)))
        return cleaned


def undercutting(new: money.Bundle, policy: PricePolicy) -> list[str]:
    """A sentence for each price that buyers would no longer pay because of this bundle."""
    others = PricePolicy.objects.filter(active=True).exclude(pk=policy.pk)
    bundles = [money.Bundle(*one) for one in others.values_list("count", "price")]
    told = []
    for larger, smaller in money.undercut([new, *bundles]).items():
        changed = smaller if larger == new else [one for one in smaller if one == new]
        if changed:
            text = gettext("With this, %(plays)s plays cost as much as %(larger)s: %(price)s.")
            facts = {
                "plays": gettext("; ").join(display.number(one.count) for one in changed),
                "larger": display.number(larger.count),
                "price": display.money(larger.price),
            }
            told.append(text % facts)
    return told


@admin.register(PricePolicy)
class PricePolicyAdmin(DeskAdmin):
    form = PolicyForm
    list_display = ("plays", "shown_price", "rate", "active")
    plays = cells.number(_("plays"), "count", ordering="count")
    shown_price = cells.money(_("price"), "price", ordering="price")
    rate = cells.shown(
        _("price per play"), lambda row: display.rate(money.rate_of(row.price, row.count))
    )
    list_filter = ("active",)
    fields = ("count", "price", "active")


class BookAdmin(ExportAdmin, AddFormAdmin):
    date_hierarchy = "create_date"
    autocomplete_fields = ("customer",)
    customer_link = cells.link(_("customer"), "customer", ordering="customer__username")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChargeForm(LargeAmountForm):
    bought = ("customer", "amount")

    def clean_reference(self) -> str | None:
        return plain_reference(self.cleaned_data["reference"] or "") or None

    def objections(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        customer, reference = cleaned.get("customer"), cleaned.get("reference")
        if customer and reference and (text := payment_objection(customer.pk, reference)):
            return {"reference": text}
        questions = super().objections(cleaned)
        if customer and (amount := cleaned.get("amount")):
            equal = equal_top_up(customer.pk, amount, reference)
            if equal and not self.was_confirmed(f"{equal._meta.model_name}:{equal.pk}"):
                said = (told(equal), gettext("If this is another payment, save again."))
                questions["amount"] = [*questions.get("amount", ()), *map(question, said)]
        return questions

    def placed_with(self, key: uuid.UUID) -> Any:
        """The top-up, or the one that waits for approval."""
        return WaitingTopUp.objects.filter(request_key=key).first() or super().placed_with(key)


class PreviewForm(forms.Form):
    customer = forms.ModelChoiceField(Customer.objects.all(), required=False)
    amount = AmountField(required=False, max_digits=10, decimal_places=2)


@admin.register(ChargeRecord)
class ChargeRecordAdmin(
    IndexedSearch, CorrectingAdmin, ChosenColumnsAdmin, BulkImportAdmin, BookAdmin
):
    import_kind = ImportJob.Kind.CHARGES
    resource_classes = (resources.ChargeExport,)
    change_form_template = "desk/top_up_form.html"
    list_display = (
        *("id", "customer_link", "shown_before", "shown_amount", "shown_balance", "method"),
        *("reference", "memo", "creator", "create_date"),
    )
    shown_amount = cells.money(_("amount"), "amount", ordering="amount")
    shown_balance = cells.money(_("balance after"), "balance_after")
    list_select_related = ("customer", "creator")
    search_fields = ("customer__username",)
    search_help_text = _("Part of a username")
    finders = (Beginning("customer__username"), Words("customer__username"))
    sortable_by = ("id", "shown_amount", "create_date")
    add_fieldsets = ((None, {"fields": ("customer", "amount", "method", "reference", "memo")}),)
    fields = (
        *("customer_link", ("shown_before", "shown_amount", "shown_balance"), "corrected"),
        *("method", "reference", "memo", "creator", "create_date"),
    )

    class Media:
        js = ("office/asking.js", "office/top-up.js")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Adds the balance after each top-up, for users who may see the ledger."""
        number = Fact.CHARGE.of_column(OuterRef("pk"))
        entries = LedgerEntry.objects.filter(reference=number)
        if not may(staff(request), Right.SEE_LEDGER):
            entries = entries.none()
        entry = Subquery(entries.values("balance_after")[:1])
        return super().get_queryset(request).annotate(balance_after=entry)

    @address("preview/", "preview")
    def preview_view(self, request: HttpRequest) -> JsonResponse:
        require(self.has_add_permission(request))
        require(may(staff(request), Right.SEE_CUSTOMERS))
        form = PreviewForm(request.GET)
        form.is_valid()
        customer, amount = (form.cleaned_data.get(name) for name in ("customer", "amount"))
        after = customer.balance + amount if customer and amount else None
        shown = {"balance": customer and customer.balance, "balance_after": after}
        return JsonResponse({name: display.money(value) for name, value in shown.items()})

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require(self.has_add_permission(request))
        form = self.add_form(request, ChargeForm)
        if form.is_valid() and form.placed is None:
            record: ChargeRecord = form.save(commit=False)
            record.creator_id = request.user.pk
            record.request_key = form.cleaned_data["request_key"]
            try:
                with transaction.atomic():
                    # Anybody who tops up the same customer at the same moment is done, or waits.
                    Customer.objects.select_for_update().get(pk=record.customer_id)
                    form.refuse(form.objections(form.cleaned_data))
                    if is_free := form.is_valid() and form.placed is None:
                        waiting = ordering.top_up_many([record], staff(request))
                        self.log_addition(request, waiting[0] if waiting else record, ADDED)
            except BalanceTooLargeError as error:
                form.refuse({"amount": translate(error.reason)})
            except CustomerInactiveError as error:  # since the form was looked at
                form.refuse({"customer": translate(error.reason)})
            except IntegrityError:
                number = record.reference
                text = number and payment_objection(record.customer_id, number)
                if text:  # somebody booked the same payment at the same moment
                    form.refuse({"reference": text})
                elif not form.recognize():
                    raise
            else:
                if is_free and waiting:
                    return answer_waiting(request, waiting[0])
                if is_free:
                    return self.response_add(request, record)
        if isinstance(form.placed, WaitingTopUp):
            return answer_waiting(request, form.placed)
        if form.placed is not None:
            return self.answer_saved_before(request, form.placed)
        return self.add_page(request, form)

    @admin.display(description=_("balance before"))
    def shown_before(self, record: Any) -> str:
        after = record.balance_after
        return display.money(None if after is None else after - record.amount)


class AdjustmentForm(LargeAmountForm):
    bought = ("customer", "amount")
    actor: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True
        self.fields["note"].help_text = _("The reason; it stays in the ledger.")
        self.fields["amount"].help_text = _("Negative to debit the balance.")

    def placed_with(self, key: uuid.UUID) -> LedgerEntry | None:
        return LedgerEntry.objects.filter(reference=Fact.ADJUSTMENT.of(key)).first()

    def objections(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        customer, amount = cleaned.get("customer"), cleaned.get("amount")
        if amount == 0:
            return {"amount": str(_("The amount must not be zero."))}
        if customer and amount and customer.balance + amount < 0:
            short = InsufficientBalanceError(-customer.balance - amount)
            return {"amount": translate(short.reason)}
        if amount and (text := credit_objection(amount, self.actor)):
            return {"amount": text}
        return super().objections(cleaned)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(IndexedSearch, BookAdmin):
    resource_classes = (resources.LedgerExport,)
    list_display = (
        *("id", "create_date", "kind", "customer_link", "shown_amount", "shown_balance"),
        *("order_link", "creator", "note"),
    )
    shown_balance = cells.money(_("balance after"), "balance_after")
    order_link = cells.link(_("order"), "order")
    list_select_related = ("customer", "order", "creator")
    list_filter = ("kind",)
    search_fields = ("reference", "customer__username", "order__oid")
    search_help_text = _("Order number, reference, or part of a username")
    exact_fields = ("reference", "order__oid")
    finders = (Beginning("customer__username"), Words("customer__username"))
    ordering = ("-create_date", "-id")
    sortable_by = ("create_date", "kind")
    add_fieldsets = ((_("Adjustment"), {"fields": ("customer", "amount", "note")}),)
    fields = (
        *("kind", "customer_link", "shown_amount", "shown_balance", "order_link"),
        *("creator", "create_date", "note", "reference"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(staff(request), Right.ADJUST_BALANCES)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require(self.has_add_permission(request))
        form = self.add_form(request, AdjustmentForm)
        form.actor = staff(request)

        def book() -> LedgerEntry:
            try:
                return ordering.adjust(actor=staff(request), **form.cleaned_data)
            except PostingRefusedError as error:
                raise ordering.OrderRefusedError({"amount": error.reason}) from None

        return self.save_once(request, form, book)

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, entry: LedgerEntry) -> SafeString:
        return display.tag(display.signed(entry.amount), "plus" if entry.amount > 0 else "minus")

"""Corrections of top-ups: the page where one is entered, and the second person's two buttons."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import MinValueValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from core.admin import cells
from core.admin.base import Button, DeskAdmin, row_url, staff
from core.admin.top_ups import DecisionAdmin
from core.admin.views import address, require
from core.models import ChargeRecord, OrderError, TopUpCorrection, User
from core.models.billing import REASON_LENGTH, corrected_amount
from core.ordering import approve_correction, correct_top_up, decline_correction
from core.pages import display
from core.pages.amounts import AmountField, AsksAgain
from core.pages.idempotent_forms import question
from core.permissions import Right, may


class CorrectionForm(AsksAgain):
    right_amount = AmountField(
        label=gettext_lazy("Right amount"),
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(0)],
        help_text=gettext_lazy("What was really paid; 0 if nothing was."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        help_text=gettext_lazy("It stays in the ledger."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def clean_right_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["right_amount"]
        if text := self.large_amount_question(amount):
            raise question(text)
        return amount


class CorrectingAdmin(DeskAdmin):
    def buttons(self, request: HttpRequest, obj: ChargeRecord) -> list[Button]:
        if not may(staff(request), Right.CORRECT_TOP_UP):
            return []
        return [Button(_("Correct this top-up"), self.url_of("correct", obj.pk))]

    @address("<int:pk>/correct/", "correct")
    def correct_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(may(staff(request), Right.CORRECT_TOP_UP))
        charge = self.seen_or_404(request, pk)
        form = CorrectionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                correction = correct_top_up(charge, actor=staff(request), **form.cleaned_data)
            except OrderError as error:
                form.add_error("right_amount", str(error))
            else:
                self.log_change(request, charge, told(correction))
                return answer(request, correction)
        context = {"form": form, "charge": charge, "facts": facts_of(charge, staff(request))}
        context["back"] = self.change_url(charge)
        return self.own_page(
            request, "desk/correct_top_up.html", _("Correct this top-up"), **context
        )

    @admin.display(description=gettext_lazy("corrections"))
    def corrected(self, charge: ChargeRecord) -> str | SafeString:
        lines = (
            (row_url("topupcorrection", one.pk), told(one), one.creator, one.get_status_display())
            for one in charge.corrections.select_related("creator").order_by("pk")
        )
        return format_html_join("", '<div><a href="{}">{}</a> · {} · {}</div>', lines) or "–"


def facts_of(charge: ChargeRecord, reader: User) -> list[tuple[str, str]]:
    facts = [
        (_("Customer"), str(charge.customer)),
        (_("Entered"), display.money(charge.amount)),
        (_("Current amount"), display.money(corrected_amount(charge))),
    ]
    if may(reader, Right.SEE_CUSTOMERS):
        facts.append((_("Balance now"), display.money(charge.customer.balance)))
    return facts


def told(correction: TopUpCorrection) -> str:
    return _("Corrected to %(right)s (%(difference)s): %(reason)s") % {
        "right": display.money(correction.right_amount),
        "difference": display.signed(correction.amount),
        "reason": correction.reason,
    }


def change_of(correction: TopUpCorrection) -> dict[str, Any]:
    return {"customer": correction.charge.customer, "difference": display.signed(correction.amount)}


def answer(request: HttpRequest, correction: TopUpCorrection) -> HttpResponse:
    if correction.awaits_approval:
        text = _("Above your limit: the balance is corrected once somebody else approves it.")
        messages.warning(request, text)
        return HttpResponseRedirect(row_url("topupcorrection", correction.pk))
    text = _("The top-up was corrected; %(customer)s's balance changed by %(difference)s.")
    messages.success(request, text % change_of(correction))
    return HttpResponseRedirect(row_url("chargerecord", correction.charge_id))


@admin.register(TopUpCorrection)
class TopUpCorrectionAdmin(DecisionAdmin):
    list_display = (
        *("id", "customer_link", "charge_link", "shown_right", "shown_amount", "reason"),
        *("creator", "create_date", "status"),
    )
    customer_link = cells.link(gettext_lazy("customer"), "charge.customer")
    balance = cells.money(gettext_lazy("balance now"), "charge.customer.balance")
    shown_right = cells.money(gettext_lazy("right amount"), "right_amount")
    shown_amount = cells.shown(gettext_lazy("difference"), lambda row: display.signed(row.amount))
    list_select_related = ("charge__customer", "creator")
    readonly_fields = (
        *("customer_link", "balance", "charge_link", "shown_right", "shown_amount", "reason"),
        *("creator", "create_date", "status", "decider", "decided_at"),
    )

    def questions(self, obj: TopUpCorrection) -> tuple[str, str]:
        return (
            _("Change %(customer)s's balance by %(difference)s?") % change_of(obj),
            _("Decline this correction? The top-up stays as it is."),
        )

    def approve(self, request: HttpRequest, correction: TopUpCorrection) -> tuple[str, int]:
        approve_correction(correction, staff(request))
        text = _("Correction approved; %(customer)s's balance changed by %(difference)s.")
        return text % change_of(correction), messages.SUCCESS

    def decline(self, request: HttpRequest, correction: TopUpCorrection) -> tuple[str, int]:
        decline_correction(correction, staff(request))
        return _("Correction declined; the top-up stays as it is."), messages.SUCCESS

    @admin.display(description=gettext_lazy("top-up"))
    def charge_link(self, correction: TopUpCorrection) -> SafeString:
        entered = display.money(correction.charge.amount)
        return display.link(row_url("chargerecord", correction.charge_id), entered)

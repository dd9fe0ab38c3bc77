"""Many addresses pasted at once: one order each, one quote for all of them, all or none."""

import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.admin.add_form import ADDED
from core.admin.base import DeskAdmin, list_url, staff
from core.admin.views import address, require
from core.importing.cells import counts
from core.models import Customer, Order, User
from core.ordering import OrderRefusedError, Quote
from core.ordering.several import keys_of, place_several, placed_before, quote_several, total_of
from core.pages import display
from core.pages.amounts import WholeNumberField, WholeNumberInput
from core.pages.quotes import MOST_PLAYS_TYPED, PlaysWidget, TermsForm, approval_note
from core.permissions import Right, may
from core.theme.autocomplete import pick_by_typing

MOST_LINES = 200
# An order's address, and a number of plays behind it.
LONGEST_LINE = 540
LONGEST_ADDRESS = 500
MOST_SIGNS = MOST_LINES * (LONGEST_LINE + 2)


@dataclass(slots=True)
class Line:
    """An address, with the number of its line in the field."""

    number: int
    url: str
    count: int | None
    quote: Quote | None = None
    error: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        quote = self.quote
        words = [self.error] if self.error else []
        if quote is not None:
            words += quote.errors.values()
        return {
            "number": self.number,
            "url": self.url,
            "name": display.video_name(quote) if quote and quote.video_id else self.url,
            "plays": display.number(self.count),
            "price": display.money(quote.price if quote else None),
            "views": display.number(quote.views if quote else None),
            "errors": words,
        }


class SeveralForm(TermsForm, forms.ModelForm):
    addresses = forms.CharField(
        label=gettext_lazy("Video addresses"),
        help_text=gettext_lazy(
            "One per line; a number after an address is the number of plays for that video "
            "alone. Two columns of a spreadsheet can be pasted."
        ),
        max_length=MOST_SIGNS,
        widget=forms.Textarea(
            attrs={"rows": 10, "class": "vLargeTextField", "spellcheck": "false"}
        ),
    )
    count = WholeNumberField(
        label=gettext_lazy("Plays each"),
        min_value=1,
        max_value=MOST_PLAYS_TYPED,
        widget=PlaysWidget({"class": "vIntegerField"}),
    )
    field_order = ("customer", "addresses", "count", "hours", "by_day", "planned_start", "memo")
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    class Meta:
        model = Order
        fields = ("customer", "hours", "by_day", "memo")
        field_classes = {"hours": WholeNumberField}
        widgets = {
            "hours": WholeNumberInput({"class": "vIntegerField"}),
            "memo": forms.Textarea({"rows": 2, "class": "vLargeTextField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hours"].required = False
        field: Any = self.fields["customer"]
        pick_by_typing(field, Order._meta.get_field("customer"), admin.site)

    def lines(self) -> list[Line]:
        """One for each line that is not empty."""
        text, each = self.cleaned_data["addresses"], self.cleaned_data["count"]
        typed = enumerate(text.splitlines(), start=1)
        return [line_of(number, line.strip(), each) for number, line in typed if line.strip()]


def line_of(number: int, text: str, each: int) -> Line:
    """An address, and perhaps its own number behind a blank or a tab, as two cells are pasted."""
    url, _blank, rest = text[:LONGEST_LINE].replace("\t", " ").partition(" ")
    rest = rest.strip()
    if len(url) > LONGEST_ADDRESS or len(text) > LONGEST_LINE or (rest and not rest[0].isdigit()):
        error = _("This is not an address and a number.")
        return Line(number, text[:LONGEST_ADDRESS], None, error=error)
    if not rest:
        return Line(number, url, each)
    (plays,), wrong = counts([rest])
    return Line(number, url, None if wrong else plays, error=wrong.get(0, ""))


class SeveralOrdersAdmin(DeskAdmin):
    @address("several/", "several")
    def several_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, then its quote; place the orders if the shown quote still holds."""
        require(self.has_add_permission(request))
        if request.method != "POST":
            initial = self.get_changeform_initial_data(request)
            return self.several_page(request, SeveralForm(initial=initial), [])
        form = SeveralForm(request.POST)
        if not form.is_valid():
            return self.several_page(request, form, [])
        lines = form.lines()
        if not 0 < len(lines) <= MOST_LINES:
            text = _("At most %(most)s addresses at once.") % {"most": MOST_LINES}
            form.add_error("addresses", text)
            return self.several_page(request, form, [])
        bought = [(line.url, line.count) for line in lines]
        keys = keys_of(form.cleaned_data["request_key"], form.cleaned_data["customer"], bought)
        if placed_before(keys):
            return self.was_placed(request, form)
        if "_save" in request.POST:
            self.quote_lines(request, form, lines, looks_at_videos=False)
            if is_good(lines) and request.POST.get("quoted") == mark_of(form, lines):
                try:
                    return self.save_lines(request, form, lines, keys)
                except OrderRefusedError as error:
                    if placed_before(keys):  # by the same form, sent at the same moment
                        return self.was_placed(request, form)
                    if error.index is None:
                        form.add_error(None, str(error))
                    else:
                        lines[error.index].error = str(error)
            elif request.POST.get("quoted"):
                text = _("This differs from the quote. Nothing was ordered; check it again.")
                form.add_error(None, text)
        self.quote_lines(request, form, lines, looks_at_videos=True)
        return self.several_page(request, form, lines)

    def was_placed(self, request: HttpRequest, form: SeveralForm) -> HttpResponse:
        self.message_user(request, _("This form was already saved; nothing was done twice."))
        return self.to_orders_of(form.cleaned_data["customer"])

    def quote_lines(
        self, request: HttpRequest, form: SeveralForm, lines: list[Line], *, looks_at_videos: bool
    ) -> None:
        wanted = [line for line in lines if not line.error]
        quotes = quote_several(
            form.cleaned_data["customer"],
            [(line.url, line.count) for line in wanted],
            asker=staff(request),
            looks_at_videos=looks_at_videos,
        )
        for line, quote in zip(wanted, quotes, strict=True):
            line.quote = quote

    def save_lines(
        self, request: HttpRequest, form: SeveralForm, lines: list[Line], keys: list[uuid.UUID]
    ) -> HttpResponse:
        with transaction.atomic():
            quotes = [line.quote for line in lines if line.quote]
            orders = place_several(quotes, keys, staff(request), **form.terms)
            for order in orders:
                self.log_addition(request, order, ADDED)
        text = ngettext(
            "%(number)s order was placed for %(total)s.",
            "%(number)s orders were placed for %(total)s together.",
            len(orders),
        )
        facts = {"number": len(orders), "total": display.money(total_of(quotes))}
        self.message_user(request, text % facts)
        return self.to_orders_of(form.cleaned_data["customer"])

    def to_orders_of(self, customer: Customer) -> HttpResponse:
        return HttpResponseRedirect(list_url("order", customer__id__exact=customer.pk))

    def several_page(
        self, request: HttpRequest, form: SeveralForm, lines: list[Line]
    ) -> HttpResponse:
        context = {
            "form": form,
            "media": self.media + form.media,
            "lines": [line.shown for line in lines],
            "sums": sums_of(form, lines, staff(request)) if lines else [],
            # Only a quote that may be bought has a mark.
            "quoted": mark_of(form, lines) if is_good(lines) else "",
            "note": note_on(request, lines),
            "is_good": is_good(lines),
            "back": reverse("admin:core_order_add"),
        }
        title = _("Several orders at once")
        return self.own_page(request, "desk/several_orders.html", title, **context)


def sums_of(form: SeveralForm, lines: list[Line], reader: User) -> list[tuple[str, str]]:
    customer = form.cleaned_data["customer"]
    total = total_of([line.quote for line in lines if line.quote])
    sums = [
        (_("Orders"), display.number(len(lines))),
        (_("Plays"), display.number(sum(line.count or 0 for line in lines))),
        (_("Total price"), display.money(total)),
    ]
    if may(reader, Right.SEE_CUSTOMERS):
        sums += [
            (_("Balance"), display.money(customer.balance)),
            (_("Balance after"), display.money(customer.balance - total)),
        ]
    return sums


def note_on(request: HttpRequest, lines: list[Line]) -> str:
    """What the dearest of them says about approval."""
    quotes = [line.quote for line in lines if line.quote and line.quote.price is not None]
    dearest = max(quotes, key=lambda quote: quote.price or 0, default=None)
    return approval_note(dearest, staff(request)) if dearest else ""


def is_good(lines: list[Line]) -> bool:
    return bool(lines) and all(
        line.quote and not line.quote.reasons and not line.error for line in lines
    )


def mark_of(form: SeveralForm, lines: list[Line]) -> str:
    """Identifies what was quoted, and to whom: another quote has another mark."""
    prices = [(line.url, line.count, str(line.quote and line.quote.price)) for line in lines]
    quoted = repr((form.cleaned_data["customer"].pk, prices))
    return str(uuid.uuid5(uuid.NAMESPACE_URL, quoted))

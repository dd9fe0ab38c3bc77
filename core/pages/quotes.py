"""Order forms for desk and customers, and their live quote: what was typed so far, and the answer
as texts to show. They refuse nothing about an order that the quote (core/ordering/quote.py)
would not."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _, gettext_lazy

from core.models import ApprovalLimit, Customer, PricePolicy, User
from core.models.orders import MAX_HOURS
from core.ordering import Quote, StartRefusedError, counting_of, start_to_come
from core.pages import display
from core.pages.amounts import WholeNumberField, WholeNumberInput
from core.pages.idempotent_forms import IdempotentForm, come_back_with, question
from core.pages.kept import kept
from core.reasons import translate

MOST_PLAYS_TYPED = 2**31 - 1
# How a telephone's keyboard should treat a field for a video's address.
ADDRESS = {
    "inputmode": "url",
    "autocapitalize": "off",
    "autocomplete": "off",
    "spellcheck": "false",
    "placeholder": "https://",
}


class TermsForm(forms.Form):
    """The fields beside the quote. Each form has its own `hours` and `by_day`."""

    planned_start = forms.DateTimeField(
        label=gettext_lazy("Start"),
        help_text=gettext_lazy("Empty: at once."),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean_planned_start(self) -> datetime | None:
        try:
            return start_to_come(self.cleaned_data["planned_start"])
        except StartRefusedError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_hours(self) -> int:
        return self.cleaned_data["hours"] or 0

    @property
    def terms(self) -> dict[str, Any]:
        names = ("memo", "hours", "by_day", "planned_start")
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}


class OrderForm(TermsForm, IdempotentForm):
    """Valid if the quote is; every objection to the order stands at its field."""

    # The price that stood beside the form when it was sent.
    quoted_price = forms.DecimalField(
        required=False, max_digits=12, decimal_places=2, widget=forms.HiddenInput
    )
    quote: Quote
    # Whether customers read the objections.
    for_customer: ClassVar[bool] = False
    asker: User | None = None  # who fills it in

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Scripts that send no pace get the fastest.
        self.fields["hours"].required = False

    def customer_of(self, cleaned: dict[str, Any]) -> Customer | None:
        return cleaned.get("customer")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.recognize():
            return cleaned
        self.quote = Quote.prepare(
            self.customer_of(cleaned),
            cleaned.get("url", ""),
            cleaned.get("count"),
            for_customer=self.for_customer,
            asker=self.asker,
        )
        errors: dict[str, Any] = self.quote.errors
        if text := self.quote.price_objection(cleaned.get("quoted_price")):
            # Sent again like this, it orders at the price in the text.
            come_back_with(self, "quoted_price", str(self.quote.price))
            errors = {"__all__": question(text)} | errors
        self.refuse(errors)
        return cleaned

    @property
    def terms(self) -> dict[str, Any]:
        return super().terms | {"request_key": self.cleaned_data.get("request_key")}


class QuoteForm(forms.Form):
    """An order form while it is filled in: any part may be missing."""

    for_customer: ClassVar[bool] = False

    url = forms.CharField(max_length=500, required=False)
    count = WholeNumberField(min_value=1, max_value=MOST_PLAYS_TYPED, required=False)
    hours = WholeNumberField(min_value=0, max_value=MAX_HOURS, required=False)

    def answer_for(self, customer: Customer | None, creator: User | None = None) -> dict[str, Any]:
        """The quote as JSON for `creator`, who fills in the form, with objections by field. Call it
        on a checked form. Reads only; asks the site for its counter."""
        data = self.cleaned_data
        quote = Quote.prepare(
            customer,
            data.get("url", ""),
            data.get("count"),
            for_customer=self.for_customer,
            asker=creator,
        )
        wrong = {name: " ".join(map(str, errors)) for name, errors in self.errors.items()}
        answer = describe(quote, data.get("hours") or 0)
        if quote.site and not self.for_customer:  # customers learn nothing about its counting
            answer["counting"] = " ".join(map(translate, counting_of(quote.site)))
        return answer | {"errors": quote.errors | wrong, "approval": approval_note(quote, creator)}


def describe(quote: Quote, hours: int) -> dict[str, Any]:
    """A quote as the form shows it: texts, or None for what is not known yet."""

    def told(value: Any, say: Callable[[Any], str]) -> str | None:
        return None if value is None else say(value)

    site, customer = quote.site, quote.customer
    seconds = None if quote.seconds is None else max(quote.seconds, hours * 3600)
    return {
        "balance": display.money(customer.balance) if customer else None,
        "price": told(quote.price, display.money),
        "quoted_price": told(quote.price, str),
        "unit_price": told(quote.unit_price, display.rate),
        "balance_after": told(quote.balance_after, display.money),
        "site": {"name": site.name, "verified": site.verified} if site else None,
        "video": quote.video_title or None,
        "views": told(quote.views, display.number),
        "seconds": seconds,
        "duration": told(seconds, display.duration),
    }


def approval_note(quote: Quote, creator: User | None) -> str:
    """What happens to an order above its creator's limit, said before it is placed; "" below it."""
    if not quote.needs_approval(creator):
        return ""
    limit = ApprovalLimit.objects.of(creator)
    return _(
        "Above your limit of %(limit)s: the order waits until somebody else approves "
        "it. It is charged at once, holds the video until then, and is refunded in "
        "full if it is declined."
    ) % {"limit": display.money(limit)}


def bundles_on_sale() -> list[dict[str, Any]]:
    bundles: list[dict[str, Any]] = kept({"bundles": _bundles})["bundles"]
    return bundles


def _bundles() -> list[dict[str, Any]]:
    return [
        {
            "count": bundle.count,
            "label": display.number(bundle.count),
            "price": display.money(bundle.price),
        }
        for bundle in PricePolicy.bundles()
    ]


class PlaysWidget(WholeNumberInput):
    """Any number, or one of the bundles on sale by a click."""

    template_name = "desk/plays_widget.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["bundles"] = bundles_on_sale()
        return context

"""The form that sells an order at the desk. Law: what it refuses, the quote refuses."""

from typing import Any

from django import forms

from core.models import Customer
from core.ordering import Quote
from core.pages.idempotent_forms import OnceForm
from core.pages.quotes import QuoteForm, bundles_on_sale


class PlaysWidget(forms.NumberInput):
    """Any number, or one of the bundles on sale by a click."""

    template_name = "desk/plays_widget.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["bundles"] = bundles_on_sale()
        return context


class OrderForm(OnceForm):
    """Valid when the quote is: all that speaks against the order stands at its field."""

    bought = ("customer", "url", "count", "hours", "by_day")
    quote: Quote

    class Meta:
        widgets = {
            "url": forms.TextInput(
                attrs={
                    "class": "vTextField",
                    "inputmode": "url",
                    "autocapitalize": "off",
                    "autocomplete": "off",
                    "spellcheck": "false",
                    "placeholder": "https://",
                }
            ),
            "count": PlaysWidget(
                attrs={"class": "vIntegerField", "min": 1, "inputmode": "numeric"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Scripts that know nothing of a pace get the fastest.
        self.fields["hours"].required = False

    def clean_hours(self) -> int:
        return self.cleaned_data["hours"] or 0

    def objections(self, cleaned: dict[str, Any]) -> dict[str, str]:
        self.quote = Quote.prepare(
            cleaned.get("customer"), cleaned.get("url", ""), cleaned.get("count")
        )
        return self.quote.errors


class DeskQuoteForm(QuoteForm):
    customer = forms.ModelChoiceField(Customer.objects.all(), required=False)

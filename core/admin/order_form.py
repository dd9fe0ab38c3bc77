"""The form that sells an order at the desk."""

from typing import Any

from django import forms

from core.models import Customer
from core.pages.quotes import OrderForm, QuoteForm, bundles_on_sale


class PlaysWidget(forms.NumberInput):
    """Any number, or one of the bundles on sale by a click."""

    template_name = "desk/plays_widget.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["bundles"] = bundles_on_sale()
        return context


class DeskOrderForm(OrderForm):
    bought = ("customer", "url", "count", "hours", "by_day", "planned_start")

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


class DeskQuoteForm(QuoteForm):
    customer = forms.ModelChoiceField(Customer.objects.all(), required=False)

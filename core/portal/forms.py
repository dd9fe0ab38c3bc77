"""What customers fill in. No form says whose it is: the view does."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _, gettext_lazy

from core.db import clock
from core.logins.forms import CountedLoginForm
from core.models import Customer, Order, Status
from core.pages.amounts import WholeNumberField
from core.pages.quotes import ADDRESS, OrderForm, QuoteForm
from core.portal.access import customer_of


class LoginForm(CountedLoginForm):
    """Lets in customers. Others learn where their own pages are, once their password was right."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.is_staff:
            raise ValidationError(_("Staff log in at the desk."), code="staff")
        if customer_of(user) is None:
            raise ValidationError(_("This account is switched off. Ask the desk."), code="off")


class CustomerOrderForm(OrderForm):
    again = ("url", "count", "hours", "by_day")
    bought = (*again, "planned_start")
    for_customer = True

    class Meta:
        model = Order
        fields = ("url", "count", "hours", "by_day", "planned_start")
        widgets = {"url": forms.TextInput(attrs=ADDRESS)}
        field_classes = {"count": WholeNumberField, "hours": WholeNumberField}

    def __init__(self, customer: Customer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.customer, self.asker = customer, customer.user

    def customer_of(self, cleaned: dict[str, Any]) -> Customer:
        return self.customer

    def clean_request_key(self) -> uuid.UUID | None:
        """No key in a form can name an order of somebody else."""
        key: uuid.UUID | None = self.cleaned_data["request_key"]
        return key and uuid.uuid5(key, f"customer:{self.customer.pk}")

    def add_error(self, field: str | None, error: Any) -> None:
        """A quote's objection to the customer stands above the form, which has no such field. The
        next quote may lift it; other errors stay."""
        if field == "customer":
            field, error = None, ValidationError(error, code=field)
        super().add_error(field, error)


class CustomerQuoteForm(QuoteForm):
    for_customer = True


class OrderFilter(forms.Form):
    """Which of the customer's orders a list shows. Values that cannot be read filter nothing."""

    q = forms.CharField(
        max_length=500,
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("Address or order number")}
        ),
    )
    status = forms.TypedChoiceField(
        choices=[("", gettext_lazy("All orders")), *Status.choices],
        coerce=int,
        empty_value=None,
        required=False,
        label=gettext_lazy("Status"),
    )
    since = forms.DateField(
        required=False, label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"})
    )
    until = forms.DateField(
        required=False, label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"})
    )

    @property
    def is_used(self) -> bool:
        return any(self.cleaned_data.values())

    def apply(self, orders: QuerySet[Order]) -> QuerySet[Order]:
        data = self.cleaned_data
        if text := data.get("q", "").strip():
            # A number may be the order's, or a video's in its address.
            orders = orders.filter(Q(oid__startswith=text) | Q(url__icontains=text))
        if data.get("status"):
            orders = orders.filter(status=data["status"])
        if data.get("since"):
            first = clock.possible(data["since"])
            orders = orders.filter(create_date__gte=clock.midnight(first))
        if data.get("until"):
            following = clock.possible(data["until"]) + timedelta(days=1)
            orders = orders.filter(create_date__lt=clock.midnight(following))
        return orders

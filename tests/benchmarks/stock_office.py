"""The tasks' benchmark: its peer, Django's admin over the same tables, as its documentation has it.

Each column that a task has to fill in can be filled in, in the order that takes the fewest keys;
customers and orders are picked by typing, since an office has thousands of them. What follows from
a row (the entry in the ledger, the balance) a clerk enters by hand.
"""

import os
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.stock_settings"

from django.core.asgi import get_asgi_application

application = get_asgi_application()

from django.contrib import admin  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.urls import path  # noqa: E402

from core.models import ChargeRecord, Customer, LedgerEntry, Message, Order  # noqa: E402

FIELDS: dict[type[Model], tuple[str, ...]] = {
    Customer: ("username", "mobile", "balance", "active", "memo"),
    ChargeRecord: ("customer", "amount", "method", "reference", "memo"),
    Order: (
        *("customer", "oid", "url", "count", "price", "unit_price", "site", "video_id"),
        *("status", "delivered", "refunded", "memo"),
    ),
    LedgerEntry: ("kind", "customer", "amount", "balance_after", "order", "reference", "note"),
    Message: ("order", "side", "text", "internal"),
}
SEARCHED: dict[type[Model], tuple[str, ...]] = {
    Customer: ("username", "mobile"),
    Order: ("oid", "customer__username", "url"),
}
FILTERED: dict[type[Model], tuple[str, ...]] = {Order: ("status", "site")}
PICKED = {"customer", "order"}
# What a row may be saved without.
OPTIONAL = {"delivered", "refunded", "order"}
WRITER = {Message: "author", ChargeRecord: "creator"}


class StockAdmin(admin.ModelAdmin):
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """As the documentation's example has it."""
        if not change and (name := WRITER.get(type(obj))):
            setattr(obj, f"{name}_id", request.user.pk)
        super().save_model(request, obj, form, change)


stock = admin.AdminSite("stock")
for model, names in FIELDS.items():
    for name in names:
        field: Any = model._meta.get_field(name)
        field.editable = True
        field.blank = field.blank or name in OPTIONAL
    look = {
        "fields": names,
        "list_display": ("__str__", *names[:6]),
        "search_fields": SEARCHED.get(model, ()),
        "list_filter": FILTERED.get(model, ()),
        "autocomplete_fields": [name for name in names if name in PICKED],
    }
    stock.register(model, type(f"Stock{model.__name__}", (StockAdmin,), look))

urlpatterns = [path("stock/", stock.urls)]

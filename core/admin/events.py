"""What is written down beside orders, over all of them: their steps, and the counters' readings."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from core.admin import cells
from core.admin.base import ViewOnlyAdmin
from core.admin.search import IndexedSearch
from core.models import CounterReading, OrderEvent
from core.pages import display


class BesideOrdersAdmin(IndexedSearch, ViewOnlyAdmin):
    order_link = cells.link(gettext_lazy("order"), "order")
    search_fields = ("order__oid",)
    search_help_text = gettext_lazy("Order number")
    exact_fields = ("order__oid",)
    sortable_by = ()
    ordering = ("-id",)


@admin.register(OrderEvent)
class OrderEventAdmin(BesideOrdersAdmin):
    list_display = ("create_date", "order_link", "change", "creator", "shown_reason")
    change = cells.shown(gettext_lazy("status"), display.step)
    shown_reason = cells.reason(gettext_lazy("why"))
    list_select_related = ("order", "creator")
    fields = ("order_link", "create_date", "change", "creator", "shown_reason")


@admin.register(CounterReading)
class CounterReadingAdmin(BesideOrdersAdmin):
    list_display = ("create_date", "order_link", "shown_views", "shown_done")
    shown_views = cells.number(gettext_lazy("views"), "views")
    shown_done = cells.number(gettext_lazy("received"), "done")
    list_select_related = ("order",)
    fields = ("order_link", "create_date", "shown_views", "shown_done")

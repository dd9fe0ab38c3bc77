"""What is written down beside orders, over all of them: their steps, and the counters' readings."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from core.admin.base import ViewOnlyAdmin, row_url
from core.admin.search import Exact, IndexedSearch
from core.models import CounterReading, OrderEvent
from core.pages import display
from core.reasons import reason_of, translate


@admin.register(OrderEvent)
class OrderEventAdmin(IndexedSearch, ViewOnlyAdmin):
    list_display = ("create_date", "order_link", "change", "creator", "shown_reason")
    list_select_related = ("order", "creator")
    search_fields = ("order__oid",)
    search_help_text = gettext_lazy("Order number")
    finders = (Exact("order__oid"),)
    sortable_by = ()
    ordering = ("-id",)
    fields = ("order_link", "create_date", "change", "creator", "shown_reason")

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, event: OrderEvent) -> SafeString:
        return display.link(row_url("order", event.order_id), event.order)

    @admin.display(description=gettext_lazy("status"))
    def change(self, event: OrderEvent) -> SafeString:
        return display.step(event)

    @admin.display(description=gettext_lazy("why"))
    def shown_reason(self, event: OrderEvent) -> str:
        return translate(reason_of(event))


@admin.register(CounterReading)
class CounterReadingAdmin(IndexedSearch, ViewOnlyAdmin):
    list_display = ("create_date", "order_link", "shown_views", "shown_done")
    list_select_related = ("order",)
    search_fields = ("order__oid",)
    search_help_text = gettext_lazy("Order number")
    finders = (Exact("order__oid"),)
    sortable_by = ()
    ordering = ("-id",)
    fields = ("order_link", "create_date", "shown_views", "shown_done")

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, reading: CounterReading) -> SafeString:
        url = row_url("order", reading.order_id)
        return display.link(url, reading.order)

    @admin.display(description=gettext_lazy("views"))
    def shown_views(self, reading: CounterReading) -> str:
        return display.number(reading.views)

    @admin.display(description=gettext_lazy("received"))
    def shown_done(self, reading: CounterReading) -> str:
        return display.number(reading.done)

"""The columns of the list of orders, and what it adds up."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin import cells
from core.admin.columns import ChosenColumnsAdmin
from core.admin.views import address, require
from core.db.patience import TooSlowError, at_most
from core.live.sources.customers import NewestOrder, newest_order
from core.pages import display
from core.theme.changelist import LookupRefusedError

# Nobody waits longer for the sums of millions of orders.
SECONDS = 5.0


class OrderColumnsAdmin(ChosenColumnsAdmin):
    list_display = (
        *("oid", "customer_link", "video_cell", "progress", "state", "plays", "shown_price"),
        *("shown_refund", "talk", "create_date"),
    )
    customer_link = cells.link(_("customer"), "customer")
    video_cell = cells.shown(_("video"), display.video)
    progress = cells.live(_("progress"), display.progress_bar, "progress")
    state = cells.live(_("status"), display.state, "state", ordering="status")
    plays = cells.number(_("plays"), "count")
    shown_price = cells.money(_("price"), "price", ordering="price")
    shown_refund = cells.live(_("refunded"), display.refund, "refund")
    shown_rate = cells.shown(_("price per play"), lambda order: display.rate(order.unit_price))
    pace = cells.shown(_("pace"), display.pace)
    site_name = cells.link(_("site"), "site")
    more_columns = (
        *("creator", "site_name", "pace", "shown_rate", "delivered"),
        *("start_date", "end_date"),
    )
    # What they read of an order, half of what it has, and the rows that they name besides.
    list_reads: ClassVar = (
        *("oid", "status", "customer", "url", "count", "price", "unit_price", "hours", "by_day"),
        *("planned_start", "site", "video_id", "video_title", "creator", "create_date"),
        *("start_date", "end_date", "delivered", "refunded", "done", "cancel_requested"),
    )
    named_by: ClassVar = {"site_name": "site", "creator": "creator", "asked_by": "creator"}
    summed: ClassVar = {
        "count": (_("plays"), display.number),
        "price": (_("price"), display.money),
        "refunded": (_("refunded"), display.money),
    }

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        # Before the rows: what comes in between is offered.
        newer = {"newer": NewestOrder.prefix, "newest": newest_order()}
        return super().list_context(request) | newer

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        shown = self.get_list_display(request)
        named = (row for column, row in self.named_by.items() if column in shown)
        return ["customer", "conversation", *named]

    @address("sums/", "sums")
    def sums_view(self, request: HttpRequest) -> JsonResponse:
        """What all rows add up to that the list's address means, however many they are."""
        require(self.has_view_or_change_permission(request))
        try:
            found: Any = self.get_changelist_instance(request)
            with at_most(SECONDS):
                sums = found.sums_of(found.queryset)
        except LookupRefusedError:
            return JsonResponse({}, status=HTTPStatus.BAD_REQUEST)
        except TooSlowError:
            return JsonResponse({"text": gettext("Too many to add up now; narrow the filters.")})
        return JsonResponse({"text": " · ".join(f"{label} {sum}" for label, sum in sums)})

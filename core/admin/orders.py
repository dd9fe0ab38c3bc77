"""Orders: the list, and the page where staff place one and watch its delivery."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import ordering
from core.admin import order_page
from core.admin.actions import BulkActionsAdmin
from core.admin.add_form import ADDED, AddFormAdmin
from core.admin.approvals import ApprovalAdmin
from core.admin.base import Button, row_url, staff
from core.admin.conversations import ConversationOnOrder
from core.admin.exchange import ExportAdmin
from core.admin.imports import BulkImportAdmin
from core.admin.order_form import DeskOrderForm, DeskQuoteForm
from core.admin.search import Beginning, Exact, IndexedSearch, PartOfAddress
from core.exporting import resources
from core.models import BulkJob, ImportJob, Order, User
from core.pages import display
from core.permissions import Right, may
from core.reasons import translate


class AttentionFilter(admin.SimpleListFilter):
    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "1":
            return queryset.needing_a_person()
        return queryset


@admin.register(Order)
class OrderAdmin(
    IndexedSearch,
    ApprovalAdmin,
    ConversationOnOrder,
    BulkImportAdmin,
    ExportAdmin,
    BulkActionsAdmin,
    AddFormAdmin,
):
    bulk_actions = (BulkJob.Action.CANCEL, BulkJob.Action.RETRY, BulkJob.Action.APPROVE)
    import_kind = ImportJob.Kind.ORDERS
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"
    change_form_template = "desk/order_form.html"
    object_actions = ("approve", "decline", "seen", "cancel", "retry")
    action_rights = {
        "approve": Right.APPROVE_ORDER,
        "decline": Right.DECLINE_ORDER,
        "seen": Right.MARK_REMARK_SEEN,
        "cancel": Right.CANCEL_ORDER,
        "retry": Right.RETRY_ORDER,
    }
    list_display = (
        *("oid", "customer_link", "progress", "plays", "shown_price", "state"),
        *("talk", "site_name", "creator", "create_date"),
    )
    list_select_related = ("customer", "site", "creator", "conversation")
    list_filter = ("status", AttentionFilter, "site")
    search_fields = ("oid", "customer__username", "url")
    search_help_text = gettext_lazy("Order number, start of a username, or part of an address")
    finders = (Exact("oid"), Beginning("customer__username"), PartOfAddress())
    # Those that an index answers, whatever is filtered besides. More plays never cost less: by
    # price they are sorted by plays, too.
    ordering = ("-create_date", "-id")
    sortable_by = ("create_date", "state", "shown_price")
    date_hierarchy = "create_date"
    autocomplete_fields = ("customer",)
    readonly_fields = (
        *("customer_link", "video", "plays", "shown_price", "shown_rate", "pace"),
        *("site_name", "creator", "create_date"),
    )

    class Media:
        css = {"all": ("office/flow.css", "office/order-chart.css")}
        js = ("office/quote.js", "office/order-chart.js", "office/order-live.js")

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.own_path("quote/", self.quote_view, "quote"),
            self.own_path("<int:pk>/buttons/", self.buttons_view, "buttons"),
        ]
        return own + super().get_urls()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            pace = ("hours", "by_day")
            return [(None, {"fields": ("customer", "url", "count", pace, "memo")})]
        bought = ("customer_link", "video", ("plays", "shown_price", "shown_rate"), "pace")
        origin = ("site_name", "creator", "create_date")
        return [(None, {"fields": (*bought, origin, "memo")})]

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [resources.OrderExport]

    # --- placing an order

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new order: the form, and what Save does. Its site is asked while the form is checked,
        when no transaction is open: on SQLite that would hold the only write lock meanwhile."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request, DeskOrderForm)
        if form.is_valid() and form.placed is None:
            try:
                with transaction.atomic():
                    order = ordering.place(form.quote, staff(request), **form.terms)
                    self.log_addition(request, order, ADDED)
            except ordering.OrderRefusedError as error:
                form.refuse(error.errors)
            else:
                return self.response_add(request, order)
        if form.placed is not None:
            return self.answer_saved_before(request, form.placed)
        return self.add_page(request, form, form_url, extra_context)

    def quote_view(self, request: HttpRequest) -> JsonResponse:
        """The quote for what has been typed so far. Reads only; asks the site for its counter."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DeskQuoteForm(request.GET)
        form.is_valid()
        customer = form.cleaned_data.get("customer")
        return JsonResponse(form.answer_for(customer, creator=staff(request)))

    # --- watching one

    def buttons(self, request: HttpRequest, obj: Order) -> list[Button]:
        user = staff(request)
        found = self.approval_buttons(obj, user) + self.changing_buttons(obj, user)
        if may(user, Right.ORDER_AGAIN, obj):
            found.append(Button(_("Order again"), again_url(obj), tone="primary"))
        return found

    def changing_buttons(self, order: Order, user: User) -> list[Button]:
        """What can be done now; the model decides again when the button is pressed."""
        found = []
        if may(user, Right.MARK_REMARK_SEEN, order):
            found.append(self.post_button(order, "seen", _("Mark as seen"), tone="primary"))
        if may(user, Right.CANCEL_ORDER, order):
            look = {
                "tone": "danger",
                "confirm": _("Cancel this order and refund what was not delivered?"),
                "ask": cancel_reason_label(order),
            }
            found.append(self.post_button(order, "cancel", _("Cancel order"), **look))
        if may(user, Right.RETRY_ORDER, order) and not order_page.is_worked_on(order):
            look = {"tone": "warning", "confirm": _("Retry this order now?")}
            found.append(self.post_button(order, "retry", _("Retry now"), **look))
        return found

    def seen(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        remark = order.remark
        order.mark_seen()
        return _("Marked as seen: %(remark)s") % {"remark": translate(remark)}, messages.SUCCESS

    def cancel(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.cancel(order, staff(request), request.POST.get("reason", "").strip())
        if not order.is_final:
            text = _("The order is being stopped; what was not delivered is refunded in a moment.")
            return text, messages.SUCCESS
        text = _("Order canceled; %(refund)s was refunded to the customer.")
        return text % {"refund": display.money(order.refunded)}, messages.SUCCESS

    def retry(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.retry(order, staff(request))
        return _("The order is retried now."), messages.SUCCESS

    def page_context(self, request: HttpRequest, obj: Order | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        if obj is not None:
            context["page"] = order_page.page_of(obj)
        return context

    def buttons_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What this user may do with the order now; asked for when the feed says it changed."""
        buttons = self.buttons(request, self.seen_or_404(request, pk))
        return render(request, "desk/buttons.html", {"buttons": buttons})

    # --- columns

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, order: Order) -> SafeString:
        return display.live(display.progress_bar(order), order, "progress")

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        return display.live(display.status_tag(order), order, "state")

    @admin.display(description=gettext_lazy("customer"))
    def customer_link(self, order: Order) -> SafeString:
        url = row_url("customer", order.customer_id)
        return display.link(url, order.customer)

    @admin.display(description=gettext_lazy("video address"))
    def video(self, order: Order) -> SafeString:
        return display.link_out(order.url)

    @admin.display(description=gettext_lazy("plays"))
    def plays(self, order: Order) -> str:
        return display.number(order.count)

    @admin.display(description=gettext_lazy("price"), ordering="price")
    def shown_price(self, order: Order) -> str:
        return display.money(order.price)

    @admin.display(description=gettext_lazy("price per play"))
    def shown_rate(self, order: Order) -> str:
        return display.rate(order.unit_price)

    @admin.display(description=gettext_lazy("pace"))
    def pace(self, order: Order) -> str:
        return display.pace(order)

    @admin.display(description=gettext_lazy("site"))
    def site_name(self, order: Order) -> SafeString:
        url = row_url("site", order.site_id)
        return display.link(url, order.site)


def cancel_reason_label(order: Order) -> str:
    if order.cancel_reason_is_for_customer:
        return _("Reason; the customer reads it")
    return _("Reason")


def again_url(order: Order) -> str:
    again = {"customer": order.customer_id, "url": order.url, "count": order.count}
    if order.hours:
        again |= {"hours": order.hours, "by_day": "on" if order.by_day else ""}
    query = urlencode(again)
    return f"{reverse('admin:core_order_add')}?{query}"

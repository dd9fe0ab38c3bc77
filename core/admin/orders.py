"""Orders: the list, the page to place one and watch its delivery, and lists of their records."""

from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core import ordering
from core.admin import cells, order_page
from core.admin.actions import BulkActionsAdmin
from core.admin.add_form import AddFormAdmin
from core.admin.approvals import ApprovalAdmin
from core.admin.base import Button, DeskAdmin, ViewOnlyAdmin, list_url, row_url, staff
from core.admin.columns import ChosenColumnsAdmin
from core.admin.conversations import ConversationOnOrder
from core.admin.exchange import BulkImportAdmin, ExportAdmin
from core.admin.filters import CreatorFilter, CustomerFilter, DatesFilter, creators_found
from core.admin.listing import AttentionFilter
from core.admin.pauses import PausingOrdersAdmin
from core.admin.repeats import RepeatingOrdersAdmin
from core.admin.search import Beginning, IndexedSearch, LastDigits, PartOfAddress, Words
from core.admin.several import SeveralOrdersAdmin
from core.admin.views import address, require
from core.db.patience import TooSlowError, at_most
from core.exporting import resources
from core.live.sources.customers import NewestOrder, newest_order
from core.models import BulkJob, CounterReading, Customer, ImportJob, Order, OrderEvent
from core.ordering import placing
from core.ordering.settling import settle_now
from core.pages import display
from core.pages.quotes import ADDRESS, OrderForm, PlaysWidget, QuoteForm
from core.permissions import Right, may
from core.reasons import translate
from core.theme.changelist import LookupRefusedError

# The sums of millions of orders may take this long.
SECONDS = 5.0
# Only for the list: the page of an order needs half as much again.
LIST_MEDIA = forms.Media(DeskAdmin.Media) + forms.Media(
    js=("admin/js/actions.js", "office/order-live.js", "office/queue.js")
)
TYPED = ("customer", "url", "count", ("hours", "by_day"), "planned_start", "memo")


class DeskOrderForm(OrderForm):
    bought = ("customer", "url", "count", "hours", "by_day", "planned_start")

    class Meta:
        widgets = {
            "url": forms.TextInput({"class": "vTextField", **ADDRESS}),
            "count": PlaysWidget({"class": "vIntegerField"}),
        }


class DeskQuoteForm(QuoteForm):
    customer = forms.ModelChoiceField(Customer.objects.all(), required=False)


@admin.register(Order)
class OrderAdmin(
    IndexedSearch,
    ApprovalAdmin,
    ChosenColumnsAdmin,
    PausingOrdersAdmin,
    RepeatingOrdersAdmin,
    SeveralOrdersAdmin,
    ConversationOnOrder,
    BulkImportAdmin,
    ExportAdmin,
    BulkActionsAdmin,
    AddFormAdmin,
):
    bulk_actions = (
        *(BulkJob.Action.CANCEL, BulkJob.Action.PAUSE, BulkJob.Action.RESUME),
        *(BulkJob.Action.CATCH_UP, BulkJob.Action.RETRY, BulkJob.Action.APPROVE),
    )
    row_keys = "a"
    import_kind = ImportJob.Kind.ORDERS
    resource_classes = (resources.OrderExport,)
    change_form_template = "desk/order_form.html"
    object_actions = {
        "approve": Right.APPROVE_ORDER,
        "decline": Right.DECLINE_ORDER,
        "seen": Right.MARK_REMARK_SEEN,
        "cancel": Right.CANCEL_ORDER,
        "pause": Right.PAUSE_ORDER,
        "resume": Right.RESUME_ORDER,
        "catch_up": Right.RESUME_ORDER,
        "retry": Right.RETRY_ORDER,
        "settle": Right.SETTLE_ORDER,
    }
    list_display = (
        *("oid", "customer_link", "video_cell", "progress", "state", "plays", "shown_price"),
        *("shown_refund", "talk", "create_date"),
    )
    customer_link = cells.link(gettext_lazy("customer"), "customer")
    video_cell = cells.shown(gettext_lazy("video"), display.video)
    progress = cells.live(gettext_lazy("progress"), display.progress_bar, "progress")
    state = cells.live(gettext_lazy("status"), display.state, "state", ordering="status")
    plays = cells.number(gettext_lazy("plays"), "count")
    shown_price = cells.money(gettext_lazy("price"), "price", ordering="price")
    shown_refund = cells.live(gettext_lazy("refunded"), display.refund, "refund")
    shown_rate = cells.shown(
        gettext_lazy("price per play"), lambda order: display.rate(order.unit_price)
    )
    pace = cells.shown(gettext_lazy("pace"), display.pace)
    site_name = cells.link(gettext_lazy("site"), "site")
    more_columns = (
        *("creator", "site_name", "pace", "shown_rate", "delivered"),
        *("start_date", "end_date"),
    )
    # The fields of an order that they read, half of all, and the related rows that they name.
    list_reads: ClassVar = (
        *("oid", "status", "customer", "url", "count", "price", "unit_price", "hours", "by_day"),
        *("planned_start", "site", "video_id", "video_title", "creator", "create_date"),
        *("start_date", "end_date", "delivered", "refunded", "done", "cancel_requested"),
    )
    named_by: ClassVar = {"site_name": "site", "creator": "creator", "asked_by": "creator"}
    summed: ClassVar = {
        "count": (gettext_lazy("plays"), display.number),
        "price": (gettext_lazy("price"), display.money),
        "refunded": (gettext_lazy("refunded"), display.money),
    }
    list_filter = ("status", AttentionFilter, "site", CustomerFilter, CreatorFilter, DatesFilter)
    search_fields = ("oid", "customer__username", "url")
    search_help_text = gettext_lazy(
        "Order number or its last digits, part of a customer's name, or part of an address"
    )
    exact_fields = ("oid",)
    finders = (
        *(LastDigits("oid"), Beginning("customer__username"), Words("customer__username")),
        PartOfAddress(),
    )
    # An index serves these with any filter. More plays never cost less, so the price sorts by
    # plays.
    ordering = ("-create_date", "-id")
    sortable_by = ("create_date", "state", "shown_price")
    date_hierarchy = "create_date"
    autocomplete_fields = ("customer",)
    add_fieldsets = ((None, {"fields": TYPED}),)
    fields = ("memo",)

    class Media:
        css = {"all": ("office/flow.css", "office/order-chart.css")}
        js = (
            *("office/asking.js", "office/quote.js", "office/order-chart.js"),
            *("office/own-part.js", "office/order-live.js"),
        )

    @address("find/", "find")
    def find_view(self, request: HttpRequest) -> HttpResponse:
        """From the field in the header to the order, or to the list of orders that it may mean."""
        require(self.has_view_permission(request))
        words = request.GET.get("q", "").strip()
        if words:
            found, more = self.first_hits(self.get_queryset(request), words, few=False)
            if len(found) == 1 and not more:
                return HttpResponseRedirect(row_url("order", found[0]))
        return HttpResponseRedirect(list_url("order", **{SEARCH_VAR: words}))

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        # Before the rows: orders that come in between are offered.
        newer = {"newer": NewestOrder.prefix, "newest": newest_order()}
        return super().list_context(request) | newer | {"media": LIST_MEDIA}

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        shown = self.get_list_display(request)
        named = (row for column, row in self.named_by.items() if column in shown)
        return ["customer", "conversation", *named]

    @address("sums/", "sums")
    def sums_view(self, request: HttpRequest) -> JsonResponse:
        """The sums of all rows in the list at this address, however many they are."""
        require(self.has_view_or_change_permission(request))
        try:
            found: Any = self.get_changelist_instance(request)
            with at_most(SECONDS):
                sums = found.sums_of(found.queryset)
        except LookupRefusedError:
            return JsonResponse({}, status=HTTPStatus.BAD_REQUEST)
        except TooSlowError:
            return JsonResponse({"text": _("Too many to add up now; narrow the filters.")})
        return JsonResponse({"text": " · ".join(f"{label} {sum}" for label, sum in sums)})

    @address("creators/", "creators")
    def creators_view(self, request: HttpRequest) -> JsonResponse:
        require(self.has_view_or_change_permission(request))
        term = request.GET.get("term", "").strip()
        return JsonResponse({"results": creators_found(staff(request), term)})

    # --- placing an order

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The site is asked while the form is checked."""
        require(self.has_add_permission(request))
        form = self.add_form(request, DeskOrderForm)
        form.asker = user = staff(request)
        return self.save_once(request, form, lambda: placing.place(form.quote, user, **form.terms))

    def response_add(self, request: HttpRequest, obj: Order, *args: Any) -> HttpResponse:
        """The form for the next order keeps customer, plays and pace."""
        if "_addanother" not in request.POST:
            return super().response_add(request, obj, *args)
        text = _("Order %(order)s was placed: %(plays)s plays for %(customer)s at %(price)s.")
        facts = {
            "order": obj,
            "plays": display.number(obj.count),
            "customer": obj.customer,
            "price": display.money(obj.price),
        }
        self.message_user(request, text % facts, messages.SUCCESS)
        return HttpResponseRedirect(another_url(obj, next=1))

    @address("quote/", "quote")
    def quote_view(self, request: HttpRequest) -> JsonResponse:
        """The quote for what is typed so far. Reads only; asks the site for its counter."""
        require(self.has_add_permission(request))
        form = DeskQuoteForm(request.GET)
        form.is_valid()
        user = staff(request)
        answer = form.answer_for(form.cleaned_data.get("customer"), creator=user)
        if not may(user, Right.SEE_CUSTOMERS):
            answer |= dict.fromkeys(("balance", "balance_after"))
        return JsonResponse(answer)

    # --- watching one

    def buttons(self, request: HttpRequest, obj: Order) -> list[Button]:
        user = staff(request)
        found = self.approval_buttons(request, obj) + self.changing_buttons(request, obj)
        found += self.repeat_button(obj, user)
        if may(user, Right.ORDER_AGAIN, obj):
            found.append(Button(_("Order again"), another_url(obj, url=obj.url), tone="primary"))
        return found

    def changing_buttons(self, request: HttpRequest, order: Order) -> list[Button]:
        """The model decides again when a button is pressed."""
        found = self.offer(request, order, "seen", _("Mark as seen"), "primary")
        is_told = order.awaits_approval
        ask = _("Reason (the customer sees it)") if is_told else _("Reason")
        confirm = _("Cancel this order and refund what was not delivered?")
        found += self.offer(request, order, "cancel", _("Cancel order"), "danger", confirm, ask=ask)
        label, ask = _("Settle by the counter now"), _("Reason, if the counter cannot be read")
        confirm = _("Settle this order now by the plays that its counter confirms?")
        found += self.offer(request, order, "settle", label, "warning", confirm, ask=ask)
        found += self.pause_buttons(request, order)
        if not order_page.is_worked_on(order):
            confirm = _("Retry this order now?")
            found += self.offer(request, order, "retry", _("Retry now"), "warning", confirm)
        return found

    def seen(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        remark = order.remark
        order.mark_seen()
        return _("Marked as seen: %(remark)s") % {"remark": translate(remark)}, messages.SUCCESS

    def cancel(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.cancel(order, staff(request), request.POST.get("reason", "").strip())
        if not order.is_final:
            text = _(
                "The order is being stopped; plays that the site's counter does not show are "
                "refunded."
            )
            return text, messages.SUCCESS
        text = _("Order canceled; %(refund)s was refunded to the customer.")
        return text % {"refund": display.money(order.refunded)}, messages.SUCCESS

    def settle(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        settle_now(order, staff(request), request.POST.get("reason", "").strip())
        text = _("Settled: %(delivered)s plays confirmed, %(refund)s refunded.")
        figures = {
            "delivered": display.number(order.delivered),
            "refund": display.money(order.refunded),
        }
        return text % figures, messages.SUCCESS

    def retry(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.retry(order, staff(request))
        return _("The order is being retried."), messages.SUCCESS

    def page_context(self, request: HttpRequest, obj: Order | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        context["enters_many"] = "next" in request.GET or "_addanother" in request.POST
        if obj is not None:
            context["page"] = order_page.context_of(obj)
        return context

    @address("<int:pk>/buttons/", "buttons")
    def buttons_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asked for when the feed says that the order changed."""
        buttons = self.buttons(request, self.seen_or_404(request, pk))
        return render(request, "desk/buttons.html", {"buttons": buttons})


def another_url(order: Order, **fields: Any) -> str:
    """The form for another order, filled in from this one; `fields` come first."""
    fields |= {"customer": order.customer_id, "count": order.count}
    if order.hours:
        fields |= {"hours": order.hours, "by_day": "on" if order.by_day else ""}
    return f"{reverse('admin:core_order_add')}?{urlencode(fields)}"


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

"""Four eyes on the desk: the limits, and what a second person sees of the orders that wait.
core/models/approvals.py says who decides."""

from operator import attrgetter
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from core import ordering
from core.admin import cells
from core.admin.base import Button, DeskAdmin, staff
from core.live.sources.queues import state_of
from core.models import ApprovalLimit, Order, Status
from core.pages import display


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(DeskAdmin):
    list_display = ("whose", "shown_amount", "shown_top_up_amount", "active")
    whose = cells.shown(gettext_lazy("whose orders"), attrgetter("whose"), ordering="group__name")
    shown_amount = cells.money(gettext_lazy("amount"), "amount", ordering="amount")
    shown_top_up_amount = cells.money(
        gettext_lazy("amount of a top-up"), "top_up_amount", ordering="top_up_amount"
    )
    list_select_related = ("group",)
    list_filter = ("active",)
    fields = ("group", "amount", "top_up_amount", "active")

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        if request.method == "GET" and ApprovalLimit.objects.leave_portal_open():
            text = _(
                "Customers have no limit: anyone who can log in as a customer orders on the "
                "portal without approval, whatever the limit of their group. Add a limit "
                "without a group."
            )
            self.message_user(request, text, messages.WARNING)
        return super().list_context(request)


class ApprovalAdmin(DeskAdmin):
    """The approval part of the orders' admin: two buttons, and a list of those that wait."""

    waiting_display = (
        *("oid", "customer_link", "video_cell", "plays", "shown_price", "asked_by", "waits"),
        *("state", "site_name"),
    )
    # An order that awaits approval has waited since it was placed.
    waits = cells.since(gettext_lazy("waiting time"), "create_date")
    asked_by = cells.shown(gettext_lazy("requested by"), lambda order: str(order.creator or "–"))

    class Media:
        js = ("office/queue.js",)

    def approval_buttons(self, request: HttpRequest, order: Order) -> list[Button]:
        if not order.awaits_approval:
            return []
        confirm = f"{_('Approve this order for delivery?')}\n{summary_of(order)}"
        found = self.offer(request, order, "approve", _("Approve"), "primary", confirm, key="a")
        declining = _("Decline this order? The customer gets the whole price back.")
        confirm = f"{declining}\n{summary_of(order)}"
        ask: dict[str, Any] = {"ask": _("Reason (the customer sees it)"), "needed": True}
        return found + self.offer(request, order, "decline", _("Decline"), "danger", confirm, **ask)

    def approve(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.approve(order, staff(request))
        if order.starts_later:
            text = _("Order approved; it %(starts)s.") % {"starts": display.start(order)}
            return text, messages.SUCCESS
        return _("Order approved; delivery starts now."), messages.SUCCESS

    def decline(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.decline(order, staff(request), request.POST.get("reason", ""))
        text = _("Order declined; %(refund)s was refunded to the customer. Reason: %(why)s")
        facts = {"refund": display.money(order.refunded), "why": order.decline_reason}
        return text % facts, messages.SUCCESS

    # --- the list of those that wait

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        watched = {"columns": (), **queue_context("approvals")} if only_waiting(request) else {}
        return super().list_context(request) | watched

    def get_list_display(self, request: HttpRequest) -> Any:
        if only_waiting(request):
            return self.waiting_display
        return super().get_list_display(request)


def summary_of(order: Order) -> str:
    text = _("%(customer)s: %(plays)s plays of %(video)s at %(price)s, %(pace)s")
    return text % {
        "customer": order.customer,
        "plays": display.number(order.count),
        "video": display.video_name(order),
        "price": display.money(order.price),
        "pace": display.pace(order),
    }


def queue_context(queue: str) -> dict[str, str]:
    """For a list that office/queue.js redraws."""
    return {"queue": queue, "queue_mark": state_of(queue)["mark"]}


def only_waiting(request: HttpRequest) -> bool:
    return request.GET.get("status__exact") == str(Status.AWAITING.value)

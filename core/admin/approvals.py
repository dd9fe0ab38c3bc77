"""Four eyes on the desk: the limits, and what a second person sees of the orders that wait.

Who decides is said in core/permissions.py.
"""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import ordering
from core.admin.base import Button, DeskAdmin, staff
from core.live.sources.queues import state_of
from core.models import ApprovalLimit, Order, Status, User
from core.models.events import REASON_LENGTH
from core.pages import display
from core.permissions import Right, may


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(DeskAdmin):
    list_display = ("whose", "shown_amount", "active")
    list_select_related = ("group",)
    list_filter = ("active",)
    fields = ("group", "amount", "active")

    @admin.display(description=gettext_lazy("whose orders"), ordering="group__name")
    def whose(self, limit: ApprovalLimit) -> str:
        return limit.whose

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def shown_amount(self, limit: ApprovalLimit) -> str:
        return display.money(limit.amount)


class ApprovalAdmin(DeskAdmin):
    """What the orders' admin has of approvals: two buttons, and a list of those that wait."""

    waiting_display = (
        *("oid", "customer_link", "shown_price", "plays", "asked_by", "waits", "state"),
        "site_name",
    )

    class Media:
        js = ("office/queue.js",)

    def approval_buttons(self, order: Order, user: User) -> list[Button]:
        found = []
        if may(user, Right.APPROVE_ORDER, order):
            look: dict[str, Any] = {
                "tone": "primary",
                "confirm": _("Approve this order for delivery?"),
            }
            found.append(self.post_button(order, "approve", _("Approve"), **look))
        if may(user, Right.DECLINE_ORDER, order):
            look = {
                "tone": "danger",
                "confirm": _("Decline this order? The customer gets the whole price back."),
                "ask": _("Reason; the customer reads it"),
                "needed": True,
                "most": REASON_LENGTH,
            }
            found.append(self.post_button(order, "decline", _("Decline"), **look))
        return found

    def approve(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.approve(order, staff(request))
        return _("Order approved; delivery starts now."), messages.SUCCESS

    def decline(self, request: HttpRequest, order: Order) -> tuple[str, int]:
        ordering.decline(order, staff(request), request.POST.get("reason", ""))
        text = _("Order declined; %(refund)s was refunded to the customer. Reason: %(why)s")
        facts = {"refund": display.money(order.refunded), "why": order.decline_reason}
        return text % facts, messages.SUCCESS

    # --- the list of those that wait

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        watched = queue_context("approvals") if only_waiting(request) else {}
        return super().changelist_view(request, {**(extra_context or {}), **watched})

    def get_list_display(self, request: HttpRequest) -> Any:
        if only_waiting(request):
            return self.waiting_display
        return super().get_list_display(request)

    @admin.display(description=gettext_lazy("asked by"))
    def asked_by(self, order: Order) -> str:
        return str(order.creator or "–")

    @admin.display(description=gettext_lazy("waiting time"), ordering="create_date")
    def waits(self, order: Order) -> str | SafeString:
        """An order that awaits approval has done so since it was placed."""
        if order.status != Status.AWAITING:
            return "–"
        return display.duration((timezone.now() - order.create_date).total_seconds())


def queue_context(queue: str) -> dict[str, str]:
    """For a list that office/queue.js draws anew."""
    return {"queue": queue, "queue_mark": state_of(queue)["mark"]}


def only_waiting(request: HttpRequest) -> bool:
    return request.GET.get("status__exact") == str(Status.AWAITING.value)

"""Top-ups above their creator's limit, and the second person's decision."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _, gettext_lazy

from core.admin import cells
from core.admin.base import Button, ViewOnlyAdmin, row_url, staff
from core.models import WaitingTopUp
from core.ordering import approve_top_up, decline_top_up
from core.ordering.equal_top_ups import equal_top_up, told
from core.pages import display
from core.permissions import Right, may


class DecisionAdmin(ViewOnlyAdmin):
    """What waits for a second person's decision on money. Users who see top-ups see it."""

    object_actions = dict.fromkeys(("approve", "decline"), Right.APPROVE_TOP_UP)
    view_right = Right.SEE_TOP_UPS
    list_filter = ("status",)
    date_hierarchy = "create_date"
    row_keys = "a"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        sees = may(staff(request), Right.SEE_CUSTOMERS)
        return [name for name in self.readonly_fields if sees or name != "balance"]

    def questions(self, obj: Any) -> tuple[str, str]:
        """The questions before it is approved and before it is declined."""
        raise NotImplementedError

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        if not may(staff(request), Right.APPROVE_TOP_UP, obj):
            return []
        approve, decline = self.questions(obj)
        return [
            self.post_button(obj, "approve", _("Approve"), "primary", approve, key="a"),
            self.post_button(obj, "decline", _("Decline"), "danger", decline),
        ]


@admin.register(WaitingTopUp)
class WaitingTopUpAdmin(DecisionAdmin):
    list_display = (
        *("id", "customer_link", "shown_amount", "method", "reference", "memo"),
        *("creator", "create_date", "status"),
    )
    customer_link = cells.link(gettext_lazy("customer"), "customer", ordering="customer__username")
    balance = cells.money(gettext_lazy("balance now"), "customer.balance")
    shown_amount = cells.money(gettext_lazy("amount"), "amount", ordering="amount")
    list_select_related = ("customer", "creator")
    readonly_fields = (
        *("customer_link", "shown_amount", "balance", "method", "reference", "memo"),
        *("creator", "create_date", "status", "decider", "decided_at"),
    )

    def questions(self, obj: WaitingTopUp) -> tuple[str, str]:
        facts = {"amount": display.money(obj.amount), "customer": obj.customer}
        return (
            _("Credit %(customer)s with %(amount)s?") % facts,
            _("Decline this top-up? Nobody is credited."),
        )

    def page_context(self, request: HttpRequest, obj: WaitingTopUp | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        if obj is not None and obj.awaits_approval:
            equal = equal_top_up(obj.customer_id, obj.amount, obj.reference, but=obj)
            context["hints"] = [told(equal)] if equal else []
        return context

    def approve(self, request: HttpRequest, top_up: WaitingTopUp) -> tuple[str, int]:
        approve_top_up(top_up, staff(request))
        text = _("Top-up approved; %(customer)s was credited with %(amount)s.")
        facts = {"amount": display.money(top_up.amount), "customer": top_up.customer}
        return text % facts, messages.SUCCESS

    def decline(self, request: HttpRequest, top_up: WaitingTopUp) -> tuple[str, int]:
        decline_top_up(top_up, staff(request))
        return _("Top-up declined; nobody was credited."), messages.SUCCESS


def answer_waiting(request: HttpRequest, top_up: WaitingTopUp) -> HttpResponse:
    text = _("Above your limit: the customer is credited once somebody else approves it.")
    messages.warning(request, text)
    return HttpResponseRedirect(row_url("waitingtopup", top_up.pk))
